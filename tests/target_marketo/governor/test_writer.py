"""One run at a time writes to an instance."""

from __future__ import annotations

import pytest

from target_marketo.governor.errors import AnotherWrites, StoreUnavailable
from target_marketo.governor.writer import Writer
from target_marketo.store.errors import StoreError
from tests.target_marketo.governor.memory_leases import MemoryLeases
from tests.target_marketo.governor.scripted import ScriptedClock

TERM = 30.0
INSTANCE = "123-abc-456.example"


class Pair:
    """Two runs of one instance, on one clock."""

    def __init__(self) -> None:
        self.clock = ScriptedClock()
        self.leases = MemoryLeases(self.clock.monotonic)
        self.first, self.second = self.writer(), self.writer()

    def writer(self, instance: str = INSTANCE) -> Writer:
        return Writer(instance, self.leases, clock=self.clock, patience_seconds=900.0)


@pytest.fixture
def pair() -> Pair:
    return Pair()


def test_the_second_waits_until_the_first_has_ended(pair: Pair) -> None:
    first = pair.first.held()
    first.__enter__()
    began = pair.clock.now

    def end_after_ten_seconds() -> None:
        if pair.clock.now == began + 10:
            first.__exit__(None, None, None)

    pair.clock.while_asleep = end_after_ten_seconds
    with pair.second.held():
        assert pair.clock.now - began == 11
        pair.second.check()


def test_other_instances_are_not_waited_for(pair: Pair) -> None:
    with pair.first.held(), pair.writer("789-xyz-000.example").held():
        assert not pair.clock.sleeps


def test_a_killed_run_is_waited_for_no_longer_than_its_term(pair: Pair) -> None:
    pair.first._take()
    began = pair.clock.now

    with pair.second.held():
        assert pair.clock.now - began == TERM


def test_a_run_that_goes_on_is_waited_for_and_then_named(pair: Pair) -> None:
    pair.first._take()

    def live_on() -> None:
        assert pair.first._renew() is None

    pair.clock.while_asleep = live_on
    with pytest.raises(AnotherWrites, match=r"process \d+ on .* writes to .*: waited 15 minutes"):
        pair.second._wait_for_turn()


def test_who_was_frozen_goes_on_if_nobody_has_written_since(pair: Pair) -> None:
    pair.first._take()
    pair.clock.now += 2 * TERM

    pair.first.check()

    assert pair.second._take() is not None, "and the term is a whole one again"


def test_who_was_frozen_writes_no_more_if_another_has(pair: Pair) -> None:
    pair.first._take()
    pair.clock.now += 2 * TERM
    with pair.second.held():
        pass

    with pytest.raises(AnotherWrites, match="stood still for more than 30 s"):
        pair.first.check()


def test_nothing_is_written_while_nobody_can_say_whose_turn_it_is(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.first._take()

    def away(*_: object, **__: object) -> None:
        raise StoreError("store: gone")

    monkeypatch.setattr(pair.leases, "transaction", away)
    pair.first.check()  # the term lasts
    pair.clock.now += TERM
    with pytest.raises(StoreUnavailable, match="nothing is written without it"):
        pair.first.check()
