"""Forgetting a person: what goes, what has to stay, and what the command says."""

from __future__ import annotations

import importlib
import pkgutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from target_marketo import store as store_room
from target_marketo.store import database as databases
from target_marketo.store import engines
from target_marketo.store.activity_ledger import ActivityLedger, Claim, State
from target_marketo.store.cache import Cache
from target_marketo.store.database import METADATA
from target_marketo.store.error_log import ErrorLog
from target_marketo.store.errors import StoreError
from target_marketo.store.rekey import rekey
from target_marketo.store.seen import SeenStreams

from .conftest import EMAILS, Ops, Store, failure

if TYPE_CHECKING:
    from pathlib import Path

    from target_marketo.store.database import Database
    from tests.target_marketo.governor.postgresql import PostgreSQL

JANE, _, MAX = EMAILS
CHAT = 100_001

# What no table but these holds anything of a person in, and why.
HOLD_NOBODY = {
    "activity_types": "types and dates",
    "governor_instances": "counts of calls",
    "governor_leases": "places of calls",
    "secrets": "the key's fingerprint",
    "target_runs": "counts; its errors are lines without values",
}


def chat(once: str, lead: int, key_hash: str) -> Claim:
    return Claim(once, lead, "2026-11-20T12:00:00Z", key_hash)


def with_activities(store: Store) -> None:
    """Jane has one that is done and one under way; Max has one that is done."""
    with closing(store.open()) as database:
        jane, max_ = map(ErrorLog(database).hash, (JANE, MAX))
        ledger = ActivityLedger(database, store.instance, "run")
        ledger.claim(CHAT, [chat("T1", 71, jane), chat("T2", 71, jane), chat("T3", 83, max_)])
        ledger.settle(CHAT, done={"T1": "guid-1", "T3": "guid-3"})


def activities(store: Store) -> dict[str, Any]:
    with closing(store.open()) as database, database.read() as connection:
        rows = connection.execute(text("SELECT once, state, lead_id, guid FROM activities"))
        return {row.once: (row.state, row.lead_id, row.guid) for row in rows}


def test_every_table_of_the_store_is_purged_or_holds_nobody() -> None:
    for module in pkgutil.iter_modules(store_room.__path__, f"{store_room.__name__}."):
        importlib.import_module(module.name)

    assert {"errors", "activities", "streams_seen", "cache"} | HOLD_NOBODY.keys() == set(
        METADATA.tables
    )


def test_an_activity_stays_written_and_no_longer_leads_to_the_person(
    ops: Ops, store: Store
) -> None:
    with_activities(store)

    purged = ops.json("purge", "--email", JANE.upper())

    assert (purged["activities_cleared"], purged["activities_pending"]) == (1, 1)
    assert activities(store) == {
        "T1": (State.DONE, None, None),
        "T2": (State.PENDING, 71, None),
        "T3": (State.DONE, 83, "guid-3"),
    }
    assert any("purge again after the next run" in line for line in purged["left"])


def test_after_a_change_of_the_key_what_is_under_way_is_reported_and_then_forgotten(
    ops: Ops, store: Store
) -> None:
    with_activities(store)
    ops("rekey")

    purged = ops.json("purge", "--email", JANE)
    with closing(store.open()) as database:
        ActivityLedger(database, store.instance, "next run").settle(CHAT, done={"T2": "guid-2"})
    again = ops.json("purge", "--email", JANE)

    told = "1 activity that may be on the way to Marketo may be theirs: the store's key was changed"
    assert any(line.startswith(told) for line in purged["left"])
    assert not any("may be theirs" in line for line in again["left"])
    assert set(activities(store).values()) == {(State.DONE, None, None)}


def test_names_that_somebody_typed_are_forgotten_too(ops: Ops, store: Store) -> None:
    with closing(store.open()) as database:
        seen = SeenStreams(database, store.instance)
        seen.store("run-1", {"visitors": {"names": {f"form_answers.{JANE}": 1}}}, 90)
        seen.store("run-2", {"visitors": {"names": {"email": 1}}}, 90)
        Cache(database).put("describe:x", [{"displayName": "Boss of Max"}])
        Cache(database).put("describe:y", [{"displayName": f"Friend of {JANE}"}])

    purged = ops.json("purge", "--email", JANE)

    assert purged["documents_deleted"] == 2
    content = b"".join(path.read_bytes() for path in store.path.parent.glob("store.sqlite*"))
    assert b"form_answers.jane" not in content
    assert b"Friend of" not in content
    assert b"Boss of Max" in content


