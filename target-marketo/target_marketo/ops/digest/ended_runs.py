"""Runs that did not come to their end, by our own ledger and by Meltano's; like ones as one."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from target_marketo.ops.status.runs import EXIT_WAITS
from target_marketo.store.run_ledger import moment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from target_marketo.ops.project.meltano import MeltanoRun

_KILLED = "killed"


@dataclass(frozen=True)
class EndedRun:
    """Runs that did not come to their end for one reason, by our own ledger or by Meltano's.

    `at` is when the last of them ended, `first` when the first did. One that `waits` has not
    failed: the next run goes on.
    """

    at: str
    source: str
    what: str
    text: str
    count: int = 1
    first: str = ""
    waits: bool = False


def of_ledger(run: Mapping[str, Any]) -> EndedRun:
    """A run of ours that did not end with 0."""
    if run["ended_at"] is None:
        text = "it left no end: the process or its host was killed; the next run goes on"
        return EndedRun(run["alive_at"], "target-marketo", _KILLED, text)
    code = run["exit_code"]
    what = f"exit code {code}"
    return EndedRun(run["ended_at"], "target-marketo", what, run["error"], waits=code == EXIT_WAITS)


def grouped(runs: Sequence[EndedRun]) -> list[EndedRun]:
    """Like ones as one, with their count; those that ended last come first."""
    alike: dict[tuple[str, str, str], list[EndedRun]] = {}
    for run in sorted(runs, key=lambda run: run.at, reverse=True):
        alike.setdefault((run.source, run.what, _without_numbers(run.text)), []).append(run)
    return [
        replace(group[0], count=len(group), first=group[-1].at if len(group) > 1 else "")
        for group in alike.values()
    ]


def _without_numbers(text: str) -> str:
    """Alike but for a request's id, a count or a time."""
    return re.sub(r"\(request [^)]*\)|\d+", "", text)


def of_meltano(
    found: Sequence[MeltanoRun], ours: Sequence[Mapping[str, Any]]
) -> tuple[list[EndedRun], list[int], str]:
    """Failures that our ledger does not explain, what they say, and the last of any."""
    failures, told = [], []
    known = [run["started_at"] for run in ours if run["exit_code"] != 0]
    for run in found:
        if run.state != "FAIL":
            continue
        told.append(run.id)
        started, ended = moment(run.started_at), moment(run.ended_at or run.started_at)
        if any(started <= at <= ended for at in known):
            continue
        what = f"{run.error or 'a block'} failed"
        text = "see the log of the run: meltano logs list"
        failures.append(EndedRun(ended, f"Meltano: {run.job}", what, text))
    last = max((moment(run.ended_at or run.started_at) for run in found), default="")
    return failures, told, last
