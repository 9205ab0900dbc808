"""Rounds in which the process, or the disk under it, is what fails."""

from __future__ import annotations

import signal
from random import Random
from typing import TYPE_CHECKING, Any

from tests.faults.attached import WRITES
from tests.faults.invariants import Allowed
from tests.faults.launch import POINTS, POINTS_OF_ATTACHMENTS
from tests.faults.rounds import Trouble
from tests.faults.scheduler import NO_BLOW, Blow
from tests.faults.timelines import ADD
from tests.sandbox.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

# A process takes about half a second to start and, with so slow a Marketo, three to be done.
_LATEST_SECONDS = 2.5
_SLOW = {"latency_median": 0.25}
_LESS_SLOW = {"latency_median": 0.15}
_KILLS_IN_A_ROW = 2
_ROWS = 200


def of_people() -> list[Trouble]:
    """SIGKILL at any instant and at every named point, and signals that ask."""
    slow = Fault(what="late", calls=("sync",), seconds=3.0, probability=1.0, at_most=12)
    silent = Fault(what="late", calls=("sync",), seconds=1.5, at_most=6)
    return [
        Trouble(
            "SIGKILL at a random instant",
            rows=_ROWS,
            marketo=_SLOW,
            blow=_at_random(signal.SIGKILL),
        ),
        Trouble(
            "SIGKILL while Marketo is slow: calls outlive their process",
            (slow,),
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
            (silent,),
            Allowed(),
            rows=_ROWS,
            blow=_at_random(signal.SIGTERM),
            settles=2.0,
        ),
        Trouble(
            "SIGKILL at a random instant, two streams",
            rows=_ROWS,
            streams=2,
            state_every=3,
            marketo=_SLOW,
            blow=_at_random(signal.SIGKILL),
        ),
        Trouble(
            "SIGKILL after the first STATE, two streams",
            rows=_ROWS,
            streams=2,
            state_every=3,
            blow=lambda _, attempt: Blow(kill_at="after STATE") if attempt == 0 else NO_BLOW,
        ),
        *(
            Trouble(f"SIGKILL {point}", rows=_ROWS, blow=_at_point(point), settles=0.5)
            for point in POINTS
            if point not in POINTS_OF_ATTACHMENTS
        ),
    ]


def of_all_kinds() -> list[Trouble]:
    """The same where a list, a status, an object and an activity go with each record."""
    slow = Fault(what="late", calls=(*WRITES, ADD), seconds=1.8, at_most=12)
    return [
        *(
            _of_all_kinds(f"SIGKILL {point}", _at_point(point))
            for point in (*POINTS_OF_ATTACHMENTS, "after a write", "before STATE", "after STATE")
        ),
        _of_all_kinds(
            "SIGKILL at a random instant", _at_random(signal.SIGKILL), marketo=_LESS_SLOW
        ),
        _of_all_kinds(
            "SIGKILL while Marketo is slow: calls outlive their process",
            _after_claims,
            (slow,),
            settings={"request_timeout_seconds": 2},
            settles=2.0,
        ),
        _of_all_kinds(
            "SIGTERM at a random instant", _at_random(signal.SIGTERM), marketo=_LESS_SLOW
        ),
        _of_all_kinds("SIGKILL at a random late instant", _late, marketo=_LESS_SLOW),
    ]


def _of_all_kinds(
    name: str, blow: Callable[[int, int], Blow], faults: tuple[Fault, ...] = (), **more: Any
) -> Trouble:
    settings: dict[str, Any] = {
        "rows": 100,
        "streams": 2,
        "state_every": 3,
        "settles": 0.5,
        **more,
    }
    return Trouble(f"all kinds, {name}", faults, blow=blow, attaches=True, chats=True, **settings)


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


def _late(seed: int, attempt: int) -> Blow:
    """When people are there, and what goes with them is under way."""
    if attempt >= _KILLS_IN_A_ROW:
        return NO_BLOW
    return Blow(signal_after=Random(f"{seed}/late/{attempt}").uniform(1.5, 4.0))


def _after_claims(seed: int, attempt: int) -> Blow:
    if attempt >= _KILLS_IN_A_ROW:
        return NO_BLOW
    return Blow(kill_at="after activities are claimed", occurrence=1 + seed % 3, delay=0.4)


def _after_writes(seed: int, attempt: int) -> Blow:
    if attempt >= _KILLS_IN_A_ROW:
        return NO_BLOW
    # By then the write is with Marketo, which takes longer for it than a new process to start.
    return Blow(kill_at="before a write", occurrence=1 + seed % 2, delay=0.4)
