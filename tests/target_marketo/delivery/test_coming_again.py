"""Who comes again within a minute: looked up again only for what was not said of them yet."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from target_marketo.delivery.engine import CREATE, UPDATE
from target_marketo.delivery.interface import Fate, Result
from target_marketo.mapping.field_types import Field
from target_marketo.mapping.mapper import Mapper
from target_marketo.mapping.rules import Duplicates
from target_marketo.marketo.errors import OutcomeUnknown
from tests.target_marketo.delivery.bench import FIELDS, Bench
from tests.target_marketo.delivery.fake_kinds import FakeKind, on
from tests.target_marketo.fake_marketo import FakeMarketo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_marketo.mapping.plan import StreamPlan

A, B = "a@example.com", "b@example.com"
CHATS = {"create": False, "lists": ["news"]}  # says nothing of its people


def calls(bench: Bench) -> list[str]:
    return [kind for kind, _ in bench.marketo.log]


def plan_of(stream: str, **entry: Any) -> StreamPlan:
    return Mapper({stream: entry}, FIELDS).plan(stream, {})


def come(bench: Bench, email: str = A, **values: Any) -> None:
    bench.record(email, **({"first_name": "Ann", "city": "Rome"} | values))
    bench.finish()


def other_plan(bench: Bench, plan: StreamPlan, email: str = A, **values: Any) -> None:
    """A record of another stream comes."""
    before, bench.plan = bench.plan, plan
    bench.record(email, creates=plan.entry.create, **values)
    bench.finish()
    bench.plan = before


# What was said a moment before is not asked for again.


@pytest.mark.parametrize("there", [{}, {"firstName": "Old"}, {"firstName": "Ann", "city": "Rome"}])
def test_who_comes_again_within_a_minute_and_says_nothing_new_is_not_looked_up_again(
    there: dict[str, str],
) -> None:
    bench = Bench(FakeMarketo())
    if there:
        bench.marketo.add(email=A, **there)
    come(bench)
    first = calls(bench)
    bench.time = 60.0
    come(bench)
    come(bench, city="Oslo")  # only if empty, and it was Rome or that was written
    come(bench, first_name=None)

    assert calls(bench) == first
    assert bench.marketo.people[1]["firstName"] == "Ann"
    assert bench.marketo.people[1]["city"] == "Rome"
    assert bench.everything_settled_once()
    assert bench.bytes == 0


def test_after_a_minute_everybody_is_looked_up_again() -> None:
    bench = Bench(FakeMarketo())
    come(bench)
    bench.time = 60.1
    come(bench)

    assert calls(bench) == ["lookup", CREATE, "lookup"]


def test_the_minute_begins_with_the_lookup_and_not_with_the_write() -> None:
    marketo = FakeMarketo()
    bench = Bench(marketo)
    waits = [50.0]

    def wait(_kind: str) -> None:
        bench.time += waits.pop() if waits else 0.0

    marketo.before_grant = wait
    come(bench)
    bench.time += 11.0
    come(bench)

    assert calls(bench) == ["lookup", CREATE, "lookup"]


def test_coming_again_and_again_does_not_prolong_the_minute() -> None:
    bench = Bench(FakeMarketo())
    for moment in (0.0, 30.0, 60.0, 90.0):
        bench.time = moment
        come(bench)

    assert calls(bench) == ["lookup", CREATE, "lookup"]


@pytest.mark.parametrize(
    ("says", "written"),
    [({"first_name": "Eve"}, {"firstName": "Eve"}), ({"city": "Oslo"}, {"city": "Oslo"})],
)
def test_nothing_is_written_that_was_not_looked_up_for(
    says: dict[str, Any], written: dict[str, str]
) -> None:
    bench = Bench(FakeMarketo())
    bench.record(A, first_name="Ann")
    bench.finish()
    bench.record(A, **says)
    bench.finish()

    assert calls(bench) == ["lookup", CREATE, "lookup", UPDATE]
    assert written.items() <= bench.marketo.people[1].items()
    assert bench.everything_settled_once()


def test_what_another_wrote_in_the_meantime_stays_where_the_rule_says_so() -> None:
    bench = Bench(FakeMarketo())
    bench.record(A, first_name="Ann")
    bench.finish()
    bench.marketo.people[1]["city"] = "Paris"
    come(bench, city="Rome")

    assert bench.marketo.people[1]["city"] == "Paris"


def test_what_marketo_made_of_a_value_is_not_written_again_and_again() -> None:
    """It stores some values in another form than they came in."""
    marketo = FakeMarketo()

    def shout(kind: str, _rows: Sequence[Any]) -> None:
        if kind == CREATE:
            marketo.people[1]["firstName"] = "ANN"

    marketo.after = shout
    bench = Bench(marketo)
    for _ in range(3):
        come(bench)

    assert calls(bench) == ["lookup", CREATE]


# Whatever is in doubt is looked up.


def test_who_was_refused_since_then_is_looked_up_again() -> None:
    marketo = FakeMarketo()
    bench = Bench(marketo)
    come(bench)

    def half_way(kind: str, _rows: Sequence[Any]) -> None:
        if kind == UPDATE:
            marketo.people[1]["firstName"] = "Eve"
            marketo.skips = ["1003"]

    marketo.before = half_way
    come(bench, first_name="Eve")
    marketo.before = lambda *_: None
    come(bench)

    assert [each.code for each in bench.rejected] == ["1003"]
    assert marketo.people[1]["firstName"] == "Ann", "it is the last that was said"


def test_who_is_under_way_with_something_else_ends_as_was_said_last() -> None:
    bench = Bench(FakeMarketo(), batch_size=1)
    come(bench)
    bench.record(A, first_name="Eve")
    bench.record(A, first_name="Ann")
    bench.finish()

    assert bench.marketo.people[1]["firstName"] == "Ann"
    assert bench.everything_settled_once()


def test_what_comes_back_to_what_was_said_before_it_was_sent_needs_no_call() -> None:
    bench = Bench(FakeMarketo())
    come(bench)
    bench.record(A, first_name="Eve")
    bench.record(A, first_name="Ann")
    bench.finish()

    assert calls(bench) == ["lookup", CREATE]
    assert bench.everything_settled_once()


def test_a_write_of_unknown_outcome_is_looked_at_whatever_was_said_before() -> None:
    marketo = FakeMarketo()
    bench = Bench(marketo)
    come(bench)
    lost: list[str] = []

    def lose(kind: str, _rows: Sequence[Any]) -> None:
        if kind == UPDATE and not lost:
            lost.append(kind)
            raise OutcomeUnknown("reset", at_work_seconds=20.0)

    marketo.after = lose
    bench.record(A, first_name="Eve")
    bench.loader.tick(ending=True)
    bench.loader.handle(bench.inbox.get(timeout=10))
    bench.loader.tick(ending=True)
    bench.loader.handle(bench.inbox.get(timeout=10))
    come(bench)

    assert marketo.people[1]["firstName"] == "Ann"
    assert calls(bench)[:5] == ["lookup", CREATE, "lookup", UPDATE, "lookup"]
    assert bench.everything_settled_once()


def test_who_goes_without_a_field_and_has_it_again_is_looked_up_again() -> None:
    marketo = FakeMarketo()
    bench = Bench(marketo)
    people: Any = bench.loader._steps._people
    people.mapper = Mapper(
        {"visitors": {"fields": {"email": "email", "firstName": "first_name", "city": "city"}}},
        [*FIELDS[:3], Field("city", "string", 3)],
    )
    for _ in range(2):
        come(bench, city="Verona")

    assert calls(bench) == ["lookup", CREATE, "lookup"]
    assert bench.marketo.people[1]["firstName"] == "Ann"


@pytest.mark.parametrize("there", [{}, {"email": A, "firstName": "Old"}])
def test_a_dry_run_remembers_nothing_that_it_did_not_write(there: dict[str, str]) -> None:
    bench = Bench(FakeMarketo(), dry_run=True)
    if there:
        bench.marketo.add(**there)
    come(bench)
    come(bench)

    assert calls(bench) == ["lookup", "lookup"]


def test_who_is_known_by_two_keys_is_looked_up_each_time() -> None:
    """One stream may write to whom the other one knows, too."""
    marketo = FakeMarketo()
    marketo.add(email=A, externalKey="k-1")
    bench = Bench(marketo)
    by_key = plan_of(
        "crm", key="externalKey", fields={"externalKey": "ref", "firstName": "first_name"}
    )
    come(bench)
    other_plan(bench, by_key, "", ref="k-1", first_name="Eve")
    come(bench)

    assert marketo.people[1]["firstName"] == "Ann"


def test_streams_that_write_to_one_field_are_applied_in_their_order() -> None:
    bench = Bench(FakeMarketo())
    other = plan_of("crm", fields={"email": "email", "firstName": "first_name"})
    come(bench)
    other_plan(bench, other, first_name="Eve")
    come(bench)

    assert bench.marketo.people[1]["firstName"] == "Ann"


def test_several_of_one_key_are_all_as_was_said() -> None:
    marketo = FakeMarketo()
    for _ in range(2):
        marketo.add(email=A)
    bench = Bench(marketo, duplicates=Duplicates.ALL)
    come(bench)
    come(bench)

    assert calls(bench) == ["lookup", UPDATE]
    assert {person["city"] for person in marketo.people.values()} == {"Rome"}


# What is attached to them goes all the same.


def test_what_is_attached_follows_at_once() -> None:
    kind = FakeKind()
    bench = Bench(FakeMarketo(), kinds={kind.name: kind})
    come(bench)
    bench.record(A, first_name="Ann", attachments=[on("news")])
    bench.finish()
    other_plan(bench, plan_of("chats", **CHATS))

    assert calls(bench) == ["lookup", CREATE]
    assert list(kind.there) == [("news", 1, "add")]
    assert bench.everything_settled_once()


def test_records_that_come_while_a_person_is_created_need_no_lookup_of_their_own() -> None:
    kind = FakeKind()
    bench = Bench(FakeMarketo(), batch_size=2, kinds={kind.name: kind})
    chats = plan_of("chats", **CHATS)
    for email in (A, B):
        bench.record(email, first_name="Ann")
    bench.loader.handle(bench.inbox.get(timeout=10))  # the lookup; they are being created
    bench.record(A, first_name="Ann", attachments=[on("news")])
    bench.plan = chats
    bench.record(B, creates=False, attachments=[on("news")])
    bench.finish()

    assert calls(bench) == ["lookup", CREATE]
    assert len(kind.there) == 2
    assert bench.everything_settled_once()
    assert bench.bytes == 0


def test_who_has_gone_from_under_an_id_is_looked_up_although_known() -> None:
    marketo = FakeMarketo()
    kind = FakeKind()
    bench = Bench(marketo, kinds={kind.name: kind})
    come(bench)
    marketo.people[7] = marketo.people.pop(1) | {"id": 7}  # merged into another
    kind.fates = {"add": [Result(Fate.AGAIN, code="1004")]}
    bench.record(A, first_name="Ann", city="Rome", attachments=[on("news")])
    bench.finish()

    assert calls(bench) == ["lookup", CREATE, "lookup"]
    assert list(kind.there) == [("news", 7, "add")]
    assert bench.everything_settled_once()


def test_who_has_gone_while_being_written_to_is_looked_up_all_the_same() -> None:
    marketo = FakeMarketo()
    kind = FakeKind(fates={"add": [Result(Fate.AGAIN, code="1004")]})
    bench = Bench(marketo, batch_size=1, kinds={kind.name: kind})
    asked, written = threading.Event(), threading.Event()

    def hold(action: str, _rows: Sequence[Any]) -> None:
        if action == UPDATE:
            written.wait(10)

    def rest(*_: Any) -> None:
        asked.wait(10)

    marketo.before, kind.before = hold, rest
    bench.record(A, first_name="Ann", attachments=[on("news")])
    for _ in range(2):  # the lookup, the creation
        bench.loader.handle(bench.inbox.get(timeout=10))
    bench.loader.tick()  # what is attached begins
    bench.record(A, first_name="Eve")
    bench.loader.handle(bench.inbox.get(timeout=10))  # the lookup; the update begins
    asked.set()
    bench.loader.handle(bench.inbox.get(timeout=10))
    bench.record_without_fields(A, attachments=[on("other", "more")])
    marketo.people[7] = marketo.people[1] | {"id": 7}
    written.set()
    bench.loader.handle(bench.inbox.get(timeout=10))
    del marketo.people[1]
    bench.finish()

    assert calls(bench) == ["lookup", CREATE, "lookup", UPDATE, "lookup"]
    assert set(kind.there) == {("news", 7, "add"), ("other", 7, "more")}
    assert bench.everything_settled_once()


def test_who_was_not_seen_yet_is_looked_up_for_an_attachment_alone() -> None:
    marketo = FakeMarketo()
    marketo.add(email=A)
    kind = FakeKind()
    bench = Bench(marketo, kinds={kind.name: kind})
    bench.record_without_fields(A, attachments=[on("news")])
    bench.finish()

    assert calls(bench) == ["lookup"]
    assert list(kind.there) == [("news", 1, "add")]


def test_calls_are_at_the_floor_wherever_a_persons_records_are() -> None:
    bench = Bench(FakeMarketo(), batch_size=30)
    for visit in range(5):
        for number in range(300):
            bench.record(f"p{number}@example.com", first_name="Ann", city=f"City {visit}")
            bench.turn()
    bench.finish()

    assert Counter(calls(bench)) == {"lookup": 10, CREATE: 10}
    assert {person["city"] for person in bench.marketo.people.values()} == {"City 0"}
    assert bench.everything_settled_once()
