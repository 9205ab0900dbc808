"""What the answer to a write means for its people."""

from __future__ import annotations

from typing import Any

import pytest

from target_marketo.delivery.entry import Entry
from target_marketo.delivery.interface import Answer, Fate, Result, Unavailable
from target_marketo.delivery.outcomes import Sorted, are_about, sort
from target_marketo.delivery.settlement import Why
from target_marketo.delivery.standstill import MAX_ATTEMPTS
from target_marketo.mapping.rules import Decision, Update

DONE = Result(Fate.DONE)


def person(
    key: str, *, rows: int = 1, attempts: int = 0, decision: Decision | None = None
) -> Entry:
    entry = Entry(person=("email", key), key=key, attempts=attempts, decision=decision)
    entry.take_rows([b"{}"] * rows)
    return entry


def updated(*leads: int) -> Entry:
    updates = tuple(Update(lead, {}) for lead in leads)
    return person("u", rows=len(leads), decision=Decision(updates=updates))


def sorted_(entries: list[Entry], *results: Result) -> Sorted:
    return sort(entries, Answer(results, "request-1"))


def test_all_are_done_and_those_who_were_created_know_their_id() -> None:
    new = [person(key, decision=Decision(create={})) for key in ("a", "b")]
    found = sorted_(new, Result(Fate.DONE, lead_id=7), Result(Fate.DONE, lead_id=8))
    assert found == Sorted(done=new)
    assert [entry.lead_id for entry in new] == [7, 8]


def test_who_was_updated_is_not_given_the_id_of_a_row() -> None:
    two = updated(1, 2)
    sorted_([two], Result(Fate.DONE, lead_id=1), Result(Fate.DONE, lead_id=2))
    assert two.lead_id is None
    undecided = person("x")
    sorted_([undecided], Result(Fate.DONE, lead_id=1))
    assert undecided.lead_id is None


def test_each_has_the_fate_of_their_own_rows() -> None:
    first, second, third = person("a", decision=Decision(create={})), updated(1, 2), person("c")
    refused = Result(Fate.REFUSED, code="1003", cure="mend it", field="city")
    found = sorted_([first, second, third], Result(Fate.DONE, lead_id=9), DONE, refused, DONE)
    assert found.done == [first, third]
    assert first.lead_id == 9, "also where not everybody is done"
    assert found.refused == {Why("1003", "mend it", "request-1", "city"): [(second, 2)]}
    assert not found.doubted


def test_the_first_row_that_is_not_well_tells_of_all() -> None:
    several = updated(1, 2, 3)
    other = Result(Fate.REFUSED, code="1077")
    found = sorted_([several], DONE, Result(Fate.REFUSED, code="1003"), other)
    assert found.refused == {Why("1003", "", "request-1"): [(several, 1)]}


def test_who_is_refused_for_the_same_reason_is_told_together() -> None:
    people = [person(key) for key in "abc"]
    doubted = Result(Fate.REFUSED, code="1006", doubts=True)
    plain = Result(Fate.REFUSED, code="1006")
    found = sorted_(people, doubted, plain, doubted)
    assert found.doubted == {Why("1006", "", "request-1"): [(people[0], 0), (people[2], 2)]}
    assert found.refused == {Why("1006", "", "request-1"): [(people[1], 1)]}


@pytest.mark.parametrize(
    ("fate", "attempts", "expected"),
    [
        (Fate.AGAIN, 0, "again"),
        (Fate.AGAIN, 1, 10.0),
        (Fate.LATER, 0, 5.0),
        (Fate.UNKNOWN, 0, 5.0),
        (Fate.LATER, MAX_ATTEMPTS - 2, 80.0),
        (Fate.LATER, MAX_ATTEMPTS - 1, "refused"),
        (Fate.AGAIN, MAX_ATTEMPTS - 1, "refused"),
        (Fate.UNKNOWN, MAX_ATTEMPTS - 1, "refused"),
    ],
)
def test_nothing_is_tried_for_ever(fate: Fate, attempts: int, expected: Any) -> None:
    entry = person("a", attempts=attempts)
    found = sorted_([entry], Result(fate, code="1019"))
    assert entry.attempts == attempts + 1
    assert found.again == ([entry] if expected == "again" else [])
    assert found.later == ({expected: [entry]} if isinstance(expected, float) else {})
    assert bool(found.refused) is (expected == "refused")


def test_a_row_that_is_refused_uses_up_no_try() -> None:
    entry = person("a")
    sorted_([entry], Result(Fate.REFUSED))
    assert entry.attempts == 0


def test_what_would_refuse_every_other_row_ends_the_run_and_leaves_the_records_open() -> None:
    error = Unavailable("not allowed")
    told, silent = person("a"), person("b")
    found = sorted_([told, silent], Result(Fate.ENDS_RUN, error=error), Result(Fate.ENDS_RUN))
    assert found.ends[0] is error
    assert isinstance(found.ends[1], Unavailable)
    assert (found.done, found.again, found.later, found.refused) == ([], [], {}, {})


def test_results_are_about_the_updates_that_were_sent_in_their_order() -> None:
    one, two = Result(Fate.DONE, lead_id=1), Result(Fate.DONE, lead_id=2)
    skipped = Result(Fate.REFUSED)
    assert are_about([one, two], [updated(1), updated(2)])
    assert are_about([one, two], [updated(1, 2)])
    assert not are_about([two, one], [updated(1, 2)])
    assert are_about([one, skipped], [updated(1, 2)]), "who is skipped has no id"
    assert not are_about([skipped, one], [updated(1, 2)])
    assert are_about([one], [person("new")]), "who is new has an id nobody knows"
