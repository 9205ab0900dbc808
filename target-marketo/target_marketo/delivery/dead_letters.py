"""Records that Marketo will not take: told, counted, and stored in the commit that lets STATE pass.

The same commit resolves entries of the error log whose person was delivered after all. At its
start a run reads what is open there; as a rule that is nothing, and then a delivered person costs
nothing here.

A delivery resolves what is older than itself and nothing newer. The age of a record is its number
in this run; entries that were open before are older than all of it. A delivered record that is
itself one of those (a replay, or the tap looking back) is as old as that entry.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from target_marketo.delivery.settlement import Rejection
from target_marketo.marketo.errors import of_row
from target_marketo.store.error_log import Failure, mask, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from target_marketo.delivery.entry import Entry, Received
    from target_marketo.delivery.summary import Summary
    from target_marketo.mapping.field_types import Refused
    from target_marketo.mapping.mapper import StreamPlan
    from target_marketo.store.error_log import ErrorLog

_SHOWN_OF_A_KIND = 3
_STORED_AT_ONCE = 500

logger = logging.getLogger("target-marketo")


class _Open(NamedTuple):
    """An entry that waits for its person; the older, the smaller `age`."""

    age: int
    record_hash: str


class Rejections:
    """Takes over rejected records and settles them once they are stored.

    Args:
        error_log: Where they go.
        summary: Counts them.
        settle: Called with the tickets of records that are stored.
        stores: False in a dry run, which leaves no trace.
    """

    def __init__(
        self,
        error_log: ErrorLog,
        summary: Summary,
        settle: Callable[[Iterable[int]], None],
        *,
        stores: bool = True,
    ) -> None:
        self._error_log = error_log
        self._summary = summary
        self._settle = settle
        self._stores = stores
        self._unstored: list[Rejection] = []
        self._resolved: set[str] = set()
        # (stream, hash of the key) -> fingerprint -> what waits
        self._open: dict[tuple[str, str], dict[str, _Open]] = {}
        if stores:
            self._read_open()

    def refuse(self, plan: StreamPlan, received: Received, refused: Refused) -> Rejection:
        """A record that never reaches Marketo."""
        key = str(plan.key_of(plan.properties.row(received.record)) or "")
        return Rejection(received, key, refused.code, refused.field, refused.reason, "", None)

    def take(self, rejections: list[Rejection]) -> None:
        """Notes records; they are settled by the next `store`."""
        self._unstored += rejections
        self._summary.rejected += sum(not rejection.part for rejection in rejections)
        for rejection in rejections:
            self._tell(rejection)
            if self._stores:
                self._wait_for(rejection)
        if len(self._unstored) >= _STORED_AT_ONCE:
            self.store()

    def arrived(self, entry: Entry) -> None:
        """A person is in Marketo as the records of `entry` want it."""
        if not self._open:
            return
        key_hash = self._error_log.hash(entry.key)
        for stream in {received.stream for received in entry.received}:
            person = (printable(stream), key_hash)
            waiting = self._open.get(person)
            if waiting is None:
                continue
            age = self._age(waiting.values(), stream, entry.received)
            done = [name for name, each in waiting.items() if each.age <= age]
            self._resolved.update(done)
            for name in done:
                del waiting[name]
            if not waiting:
                del self._open[person]

    def store(self) -> None:
        """One commit for many: it is what lets STATE pass them.

        Raises:
            StoreError: Nothing is stored, and nothing is settled.
        """
        if not self._unstored and not self._resolved:
            return  # as nearly always when a run asks
        if self._stores:
            self._error_log.store(map(_failure, self._unstored), self._resolved)
        self._settle([ticket for each in self._unstored for ticket in each.tickets()])
        self._unstored.clear()
        self._resolved.clear()

    def _read_open(self) -> None:
        entries = self._error_log.open_entries()
        for position, entry in enumerate(entries):
            waiting = self._open.setdefault((entry.stream, entry.key_hash), {})
            waiting[entry.fingerprint] = _Open(position - len(entries), entry.record_hash)

    def _wait_for(self, rejection: Rejection) -> None:
        failure, received = _failure(rejection), rejection.received
        fingerprint = self._error_log.fingerprint(failure)
        person = (failure.stream, self._error_log.hash(rejection.key))
        record_hash = self._error_log.record_hash(received.record)
        self._open.setdefault(person, {})[fingerprint] = _Open(received.number, record_hash)
        self._resolved.discard(fingerprint)

    def _age(self, waiting: Iterable[_Open], stream: str, received: list[Received]) -> int:
        """Of the newest of the records that were delivered."""
        before = {each.record_hash: each.age for each in waiting if each.age < 0}
        ages = []
        for each in received:
            if each.stream == stream:
                found = before.get(self._error_log.record_hash(each.record)) if before else None
                ages.append(each.number if found is None else found)
        return max(ages)

    def _tell(self, rejection: Rejection) -> None:
        """The first few of a kind are shown, the rest is counted: the error log has them all."""
        stream = printable(rejection.received.stream)
        kind = (stream, rejection.code, rejection.field)
        self._summary.refusals[kind] += 1
        if self._summary.refusals[kind] > _SHOWN_OF_A_KIND:
            return
        field = f", field {rejection.field}" if rejection.field else ""
        request = f" (request {rejection.request_id}, position {rejection.position})"
        logger.warning(
            "Rejected %s of stream %s: code %s%s: %s%s",
            mask(rejection.key),
            stream,
            rejection.code,
            field,
            printable(rejection.advice),
            request if rejection.request_id else "",
        )


def _failure(rejection: Rejection) -> Failure:
    return Failure(
        stream=printable(rejection.received.stream),
        kind=of_row(rejection.code).kind.name.lower(),
        code=rejection.code,
        field=rejection.field,
        advice=printable(rejection.advice),
        key=rejection.key,
        record=rejection.received.record,
        request_id=rejection.request_id,
        position=rejection.position,
    )
