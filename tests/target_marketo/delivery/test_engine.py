"""The engine against a Marketo that does on purpose what Marketo does by accident."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from target_marketo.delivery.engine import CREATE, UPDATE
from target_marketo.mapping.field_types import Field
from target_marketo.mapping.mapper import Mapper
from target_marketo.mapping.rules import Duplicates
from target_marketo.marketo.call import MAX_ROWS
from target_marketo.marketo.errors import (
    NotAuthorized,
    OutcomeUnknown,
    QuotaSpent,
    Rejected,
    SendFewer,
)
from tests.target_marketo.delivery.bench import FIELDS, Bench
from tests.target_marketo.fake_marketo import FakeMarketo

if TYPE_CHECKING:
    from collections.abc import Sequence


def test_calls_are_at_the_floor() -> None:
    marketo = FakeMarketo()
    for number in range(0, 1000, 2):
        marketo.add(email=f"p{number}@example.com", firstName="Ann" if number % 4 else "Old")
    bench = Bench(marketo)

    for number in range(1000):
        bench.record(f"P{number}@example.com", first_name="Ann")
    bench.finish()

    kinds = Counter(kind for kind, _ in marketo.log)
    assert kinds == {"lookup": 4, CREATE: 2, UPDATE: 1}
    assert (bench.summary.created, bench.summary.updated) == (500, 250)
    assert bench.summary.unchanged_people == 250
    assert bench.everything_settled_once()


def test_keys_that_only_folding_would_make_equal_are_two_people() -> None:
    marketo = FakeMarketo()
    marketo.add(externalKey="Straße", firstName="Old")
    fields = {"externalKey": "key", "firstName": "first_name"}
    bench = Bench(marketo, {"visitors": {"key": "externalKey", "fields": fields}})

    bench.record("", key="STRASSE", first_name="Ann")
    bench.record("", key="straße", first_name="Bea")
    bench.finish()

    names = {person["externalKey"]: person["firstName"] for person in marketo.people.values()}
    assert names == {"straße": "Bea", "STRASSE": "Ann"}
    assert bench.everything_settled_once()


def test_a_person_who_comes_five_times_is_looked_up_and_written_once() -> None:
    marketo = FakeMarketo()
    bench = Bench(marketo)

    for visit in range(5):
        for number in range(100):
            bench.record(f"p{number}@example.com", first_name=f"Name {visit}", city=f"City {visit}")
    bench.finish()

    assert Counter(kind for kind, _ in marketo.log) == {"lookup": 1, CREATE: 1}
    assert {person["firstName"] for person in marketo.people.values()} == {"Name 4"}
    assert {person["city"] for person in marketo.people.values()} == {"City 0"}
    assert bench.everything_settled_once()


def test_a_record_that_comes_while_the_person_is_being_written_waits_its_turn() -> None:
    marketo = FakeMarketo()
    bench = Bench(marketo, batch_size=2)
    release, entered = threading.Event(), threading.Event()

    def hold(kind: str, rows: Sequence[Any]) -> None:
        if kind == CREATE and not release.is_set():
            entered.set()
            release.wait(10)

    marketo.before = hold
    bench.record("a@example.com", first_name="First")
    bench.record("b@example.com", first_name="First")
    bench.loader.handle(bench.inbox.get(timeout=10))  # the lookup; the creation begins
    assert entered.wait(10)
    bench.record("A@example.com", first_name="Second")
    bench.record("c@example.com", first_name="Second")
    release.set()
    bench.finish()

    assert marketo.overlaps == 0
    assert len(marketo.people) == 3
    assert marketo.people[1]["firstName"] == "Second"
    assert bench.everything_settled_once()


def test_a_record_does_not_go_past_one_that_is_parked() -> None:
    marketo = FakeMarketo()
    bench = Bench(marketo, batch_size=1)
    release = threading.Event()

    def hold(kind: str, rows: Sequence[Any]) -> None:
        release.wait(10)

    marketo.before = hold
    names = Mapper({"visitors": {"fields": {"email": "email", "firstName": "first_name"}}}, FIELDS)
    few, all_of_them = names.plan("visitors", {}), bench.plan

    bench.plan = few
    bench.record("a@example.com", first_name="First")  # its lookup asks for few fields
    bench.plan = all_of_them
    bench.record("a@example.com", first_name="Second", city="Rome")  # needs more: parked
    bench.plan = few
    bench.record("a@example.com", first_name="Third")
    release.set()
    bench.finish()

    assert marketo.people[1]["firstName"] == "Third"
    assert bench.everything_settled_once()


def test_a_lost_race_becomes_an_update() -> None:
    marketo = FakeMarketo()
    bench = Bench(marketo)

    def somebody_else(kind: str, rows: Sequence[Any]) -> None:
        if kind == CREATE and not marketo.people:
            marketo.add(email="a@example.com", city="Paris")

    marketo.before = somebody_else
    bench.record("a@example.com", first_name="Ann", city="Rome")
    bench.finish()

    assert marketo.people == {
        1: {"id": 1, "email": "a@example.com", "firstName": "Ann", "city": "Paris"}
    }
    assert [kind for kind, _ in marketo.log] == ["lookup", CREATE, "lookup", UPDATE]


def test_a_person_who_has_gone_is_created() -> None:
    marketo = FakeMarketo()
    marketo.add(email="a@example.com", firstName="Old")
    bench = Bench(marketo)

    def deleted(kind: str, rows: Sequence[Any]) -> None:
        if kind == UPDATE:
            marketo.people.clear()

    marketo.before = deleted
    bench.record("a@example.com", first_name="Ann")
    bench.finish()

    assert [person["firstName"] for person in marketo.people.values()] == ["Ann"]
    assert bench.everything_settled_once()


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("at_work", [130.0, 0.0])
def test_an_unknown_outcome_is_looked_at_before_anything_is_sent_again(
    *, applied: bool, at_work: float
) -> None:
    marketo = FakeMarketo()
    bench = Bench(marketo)
    lost: list[float] = []

    def lose(kind: str, rows: Sequence[Any]) -> None:
        if kind == CREATE and not lost:
            lost.append(bench.time)
            raise OutcomeUnknown("lost", at_work_seconds=at_work)

    setattr(marketo, "after" if applied else "before", lose)
    for number in range(10):
        bench.record(f"p{number}@example.com", first_name="Ann")
    bench.finish()

    assert len(marketo.people) == 10, "nobody is lost and nobody is there twice"
    kinds = [kind for kind, _ in marketo.log]
    assert kinds[:3] == ["lookup", CREATE, "lookup"]
    assert bench.time - lost[0] >= max(1.0, at_work)
    assert bench.everything_settled_once()
    if applied:
        assert kinds == ["lookup", CREATE, "lookup"]
        assert bench.summary.unchanged_people == 10


def test_a_row_that_breaks_every_call_is_found_and_goes_to_the_error_log() -> None:
    marketo = FakeMarketo()
    bench = Bench(marketo)

    def choke(kind: str, rows: Sequence[Any]) -> None:
        if kind == CREATE and any(row["email"] == "p77@example.com" for row in rows):
            raise OutcomeUnknown("system error", code="611")

    marketo.before = choke
    for number in range(300):
        bench.record(f"p{number}@example.com", first_name="Ann")
    bench.finish()

    assert len(marketo.people) == 299
    assert [(each.key, each.code) for each in bench.rejected] == [("p77@example.com", "611")]
    assert bench.everything_settled_once()


def test_a_call_that_is_too_large_is_halved() -> None:
    marketo = FakeMarketo()
    bench = Bench(marketo)

    def too_large(kind: str, rows: Sequence[Any]) -> None:
        if len(rows) > 80:
            raise SendFewer("too large", code="413")

    marketo.before = too_large
    for number in range(300):
        bench.record(f"p{number}@example.com", first_name="Ann")
    bench.finish()

    assert len(marketo.people) == 300
    assert bench.everything_settled_once()


def test_rows_are_packed_by_their_size() -> None:
    marketo = FakeMarketo()
    sizes: list[int] = []
    marketo.before = lambda kind, rows: (
        sizes.append(len(msgspec.json.encode(rows))) if kind == CREATE else None
    )
    bench = Bench(marketo)
    for number in range(300):
        name = f"{'x' * 200}"
        bench.record(f"p{number}-{'y' * 40}@example.com", first_name=name, city="z" * 250)
    bench.plan = Mapper(
        {"visitors": {"fields": {"email": "email", "firstName": "first_name"}}},
        [FIELDS[0], Field("firstName", "text")],
    ).plan("visitors", {})
    for number in range(300):
        bench.record(f"q{number}@example.com", first_name="x" * 20_000)
    bench.finish()

    assert len(marketo.people) == 600
    assert max(sizes) < 1_000_000
    assert len(sizes) == 1 + 7, "49 rows of 20 kB fit into 1 MB"


def test_a_row_that_marketo_skips_goes_to_the_error_log_with_its_place() -> None:
    marketo = FakeMarketo()
    bench = Bench(marketo)
    for name in ("Ann", "bad", "Lee"):
        bench.record(f"{name}@example.com", first_name=name)
    bench.finish()

    (rejection,) = bench.rejected
    assert (rejection.key, rejection.code) == ("bad@example.com", "1003")
    assert (rejection.request_id, rejection.position) == ("r#1", 1)
    assert bench.summary.created == 2
    assert bench.everything_settled_once()


def test_somebody_whom_lookups_do_not_find_yet_is_waited_for() -> None:
    marketo = FakeMarketo(skips=["1005", "1005", "1005"])
    bench = Bench(marketo)
    bench.record("ann@example.com", first_name="Ann")
    began = bench.time
    bench.finish()

    assert [kind for kind, _ in marketo.log] == ["lookup", CREATE] * 4
    assert bench.time - began >= 2 * 5, "at once after the first time, then not"
    assert (bench.summary.created, bench.rejected) == (1, [])
    assert bench.everything_settled_once()


def test_results_in_another_order_are_not_taken_for_those_of_the_rows_sent() -> None:
    marketo = FakeMarketo()
    for number in range(3):
        marketo.add(email=f"p{number}@example.com", firstName="Old")
    bench = Bench(marketo)

    marketo.reorder = 1
    for number in range(3):
        bench.record(f"p{number}@example.com", first_name="Ann")
    bench.finish()

    assert [kind for kind, _ in marketo.log] == ["lookup", UPDATE, "lookup"], "looked at once more"
    assert bench.summary.unchanged_people == 3
    assert bench.everything_settled_once()


def test_several_people_with_one_key_are_left_to_the_policy() -> None:
    marketo = FakeMarketo()
    for name in ("One", "Two", "Three"):
        marketo.add(email="a@example.com", firstName=name)
    bench = Bench(marketo, duplicates=Duplicates.REJECT)
    bench.record("a@example.com", first_name="New")
    bench.finish()

    assert [each.code for each in bench.rejected] == ["1007"]
    assert [kind for kind, _ in marketo.log] == ["lookup"]


@pytest.mark.parametrize("error", [QuotaSpent("607", code="607"), NotAuthorized("603", code="603")])
def test_an_error_that_ends_the_run_leaves_the_rest_unsettled(error: Exception) -> None:
    marketo = FakeMarketo()
    bench = Bench(marketo)

    def refuse(kind: str, rows: Sequence[Any]) -> None:
        if kind == CREATE:
            raise error

    marketo.before = refuse
    bench.record("a@example.com", first_name="Ann")
    bench.finish()

    assert bench.failure is error
    assert bench.settled == []


def test_a_dry_run_looks_up_and_writes_nothing() -> None:
    marketo = FakeMarketo()
    marketo.add(email="a@example.com", firstName="Old")
    bench = Bench(marketo, dry_run=True)
    bench.record("a@example.com", first_name="Ann")
    bench.record("b@example.com", first_name="Ann")
    bench.finish()

    assert [kind for kind, _ in marketo.log] == ["lookup"]
    assert (bench.summary.created, bench.summary.updated) == (1, 1)


def test_a_lone_record_is_sent_when_it_is_old_enough() -> None:
    marketo = FakeMarketo()
    bench = Bench(marketo, max_age=60.0)
    bench.record("a@example.com", first_name="Ann")
    bench.loader.tick()
    assert bench.loader.due() == 60.0
    assert not marketo.log

    bench.time = 60.0
    bench.loader.tick()
    bench.loader.handle(bench.inbox.get(timeout=10))
    bench.loader.tick()
    bench.loader.handle(bench.inbox.get(timeout=10))

    assert len(marketo.people) == 1
    assert bench.loader.idle


def test_a_person_who_comes_again_does_not_wait_longer_than_the_limit() -> None:
    marketo = FakeMarketo()
    for name in ("u1", "u2", "u3", "u4"):
        marketo.add(email=f"{name}@example.com", firstName="Same")
    bench = Bench(marketo, batch_size=3, max_age=60.0)

    def come(email: str, name: str, *others: str) -> None:
        # Those who need nothing fill up the lookup.
        bench.record(email, first_name=name)
        for other in others:
            bench.record(f"{other}@example.com", first_name="Same")
        bench.loader.handle(bench.inbox.get(timeout=10))

    come("a@example.com", "First", "u1", "u2")
    bench.time = 55.0
    come("b@example.com", "Bea", "u3", "u4")
    bench.record("a@example.com", first_name="Second")
    assert bench.loader.due() == 5.0
    bench.time = 60.0
    bench.loader.tick()
    bench.loader.handle(bench.inbox.get(timeout=10))

    assert marketo.log[-1] == (CREATE, 2)
    assert bench.loader.due() is None
    assert {person["firstName"] for person in marketo.people.values()} == {"Same", "Second", "Bea"}
    assert bench.everything_settled_once()


def test_who_was_written_beside_a_row_that_ends_the_run_is_settled() -> None:
    marketo = FakeMarketo(skips=["1009", "1003", "1009"])
    bench = Bench(marketo)
    for number in range(5):
        bench.record(f"p{number}@example.com", first_name="Ann")
    bench.finish()

    assert isinstance(bench.failure, Rejected)
    assert "set `partition_name`" in str(bench.failure)
    assert [each.key for each in bench.rejected] == ["p1@example.com"]
    assert sorted(bench.settled) == [1, 3, 4]
    assert [kind for kind, _ in marketo.log] == ["lookup", CREATE]


def test_more_people_of_one_key_than_one_call_writes_are_refused_as_such() -> None:
    marketo = FakeMarketo()
    for _ in range(MAX_ROWS + 1):
        marketo.add(email="many@example.com")
    for _ in range(MAX_ROWS):
        marketo.add(email="full@example.com")
    bench = Bench(marketo, duplicates=Duplicates.ALL)
    bench.record("many@example.com", first_name="Ann")
    bench.record("full@example.com", first_name="Ann")
    bench.finish()

    (rejection,) = bench.rejected
    assert (rejection.key, rejection.code) == ("many@example.com", "1007")
    assert "merge them" in rejection.advice
    assert marketo.log == [("lookup", 2), (UPDATE, MAX_ROWS)]
    assert bench.everything_settled_once()
