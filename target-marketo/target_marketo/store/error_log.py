"""The error log: records that Marketo will not take, kept whole until somebody deals with them.

One table. An entry is one part of one record that failed for one reason: the whole person, one
field of it, or what is attached to the person (an activity, a list, a program, an object). The same
failing again is counted, not repeated. It is *resolved* when that part is delivered after all, and
reopened if it then fails again. Whole records stand here and nowhere else: everything that is shown
elsewhere is the masked key, and the keyed hash that tells whether two entries are about one person.

Every entry belongs to one instance of Marketo: of several that share a store, none resolves or
replays what is another's.

What a digest has told is kept in the entry (`times_reported`, `resolution_reported`) and not as a
point in time: an entry that is committed late is then told late, and never missed.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import (
    Column,
    Index,
    Integer,
    Table,
    Text,
    bindparam,
    delete,
    func,
    or_,
    select,
    update,
)

from target_marketo.privacy import comparable, mask
from target_marketo.store.database import METADATA
from target_marketo.store.hash_key import hash_key
from target_marketo.store.run_ledger import RUNS, moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from sqlalchemy import Connection, Row

    from target_marketo.store.database import Database

PERSON = "person"
"""The part of a record that is its person, with all of its fields."""

ERRORS = Table(
    "errors",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", Text, nullable=False),  # first seen; times are RFC 3339, UTC
    Column("last_at", Text),  # last seen
    Column("instance", Text),  # null where version 0.1 wrote it, until the next run claims it
    Column("run", Text, nullable=False),  # the run that saw it last
    Column("number", Integer),  # of the record within that run
    Column("stream", Text, nullable=False),
    Column("part", Text, nullable=False, server_default=PERSON),
    Column("class", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("advice", Text, nullable=False),
    Column("key_hash", Text, nullable=False),
    Column("key_masked", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("position", Integer),
    Column("record", Text, nullable=False),
    Column("record_hash", Text),
    Column("fingerprint", Text),  # instance, part, stream, person, record and reason
    Column("mapping", Text),  # tells whether `streams` has changed since
    Column("times_seen", Integer, nullable=False, server_default="1"),
    Column("times_reported", Integer, nullable=False, server_default="0"),
    Column("resolved_at", Text),
    Column("resolution_reported", Integer, nullable=False, server_default="0"),
    Index("errors_by_key", "stream", "key_hash"),
    Index("errors_by_fingerprint", "fingerprint", unique=True),
)
_ROWS_AT_ONCE = 500


class Failure(NamedTuple):
    """A record that was not written, and why. No text but `record` and `key` holds its values."""

    stream: str
    kind: str
    code: str
    field: str
    advice: str
    key: str
    record: Any
    request_id: str = ""
    position: int | None = None
    part: str = PERSON
    number: int = 0


class Delivery(NamedTuple):
    """Parts of a person that are in Marketo as the records of a stream want them.

    `records` are these records: their number in this run, and their hash. What could be told by no
    key is a part `of_records`: it is good for these very records alone.
    """

    stream: str
    key_hash: str
    records: tuple[tuple[int, str], ...]
    parts: frozenset[str] = frozenset({PERSON})
    of_records: frozenset[str] = frozenset()


class Hashes:
    """What the error log keeps in place of a key, a record, or a reason."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of_key(self, key: str) -> str:
        return self._of(comparable(key).encode())

    def of_record(self, record: Any) -> str:
        return self._of(msgspec.json.encode(record, order="deterministic"))

    def of_parts(self, *parts: str) -> str:
        return self._of("\0".join(parts).encode())

    def _of(self, text: bytes) -> str:
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()[:32]


