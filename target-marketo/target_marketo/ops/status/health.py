"""Is the job well? What is known of it, and one verdict: healthy, or the worst thing and its cure.

The same facts make `status`, the first line of the digest, and what `ping` tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, select

from target_marketo.configuration import folder
from target_marketo.ops.console import counted, span
from target_marketo.ops.errors import OpsError
from target_marketo.ops.errors_log import entries
from target_marketo.ops.errors_log.entries import Filter
from target_marketo.ops.project import meltano
from target_marketo.ops.status import runs as ledger
from target_marketo.ops.status.runs import Outcome
from target_marketo.run_files import open_to_others
from target_marketo.store.activity_ledger import ACTIVITIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from target_marketo.governor import Usage
    from target_marketo.ops.project.meltano import MeltanoRun
    from target_marketo.ops.status.runs import Run, Runs
    from target_marketo.store.database import Database

WAITS_AT_MOST = timedelta(hours=26)
"""A day's calls are there again after a day: who waits for longer waits for something else."""

_MELTANO_LOOKS_BACK = timedelta(days=2)
_OURS = "target-marketo"


class Problem(NamedTuple):
    """What is wrong, and what to do; `red` means that people do not arrive, or will not."""

    text: str
    cure: str = ""
    red: bool = True

    @property
    def line(self) -> str:
        return f"{self.text}; {self.cure}" if self.cure else self.text


@dataclass(frozen=True)
class Health:
    """A moment of the job. `failed_before` is a run whose end only Meltano knows."""

    instance: str
    now: datetime
    runs: Runs
    failed_before: MeltanoRun | None
    under_way_since: datetime | None
    open_records: int
    open_people: int
    open_kinds: tuple[str, ...]
    usage: Usage
    activities: dict[str, int]
    readable: tuple[str, ...]
    silence_hours: int

    @property
    def ok(self) -> bool:
        return not any(problem.red for problem in self.problems())

    @property
    def lag(self) -> timedelta | None:
        """How old the newest thing is that has arrived."""
        bookmark = self.runs.bookmark
        return None if bookmark is None else max(timedelta(0), self.now - bookmark)

    @property
    def calls_left(self) -> int:
        return max(0, self.usage.daily_limit - self.usage.today_everybody)

    @property
    def held(self) -> list[str]:
        """What waits, and for what."""
        usage = self.usage
        pending = self.activities.get("pending", 0)
        found = {
            "no calls are left today": usage.quota_spent,
            f"calls wait until {usage.paused_until:%H:%M:%S} UTC" if usage.paused_until else "": (
                usage.paused_until is not None
            ),
            "Marketo does not answer": usage.breaker != "closed",
            f"{counted(usage.slots_in_flight, 'call')} under way": usage.slots_in_flight > 0,
            f"{counted(pending, 'activity', 'activities')} whose fate is looked up": pending > 0,
        }
        return [text for text, is_so in found.items() if is_so]

    def verdict(self, show: Callable[[datetime], str]) -> str:
        """One line."""
        worst = next(iter(self.problems(show)), None)
        if worst and worst.red:
            return worst.line
        since = self.runs.well_since
        well = f"healthy since {show(since)}" if since else ""
        return "; ".join(filter(None, (well, worst.line if worst else "")))

    def problems(self, show: Callable[[datetime], str] = str) -> list[Problem]:
        """The worst first."""
        return [*self.run_problems(show), *self._others(show)]

    def run_problems(self, show: Callable[[datetime], str] = str) -> Iterator[Problem]:
        """What is wrong with the newest run."""
        if (failed := self.failed_before) is not None:
            block = f"Meltano's {failed.error}" if failed.error else "a block of the job"
            yield Problem(
                f"the last run failed at {show(failed.ended_at or failed.started_at)}: {block}",
                "see its log: meltano logs list",
            )
        last = self.runs.last
        if last is None:
            return
        match last.outcome:
            case Outcome.FAILED:
                yield Problem(f"the last run failed at {show(last.at)}: {last.error}")
            case Outcome.KILLED:
                yield Problem(
                    f"the last run was killed at about {show(last.at)}",
                    "the next one goes on; if that dies too, look at the host's memory and disk",
                )
            case Outcome.WAITS:
                yield self._waiting(last, show)

    def _waiting(self, last: Run, show: Callable[[datetime], str]) -> Problem:
        since = self.runs.last_success
        first = min((run.started_at for run in self.runs.runs), default=self.now)
        if self.now - (since or first) < WAITS_AT_MOST:
            return Problem(f"the last run waits: {last.error}", red=False)
        until = f"since {show(since)}" if since else "yet"
        return Problem(f"no run has finished {until}: {last.error}")

    def _others(self, show: Callable[[datetime], str]) -> Iterator[Problem]:
        runs = self.runs
        if runs.last is None and self.under_way_since is None:
            yield Problem("nothing has run yet", "try `marketo-ops check`, then start the job")
        elif self.under_way_since is None and runs.last:
            silent = self.now - runs.last.at
            if silent >= timedelta(hours=self.silence_hours):
                yield Problem(
                    f"nothing has run for {span(silent)}, since {show(runs.last.at)}",
                    "look at the scheduler: crontab -l, systemctl list-timers",
                )
        if undecided := self.activities.get("undecided", 0):
            what = counted(undecided, "activity", "activities")
            yield Problem(
                f"whether Marketo has {what} nobody can tell but you", "see marketo-ops errors"
            )
        for name in self.readable:
            yield Problem(f"{name} may be read by others", f"chmod 600 {name}", red=False)


