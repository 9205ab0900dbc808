"""Columns and indexes that a later version adds to a table that exists already.

A table is never rebuilt: what is added is nullable or has a default of the server's, so the version
before it goes on writing beside this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import inspect
from sqlalchemy.schema import CreateColumn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, Table


def add_missing_columns(connection: Connection, tables: Iterable[Table]) -> None:
    """Bring existing tables up to their definitions; the caller holds the lock on the schema."""
    inspector = inspect(connection)
    quote = connection.dialect.identifier_preparer.format_table
    for table in tables:
        there = {column["name"] for column in inspector.get_columns(table.name)}
        for column in table.columns:
            if column.name in there:
                continue
            definition = CreateColumn(column).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {quote(table)} ADD COLUMN {definition}")
        indexes = {index["name"] for index in inspector.get_indexes(table.name)}
        for index in table.indexes:
            if index.name not in indexes:
                index.create(connection)
