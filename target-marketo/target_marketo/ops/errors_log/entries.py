"""The error log, read: single entries, and kinds of errors as a digest tells them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import and_, func, select

from target_marketo.privacy import masked
from target_marketo.store.error_log import ERRORS, last_seen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from target_marketo.store.database import Database


@dataclass(frozen=True)
class LoggedError:
    """One entry, without its record."""

    id: int
    first_seen: str
    last_seen: str
    times_seen: int
    run: str
    stream: str
    part: str
    kind: str
    code: str
    field: str
    advice: str
    key_hash: str
    key_masked: str
    request_id: str
    position: int | None
    mapping: str | None
    resolved_at: str | None

    @property
    def who(self) -> str:
        """The masked key."""
        return masked(self.key_masked)

    @property
    def is_open(self) -> bool:
        return self.resolved_at is None


_COLUMNS = (
    ERRORS.c.id,
    ERRORS.c.at.label("first_seen"),
    last_seen().label("last_seen"),
    ERRORS.c.times_seen,
    ERRORS.c.run,
    ERRORS.c.stream,
    ERRORS.c.part,
    ERRORS.c["class"].label("kind"),
    ERRORS.c.code,
    ERRORS.c.field,
    ERRORS.c.advice,
    ERRORS.c.key_hash,
    ERRORS.c.key_masked,
    ERRORS.c.request_id,
    ERRORS.c.position,
    ERRORS.c.mapping,
    ERRORS.c.resolved_at,
)


@dataclass(frozen=True)
class Filter:
    """Which entries: `since` is an RFC 3339 time in UTC, `codes` are any of these.

    Without an `instance` the entries of all that share the store.
    """

    instance: str | None
    codes: tuple[str, ...] = ()
    field: str | None = None
    stream: str | None = None
    since: str | None = None
    resolved_too: bool = False

    def conditions(self) -> Iterable[Any]:
        """For a `where`."""
        if self.instance is not None:
            yield ERRORS.c.instance == self.instance
        if self.codes:
            yield ERRORS.c.code.in_(self.codes)
        if self.field is not None:
            yield ERRORS.c.field == self.field
        if self.stream:
            yield ERRORS.c.stream == self.stream
        if self.since:
            yield last_seen() >= self.since
        if not self.resolved_too:
            yield ERRORS.c.resolved_at.is_(None)


def find(database: Database, wanted: Filter, limit: int | None = None) -> list[LoggedError]:
    """The entries that were seen last, newest first."""
    query = select(*_COLUMNS).where(*wanted.conditions())
    query = query.order_by(last_seen().desc(), ERRORS.c.id.desc()).limit(limit)
    with database.read() as connection:
        return [LoggedError(*row) for row in connection.execute(query)]


@dataclass(frozen=True)
class Kind:
    """Entries of one stream, code and field: how many, of how many people, since when."""

    stream: str
    code: str
    field: str
    records: int
    people: int
    first_seen: str
    last_seen: str
    advice: str
    part: str  # of one of them

    @property
    def name(self) -> str:
        """What a person types to see its entries."""
        return f"{self.code}:{self.field}" if self.field else self.code


def kinds(database: Database, wanted: Filter) -> list[Kind]:
    """The kinds of entries, the one with the most people first."""
    columns = (ERRORS.c.stream, ERRORS.c.code, ERRORS.c.field)
    people = func.count(ERRORS.c.key_hash.distinct())
    query = (
        select(
            *columns,
            func.count(),
            people,
            func.min(ERRORS.c.at),
            func.max(last_seen()),
            func.max(ERRORS.c.advice),
            func.max(ERRORS.c.part),
        )
        .where(*wanted.conditions())
        .group_by(*columns)
        .order_by(people.desc(), *columns)
    )
    with database.read() as connection:
        return [Kind(*row) for row in connection.execute(query)]


def people(database: Database, wanted: Filter) -> int:
    """Of how many people the entries are: each once, however many kinds and streams."""
    query = select(func.count(ERRORS.c.key_hash.distinct())).where(*wanted.conditions())
    with database.read() as connection:
        return int(connection.execute(query).scalar_one())


def with_records(
    database: Database, wanted: Filter, *, newest: int | None = None
) -> list[tuple[LoggedError, dict[str, Any]]]:
    """Entries with their whole records, person by person, each person's oldest first.

    `newest` bounds how many: those that came last.
    """
    chosen = select(ERRORS.c.id).where(*wanted.conditions()).order_by(ERRORS.c.id.desc())
    query = (
        select(*_COLUMNS, ERRORS.c.record)
        .where(ERRORS.c.id.in_(chosen.limit(newest)) if newest else and_(*wanted.conditions()))
        .order_by(ERRORS.c.id)
    )
    with database.read() as connection:
        found = [
            (LoggedError(*row[:-1]), msgspec.json.decode(row[-1]))
            for row in connection.execute(query)
        ]
    first: dict[tuple[str, str], int] = {}
    for entry, _ in found:
        first.setdefault((entry.stream, entry.key_hash), entry.id)
    return sorted(found, key=lambda each: (first[each[0].stream, each[0].key_hash], each[0].id))


def get(database: Database, entry_id: int) -> tuple[LoggedError, dict[str, Any]] | None:
    """One entry with its record."""
    query = select(*_COLUMNS, ERRORS.c.record).where(ERRORS.c.id == entry_id)
    with database.read() as connection:
        row = connection.execute(query).first()
    return None if row is None else (LoggedError(*row[:-1]), msgspec.json.decode(row[-1]))
