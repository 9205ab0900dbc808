"""Four processes on one store, some of them killed, frozen or with a wrong clock.

The short form is scaled: window, latencies, time-outs and graces by the same factor (facts: 1.2,
"keep the window : latency ratio"). What must never happen is asserted in both forms, and that
everybody gets on; how fast, in simulated time (test_simulation.py) and by tests/benchmarks.
"""

from __future__ import annotations

import signal
import time
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.target_marketo.governor.fleet import Fleet, Seen

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.target_marketo.governor.postgresql import PostgreSQL

SEED = 20261120
WINDOW_SECONDS = 20.0
SCALE = 0.1
ENOUGH_SECONDS = 300.0  # they are told to stop


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql" and not request.config.getoption("--long"):
        pytest.skip("--long: the short form of PostgreSQL is the last test")
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.sqlite'}"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.fresh("fleet")


def assert_never_exceeded(seen: Seen) -> None:
    assert seen.refused == 0
    assert seen.most_in_window <= 100
    assert seen.most_in_flight <= 10


def test_four_processes_share_one_budget(
    *, store: str, long: bool, say: Callable[[str], None]
) -> None:
    scale, windows = (1.0, 8) if long else (SCALE, 3)
    with Fleet(store, scale=scale, seed=SEED) as fleet:
        for number in range(4):
            fleet.start(number, ENOUGH_SECONDS)
        fleet.wait_for(4)
        time.sleep(windows * WINDOW_SECONDS * scale)
        fleet.stop()
        fleet.finish()
        seen = fleet.seen()
    shares = seen.shares()
    say(
        f"seed {SEED}: {len(seen.served)} calls, {seen.refused} refused,"
        f" most in a window {seen.most_in_window}, in flight {seen.most_in_flight},"
        f" shares {shares}"
    )
    assert_never_exceeded(seen)
    assert len(shares) == 4
    assert shares[0] > 0, "nobody starves"


def test_killed_and_frozen_processes_leave_the_limits_alone(
    *, store: str, long: bool, say: Callable[[str], None]
) -> None:
    random = Random(SEED)
    seconds = 115.0 if long else 3.0
    killed = frozen = 0
    with Fleet(store, scale=SCALE, seed=SEED) as fleet:
        living = {number: fleet.start(number, ENOUGH_SECONDS) for number in range(4)}
        fleet.wait_for(4)
        started = fleet.elapsed
        while fleet.elapsed < started + seconds:
            time.sleep(random.uniform(0.5, 1.5))
            victim, sleeper = random.sample(sorted(living), 2)
            living[sleeper].send_signal(signal.SIGSTOP)
            living[victim].kill()
            living[victim] = fleet.start(victim + 4, ENOUGH_SECONDS)
            time.sleep(random.uniform(0.2, 3.0 if long else 1.0))
            living[sleeper].send_signal(signal.SIGCONT)
            killed, frozen = killed + 1, frozen + 1
        last_kill = fleet.elapsed
        # What was under way has arrived by then; what was lost with its process comes back.
        fleet.wait_for(4, since=last_kill + SCALE)
        time.sleep(WINDOW_SECONDS * SCALE)
        fleet.stop()
        said = fleet.finish()
        seen = fleet.seen()
    say(
        f"seed {SEED}: {killed} killed, {frozen} frozen, {len(seen.served)} calls,"
        f" {seen.refused} refused, most in a window {seen.most_in_window},"
        f" in flight {seen.most_in_flight}, leases lost {sum(one['lost'] for one in said)}"
    )
    assert_never_exceeded(seen)


def test_a_postgresql_restart_and_wrong_clocks_leave_the_limits_alone(
    *, postgresql: PostgreSQL, long: bool, say: Callable[[str], None]
) -> None:
    """Clients are 0.5 s apart, and their wall clocks jump by an hour each second."""
    restarts, pause = (5, 6.0) if long else (1, 2.5)
    with Fleet(postgresql.fresh("fleet"), scale=SCALE, seed=SEED) as fleet:
        for number in range(4):
            fleet.start(number, ENOUGH_SECONDS, ahead=0.5 * number)
        fleet.wait_for(4)
        for _ in range(restarts):
            time.sleep(pause)
            postgresql.restart()
            # What was under way has arrived by then: they all find the server again.
            fleet.wait_for(4, since=fleet.elapsed + SCALE)
        time.sleep(WINDOW_SECONDS * SCALE)
        fleet.stop()
        fleet.finish()
        seen = fleet.seen()
    say(
        f"seed {SEED}: {restarts} restarts, {len(seen.served)} calls, {seen.refused} refused,"
        f" most in a window {seen.most_in_window}"
    )
    assert_never_exceeded(seen)
