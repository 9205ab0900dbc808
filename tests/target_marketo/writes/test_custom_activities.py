"""Custom activities are written once, whatever becomes of the calls."""

from __future__ import annotations

from collections import deque
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from msgspec import structs

from target_marketo.delivery.interface import CallFailed, Fate
from target_marketo.mapping.attachments import Attachment, Lane
from target_marketo.marketo.activities import ActivityType, Attribute
from target_marketo.marketo.errors import EndsKind, EndsLane, Unavailable
from target_marketo.store.activity_ledger import Found, State
from target_marketo.store.database import open_database
from target_marketo.writes.custom_activities import CustomActivities, of
from target_marketo.writes.destinations import NotThere
from tests.target_marketo.writes.model_marketo import (
    CHAT,
    CHAT_TYPE,
    LANE,
    START,
    TIMEOUT,
    VISIBILITY,
    Act,
    Delivery,
    Kept,
    ModelMarketo,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from target_marketo.delivery.interface import Result
    from target_marketo.store.database import Database
    from target_marketo.writes.parts import Parts

DAY = 86_400.0


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(open_database(f"sqlite:///{tmp_path / 'store.sqlite'}")) as found:
        yield found


@pytest.fixture
def marketo() -> ModelMarketo:
    return ModelMarketo()


@pytest.fixture
def run(marketo: ModelMarketo, database: Database) -> Delivery:
    return Delivery(marketo, database)


def fates(ended: dict[str, Result]) -> dict[str, str]:
    return {once: result.code or result.counted for once, result in ended.items()}


def test_a_chat_is_written_once_and_later_runs_call_nobody(
    run: Delivery, marketo: ModelMarketo, database: Database
) -> None:
    assert fates(run.deliver(run.chats("a", "b"))) == {"a": "delivered", "b": "delivered"}
    calls = len(marketo.reads)
    later = Delivery(marketo, database, run="run-2")

    assert fates(later.deliver(later.chats("a", "b"))) == {"a": "the same", "b": "the same"}
    assert marketo.times() == {"a": 1, "b": 1}
    assert (len(marketo.adds), len(marketo.reads)) == (1, calls)
    assert marketo.kept[0][:3] == (1, "a", "2026-11-28T10:00:00Z")


LOST = [
    Act("lost"),
    Act("lost", share=0.0),
    Act("lost", share=0.5),
    Act("lost", after=89.0),
    Act("lost", share=0.5, after=2 * TIMEOUT - 1),
]


@pytest.mark.parametrize("by_insert", [False, True])
@pytest.mark.parametrize("lag", [0.0, VISIBILITY])
@pytest.mark.parametrize("act", LOST)
def test_a_lost_reply_is_read_back_and_only_what_is_absent_is_sent_again(
    run: Delivery,
    marketo: ModelMarketo,
    act: Act,
    lag: float,
    by_insert: bool,  # noqa: FBT001
) -> None:
    marketo.acts, marketo.lag, marketo.by_insert = deque([act]), lag, by_insert

    assert {r.fate for r in run.deliver(run.chats(*"abcd")).values()} == {Fate.DONE}
    assert marketo.times() == dict.fromkeys("abcd", 1)


def test_what_was_sent_and_lost_rests_until_twice_the_time_out_and_is_read_twice(
    run: Delivery, marketo: ModelMarketo
) -> None:
    marketo.acts = deque([Act("lost", share=0.0)])
    run.deliver(run.chats("a"))

    assert run.waited >= 2 * TIMEOUT - 1 + VISIBILITY
    assert len(marketo.adds) == 2


def test_after_three_attempts_nobody_can_tell_and_nothing_sends_it(
    run: Delivery, marketo: ModelMarketo, database: Database
) -> None:
    marketo.acts = deque([Act("lost", share=0.0)] * 3)
    assert fates(run.deliver(run.chats("a"))) == {"a": "undecided"}
    assert len(marketo.adds) == 3

    with database.write() as connection:
        run.kind.refused(connection, [(run.kind.part(LANE), "a")])
    replayed = Delivery(marketo, database, run="replay")
    assert fates(replayed.deliver(replayed.chats("a"))) == {"a": "undecided"}
    assert replayed.ledger.decide(CHAT, "a", written=False)
    assert fates(replayed.deliver(replayed.chats("a"))) == {"a": "delivered"}


def test_a_call_that_was_surely_not_carried_out_is_no_attempt(
    run: Delivery, marketo: ModelMarketo
) -> None:
    marketo.acts = deque([Act("606")] * 9)
    assert fates(run.deliver(run.chats("a"))) == {"a": "delivered"}
    assert run.ledger.pending() == []

    marketo.acts = deque([Act("606"), Act("unavailable")])
    run.deliver(run.chats("b"))
    assert run.failure is not None
    assert run.ledger.states(CHAT, ["b"]) == {"b": State.NONE}


def test_a_store_that_is_too_slow_sends_nothing(run: Delivery, marketo: ModelMarketo) -> None:
    slow = iter([6.0] * 2)
    run.ledger.instant = lambda at: marketo.clock.sleep(
        next(slow, 0.0) if at == "after claim" else 0.0
    )
    assert fates(run.deliver(run.chats("a"))) == {"a": "delivered"}

    slow = iter([6.0] * 3)
    assert fates(run.deliver(run.chats("b"))) == {"b": "delivered"}
    assert marketo.times() == {"a": 1, "b": 1}


def test_rows_leave_within_five_seconds_of_the_commit_that_claims_them(
    run: Delivery, marketo: ModelMarketo
) -> None:
    waits, claimed, left = iter([6.0, 5.5]), [0.0], []

    def store(at: str) -> None:
        if at == "before claim":
            claimed.append(marketo.clock.now)
        elif at == "after claim":
            marketo.clock.sleep(next(waits, 4.0))

    def sends(at: str) -> None:
        if at == "sent":
            left.append(marketo.clock.now - claimed[-1])

    run.ledger.instant, marketo.instant = store, sends
    assert fates(run.deliver(run.chats("a"))) == {"a": "delivered"}
    assert left == [4.0]


def test_what_may_be_at_work_is_not_read_back_before_twice_the_time_out(
    run: Delivery, marketo: ModelMarketo
) -> None:
    marketo.acts = deque([Act("lost", after=2 * TIMEOUT - 5)])
    rows = run.chats("a")
    with pytest.raises(CallFailed) as lost:
        run.kind.send(LANE, rows)
    assert lost.value.at_work_seconds == 2 * TIMEOUT - 1, "a second was spent on waiting for it"

    reads = len(marketo.reads)
    marketo.clock.sleep(TIMEOUT + 9)
    (early,) = run.kind.read_back(LANE, rows).results
    assert (early.fate, early.wait_seconds) == (Fate.UNKNOWN, TIMEOUT - 10)
    assert len(marketo.reads) == reads
    marketo.clock.sleep(early.wait_seconds)
    (found,) = run.kind.read_back(LANE, rows).results
    assert found.fate is Fate.DONE


def test_what_an_earlier_run_left_is_read_back_before_it_is_sent(
    run: Delivery, marketo: ModelMarketo, database: Database
) -> None:
    marketo.acts = deque([Act("lost", after=100.0)])
    with pytest.raises(CallFailed):
        run.kind.send(LANE, run.chats("a"))
    later = Delivery(marketo, database, run="run-2")

    assert fates(later.deliver(later.chats("a", "b"))) == {"a": "delivered", "b": "delivered"}
    assert marketo.times() == {"a": 1, "b": 1}


def test_an_activity_that_went_over_to_another_person_is_found(
    run: Delivery, marketo: ModelMarketo
) -> None:
    marketo.acts = deque([Act("lost")])
    run.instant = marketo.instant = lambda at: marketo.merge(1, 2) if at == "waited" else None

    assert {r.fate for r in run.deliver(run.chats("a")).values()} == {Fate.DONE}
    assert marketo.times() == {"a": 1}
    assert [set(each) for each in marketo.reads[-2:]] == [{1}, set()]


@pytest.mark.parametrize("merged", [False, True], ids=["it stayed", "a merge moved it"])
def test_it_is_read_back_of_whom_it_was_sent_for_and_of_who_has_the_key_now(
    run: Delivery,
    marketo: ModelMarketo,
    merged: bool,  # noqa: FBT001
) -> None:
    marketo.acts = deque([Act("lost")])
    with pytest.raises(CallFailed):
        run.kind.send(LANE, run.chats("a", lead=1))
    if merged:
        marketo.merge(1, 2)
    marketo.clock.sleep(2 * TIMEOUT)
    before = len(marketo.reads)
    (found,) = run.kind.read_back(LANE, run.chats("a", lead=2)).results

    assert found.fate is Fate.DONE
    assert marketo.reads[before:] == [{1, 2}], "and nobody else's were read"


def test_where_one_of_several_people_has_gone_everybodys_are_read(
    run: Delivery, marketo: ModelMarketo
) -> None:
    marketo.acts = deque([Act("lost", share=0.5)])
    rows = run.chats("a", lead=1) + run.chats("b", lead=3)
    with pytest.raises(CallFailed):
        run.kind.send(LANE, rows)
    marketo.merge(1, 9)  # whom no record names
    marketo.clock.sleep(2 * TIMEOUT)
    (moved, absent) = run.kind.read_back(LANE, rows).results

    assert (moved.fate, absent.fate) == (Fate.DONE, Fate.UNKNOWN)


def test_an_activity_that_is_there_twice_is_reported_and_done(
    run: Delivery, marketo: ModelMarketo, caplog: pytest.LogCaptureFixture
) -> None:
    marketo.acts = deque([Act("lost")])
    with pytest.raises(CallFailed):
        run.kind.send(LANE, run.chats("a", "b"))
    marketo.kept.append(marketo.kept[0])
    marketo.clock.sleep(2 * TIMEOUT)
    found = run.kind.read_back(LANE, run.chats("a", "b")).results

    assert [each.fate for each in found] == [Fate.DONE] * 2
    told = [each.getMessage() for each in caplog.records if each.levelname == "ERROR"]
    assert told == ["1 activities of type livechatChat are in Marketo twice"]


def test_the_activities_of_many_people_are_read_together(
    run: Delivery, marketo: ModelMarketo
) -> None:
    marketo.leads = set(range(1, 41))
    marketo.acts = deque([Act("lost", share=0.5)])
    rows = [run.chat(f"t{n}", n, "2026-11-28T10:00:00Z") for n in range(1, 41)]
    marketo.reads.clear()

    run.deliver(rows)
    assert set(marketo.times().values()) == {1}
    # The type, since `since`; everybody; once more those of whom nothing was found.
    assert [len(each) for each in marketo.reads] == [0, 0, 20]


def test_where_everybodys_are_too_many_those_of_thirty_people_are_read_at_a_time(
    run: Delivery, marketo: ModelMarketo
) -> None:
    marketo.leads = set(range(1, 41))
    rows = [row for lead in marketo.leads for row in run.chats(f"t{lead}", lead=lead)]
    marketo.acts = deque([Act("lost")])
    with pytest.raises(CallFailed):
        run.kind.send(LANE, rows)
    marketo.kept += [Kept(99, f"other {n}", "2026-11-28T11:59:30Z", START) for n in range(101)]
    marketo.page_rows = 1
    marketo.clock.sleep(2 * TIMEOUT)
    marketo.reads.clear()

    results = run.kind.read_back(LANE, rows).results
    assert {result.fate for result in results} == {Fate.DONE}
    assert [len(each) for each in marketo.reads] == [0, 30, 10]


def test_what_somebody_else_wrote_just_before_is_done_and_not_sent(
    run: Delivery, marketo: ModelMarketo
) -> None:
    def somebody_else(at: str) -> None:
        if at == "before claim":
            run.ledger.adopt(CHAT, [Found("a", "2026-11-28T10:00:00Z")])

    run.ledger.instant = somebody_else
    (first, second) = run.kind.send(LANE, run.chats("a", "b")).results

    assert (first.fate, first.counted, second.fate) == (Fate.DONE, "the same", Fate.DONE)
    assert marketo.adds == [["b"]]


def test_whether_people_are_there_still_is_asked_three_hundred_at_a_time(
    database: Database,
) -> None:
    asked: list[int] = []

    def lookup(by: str, keys: list[str], fields: list[str]) -> list[dict[str, Any]]:
        assert (by, fields) == ("id", ["id"])
        asked.append(len(keys))
        return [{"id": key} for key in keys if key != "7"]

    marketo = SimpleNamespace(
        leads=SimpleNamespace(lookup=lookup),
        clock=SimpleNamespace(now=lambda: START),
        timeout=1.0,
    )
    settings = SimpleNamespace(instance="one", activity_visibility_seconds=60.0)
    kind = of(
        cast(
            "Parts",
            SimpleNamespace(
                marketo=marketo,
                settings=settings,
                database=database,
                run="",
                lanes={},
                key_hash=lambda _: "",
            ),
        )
    )
    assert kind._means.still_there(range(1, 602)) == set(range(1, 602)) - {7}
    assert asked == [300, 300, 1]


def test_a_person_who_has_gone_is_looked_up_once_more(run: Delivery, marketo: ModelMarketo) -> None:
    marketo.leads.remove(1)
    assert fates(run.deliver(run.chats("a"), found_again=2)) == {"a": "delivered"}
    assert marketo.kept[0].lead_id == 2
    assert fates(run.deliver(run.chats("b"))) == {"b": "1004"}
    assert run.ledger.states(CHAT, ["b"]) == {"b": State.NONE}


def test_texts_that_marketo_finds_too_long_are_shortened_and_sent_again(
    run: Delivery, marketo: ModelMarketo
) -> None:
    marketo.longest = 300
    ended = run.deliver(run.chats("a", text="é" * 1000) + run.chats("b"))

    assert fates(ended) == {"a": "delivered", "b": "delivered"}
    assert marketo.times() == {"a": 1, "b": 1}
    marketo.longest = 10
    assert fates(run.deliver(run.chats("c"))) == {"c": "1049"}


def test_the_once_value_is_never_shortened(run: Delivery, marketo: ModelMarketo) -> None:
    marketo.longest = 200
    once = "T" * 200
    assert fates(run.deliver(run.chats(once))) == {once: "1049"}
    assert not marketo.times()


def test_an_activity_is_known_by_type_and_once_value_alone(run: Delivery) -> None:
    def identity(lead: int, once: str, text: str, lane: Lane = LANE) -> Any:
        mapped = Attachment(lane, {"threadId": once, "text": text}, once=once, at="", primary="")
        return run.kind.identity(lead, run.kind.attachment(mapped))

    other_stream = replace(LANE, since="everything")
    other_type = replace(LANE, key=("mail",))
    assert identity(1, "a", "hi") == identity(2, "a", "ho", other_stream)
    assert identity(1, "a", "hi") != identity(1, "b", "hi")
    assert identity(1, "a", "hi") != identity(1, "a", "hi", other_type)


class NotOursAnyMore(Exception):
    """Another run has the turn to write."""


@pytest.mark.parametrize("act", [Act(), Act("unavailable"), Act("lost"), Act("lost", share=0.0)])
def test_a_run_that_may_no_longer_write_moves_nothing(
    run: Delivery, marketo: ModelMarketo, act: Act
) -> None:
    lost_turn = [False]

    def before_move() -> None:
        if lost_turn[0]:
            raise NotOursAnyMore

    run.kind = CustomActivities(replace(run.kind._means, before_move=before_move))
    marketo.acts = deque([act])
    marketo.instant = lambda at: lost_turn.__setitem__(0, at == "sent" or lost_turn[0])
    with pytest.raises((NotOursAnyMore, CallFailed)):
        run.kind.send(LANE, run.chats("a"))
    assert run.ledger.states(CHAT, ["a"]) == {"a": State.PENDING}

    if act.says == "lost":
        for _ in range(2):
            marketo.clock.sleep(2 * TIMEOUT + VISIBILITY)
            try:
                run.kind.read_back(LANE, run.chats("a"))
            except NotOursAnyMore:
                break
        else:
            pytest.fail("nobody asked whether this run may still write")
        assert run.ledger.states(CHAT, ["a"]) == {"a": State.PENDING}


def test_a_row_that_is_refused_may_be_sent_once_it_is_mended(
    run: Delivery, marketo: ModelMarketo
) -> None:
    marketo.acts = deque([Act(skips="1003")])
    assert fates(run.deliver(run.chats("a", "b"))) == {"a": "1003", "b": "delivered"}
    assert fates(run.deliver(run.chats("a"))) == {"a": "delivered"}


@pytest.mark.parametrize("failing", [EndsKind("no", code="603")])
def test_where_reading_is_forbidden_nobody_can_tell(
    run: Delivery, marketo: ModelMarketo, failing: Exception
) -> None:
    marketo.acts = deque([Act("lost", share=0.0)])
    run.instant = lambda at: marketo.failing_reads.append(failing) if at == "waited" else None
    assert fates(run.deliver(run.chats("a"))) == {"a": "undecided"}
    assert run.ledger.states(CHAT, ["a"]) == {"a": State.PENDING}


def test_while_marketo_does_not_answer_nothing_is_decided(
    run: Delivery, marketo: ModelMarketo
) -> None:
    marketo.acts = deque([Act("lost")])
    run.instant = lambda at: (
        marketo.failing_reads.append(Unavailable("down")) if at == "waited" else None
    )
    run.deliver(run.chats("a"))
    assert run.failure is not None
    assert run.failure.fate is Fate.ENDS_RUN
    assert run.ledger.states(CHAT, ["a"]) == {"a": State.PENDING}


# --- before the first one is added ---------------------------------------------------------------


@pytest.mark.parametrize("by_insert", [False, True])
def test_a_store_that_was_lost_writes_nothing_twice(
    marketo: ModelMarketo,
    database: Database,
    by_insert: bool,  # noqa: FBT001
) -> None:
    marketo.by_insert = by_insert
    marketo.lag = VISIBILITY
    first = Delivery(marketo, database)
    first.deliver(first.chats("a", date="2026-11-05T10:00:00Z"))
    marketo.clock.sleep(VISIBILITY)
    first.deliver(first.chats("b"))  # which shows later than the store was lost
    anew = Delivery(marketo, database, instance="anew")
    anew.deliver(anew.chats("a", date="2026-11-05T10:00:00Z") + anew.chats("b", "c"))

    assert marketo.times() == {"a": 1, "b": 1, "c": 1}


@pytest.mark.parametrize("by_insert", [False, True])
def test_a_store_of_yesterday_does_not_write_an_older_chat_twice(
    marketo: ModelMarketo,
    database: Database,
    by_insert: bool,  # noqa: FBT001
) -> None:
    """Restored from a backup that has a chat newer than one that was written after it."""
    marketo.by_insert = by_insert
    backup = Delivery(marketo, database, instance="backup")
    backup.deliver(backup.chats("short", date="2026-11-28T11:55:00Z"))
    marketo.kept.append(Kept(1, "long", "2026-11-28T08:00:00Z", START + 60))
    marketo.clock.sleep(3600)
    restored = Delivery(marketo, database, instance="backup", run="run-2")

    ended = restored.deliver(restored.chats("long", date="2026-11-28T08:00:00Z"))
    assert fates(ended) == {"long": "the same"}
    assert marketo.times() == {"short": 1, "long": 1}


def test_an_older_chat_than_was_read_for_is_read_for_before_it_is_added(
    run: Delivery, marketo: ModelMarketo, database: Database
) -> None:
    run.deliver(run.chats("a"))
    older = "2026-11-10T10:00:00Z"
    marketo.kept.append(Kept(1, "theirs", older, START - DAY))  # by whom the store knows nothing of
    later = Delivery(marketo, database, run="run-2")
    later.deliver(later.chats("b"))

    assert fates(later.deliver(later.chats("theirs", date=older))) == {"theirs": "the same"}
    assert marketo.times()["theirs"] == 1


def test_older_and_older_chats_are_read_for_in_ever_greater_steps(
    run: Delivery, marketo: ModelMarketo
) -> None:
    for hour in range(23, -1, -1):
        run.deliver(run.chats(f"t{hour}", date=f"2026-11-27T{hour:02}:00:00Z"))
    assert len(marketo.reads) == 1  # an empty ledger is read since `since`

    later = Delivery(marketo, run.database, run="run-2")
    for hour in range(23, -1, -1):
        later.deliver(later.chats(f"u{hour}", date=f"2026-11-26T{hour:02}:00:00Z"))
    assert len(marketo.reads) < 1 + 6


def test_too_much_to_be_read_ends_the_lane_with_the_way_out(
    run: Delivery, marketo: ModelMarketo
) -> None:
    marketo.page_rows = 1
    marketo.kept = [Kept(1, f"old{n}", "2026-11-20T12:00:00Z", START - DAY) for n in range(101)]
    ended = run.deliver(run.chats("a"))

    assert {r.fate for r in ended.values()} == {Fate.ENDS_LANE}
    assert run.failure is not None
    assert "marketo-ops activities adopt --since 2026-10-31" in run.failure.cure
    run.deliver(run.chats("b"))
    assert len(marketo.reads) == 1
    run.ledger.note_adopted(CHAT, "2026-10-31T23:00:00Z", marketo.clock.now)
    again = Delivery(marketo, run.database, run="run-2")
    assert fates(again.deliver(again.chats("a"))) == {"a": "delivered"}

    marketo.clock.sleep(DAY + 1.0)
    late = Delivery(marketo, run.database, run="run-3")
    late.deliver(late.chats("b", date="2026-11-20T10:00:00Z"))
    assert late.failure is not None, "what was taken over counts for a day"


# --- from when on --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("since", "written"),
    [
        ("first_run", "day"),
        ("2026-11-20", "week day"),
        ("everything", "years week day"),
    ],
)
def test_what_is_older_than_since_is_skipped(
    marketo: ModelMarketo, database: Database, since: str, written: str
) -> None:
    run = Delivery(marketo, database, lane=LANE_SINCE[since])
    dates = {
        "ages": "2024-10-01T00:00:00Z",
        "years": "2024-12-01T00:00:00Z",
        "week": "2026-11-21T12:00:00Z",
        "day": "2026-11-27T13:00:00Z",
    }
    ended = run.deliver([run.chat(once, 1, date) for once, date in dates.items()])

    assert " ".join(once for once in dates if fates(ended)[once] == "delivered") == written
    assert set(fates(ended).values()) == {"delivered", "skipped"}


