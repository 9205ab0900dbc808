"""A Marketo in this process, for what can only be shown by stopping it at the right moment."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from target_marketo.delivery.engine import UPDATE
from target_marketo.marketo.call import Calls
from target_marketo.marketo.replies import Answer, Reason, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from target_marketo.mapping.field_types import Field


@dataclass
class FakeMarketo:
    """People by id. `before` may raise, or change the people, before a call is carried out."""

    people: dict[int, dict[str, Any]] = field(default_factory=dict)
    log: list[tuple[str, int]] = field(default_factory=list)
    in_flight: Counter[str] = field(default_factory=Counter)
    overlaps: int = 0
    before: Callable[[str, Sequence[Any]], None] = lambda *_: None
    before_grant: Callable[[str], None] = lambda _: None
    after: Callable[[str, Sequence[Any]], None] = lambda *_: None
    reorder: int = 0  # so many replies have their results in another order
    skips: list[str] = field(default_factory=list)  # codes that the next rows are skipped with
    guards: threading.Lock = field(default_factory=threading.Lock)

    def add(self, **person: Any) -> int:
        number = len(self.people) + 1
        self.people[number] = {"id": number, **person}
        return number

    def lookup(
        self, filter_type: str, values: Sequence[str], fields: Iterable[str]
    ) -> list[dict[str, Any]]:
        wanted, names = {value.lower() for value in values}, list(fields)
        self.before("lookup", values)
        with self.guards:
            self.log.append(("lookup", len(values)))
            return [
                {name: person.get(name) for name in ["id", *names]}
                for person in self.people.values()
                if str(person.get(filter_type, "")).lower() in wanted
            ]

    def sync(
        self,
        action: str,
        lookup_field: str,
        rows: Sequence[bytes],
        partition: str | None = None,
        *,
        when_granted: Callable[[], None] = lambda: None,
    ) -> Answer:
        self.before_grant(action)
        when_granted()
        decoded = [msgspec.json.decode(row) for row in rows]
        keys = [str(row[lookup_field]).lower() for row in decoded]
        with self.guards:
            self.log.append((action, len(rows)))
            self.overlaps += sum(self.in_flight[key] > 0 for key in keys)
            self.in_flight.update(keys)
        try:
            self.before(action, decoded)
            with self.guards:
                results = [self._apply(action, lookup_field, row) for row in decoded]
            self.after(action, decoded)
            if self.reorder:
                self.reorder -= 1
                results.reverse()
            return Answer(results, "r#1")
        finally:
            with self.guards:
                self.in_flight.subtract(keys)

    def _apply(self, action: str, lookup_field: str, row: dict[str, Any]) -> Row:
        if self.skips:
            return Row("skipped", reasons=(Reason(self.skips.pop(0)),))
        if action == UPDATE:
            person = self.people.get(row["id"])
            if person is None:
                return Row("skipped", reasons=(Reason("1004"),))
            person.update(row)
            return Row("updated", row["id"])
        if "bad" in str(row.get("firstName")):
            return Row("skipped", reasons=(Reason("1003"),))
        held = [p for p in self.people.values() if p.get("email") == row[lookup_field]]
        if held:
            return Row("skipped", reasons=(Reason("1005"),))
        return Row("created", self.add(**row))


@dataclass
class FakeInstance(FakeMarketo):
    """The whole of what a run asks of Marketo."""

    described: list[Field] = field(default_factory=list)
    calls: Calls = field(default_factory=Calls)
    patience_seconds: float = 0.0
    stopping: Callable[[], bool] = lambda: False

    @property
    def leads(self) -> FakeInstance:
        return self

    def describe(self) -> list[Field]:
        return self.described

    def learn_usage(self) -> int:
        return 0

    def under_way(self) -> set[str]:
        return set()

    def outlast(self, earlier: set[str]) -> None:
        pass
