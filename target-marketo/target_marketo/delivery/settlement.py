"""What the end of a call means for its people: who is done, tried again, refused. Pure.

Only the entries' own counters move here; the loader does what is decided.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

from target_marketo.marketo.errors import (
    Class,
    MarketoError,
    NotAuthorized,
    OutcomeUnknown,
    Rejected,
    of_response,
    of_row,
)
from target_marketo.store.error_log import PERSON

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from target_marketo.delivery.entry import Entry, Received
    from target_marketo.marketo.replies import Row

_MAX_ATTEMPTS = 6
_RESETS_BEFORE_HALVING = 2
_ENDS_THE_RUN: dict[str, type[MarketoError]] = {"603": NotAuthorized}  # any other: Rejected
_SEE = "see what Marketo holds, then replay"


class Rejection(NamedTuple):
    """A record that Marketo will not take, for the error log."""

    received: Received
    key: str
    code: str
    field: str
    advice: str
    request_id: str
    position: int | None
    part: str = PERSON


class Sorted(NamedTuple):
    """The people of a write by what became of their rows.

    `again` may be looked up at once, `later` after a wait. The refused are told by code, each with
    the position of the row that was. `fatal` has the codes that would refuse every other row too:
    their people are in no list, so that their records stay unsettled.
    """

    ended: list[Entry]
    again: list[Entry]
    later: list[Entry]
    refused: dict[str, list[tuple[Entry, int | None]]]
    fatal: list[str]


def sort(entries: Sequence[Entry], rows: Sequence[Row]) -> Sorted:
    """Sorts people by Marketo's results for their rows."""
    if "skipped" not in {row.status for row in rows}:
        return Sorted(list(entries), [], [], {}, [])
    left = iter(enumerate(rows))
    found = Sorted([], [], [], {}, [])
    for entry in entries:
        own = list(itertools.islice(left, len(entry.rows)))
        skipped = [(position, row) for position, row in own if row.status == "skipped"]
        if not skipped:
            found.ended.append(entry)
            continue
        position, row = skipped[0]
        kind = of_row(row.code).kind
        entry.attempts += 1
        if kind is Class.FATAL:
            found.fatal.append(row.code)
        elif kind is Class.PERMANENT or entry.attempts >= _MAX_ATTEMPTS:
            found.refused.setdefault(row.code, []).append((entry, position))
        elif kind is Class.LOOKUP and entry.attempts == 1:
            found.again.append(entry)
        else:
            found.later.append(entry)
    return found


def are_about(rows: Iterable[Row], entries: Iterable[Entry]) -> bool:
    """Whether results are those of the updates sent, in their order."""
    sent = (
        update.lead_id for entry in entries if entry.decision for update in entry.decision.updates
    )
    return all(
        row.lead_id == lead_id or row.status == "skipped"  # which tells no id
        for row, lead_id in zip(rows, sent, strict=False)
    )


def gives_up(entries: Sequence[Entry], error: OutcomeUnknown) -> bool:
    """Counts one more write that nobody knows the end of; whether it was one too many.

    What Marketo cannot swallow is halved until the row that stops it is alone.
    """
    for entry in entries:
        entry.attempts += 1
        if error.code or error.after_timeout or entry.attempts > _RESETS_BEFORE_HALVING:
            entry.batch_limit = max(1, len(entries) // 2)
    return len(entries) == 1 and entries[0].attempts >= _MAX_ATTEMPTS


def end_of_run(code: str, action: str | None, request_id: str) -> MarketoError:
    """The error that a row's fatal code stands for, as if it had refused the whole request."""
    advice = of_row(code)
    text = f"Marketo answered {code} to {action}: {advice.meaning}; {advice.cure}"
    return _ENDS_THE_RUN.get(code, Rejected)(text, code=code, request_id=request_id)


def cure_of(error: MarketoError) -> str:
    """What to do about a person with whom every call fails."""
    return of_response(error.code).cure if error.code else _SEE
