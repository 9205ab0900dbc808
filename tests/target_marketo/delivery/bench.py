"""An engine with everything it needs, driven to its end on scripted time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from target_marketo.delivery.checkpoint import Checkpoint
from target_marketo.delivery.ending import Ending
from target_marketo.delivery.engine import Engine, Options
from target_marketo.delivery.entry import Received
from target_marketo.delivery.settlement import Settlement
from target_marketo.delivery.summary import Summary
from target_marketo.mapping.field_types import Field
from target_marketo.mapping.mapper import Mapper
from target_marketo.mapping.plan import Mapped
from target_marketo.writes.people import People

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from target_marketo.delivery.entry import Attached, Entry
    from target_marketo.delivery.interface import Attachment, Kind
    from target_marketo.delivery.settlement import Rejection
    from target_marketo.delivery.workers import Workers
    from target_marketo.mapping.plan import StreamPlan

FIELDS = [
    Field("email", "email", 255, searchable=True),
    Field("externalKey", "string", 255, searchable=True),
    Field("firstName", "string", 255),
    Field("city", "string", 255),
]
STREAMS = {
    "visitors": {
        "fields": {
            "email": "email",
            "firstName": "first_name",
            "city": {"from": "city", "write": "if_empty"},
        }
    }
}


class Tickets(Checkpoint):
    """A checkpoint that remembers which record each of its tickets was."""

    def __init__(self) -> None:
        super().__init__()
        self.settled_tickets: list[int] = []

    def settled(self, tickets: Iterable[int]) -> None:
        """As of the checkpoint."""
        these = list(tickets)
        self.settled_tickets += these
        super().settled(these)


@dataclass
class Letters:
    """Refused records, stored at once."""

    checkpoint: Checkpoint
    rejected: list[Rejection] = field(default_factory=list)
    arrived_people: list[str] = field(default_factory=list)

    def take(self, rejections: list[Rejection]) -> None:
        """Stores them."""
        self.rejected += rejections
        self.checkpoint.settled([ticket for each in rejections for ticket in each.tickets()])

    def arrived(self, entries: Iterable[Entry]) -> None:
        """Notes who arrived."""
        self.arrived_people += [entry.key for entry in entries if entry.received]

    def leave_out(self, rejections: Iterable[Rejection]) -> None:
        """Stores them as well."""
        self.take(list(rejections))

    def values_of(self, _: Received) -> dict[str, Any]:
        """Nothing is read again here."""
        return {}

    def attached(self, item: Attached) -> None:
        """Nothing is open."""


@dataclass
class Described:
    """What is asked about the fields: `gone` says why the run ends."""

    gone: Callable[[], Exception | None] = lambda: None

    def check(self) -> None:
        """As of the real one."""
        error = self.gone()
        if error is not None:
            raise error


class Bench:
    """An engine before a fake Marketo.

    Every record has a stretch, and so a ticket, of its own, unless `state` says when they end.
    """

    def __init__(
        self,
        marketo: Any,
        streams: Mapping[str, Any] = STREAMS,
        *,
        kinds: Mapping[str, Kind] | None = None,
        workers: Workers | None = None,
        now: Callable[[], float] | None = None,
        **options: Any,
    ) -> None:
        self.marketo = marketo
        self.summary = Summary()
        self.time = 0.0
        self.inbox: SimpleQueue[Any] = SimpleQueue()
        self.checkpoint = Tickets()
        self.letters = Letters(self.checkpoint)
        self.ending = Ending()
        self.described = Described()
        self.states = 0
        self.settlement = Settlement(self.checkpoint, self.summary, self.letters)
        self.loader = Engine(
            People(marketo, self.described),  # type: ignore[arg-type]  # a fake description
            Options(**({"max_concurrent": 3} | options)),
            self.settlement,
            self.ending,
            self.inbox,
            kinds=kinds,
            now=now or (lambda: self.time),
            workers=workers,
        )
        self.plan = Mapper(dict(streams), FIELDS).plan("visitors", {})
        self.records = 0
        self.keeps_state_back = False

    @property
    def settled(self) -> list[int]:
        """The tickets that were settled."""
        return self.checkpoint.settled_tickets

    @property
    def rejected(self) -> list[Rejection]:
        """What went to the error log."""
        return self.letters.rejected

    @property
    def bytes(self) -> int:
        """What the records under way take of memory."""
        return self.settlement.bytes

    @property
    def failure(self) -> Exception | None:
        """Why the run ends."""
        return self.ending.cause

    def record(
        self,
        email: str,
        *,
        attachments: Sequence[Attachment] = (),
        creates: bool = True,
        **values: Any,
    ) -> None:
        """A record of a person comes."""
        record = {"email": email, **values}
        mapped = self.plan.map(record)
        assert isinstance(mapped, Mapped)
        received = Received(self.checkpoint.received(), "visitors", record, self.records)
        self.loader.add(self._plan(creates=creates), mapped, received, attachments)
        self.records += 1
        if not self.keeps_state_back:
            self.state()

    def record_without_fields(self, email: str, *, attachments: Sequence[Attachment]) -> None:
        """One of a stream that says nothing of the person."""
        received = Received(self.checkpoint.received(), "chats", {"email": email}, self.records)
        self.loader.add(self._plan(creates=False), Mapped(email, {}), received, attachments)
        self.records += 1
        self.state()

    def _plan(self, *, creates: bool) -> StreamPlan:
        return replace(self.plan, entry=replace(self.plan.entry, create=creates))

    def state(self) -> None:
        """A STATE comes."""
        self.checkpoint.state(b"%d" % self.states)
        self.states += 1

    def finish(self) -> None:
        """To the end of the input, and of all that it began."""
        for _ in range(10_000):
            self.loader.tick(ending=True)
            if self.loader.idle or (self.failure and not self.loader.flying):
                return
            if not self.loader.flying:
                self.time += self.loader.due() or 0.001  # what is held is due then
                continue
            self.loader.handle(self.inbox.get(timeout=10))
        raise AssertionError("the engine does not come to an end")

    def finish_or_stop(self, *, after: float) -> None:
        """To the end, or to where somebody has waited since `after`."""
        for _ in range(1000):
            self.loader.tick(ending=True)
            if self.loader.idle or self.failure:
                return
            if self.loader.flying:
                self.loader.handle(self.inbox.get(timeout=10))
            elif self.time == after:
                return
            else:
                self.time = after

    def turn(self) -> None:
        """One turn of the run's loop: records are taken in only while it is not busy."""
        self.loader.tick()
        while self.loader.busy:
            self.loader.handle(self.inbox.get(timeout=10))
            self.loader.tick()

    def everything_settled_once(self) -> bool:
        """No record is open, and none was settled twice."""
        return sorted(self.settled) == list(range(self.records)) and not self.checkpoint.open
