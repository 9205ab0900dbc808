"""Records that Marketo will not take: told, counted, and stored in the commit that lets STATE pass.

The same commit resolves entries of the error log whose person was delivered after all. Which
people have entries is known by a number each, whatever the size of the error log; what exactly
waits is read when such a person is delivered. As a rule nothing is open, and then a delivered
person costs nothing here.
"""

from __future__ import annotations

import logging
from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from target_marketo.delivery.settlement import Rejection
from target_marketo.mapping.attachments import part_of
from target_marketo.mapping.plan import Mapped
from target_marketo.privacy import mask, printable
from target_marketo.store.error_log import PERSON, Delivery, Failure

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from target_marketo.delivery.entry import Attached, Entry, Received
    from target_marketo.delivery.interface import Attachment, Kind
    from target_marketo.delivery.summary import Summary
    from target_marketo.mapping.plan import StreamPlan
    from target_marketo.mapping.refusals import Refused
    from target_marketo.store.error_log import ErrorLog

_SHOWN_OF_A_KIND = 3
_STORED_AT_ONCE = 500
_HASH_SHOWN = 12  # digits, of the hash of a key: enough to tell the parts of one person apart

logger = logging.getLogger("target-marketo")


class _People:
    """Who may have open entries: eight bytes each, of the stream and the hash of the key."""

    def __init__(self, before: Iterable[tuple[str, str]]) -> None:
        self._before = array("q", sorted(map(hash, before)))
        self._since: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self._before or self._since)

    def add(self, stream: str, key_hash: str) -> None:
        self._since.add(hash((stream, key_hash)))

    def may_have(self, stream: str, key_hash: str) -> bool:
        number = hash((stream, key_hash))
        place = bisect_left(self._before, number)
        return number in self._since or (
            place < len(self._before) and self._before[place] == number
        )