def read(
    database: Database, instance: str, usage: Usage, now: datetime, silence_hours: int
) -> Health:
    """Reads the store, and Meltano's runs where there are any."""
    project = folder()
    runs = ledger.read(database, instance, now)
    kinds = entries.kinds(database, Filter(instance))
    meltanos = _of_meltano(now)
    going = next((run for run in reversed(meltanos) if run.is_alive(now)), None) or runs.under_way
    return Health(
        instance=instance,
        now=now,
        runs=runs,
        failed_before=_failed_before(runs, meltanos, now),
        under_way_since=going.started_at if going else None,
        open_records=sum(kind.records for kind in kinds),
        open_people=entries.people(database, Filter(instance)),
        open_kinds=tuple(dict.fromkeys(kind.name for kind in kinds)),  # of several streams
        usage=usage,
        activities=_activities(database, instance),
        readable=tuple(str(path.relative_to(project)) for path in open_to_others(project)),
        silence_hours=silence_hours,
    )


def _activities(database: Database, instance: str) -> dict[str, int]:
    """How many are in each state but done."""
    query = (
        select(ACTIVITIES.c.state, func.count())
        .where(ACTIVITIES.c.instance == instance, ACTIVITIES.c.state != "done")
        .group_by(ACTIVITIES.c.state)
    )
    database.create_tables(ACTIVITIES)
    with database.read() as connection:
        return {state: int(count) for state, count in connection.execute(query)}


def _of_meltano(now: datetime) -> list[MeltanoRun]:
    """Meltano's runs of the job, oldest first."""
    try:
        found = meltano.runs(now - _MELTANO_LOOKS_BACK) or []
    except OpsError:
        return []  # the digest says that they cannot be read
    return [run for run in found if _OURS in run.job]


def _failed_before(runs: Runs, meltanos: Sequence[MeltanoRun], now: datetime) -> MeltanoRun | None:
    """Meltano's newest run, if it failed and none of ours within it says why."""
    over = [run for run in meltanos if run.state != "RUNNING"]
    if not over or over[-1].state != "FAIL":
        return None
    failed = over[-1]
    end = failed.ended_at or now
    within = [run for run in runs.runs if failed.started_at <= run.started_at <= end]
    told = {Outcome.FAILED, Outcome.KILLED, Outcome.WAITS}
    newer = [run for run in runs.runs if run.started_at > end]
    return None if newer or any(run.outcome in told for run in within) else failed
