"""The ledger of runs: one row each, written at the start, once a minute, and at the end.

A run whose row stays without an end and is not refreshed any more was killed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Column, Integer, Table, Text, delete, update

from target_marketo.store.database import METADATA

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Executable

    from target_marketo.store.database import Database

COUNTS = (
    "received",
    "delivered",
    "unchanged",
    "skipped",
    "rejected",
    "created",
    "updated",
    "twins",
    "values_left_out",
)
"""Of `Summary`: records, people created and updated, keys of several people, values left out."""

RUNS = Table(
    "target_runs",  # a database may be shared with Meltano, which has its own `runs`
    METADATA,
    Column("run", Text, primary_key=True),
    Column("instance", Text, nullable=False),
    Column("started_at", Text, nullable=False),
    Column("alive_at", Text, nullable=False),
    Column("ended_at", Text),
    Column("exit_code", Integer),
    *(Column(name, Integer, nullable=False, server_default="0") for name in COUNTS),
    Column("calls", Text, nullable=False, server_default="{}"),  # kind -> how many
    Column("throttled", Text, nullable=False, server_default="{}"),  # code -> how many
    Column("attachments", Text, nullable=False, server_default="{}"),  # kind -> how many written
    Column("bookmark", Text),  # the newest time in the last STATE that was written, if it has one
    Column("error_code", Text, nullable=False, server_default=""),
    Column("error", Text, nullable=False, server_default=""),
    Column("reported", Integer, nullable=False, server_default="0"),
)

SILENT_AFTER = timedelta(minutes=10)
"""A run that did not refresh its row for so long is not alive."""


class RunLedger:
    """The row of one run. Times are RFC 3339 in UTC."""

    def __init__(
        self,
        database: Database,
        run: str,
        instance: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._run = run
        self._instance = instance
        self._now = now
        database.create_tables(RUNS)

    def started(self) -> None:
        """Adds the row."""
        at = moment(self._now())
        row = {"run": self._run, "instance": self._instance, "started_at": at, "alive_at": at}
        insert = self._database.insert(RUNS).values(row).on_conflict_do_nothing()
        self._execute(insert)

    def alive(self, counts: Mapping[str, Any]) -> None:
        """Refreshes the row with the counts so far."""
        self._write(counts)

    def ended(
        self, counts: Mapping[str, Any], exit_code: int, error_code: str = "", error: str = ""
    ) -> None:
        """Ends the row. `error` is shown: it must hold no secret and no value of a record."""
        self._write(
            {
                **counts,
                "ended_at": moment(self._now()),
                "exit_code": exit_code,
                "error_code": error_code,
                "error": error,
            }
        )

    def forget_older(self, days: int) -> None:
        """Deletes runs that started more than `days` ago."""
        before = moment(self._now() - timedelta(days=days))
        self._execute(delete(RUNS).where(RUNS.c.started_at < before))

    def _write(self, values: Mapping[str, Any]) -> None:
        stored = {
            name: msgspec.json.encode(value).decode() if isinstance(value, dict) else value
            for name, value in values.items()
        }
        row = update(RUNS).where(RUNS.c.run == self._run)
        self._execute(row.values(**stored, alive_at=moment(self._now())))

    def _execute(self, statement: Executable) -> None:
        self._database.repeat(self._database.write, lambda found: found.execute(statement))


def moment(at: datetime) -> str:
    """A time as the store keeps it; as texts, such times sort as times."""
    return at.astimezone(UTC).isoformat(timespec="seconds")
