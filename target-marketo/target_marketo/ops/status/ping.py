"""`marketo-ops ping`: how the run that has just ended went, told to a dead-man switch.

A run that waits (for the day's calls, its turn, or because its minutes were over) is no failure:
the switch is told that the job lives. Not so where that has lasted for more than a day.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from target_marketo.ops.digest.ping import Signal, Switch
from target_marketo.ops.status.runs import EXIT_WAITS, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from target_marketo.ops.status.health import Health

VARIABLE = "MARKETO_OPS_JOB_PING_URL"

_JUST_NOW = timedelta(minutes=10)


class Told(NamedTuple):
    """What the switch hears, how this command ends, and why."""

    signal: Signal | None
    code: int
    text: str


def decide(health: Health, ended_with: int | None, show: Callable[[datetime], str]) -> Told:
    """`ended_with` is the exit code of the job, where that is known."""
    last = health.runs.last
    if health.under_way_since is not None:
        since = show(health.under_way_since)
        return Told(None, EXIT_WAITS, f"a run is still going, since {since}: nothing was reported")
    problem = next(iter(health.run_problems(show)), None)
    if problem is not None and problem.red:
        return Told(Signal.FAILURE, 1, problem.line)
    if last is None or health.now - last.at > _JUST_NOW:
        when = f"since {show(last.at)}" if last else "yet"
        return Told(Signal.FAILURE, 1, f"no run has ended {when}: see the log of the job")
    if last.outcome is Outcome.WAITS and problem is not None:
        return Told(Signal.SUCCESS, EXIT_WAITS, problem.line)
    if ended_with:
        return Told(
            Signal.FAILURE,
            1,
            f"the job ended with {ended_with}, and not in the target: see its log",
        )
    return Told(Signal.SUCCESS, 0, f"the run ended well at {show(last.at)}")


def tell(told: Told, variables: Mapping[str, str]) -> list[str]:
    """Calls the switch; a line for what did not go as it should."""
    switch = Switch(variables, VARIABLE)
    if not switch.is_set:
        return [f"`{VARIABLE}` is not set: nobody was notified"]
    if told.signal is not None:
        switch.call(told.signal)
    return switch.missed
