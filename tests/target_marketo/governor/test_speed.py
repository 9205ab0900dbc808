from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.benchmarks.governor import pairs_per_second

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("store", "goal"), [("sqlite", 500), ("postgresql", 200)])
def test_four_processes_acquire_and_release(
    store: str, goal: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """An instance allows five calls a second: a tenth of the goal is asserted on a busy machine."""
    long = request.config.getoption("--long")
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    if store == "postgresql":
        server = request.getfixturevalue("postgresql")
        url = server.fresh("speed")
    rates = pairs_per_second(url, 10.0 if long else 1.0)
    with request.getfixturevalue("capsys").disabled():
        print(f"\n  {store}: {sum(rates):.0f} pairs/s of four processes", end="")
    assert sum(rates) >= (goal if long else goal / 10)
