"""One database for everything that outlives a run.

`open_database()` without a URL uses an SQLite file in the user's state folder; with one, the SQLite
file or the PostgreSQL server that it names. Every failure is a `StoreError`: one line, no password.

    database = open_database(store_url)
    database.create_tables(TABLE)
    with database.write() as connection:
        connection.execute(TABLE.insert(), rows)

A write transaction is committed when its block ends, and on disk by then (SQLite: synchronous=FULL;
PostgreSQL: synchronous_commit as the server has it). On SQLite it takes the file's write lock at
its start (BEGIN IMMEDIATE), so what it reads cannot change before it writes.

A server that goes away in the midst of a block is a `StoreError`; `repeat()` does a block again.

`exclusively()` is for the few statements that run for each call to the API: SQLAlchemy's connection
without SQLAlchemy's handling of each statement, which costs more than the statement.
"""

from __future__ import annotations

import logging
import os
import random
import sqlite3
import time
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import URL, Connection, MetaData, Table
from sqlalchemy.exc import (
    DBAPIError,
    SQLAlchemyError,
)

from target_marketo.store.columns import add_missing_columns
from target_marketo.store.engines import (
    AWAY_SECONDS,
    BUSY_SECONDS,
    Haste,
    begin_sqlite,
    postgresql_engine,
    sqlite_engine,
)
from target_marketo.store.errors import StoreError, is_away, one_line
from target_marketo.store.place import default_url, is_sqlite, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from sqlalchemy import PoolProxiedConnection

T = TypeVar("T")

logger = logging.getLogger("target-marketo")

METADATA = MetaData()
"""All tables of the store; each module adds its own."""

REWRITE_SECONDS = 5.0
"""How long to wait for a table that is to be rewritten: whoever comes later waits behind that."""

_AWAY_POLL_SECONDS = (0.05, 0.2)

_CREATE_TABLES_LOCK = 0x7461_7267_6574  # any number that is not a lease's: see leases.py

# A statement of its own: what is read with the lock's statement was seen before the lock was held.
_LOCK = "SELECT pg_advisory_xact_lock(%s)"
_LOCK_NOT_DURABLE = f"{_LOCK}, set_config('synchronous_commit', 'off', true)"


