"""What is attached to people, with a kind that can be said again and one that has to be read."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from target_marketo.delivery.engine import CREATE, UPDATE
from target_marketo.delivery.interface import (
    CallFailed,
    Fate,
    Folding,
    Incomplete,
    OnUnknown,
    Result,
)
from target_marketo.mapping.rules import Duplicates
from target_marketo.marketo.errors import OutcomeUnknown
from tests.target_marketo.delivery.bench import Bench
from tests.target_marketo.delivery.fake_kinds import FakeKind, lost, on
from tests.target_marketo.fake_marketo import FakeMarketo

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence


def bench_with(kind: FakeKind, marketo: FakeMarketo | None = None, **options: Any) -> Bench:
    return Bench(marketo or FakeMarketo(), kinds={kind.name: kind}, **options)


def lanes(kind: FakeKind) -> list[tuple[Any, int]]:
    return [(lane, len(rows)) for lane, rows in kind.sent]


def test_they_follow_their_people_in_full_calls_and_hold_back_state_until_they_are_there() -> None:
    kind = FakeKind()
    bench = bench_with(kind)
    held: list[int] = []
    kind.before = lambda *_: held.append(len(bench.settled))

    for number in range(700):
        bench.record(f"p{number}@example.com", first_name="Ann", attachments=[on("news")])
    bench.finish()

    assert sorted(rows for _, rows in lanes(kind)) == [100, 300, 300]
    assert held[0] == 0, "the people are there, and their records are not settled yet"
    assert {lead for _, rows in kind.sent for lead in (row["id"] for row in rows)} == set(
        range(1, 701)
    )
    assert bench.summary.delivered == 700
    assert bench.summary.attachments == {("lists", "delivered"): 700}
    assert (bench.everything_settled_once(), bench.bytes) == (True, 0)


def test_each_lane_has_calls_of_its_own() -> None:
    kind = FakeKind()
    bench = bench_with(kind)
    for number in range(4):
        bench.record(f"p{number}@example.com", attachments=[on("a"), on("b")])
    bench.finish()

    assert sorted(lanes(kind)) == [("a", 4), ("b", 4)]
    assert bench.everything_settled_once()


def test_a_record_without_any_is_settled_with_its_person() -> None:
    kind = FakeKind()
    bench = bench_with(kind)
    kind.before = lambda *_: pytest.fail("nothing is attached")
    bench.record("a@example.com", first_name="Ann")
    bench.finish()

    assert (bench.everything_settled_once(), bench.bytes) == (True, 0)


@pytest.mark.parametrize("applied", [True, False])
def test_a_lost_reply_is_said_again_once_the_call_cannot_be_at_work(*, applied: bool) -> None:
    kind = FakeKind()
    bench = bench_with(kind)
    times: list[float] = []

    def lose(lane: Hashable, rows: list[dict[str, Any]]) -> None:
        times.append(bench.time)
        if len(times) == 1:
            raise lost(at_work_seconds=130.0)

    setattr(kind, "after" if applied else "before", lose)
    bench.record("a@example.com", attachments=[on("news")])
    bench.finish()

    assert times[1] - times[0] >= 130
    assert bench.everything_settled_once()


@pytest.mark.parametrize("applied", [True, False])
def test_a_kind_that_must_not_say_it_twice_is_asked_what_has_arrived(*, applied: bool) -> None:
    kind = FakeKind(unknown=OnUnknown.READ_BACK)
    bench = bench_with(kind)
    calls: list[int] = []

    def lose(lane: Hashable, rows: list[dict[str, Any]]) -> None:
        calls.append(len(rows))
        if len(calls) == 1:
            raise lost(at_work_seconds=130.0)

    setattr(kind, "after" if applied else "before", lose)
    for number in range(3):
        bench.record(
            f"p{number}@example.com", attachments=[on("chat", f"t{number}", once=f"t{number}")]
        )
    bench.finish()

    assert len(kind.read) == 1
    assert set(kind.there.values()) == {1}, "once each"
    assert len(kind.there) == 3
    assert calls == ([3] if applied else [3, 3])
    assert bench.everything_settled_once()


def test_a_row_that_breaks_every_call_is_found_by_halving() -> None:
    kind = FakeKind()
    bench = bench_with(kind)

    def choke(lane: Hashable, rows: list[dict[str, Any]]) -> None:
        if any(row["id"] == 77 for row in rows):
            raise lost(halves=True, code="611")

    kind.before = choke
    for number in range(300):
        bench.record(f"p{number}@example.com", attachments=[on("news")])
    bench.finish()

    (rejection,) = bench.rejected
    assert (rejection.part, rejection.code) == ("lists", "611")
    assert len(kind.there) == 299
    assert bench.failure is None
    assert (bench.everything_settled_once(), bench.bytes) == (True, 0)


def test_a_call_that_is_refused_for_one_row_is_halved_too() -> None:
    kind = FakeKind()
    bench = bench_with(kind)

    def too_many(lane: Hashable, rows: list[dict[str, Any]]) -> None:
        if any(row["id"] == 3 for row in rows):
            raise CallFailed(ValueError("bad"), Fate.REFUSED, code="1003", cure="correct it")

    kind.before = too_many
    for number in range(8):
        bench.record(f"p{number}@example.com", attachments=[on("news")])
    bench.finish()

    assert [each.code for each in bench.rejected] == ["1003"]
    assert len(kind.there) == 7
    assert bench.everything_settled_once()


@pytest.mark.parametrize("as_row", [True, False])
@pytest.mark.parametrize("fate", [Fate.ENDS_LANE, Fate.ENDS_KIND])
def test_what_has_ended_takes_nothing_more_and_all_else_goes_on(
    fate: Fate, *, as_row: bool
) -> None:
    kind = FakeKind()
    bench = bench_with(kind, batch_size=2)

    def gone(lane: Hashable, rows: list[dict[str, Any]]) -> None:
        if lane == "old" and not as_row:
            raise CallFailed(ValueError("no such list"), fate, code="1013", cure="make it")

    kind.before = gone
    kind.fates = {"x": [Result(fate, code="1013", cure="make it") for _ in range(20)]}
    for number in range(6):
        bench.record(
            f"p{number}@example.com",
            first_name="Ann",
            attachments=[on("old", "x" if as_row else "add")],
        )
        bench.turn()
    bench.finish()
    bench.record("late@example.com", first_name="Ann", attachments=[on("old"), on("new")])
    bench.finish()

    assert len(bench.marketo.people) == 7, "people go on"
    assert {rejection.code for rejection in bench.rejected} == {"1013"}
    assert len(kind.there) == (1 if fate is Fate.ENDS_LANE else 0), "the other lane goes on"
    assert isinstance(bench.ending.incomplete, Incomplete)
    assert bench.failure is None
    assert bench.summary.rejected == 0, "they do not count as rejected records"
    assert (bench.everything_settled_once(), bench.bytes) == (True, 0)


def test_a_lane_that_may_be_missing_is_counted_and_no_error() -> None:
    kind = FakeKind(missing_is_skipped=True)
    bench = bench_with(kind)

    def gone(lane: Hashable, rows: list[dict[str, Any]]) -> None:
        raise CallFailed(ValueError("no such type"), Fate.ENDS_LANE, code="1013", cure="make it")

    kind.before = gone
    for number in range(3):
        bench.record(f"p{number}@example.com", attachments=[on("old")])
    bench.finish()

    assert (bench.rejected, bench.ending.incomplete) == ([], None)
    assert bench.summary.attachments == {("lists", "skipped"): 3}
    assert bench.everything_settled_once()


def test_a_refused_person_is_one_entry_and_nothing_of_them_is_sent() -> None:
    kind = FakeKind()
    bench = bench_with(kind)
    bench.record("bad@example.com", first_name="bad", attachments=[on("a"), on("b")])
    bench.record("good@example.com", first_name="Ann", attachments=[on("a")])
    bench.finish()

    (rejection,) = bench.rejected
    assert (rejection.key, rejection.part) == ("bad@example.com", "person")
    assert lanes(kind) == [("a", 1)]
    assert (bench.everything_settled_once(), bench.bytes) == (True, 0)


def test_a_refused_attachment_leaves_its_person_and_the_others_be() -> None:
    kind = FakeKind()
    kind.fates = {"x": [Result(Fate.REFUSED, code="1003", cure="correct it")]}
    bench = bench_with(kind)
    bench.record("a@example.com", first_name="Ann", attachments=[on("a", "x"), on("b")])
    bench.finish()

    (rejection,) = bench.rejected
    assert (rejection.part, rejection.code, rejection.request_id) == ("lists", "1003", "r#7")
    assert list(kind.there) == [("b", 1, "add")]
    assert (bench.summary.delivered, bench.summary.rejected) == (1, 0)
    assert (bench.everything_settled_once(), bench.bytes) == (True, 0)


def test_the_same_is_said_once_a_run() -> None:
    kind = FakeKind()
    bench = bench_with(kind)
    for _ in range(3):
        bench.record("a@example.com", first_name="Ann", attachments=[on("news")])
    bench.finish()
    bench.record("a@example.com", first_name="Bea", attachments=[on("news")])
    bench.finish()

    assert lanes(kind) == [("news", 1)]
    assert bench.everything_settled_once()


def test_of_two_with_one_once_key_the_first_is_sent_whoever_they_are_about() -> None:
    kind = FakeKind()
    bench = bench_with(kind)
    bench.record("a@example.com", attachments=[on("chat", "first", once="t1")])
    bench.record("b@example.com", attachments=[on("chat", "second", once="t1")])
    bench.finish()

    assert list(kind.there) == [("chat", 1, "first")]
    assert bench.everything_settled_once()


def test_the_later_status_is_the_one_that_stays() -> None:
    kind = FakeKind(folding=Folding.LATEST)
    bench = bench_with(kind)
    bench.record("a@example.com", attachments=[on("visited")])
    bench.record("a@example.com", attachments=[on("engaged")])
    bench.finish()
    bench.record("a@example.com", attachments=[on("won")])
    bench.finish()
    bench.record("a@example.com", attachments=[on("won")])
    bench.finish()

    assert lanes(kind) == [("engaged", 1), ("won", 1)]
    assert bench.everything_settled_once()


def test_a_later_one_waits_for_the_call_of_the_one_before() -> None:
    kind = FakeKind(folding=Folding.LATEST)
    bench = bench_with(kind, batch_size=1)
    seen: list[Any] = []

    def lose_the_first(lane: Hashable, rows: list[dict[str, Any]]) -> None:
        seen.append(lane)
        if len(seen) == 1:
            raise lost(at_work_seconds=50.0)

    kind.before = lose_the_first
    bench.record("a@example.com", attachments=[on("one")])
    while not kind.sent:
        bench.loader.tick()
        if bench.loader.flying:
            bench.loader.handle(bench.inbox.get(timeout=10))
    for status in ("two", "three"):
        bench.record("a@example.com", attachments=[on(status)])
    bench.finish()

    assert seen == ["one", "one", "three"]
    assert bench.everything_settled_once()


def test_a_person_who_has_gone_is_looked_up_by_key_once_more() -> None:
    marketo = FakeMarketo()
    marketo.add(email="a@example.com", firstName="Ann")
    kind = FakeKind()
    bench = bench_with(kind, marketo)

    def merged(lane: Hashable, rows: list[dict[str, Any]]) -> None:
        if 1 in marketo.people:
            marketo.people[9] = {**marketo.people.pop(1), "id": 9}
            kind.fates = {"add": [Result(Fate.AGAIN, code="1004", cure="looked up again")]}

    kind.before = merged
    bench.record("a@example.com", first_name="Ann", attachments=[on("news")])
    bench.finish()

    assert list(kind.there) == [("news", 9, "add")]
    assert bench.summary.unchanged_people == 1
    assert (bench.everything_settled_once(), bench.bytes) == (True, 0)


def test_a_person_who_has_gone_for_good_is_reported_as_such() -> None:
    marketo = FakeMarketo()
    marketo.add(email="a@example.com", firstName="Ann")
    kind = FakeKind()
    bench = bench_with(kind, marketo)

    def deleted(lane: Hashable, rows: list[dict[str, Any]]) -> None:
        marketo.people.clear()
        kind.fates = {"add": [Result(Fate.AGAIN, code="1004")]}

    kind.before = deleted
    bench.record("a@example.com", first_name="Ann", attachments=[on("news")])
    bench.finish()

    (rejection,) = bench.rejected
    assert (rejection.part, rejection.code) == ("lists", "1004")
    assert marketo.people == {}, "nobody is made of that"
    assert (bench.everything_settled_once(), bench.bytes) == (True, 0)


def test_of_several_with_one_key_the_newest_has_them() -> None:
    marketo = FakeMarketo()
    for name in ("One", "Two"):
        marketo.add(email="a@example.com", firstName=name)
    kind = FakeKind()
    bench = bench_with(kind, marketo, duplicates=Duplicates.ALL)
    bench.record("a@example.com", first_name="Ann", attachments=[on("news")])
    bench.finish()

    assert [each["firstName"] for each in marketo.people.values()] == ["Ann", "Ann"]
    assert list(kind.there) == [("news", 2, "add")]


def test_a_person_who_may_not_be_made_waits_for_those_who_come_before_the_next_state() -> None:
    kind = FakeKind()
    bench = bench_with(kind)
    bench.keeps_state_back = True
    bench.record("a@example.com", first_name="Chat", creates=False, attachments=[on("news")])
    for number in range(300):
        bench.record(f"p{number}@example.com", first_name="Ann")
    while bench.loader.flying:
        bench.loader.handle(bench.inbox.get(timeout=10))
    bench.record("A@example.com", first_name="Ann")
    bench.state()
    bench.finish()

    ids = {each["email"].lower(): lead for lead, each in bench.marketo.people.items()}
    assert kind.there == {("news", ids["a@example.com"], "add"): 1}
    assert len(bench.marketo.people) == 301
    assert bench.summary.skipped == 0
    assert not bench.checkpoint.open


def test_a_person_who_is_made_in_another_call_is_found_when_looked_up_once_more() -> None:
    marketo = FakeMarketo()
    kind = FakeKind()
    bench = bench_with(kind, marketo)
    bench.keeps_state_back = True
    bench.record("a@example.com", first_name="Chat", creates=False, attachments=[on("news")])
    bench.record("b@example.com", first_name="Ann")
    made: list[str] = []

    def somebody_else(what: str, rows: Sequence[Any]) -> None:
        if what == CREATE and not made:
            made.append(what)
            marketo.add(email="a@example.com", firstName="Old")

    marketo.before = somebody_else
    bench.finish()

    assert [kind_ for kind_, _ in marketo.log] == ["lookup", CREATE, "lookup", UPDATE]
    assert len(kind.there) == 1
    assert not bench.checkpoint.open


def test_where_nobody_comes_the_record_is_counted_as_skipped() -> None:
    kind = FakeKind()
    bench = bench_with(kind)
    bench.record("a@example.com", first_name="Chat", creates=False, attachments=[on("news")])
    bench.record("b@example.com", first_name="Ann")
    bench.finish()

    assert (bench.summary.skipped, bench.summary.created) == (1, 1)
    assert kind.sent == []
    assert sorted(kind_ for kind_, _ in bench.marketo.log) == [CREATE, "lookup", "lookup"]
    assert (bench.everything_settled_once(), bench.bytes) == (True, 0)


def test_at_the_end_nothing_waits_for_who_is_absent() -> None:
    kind = FakeKind()
    bench = bench_with(kind)
    bench.keeps_state_back = True
    bench.record("a@example.com", first_name="Chat", creates=False, attachments=[on("news")])
    bench.record("b@example.com", first_name="Ann", attachments=[on("news")])
    bench.finish()

    assert len(kind.there) == 1
    assert bench.time < 1.0, "not the age that rows may wait for company"
    assert not bench.checkpoint.open


def test_a_person_known_in_this_run_is_not_looked_up_for_an_attachment_alone() -> None:
    kind = FakeKind()
    bench = bench_with(kind)
    bench.record("a@example.com", first_name="Ann")
    bench.finish()
    values = bench.plan
    bench.record_without_fields("a@example.com", attachments=[on("news")])
    bench.finish()

    assert bench.plan is values
    assert [kind_ for kind_, _ in bench.marketo.log] == ["lookup", CREATE]
    assert list(kind.there) == [("news", 1, "add")]
    assert bench.everything_settled_once()


def test_an_outage_of_the_kind_ends_the_run_with_its_records_open() -> None:
    kind = FakeKind()
    bench = bench_with(kind)

    def down(lane: Hashable, rows: list[dict[str, Any]]) -> None:
        raise lost()

    kind.before = down
    bench.record("a@example.com", first_name="Ann", attachments=[on("news")])
    bench.finish()

    assert "no write has got through" in str(bench.failure)
    assert (bench.rejected, bench.settled) == ([], [])
    assert len(bench.marketo.people) == 1


def test_a_person_in_doubt_keeps_what_is_attached_back() -> None:
    marketo = FakeMarketo()
    kind = FakeKind()
    bench = bench_with(kind, marketo)
    lost_once: list[str] = []

    def lose(what: str, rows: Sequence[Any]) -> None:
        if what == CREATE and not lost_once:
            lost_once.append(what)
            raise OutcomeUnknown("reset", at_work_seconds=130)

    marketo.after = lose
    sent_at: list[float] = []
    kind.before = lambda *_: sent_at.append(bench.time)
    bench.record("a@example.com", first_name="Ann", attachments=[on("news")])
    bench.finish()

    assert sent_at[0] >= 130
    assert bench.everything_settled_once()


def test_what_may_pass_is_tried_six_times_with_longer_and_longer_rests() -> None:
    kind = FakeKind(fates={"add": [Result(Fate.LATER, code="1016", cure="wait")] * 9})
    bench = bench_with(kind)
    sent_at: list[float] = []
    kind.before = lambda *_: sent_at.append(bench.time)
    bench.record("a@example.com", first_name="Ann", attachments=[on("news")])
    bench.finish()

    assert [later - before for before, later in pairwise(sent_at)] == [5, 10, 20, 40, 80]
    assert [(each.code, each.part) for each in bench.rejected] == [("1016", "lists")]
    assert bench.everything_settled_once()


def test_what_is_to_rest_rests_as_long_as_was_said() -> None:
    later = Result(Fate.LATER, code="store", wait_seconds=30.0)
    kind = FakeKind(fates={"add": [later]})
    bench = bench_with(kind)
    sent_at: list[float] = []
    kind.before = lambda *_: sent_at.append(bench.time)
    bench.record("a@example.com", first_name="Ann", attachments=[on("news")])
    bench.finish()

    assert sent_at[1] - sent_at[0] == 30.0
    assert bench.rejected == []


def test_a_row_that_is_refused_is_an_error_though_its_lane_might_be_missing() -> None:
    kind = FakeKind(missing_is_skipped=True, fates={"add": [Result(Fate.REFUSED, code="1003")]})
    bench = bench_with(kind)
    bench.record("a@example.com", first_name="Ann", attachments=[on("news")])
    bench.finish()

    assert [each.code for each in bench.rejected] == ["1003"]
    assert bench.summary.attachments["lists", "rejected"] == 1


def test_a_dry_run_sends_none() -> None:
    kind = FakeKind()
    bench = bench_with(kind, dry_run=True)
    bench.record("a@example.com", first_name="Ann", attachments=[on("news")])
    bench.finish()

    assert kind.sent == []
    assert bench.everything_settled_once()


def test_a_dry_run_sends_none_to_who_is_there_already_either() -> None:
    kind, marketo = FakeKind(), FakeMarketo()
    marketo.add(email="a@example.com", firstName="Ann")
    bench = bench_with(kind, marketo, dry_run=True)
    bench.record("a@example.com", first_name="Ann", attachments=[on("news")])
    bench.finish()

    assert kind.sent == []
    assert bench.everything_settled_once()


def test_that_reading_works_does_not_show_that_writing_does() -> None:
    kind = FakeKind(unknown=OnUnknown.READ_BACK)
    bench = bench_with(kind)

    def down(lane: Hashable, rows: list[dict[str, Any]]) -> None:
        raise lost()

    kind.before = down
    bench.record("a@example.com", first_name="Ann", attachments=[on("chat", once="t1")])
    bench.finish()

    assert len(kind.read) > 1
    assert "no write has got through" in str(bench.failure)
    assert (bench.rejected, bench.settled) == ([], [])


def test_what_waits_counts_for_back_pressure() -> None:
    kind = FakeKind()
    bench = bench_with(kind, max_bytes=50_000)
    most = 0
    for number in range(50):
        bench.record(f"p{number}@example.com", attachments=[on("news", "x" * 5_000)])
        most = max(most, bench.bytes)
        bench.turn()
    bench.finish()

    assert most < 60_000
    assert len(kind.there) == 50
    assert (bench.everything_settled_once(), bench.bytes) == (True, 0)


def test_a_person_who_goes_again_and_again_is_given_up() -> None:
    marketo = FakeMarketo()
    kind = FakeKind(fates={"add": [Result(Fate.AGAIN, code="1004", cure="see") for _ in range(9)]})
    bench = bench_with(kind, marketo)
    bench.record("a@example.com", first_name="Ann", attachments=[on("news")])
    bench.finish()

    assert len(kind.sent) == 2
    assert [(each.part, each.code) for each in bench.rejected] == [("lists", "1004")]
    assert bench.everything_settled_once()


def test_what_waits_for_another_lane_stays_when_one_ends() -> None:
    marketo = FakeMarketo()
    for name in ("a", "b", "c"):
        marketo.add(email=f"{name}@example.com", firstName="Ann")
    kind = FakeKind()
    bench = bench_with(kind, marketo, batch_size=3)

    def gone(lane: Hashable, rows: list[dict[str, Any]]) -> None:
        if lane == "old":
            raise CallFailed(
                ValueError("no such list"), Fate.ENDS_LANE, code="1013", cure="make it"
            )

    kind.before = gone
    bench.record("a@example.com", first_name="Ann", attachments=[on("old"), on("new")])
    bench.record("b@example.com", first_name="Ann", attachments=[on("old")])
    bench.record("c@example.com", first_name="Ann", attachments=[on("old")])
    while not bench.rejected:  # the full lane is sent and ends while the other waits for company
        bench.loader.tick()
        bench.loader.handle(bench.inbox.get(timeout=10))
    bench.finish()

    assert list(kind.there) == [("new", 1, "add")]
    assert len(bench.rejected) == 3
    assert bench.everything_settled_once()
