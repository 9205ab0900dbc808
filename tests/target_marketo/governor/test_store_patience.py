"""A store that is locked, or restarts, is waited for; not by a process that is to end."""

from __future__ import annotations

import sqlite3
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from target_marketo.store import engines
from target_marketo.store.database import open_database
from target_marketo.store.errors import StoreError
from target_marketo.store.leases import DatabaseLeases

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from target_marketo.store.database import Database
    from tests.target_marketo.governor.postgresql import PostgreSQL


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{path}")
    DatabaseLeases(opened)
    yield opened
    opened.close()


def locked(path: Path) -> sqlite3.Connection:
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    return other


def test_a_store_that_is_locked_for_13_seconds_is_waited_for(
    database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, now = locked(path), 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += 100 * seconds
        if now >= 13.0 and other.in_transaction:
            other.rollback()

    monkeypatch.setattr(engines, "time", SimpleNamespace(monotonic=lambda: now, sleep=sleep))
    with DatabaseLeases(database).transaction("instance.example"):
        pass
    assert now >= 13.0
    other.execute("BEGIN IMMEDIATE")
    now = 0.0
    with database.write() as connection:
        connection.execute(text("DELETE FROM governor_leases"))
    assert now >= 13.0
    other.close()


def test_a_process_that_is_told_to_end_waits_for_a_locked_store_no_longer(
    database: Database, path: Path
) -> None:
    other = locked(path)
    ended: list[float] = []

    def wait() -> None:
        with pytest.raises(StoreError, match="locked"), database.write():
            pass
        ended.append(time.monotonic())

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.2)
    told = time.monotonic()
    database.hurry()
    waiting.join(timeout=10)
    assert ended[0] - told < 2 * engines.HURRIED_SECONDS
    with pytest.raises(StoreError), database.exclusively(1):
        pass
    other.close()


def test_a_server_that_restarts_is_waited_for(postgresql: PostgreSQL) -> None:
    database = open_database(postgresql.fresh("anew"))
    leases = DatabaseLeases(database)
    for transaction in (
        database.write,
        database.read,
        lambda: database.exclusively(1),
        lambda: leases.transaction("instance.example"),
    ):
        with transaction():
            pass
        postgresql.go_away()
        timer = threading.Timer(1.0, postgresql.come_back)
        timer.start()
        with transaction():
            pass
        timer.join()
    database.close()


def test_a_server_that_was_never_there_is_reported_at_once() -> None:
    began = time.monotonic()
    with pytest.raises(StoreError, match="is the server running"):
        DatabaseLeases(open_database("postgresql://127.0.0.1:9/nowhere"))
    assert time.monotonic() - began < engines.AWAY_SECONDS / 2
