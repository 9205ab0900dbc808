from __future__ import annotations

import time

from target_marketo.store.clock import Dial, HostClock, Reading, turn, without_leap


def read(seconds: float, *, own: float, epoch: str = "boot 1", took: float = 0.001) -> Reading:
    return Reading(epoch, seconds, own, own + took)


def test_time_goes_on_where_it_was_left_after_a_reboot() -> None:
    dial = turn(Dial("boot 1", 0.0, 9000.0), read(12.0, own=12.0, epoch="boot 2"))
    assert dial.now == 9000.0
    assert turn(dial, read(15.0, own=15.0, epoch="boot 2")).now == 9003.0


def test_time_never_runs_backwards() -> None:
    dial = turn(Dial("server", 0.0, 9000.0), read(5400.0, own=1.0, epoch="server"))
    assert dial.now == 9000.0
    assert turn(dial, read(5401.0, own=2.0, epoch="server")).now == 9001.0


def test_a_server_clock_that_leaps_an_hour_is_noticed_by_any_process() -> None:
    for leap in (3600.0, -3600.0):
        first = read(5000.0, own=10.0)
        dial = turn(None, first)
        second = read(5002.0 + leap, own=12.0)
        mended = without_leap((first, dial), dial, second)
        now = turn(mended, second)
        assert abs(now.now - 5002.0) < 0.1
        # The other processes find the corrected offset in the store, and nothing to correct.
        elsewhere = without_leap((first, dial), now, read(5003.0 + leap, own=13.0))
        assert elsewhere == now


def test_a_process_that_was_frozen_between_two_lines_sees_no_leap() -> None:
    first = read(5000.0, own=10.0, took=30.0)  # frozen after it was answered
    dial = turn(None, first)
    assert without_leap((first, dial), dial, read(5031.0, own=41.0)) == dial
    second = read(5061.0, own=41.0, took=30.0)
    assert without_leap((first, dial), dial, second) == dial


def test_the_host_clock_is_monotonic_and_names_this_boot() -> None:
    clock = HostClock()
    before = time.monotonic()
    first, second = clock.reading(0.0, clock.own()), HostClock().reading(0.0, clock.own())
    assert before <= first.seconds <= second.seconds
    assert first.epoch == second.epoch
