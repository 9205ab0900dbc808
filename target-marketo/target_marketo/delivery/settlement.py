"""What became of each record: the one owner of that. Nobody else settles tickets or counts ends.

A record is settled when its person and all its attachments have ended: in Marketo, unchanged,
skipped, or in the error log, in a commit. Records that are refused are settled by that commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from msgspec.structs import replace

from target_marketo.store.error_log import PERSON

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from target_marketo.delivery.checkpoint import Checkpoint, Ticket
    from target_marketo.delivery.entry import Attached, Entry, OpenRecord, Received
    from target_marketo.delivery.summary import Summary


class Rejection(NamedTuple):
    """A record that Marketo will not take, or a part of it, for the error log.

    `part` names what was not written, and of attachments that have a key of their own `once` tells
    which. `open` is set for a record whose other parts may still be under way.
    """

    received: Received
    key: str
    code: str
    field: str
    advice: str
    request_id: str
    position: int | None
    part: str = PERSON
    open: OpenRecord | None = None
    once: str | None = None

    def tickets(self) -> Iterator[Ticket]:
        """The ticket that its storing settles. To be asked once, when it is stored."""
        if self.open is None or self.open.one_less():
            yield self.received.ticket


_DELIVERED = frozenset({"delivered", "the same"})


class Why(NamedTuple):
    """Why rows are refused: what the error log tells."""

    code: str
    advice: str
    request_id: str = ""
    field: str = ""
    without: frozenset[str] = frozenset()  # the fields for which, and the row may go without
    always: bool = False  # whatever their values


class DeadLetters(Protocol):
    """Where refused records go, and from where they come back."""

    def take(self, rejections: list[Rejection]) -> None:
        """Notes records; the next commit settles them."""

    def leave_out(self, rejections: Iterable[Rejection]) -> None:
        """Notes values that their records are delivered without; likewise."""

    def values_of(self, received: Received) -> Mapping[str, Any]:
        """What a record says of its person."""

    def arrived(self, entries: Iterable[Entry]) -> None:
        """These people are as the records of their entries want them."""

    def attached(self, item: Attached) -> None:
        """An attachment is as its records want it."""


class Settlement:
    """Settles records.

    `bytes` is what the records under way take of memory.
    """

    def __init__(self, checkpoint: Checkpoint, summary: Summary, dead_letters: DeadLetters) -> None:
        self._checkpoint = checkpoint
        self._summary = summary
        self._dead_letters = dead_letters
        self.bytes = 0

    def skipped(self, ticket: Ticket) -> None:
        """A record that is nobody's."""
        self._summary.skipped += 1
        self._checkpoint.settled([ticket])

    def done(self, entries: Sequence[Entry]) -> None:
        """These people are as their records want them; attachments may follow."""
        self._dead_letters.arrived(entries)
        summary = self._summary
        filled: list[str] = []
        tickets: list[Ticket] = []
        for entry in entries:
            decision, records = entry.decision, len(entry.received)
            if not records:
                continue  # looked up for what is attached to an earlier record
            assert decision is not None  # noqa: S101 - only decided entries end
            if decision.twins:
                summary.twins += 1
            if decision.kept:
                summary.kept.update(decision.kept)
            if decision.create is not None:
                summary.created += 1
                summary.delivered += records
                filled += decision.create
            elif decision.updates:
                summary.updated += 1
                summary.delivered += records
                for update in decision.updates:
                    filled += update.values
            else:
                summary.unchanged_people += 1
                summary.unchanged += records
            self.bytes -= entry.weight
            if entry.open is None:
                for received in entry.received:
                    tickets.append(received.ticket)  # noqa: PERF401 - as a rule there is one
            else:
                tickets += self._person_ended(entry, entry.open)
        summary.filled.update(filled)
        self._checkpoint.settled(tickets)

    def waits(self, entry: Entry) -> None:
        """The person is not there: its records wait for all others before the next STATE."""
        self._checkpoint.absent(received.ticket for received in entry.received)

    def waits_no_more(self, entry: Entry) -> None:
        """It is looked up once more."""
        self._checkpoint.absent((received.ticket for received in entry.received), -1)

    def quiet_before(self, *, ended: bool) -> Ticket:
        """As of the checkpoint."""
        return self._checkpoint.quiet_before(ended=ended)

    def nobody(self, entries: Iterable[Entry]) -> None:
        """These people are not there, and are not made of records like these."""
        for entry in entries:
            self._summary.skipped += len(entry.received)
            self.bytes -= entry.weight
            self._checkpoint.settled([received.ticket for received in entry.received])

    def refused(self, entries: Sequence[tuple[Entry, int | None]], why: Why) -> None:
        """The people go to the error log, each with the position of its row; as one, with all that
        is attached to them.
        """
        self._dead_letters.take(
            [
                Rejection(
                    received, entry.key, why.code, why.field, why.advice, why.request_id, position
                )
                for entry, position in entries
                for received in entry.received
            ]
        )
        self.bytes -= sum(entry.weight for entry, _ in entries)

    def left_out(self, entry: Entry, position: int | None, why: Why) -> None:
        """A person goes on without the fields of `why`: the records that brought them are kept."""
        values = [(each, self._dead_letters.values_of(each)) for each in entry.received]
        for field in sorted(why.without):
            # What one record says may have taken the place of what others said.
            said = [step.values.get(field) for step in entry.steps]
            brought = [(each, has[field]) for each, has in values if field in has]
            blamed = [each for each, value in brought if value in said]
            for received in blamed or [each for each, _ in brought]:
                self.value_left_out(received, entry.key, why._replace(field=field), position)

    def value_left_out(
        self,
        received: Received,
        key: str,
        why: Why,
        position: int | None = None,
        *,
        part: str = "",
        once: str | None = None,
    ) -> None:
        """A record goes on without `why.field`, with a ticket more until that is stored.

        `part` and `once` are of what is not attached; without them it is a field of the person.
        """
        self._dead_letters.leave_out(
            [
                Rejection(
                    replace(received, ticket=self._checkpoint.received()),
                    key,
                    why.code,
                    why.field,
                    why.advice,
                    why.request_id,
                    position,
                    part=part or f"field:{why.field}",
                    once=once,
                )
            ]
        )

    def refused_unread(self, rejection: Rejection) -> None:
        """A record that never reaches Marketo."""
        self._dead_letters.take([rejection])

    def attached(self, items: Iterable[Attached], outcome: str = "delivered") -> None:
        """These attachments have ended: `delivered`, `the same` as another, or `skipped`."""
        tickets: list[Ticket] = []
        for item in items:
            self._summary.attachments[item.what.kind, outcome] += 1
            if outcome in _DELIVERED:
                self._dead_letters.attached(item)
            tickets += self._ended(item.records)
        self._checkpoint.settled(tickets)

    def joined(self, item: Attached) -> None:
        """The attachment says what another one says too, which its records wait for."""
        self._summary.attachments[item.what.kind, "the same"] += 1

    def attachments_refused(self, items: Sequence[tuple[Attached, int | None]], why: Why) -> None:
        """These attachments go to the error log; their people stay as they are."""
        rejections = []
        for item, position in items:
            self._summary.attachments[item.what.kind, "rejected"] += 1
            for record in item.records:
                rejections.append(
                    Rejection(
                        record.received,
                        item.key,
                        why.code,
                        why.field,
                        why.advice,
                        why.request_id,
                        position,
                        item.what.part or item.what.kind,
                        record,
                        item.what.once,
                    )
                )
                self.bytes -= record.weight
                record.weight = 0  # what is left of it stands in the error log in a moment
        self._dead_letters.take(rejections)

    def _person_ended(self, entry: Entry, records: list[OpenRecord]) -> Iterator[Ticket]:
        with_attachments = {id(record.received) for record in records}
        for received in entry.received:
            if id(received) not in with_attachments:
                yield received.ticket
        self.bytes += sum(record.weight for record in records)
        yield from self._ended(records)

    def _ended(self, records: list[OpenRecord]) -> Iterator[Ticket]:
        for record in records:
            if record.one_less():
                self.bytes -= record.weight
                yield record.received.ticket
