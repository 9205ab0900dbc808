"""What the engine promises, each where it broke once."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from target_marketo.delivery.engine import CREATE, UPDATE
from target_marketo.delivery.interface import Unavailable
from target_marketo.mapping.field_types import Field
from target_marketo.mapping.mapper import Mapper
from target_marketo.mapping.rules import Duplicates
from target_marketo.marketo.errors import OutcomeUnknown, Rejected, SendFewer
from target_marketo.problems import SettingError
from tests.target_marketo.delivery.bench import FIELDS, Bench
from tests.target_marketo.fake_marketo import FakeMarketo

if TYPE_CHECKING:
    from collections.abc import Sequence

LOST = [
    OutcomeUnknown("reset", at_work_seconds=130.0),
    OutcomeUnknown("time-out", after_timeout=True, at_work_seconds=10.0),
    OutcomeUnknown("bad gateway", code="502", at_work_seconds=129.0),
    OutcomeUnknown("system error", code="611"),
]


def names(marketo: FakeMarketo) -> Counter[str]:
    return Counter(person["email"] for person in marketo.people.values())


# An outage never uses up a person's tries.


@pytest.mark.parametrize("people", [1, 2, 3, 30])
@pytest.mark.parametrize("error", LOST)
def test_writes_that_fail_for_minutes_use_up_nobodys_tries(
    people: int, error: OutcomeUnknown
) -> None:
    marketo = FakeMarketo()
    bench = Bench(marketo)

    def down(kind: str, rows: Sequence[Any]) -> None:
        if kind == CREATE and bench.time < 1500:
            raise error

    marketo.before = down
    for number in range(people):
        bench.record(f"p{number}@example.com", first_name="Ann")
    bench.finish()

    assert bench.rejected == []
    assert len(marketo.people) == people
    assert bench.everything_settled_once()


def test_an_outage_of_all_writes_ends_the_run_with_nobody_given_up() -> None:
    marketo = FakeMarketo()
    bench = Bench(marketo)

    def down(kind: str, rows: Sequence[Any]) -> None:
        if kind == CREATE:
            raise OutcomeUnknown("service unavailable", code="503")

    marketo.before = down
    bench.record("a@example.com", first_name="Ann")
    bench.finish()

    assert isinstance(bench.failure, Unavailable)
    assert "no write has got through for 30 minutes" in str(bench.failure)
    assert (bench.rejected, bench.settled) == ([], [])
    assert 1800 <= bench.time < 1900
    assert len(marketo.log) < 150, "it rests between tries"


def test_who_stops_every_call_is_found_while_others_get_through() -> None:
    marketo = FakeMarketo()
    bench = Bench(marketo)

    def choke(kind: str, rows: Sequence[Any]) -> None:
        if kind == CREATE and any("p1@" in row["email"] for row in rows):
            raise OutcomeUnknown("system error", code="611")

    marketo.before = choke
    for number in range(2):
        bench.record(f"p{number}@example.com", first_name="Ann")
    bench.finish()

    assert [each.key for each in bench.rejected] == ["p1@example.com"]
    assert names(marketo) == {"p0@example.com": 1}
    assert bench.failure is None
    assert bench.everything_settled_once()


def test_an_instance_that_fails_every_other_write_gives_nobody_up() -> None:
    marketo = FakeMarketo()
    bench = Bench(marketo, max_concurrent=1)
    writes = Counter[str]()

    def flaky(kind: str, rows: Sequence[Any]) -> None:
        writes[kind] += 1
        if kind == CREATE and writes[kind] % 2:
            raise OutcomeUnknown("system error", code="611")

    marketo.before = flaky
    for number in range(40):
        bench.record(f"p{number}@example.com", first_name="Ann")
    bench.finish()

    assert bench.rejected == []
    assert len(marketo.people) == 40


def test_who_stops_every_call_of_many_is_found_within_minutes() -> None:
    marketo = FakeMarketo()
    bench = Bench(marketo)

    def choke(kind: str, rows: Sequence[Any]) -> None:
        if kind == CREATE and any("p77@" in row["email"] for row in rows):
            raise OutcomeUnknown("system error", code="611")

    marketo.before = choke
    for number in range(300):
        bench.record(f"p{number}@example.com", first_name="Ann")
    bench.finish()

    assert [each.key for each in bench.rejected] == ["p77@example.com"]
    assert bench.time < 180
    assert bench.everything_settled_once()


# Keys are held as long as the call may be at work.


@pytest.mark.parametrize("error", LOST[:3])
def test_a_commit_that_comes_late_meets_nobody_else(error: OutcomeUnknown) -> None:
    marketo = FakeMarketo()
    bench = Bench(marketo)
    late: list[tuple[float, list[Any]]] = []

    def lose(kind: str, rows: Sequence[Any]) -> None:
        if kind == CREATE and not late:
            late.append((bench.time + error.at_work_seconds * 0.9, list(rows)))
            raise error
        if late and late[0][0] <= bench.time:
            for row in late[0][1]:
                marketo._apply(CREATE, "email", row)
            late[0] = (float("inf"), [])

    marketo.before = lose
    bench.record("a@example.com", first_name="Old")
    bench.record("b@example.com", first_name="Old")
    bench.finish()

    assert names(marketo) == {"a@example.com": 1, "b@example.com": 1}
    assert [kind for kind, _ in marketo.log] == ["lookup", CREATE, "lookup"]


# What was decided long ago is decided again.


def test_a_write_whose_slot_comes_late_is_looked_up_again_first() -> None:
    marketo = FakeMarketo()
    marketo.add(email="a@example.com", firstName="Old")
    bench = Bench(marketo)
    waits = [61.0]

    def wait(kind: str) -> None:
        if waits:
            bench.time += waits.pop()
            marketo.people[1]["city"] = "Paris"  # somebody else, meanwhile

    marketo.before_grant = wait
    bench.record("a@example.com", first_name="Ann", city="Rome")
    bench.finish()

    assert marketo.people[1]["city"] == "Paris", "only if empty, and it was not any more"
    assert marketo.people[1]["firstName"] == "Ann"
    assert [kind for kind, _ in marketo.log] == ["lookup", "lookup", UPDATE]
    assert bench.everything_settled_once()


def test_company_may_be_waited_for_as_long_as_the_setting_says() -> None:
    marketo = FakeMarketo()
    marketo.add(email="b@example.com", firstName="Same")
    bench = Bench(marketo, max_age=600.0, batch_size=2)
    bench.record("a@example.com", first_name="Ann")
    bench.record("b@example.com", first_name="Same")  # fills up the lookup
    bench.loader.handle(bench.inbox.get(timeout=10))
    bench.time = 600.0
    bench.finish()

    assert [kind for kind, _ in marketo.log] == ["lookup", CREATE]


def test_slots_that_are_always_late_end_in_writes_all_the_same() -> None:
    marketo = FakeMarketo()
    bench = Bench(marketo, batch_size=1)

    def wait(_kind: str) -> None:
        # Each call that waits beside it takes its turn first.
        bench.time += 15.0 * bench.loader.flying

    marketo.before_grant = wait
    for number in range(12):
        bench.record(f"p{number}@example.com", first_name="Ann")
    bench.finish()

    assert len(marketo.people) == 12


# A field that goes while the run is on.


def _asked(asked: list[float], bench: Bench, *, after: float) -> Exception | None:
    asked.append(bench.time)
    return SettingError("there is no such field") if bench.time > after else None


def test_a_field_is_asked_about_again_when_rows_are_refused_for_it() -> None:
    marketo = FakeMarketo()
    asked: list[float] = []
    bench = Bench(marketo)
    bench.described.gone = lambda: _asked(asked, bench, after=100.0)

    marketo.skips = ["1006"]
    bench.record("a@example.com", first_name="Ann")
    bench.finish()
    assert (asked, [each.code for each in bench.rejected]) == ([0.0], ["1006"])

    bench.time = 10.0
    marketo.skips = ["1006"] * 100
    for number in range(50):
        bench.record(f"p{number}@example.com", first_name="Ann")
    bench.finish()
    assert asked == [0.0, 60.0], "once a minute at most; who is refused meanwhile waits"
    assert len(bench.rejected) == 51

    bench.time = 200.0
    marketo.skips = ["1006"]
    bench.record("z@example.com", first_name="Ann")
    bench.finish_or_stop(after=200.0)
    assert asked[-1] == 200.0
    assert len(bench.rejected) == 51, "the run ends, nobody is given up"


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("lookup", SendFewer("invalid fields", code="1003")),
        ("lookup", Rejected("no such field", code="1006")),
        (CREATE, Rejected("no such field", code="1006")),
    ],
)
def test_a_request_refused_for_a_field_asks_too(kind: str, error: Exception) -> None:
    marketo = FakeMarketo()
    asked: list[float] = []
    bench = Bench(marketo)
    bench.described.gone = lambda: _asked(asked, bench, after=-1.0)

    def refuse(asked_for: str, rows: Sequence[Any]) -> None:
        if asked_for == kind:
            raise error

    marketo.before = refuse
    for number in range(3):
        bench.record(f"p{number}@example.com", first_name="Ann")
    bench.finish_or_stop(after=0.0)

    assert asked == [0.0]
    assert (bench.rejected, bench.settled) == ([], [])


@pytest.mark.parametrize("kind", ["lookup", CREATE])
def test_nobody_is_given_up_for_a_field_that_was_found_gone_while_the_call_was_under_way(
    kind: str,
) -> None:
    marketo = FakeMarketo(skips=["1006"] * 3)
    asked: list[float] = []
    under_way = threading.Barrier(3)
    bench = Bench(marketo, batch_size=1)

    def answer(asked_for: str, rows: Sequence[Any]) -> None:
        if asked_for == kind:
            under_way.wait(10)
            bench.time = 5.0
            if kind == "lookup":
                raise SendFewer("invalid fields", code="1003")

    def gone() -> Exception:
        asked.append(bench.time)
        return SettingError("there is no such field")

    marketo.before, bench.described.gone = answer, gone
    for number in range(3):
        bench.record(f"p{number}@example.com", first_name="Ann")
    bench.finish()

    assert asked == [5.0]
    assert isinstance(bench.failure, SettingError)
    assert (bench.rejected, bench.settled) == ([], [])


def test_a_field_that_was_there_while_the_call_was_under_way_may_be_gone_when_it_is_answered() -> (
    None
):
    marketo = FakeMarketo()
    asked: list[float] = []
    written, looked_up = threading.Event(), threading.Event()
    bench = Bench(marketo, batch_size=1)
    bench.described.gone = lambda: _asked(asked, bench, after=5.0)

    def answer(kind: str, keys: Sequence[Any]) -> None:
        if kind == CREATE:
            written.set()
            looked_up.wait(10)
            marketo.skips = ["1006"]
        elif keys == ["b@example.com"]:
            written.wait(10)
            raise SendFewer("too many match", code="1003")

    marketo.before = answer
    bench.record("a@example.com", first_name="Ann")
    bench.loader.handle(bench.inbox.get(timeout=10))
    bench.loader.tick(ending=True)
    bench.time = 5.0
    bench.record("b@example.com", first_name="Bob")
    bench.loader.tick(ending=True)
    bench.loader.handle(bench.inbox.get(timeout=10))
    assert asked == [5.0], "for the lookup, and it is there"
    assert bench.loader.flying == 1
    bench.time = 6.0
    looked_up.set()
    bench.finish()

    assert asked == [5.0, 65.0]
    assert isinstance(bench.failure, SettingError)
    assert [each.key for each in bench.rejected] == ["b@example.com"]


# 1005 without end.


def test_a_person_whom_no_lookup_ever_finds_is_refused_after_minutes_with_its_reason() -> None:
    marketo = FakeMarketo(skips=["1005"] * 100)
    bench = Bench(marketo)
    bench.record("ann@example.com", first_name="Ann")
    bench.finish()

    assert [each.code for each in bench.rejected] == ["1005"]
    assert "partition" in bench.rejected[0].advice
    assert Counter(kind for kind, _ in marketo.log) == {"lookup": 6, CREATE: 6}
    assert bench.time >= 5 + 10 + 20 + 40
    assert bench.everything_settled_once()


# Back-pressure counts bytes.


def test_records_of_a_few_people_are_sent_before_they_fill_the_memory() -> None:
    marketo = FakeMarketo()
    bench = Bench(marketo, max_bytes=30_000)
    most = 0
    for visit in range(1000):
        for number in range(3):
            bench.record(f"p{number}@example.com", first_name=f"Name {visit}")
        most = max(most, bench.bytes)
        bench.turn()
    bench.finish()

    assert most < 35_000
    assert bench.bytes == 0
    assert {person["firstName"] for person in marketo.people.values()} == {"Name 999"}
    assert bench.everything_settled_once()


# Promises without a test.


def test_a_record_whose_fields_were_not_looked_up_overwrites_nothing() -> None:
    marketo = FakeMarketo()
    marketo.add(email="a@example.com", firstName="Old", city="Paris")
    marketo.add(email="b@example.com", firstName="Same")
    few = {"visitors": {"fields": {"email": "email", "firstName": "first_name"}}}
    bench = Bench(marketo, batch_size=2)
    all_of_them = bench.plan
    bench.plan = Mapper(few, FIELDS).plan("visitors", {})
    bench.record("a@example.com", first_name="Ann")
    bench.record("b@example.com", first_name="Same")  # fills up the lookup, which asks for no city
    bench.loader.handle(bench.inbox.get(timeout=10))
    bench.plan = all_of_them

    bench.record("a@example.com", city="Rome")  # while the other waits for company
    bench.finish()

    assert (marketo.people[1]["firstName"], marketo.people[1]["city"]) == ("Ann", "Paris")
    assert bench.everything_settled_once()


def test_the_one_person_of_a_key_is_written_where_duplicates_are_refused() -> None:
    marketo = FakeMarketo()
    marketo.add(email="a@example.com", firstName="Old")
    bench = Bench(marketo, duplicates=Duplicates.REJECT)
    bench.record("a@example.com", first_name="Ann")
    bench.finish()

    assert marketo.people[1]["firstName"] == "Ann"
    assert bench.rejected == []


def test_a_text_field_of_a_few_people_fills_a_call() -> None:
    """1 MB is the limit of a call, whichever comes first."""
    marketo = FakeMarketo()
    bench = Bench(marketo)
    bench.plan = Mapper(
        {"visitors": {"fields": {"email": "email", "firstName": "first_name"}}},
        [FIELDS[0], Field("firstName", "text")],
    ).plan("visitors", {})
    for number in range(60):
        bench.record(f"q{number}@example.com", first_name="x" * 20_000)
    bench.finish()

    assert sorted(rows for kind, rows in marketo.log if kind == CREATE) == [11, 49]


def test_calls_that_wait_too_long_for_a_slot_become_fewer() -> None:
    marketo = FakeMarketo()
    bench = Bench(marketo, batch_size=1, max_concurrent=7)
    stale: list[int] = []

    def wait(_kind: str) -> None:
        if len(stale) < 3:
            stale.append(bench.loader.flying)
            bench.time += 100.0

    marketo.before_grant = wait
    for number in range(40):
        bench.record(f"p{number}@example.com", first_name="Ann")
    most = 0
    while len(stale) < 3:
        bench.loader.handle(bench.inbox.get(timeout=10))
    for _ in range(12):
        bench.loader.handle(bench.inbox.get(timeout=10))
        most = bench.loader.flying
    bench.finish()

    assert most < 8
    assert len(marketo.people) == 40


def test_the_first_cause_of_an_end_is_the_one_that_is_reported() -> None:
    bench = Bench(FakeMarketo())
    first, second = ValueError("first"), ValueError("second")
    for error in (first, second):
        bench.ending.because(error)
        bench.ending.although(error)

    assert (bench.ending.cause, bench.ending.incomplete) == (first, first)
