"""What runs saw of their streams: names of properties, counts, and never a value.

One document for each stream of a run; `marketo-ops mapping` and `check` read the latest.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Column, Table, Text, and_, delete, select

from target_marketo.store.database import METADATA
from target_marketo.store.run_ledger import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Connection

    from target_marketo.store.database import Database

SEEN = Table(
    "streams_seen",
    METADATA,
    Column("instance", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("run", Text, primary_key=True),
    Column("at", Text, nullable=False),
    Column("document", Text, nullable=False),
)


class SeenStreams:
    """The documents of one instance. Times are RFC 3339 in UTC."""

    def __init__(
        self,
        database: Database,
        instance: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._instance = instance
        self._now = now
        database.create_tables(SEEN)

    def store(self, run: str, documents: Mapping[str, Any], days: int) -> None:
        """Keeps a run's documents by stream, and forgets those that are older than `days`."""
        at = moment(self._now())
        rows = [
            {
                "instance": self._instance,
                "stream": stream,
                "run": run,
                "at": at,
                "document": msgspec.json.encode(document).decode(),
            }
            for stream, document in documents.items()
        ]
        before = moment(self._now() - timedelta(days=days))
        mine = (SEEN.c.instance == self._instance, SEEN.c.run == run)

        def replace(connection: Connection) -> None:
            connection.execute(delete(SEEN).where((SEEN.c.at < before) | and_(*mine)))
            if rows:
                connection.execute(SEEN.insert(), rows)

        self._database.repeat(self._database.write, replace)

    def latest(self) -> dict[str, Any]:
        """Stream -> what the last run that had it saw; what cannot be read is not there."""
        chosen = select(SEEN).where(SEEN.c.instance == self._instance).order_by(SEEN.c.at)
        found = {}
        with self._database.read() as connection:
            for row in connection.execute(chosen):
                try:
                    document = msgspec.json.decode(row.document)
                except msgspec.DecodeError:
                    continue
                if isinstance(document, dict):
                    found[str(row.stream)] = {**document, "at": row.at, "run": row.run}
        return found
