"""Leases: rows that hold a place until a stated time, so that a killed process needs no clean-up.

A lease has three ends: `busy_until`, for a place in flight, `window_until`, for a place in the rate
window, and `work_until`, for what the call may still do when it holds neither. Beside the rows an
instance has one document, of which the store knows nothing. Both are read and written in a
transaction that excludes every other one on the instance:

    with leases.transaction("123-abc-456.example") as ledger:
        if sum(row.busy_until > ledger.now for row in ledger.rows) < 10:
            ledger.put(Lease(...))

Times are seconds of the store's clock (see clock.py), read after the lock is held.
"""

from __future__ import annotations

import functools
import hashlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from msgspec.structs import astuple
from sqlalchemy import BigInteger, Column, Double, Index, Integer, Table, Text

from target_marketo.store.clock import Dial, HostClock, ServerClock, turn, without_leap
from target_marketo.store.database import METADATA

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy import PoolProxiedConnection

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
    Column("revision", BigInteger, nullable=False, server_default="0"),
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
    Column("work_until", Double, nullable=False, server_default="0"),
    Column("revision", BigInteger, nullable=False, server_default="0"),
    Index("governor_leases_by_revision", "instance", "revision"),
)

SWEEP = 32
"""Leases that have run out are deleted so many at a time; one by one would double the writes."""

KEPT_SECONDS = 10.0
"""A lease that was changed more recently is not deleted: others are still to read that it ended."""

RECENT_SECONDS = KEPT_SECONDS / 2
"""A connection that read the leases longer ago reads them all again: some may have been deleted."""


class Row(msgspec.Struct, frozen=True):
    """One lease. `process` is unlike any other process's, also where pids are used again."""

    id: str
    process: str
    host: str
    pid: int
    granted: float
    busy_until: float
    window_until: float
    work_until: float = 0.0

    @property
    def until(self) -> float:
        return max(self.busy_until, self.window_until, self.work_until)


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
        """Write a new lease, or write one again."""

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
        self._sql = _Statements("?" if database.is_sqlite else "%s", self._clock)
        self._readings: dict[str, tuple[Reading, Dial]] = {}
        self._readings_lock = Lock()
        database.create_tables(INSTANCES, LEASES)

    @contextmanager
    def transaction(self, instance: str, *, durable: bool = True) -> Iterator[Ledger]:
        with self._database.exclusively(lock_number(instance), durable=durable) as connection:
            ledger = self._open(connection, instance)
            yield ledger
            ledger.close()

    def _open(self, connection: PoolProxiedConnection, instance: str) -> _DatabaseLedger:
        cursor: Any = connection.cursor()
        before = self._clock.own()
        cursor.execute(self._sql.read_instance, (instance,))
        shown, epoch, offset, now, document, revision = cursor.fetchone()
        reading = self._clock.reading(shown, before)
        written = None if epoch is None else Dial(epoch, offset, now)
        with self._readings_lock:
            earlier = self._readings.get(instance)
            mended = written if earlier is None else without_leap(earlier, written, reading)
            dial = turn(mended, reading)
            self._readings[instance] = (reading, dial)
        turned = written is None or (written.epoch, written.offset) != (dial.epoch, dial.offset)
        seen = connection.info.get(("leases", instance))
        if seen is None or seen.revision > (revision or 0):
            seen = connection.info["leases", instance] = _Seen()
        return _DatabaseLedger(
            cursor,
            self._sql,
            instance,
            dial=dial,
            document=document,
            revision=revision or 0,
            seen=seen,
            changed=turned,
        )


@dataclass(slots=True)
class _Seen:
    """The leases of an instance as of `revision`, which a connection need not read again.

    A lease that is changed bears the revision of the transaction that changed it: microseconds of
    the store's time, or one more than the last.
    """

    revision: int = -1
    rows: dict[str, Row] = field(default_factory=dict)
    run_out: int = 0


