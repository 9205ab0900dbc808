"""STATE is never ahead of the records before it, and never later than it must be."""

from __future__ import annotations

from random import Random  # noqa: TC003 - hypothesis reads the annotation

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_marketo.delivery.checkpoint import Checkpoint


def test_a_state_waits_for_the_records_before_it() -> None:
    checkpoint = Checkpoint()
    first, second = checkpoint.received(), checkpoint.received()
    checkpoint.state(b"A")
    checkpoint.received()
    checkpoint.settled([second])
    assert checkpoint.take() is None

    checkpoint.settled([first])

    assert checkpoint.take() == b"A"
    assert checkpoint.take() is None
    assert checkpoint.open == 1


def test_a_state_without_records_is_safe_at_once() -> None:
    checkpoint = Checkpoint()
    checkpoint.state(b"A")
    checkpoint.state(b"B")

    assert checkpoint.take() == b"B"


def test_a_record_that_is_settled_twice_is_a_defect() -> None:
    checkpoint = Checkpoint()
    ticket = checkpoint.received()
    checkpoint.settled([ticket])

    with pytest.raises(ValueError, match="more often"):
        checkpoint.settled([ticket])


@given(st.lists(st.sampled_from(["record", "state", "settle", "take"]), max_size=60), st.randoms())
def test_any_order_of_events(events: list[str], random: Random) -> None:
    checkpoint = Checkpoint()
    unsettled: list[tuple[int, int]] = []  # position among records, ticket
    received = 0
    states: list[int] = []  # how many records came before each
    taken = -1
    for event in events:
        if event == "record":
            unsettled.append((received, checkpoint.received()))
            received += 1
        elif event == "state":
            states.append(received)
            checkpoint.state(str(len(states) - 1).encode())
        elif event == "settle" and unsettled:
            _, ticket = unsettled.pop(random.randrange(len(unsettled)))
            checkpoint.settled([ticket])
        elif event == "take":
            first_open = min((position for position, _ in unsettled), default=received)
            safe = [number for number, before in enumerate(states) if before <= first_open]
            expected = safe[-1] if safe and safe[-1] > taken else None
            assert checkpoint.take() == (None if expected is None else str(expected).encode())
            taken = taken if expected is None else expected
    assert checkpoint.open == len(unsettled)


def test_the_states_behind_one_open_record_are_as_many_as_the_open_records() -> None:
    checkpoint = Checkpoint()
    hung = checkpoint.received()
    for number in range(1000):
        checkpoint.state(b"between %d" % number)
        checkpoint.settled([checkpoint.received()])
    checkpoint.state(b"last")

    assert checkpoint.bytes == len(b"last"), "the others will never be written"
    assert checkpoint.take() is None
    checkpoint.settled([hung])
    assert checkpoint.take() == b"last"
    assert checkpoint.bytes == 0


def test_records_that_wait_for_all_others_wait_until_the_next_state_and_for_them_alone() -> None:
    checkpoint = Checkpoint()
    absent, other = checkpoint.received(), checkpoint.received()
    checkpoint.absent([absent])
    assert checkpoint.quiet_before(ended=True) == absent, "another record is open"

    checkpoint.settled([other])
    assert checkpoint.quiet_before(ended=False) == absent, "others may come before the STATE"
    assert absent < checkpoint.quiet_before(ended=True), "none comes any more"

    checkpoint.state(b"A")
    later = checkpoint.received()
    checkpoint.state(b"B")
    assert absent < checkpoint.quiet_before(ended=False) == later

    checkpoint.absent([absent], -1)
    assert checkpoint.quiet_before(ended=False) == absent, "it is looked up now"
