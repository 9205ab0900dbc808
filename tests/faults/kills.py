"""Rounds in which the process, or the disk under it, is what fails."""

from __future__ import annotations

import signal
from random import Random
from typing import TYPE_CHECKING

from tests.faults.invariants import Allowed
from tests.faults.launch import LEDGER_POINTS, POINTS
from tests.faults.rounds import Trouble
from tests.faults.scheduler import NO_BLOW, Blow
from tests.sandbox.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

# A process takes about half a second to start and, with so slow a Marketo, three to be done.
_LATEST_SECONDS = 2.5
_SLOW = {"latency_median": 0.25}
_KILLS_IN_A_ROW = 2
_ROWS = 200


def trouble_of_kills() -> list[Trouble]:
    """SIGKILL at any instant and at every named point, and signals that ask."""
    slow = (Fault(what="late", calls=("sync",), seconds=3.0, probability=1.0, at_most=12),)
    return [
        Trouble(
            "SIGKILL at a random instant",
            rows=_ROWS,
            marketo=_SLOW,
            blow=_at_random(signal.SIGKILL),
        ),
        Trouble(
            "SIGKILL at a random instant, two streams",
            rows=_ROWS,
            streams=2,
            state_every=3,
            marketo=_SLOW,
            blow=_at_random(signal.SIGKILL),
        ),
        *(
            Trouble(f"SIGKILL {point}", rows=_ROWS, blow=_at_point(point), settles=0.5)
            for point in POINTS
            if point not in LEDGER_POINTS
        ),
        *(
            Trouble(
                f"chats, SIGKILL {point}",
                rows=_ROWS,
                streams=2,
                state_every=3,
                blow=_at_point(point),
                chats=True,
                settles=0.5,
            )
            for point in LEDGER_POINTS
        ),
        Trouble(
            "chats, SIGKILL at a random instant",
            rows=_ROWS,
            streams=2,
            state_every=3,
            marketo=_SLOW,
            blow=_at_random(signal.SIGKILL),
            chats=True,
            settles=0.5,
        ),
        Trouble(
            "chats, SIGKILL while Marketo is slow: calls outlive their process",
            (Fault(what="late", calls=("add_activities",), seconds=1.8, at_most=12),),
            rows=100,
            blow=lambda seed, attempt: (
                Blow(kill_at="after activities are claimed", occurrence=1 + seed % 3, delay=0.4)
                if attempt < _KILLS_IN_A_ROW
                else NO_BLOW
            ),
            settings={"request_timeout_seconds": 2},
            chats=True,
            settles=2.0,
        ),
        Trouble(
            "chats, SIGTERM at a random instant",
            rows=_ROWS,
            streams=2,
            marketo=_SLOW,
            blow=_at_random(signal.SIGTERM),
            chats=True,
        ),
        Trouble(
            "attached, SIGKILL at a random instant",
            rows=_ROWS,
            streams=2,
            state_every=3,
            marketo=_SLOW,
            blow=_at_random(signal.SIGKILL),
            attaches=True,
            settles=0.5,
        ),
        Trouble(
            "SIGKILL after the first STATE, two streams",
            rows=_ROWS,
            streams=2,
            state_every=3,
            blow=lambda _, attempt: Blow(kill_at="after STATE") if attempt == 0 else NO_BLOW,
        ),
        Trouble(
            "SIGKILL while Marketo is slow: calls outlive their process",
            slow,
            rows=100,
            blow=_after_writes,
            settings={"request_timeout_seconds": 4},
            settles=4.0,
        ),
        Trouble(
            "SIGTERM at a random instant",
            rows=_ROWS,
            marketo=_SLOW,
            blow=_at_random(signal.SIGTERM),
        ),
        Trouble(
            "SIGINT at a random instant", rows=_ROWS, marketo=_SLOW, blow=_at_random(signal.SIGINT)
        ),
        Trouble(
            "SIGTERM while Marketo does not answer",
            (Fault(what="late", calls=("sync",), seconds=1.5, at_most=6),),
            Allowed(),
            rows=_ROWS,
            blow=_at_random(signal.SIGTERM),
            settles=2.0,
        ),
    ]


def _at_random(number: int) -> Callable[[int, int], Blow]:
    """The first attempts are struck, each at an instant of its own."""

    def blow(seed: int, attempt: int) -> Blow:
        if attempt >= _KILLS_IN_A_ROW:
            return NO_BLOW
        seconds = Random(f"{seed}/kill/{attempt}").uniform(0.3, _LATEST_SECONDS)
        return Blow(signal_after=seconds, number=number)

    return blow


def _at_point(point: str) -> Callable[[int, int], Blow]:
    """The first attempts are killed there, at one of the first times that it is passed."""

    def blow(seed: int, attempt: int) -> Blow:
        if attempt >= _KILLS_IN_A_ROW:
            return NO_BLOW
        occurrence = Random(f"{seed}/point/{attempt}").randint(1, POINTS[point].passes)
        return Blow(kill_at=point, occurrence=occurrence)

    return blow


def _after_writes(seed: int, attempt: int) -> Blow:
    if attempt >= _KILLS_IN_A_ROW:
        return NO_BLOW
    # By then the write is with Marketo, which takes longer for it than a new process to start.
    return Blow(kill_at="before a write", occurrence=1 + seed % 2, delay=0.4)