class _DatabaseLedger:
    def __init__(
        self,
        cursor: Any,
        sql: _Statements,
        instance: str,
        *,
        dial: Dial,
        document: str | None,
        revision: int,
        seen: _Seen,
        changed: bool,
    ) -> None:
        self.now = dial.now
        self.document = document
        self._cursor = cursor
        self._sql = sql
        self._instance = instance
        self._dial = dial
        self._revision = revision
        # Of this transaction, if it changes anything. A server that crashes may lose its last
        # revisions: with the time in it, none is given twice.
        self._following = max(revision + 1, int(dial.now * 1e6))
        self._seen = seen
        self._pruned = False
        self._changed = changed

    @property
    def rows(self) -> Mapping[str, Row]:
        if not self._is_seen:
            self._see()
        if not self._pruned:
            self._prune()
        return self._seen.rows

    def put(self, row: Row) -> None:
        self._cursor.execute(self._sql.put_lease, (*astuple(row), self._instance, self._following))
        self._changed = True
        if self._is_seen:
            self._seen.rows[row.id] = row

    def drop(self, lease_id: str) -> None:
        # It ends and is deleted later: that a row is gone, other processes would not see.
        now = self.now
        self._cursor.execute(self._sql.end_lease, (now, now, now, self._following, lease_id))
        self._changed = True
        if self._is_seen:
            self._seen.rows.pop(lease_id, None)

    def keep(self, document: str) -> None:
        self.document = document
        self._changed = True

    def close(self) -> None:
        seen = self._seen
        if seen.run_out >= SWEEP:
            kept_from = int((self.now - KEPT_SECONDS) * 1e6)
            self._cursor.execute(self._sql.sweep, (self._instance, kept_from, *[self.now] * 3))
            seen.run_out = 0
        if self._changed:
            # Else clock_now stays older, which is safe: after a reboot, time goes on from there.
            dial = self._dial
            self._cursor.execute(
                self._sql.put_instance,
                (
                    self._instance,
                    dial.epoch,
                    dial.offset,
                    dial.now,
                    self.document,
                    self._following,
                ),
            )
            if self._is_seen:
                seen.revision = self._following

    @property
    def _is_seen(self) -> bool:
        return self._seen.revision == self._revision

    def _see(self) -> None:
        """Read what was changed since the connection last did, and in this transaction."""
        seen = self._seen
        if seen.revision < (self.now - RECENT_SECONDS) * 1e6:
            seen.revision, seen.rows = -1, {}
        self._cursor.execute(self._sql.read_leases, (self._instance, seen.revision))
        for values in self._cursor.fetchall():
            row = Row(*values)
            seen.rows[row.id] = row
        seen.revision = self._revision

    def _prune(self) -> None:
        """Leases end for this process when they do, whoever deletes them."""
        seen, now = self._seen, self.now
        live = {row.id: row for row in seen.rows.values() if row.until > now}
        seen.run_out += len(seen.rows) - len(live)
        seen.rows = live
        self._pruned = True


@functools.cache
def lock_number(instance: str) -> int:
    """The advisory lock of an instance: 63 bits of a hash, unlikely to be another program's."""
    digest = hashlib.blake2b(f"target-marketo governor {instance}".encode(), digest_size=8)
    return int.from_bytes(digest.digest(), "big") >> 1


class _Statements:
    """Written once and given to the driver as they are: the lock is held while they run."""

    def __init__(self, mark: str, clock: StoreClock) -> None:
        self._mark = mark
        lease = Row.__struct_fields__
        self.read_instance = (
            f"SELECT {clock.expression}, clock_epoch, clock_offset, clock_now, document, revision"  # noqa: S608 - all names are ours
            f" FROM (SELECT 1) AS always LEFT JOIN {INSTANCES} ON instance = {mark}"
        )
        self.read_leases = (
            f"SELECT {', '.join(lease)} FROM {LEASES} WHERE instance = {mark} AND revision > {mark}"  # noqa: S608 - as above
        )
        self.put_lease = self._upsert(LEASES, "id", (*lease, "instance", "revision"))
        self.end_lease = (
            f"UPDATE {LEASES} SET busy_until = {mark}, window_until = {mark}, work_until = {mark},"  # noqa: S608 - as above
            f" revision = {mark} WHERE id = {mark}"
        )
        self.sweep = (
            f"DELETE FROM {LEASES} WHERE instance = {mark} AND revision < {mark}"  # noqa: S608 - as above
            f" AND busy_until <= {mark} AND window_until <= {mark} AND work_until <= {mark}"
        )
        self.put_instance = self._upsert(INSTANCES, "instance", INSTANCES.columns.keys())

    def _upsert(self, table: Table, key: str, columns: Sequence[str]) -> str:
        changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name != key)
        return (
            f"INSERT INTO {table} ({', '.join(columns)})"  # noqa: S608 - as above
            f" VALUES ({', '.join([self._mark] * len(columns))})"
            f" ON CONFLICT ({key}) DO UPDATE SET {changes}"
        )