LANE_SINCE = {
    since: Lane(LANE.kind, LANE.key, since=since, once=LANE.once)
    for since in ("first_run", "2026-11-20", "everything")
}


def test_the_first_run_says_since_when_for_all_others(
    marketo: ModelMarketo, database: Database
) -> None:
    lane = LANE_SINCE["first_run"]
    Delivery(marketo, database, lane=lane).kind.send(lane, [])
    marketo.clock.sleep(7 * DAY)
    later = Delivery(marketo, database, run="run-8", lane=lane)
    rows = [later.chat("a", 1, "2026-11-27T13:00:00Z"), later.chat("b", 1, "2026-11-27T11:00:00Z")]
    assert fates(later.deliver(rows)) == {"a": "delivered", "b": "skipped"}


# --- what is not there ---------------------------------------------------------------------------

THREAD = Attribute("threadId", "Thread ID")
NOT_THERE = {
    "no such type": (NotThere("no such type"), Fate.ENDS_LANE, True),
    "not bought": (EndsKind("not bought", code="616"), Fate.ENDS_KIND, True),
    "never approved": (EndsLane("never approved"), Fate.ENDS_LANE, False),
    "no attribute": (ActivityType("livechatChat", id=CHAT), Fate.ENDS_LANE, False),
    "an attribute that keeps no text": (
        ActivityType("livechatChat", id=CHAT, attributes=(Attribute("threadId", "T", "float"),)),
        Fate.ENDS_LANE,
        False,
    ),
}


