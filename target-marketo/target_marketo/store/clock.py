"""The time that all processes on one store agree on: it never runs backwards and never leaps.

On one host that is CLOCK_MONOTONIC, the same for all its processes; it starts again with the
machine, which the boot id tells. Between hosts it is the database server's clock, which may be set
by an operator or NTP; each process compares it with its own monotonic clock and takes a leap back
out.

A `Reading` is turned into the store's time by adding an offset that is kept in the store (`Dial`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

LEAP_SECONDS = 0.02
"""Two clocks of the same interval may differ by this, and by `DRIFT` of it, without a leap."""

DRIFT = 1e-3


@dataclass(frozen=True, slots=True)
class Reading:
    """What a clock showed: `seconds` since the start of `epoch`, read between two own instants."""

    epoch: str
    seconds: float
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Dial:
    """The store's time as it was last written: `now` = seconds of `epoch` + `offset`."""

    epoch: str
    offset: float
    now: float


class StoreClock(Protocol):
    """Read after the lock is held, or the answer is out of date, in the statement that reads on:
    `expression` is selected between `own()` and `reading()`.
    """

    expression: str

    def own(self) -> float:
        """This process's clock."""

    def reading(self, shown: float, before: float) -> Reading:
        """What `expression` gave, after `own()` had given `before`."""


class HostClock:
    """CLOCK_MONOTONIC and the boot id: for all processes of one host."""

    expression = "0.0"

    def __init__(self) -> None:
        self._epoch = boot_id()

    def own(self) -> float:
        return time.monotonic()

    def reading(self, shown: float, before: float) -> Reading:
        del shown
        now = time.monotonic()
        return Reading(self._epoch, now, before, now)


class ServerClock:
    """PostgreSQL's clock: for all processes of all hosts."""

    expression = "CAST(extract(epoch FROM clock_timestamp()) AS double precision)"

    def own(self) -> float:
        return since_boot()

    def reading(self, shown: float, before: float) -> Reading:
        return Reading("server", shown, before, since_boot())


def turn(dial: Dial | None, reading: Reading) -> Dial:
    """The store's time at `reading`.

    After a reboot, or when the clock was set back, time goes on from where it was last written:
    what passed in between is unknown, and a lease that ends late costs less than one that ends
    early.
    """
    if dial is None:
        return Dial(reading.epoch, 0.0, reading.seconds)
    offset = dial.offset
    if reading.epoch != dial.epoch or reading.seconds + offset < dial.now:
        offset = dial.now - reading.seconds
    return Dial(reading.epoch, offset, reading.seconds + offset)


def without_leap(earlier: tuple[Reading, Dial], dial: Dial | None, reading: Reading) -> Dial | None:
    """`dial` with its offset mended, if the clock leapt since this process last read it.

    The own clock gives the longest and the shortest time that can have passed, however long this
    process was frozen between two lines; only what lies outside of both is a leap.
    """
    then, was = earlier
    if dial is None or not dial.epoch == was.epoch == reading.epoch:
        return dial
    slack = LEAP_SECONDS + DRIFT * (reading.after - then.before)
    longest = reading.after - then.before + slack
    shortest = max(0.0, reading.before - then.after - slack)
    elapsed = reading.seconds + dial.offset - was.now
    leap = elapsed - min(max(elapsed, shortest), longest)
    return Dial(dial.epoch, dial.offset - leap, dial.now) if leap else dial


def boot_id() -> str:
    """Names this start of the machine; without that, a reboot shows as time running back."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return "host"


def since_boot() -> float:
    """As time.monotonic(), but it also counts the time that a suspended host slept (Linux)."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)
