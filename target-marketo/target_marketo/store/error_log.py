"""The error log: records that Marketo will not take, kept whole until somebody deals with them.

One table. An entry is one record that failed for one reason; the same record failing again is
counted, not repeated. It is *resolved* when its person is delivered after all, and reopened if the
record then fails again. Whole records stand here and nowhere else: everything that is shown
elsewhere is the masked key, and the keyed hash that tells whether two entries are about one person.

What a digest has told is kept in the entry (`times_reported`, `resolution_reported`) and not as a
point in time: an entry that is committed late is then told late, and never missed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
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

from target_marketo.store.database import METADATA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import Connection

    from target_marketo.store.database import Database

ERRORS = Table(
    "errors",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", Text, nullable=False),  # first seen; times are RFC 3339, UTC
    Column("last_at", Text),  # last seen
    Column("run", Text, nullable=False),  # the run that saw it last
    Column("stream", Text, nullable=False),
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
    Column("fingerprint", Text),  # stream, person, record and reason
    Column("mapping", Text),  # tells whether `streams` has changed since
    Column("times_seen", Integer, nullable=False, server_default="1"),
    Column("times_reported", Integer, nullable=False, server_default="0"),
    Column("resolved_at", Text),
    Column("resolution_reported", Integer, nullable=False, server_default="0"),
    Index("errors_by_key", "stream", "key_hash"),
    Index("errors_by_fingerprint", "fingerprint", unique=True),
)
SECRETS = Table(
    "secrets",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

_ROWS_AT_ONCE = 500
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


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


class OpenEntry(NamedTuple):
    """An entry that waits for its person to be delivered."""

    id: int
    stream: str
    key_hash: str
    record_hash: str
    fingerprint: str


class ErrorLog:
    """Writes the error log; what was written is on disk when the call returns.

    `mapping` names the rules that the records were mapped by; see `mapping_digest`.
    """

    def __init__(
        self,
        database: Database,
        run: str = "",
        *,
        mapping: str = "",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._run = run
        self._mapping = mapping
        self._now = now
        database.create_tables(ERRORS, SECRETS)
        self._hash_key = self._stored_hash_key()

    def store(self, failures: Iterable[Failure], resolved: Iterable[str] = ()) -> None:
        """Stores failures, and resolves the entries with these fingerprints, in one transaction.

        Raises:
            StoreError: Nothing of it is stored, so no STATE may pass these records.
        """
        at = moment(self._now())
        rows = [self._row(failure, at) for failure in failures]
        fingerprints = sorted(resolved)
        if not rows and not fingerprints:
            return
        with self._database.write() as connection:
            self._exclude_writers(connection)
            for batch in _batches(rows):
                connection.execute(self._upsert(), batch)
            for names in _batches(fingerprints):
                connection.execute(
                    update(ERRORS)
                    .where(ERRORS.c.fingerprint.in_(names), ERRORS.c.resolved_at.is_(None))
                    .values(resolved_at=at, resolution_reported=0)
                )

    def append(self, failures: Iterable[Failure]) -> None:
        """As `store`, with nothing to resolve."""
        self.store(failures)

    def open_entries(self) -> list[OpenEntry]:
        """What waits to be resolved, oldest first."""
        columns = (
            ERRORS.c.id,
            ERRORS.c.stream,
            ERRORS.c.key_hash,
            ERRORS.c.record_hash,
            ERRORS.c.fingerprint,
        )
        wanted = (
            select(*columns)
            .where(ERRORS.c.resolved_at.is_(None), ERRORS.c.fingerprint.is_not(None))
            .order_by(ERRORS.c.id)
        )
        with self._database.read() as connection:
            return [OpenEntry(*row) for row in connection.execute(wanted)]

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
        return self._digest(key.strip().casefold().encode())

    def record_hash(self, record: Any) -> str:
        """The same for equal records, in whatever order their properties stand."""
        return self._digest(msgspec.json.encode(record, order="deterministic"))

    def fingerprint(self, failure: Failure) -> str:
        """The same for the same record of the same person, failing for the same reason."""
        parts = (
            failure.stream,
            self.hash(failure.key),
            self.record_hash(failure.record),
            failure.code,
            failure.field,
        )
        return self._digest("\0".join(parts).encode())

    def _row(self, failure: Failure, at: str) -> dict[str, Any]:
        return {
            "at": at,
            "last_at": at,
            "run": self._run,
            "stream": failure.stream,
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

    def _upsert(self) -> Any:
        statement = self._database.insert(ERRORS)
        again = ("last_at", "run", "advice", "request_id", "position", "mapping")
        return statement.on_conflict_do_update(
            index_elements=["fingerprint"],
            set_={name: statement.excluded[name] for name in again}
            | {
                "times_seen": ERRORS.c.times_seen + 1,
                "resolved_at": None,
                "resolution_reported": 0,
            },
        )

    def _delete(self, condition: Any) -> int:
        with self._database.write() as connection:
            self._secure_delete(connection)
            return int(connection.execute(delete(ERRORS).where(condition)).rowcount)

    def _exclude_writers(self, connection: Connection) -> None:
        """Two processes that update the same rows in different orders would wait in a ring."""
        if not self._database.is_sqlite:
            connection.exec_driver_sql(f"LOCK TABLE {ERRORS} IN SHARE ROW EXCLUSIVE MODE")

    def _secure_delete(self, connection: Connection) -> None:
        """SQLite leaves deleted rows readable in the file unless it is told to overwrite them."""
        if self._database.is_sqlite:
            connection.exec_driver_sql("PRAGMA secure_delete=ON")

    def _digest(self, text: bytes) -> str:
        return hmac.new(self._hash_key, text, hashlib.sha256).hexdigest()[:32]

    def _stored_hash_key(self) -> bytes:
        wanted = select(SECRETS.c.value).where(SECRETS.c.name == "hash_key")
        with self._database.read() as connection:
            value = connection.execute(wanted).scalar()
        if value is None:
            value = self._new_hash_key()
        return bytes.fromhex(value)

    def _new_hash_key(self) -> str:
        """Of several processes that find none, one makes it and all use it."""
        row = {"name": "hash_key", "value": secrets.token_hex(32)}
        insert = self._database.insert(SECRETS).values(row).on_conflict_do_nothing()
        with self._database.write() as connection:
            connection.execute(insert)
        with self._database.read() as connection:
            wanted = select(SECRETS.c.value).where(SECRETS.c.name == "hash_key")
            return str(connection.execute(wanted).scalar_one())


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


def moment(at: datetime) -> str:
    """A time as the store keeps it; as texts, such times sort as times."""
    return at.astimezone(UTC).isoformat(timespec="seconds")


def printable(text: str) -> str:
    """Without control characters: PostgreSQL takes no NUL, and a log line is one line."""
    return _CONTROLS.sub("?", text)


def mask(key: str) -> str:
    """A form that may be shown: `j***@e***.com` of an e-mail, `j***` of any other key."""
    local, at, domain = printable(key).partition("@")
    if not at:
        return f"{local[:1]}***" if local else ""
    name, dot, suffix = domain.rpartition(".")
    return f"{local[:1]}***@{name[:1]}***{dot}{suffix}" if name else f"{local[:1]}***@***"


def _batches(rows: list[Any]) -> Iterable[list[Any]]:
    return (rows[start : start + _ROWS_AT_ONCE] for start in range(0, len(rows), _ROWS_AT_ONCE))
