"""What is under way: a person with what the records say of them, and what is attached to people.

Each is in exactly one phase, and goes from one to the next as `_BEFORE` allows.

    BUFFERED -> LOOKED_UP -> (nothing to do) -----------------> ENDED
                   | ^---> ABSENT (may not be created: once more later)
                   |-> WAITING, for company -> SENT ----------> ENDED
                   ^ (by address, too)          |
                   |--- HELD <------------------| outcome unknown, race lost

PARKED is an entry behind another of its person, whose call is under way.
"""

from __future__ import annotations

from enum import IntEnum, auto
from typing import TYPE_CHECKING, Any

import msgspec

from target_marketo.mapping.lenient_json import is_nested_deeply, read_for_the_log
from target_marketo.mapping.rules import Decision, Step, fold
from target_marketo.mapping.second_try import without

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from target_marketo.delivery.checkpoint import Ticket
    from target_marketo.delivery.interface import Attachment
    from target_marketo.mapping.plan import Mapped, StreamPlan
    from target_marketo.mapping.record_reader import Record

_RECORD_BYTES = 300  # what is kept of a record besides its line: objects, and mapped values

PersonId = tuple[str, str]  # key field, key as Marketo compares it


class Received(msgspec.Struct, frozen=True, gc=False):
    """A record as it came, with the ticket that holds back STATE until it is settled.

    `written` is the line that it came on. `number` counts the records of a run. `part` is what of
    it is to be delivered; empty: all.
    """

    ticket: Ticket
    stream: str
    written: Record | bytes
    number: int = 0
    part: str = ""

    @property
    def record(self) -> Record:
        """The whole record, in a form that can be stored. It is read for those refused only.

        Nobody has looked at all of its bytes yet, so whatever stands in them is taken.
        """
        written = self.written
        if not isinstance(written, bytes):
            return written
        try:
            if not is_nested_deeply(written):
                return msgspec.json.decode(written.decode("utf-8", "replace"), type=_Line).record
        except msgspec.DecodeError:
            pass
        try:
            return dict(read_for_the_log(written)["record"])
        except (ValueError, TypeError, KeyError, RecursionError):
            return {"line": written.decode("utf-8", "replace")}


class _Line(msgspec.Struct):
    record: dict[str, Any]


class OpenRecord(msgspec.Struct, eq=False, gc=False):
    """A record with attachments: settled when its person and each of them has ended."""

    received: Received
    left: int
    weight: int

    def one_less(self) -> bool:
        """One of them has ended; whether it was the last."""
        self.left -= 1
        return not self.left


class Phase(IntEnum):  # the hash of an Enum that is no int takes ten times as long
    """Where a person stands; see the module's picture."""

    BUFFERED = auto()
    LOOKED_UP = auto()
    WAITING = auto()
    SENT = auto()
    HELD = auto()
    ABSENT = auto()
    PARKED = auto()
    ENDED = auto()


_BEFORE: dict[Phase, frozenset[Phase]] = {
    Phase.BUFFERED: frozenset({Phase.PARKED, Phase.ABSENT, Phase.LOOKED_UP}),
    Phase.LOOKED_UP: frozenset(
        {Phase.BUFFERED, Phase.LOOKED_UP, Phase.WAITING, Phase.SENT, Phase.HELD}
    ),
    Phase.WAITING: frozenset({Phase.LOOKED_UP, Phase.WAITING, Phase.SENT, Phase.HELD}),
    Phase.SENT: frozenset({Phase.WAITING, Phase.SENT, Phase.HELD}),
    Phase.HELD: frozenset({Phase.LOOKED_UP, Phase.SENT}),
    Phase.ABSENT: frozenset({Phase.LOOKED_UP}),
    Phase.PARKED: frozenset(),
    Phase.ENDED: frozenset(
        {Phase.BUFFERED, Phase.LOOKED_UP, Phase.WAITING, Phase.SENT, Phase.HELD, Phase.ABSENT}
    ),
}
"""From where each phase is reached."""


def move(items: Iterable[Item], to: Phase) -> None:
    """They go on to the next phase.

    Raises:
        ValueError: There is no such way, which is a defect.
    """
    before = _BEFORE[to]
    for item in items:
        if item.phase not in before:
            raise ValueError(f"what is {item.phase.name} cannot become {to.name}")
        item.phase = to


