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
_SIGHTINGS = 3
_REST_SECONDS = 1.0  # after the first write that nobody knows the end of; then twice as long, up to
_LONGEST_REST_SECONDS = 30.0
_ENDS_THE_RUN: dict[str, type[MarketoError]] = {"603": NotAuthorized}  # any other: Rejected
_WORN_OUT = {
    "1004": "somebody deletes or merges the person again and again: replay it later",
    "1005": "it exists, and lookups do not find it: see whether it is in another partition",
}
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

    `again` may be looked up at once, `later` after a wait, the longer the more often they were
    tried: `later[n]` are those of n tries. The refused are told by code, each with
    the position of the row that was. `fatal` has the codes that would refuse every other row too:
    their people are in no list, so that their records stay unsettled.
    """

    ended: list[Entry]
    again: list[Entry]
    later: dict[int, list[Entry]]
    refused: dict[str, list[tuple[Entry, int | None]]]
    fatal: list[str]


def sort(entries: Sequence[Entry], rows: Sequence[Row]) -> Sorted:
    """Sorts people by Marketo's results for their rows."""
    if "skipped" not in {row.status for row in rows}:
        return Sorted(list(entries), [], {}, {}, [])
    left = iter(enumerate(rows))
    found = Sorted([], [], {}, {}, [])
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
            found.later.setdefault(entry.attempts, []).append(entry)
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


class Standstill:
    """Whether writes get through, and whose fault it is if one does not.

    Nobody knows the end of a write that was answered with 611, or not at all: a row in it may be
    what stops Marketo, or Marketo is down. What tells the two apart is that other writes get
    through between its failures, again and again: an outage lets none through while it lasts. So
    calls are halved until a row is alone, and it is that person's fault only if that was seen
    `_SIGHTINGS` times. Where nothing gets through nobody's tries are used up: everybody rests, and
    after `patience` seconds of it the run ends. Of a few people one may fail when nobody else is
    left to show anything: then a single sighting, and so much time, do.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._through = 0  # writes with a result
        self._failed = 0  # writes since the last of these
        self._since: float | None = None

    def got_through(self) -> None:
        """A write has a result."""
        self._through += 1
        self._failed, self._since = 0, None

    def failed(self, entries: Sequence[Entry], error: OutcomeUnknown, now: float) -> float:
        """Notes a write that nobody knows the end of; how many seconds its people rest at least."""
        self._since = now if self._since is None else self._since
        for entry in entries:
            entry.losses += 1
            if error.code or error.after_timeout or entry.losses > _RESETS_BEFORE_HALVING:
                entry.batch_limit = max(1, len(entries) // 2)
            entry.losses_alone += len(entries) == 1
            entry.sightings += entry.losses > 1 and entry.through < self._through
            entry.through = self._through
        rest = min(_LONGEST_REST_SECONDS, _REST_SECONDS * 2.0 ** min(self._failed, 10))
        self._failed += 1
        return max(rest, error.at_work_seconds)

    def lasts(self, now: float) -> bool:
        """Nothing has got through for as long as the run puts up with."""
        return self._since is not None and now - self._since >= self._patience

    def blames(self, entries: Sequence[Entry], now: float) -> bool:
        """The call failed because of its one person."""
        if len(entries) > 1:
            return False
        entry = entries[0]
        if self.lasts(now):
            return bool(entry.sightings)
        return entry.losses_alone >= _MAX_ATTEMPTS and entry.sightings >= _SIGHTINGS


def end_of_run(code: str, action: str | None, request_id: str) -> MarketoError:
    """The error that a row's fatal code stands for, as if it had refused the whole request."""
    advice = of_row(code)
    text = f"Marketo answered {code} to {action}: {advice.meaning}; {advice.cure}"
    return _ENDS_THE_RUN.get(code, Rejected)(text, code=code, request_id=request_id)


def cure_of(error: MarketoError) -> str:
    """What to do about a person with whom every call fails."""
    return of_response(error.code).cure if error.code else _SEE


def cure_of_row(code: str) -> str:
    """What to do about a person whose row is refused for good."""
    return _WORN_OUT.get(code) or of_row(code).cure
