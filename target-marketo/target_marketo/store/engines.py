"""How SQLite and PostgreSQL are opened, and how their transactions begin."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DisconnectionError

from target_marketo.store.errors import StoreError
from target_marketo.store.filesystem import network_filesystem

BUSY_SECONDS = 30.0
"""How long a transaction waits for another's lock before it is a `StoreError`."""

HURRIED_SECONDS = 1.0
"""The same for a process that is to end."""

AWAY_SECONDS = 10.0
"""How long a server that answered before may be away, as while it restarts."""

FROZEN_SECONDS = 5.0
"""PostgreSQL ends a transaction whose client was silent for so long: its process was frozen."""

POLL_SECONDS = (0.001, 0.004)
"""How often to try for SQLite's write lock. It is given to whoever tries first, and SQLite itself
tries ever more seldom: of several busy processes, one would wait for seconds.
"""

RESTED_SECONDS = 1.0
"""A connection to PostgreSQL that was idle for so long is tried before it is used."""


class Haste:
    """How long to wait for a lock: less once the process is to end."""

    is_hurried = False

    @property
    def seconds(self) -> float:
        return HURRIED_SECONDS if self.is_hurried else BUSY_SECONDS


def sqlite_engine(url: URL, haste: Haste) -> Engine:
    path = Path(str(url.database)).absolute()
    kind = network_filesystem(path)
    if kind:
        raise StoreError(
            f"store {path} lies on a network file system ({kind}), where SQLite cannot lock:"
            " set store_url to a file on a local disk or to PostgreSQL"
        )
    _private_file(path)
    engine = create_engine(
        url.set(database=str(path)),
        connect_args={"timeout": BUSY_SECONDS, "isolation_level": None},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        driver: Any = connection.connection.driver_connection
        if options.get("store_reads"):
            driver.execute("BEGIN DEFERRED")
        else:
            begin_sqlite(driver, haste, durable=options.get("store_durable", True))

    return engine


def begin_sqlite(connection: Any, haste: Haste, *, durable: bool) -> None:
    """Begin with the write lock; as SQLite's own error, it is busy after `BUSY_SECONDS`."""
    connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
    began = time.monotonic()
    connection.execute("PRAGMA busy_timeout=0")
    try:
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
                break
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not busy or time.monotonic() > began + haste.seconds:
                    raise
            time.sleep(random.uniform(*POLL_SECONDS))  # noqa: S311 - no secret
    finally:
        connection.execute(f"PRAGMA busy_timeout={int(BUSY_SECONDS * 1000)}")


def _private_file(path: Path) -> None:
    """For its owner alone: the store holds people's data. SQLite gives -wal and -shm its mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
    for suffix in ("-wal", "-shm"):
        with suppress(OSError):
            path.with_name(path.name + suffix).chmod(0o600)


def postgresql_engine(url: URL) -> Engine:
    engine = create_engine(
        url,
        connect_args={"connect_timeout": int(AWAY_SECONDS), "application_name": "target-marketo"},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = {int(BUSY_SECONDS * 1000)}")
            cursor.execute(
                f"SET idle_in_transaction_session_timeout = {int(FROZEN_SECONDS * 1000)}"
            )
        connection.commit()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if not connection.get_execution_options().get("store_durable", True):
            connection.exec_driver_sql("SET LOCAL synchronous_commit = off")

    @event.listens_for(engine, "checkin")
    def rest(_connection: Any, record: Any) -> None:
        record.info["rested_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def ping(connection: Any, record: Any, _proxy: Any) -> None:
        # A server that was restarted in the meantime costs a ping, not an error.
        rested = time.monotonic() - record.info.get("rested_since", time.monotonic())
        if rested > RESTED_SECONDS and not engine.dialect.do_ping(connection):
            raise DisconnectionError

    return engine
