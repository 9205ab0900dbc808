"""The people of a tap's messages, as a run would take them in.

The mapping, the folding and the plans are the run's own: nothing is decided here.
"""

from __future__ import annotations

import codecs
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from target_marketo.delivery.entry import Entry, Received
from target_marketo.mapping.lenient_json import read_leniently
from target_marketo.mapping.plan import Mapped
from target_marketo.mapping.refusals import Refusal, Refused, Skip
from target_marketo.mapping.schema_check import StreamSchema
from target_marketo.ops.errors import OpsError
from target_marketo.privacy import comparable
from target_marketo.singer.messages import Malformed, Message, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from target_marketo.mapping.attachments import Attachment
    from target_marketo.mapping.identity import Known
    from target_marketo.mapping.mapper import Mapper
    from target_marketo.mapping.plan import StreamPlan
    from target_marketo.mapping.record_reader import Row


@dataclass
class Person:
    """One person: what the records say, and what of it does not get as far as a decision."""

    entry: Entry
    plans: list[StreamPlan] = field(default_factory=list)  # one for each of the entry's steps
    incoming: dict[tuple[str, str], Any] = field(default_factory=dict)  # stream, field: as it came
    left_out: dict[tuple[str, str], Refused] = field(default_factory=dict)  # likewise
    refused: list[tuple[str, Refused]] = field(default_factory=list)  # whole records
    skipped: Counter[tuple[str, Skip]] = field(default_factory=Counter)
    attachments: list[tuple[str, Attachment]] = field(default_factory=list)
    by_address: Known | None = None  # who has the address, where the key is another


class People:
    """Takes in messages and keeps the people who were asked for, in the order in which they came.

    Args:
        mapper: The run's.
        address: Only this person, in any case of letters; of anybody if it is empty.
        limit: Only so many people, the first ones.
    """

    def __init__(self, mapper: Mapper, *, address: str = "", limit: int | None = None) -> None:
        self.records = 0
        self.without_key = 0
        self.notes: list[str] = []
        self._mapper = mapper
        self._address = comparable(address)
        self._limit = limit
        self._plans: dict[str, StreamPlan] = {}
        self._people: dict[tuple[str, str], Person] = {}

    def __iter__(self) -> Iterator[Person]:
        return iter(self._people.values())

    def __len__(self) -> int:
        return len(self._people)

    @property
    def plans(self) -> Iterable[StreamPlan]:
        """Those of the streams that came."""
        return self._plans.values()

    def read(self, lines: Iterable[bytes]) -> None:
        """Reads to the end: whoever came first may have more records later.

        Raises:
            OpsError: A line is no Singer message.
            SettingError: The mapping cannot work for a stream.
        """
        for number, line in enumerate(lines, 1):
            if line.isspace():
                continue
            try:
                self._message(line.removeprefix(codecs.BOM_UTF8))
            except (Malformed, ValueError, RecursionError) as error:
                why = error if isinstance(error, Malformed) else "is not a Singer message"
                raise OpsError(
                    f"line {number} of the input {why}: see what the tap wrote"
                ) from None

    def _message(self, line: bytes) -> None:
        try:
            message = parse(line)
        except Malformed:
            self._odd_record(line)
            return
        if message.type == "SCHEMA":
            self._schema(message)
        elif message.type == "RECORD":
            plan = self._plans.get(message.stream or "")
            if plan is None:
                raise Malformed("is a RECORD of a stream without SCHEMA")
            row = plan.properties.read(line)
            if row is None:
                self._odd_record(line)
            else:
                self._record(plan, row, line)

    def _schema(self, message: Message) -> None:
        if message.stream is None or message.schema is None:
            raise Malformed("is a SCHEMA without stream or schema")
        schema = StreamSchema.of(message.schema)
        plan = self._mapper.plan_of(message.stream, schema, message.key_properties or ())
        self.notes += [each for each in (*plan.notes, *plan.warnings) if each not in self.notes]
        self._plans[message.stream] = plan

    def _odd_record(self, line: bytes) -> None:
        """A record with half a character, NaN or such."""
        match read_leniently(line):
            case {"type": "RECORD", "stream": str(stream), "record": dict(record)} if (
                stream in self._plans
            ):
                plan = self._plans[stream]
                self._record(plan, plan.properties.row(record), line)
            case _:
                raise Malformed("is not a Singer message")

    def _record(self, plan: StreamPlan, row: Row, line: bytes) -> None:
        self.records += 1
        mapped: Mapped | Refused | Skip | None
        try:
            mapped = plan.step(row)
        except RecursionError:
            mapped = Refused(Refusal.WRONG_TYPE, "", "a value is nested too deeply")
        raw = plan.key_of(row)
        key = mapped.key if isinstance(mapped, Mapped) else str(raw or "")
        if mapped is None or not key:
            self.without_key += 1
            return
        person = self._person(plan, key)
        if person is None:
            return
        if isinstance(mapped, Skip):
            person.skipped[plan.stream, mapped] += 1
        elif isinstance(mapped, Refused):
            person.refused.append((plan.stream, mapped))
        else:
            _take(person, plan, mapped, row, Received(self.records, plan.stream, line))

    def _person(self, plan: StreamPlan, key: str) -> Person | None:
        """Whom the record is about; None if nobody asked for them."""
        if self._address and comparable(key) != self._address:
            return None
        named = plan.person(key)
        if named not in self._people:
            if self._limit is not None and len(self._people) >= self._limit:
                return None
            self._people[named] = Person(Entry(named, key))
        return self._people[named]


def _take(person: Person, plan: StreamPlan, mapped: Mapped, row: Row, received: Received) -> None:
    entry, stream = person.entry, plan.stream
    entry.add(plan, mapped, received)
    if len(person.plans) < len(entry.steps):
        person.plans.append(plan)
    for planned in plan.planned:
        value = plan.properties.getter(planned.source)(row)
        if value is not None:
            person.incoming[stream, planned.name] = value
            person.left_out.pop((stream, planned.name), None)
    person.left_out |= {(stream, each.field): each for each in mapped.left_out}
    for attachment in mapped.attachments:
        if (stream, attachment) not in person.attachments:
            person.attachments.append((stream, attachment))