@pytest.mark.parametrize(("there", "fate", "skipped"), NOT_THERE.values(), ids=NOT_THERE)
def test_without_its_type_a_lane_ends_and_may_be_skipped(
    run: Delivery,
    marketo: ModelMarketo,
    there: ActivityType | Exception,
    fate: Fate,
    skipped: bool,  # noqa: FBT001
) -> None:
    marketo.there = there
    run.lane = Lane(LANE.kind, LANE.key, skip_if_missing=True, once="threadId")
    run.deliver(run.chats("a"))

    assert run.failure is not None
    assert (run.failure.fate, marketo.adds) == (fate, [])
    assert run.failure.cure
    assert run.kind.skips(run.lane) is skipped
    assert not run.kind.skips(LANE)


def test_a_type_that_may_not_be_described_is_written_by_its_id(
    marketo: ModelMarketo, database: Database
) -> None:
    marketo.there = ActivityType("", id=CHAT)
    lane = Lane(LANE.kind, (str(CHAT),), since="2026-11-01", once="threadId")
    run = Delivery(marketo, database, lane=lane)
    marketo.acts = deque([Act("lost"), Act("lost", share=0.0)])

    assert fates(run.deliver(run.chats("a"))) == {"a": "delivered"}
    assert fates(run.deliver(run.chats("b"))) == {"b": "undecided"}


