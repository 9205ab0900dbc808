"""Answers that hold for a while, such as Marketo's describe: one JSON document per name."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Column, Double, Table, Text, delete, select

from target_marketo.store.database import METADATA

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from target_marketo.store.database import Database

CACHE = Table(
    "cache",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("stored_at", Double, nullable=False),
    Column("document", Text, nullable=False),
)


class Cache:
    """Keeps documents with the time of their storing (seconds since 1970, UTC)."""

    def __init__(self, database: Database, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._now = now
        database.create_tables(CACHE)

    def get(self, name: str, max_age: float) -> Any | None:
        """The document, unless it is older than `max_age` seconds or from the future."""
        wanted = select(CACHE.c.stored_at, CACHE.c.document).where(CACHE.c.name == name)
        row = self._database.repeat(
            self._database.read, lambda connection: connection.execute(wanted).first()
        )
        if row is None or not 0 <= self._now() - row.stored_at < max_age:
            return None
        try:
            return msgspec.json.decode(row.document)
        except msgspec.DecodeError:
            return None  # the file was damaged: what is only kept for speed is asked for again

    def put(self, name: str, document: Any) -> None:
        """Stores the document in place of an older one."""
        values = {
            "name": name,
            "stored_at": self._now(),
            "document": msgspec.json.encode(document).decode(),
        }

        def replace(connection: Connection) -> None:
            connection.execute(delete(CACHE).where(CACHE.c.name == name))
            connection.execute(CACHE.insert(), values)

        self._database.repeat(self._database.write, replace)
