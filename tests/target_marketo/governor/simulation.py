"""Processes with governors, and other integrations, against a strict instance in simulated time."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from threading import Event
from typing import TYPE_CHECKING

from target_marketo.governor import Cancelled, Governor, Limits, Outcome, full_jitter
from tests.target_marketo.governor.checker import OK, RATE_LIMITED, Checker
from tests.target_marketo.governor.counted import CountedGovernor
from tests.target_marketo.governor.memory_leases import MemoryLeases
from tests.target_marketo.governor.simulated_time import SimulatedTime

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WINDOW = 20.0
UNAVAILABLE = 608

OUTCOMES = {
    OK: Outcome.OK,
    606: Outcome.RATE_LIMITED,
    607: Outcome.QUOTA_SPENT,
    608: Outcome.UNAVAILABLE,
    615: Outcome.CONCURRENCY_LIMITED,
}


@dataclass(frozen=True)
class Latency:
    """Lognormal and clipped; 5-50 % of it passes before the arrival (facts: 1.2)."""

    median: float = 0.2
    sigma: float = 0.6
    shortest: float = 0.05
    longest: float = 0.8

    def draw(self, random: Random) -> tuple[float, float]:
        """Seconds to the arrival, and from there to the reply."""
        drawn = random.lognormvariate(math.log(self.median), self.sigma)
        total = min(max(drawn, self.shortest), self.longest)
        before = total * random.uniform(0.05, 0.5)
        return before, total - before


FAST = Latency()
MIDDLE = Latency(median=1.0, shortest=0.25, longest=4.0)  # mean 1.19 s
SLOW = Latency(median=2.0, shortest=0.5, longest=8.0)


@dataclass
class Figures:
    """What the instance saw of us, and of the others."""

    sent: list[float] = field(default_factory=list)
    served: list[float] = field(default_factory=list)
    verdicts: Counter[int] = field(default_factory=Counter)
    by_process: Counter[int] = field(default_factory=Counter)
    others_first: list[float] = field(default_factory=list)
    others_refused: list[float] = field(default_factory=list)
    """When the others first tried a call, and when that was refused."""
    waste: list[float] = field(default_factory=list)
    """When a call failed because the instance was down."""

    @property
    def refused(self) -> int:
        return sum(self.verdicts.values()) - self.verdicts[OK]

    @property
    def refused_per_1000(self) -> float:
        return 1000 * self.refused / max(1, sum(self.verdicts.values()))

    @property
    def others_refused_percent(self) -> float:
        return self.others_refused_percent_since(0.0)

    def others_refused_percent_since(self, since: float) -> float:
        refused = sum(at >= since for at in self.others_refused)
        return 100 * refused / max(1, sum(at >= since for at in self.others_first))

    def steady(self, ceiling: int) -> float:
        """Share of the ceiling, from the start of the second burst to the start of the last.

        Calls that left as one burst come back as one: an interval of another length would count one
        burst too many or too few.
        """
        bursts = (len(self.served) - 1) // ceiling - 1
        seconds = self.served[ceiling * (bursts + 1)] - self.served[ceiling]
        return bursts * WINDOW / seconds

    def rate(self, since: float, until: float) -> float:
        """Calls served a second."""
        return sum(since <= at < until for at in self.served) / (until - since)

    def first(self, count: int) -> float:
        return self.served[count - 1]


class Simulation:
    """`adapts` is false for a fixed budget, whose governor never hears of a refusal."""

    def __init__(
        self,
        seed: int,
        *,
        ceiling: int = 100,
        slots: int = 10,
        refused_count: bool = False,
        latency: Latency = FAST,
        outages: Sequence[tuple[float, float]] = (),
        adapts: bool = True,
        told_late: float = 0.0,
        tells_users: bool = True,
    ) -> None:
        self.time = SimulatedTime()
        self.random = Random(seed)
        self.checker = Checker(ceiling, WINDOW, slots, refused_count=refused_count)
        self.leases = MemoryLeases(self.time.monotonic)
        self.latency = latency
        self.outages = outages
        self.adapts = adapts
        self.told_late, self.tells_users = told_late, tells_users
        self.figures = Figures()
        self.governors: list[CountedGovernor] = []
        self.counted: list[tuple[float, bool]] = []
        """When a call was counted, and whether it was ours."""

    def process(
        self,
        threads: int,
        limits: Limits,
        until: float,
        *,
        calls: int | None = None,
        readings: Sequence[float] = (),
    ) -> Governor:
        """A process whose threads always have another call to make, or `calls` each.

        It reads the count at these times, and begins after the last of them.
        """
        number = len(self.governors)
        governor = CountedGovernor(
            "instance.example",
            limits,
            self.leases,
            clock=self.time,
            random=Random(self.random.random()),
        )
        self.governors.append(governor)
        begun = Event()

        def read() -> None:
            for at in readings:
                self.time.sleep(at - self.time.now)
                self.read_usage(governor)
            begun.set()

        work = self._worker(governor, number, until, calls)

        def wait_and_work() -> None:
            while not begun.is_set():
                self.time.wait(begun, until)
            work()

        if readings:
            self.time.spawn(read)
        for _ in range(threads):
            self.time.spawn(wait_and_work if readings else work)
        return governor

    def others(self, rate: Callable[[float], float], until: float) -> None:
        """Other integrations: Poisson, a refused call is tried again twice, after 20-40 s each."""
        draw = Random(self.random.random())

        def arrive() -> None:
            self._others_call(draw, tries=3)
            following = self.time.now + draw.expovariate(rate(self.time.now))
            if following < until:
                self.time.at(following, arrive)

        self.time.at(draw.expovariate(rate(0.0)), arrive)

    def read_usage(self, governor: Governor) -> None:
        """One call, and what the API says of the calls so far."""
        governor.release(governor.acquire(reads_usage=True), OUTCOMES[self._call(0)])
        told = [ours for at, ours in self.counted if at <= self.time.now - self.told_late]
        governor.note_usage(len(told), sum(told) if self.tells_users else None)

    def run(self) -> Figures:
        self.time.run()
        self.figures.served.sort()
        return self.figures

    def _worker(
        self, governor: Governor, number: int, until: float, calls: int | None
    ) -> Callable[[], None]:
        def over() -> bool:
            return self.time.now >= until

        def work() -> None:
            left, refusals = calls, 0
            while not over() and left != 0:
                if governor.wants_usage():
                    self.read_usage(governor)
                try:
                    lease = governor.acquire(over)
                except Cancelled:
                    return
                governor.check(lease)
                verdict = self._call(number)
                outcome = OUTCOMES[verdict] if self.adapts else Outcome.OK
                governor.release(lease, outcome)
                left = None if left is None else left - 1
                refusals = refusals + 1 if verdict != OK else 0
                if refusals and not self.adapts:
                    # What a worker does for itself without a governor that listens.
                    self.time.sleep(full_jitter(refusals, base=1.0, cap=32.0, random=self.random))

        return work

    def _call(self, process: int) -> int:
        before, after = self.latency.draw(self.random)
        self.time.sleep(before)
        if any(start <= self.time.now < end for start, end in self.outages):
            self.figures.waste.append(self.time.now)
            self.time.sleep(after)
            return UNAVAILABLE
        verdict = self.checker.arrive(self.time.now)
        self.counted.append((self.time.now, True))
        self.figures.verdicts[verdict] += 1
        if verdict == OK:
            self.figures.served.append(self.time.now)
            self.figures.by_process[process] += 1
            self.time.sleep(after)
            self.checker.depart()
        else:
            self.time.sleep(0.05)
        return verdict

    def _others_call(self, draw: Random, tries: int) -> None:
        first = tries == 3
        if first:
            self.figures.others_first.append(self.time.now)
        verdict = self.checker.arrive(self.time.now)
        self.counted.append((self.time.now, False))
        if verdict == OK:
            _, after = self.latency.draw(draw)
            self.time.at(self.time.now + after, self.checker.depart)
            return
        if first:
            self.figures.others_refused.append(self.time.now)
        if tries > 1:
            wait = draw.uniform(1.0, 2.0) * (WINDOW if verdict == RATE_LIMITED else 1.0)
            self.time.at(self.time.now + wait, lambda: self._others_call(draw, tries - 1))


def limits(calls: int = 100, slots: int = 10) -> Limits:
    return Limits(
        calls=calls, seconds=WINDOW, concurrent=slots, daily=10_000_000, lease_seconds=130.0
    )