def test_a_type_that_is_not_as_it_was_is_asked_for_again_by_the_next_run(
    run: Delivery, marketo: ModelMarketo
) -> None:
    marketo.acts = deque([Act(skips="1013")])
    assert {r.fate for r in run.deliver(run.chats("c")).values()} == {Fate.ENDS_LANE}
    assert marketo.forgotten == ["livechatChat"]


def test_a_type_that_was_made_anew_takes_the_chats_of_the_same_run(
    run: Delivery, marketo: ModelMarketo
) -> None:
    run.deliver(run.chats("a"))
    marketo.there = structs.replace(CHAT_TYPE, id=CHAT + 1)
    marketo.acts = deque([Act(skips="1003")])

    assert fates(run.deliver(run.chats("b"))) == {"b": "delivered"}
    assert run.ledger.states(CHAT + 1, ["b"]) == {"b": State.DONE}


def test_chats_that_are_refused_for_themselves_have_their_type_asked_for_once_a_run(
    run: Delivery, marketo: ModelMarketo
) -> None:
    for once in "abc":
        marketo.acts = deque([Act(skips="1003")])
        assert fates(run.deliver(run.chats(once))) == {once: "1003"}
    assert marketo.forgotten == ["livechatChat"]


def test_the_person_is_known_to_the_ledger_and_not_sent(run: Delivery, database: Database) -> None:
    run.deliver(run.chats("a"))
    assert run.ledger.purge("hash of 1@example.com").cleared == 1


def test_of_two_with_one_once_value_the_first_is_sent(run: Delivery, marketo: ModelMarketo) -> None:
    rows = [run.chat("a", 1, "2026-11-28T10:00:00Z"), run.chat("a", 2, "2026-11-28T10:00:00Z")]
    first, second = run.kind.send(LANE, rows).results

    assert (first.fate, second.fate) == (Fate.DONE, Fate.UNKNOWN)
    assert run.kind.read_back(LANE, rows[1:]).results[0].fate is Fate.DONE
    assert marketo.times() == {"a": 1}
    assert marketo.kept[0].lead_id == 1
