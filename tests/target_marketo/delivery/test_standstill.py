"""Whether nothing gets through, or one row is to blame: decided on a scripted clock."""

from __future__ import annotations

import pytest

from target_marketo.delivery.entry import Item
from target_marketo.delivery.interface import CallFailed, Fate, Unavailable
from target_marketo.delivery.standstill import MAX_ATTEMPTS, Standstill, put_off_for

PATIENCE = 600.0


def failure(*, at_work: float = 0.0, halves: bool = False) -> CallFailed:
    error = Unavailable("no answer")
    return CallFailed(error, Fate.UNKNOWN, at_work_seconds=at_work, halves=halves)


def items(count: int) -> list[Item]:
    return [Item(since=0.0) for _ in range(count)]


def test_everybody_rests_twice_as_long_each_time_up_to_half_a_minute() -> None:
    standstill, sent = Standstill(PATIENCE), items(1)
    rests = [standstill.failed(sent, failure(), 0.0) for _ in range(7)]
    assert rests == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]

    standstill.got_through()
    assert standstill.failed(sent, failure(), 0.0) == 1.0


def test_nobody_is_sent_again_while_the_call_may_be_at_work() -> None:
    standstill = Standstill(PATIENCE)
    assert standstill.failed(items(1), failure(at_work=120.0), 0.0) == 120.0
    assert standstill.failed(items(1), failure(at_work=1.5), 0.0) == 2.0


def test_a_standstill_lasts_from_its_first_failure_until_something_gets_through() -> None:
    standstill = Standstill(PATIENCE)
    assert not standstill.lasts(1e9)
    standstill.failed(items(1), failure(), 100.0)
    standstill.failed(items(1), failure(), 650.0)
    assert not standstill.lasts(699.9)
    assert standstill.lasts(700.0)

    standstill.got_through()
    assert not standstill.lasts(1e9)
    standstill.failed(items(1), failure(), 2000.0)
    assert not standstill.lasts(2599.9)
    assert standstill.lasts(2600.0)


def test_a_run_that_ends_for_it_says_for_how_long_and_why() -> None:
    assert str(Standstill(PATIENCE).end(failure())) == (
        "no write has got through for 10 minutes; the last: no answer"
    )


def test_calls_are_halved_at_once_where_the_number_of_rows_may_be_the_cause() -> None:
    sent = items(5)
    Standstill(PATIENCE).failed(sent, failure(halves=True), 0.0)
    assert [item.batch_limit for item in sent] == [2] * 5

    alone = items(1)
    Standstill(PATIENCE).failed(alone, failure(halves=True), 0.0)
    assert alone[0].batch_limit == 1


def test_calls_are_halved_after_the_second_reset() -> None:
    standstill, sent = Standstill(PATIENCE), items(4)
    limits = []
    for _ in range(3):
        standstill.failed(sent, failure(), 0.0)
        limits.append(sent[0].batch_limit)
    assert limits == [0, 0, 2]


def fails_alone(times: int, *, others_get_through: bool) -> tuple[Standstill, list[Item]]:
    standstill, sent = Standstill(PATIENCE), items(1)
    for _ in range(times):
        standstill.failed(sent, failure(), 0.0)
        if others_get_through:
            standstill.got_through()
    return standstill, sent


def test_a_row_is_to_blame_that_failed_alone_again_and_again_while_others_got_through() -> None:
    standstill, sent = fails_alone(MAX_ATTEMPTS - 1, others_get_through=True)
    assert not standstill.blames(sent, 0.0)
    standstill.failed(sent, failure(), 0.0)
    assert standstill.blames(sent, 0.0)


def test_no_row_is_to_blame_while_nothing_gets_through() -> None:
    standstill, sent = fails_alone(5 * MAX_ATTEMPTS, others_get_through=False)
    assert not standstill.blames(sent, 0.0)
    assert not standstill.blames(sent, PATIENCE), "nobody has ever seen another get through"


@pytest.mark.parametrize(("sightings", "is_blamed"), [(2, False), (3, True)])
def test_three_sightings_are_needed(sightings: int, *, is_blamed: bool) -> None:
    standstill, sent = Standstill(PATIENCE), items(1)
    for number in range(2 * MAX_ATTEMPTS):
        standstill.failed(sent, failure(), 0.0)
        if number < sightings:
            standstill.got_through()
    assert standstill.blames(sent, 0.0) is is_blamed


def test_what_got_through_before_a_row_first_failed_shows_nothing() -> None:
    standstill, sent = Standstill(PATIENCE), items(1)
    standstill.got_through()
    standstill.failed(sent, failure(), 0.0)
    assert sent[0].sightings == 0
    standstill.failed(sent, failure(), 0.0)
    assert sent[0].sightings == 0, "nothing has got through in between"
    standstill.got_through()
    standstill.failed(sent, failure(), 0.0)
    assert sent[0].sightings == 1


def test_one_sighting_is_enough_when_no_other_is_left_to_show_anything() -> None:
    standstill, sent = fails_alone(1, others_get_through=True)
    standstill.failed(sent, failure(), 0.0)
    assert not standstill.blames(sent, PATIENCE - 1)
    assert standstill.blames(sent, PATIENCE)


def test_no_row_is_to_blame_that_had_company() -> None:
    standstill, sent = Standstill(PATIENCE), items(2)
    for _ in range(2 * MAX_ATTEMPTS):
        standstill.failed(sent, failure(), 0.0)
        standstill.got_through()
    assert not standstill.blames(sent, 0.0)
    assert not standstill.blames(sent[:1], 0.0), "it was never alone"
    standstill.failed(sent, failure(), 0.0)
    assert not standstill.blames(sent, PATIENCE), "which of the two is it?"


def test_six_tries_are_enough() -> None:
    assert MAX_ATTEMPTS == 6


def test_a_row_is_put_off_for_twice_as_long_each_time() -> None:
    assert [put_off_for(tries) for tries in (1, 2, 3)] == [5.0, 10.0, 20.0]
