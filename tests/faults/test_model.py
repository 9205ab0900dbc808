"""Loader, checkpoint and rules against a model: any order of records, STATE, failures and crashes.

Nothing here runs by itself: the machine carries out calls, hands over their ends, lets time pass
and crashes, each when hypothesis says so. Marketo is the one in `fake_marketo.py`.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from target_marketo.delivery.checkpoint import Checkpoint
from target_marketo.delivery.ending import Ending
from target_marketo.delivery.engine import Engine, Options
from target_marketo.delivery.entry import Received
from target_marketo.delivery.settlement import Settlement
from target_marketo.delivery.summary import Summary
from target_marketo.delivery.workers import Workers
from target_marketo.mapping.mapper import Mapper
from target_marketo.mapping.plan import Mapped
from target_marketo.marketo.errors import OutcomeUnknown, QuotaSpent, SendFewer
from target_marketo.writes.people import People
from tests.target_marketo.delivery.bench import FIELDS, Described
from tests.target_marketo.delivery.bench import STREAMS as VISITORS
from tests.target_marketo.fake_marketo import FakeMarketo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import pytest

    from target_marketo.delivery.entry import Attached, Entry
    from target_marketo.delivery.settlement import Rejection

TIMEOUT = 120.0
BATCH = 3
# Two streams of one key, the second of which needs less of a lookup.
STREAMS = VISITORS | {"chats": {"fields": {"email": "email", "firstName": "first_name"}}}
KEYS = ("a@example.com", "b@example.com", "c@example.com", "d@example.com", "e@example.com")


@dataclass(frozen=True)
class Sent:
    """A record of the input; `serial` is its place among all of them."""

    serial: int
    stream: str
    email: str
    city: str | None

    @property
    def key(self) -> str:
        return self.email.lower()

    @property
    def record(self) -> dict[str, Any]:
        return {"email": self.email, "first_name": f"n{self.serial}", "city": self.city}


@dataclass
class _Letters:
    """Refused records are stored at once."""

    take: Callable[[list[Rejection]], None]

    def arrived(self, entries: Iterable[Entry]) -> None:
        """Nothing of the error log is looked at here."""

    def attached(self, _: Attached) -> None:
        """Nothing is attached here."""

    def leave_out(self, _: Iterable[Rejection]) -> None:
        """No value is refused here."""

    def values_of(self, _: Received) -> dict[str, Any]:
        """Likewise."""
        return {}


_REFUSED: dict[str, Exception] = {
    "reset before": OutcomeUnknown("reset"),
    "611": OutcomeUnknown("system error", code="611"),
    "413": SendFewer("too large", code="413"),
    "607": QuotaSpent("quota", code="607"),
}


class Delivery(RuleBasedStateMachine):
    """One pipeline, its input, and what it has promised."""

    def __init__(self) -> None:
        super().__init__()
        self.marketo = FakeMarketo(before=self._before, after=self._after)
        self.time = 0.0
        self.input: list[Sent | int] = []  # a number is a STATE: so many records came before it
        self.refused: set[int] = set()
        self.arrived: dict[str, int] = {}  # the newest serial that each person has ever held
        self.fails_next: list[str] = []
        self.late: list[tuple[float, str, list[Any]]] = []
        self.written = 0  # the STATE that is kept
        self.records = 0
        mapper = Mapper(STREAMS, FIELDS)
        self.plans = {stream: mapper.plan(stream, {}) for stream in STREAMS}
        self._start()

    # The process

    def _start(self) -> None:
        """A new one, which begins where the kept STATE says."""
        self.checkpoint = Checkpoint()
        self.inbox: SimpleQueue[Any] = SimpleQueue()
        self.workers = Workers(0)  # no threads: calls wait until the machine carries them out
        self.ending = Ending()
        self.loader = Engine(
            People(self.marketo, Described()),  # type: ignore[arg-type]  # fakes
            Options(batch_size=BATCH, max_concurrent=3, outage_patience=math.inf),
            Settlement(self.checkpoint, Summary(), _Letters(self._refuse)),
            self.ending,
            self.inbox,
            now=lambda: self.time,
            workers=self.workers,
        )
        self.read = self._place_after(self.written)
        self._read_on()

    @property
    def _work(self) -> SimpleQueue[Any]:
        """Calls that nobody has carried out yet."""
        return self.workers.waiting

    def _place_after(self, records: int) -> int:
        seen = 0
        for place, each in enumerate(self.input):
            if seen == records:
                return place
            seen += isinstance(each, Sent)
        return len(self.input)

    def _read_on(self) -> None:
        for each in self.input[self.read :]:
            if isinstance(each, Sent):
                plan = self.plans[each.stream]
                mapped = plan.map(each.record)
                assert isinstance(mapped, Mapped)
                ticket = self.checkpoint.received()
                self.loader.add(
                    plan, mapped, Received(ticket, each.stream, each.record, each.serial)
                )
            else:
                self.checkpoint.state(str(each).encode())
        self.read = len(self.input)
        self._write_state()

    def _refuse(self, rejections: list[Rejection]) -> None:
        for rejection in rejections:
            self.refused.add(int(rejection.received.record["first_name"][1:]))
        self.checkpoint.settled([rejection.received.ticket for rejection in rejections])

    def _write_state(self) -> None:
        taken = self.checkpoint.take()
        if taken is None:
            return
        state = int(taken)
        for each in self.input:
            if isinstance(each, Sent) and each.serial < state:
                assert self._is_safe(each), f"STATE {state} passed record {each.serial}"
        self.written = max(self.written, state)

    def _is_safe(self, each: Sent) -> bool:
        return each.serial in self.refused or self.arrived.get(each.key, -1) >= each.serial

    def _crash(self) -> None:
        """What was sent may still be carried out; the next process waits for that."""
        while not self._work.empty():
            self._work.get()()
        self._pass(TIMEOUT)
        self._start()

    # Marketo

    def _before(self, kind: str, rows: Sequence[Any]) -> None:
        if kind == "lookup":
            if "lookup refused" in self.fails_next:
                self.fails_next.remove("lookup refused")
                raise SendFewer("too many match", code="1003")
            return
        under_way = {self._key(row) for _, _, rows in self.late for row in rows}
        clash = under_way & {self._key(row) for row in rows}
        assert not clash, "a person is in two calls at once"
        failure = self.fails_next.pop(0) if self.fails_next else ""
        if failure in _REFUSED:
            raise _REFUSED[failure]
        match failure:
            case "late":
                self._pass(TIMEOUT)
                self._is_late(kind, rows)
                raise OutcomeUnknown("time-out", after_timeout=True, at_work_seconds=TIMEOUT)
            case "reset, and late":
                self._is_late(kind, rows)
                raise OutcomeUnknown("reset", at_work_seconds=TIMEOUT)
            case "reset after":
                self._fails_after = True
            case code if code.startswith("row "):
                self.marketo.skips.append(code.removeprefix("row "))

    def _is_late(self, kind: str, rows: Sequence[Any]) -> None:
        """Nobody hears of it, and Marketo carries it out all the same."""
        self.late.append((self.time + TIMEOUT * 0.9, kind, list(rows)))

    _fails_after = False

    def _after(self, kind: str, rows: Sequence[Any]) -> None:
        self._note(rows)
        if self._fails_after:
            self._fails_after = False
            raise OutcomeUnknown("reset")

    def _note(self, rows: Sequence[Any]) -> None:
        """Remembers what each person holds now."""
        for person in self.marketo.people.values():
            key, name = str(person["email"]).lower(), str(person.get("firstName"))
            self.arrived[key] = max(self.arrived.get(key, -1), int(name[1:]))

    def _key(self, row: dict[str, Any]) -> str:
        person = self.marketo.people.get(row.get("id", 0), row)
        return str(person["email"]).lower()

    def _pass(self, seconds: float) -> None:
        self.time += seconds
        for due in [each for each in self.late if each[0] <= self.time]:
            self.late.remove(due)
            _, kind, rows = due
            with self.marketo.guards:
                field = "email" if kind == "createOnly" else "id"
                for row in rows:
                    self.marketo._apply(kind, field, row)
            self._note(rows)

    # What may happen

    @rule(
        stream=st.sampled_from(sorted(STREAMS)),
        key=st.sampled_from(KEYS),
        upper=st.booleans(),
        city=st.sampled_from([None, "Rome", "Lima"]),
    )
    def record(self, stream: str, key: str, city: str | None, *, upper: bool) -> None:
        email = key.upper() if upper else key
        self.input.append(Sent(self.records, stream, email, city if stream == "visitors" else None))
        self.records += 1
        self._read_on()

    @rule()
    def state(self) -> None:
        self.input.append(self.records)
        self._read_on()

    @rule()
    def flush(self) -> None:
        self.loader.tick(ending=True)

    @rule(seconds=st.sampled_from([0.0, 1.0, 60.0, TIMEOUT]))
    def tick(self, seconds: float) -> None:
        self._pass(seconds)
        self.loader.tick()

    @rule()
    def carry_out(self) -> None:
        """The call that has waited longest is sent, and ends."""
        if not self._work.empty():
            self._work.get()()

    @rule()
    def hear(self) -> None:
        """The process learns of the call that ended first."""
        try:
            done = self.inbox.get_nowait()
        except Empty:
            return
        self.loader.handle(done)
        self._write_state()
        if self.ending.cause is not None:
            self._wind_up()

    @rule(
        failure=st.sampled_from(
            [
                *("reset before", "reset after", "late", "reset, and late"),
                *("611", "413", "607"),
                *("row 1003", "row 1005", "row 1019", "lookup refused"),
            ]
        )
    )
    def fail(self, failure: str) -> None:
        """The next write, or lookup, goes wrong."""
        self.fails_next.append(failure)

    @precondition(lambda self: self.records)
    @rule()
    def crash(self) -> None:
        self._crash()

    @precondition(lambda self: self.records)
    @rule()
    def stop(self) -> None:
        """A signal: what is under way comes back, and the last safe STATE is written."""
        self._wind_up()

    def _wind_up(self) -> None:
        self.loader.stop()
        while not self._work.empty():
            self._work.get()()
        while not self.inbox.empty():
            self.loader.handle(self.inbox.get())
        self._write_state()
        self._crash()

    def teardown(self) -> None:
        """From here on nothing fails: everything arrives."""
        self.fails_next.clear()
        for _ in range(1000):
            self.loader.tick(ending=True)
            self.carry_out()
            self.hear()
            if self.loader.idle:
                break
            if self._work.empty() and self.inbox.empty():
                self._pass(self.loader.due() or 0.001)
        assert self.loader.idle, "it does not come to an end"
        self._pass(2 * TIMEOUT)
        self._write_state()
        self._check_the_end()

    def _check_the_end(self) -> None:
        sent = [each for each in self.input if isinstance(each, Sent)]
        assert all(self._is_safe(each) for each in sent)
        assert not self.checkpoint.open
        people = Counter(str(each["email"]).lower() for each in self.marketo.people.values())
        assert set(people) <= {each.key for each in sent}, "nobody came whom nobody sent"
        assert not people or max(people.values()) == 1, "nobody is there twice"
        for person in self.marketo.people.values():
            mine = [each for each in sent if each.key == str(person["email"]).lower()]
            taken = [each for each in mine if each.serial not in self.refused]
            if taken:
                assert int(person["firstName"][1:]) >= taken[-1].serial
            cities = [each.city for each in mine if each.city]
            if len(taken) == len(mine):
                assert person.get("city") == next(iter(cities), None)
            else:
                assert person.get("city") in {None, *cities}


def test_any_order_of_events_keeps_what_was_promised(request: pytest.FixtureRequest) -> None:
    is_long = bool(request.config.getoption("--long"))
    run_state_machine_as_test(
        Delivery,
        settings=settings(
            max_examples=2000 if is_long else 60,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
