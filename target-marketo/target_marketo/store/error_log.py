"""The error log: records that Marketo will not take, kept whole until somebody deals with them.

Whole records stand here and nowhere else. Everything that is shown elsewhere is the masked key, and
the keyed hash that tells whether two entries are about the same person.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import Column, Index, Integer, Table, Text, func, select

from target_marketo.store.database import METADATA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from target_marketo.store.database import Database

ERRORS = Table(
    "errors",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", Text, nullable=False),
    Column("run", Text, nullable=False),
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
    Index("errors_by_key", "stream", "key_hash"),
)
SECRETS = Table(
    "secrets",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)


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


class ErrorLog:
    """Appends to the error log; what was appended is on disk when the call returns."""

    def __init__(
        self,
        database: Database,
        run: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._run = run
        self._now = now
        database.create_tables(ERRORS, SECRETS)
        self._hash_key = self._stored_hash_key()

    def append(self, failures: Iterable[Failure]) -> None:
        """Stores the failures in one transaction.

        Raises:
            StoreError: They are not stored, so their STATE must not be written.
        """
        at = self._now().isoformat(timespec="seconds")
        rows = [
            {
                "at": at,
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
            }
            for failure in failures
        ]
        if rows:
            with self._database.write() as connection:
                connection.execute(ERRORS.insert(), rows)

    def count(self) -> int:
        """How many entries there are."""
        with self._database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(ERRORS)).scalar_one())

    def hash(self, key: str) -> str:
        """The same for one person in any case; without the store's own key it tells nothing."""
        digest = hmac.new(self._hash_key, key.strip().casefold().encode(), hashlib.sha256)
        return digest.hexdigest()[:32]

    def _stored_hash_key(self) -> bytes:
        with self._database.write() as connection:
            wanted = select(SECRETS.c.value).where(SECRETS.c.name == "hash_key")
            value = connection.execute(wanted).scalar()
            if value is None:
                value = secrets.token_hex(32)
                connection.execute(SECRETS.insert(), {"name": "hash_key", "value": value})
        return bytes.fromhex(value)


def mask(key: str) -> str:
    """A form that may be shown: `j***@e***.com` of an e-mail, `j***` of any other key."""
    local, at, domain = key.partition("@")
    if not at:
        return f"{key[:1]}***" if key else ""
    name, dot, suffix = domain.rpartition(".")
    return f"{local[:1]}***@{name[:1]}***{dot}{suffix}" if name else f"{local[:1]}***@***"
