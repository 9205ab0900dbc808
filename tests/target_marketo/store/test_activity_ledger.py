"""The activity ledger: nothing is handed out twice, whatever ends in between."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from target_marketo.store.activity_ledger import ACTIVITIES, ActivityLedger, Claim, Found, State
from target_marketo.store.database import open_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from target_marketo.store.database import Database

CHAT = 100_001
DATE = "2026-11-20T12:00:00+00:00"


def claim(once: str, lead_id: int = 1, key_hash: str = "") -> Claim:
    return Claim(once, lead_id, DATE, key_hash)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(open_database(f"sqlite:///{tmp_path / 'store.sqlite'}")) as found:
        yield found


@pytest.fixture
def ledger(database: Database) -> ActivityLedger:
    return ActivityLedger(database, "one", "run-1", now=lambda: 1000.0)


def test_what_was_handed_out_is_not_handed_out_again(ledger: ActivityLedger) -> None:
    first = ledger.claim(CHAT, [claim("a"), claim("b"), claim("a", 2)])
    second = ledger.claim(CHAT, [claim("b"), claim("c")])

    assert (first.attempts, first.refused) == ({"a": 0, "b": 0}, {})
    assert (second.attempts, second.refused) == ({"c": 0}, {"b": State.PENDING})
    assert [each.lead_id for each in ledger.pending()] == [1, 1, 1]


@pytest.mark.parametrize("state", [State.DONE, State.UNDECIDED])
def test_what_is_done_or_undecided_is_never_handed_out(
    ledger: ActivityLedger, database: Database, state: State
) -> None:
    ledger.claim(CHAT, [claim("a")])
    if state is State.DONE:
        ledger.settle(CHAT, done={"a": "guid"})
    else:
        with database.write() as connection:
            ledger.undecide(connection, CHAT, ["a"])

    assert ledger.claim(CHAT, [claim("a")]).refused == {"a": state}
    assert ledger.states(CHAT, ["a", "z"]) == {"a": state}


def test_what_is_not_there_is_handed_out_again_and_its_attempts_are_counted(
    ledger: ActivityLedger,
) -> None:
    for before in range(3):
        assert ledger.claim(CHAT, [claim("a")]).attempts == {"a": before}
        ledger.settle(CHAT, none=["a"])

    assert ledger.states(CHAT, ["a"]) == {"a": State.NONE}


def test_what_was_surely_not_carried_out_was_no_attempt(ledger: ActivityLedger) -> None:
    for _ in range(3):
        assert ledger.claim(CHAT, [claim("a")]).attempts == {"a": 0}
        ledger.settle(CHAT, unsent=["a"])

    assert ledger.states(CHAT, ["a"]) == {"a": State.NONE}


def test_a_person_settles_what_is_undecided_and_nothing_else(
    ledger: ActivityLedger, database: Database
) -> None:
    ledger.claim(CHAT, [claim("a"), claim("b"), claim("c")])
    with database.write() as connection:
        ledger.undecide(connection, CHAT, ["a", "b"])

    assert ledger.decide(CHAT, "a", written=True)
    assert ledger.decide(CHAT, "b", written=False)
    assert not ledger.decide(CHAT, "c", written=True)
    assert ledger.states(CHAT, "abc") == {
        "a": State.DONE, "b": State.NONE, "c": State.PENDING,
    }  # fmt: skip


def test_instances_and_types_are_apart(ledger: ActivityLedger, database: Database) -> None:
    other = ActivityLedger(database, "two", "run-1")
    ledger.claim(CHAT, [claim("a")])

    assert ledger.claim(CHAT + 1, [claim("a")]).refused == {}
    assert other.claim(CHAT, [claim("a")]).refused == {}
    assert len(other.pending()) == 1


def test_a_later_run_knows_what_an_earlier_one_left(
    ledger: ActivityLedger, database: Database
) -> None:
    ledger.claim(CHAT, [claim("a", 7)])
    later = ActivityLedger(database, "one", "run-2")
    later.claim(CHAT, [claim("b")])

    (left,) = later.pending(of_earlier_runs=True)
    assert (left.once, left.lead_id, left.attempts, left.sent_at) == ("a", 7, 1, 1000.0)


def test_what_marketo_has_and_the_ledger_lacks_is_adopted(
    ledger: ActivityLedger, database: Database
) -> None:
    ledger.claim(CHAT, [claim("a"), claim("b")])
    ledger.settle(CHAT, done={"a": "guid-a"})
    found = [Found(once, DATE) for once in "abcc"]

    assert ledger.adopt(CHAT, found) == 2
    assert set(ledger.states(CHAT, "abc").values()) == {State.DONE}


def test_the_newest_is_of_those_whose_time_has_come(database: Database) -> None:
    ledger = ActivityLedger(database, "one", now=datetime.fromisoformat(DATE).timestamp)
    assert ledger.newest_done(CHAT) is None
    ledger.adopt(CHAT, [Found("a", "2026-11-19T00:00:00Z"), Found("b", DATE)])
    ledger.adopt(CHAT, [Found("c", "2026-12-01T00:00:00Z")])
    assert ledger.newest_done(CHAT) == DATE


def test_since_is_what_the_first_run_proposed(ledger: ActivityLedger) -> None:
    assert ledger.since(CHAT, "2026-11-01") == "2026-11-01"
    assert ledger.since(CHAT, "2026-11-02") == "2026-11-01"


def test_what_a_person_had_taken_over_does_not_say_from_when_on_to_write(
    ledger: ActivityLedger,
) -> None:
    assert ledger.adopted(CHAT) is None
    ledger.note_adopted(CHAT, "2026-01-01", 1000.0)
    assert ledger.since(CHAT, "2026-11-01") == "2026-11-01"
    ledger.note_adopted(CHAT, "2026-02-01", 1000.0)

    adopted = ledger.adopted(CHAT)
    assert adopted is not None
    assert (adopted.since, adopted.at) == ("2026-02-01", 1000.0)
    assert ledger.since(CHAT, "2026-11-02") == "2026-11-01"


def test_the_undecided_can_be_listed(ledger: ActivityLedger, database: Database) -> None:
    ledger.claim(CHAT, [claim("a"), claim("b")])
    with database.write() as connection:
        ledger.undecide(connection, CHAT, ["a"])

    assert ledger.undecided() == [(CHAT, "a")]


def test_what_a_person_has_sent_again_has_all_its_attempts(
    ledger: ActivityLedger, database: Database
) -> None:
    for _ in range(3):
        ledger.claim(CHAT, [claim("a")])
        ledger.settle(CHAT, none=["a"])
    assert ledger.claim(CHAT, [claim("a")]).attempts == {"a": 3}
    with database.write() as connection:
        ledger.undecide(connection, CHAT, ["a"])

    assert ledger.decide(CHAT, "a", written=False)
    assert ledger.claim(CHAT, [claim("a")]).attempts == {"a": 0}


def test_only_what_is_pending_becomes_undecided(ledger: ActivityLedger, database: Database) -> None:
    ledger.claim(CHAT, [claim(once) for once in "abc"])
    ledger.settle(CHAT, done={"a": "guid"}, none=["b"])
    with database.write() as connection:
        ledger.undecide(connection, CHAT, ["a", "b", "c", "d"])

    assert ledger.states(CHAT, "abcd") == {
        "a": State.DONE,
        "b": State.NONE,
        "c": State.UNDECIDED,
    }


def test_a_purge_clears_who_it_was_and_keeps_that_it_was_written(
    ledger: ActivityLedger, database: Database
) -> None:
    ledger.claim(CHAT, [claim("a", 7, "jane"), claim("b", 8, "max")])
    ledger.settle(CHAT, done={"a": "guid"})

    assert ledger.purge("jane") == (1, 0, 0)
    assert ledger.purge("jane") == (0, 0, 0)
    assert ledger.purge("max") == (0, 1, 0), "whose it is has to be known until it is settled"
    assert [each.lead_id for each in ledger.pending()] == [8]
    assert ledger.claim(CHAT, [claim("a", 7, "jane")]).refused == {"a": State.DONE}
    with database.read() as connection:
        columns = (ACTIVITIES.c.lead_id, ACTIVITIES.c.guid, ACTIVITIES.c.key_hash)
        rows = connection.execute(select(*columns).order_by(ACTIVITIES.c.once)).all()
    assert [tuple(row) for row in rows] == [(None, None, None), (8, None, "max")]


def test_only_what_marketo_has_deleted_itself_is_forgotten(database: Database) -> None:
    now = datetime(2026, 11, 28, tzinfo=UTC).timestamp()
    ledger = ActivityLedger(database, "one", now=lambda: now)
    old, new = "2023-08-01T00:00:00+00:00", "2023-12-01T00:00:00+00:00"
    ledger.claim(CHAT, [Claim("a", 1, old), Claim("b", 1, new), Claim("c", 1, old)])
    ledger.settle(CHAT, done={"a": "1", "b": "2"})

    assert ledger.forget_older() == 1
    assert ledger.states(CHAT, "abc") == {"b": State.DONE, "c": State.PENDING}


class Model(RuleBasedStateMachine):
    """Random moves: nothing is sent while it may be written, and nothing written twice."""

    database: Database

    def __init__(self) -> None:
        super().__init__()
        self.ledger = ActivityLedger(self.database, f"model-{id(self)}")
        self.in_flight: dict[str, bool] = {}  # once value -> whether Marketo took it
        self.written: dict[str, int] = {}

    onces = st.sampled_from("abcde")

    @rule(onces=st.lists(onces, max_size=4), taken=st.booleans())
    def send(self, onces: list[str], taken: bool) -> None:  # noqa: FBT001 - hypothesis names it
        for once in self.ledger.claim(CHAT, [claim(each) for each in onces]).attempts:
            assert once not in self.in_flight
            self.in_flight[once] = taken
            self.written[once] = self.written.get(once, 0) + taken

    @rule(once=onces)
    def reply(self, once: str) -> None:
        if once in self.in_flight:
            taken = self.in_flight.pop(once)
            self.ledger.settle(
                CHAT, done={once: "guid"} if taken else {}, none=[] if taken else [once]
            )

    @rule()
    def read_back(self) -> None:
        there = [once for once, times in self.written.items() if times]
        self.ledger.adopt(CHAT, [Found(once, DATE) for once in there])
        for once in there:
            self.in_flight.pop(once, None)

    @invariant()
    def nothing_is_written_twice(self) -> None:
        assert max(self.written.values(), default=0) <= 1


def test_nothing_is_written_twice_whatever_comes_in_whatever_order(database: Database) -> None:
    run_state_machine_as_test(type("OnOneStore", (Model,), {"database": database}))
