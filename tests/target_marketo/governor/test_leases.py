from __future__ import annotations

from contextlib import nullcontext
from random import Random
from typing import TYPE_CHECKING

import pytest

from target_marketo.governor import Outcome
from target_marketo.store.database import open_database
from target_marketo.store.leases import DatabaseLeases, Row, lock_number
from tests.target_marketo.governor.conftest import SEED, Instance

if TYPE_CHECKING:
    from pathlib import Path

    from target_marketo.store.leases import Leases
    from tests.target_marketo.governor.postgresql import PostgreSQL
    from tests.target_marketo.governor.scripted import ScriptedClock


def row(lease_id: str, until: float) -> Row:
    return Row(lease_id, "process", "host", 1, 1000.0, until, until)


def test_leases_end_by_themselves(leases: Leases, clock: ScriptedClock) -> None:
    name = Instance(leases, clock).name
    with leases.transaction(name) as ledger:
        for number in range(100):
            ledger.put(row(f"{name} {number}", 1000.0 + number))
        ledger.keep("document")
    clock.now = 1060.0
    with leases.transaction(name) as ledger:
        assert len(ledger.rows) == 39
        assert ledger.document == "document"


def test_a_block_that_fails_keeps_nothing(leases: Leases, clock: ScriptedClock) -> None:
    name = Instance(leases, clock).name
    with leases.transaction(name) as ledger:
        ledger.put(row(f"{name} first", 1100.0))
        ledger.keep("before")

    def fail() -> None:
        with leases.transaction(name) as ledger:
            ledger.put(row(f"{name} second", 1100.0))
            ledger.drop(f"{name} first")
            ledger.keep("after")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with leases.transaction(name) as ledger:
        assert list(ledger.rows) == [f"{name} first"]
        assert ledger.document == "before"


def test_a_ledger_sees_its_own_changes(leases: Leases, clock: ScriptedClock) -> None:
    name = Instance(leases, clock).name
    with leases.transaction(name) as ledger:
        ledger.put(row(f"{name} a", 1100.0))
        assert set(ledger.rows) == {f"{name} a"}
        ledger.put(row(f"{name} b", 1100.0))
        ledger.put(row(f"{name} a", 1200.0))
        ledger.drop(f"{name} b")
        assert ledger.rows[f"{name} a"].until == 1200.0
        assert len(ledger.rows) == 1


def test_leases_that_ran_out_are_deleted_in_the_end(tmp_path: Path, clock: ScriptedClock) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'store.sqlite'}")
    governor = Instance(DatabaseLeases(database, clock), clock).governor()
    for _ in range(200):
        governor.release(governor.acquire(), Outcome.OK)
    with database.read() as connection:
        count = connection.exec_driver_sql("SELECT count(*) FROM governor_leases").scalar_one()
    assert count < 50
    database.close()


def test_a_reboot_lets_no_place_go_early(tmp_path: Path, clock: ScriptedClock) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'store.sqlite'}")
    instance = Instance(DatabaseLeases(database, clock), clock)
    governor = instance.governor(calls=3)
    for _ in range(3):
        governor.release(governor.acquire(), Outcome.OK)
    # The monotonic clock of the new boot may be behind or ahead of the old one's.
    for number, uptime in enumerate((12.0, 500_000.0)):
        clock.boot, clock.now = f"boot {number + 2}", uptime
        restarted = Instance(DatabaseLeases(database, clock), clock, instance.name)
        governor = restarted.governor(calls=3)
        governor.acquire()
        assert clock.now - uptime > 19.9
        for _ in range(2):
            governor.acquire()
    database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.sqlite'}"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.fresh("leases")


def test_every_process_sees_what_the_others_did(url: str, clock: ScriptedClock) -> None:
    """Each reads only what has changed since it last looked: here, at random."""
    print(f"seed {SEED}")
    random = Random(SEED)
    databases = [open_database(url) for _ in range(3)]
    processes = [DatabaseLeases(database, clock) for database in databases]
    expected: dict[str, float] = {}

    def visit(leases: DatabaseLeases, *, fails: bool) -> None:
        changed = dict(expected)
        with leases.transaction("instance.example", durable=False) as ledger:
            looks_first = random.random() < 0.3
            if looks_first:
                assert set(ledger.rows) == {
                    one for one, until in changed.items() if until > clock.now
                }
            for _ in range(random.choice((0, 1, 1, 3))):
                lease_id = f"lease {random.randrange(200)}"
                if random.random() < 0.2:
                    ledger.drop(lease_id)
                    changed.pop(lease_id, None)
                else:
                    changed[lease_id] = clock.now + random.uniform(0.1, 60.0)
                    ledger.put(row(lease_id, changed[lease_id]))
            if random.random() < 0.7:
                seen = {one: seen.until for one, seen in ledger.rows.items()}
                assert seen == {one: until for one, until in changed.items() if until > clock.now}
            if fails:
                raise RuntimeError
        expected.clear()
        expected.update(changed)

    for _ in range(600):
        fails = random.random() < 0.1
        with pytest.raises(RuntimeError) if fails else nullcontext():
            visit(random.choice(processes), fails=fails)
        clock.now += random.choice((0.0, 0.01, 1.0))
    for database in databases:
        database.close()


def test_leases_of_a_store_without_revisions_count(tmp_path: Path, clock: ScriptedClock) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'store.sqlite'}")
    instance = Instance(DatabaseLeases(database, clock), clock)
    instance.governor(calls=3).acquire()
    with database.write() as connection:
        connection.exec_driver_sql("DROP INDEX governor_leases_by_revision")
        for table in ("governor_leases", "governor_instances"):
            connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN revision")
    instance.leases = DatabaseLeases(database, clock)
    assert instance.governor(calls=3).snapshot().calls_in_window == 1
    database.close()


def test_each_instance_has_its_own_lock() -> None:
    numbers = {lock_number(f"{number}.example") for number in range(10_000)}
    assert len(numbers) == 10_000
    assert all(0 <= number < 2**63 for number in numbers)


def test_a_postgresql_restart_is_waited_through(
    postgresql: PostgreSQL, clock: ScriptedClock
) -> None:
    database = open_database(postgresql.url())
    instance = Instance(DatabaseLeases(database, clock), clock)
    governor = instance.governor(calls=3)
    kept = governor.acquire()
    governor.release(governor.acquire(), Outcome.OK)
    postgresql.restart()
    governor.release(kept, Outcome.OK)
    governor.release(governor.acquire(), Outcome.OK)
    assert governor.snapshot().calls_in_window == 3
    before = clock.now
    governor.acquire()
    assert clock.now - before > 19.0
    database.close()
