"""Leases: rows that hold a place until a stated time, so that a killed process needs no clean-up.

A lease has two ends: `busy_until`, for a place in flight, and `window_until`, for a place in the
rate window. Beside the rows an instance has one document, of which the store knows nothing. Both
are read and written in a transaction that excludes every other one on the instance:

    with leases.transaction("123-abc-456.example") as ledger:
        if sum(row.busy_until > ledger.now for row in ledger.rows) < 10:
            ledger.put(Lease(...))

Times are seconds of the store's clock (see clock.py), read after the lock is held.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import Column, Double, Index, Integer, Table, Text

from target_marketo.store.clock import Dial, HostClock, ServerClock, turn, without_leap
from target_marketo.store.database import METADATA

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    from sqlalchemy import Connection

    from target_marketo.store.clock import Reading, StoreClock
    from target_marketo.store.database import Database

INSTANCES = Table(
    "governor_instances",
    METADATA,
    Column("instance", Text, primary_key=True),
    Column("clock_epoch", Text, nullable=False),
    Column("clock_offset", Double, nullable=False),
    Column("clock_now", Double, nullable=False),
    Column("document", Text),
)

LEASES = Table(
    "governor_leases",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("instance", Text, nullable=False),
    Column("process", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("granted", Double, nullable=False),
    Column("busy_until", Double, nullable=False),
    Column("window_until", Double, nullable=False),
    Index("governor_leases_by_instance", "instance"),
)


SWEEP = 32
"""Leases that have run out are deleted so many at a time; one by one would double the writes."""


@dataclass(frozen=True, slots=True)
class Row:
    """One lease. `process` is unlike any other process's, also where pids are used again."""

    id: str
    process: str
    host: str
    pid: int
    granted: float
    busy_until: float
    window_until: float

    @property
    def until(self) -> float:
        return max(self.busy_until, self.window_until)


class Ledger(Protocol):
    """What a transaction sees of one instance, and may change."""

    @property
    def now(self) -> float:
        """The store's time at which the transaction began."""

    @property
    def rows(self) -> Mapping[str, Row]:
        """The leases that have not run out at `now`, by id."""

    @property
    def document(self) -> str | None:
        """The document as it was last kept."""

    def put(self, row: Row) -> None:
        """Write a new lease, or write one anew."""

    def drop(self, lease_id: str) -> None:
        """End a lease at once; nothing happens if it is gone."""

    def keep(self, document: str) -> None:
        """Write the document."""


class Leases(Protocol):
    def transaction(self, instance: str, *, durable: bool = True) -> AbstractContextManager[Ledger]:
        """All that happens inside is kept when the block ends, or none of it.

        If it need not be `durable`, a crash of the database server may undo what it kept.

        Raises:
            StoreError: it is not known to be kept.
        """


class DatabaseLeases:
    """Leases in SQLite, for all processes of a host, or in PostgreSQL, for all hosts."""

    def __init__(self, database: Database, clock: StoreClock | None = None) -> None:
        self._database = database
        self._clock = clock or (HostClock() if database.is_sqlite else ServerClock())
        self._sql = _Statements(database, self._clock)
        self._readings: dict[str, tuple[Reading, Dial]] = {}
        self._readings_lock = Lock()
        database.create_tables(INSTANCES, LEASES)

    @contextmanager
    def transaction(self, instance: str, *, durable: bool = True) -> Iterator[Ledger]:
        with self._database.write(durable=durable) as connection:
            # SQLite's write lock is held by now: it is the whole file's.
            if not self._database.is_sqlite:
                connection.exec_driver_sql(self._sql.lock, {"key": lock_number(instance)})
            ledger = self._open(connection, instance)
            yield ledger
            ledger.close()

    def _open(self, connection: Connection, instance: str) -> _DatabaseLedger:
        before = self._clock.own()
        result = connection.exec_driver_sql(self._sql.read_instance, {"instance": instance})
        shown, epoch, offset, now, document = result.one()
        reading = self._clock.reading(shown, before)
        written = None if epoch is None else Dial(epoch, offset, now)
        with self._readings_lock:
            earlier = self._readings.get(instance)
            mended = written if earlier is None else without_leap(earlier, written, reading)
            dial = turn(mended, reading)
            self._readings[instance] = (reading, dial)
        turned = written is None or (written.epoch, written.offset) != (dial.epoch, dial.offset)
        return _DatabaseLedger(connection, self._sql, instance, dial, document, changed=turned)