def test_an_address_that_is_an_activity_s_own_name_is_reported(ops: Ops, store: Store) -> None:
    with closing(store.open()) as database:
        ledger = ActivityLedger(database, store.instance, "run")
        ledger.claim(CHAT, [chat(JANE, 71, ErrorLog(database).hash(JANE))])
        ledger.settle(CHAT, done={JANE: "guid"})

    purged = ops.json("purge", "--email", JANE)

    assert any("choose another `once`" in line for line in purged["left"])


def test_files_of_meltano_that_name_the_person_are_reported(
    ops: Ops, store: Store, tmp_path: Path
) -> None:
    store.add(failure())
    for name, content in (("elt/a/x.jsonl", f'{{"email":"{JANE}"}}'), ("meltano.jsonl", MAX)):
        path = tmp_path / ".meltano" / "logs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    result = ops("purge", "--email", "-", input=JANE)
    lines = " ".join(result.output.split())

    assert "elt/a/x.jsonl names them: delete it" in lines
    assert "meltano.jsonl" not in lines
    assert "Marketo and LiveChat themselves" in lines


def test_sqlite_is_asked_whether_it_overwrites_what_is_deleted(store: Store) -> None:
    class Deaf:
        """A connection whose SQLite does not know the pragma."""

        def exec_driver_sql(self, _: str) -> Any:
            return self

        def scalar(self) -> None:
            return None

    with closing(store.open()) as database, pytest.raises(StoreError, match="does not overwrite"):
        database.delete_securely(Deaf())  # type: ignore[arg-type] # all that it is asked


def test_a_purge_that_leaves_a_trace_says_so(
    ops: Ops, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(failure())
    monkeypatch.setattr(engines, "BUSY_SECONDS", 0.2)
    with closing(sqlite3.connect(store.path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM errors").fetchall()

        result = ops("purge", "--email", JANE)

    assert result.exit_code == 1
    assert "may be readable in the file: do it again" in result.output
    assert ops("purge", "--email", JANE).exit_code == 0
    assert b"jane.doe" not in store.path.read_bytes()


@pytest.fixture
def shared(postgresql: PostgreSQL, tmp_path: Path, ops: Ops, store: Store) -> Store:
    found = Store(tmp_path, store.instance)
    found.url = postgresql.fresh("purge")
    ops.environment["TARGET_MARKETO_STORE_URL"] = found.url
    ops.environment["XDG_STATE_HOME"] = str(tmp_path)
    return found


def in_files(postgresql: PostgreSQL, database: Database) -> bool:
    """Whether PostgreSQL's tables, as they lie on the disk, hold Jane's address."""
    with database.write() as connection:
        connection.exec_driver_sql("CHECKPOINT")
    base = postgresql._server.pgdata / "base"
    return any(JANE.encode() in path.read_bytes() for path in base.rglob("*") if path.is_file())


def test_on_postgresql_the_tables_are_rewritten(
    ops: Ops, shared: Store, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(shared.path.parent))
    shared.add(failure())
    with_activities(shared)
    with closing(shared.open()) as database:
        assert in_files(postgresql, database)

        purged = ops.json("purge", "--email", JANE)

        assert not in_files(postgresql, database)
    assert (purged["entries_deleted"], purged["activities_cleared"]) == (1, 1)
    assert not any("VACUUM" in line for line in purged["left"])
    assert any("write-ahead log" in line for line in purged["left"])


def test_on_postgresql_it_says_what_its_owner_must_still_do(
    ops: Ops, shared: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(shared.path.parent))
    monkeypatch.setattr(databases, "REWRITE_SECONDS", 0.2)
    shared.add(failure())
    with closing(shared.open()) as database, database.read() as reader:
        reader.execute(text("SELECT * FROM errors"))  # somebody looks at a table meanwhile

        purged = ops.json("purge", "--email", JANE)

    assert purged["entries_deleted"] == 1
    assert any("VACUUM (FULL) errors, activities" in line for line in purged["left"])


def test_a_change_of_the_key_rewrites_the_tables_too(
    shared: Store, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(shared.path.parent))
    shared.add(failure())
    with closing(shared.open()) as database:
        before = ErrorLog(database).hash(JANE).encode()
        rekey(database)
        with database.write() as connection:
            connection.exec_driver_sql("CHECKPOINT")
    base = postgresql._server.pgdata / "base"
    files = [path for path in base.rglob("*") if path.is_file()]
    assert not any(before in path.read_bytes() for path in files)