class Database:
    """An engine with its write transactions. Threads may share it, forked processes may not.

    `path` is the file, of SQLite; `store_key` is the setting, see hash_key.py.
    """

    def __init__(self, url: URL, store_key: str | None = None) -> None:
        self.store_key = store_key
        self._haste = Haste()
        self._engine = sqlite_engine(url, self._haste) if is_sqlite(url) else postgresql_engine(url)
        self._was_there = False
        self.name: str = url.render_as_string(hide_password=True)
        self.is_sqlite: bool = is_sqlite(url)
        self.path = Path(str(url.database)).absolute() if self.is_sqlite else None

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Connection]:
        """One write transaction: committed at the end of the block, rolled back by an exception.

        If it need not be `durable`, a power failure (or the crash of a server) may undo it.
        Not to be nested: on SQLite the inner one would wait for the outer one.
        """
        with self._errors(), self._begun(store_durable=durable) as connection:
            yield connection
            connection.commit()

    @contextmanager
    def write_through(self) -> Iterator[Connection]:
        """As `write`, and on disk at the end also where PostgreSQL's server does not insist."""
        with self.write() as connection:
            if not self.is_sqlite:
                connection.exec_driver_sql("SET LOCAL synchronous_commit = on")
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view; on SQLite it neither waits for a writer nor holds one up."""
        options: dict[str, Any] = {"isolation_level": "REPEATABLE READ"}
        if self.is_sqlite:
            options = {"store_reads": True}
        with self._errors(), self._begun(**options) as connection:
            yield connection
            connection.commit()

    def repeat(
        self,
        transaction: Callable[[], AbstractContextManager[Connection]],
        do: Callable[[Connection], T],
    ) -> T:
        """Does something in a transaction, and again if the server goes away in its midst.

        Whether a commit whose reply is lost took effect nobody knows. So what is done has to come
        to the same when it is done twice; where it would not, it looks for what is there already.
        """
        give_up_at = time.monotonic() + AWAY_SECONDS
        while True:
            try:
                with transaction() as connection:
                    return do(connection)
            except StoreError as error:
                if not error.is_away or time.monotonic() > give_up_at:
                    raise

    @contextmanager
    def exclusively(self, number: int, *, durable: bool = True) -> Iterator[PoolProxiedConnection]:
        """As `write`, and alone among all transactions of that number; the driver's connection.

        On SQLite every write is alone. What is in the connection's `info` stays as long as the
        connection does, and is gone with it after a failure.
        """

        def locked() -> PoolProxiedConnection:
            connection = self._engine.raw_connection()
            try:
                cursor = connection.cursor()
                if self.is_sqlite:
                    begin_sqlite(cursor, self._haste, durable=durable)
                else:
                    cursor.execute(_LOCK if durable else _LOCK_NOT_DURABLE, (number,))
            except BaseException:
                connection.invalidate()
                connection.close()
                raise
            return connection

        with self._errors():
            connection = self._while_away(locked)
            try:
                yield connection
                connection.commit()
            except BaseException:
                # In whatever state it is, to close it undoes the transaction.
                connection.invalidate()
                raise
            finally:
                connection.close()

    def create_tables(self, *tables: Table) -> None:
        """Create what is missing; safe when several processes start at once."""

        def create(connection: Connection) -> None:
            if not self.is_sqlite:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_CREATE_TABLES_LOCK})")
            METADATA.create_all(connection, tables=tables)
            add_missing_columns(connection, tables)

        self.repeat(self.write, create)

    def insert(self, table: Table) -> Any:
        """An INSERT that can be told what to do ON CONFLICT: each database has its own."""
        # PostgreSQL's takes a twentieth of the target's start to import: not where there is SQLite.
        name = "sqlite" if self.is_sqlite else "postgresql"
        return import_module(f"sqlalchemy.dialects.{name}").insert(table)

    def delete_securely(self, connection: Connection) -> None:
        """What this connection deletes is overwritten in SQLite's file, not only given up.

        Raises:
            StoreError: SQLite does not do it: nothing may be deleted in the belief that it does.
        """
        if not self.is_sqlite:
            return
        answer = connection.exec_driver_sql("PRAGMA secure_delete=ON").scalar()
        if answer != 1:
            raise StoreError(
                f"store {self.name}: SQLite does not overwrite what is deleted (secure_delete is"
                f" {answer}): use Python's own SQLite, or another build of it"
            )

    def overwrite_deleted(self, *tables: Table) -> bool:
        """Leave no trace of deleted rows in the database's own files; whether that was possible.

        SQLite's file is copied, once other processes' transactions have ended. PostgreSQL's tables
        are rewritten, which takes their owner, and a moment in which nobody else uses them.

        Raises:
            StoreError: On SQLite: a trace may be left.
        """
        return self._overwrite_file() if self.is_sqlite else all(map(self._rewrite, tables))

    def _overwrite_file(self) -> bool:
        with self._errors(), self._engine.connect() as connection:
            # Beside SQLAlchemy, which would begin a transaction, where VACUUM is refused.
            raw: Any = connection.connection.driver_connection
            try:
                raw.execute("VACUUM")
                busy = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
                problem = "a reader keeps the write-ahead log" if busy else ""
            except sqlite3.Error as error:
                problem = str(error)
            if problem:
                raise StoreError(
                    f"store {self.name}: {problem}; what was deleted may be readable in the file:"
                    " do it again when nothing else uses the store"
                )
        return True

    def _rewrite(self, table: Table) -> bool:
        """VACUUM FULL; a server that declines only warns, so the table's file is looked at."""
        filenode = f"SELECT pg_relation_filenode('{table.name}')"
        with self._errors(), self._engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.exec_driver_sql(f"SET lock_timeout = {int(REWRITE_SECONDS * 1000)}")
            before = connection.exec_driver_sql(filenode).scalar()
            try:
                connection.exec_driver_sql(f"VACUUM (FULL) {table.name}")
            except DBAPIError:
                return False  # others are at work on it, or there is no room for a copy
            finally:
                connection.exec_driver_sql(f"SET lock_timeout = {int(BUSY_SECONDS * 1000)}")
            return bool(connection.exec_driver_sql(filenode).scalar() != before)

    def hurry(self) -> None:
        """From now on nothing waits for another's lock for longer than a moment."""
        self._haste.is_hurried = True

    def close(self) -> None:
        self._engine.dispose()

    def _begun(self, **options: Any) -> Connection:
        """A connection in a transaction, which is undone if it is closed."""

        def begin() -> Connection:
            connection = self._engine.connect()
            try:
                connection.execution_options(**options)
                connection.begin()
                if not self.is_sqlite:
                    connection.exec_driver_sql("SELECT 1")  # here it may be tried again
            except BaseException:
                connection.close()
                raise
            return connection

        return self._while_away(begin)

    def _while_away(self, begin: Callable[[], T]) -> T:
        """Begins a transaction; nothing is done yet, so it may be tried again."""
        give_up_at = time.monotonic() + AWAY_SECONDS
        while True:
            try:
                begun = begin()
            except (SQLAlchemyError, self._engine.dialect.loaded_dbapi.Error) as error:
                if not self._was_there or not is_away(error) or time.monotonic() > give_up_at:
                    raise
                time.sleep(random.uniform(*_AWAY_POLL_SECONDS))  # noqa: S311 - no secret
            else:
                self._was_there = True
                return begun

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, self._engine.dialect.loaded_dbapi.Error) as error:
            away = self._was_there and is_away(error)
            raise StoreError(f"store {self.name}: {one_line(error)}", is_away=away) from None


def open_database(store_url: str | None = None, store_key: str | None = None) -> Database:
    """Open the store that `store_url` names, or the user's own file.

    Raises:
        StoreError: the URL is not one of ours, or the place cannot be used.
    """
    url = parse(store_url) if store_url else default_url()
    is_new = is_sqlite(url) and not Path(str(url.database)).exists()
    try:
        database = Database(url, store_key)
    except (SQLAlchemyError, ImportError, OSError) as error:
        name = url.render_as_string(hide_password=True)
        raise StoreError(f"store {name}: {one_line(error)}") from None
    if is_new:
        logger.warning(
            "A new store was made: %s, of user %s. If there was one before, this is another one: "
            "set `store_url`, or run as the user who had it",
            database.path,
            os.getuid(),
        )
    return database
