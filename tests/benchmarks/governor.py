"""The governor beside pyrate-limiter's sliding log, and the speed of its stores.

    python -m tests.benchmarks.governor [--seconds 125] [--scale 1]

Both limiters run at the same time, each with ten threads that always have another call to make,
against a strict checker of its own: 100 calls in 20 s, 10 in flight, latency 50-800 ms. A smaller
scale shrinks window and latency together. Then four processes acquire and release as fast as they
can.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from random import Random
from threading import Thread
from typing import TYPE_CHECKING

from pyrate_limiter import InMemoryBucket, Limiter, Rate

from target_marketo.governor import Governor, Limits, Outcome
from target_marketo.store.database import open_database
from target_marketo.store.leases import DatabaseLeases
from tests.benchmarks.figures import Figure, note
from tests.target_marketo.governor.fleet import ROOT, Fleet
from tests.target_marketo.governor.postgresql import running_server

if TYPE_CHECKING:
    from collections.abc import Callable

SEED = 20261120
THREADS = 10
PROCESSES = 4
WINDOW = 20.0  # seconds, as Marketo counts

OUTCOMES = {200: Outcome.OK, 606: Outcome.RATE_LIMITED, 615: Outcome.CONCURRENCY_LIMITED}


def with_governor(store: str, scale: float) -> Callable[[Callable[[], int]], None]:
    limits = Limits(
        calls=100,
        seconds=WINDOW * scale,
        concurrent=10,
        daily=10_000_000,
        lease_seconds=130.0,
    )
    governor = Governor(
        "instance.example", limits, DatabaseLeases(open_database(store)), random=Random(SEED)
    )

    def limited(call: Callable[[], int]) -> None:
        lease = governor.acquire()
        governor.check(lease)
        governor.release(lease, OUTCOMES[call()])

    return limited


def with_pyrate(scale: float) -> Callable[[Callable[[], int]], None]:
    limiter = Limiter(InMemoryBucket([Rate(100, int(1000 * WINDOW * scale))]))

    def limited(call: Callable[[], int]) -> None:
        limiter.try_acquire("call", blocking=True)
        call()

    return limited


def drive(fleet: Fleet, limited: Callable[[Callable[[], int]], None], seconds: float) -> Thread:
    """Ten threads that call for so many seconds."""
    end = time.monotonic() + seconds

    def work() -> None:
        with socket.create_connection(("127.0.0.1", fleet.port)) as connection:
            replies = connection.makefile("r")

            def call() -> int:
                connection.sendall(b"0\n")
                return int(replies.readline())

            while time.monotonic() < end:
                limited(call)

    def all_of_them() -> None:
        threads = [Thread(target=work) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    driver = Thread(target=all_of_them)
    driver.start()
    return driver


def compare(seconds: float, scale: float) -> None:
    print(f"{seconds:g} s, window {WINDOW * scale:g} s, seed {SEED}:")
    with (
        tempfile.TemporaryDirectory() as folder,
        Fleet("", scale=scale, seed=SEED) as ours,
        Fleet("", scale=scale, seed=SEED) as theirs,
    ):
        limiters = {
            "governor, SQLite": (
                ours,
                with_governor(f"sqlite:///{folder}/store.sqlite", scale),
            ),
            "pyrate-limiter, sliding log in memory": (theirs, with_pyrate(scale)),
        }
        drivers = [drive(fleet, limited, seconds) for fleet, limited in limiters.values()]
        for driver in drivers:
            driver.join()
        steady: dict[str, float] = {}
        rejected: dict[str, float] = {}
        for name, (fleet, _) in limiters.items():
            seen = fleet.seen()
            total = sum(seen.verdicts.values())
            first = seen.served[99][0] - seen.served[0][0]
            steady[name] = seen.steady(WINDOW * scale)
            rejected[name] = 1000 * seen.refused / total
            print(
                f"  {name:40} steady {steady[name]:6.1%},"
                f" rejected {rejected[name]:5.1f} of 1,000 ({total} calls),"
                f" most in a window {seen.most_in_window}, first 100 in {first:.1f} s"
            )
        ours_name, theirs_name = limiters
        note(
            Figure(
                what=f"share of the allowed calls, window {WINDOW * scale:g} s, {seconds:g} s",
                ours=f"{steady[ours_name]:.1%}, {rejected[ours_name]:.1f} of 1,000 refused",
                beside=f"{steady[theirs_name]:.1%}, {rejected[theirs_name]:.1f} of 1,000 refused "
                f"({theirs_name})",
                ratio=steady[ours_name] / steady[theirs_name],
            )
        )


def pairs(store: str, seconds: float) -> int:
    """Acquire and release in this process, without a call in between."""
    database = open_database(store)
    # 2,000 calls a second are more than it can ask for, with as many rows as a real window has.
    limits = Limits(calls=200, seconds=0.1, concurrent=10, daily=10_000_000, lease_seconds=130.0)
    governor = Governor(
        "instance.example", limits, DatabaseLeases(database), random=Random(os.getpid())
    )
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        governor.release(governor.acquire(), Outcome.OK)
        count += 1
    database.close()
    return count


def pairs_per_second(store: str, seconds: float, processes: int = PROCESSES) -> list[float]:
    """Of each of so many processes at once."""
    command = [sys.executable, "-m", __spec__.name, "--pairs", store, "--seconds", str(seconds)]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        for _ in range(processes)
    ]
    return [json.loads(process.communicate(timeout=300)[0]) / seconds for process in running]


def speed(seconds: float) -> None:
    print(f"acquire and release, {PROCESSES} processes, {seconds:g} s, grants on disk:")
    with tempfile.TemporaryDirectory() as folder, running_server() as server:
        stores = {
            "SQLite": (f"sqlite:///{folder}/store.sqlite", 500),
            "PostgreSQL": (server.url(), 200),
        }
        for name, (store, goal) in stores.items():
            rates = pairs_per_second(store, seconds)
            each = ", ".join(f"{rate:.0f}" for rate in rates)
            print(f"  {name:12} {sum(rates):6.0f} pairs/s (each {each})")
            what = f"leases a second, {PROCESSES} processes, {name}"
            note(Figure(what=what, ours=f"{sum(rates):.0f} (each {each})", goal=str(goal)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=125.0)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--pairs", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.pairs:
        print(pairs(options.pairs, options.seconds))
        return
    shortest = 4 * WINDOW * options.scale
    if options.seconds < shortest:
        parser.error(f"--seconds: {shortest:g} at least, or there is no steady state to look at")
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    compare(options.seconds, options.scale)
    speed(10.0)


if __name__ == "__main__":
    main()