class Rejections:
    """Takes over rejected records and settles them once they are stored.

    Args:
        error_log: Where they go.
        summary: Counts them.
        settle: Called with the tickets of records that are stored.
        class_of: What the error log calls a code of a part of a record.
        stores: False in a dry run, which leaves no trace.
        kinds: Told of what was refused, in the transaction that stores it.
        plans: How the records of each stream are read.
    """

    def __init__(
        self,
        error_log: ErrorLog,
        summary: Summary,
        settle: Callable[[Iterable[int]], None],
        *,
        class_of: Callable[[str, str], str],
        stores: bool = True,
        kinds: Collection[Kind] = (),
        plans: Mapping[str, StreamPlan] | None = None,
    ) -> None:
        self._kinds = kinds
        self._class_of = class_of
        self._error_log = error_log
        self._summary = summary
        self._settle = settle
        self._stores = stores
        self._plans = {} if plans is None else plans  # filled as streams come
        self._unstored: list[Rejection] = []
        self._made_good: list[Delivery] = []
        self._people = _People(error_log.open_people() if stores else ())

    def refuse(self, plan: StreamPlan, received: Received, refused: Refused) -> Rejection:
        """A record that never reaches Marketo."""
        key = str(plan.key_of(plan.properties.row(received.record)) or "")
        return Rejection(received, key, refused.code, refused.field, refused.reason, "", None)

    def take(self, rejections: list[Rejection]) -> None:
        """Notes records; they are settled by the next `store`."""
        self._unstored += rejections
        self._summary.rejected += sum(each.part == PERSON for each in rejections)
        for rejection in rejections:
            self._tell(rejection, self._summary.refusals, "Rejected")
            self._wait_for(rejection)
        if len(self._unstored) >= _STORED_AT_ONCE:
            self.store()

    def leave_out(self, rejections: Iterable[Rejection]) -> None:
        """Notes values that their records are delivered without; `store` settles their tickets.

        No person is rejected by that. A delivery that has the field resolves it.
        """
        for rejection in rejections:
            self._unstored.append(rejection)
            self._tell(rejection, self._summary.left_out, "Left out a value of")
            self._wait_for(rejection)
        if len(self._unstored) >= _STORED_AT_ONCE:
            self.store()

    def _wait_for(self, rejection: Rejection) -> None:
        if self._stores:
            stream = printable(rejection.received.stream)
            self._people.add(stream, self._error_log.hash(rejection.key))

    def values_of(self, received: Received) -> Mapping[str, Any]:
        """What a record says of its person; it is read once more."""
        return self._read(received).values

    def _read(self, received: Received) -> Mapped:
        plan = self._plans.get(received.stream)
        mapped = plan.map(received.record) if plan is not None else None
        return mapped if isinstance(mapped, Mapped) else Mapped("", {})

    def arrived(self, entries: Iterable[Entry]) -> None:
        """People are in Marketo as the records of their entries want them."""
        if not self._people:
            return
        for entry in entries:
            key_hash = self._error_log.hash(entry.key)
            for stream in {received.stream for received in entry.received}:
                if self._people.may_have(printable(stream), key_hash):
                    self._made_good += self._deliveries(entry, stream, key_hash)

    def _deliveries(self, entry: Entry, stream: str, key_hash: str) -> Iterator[Delivery]:
        """The person's, of all records, and those of fields, of the records that brought them."""
        written = {name for step in entry.steps for name in step.values}
        received = [each for each in entry.received if each.stream == stream]
        whole = [each for each in received if not each.part]
        by_part = {PERSON: received} if whole else {}
        for each in received:
            for name in self.values_of(each).keys() & written:
                by_part.setdefault(f"field:{name}", []).append(each)
        parts_of: dict[tuple[tuple[int, str], ...], set[str]] = {}
        for part, brought in by_part.items():
            parts_of.setdefault(self._records(brought, stream), set()).add(part)
        for records, parts in parts_of.items():
            yield Delivery(printable(stream), key_hash, records, frozenset(parts))

    def attached(self, item: Attached) -> None:
        """What belongs to a person is in Marketo as the records of `item` want it."""
        if not self._people:
            return
        key_hash = self._error_log.hash(item.key)
        received = [record.received for record in item.records]
        for stream in {each.stream for each in received}:
            if self._people.may_have(printable(stream), key_hash):
                self._made_good.append(
                    Delivery(
                        printable(stream),
                        key_hash,
                        self._records(received, stream),
                        self._parts(item.what, [r for r in received if r.stream == stream]),
                        frozenset({item.what.part}),
                    )
                )

    def _parts(self, what: Attachment, received: Iterable[Received]) -> frozenset[str]:
        """An attachment, and each of the values that these records gave it."""
        names, part = {""}, what.part or what.kind
        for each in received:
            for attached in self._read(each).attachments:
                if (part_of(attached.lane), attached.once or None) == (part, what.once):
                    names.update(f".{name}" for name in attached.values)
        return frozenset(self._part(f"{part}{name}", what.once) for name in names)

    def _records(self, received: Iterable[Received], stream: str) -> tuple[tuple[int, str], ...]:
        return tuple(
            (each.number, self._error_log.record_hash(each.record))
            for each in received
            if each.stream == stream
        )

    def _part(self, part: str, once: str | None) -> str:
        """What has a key of its own is known by the key's hash."""
        return part if once is None else f"{part}#{self._error_log.hash(once)[:_HASH_SHOWN]}"

    def store(self) -> None:
        """One commit for many: it is what lets STATE pass them.

        Raises:
            StoreError: Nothing is stored, and nothing is settled.
        """
        if not self._unstored and not self._made_good:
            return  # as nearly always when a run asks
        if self._stores:
            failures = map(self._failure, self._unstored)
            self._error_log.store(failures, self._made_good, self._tell_kinds)
        self._settle([ticket for each in self._unstored for ticket in each.tickets()])
        self._unstored.clear()
        self._made_good.clear()

    def _tell_kinds(self, connection: Any) -> None:
        refused = [(each.part, each.once) for each in self._unstored if each.once is not None]
        if refused:
            for kind in self._kinds:
                kind.refused(connection, refused)

    def _tell(self, rejection: Rejection, counts: Counter[tuple[str, str, str]], what: str) -> None:
        """The first few of a kind are shown, the rest is counted: the error log has them all."""
        stream = printable(rejection.received.stream)
        kind = (stream, rejection.code, rejection.field)
        counts[kind] += 1
        if counts[kind] > _SHOWN_OF_A_KIND:
            return
        field = f", field {rejection.field}" if rejection.field else ""
        request = f" (request {rejection.request_id}, position {rejection.position})"
        logger.warning(
            "%s %s of stream %s: code %s%s: %s%s",
            what,
            mask(rejection.key),
            stream,
            rejection.code,
            field,
            printable(rejection.advice),
            request if rejection.request_id else "",
        )

    def _failure(self, rejection: Rejection) -> Failure:
        return Failure(
            stream=printable(rejection.received.stream),
            kind=self._class_of(rejection.code, rejection.part),
            code=rejection.code,
            field=rejection.field,
            advice=printable(rejection.advice),
            key=rejection.key,
            record=rejection.received.record,
            request_id=rejection.request_id,
            position=rejection.position,
            part=self._part(rejection.part, rejection.once),
            number=rejection.received.number,
        )