class _DatabaseLedger:
    def __init__(
        self,
        connection: Connection,
        sql: _Statements,
        instance: str,
        dial: Dial,
        document: str | None,
        *,
        changed: bool,
    ) -> None:
        self.now = dial.now
        self.document = document
        self._connection = connection
        self._sql = sql
        self._instance = instance
        self._dial = dial
        self._rows: dict[str, Row] | None = None
        self._expired: list[str] = []
        self._changed = changed

    @property
    def rows(self) -> Mapping[str, Row]:
        if self._rows is None:
            self._rows = {}
            of = {"instance": self._instance}
            for values in self._connection.exec_driver_sql(self._sql.read_leases, of).all():
                row = Row(*values)
                if row.until > self.now:
                    self._rows[row.id] = row
                else:
                    self._expired.append(row.id)
        return self._rows

    def put(self, row: Row) -> None:
        values = {name: getattr(row, name) for name in Row.__slots__}
        values["instance"] = self._instance
        self._connection.exec_driver_sql(self._sql.put_lease, values)
        if self._rows is not None:
            self._rows[row.id] = row

    def drop(self, lease_id: str) -> None:
        self._connection.exec_driver_sql(self._sql.drop_lease, {"id": lease_id})
        if self._rows is not None:
            self._rows.pop(lease_id, None)

    def keep(self, document: str) -> None:
        self.document = document
        self._changed = True

    def close(self) -> None:
        if len(self._expired) >= SWEEP:
            every = [{"id": one} for one in self._expired]
            self._connection.exec_driver_sql(self._sql.drop_lease, every)
        if not self._changed:
            # An older clock_now is safe: after a reboot, time would go on from there.
            return
        values = {
            "instance": self._instance,
            "clock_epoch": self._dial.epoch,
            "clock_offset": self._dial.offset,
            "clock_now": self._dial.now,
            "document": self.document,
        }
        self._connection.exec_driver_sql(self._sql.put_instance, values)


def lock_number(instance: str) -> int:
    """The advisory lock of an instance: 63 bits of a hash, unlikely to be another program's."""
    digest = hashlib.blake2b(f"target-marketo governor {instance}".encode(), digest_size=8)
    return int.from_bytes(digest.digest(), "big") >> 1


class _Statements:
    """Written once and given to the driver as they are: the lock is held while they run."""

    def __init__(self, database: Database, clock: StoreClock) -> None:
        self._mark = ":{}" if database.is_sqlite else "%({})s"
        leases = ", ".join(Row.__slots__)
        self.lock = f"SELECT pg_advisory_xact_lock({self._at('key')})"
        self.read_instance = (
            f"SELECT {clock.expression}, clock_epoch, clock_offset, clock_now, document"  # noqa: S608 - all names are ours
            f" FROM (SELECT 1) AS always LEFT JOIN {INSTANCES} ON instance = {self._at('instance')}"
        )
        self.read_leases = f"SELECT {leases} FROM {LEASES} WHERE instance = {self._at('instance')}"  # noqa: S608 - as above
        self.drop_lease = f"DELETE FROM {LEASES} WHERE id = {self._at('id')}"  # noqa: S608 - as above
        self.put_lease = self._upsert(LEASES, "id")
        self.put_instance = self._upsert(INSTANCES, "instance")

    def _at(self, name: str) -> str:
        return self._mark.format(name)

    def _upsert(self, table: Table, key: str) -> str:
        columns = [column.name for column in table.columns]
        changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name != key)
        return (
            f"INSERT INTO {table} ({', '.join(columns)})"  # noqa: S608 - as above
            f" VALUES ({', '.join(map(self._at, columns))})"
            f" ON CONFLICT ({key}) DO UPDATE SET {changes}"
        )
