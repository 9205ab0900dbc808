"""What the ledger keeps of a run: begun, once a minute, and ended, whatever the end."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from target_marketo.singer.bookmark import newest_time
from target_marketo.singer.run_end import exit_code
from target_marketo.store.errors import StoreError
from target_marketo.store.run_ledger import COUNTS

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from target_marketo.singer.run import Run
    from target_marketo.store.run_ledger import RunLedger
    from target_marketo.store.seen import SeenStreams

logger = logging.getLogger("target-marketo")


@contextmanager
def seen(streams: SeenStreams, number: str, run: Run, days: int) -> Iterator[None]:
    """Keeps what the block's run saw of its streams, whatever its end."""
    try:
        yield
    finally:
        try:
            streams.store(number, run.seen, days)
        except StoreError as lost:
            logger.warning("What this run saw of its streams is not kept: %s", lost)


@contextmanager
def recorded(ledger: RunLedger, run: Run) -> Iterator[None]:
    """Keeps the run's row while the block lasts; what the block raises is passed on."""
    ledger.started()
    run.every_minute = lambda: ledger.alive(_counts(run))
    code, error_code, error = 0, "", ""
    try:
        yield
    except BaseException as caught:
        code = exit_code(caught)
        cause = run.failure or caught
        given = getattr(cause, "code", "")
        error_code = given if given and isinstance(given, str) else type(cause).__name__
        # Our own errors are safe to show; the text of any other may hold anything.
        ours = type(cause).__module__.startswith("target_marketo.")
        error = str(cause) if ours else "an unexpected error: see the log of the run"
        raise
    finally:
        try:
            ledger.ended(_counts(run), code, error_code, error)
        except StoreError as lost:
            logger.warning("The end of this run is missing in the ledger: %s", lost)


def _counts(run: Run) -> dict[str, Any]:
    calls = run.calls
    counts: dict[str, Any] = {name: getattr(run.summary, name) for name in COUNTS}
    counts["attachments"] = run.summary.attached
    counts |= {"calls": dict(calls.by_kind), "throttled": dict(calls.throttled)}
    counts["attachments"] = written(run.summary.attachments)
    bookmark = newest_time(run.last_state) if run.last_state else None
    # Where nothing was written yet, what stands there stays.
    return counts | ({"bookmark": bookmark} if bookmark else {})


def written(attachments: Counter[tuple[str, str]]) -> dict[str, int]:
    """How many of each kind were written to people, of `Summary.attachments`."""
    return {
        str(kind): count for (kind, became), count in attachments.items() if became == "delivered"
    }
