"""A process with threads that call the checker server through a governor, for some seconds or until
it is told to stop (SIGTERM).
"""

from __future__ import annotations

import argparse
import json
import signal
import socket
import time
from datetime import timedelta
from random import Random
from threading import Event, Thread
from typing import TYPE_CHECKING

from target_marketo.governor import Cancelled, LeaseLost, Limits, Outcome, SystemClock
from target_marketo.store.clock import HostClock, Reading, ServerClock, StoreClock
from target_marketo.store.database import open_database
from target_marketo.store.leases import DatabaseLeases
from tests.target_marketo.governor.counted import CountedGovernor

if TYPE_CHECKING:
    from datetime import datetime

OUTCOMES = {200: Outcome.OK, 606: Outcome.RATE_LIMITED, 615: Outcome.CONCURRENCY_LIMITED}


class JumpingClock(SystemClock):
    """Its wall clock jumps an hour every second; its own clock is `ahead` of the other hosts'."""

    def __init__(self, ahead: float) -> None:
        self._ahead = ahead

    def monotonic(self) -> float:
        return super().monotonic() + self._ahead

    def utc(self) -> datetime:
        return super().utc() + timedelta(hours=(int(time.monotonic()) % 3) - 1)


class AheadServerClock(ServerClock):
    def __init__(self, ahead: float) -> None:
        self._ahead = ahead

    def own(self) -> float:
        return super().own() + self._ahead

    def reading(self, shown: float, before: float) -> Reading:
        return Reading("server", shown, before, self.own())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--store", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--scale", type=float, required=True)
    parser.add_argument("--number", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--ahead", type=float, default=0.0)
    options = parser.parse_args()

    database = open_database(options.store)
    clock: StoreClock = HostClock() if database.is_sqlite else AheadServerClock(options.ahead)
    limits = Limits(
        calls=100,
        seconds=20.0 * options.scale,
        concurrent=10,
        daily=10_000_000,
        lease_seconds=lease_seconds(options.scale),
        grace_seconds=5.0 * options.scale,
    )
    governor = CountedGovernor(
        "instance.example",
        limits,
        DatabaseLeases(database, clock),
        clock=JumpingClock(options.ahead),
        random=Random(options.number),
    )
    end, told_to_stop = time.monotonic() + options.seconds, Event()
    signal.signal(signal.SIGTERM, lambda *_: told_to_stop.set())
    lost = [0] * options.threads

    def over() -> bool:
        return told_to_stop.is_set() or time.monotonic() >= end

    def work(thread: int) -> None:
        with socket.create_connection(("127.0.0.1", options.port)) as connection:
            replies = connection.makefile("r")
            while not over():
                try:
                    lease = governor.acquire(over)
                    governor.check(lease)
                except LeaseLost:
                    lost[thread] += 1
                    continue
                except Cancelled:
                    return
                connection.sendall(f"{options.number}\n".encode())
                reply = replies.readline()
                if not reply:
                    return  # the server has gone
                governor.release(lease, OUTCOMES[int(reply)])

    threads = [Thread(target=work, args=(number,)) for number in range(options.threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    database.close()
    print(
        json.dumps(
            {
                "number": options.number,
                "acquired": governor.acquired,
                "attempts": governor.attempts,
                "lost": sum(lost),
            }
        )
    )


def lease_seconds(scale: float) -> float:
    """A client's time-out of 15 s and the grace of 5 s."""
    return 20.0 * scale


if __name__ == "__main__":
    main()
