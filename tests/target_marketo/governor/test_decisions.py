"""May a call be made now: tables, without a store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from target_marketo.governor.budget import Reduced
from target_marketo.governor.day import Day
from target_marketo.governor.decisions import Admitted, Now, Spent, Wait, Why, admit, refresh
from target_marketo.governor.limits import Limits
from target_marketo.governor.pause import Pause
from target_marketo.governor.state import State
from target_marketo.store.leases import Row

AT = 1000.0
NOON = datetime(2026, 11, 20, 18, tzinfo=UTC)  # in Chicago
US, THEM = "us", "them"
GO = Admitted(tries_quota=False)


def held(count: int, process: str = US, *, slot: float = AT, place: float = AT + 5) -> list[Row]:
    """Calls that were granted; as a rule they are over, and hold their places for 5 s more."""
    return [
        Row(f"{process} {number}", process, "host", 1, AT - 15, slot, place)
        for number in range(count)
    ]


def asked(
    state: State, rows: list[Row], *, calls: int = 10, concurrent: int = 5, at: float = AT
) -> Admitted | Wait | Spent:
    limits = Limits(
        calls=calls, seconds=20.0, concurrent=concurrent, daily=1000, lease_seconds=130.0
    )
    now = Now(at, NOON + timedelta(seconds=at - AT))
    return admit(state, rows, US, limits, now, reads_usage=False)


def test_nobody_calls_before_a_pause_is_over() -> None:
    state = State(pause=Pause(until=AT + 3))
    assert asked(state, []) == Wait(Why.PAUSE, AT + 3)
    assert asked(state, [], at=AT + 3) == GO


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (held(9), GO),
        (held(10), Wait(Why.WINDOW, AT + 5)),
        (held(10, place=AT), GO),
        (held(4, slot=AT + 1), GO),
        (held(5, slot=AT + 1), Wait(Why.SLOT, None)),
    ],
)
def test_a_call_needs_a_place_in_the_window_and_a_slot(rows: list[Row], expected: object) -> None:
    assert asked(State(), rows) == expected


def test_a_reduced_window_is_spent_evenly_and_asked_again_when_it_may_have_grown() -> None:
    state = State(rate=Reduced(calls=4.0, clean_since=AT - 17), next_call_at=AT + 2)
    assert asked(state, held(3)) == Wait(Why.WINDOW, AT + 2)
    assert asked(state, held(4)) == Wait(Why.WINDOW, AT + 3), "it grows then"
    assert asked(state, held(3), at=AT + 2) == GO
    assert asked(replace(state, rate=Reduced()), held(3)) == GO, "alone, all may leave at once"


def test_a_window_that_others_fill_leaves_us_two_calls() -> None:
    state = State(rate=Reduced(calls=0.0, clean_since=AT))
    assert asked(state, held(1)) == GO
    assert asked(state, held(2)) == Wait(Why.WINDOW, AT + 5)


def test_while_one_call_tries_a_spent_quota_nobody_else_does() -> None:
    day = replace(Day().at(NOON), tried_at=NOON.timestamp() - 7200.0)
    assert asked(State(day=day), []) == Admitted(tries_quota=True)

    tried = replace(day, probe="them 1", probe_until=AT + 1)
    assert asked(State(day=tried), []) == Wait(Why.RESET, None)
    assert asked(State(day=tried), [], at=AT + 1) == Admitted(tries_quota=True), "it was killed"


@pytest.mark.parametrize(
    ("calls", "ours", "theirs", "goes_first"),
    [
        (10, 9, 0, THEM),
        (10, 6, 3, THEM),
        (10, 5, 3, US),  # two more are no more
        (10, 8, 0, US),  # two places are free, and they need one
        (100, 52, 47, US),
        (100, 53, 46, THEM),  # a twentieth of the window more
    ],
)
def test_the_last_place_of_a_window_is_for_who_waits_and_holds_clearly_less(
    calls: int, ours: int, theirs: int, goes_first: str
) -> None:
    rows = held(ours) + held(theirs, THEM)
    waiting = State(waiting={US: AT + 1, THEM: AT + 1})
    expected = GO if goes_first == US else Wait(Why.TURN, None)
    assert asked(waiting, rows, calls=calls) == expected
    assert asked(State(waiting={US: AT + 1}), rows, calls=calls) == GO, "nobody else waits"


def test_who_did_not_ask_again_when_it_was_to_waits_no_more() -> None:
    limits = Limits(calls=10, seconds=20.0, concurrent=5, daily=1000, lease_seconds=130.0)
    state = State(waiting={US: AT, THEM: AT + 0.001})
    assert refresh(state, limits, Now(AT, NOON)).waiting == {THEM: AT + 0.001}


@pytest.mark.parametrize(
    ("ours", "theirs", "goes_first"), [(4, 0, THEM), (2, 0, US), (3, 1, THEM), (2, 2, US)]
)
def test_so_is_the_last_slot(ours: int, theirs: int, goes_first: str) -> None:
    rows = held(ours, slot=AT + 1) + held(theirs, THEM, slot=AT + 1)
    found = asked(State(waiting={THEM: AT + 1}), rows, calls=100)
    assert found == (GO if goes_first == US else Wait(Why.TURN, None))
