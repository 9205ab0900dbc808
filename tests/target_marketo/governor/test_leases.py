from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from target_marketo.governor import Outcome
from target_marketo.store.database import open_database
from target_marketo.store.leases import DatabaseLeases, Row, lock_number
from tests.target_marketo.governor.conftest import Instance

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
