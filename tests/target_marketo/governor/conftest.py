from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from target_marketo.governor import Limits
from target_marketo.store.database import open_database
from target_marketo.store.leases import DatabaseLeases
from tests.target_marketo.governor.counted import CountedGovernor
from tests.target_marketo.governor.memory_leases import MemoryLeases
from tests.target_marketo.governor.scripted import ScriptedClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from target_marketo.store.leases import Leases

SEED = 20261120


@pytest.fixture
def clock() -> ScriptedClock:
    return ScriptedClock()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def leases(
    request: pytest.FixtureRequest, clock: ScriptedClock, tmp_path: Path
) -> Iterator[Leases]:
    """The three stores, all on the scripted clock."""
    if request.param == "memory":
        yield MemoryLeases(clock.monotonic)
        return
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    else:
        url = request.getfixturevalue("postgresql").url()
    database = open_database(url)
    yield DatabaseLeases(database, clock)
    database.close()


@dataclass
class Instance:
    """An instance nobody else uses; `governor()` stands for one more process that calls it."""

    leases: Leases
    clock: ScriptedClock
    name: str = field(default_factory=lambda: f"{uuid4()}.example")

    def governor(
        self,
        *,
        calls: int = 10,
        concurrent: int = 5,
        daily: int = 1000,
        lease_seconds: float = 130.0,
        store_patience_seconds: float = 30.0,
        outage_patience_seconds: float = 3600.0,
    ) -> CountedGovernor:
        return CountedGovernor(
            self.name,
            Limits(
                calls=calls,
                seconds=20.0,
                concurrent=concurrent,
                daily=daily,
                lease_seconds=lease_seconds,
            ),
            self.leases,
            clock=self.clock,
            random=Random(SEED),
            store_patience_seconds=store_patience_seconds,
            outage_patience_seconds=outage_patience_seconds,
        )


@pytest.fixture
def instance(leases: Leases, clock: ScriptedClock) -> Instance:
    return Instance(leases, clock)


@pytest.fixture
def long(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--long"))


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Figures are shown also when the test passes."""

    def say(line: str) -> None:
        with capsys.disabled():
            print(f"\n  {line}", end="")

    return say