class Item(msgspec.Struct, eq=False, gc=False, kw_only=True):
    """What goes out in a call together with others: its rows, and how its tries ended."""

    phase: Phase = Phase.WAITING
    since: float = 0.0  # when it began to wait for company
    rows: Sequence[bytes] = ()
    size: int = 0  # in bytes, of the rows and the commas between them
    batch_limit: int = 0  # items in one call; shrinks while a bad row is being isolated
    attempts: int = 0  # writes that were answered with something that may pass
    losses: int = 0  # writes whose outcome is unknown
    losses_alone: int = 0  # those of a call without anybody else
    sightings: int = 0  # how often writes of others got through between two of the losses
    through: int = 0  # how many writes of others had got through by the last of these

    def take_rows(self, rows: Sequence[bytes]) -> None:
        """What is to be sent, encoded."""
        self.rows = rows
        self.size = len(b",".join(rows)) + 1


class Entry(Item):
    """One person and what the records say of them."""

    person: PersonId
    key: str
    steps: list[Step] = []  # a list of its own for each: that is how msgspec takes a default
    received: list[Received] = []
    open: list[OpenRecord] | None = None  # the records with attachments
    attached: list[Attached] | None = None
    gone: list[Attached] | None = None  # of earlier records: whose person is not under its id
    may_create: bool = False
    asked_again: bool = False  # after nobody was there
    doubted: bool = False  # held, for a field of theirs may have gone
    known_fields: frozenset[str] = frozenset()  # what the last lookup asks for
    looked_up_at: float = 0.0  # when the last lookup was begun
    leads: list[dict[str, Any]] | None = None  # what the lookup found; None before it
    decision: Decision | None = None
    address: str = ""  # who has it was looked up, as the key is another
    lead_id: int | None = None  # of a person who was created
    parked: Entry | None = None  # records that came while this one's call was under way
    weight: int = 0  # what the records take of memory, in bytes

    def add(
        self,
        plan: StreamPlan,
        mapped: Mapped,
        received: Received,
        attachments: Sequence[Attachment] = (),
    ) -> int:
        """Applies one more record, after those that are here; what it takes of memory."""
        written = received.written
        weight = _RECORD_BYTES + (len(written) if isinstance(written, bytes) else 0)
        self.received.append(received)
        if mapped.values:
            steps, rules = self.steps, plan.rules
            if steps and steps[-1].rules is rules:
                steps[-1] = Step(rules, fold(rules, steps[-1].values, mapped.values))
            else:
                steps.append(Step(rules, mapped.values))
        if plan.entry.create:
            self.may_create = True
        if attachments:
            weight += self._attach(attachments, received, weight)
        self.weight += weight
        return weight

    def _attach(self, attachments: Sequence[Attachment], received: Received, weight: int) -> int:
        more = sum(_RECORD_BYTES + len(each.payload) for each in attachments)
        record = OpenRecord(received, 1 + len(attachments), weight + more)
        self.open = [*(self.open or ()), record]
        attached = [Attached(each, self.person, self.key, [record]) for each in attachments]
        self.attached = [*(self.attached or ()), *attached]
        return more

    def go_without(self, fields: frozenset[str]) -> None:
        """Says nothing of these fields any more."""
        self.steps = [without(step, fields) for step in self.steps]

    def absorb(self, other: Entry) -> None:
        """Applies what came later of the same person."""
        self.steps += other.steps
        self.received += other.received
        self.open = [*(self.open or ()), *(other.open or ())] or None
        self.attached = [*(self.attached or ()), *(other.attached or ())] or None
        self.gone = [*(self.gone or ()), *(other.gone or ())] or None
        self.may_create = self.may_create or other.may_create
        self.weight += other.weight


class Attached(Item):
    """One attachment, with the records that wait for it.

    `looked_up_again`: its person had gone, and was found once more.
    """

    what: Attachment
    person: PersonId
    key: str
    records: list[OpenRecord]
    lead_id: int = 0
    identity: Any = None
    looked_up_again: bool = False
    next: Attached | None = None  # says something else of the same, after this one's call