class ErrorLog:
    """Writes the error log; what was written is on disk when the call returns.

    `instance` is the Marketo instance that the entries are about, `mapping` names the rules that
    the records were mapped by; see `mapping_digest`.
    """

    def __init__(
        self,
        database: Database,
        run: str = "",
        *,
        instance: str = "",
        mapping: str = "",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._run = run
        self._instance = instance
        self._mapping = mapping
        self._now = now
        database.create_tables(ERRORS, RUNS)
        self._hashes = Hashes(hash_key(database))
        if instance:
            self._claim_older()

    def store(
        self,
        failures: Iterable[Failure],
        deliveries: Iterable[Delivery] = (),
        also: Callable[[Connection], None] = lambda _: None,
    ) -> None:
        """Stores failures, and resolves what deliveries have made good, in one transaction.

        `also` is done in it: what must not be so unless the failures are stored. It comes to the
        same when it is done twice.

        A delivery resolves what is older than itself and nothing newer. The age of a record is its
        number in this run; entries of earlier runs are older than all of it. A delivered record
        that is itself one of those (a replay, or the tap looking back) is as old as that entry.

        Raises:
            StoreError: Nothing of it is stored, so no STATE may pass these records.
        """
        at = moment(self._now())
        rows = [self._row(failure, at) for failure in failures]
        made_good = list(deliveries)
        if not rows and not made_good:
            return

        tries: list[dict[str, Any]] = []  # the last row of each

        def keep(connection: Connection) -> None:
            self._exclude_writers(connection)
            # All of it is there, or nothing: what was stored by a commit whose reply was lost is
            # not counted again.
            upsert = self._upsert(
                0 if any(self._is_stored(connection, row) for row in tries) else 1
            )
            tries.extend(rows[-1:])
            for batch in _batches(rows):
                connection.execute(upsert, batch)
            also(connection)
            done = [each for delivery in made_good for each in self._older(connection, delivery)]
            for ids in _batches(sorted(set(done))):
                connection.execute(
                    update(ERRORS)
                    .where(ERRORS.c.id.in_(ids), ERRORS.c.resolved_at.is_(None))
                    .values(resolved_at=at, resolution_reported=0)
                )

        self._database.repeat(self._database.write, keep)

    def open_people(self) -> Iterator[tuple[str, str]]:
        """Stream and hash of the key of each open entry. They are not held in memory."""
        wanted = select(ERRORS.c.stream, ERRORS.c.key_hash).where(*self._mine())
        with self._database.read() as connection:
            result = connection.execution_options(yield_per=1000).execute(wanted)
            for row in result:
                yield row.stream, row.key_hash

    def _mine(self) -> tuple[Any, ...]:
        return (ERRORS.c.resolved_at.is_(None), ERRORS.c.instance == self._instance)

    def _older(self, connection: Connection, delivery: Delivery) -> list[int]:
        """The open entries that a delivery makes good."""
        wanted = (
            select(ERRORS.c.id, ERRORS.c.run, ERRORS.c.number, ERRORS.c.part, ERRORS.c.record_hash)
            .where(
                *self._mine(),
                ERRORS.c.stream == delivery.stream,
                ERRORS.c.key_hash == delivery.key_hash,
            )
            .order_by(ERRORS.c.id)
        )
        found = connection.execute(wanted).all()
        ages = {row.id: self._age(row, len(found), place) for place, row in enumerate(found)}
        before = {row.record_hash: ages[row.id] for row in found if ages[row.id] < 0}
        age = max(before.get(record_hash, number) for number, record_hash in delivery.records)
        hashes = {record_hash for _, record_hash in delivery.records}
        return [
            row.id
            for row in found
            if ages[row.id] <= age
            and (
                row.part in delivery.parts
                or (row.part in delivery.of_records and row.record_hash in hashes)
            )
        ]

    def _age(self, row: Row[Any], entries: int, place: int) -> int:
        """The record's number in this run; below zero for those of earlier ones."""
        return int(row.number or 0) if row.run == self._run else place - entries

    def _claim_older(self) -> None:
        """Gives the entries of version 0.1 to the instance of their run, else to this one."""
        orphans = ERRORS.c.instance.is_(None)
        with self._database.read() as connection:
            if connection.execute(select(ERRORS.c.id).where(orphans).limit(1)).first() is None:
                return
        theirs = select(RUNS.c.instance).where(RUNS.c.run == ERRORS.c.run).scalar_subquery()
        with self._database.write() as connection:
            self._exclude_writers(connection)
            rows = connection.execute(
                select(
                    ERRORS.c.id,
                    func.coalesce(theirs, self._instance).label("instance"),
                    ERRORS.c.stream,
                    ERRORS.c.key_hash,
                    ERRORS.c.record_hash,
                    ERRORS.c.code,
                    ERRORS.c.field,
                ).where(orphans)
            ).all()
            claim = (
                update(ERRORS)
                .where(ERRORS.c.id == bindparam("claimed"))
                .values(instance=bindparam("owner"), fingerprint=bindparam("named"))
            )
            connection.execute(
                claim,
                [
                    {
                        "claimed": row.id,
                        "owner": row.instance,
                        "named": row.record_hash
                        and self._hashes.of_parts(row.instance, PERSON, *row[2:]),
                    }
                    for row in rows
                ],
            )

    def count(self) -> int:
        """How many entries there are."""
        with self._database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(ERRORS)).scalar_one())

    def forget_older(self, days: int) -> int:
        """Deletes entries that were last seen more than `days` ago; how many."""
        before = moment(self._now() - timedelta(days=days))
        return self._delete(last_seen() < before)

    def forget_ids(self, ids: Iterable[int]) -> int:
        """Deletes these entries; how many there were."""
        return sum(self._delete(ERRORS.c.id.in_(batch)) for batch in _batches(sorted(ids)))

    def reported(self, seen: Iterable[tuple[int, int]], resolved: Iterable[int]) -> None:
        """A digest was accepted: it told of these entries (id, times seen) and resolutions."""
        told = [{"told_id": each, "told": times} for each, times in seen]
        with self._database.write() as connection:
            self._exclude_writers(connection)
            mark = (
                update(ERRORS)
                .where(ERRORS.c.id == bindparam("told_id"))
                .values(times_reported=bindparam("told"))
            )
            for batch in _batches(told):
                connection.execute(mark, batch)
            for ids in _batches(sorted(resolved)):
                connection.execute(
                    update(ERRORS)
                    .where(ERRORS.c.id.in_(ids), ERRORS.c.resolved_at.is_not(None))
                    .values(resolution_reported=1)
                )

    def hash(self, key: str) -> str:
        """The same for one person in any case; without the store's own key it tells nothing."""
        return self._hashes.of_key(key)

    def record_hash(self, record: Any) -> str:
        """The same for equal records, in whatever order their properties stand."""
        return self._hashes.of_record(record)

    def fingerprint(self, failure: Failure) -> str:
        """The same for the same part of a record of the same person, failing for one reason."""
        return self._hashes.of_parts(
            self._instance,
            failure.part,
            failure.stream,
            self.hash(failure.key),
            self.record_hash(failure.record),
            failure.code,
            failure.field,
        )

    def _row(self, failure: Failure, at: str) -> dict[str, Any]:
        return {
            "at": at,
            "last_at": at,
            "instance": self._instance,
            "run": self._run,
            "number": failure.number,
            "stream": failure.stream,
            "part": failure.part,
            "class": failure.kind,
            "code": failure.code,
            "field": failure.field,
            "advice": failure.advice,
            "key_hash": self.hash(failure.key),
            "key_masked": mask(failure.key),
            "request_id": failure.request_id,
            "position": failure.position,
            "record": msgspec.json.encode(failure.record).decode(),
            "record_hash": self.record_hash(failure.record),
            "fingerprint": self.fingerprint(failure),
            "mapping": self._mapping,
        }

    def _upsert(self, times: int) -> Any:
        statement = self._database.insert(ERRORS)
        again = ("last_at", "run", "number", "advice", "request_id", "position", "mapping")
        return statement.on_conflict_do_update(
            index_elements=["fingerprint"],
            set_={name: statement.excluded[name] for name in again}
            | {
                "times_seen": ERRORS.c.times_seen + times,
                "resolved_at": None,
                "resolution_reported": 0,
            },
        )

    def _is_stored(self, connection: Connection, row: Mapping[str, Any]) -> bool:
        same = (ERRORS.c[name] == row[name] for name in ("fingerprint", "run", "number", "last_at"))
        return connection.execute(select(ERRORS.c.id).where(*same)).first() is not None

    def _delete(self, condition: Any) -> int:
        with self._database.write() as connection:
            self._database.delete_securely(connection)
            return int(connection.execute(delete(ERRORS).where(condition)).rowcount)

    def _exclude_writers(self, connection: Connection) -> None:
        """Two processes that update the same rows in different orders would wait in a ring."""
        if not self._database.is_sqlite:
            connection.exec_driver_sql(f"LOCK TABLE {ERRORS} IN SHARE ROW EXCLUSIVE MODE")


def last_seen() -> Any:
    """When an entry was last seen, as a column."""
    return func.coalesce(ERRORS.c.last_at, ERRORS.c.at)


def is_news() -> Any:
    """The entries that no accepted digest has told of as they are now."""
    return or_(
        ERRORS.c.times_seen > ERRORS.c.times_reported,
        ERRORS.c.resolved_at.is_not(None) & (ERRORS.c.resolution_reported == 0),
    )


def mapping_digest(streams: Any) -> str:
    """Tells two `streams` settings apart."""
    return hashlib.sha256(msgspec.json.encode(streams, order="deterministic")).hexdigest()[:16]


def _batches(rows: list[Any]) -> Iterable[list[Any]]:
    return (rows[start : start + _ROWS_AT_ONCE] for start in range(0, len(rows), _ROWS_AT_ONCE))
