"""How the runs of an instance went, of the ledger's rows. Pure, but for one reading."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from sqlalchemy import select

from target_marketo.store.run_ledger import RUNS, SILENT_AFTER

if TYPE_CHECKING:
    from target_marketo.store.database import Database

EXIT_WAITS = 75
_GAPS = 10


class Outcome(StrEnum):
    """How a run ended."""

    DONE = "done"
    WAITS = "waits"  # for the day's calls, for its turn, for the next run: nothing is wrong
    FAILED = "failed"
    KILLED = "killed"
    UNDER_WAY = "under way"


@dataclass(frozen=True, slots=True)
class Run:
    """A run; `at` is its end, or when it was last alive. `error` is one line, safe to show."""

    started_at: datetime
    at: datetime
    outcome: Outcome
    error: str
    bookmark: datetime | None


@dataclass(frozen=True, slots=True)
class Runs:
    """All that the ledger keeps, newest first."""

    runs: tuple[Run, ...]

    @property
    def last(self) -> Run | None:
        """The newest that is over."""
        return next((run for run in self.runs if run.outcome is not Outcome.UNDER_WAY), None)

    @property
    def under_way(self) -> Run | None:
        """The newest, if it is not over."""
        newest = next(iter(self.runs), None)
        return newest if newest and newest.outcome is Outcome.UNDER_WAY else None

    @property
    def last_success(self) -> datetime | None:
        """When a run last ended well."""
        return next((run.at for run in self.runs if run.outcome is Outcome.DONE), None)

    @property
    def well_since(self) -> datetime | None:
        """The first success since which no run failed."""
        since = None
        for run in self.runs:
            if run.outcome in {Outcome.FAILED, Outcome.KILLED}:
                break
            since = run.at if run.outcome is Outcome.DONE else since
        return since

    @property
    def bookmark(self) -> datetime | None:
        """The newest time of the STATE that was written last."""
        return next((run.bookmark for run in self.runs if run.bookmark), None)

    @property
    def next_at(self) -> datetime | None:
        """When the next run is due, if runs go on coming as the last ones did."""
        starts = [run.started_at for run in self.runs[: _GAPS + 1]]
        gaps = [(later - earlier).total_seconds() for later, earlier in pairwise(starts)]
        return starts[0] + timedelta(seconds=median(gaps)) if gaps else None


def read(database: Database, instance: str, now: datetime) -> Runs:
    """The runs of an instance that the ledger still has."""
    columns = (
        RUNS.c.started_at,
        RUNS.c.alive_at,
        RUNS.c.ended_at,
        RUNS.c.exit_code,
        RUNS.c.error,
        RUNS.c.bookmark,
    )
    query = select(*columns).where(RUNS.c.instance == instance).order_by(RUNS.c.started_at.desc())
    with database.read() as connection:
        rows = connection.execute(query).all()
    found = []
    for row in rows:
        alive_at = _time(row.alive_at) or now
        ended_at = _time(row.ended_at)
        found.append(
            Run(
                started_at=_time(row.started_at) or alive_at,
                at=ended_at or alive_at,
                outcome=outcome(row.exit_code, alive_at, ended_at, now),
                error=row.error,
                bookmark=_time(row.bookmark),
            )
        )
    return Runs(tuple(found))


def outcome(
    code: int | None, alive_at: datetime, ended_at: datetime | None, now: datetime
) -> Outcome:
    """How a run ended that ended then, or was last alive then."""
    if ended_at is None:
        return Outcome.UNDER_WAY if now - alive_at < SILENT_AFTER else Outcome.KILLED
    return {0: Outcome.DONE, EXIT_WAITS: Outcome.WAITS}.get(code or 0, Outcome.FAILED)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
