"""Errors as SQLite, the file system and PostgreSQL really word them: each says what to do."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import make_url

from target_marketo.store import engines
from target_marketo.store.database import open_database
from target_marketo.store.errors import StoreError
from target_marketo.store.leases import DatabaseLeases

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.target_marketo.governor.postgresql import PostgreSQL


def store_error(url: str) -> str:
    """The one line of a store that is opened, brought up to date and written to."""
    with pytest.raises(StoreError) as refused:
        try_store(url)
    line = str(refused.value)
    assert "\n" not in line
    assert "hunter2" not in line
    return line


def try_store(url: str) -> None:
    database = open_database(url)
    try:
        leases = DatabaseLeases(database)
        with leases.transaction("instance.example") as ledger:
            ledger.keep("x" * 20_000)
    finally:
        database.close()


def not_a_database(path: Path) -> None:
    path.write_bytes(b"name,email\n" * 1000)


def damaged(path: Path) -> None:
    try_store(f"sqlite:///{path}")
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))


def a_folder(path: Path) -> None:
    path.mkdir()


def below_a_file(path: Path) -> None:
    path.parent.rmdir()
    path.parent.touch()


@pytest.mark.parametrize(
    ("spoil", "says", "do"),
    [
        (not_a_database, "file is not a database", "move the file"),
        (damaged, "malformed", "STATE is not in it"),
        (a_folder, "Is a directory", "correct the path"),
        (below_a_file, "File exists", "correct the path"),
    ],
)
def test_a_file_that_is_no_store(
    tmp_path: Path, spoil: Callable[[Path], None], says: str, do: str
) -> None:
    path = tmp_path / "folder" / "store.sqlite"
    path.parent.mkdir()
    spoil(path)
    line = store_error(f"sqlite:///{path}")
    assert says in line
    assert do in line


def test_a_store_that_another_program_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "BUSY_SECONDS", 0.05)
    path = tmp_path / "store.sqlite"
    try_store(f"sqlite:///{path}")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert "database is locked; another program holds it" in store_error(f"sqlite:///{path}")
    other.close()


@pytest.mark.parametrize(
    ("pragma", "says", "do"),
    [
        ("query_only=ON", "attempt to write a readonly database", "must be able to write"),
        ("max_page_count=1", "database or disk is full", "free some space"),
    ],
)
def test_a_store_that_cannot_be_written(tmp_path: Path, pragma: str, says: str, do: str) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'store.sqlite'}")
    leases = DatabaseLeases(database)
    with database.read() as connection:
        connection.exec_driver_sql(f"PRAGMA {pragma}")
    with (
        pytest.raises(StoreError, match=f"{says}; .*{do}"),
        leases.transaction("instance.example") as ledger,
    ):
        ledger.keep("x" * 20_000)
    database.close()


@pytest.mark.parametrize(
    ("change", "says", "do"),
    [
        ({"database": "nowhere"}, 'database "nowhere" does not exist', "createdb"),
        ({"username": "nobody"}, 'role "nobody" does not exist', "createuser"),
        ({"query": {"host": "/nowhere"}}, "/nowhere", "is the server running"),
        ({"query": {}, "host": "127.0.0.1", "port": 9}, "refused", "is the server running"),
        ({"query": {}, "host": "no.such.host.invalid"}, "resolve host", "are host and port"),
    ],
)
def test_a_server_that_lets_nobody_in(
    postgresql: PostgreSQL, change: dict[str, object], says: str, do: str
) -> None:
    url = make_url(postgresql.url()).set(password="hunter2").set(**change)  # type: ignore[arg-type]
    line = store_error(url.render_as_string(hide_password=False))
    assert says in line
    assert do in line


@pytest.mark.parametrize(
    ("option", "says", "do"),
    [
        ("default_transaction_read_only=on", "read-only transaction", "a standby"),
        ("role=pg_monitor", "permission denied for", "grant the user"),
    ],
)
def test_a_server_that_refuses_a_statement(
    postgresql: PostgreSQL, option: str, says: str, do: str
) -> None:
    line = store_error(f"{postgresql.fresh('advice')}&options=-c%20{option}")
    assert says in line
    assert do in line


def test_a_wrong_password(postgresql: PostgreSQL) -> None:
    url = make_url(postgresql.fresh("guarded"))
    postgresql.ask_for_passwords("guarded")
    line = store_error(url.set(password="hunter2").render_as_string(hide_password=False))
    assert "password authentication failed" in line
    assert "correct user and password" in line


def test_a_lock_that_is_not_given_in_time(
    postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "BUSY_SECONDS", 1.0)
    database = open_database(postgresql.fresh("advice"))
    leases = DatabaseLeases(database)
    with (
        leases.transaction("instance.example"),
        pytest.raises(StoreError, match="due to lock timeout; another transaction holds it"),
        leases.transaction("instance.example"),
    ):
        pass
    database.close()
