"""A back-fill of disjoint periods side by side, each a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.benchmarks.back_fill import back_fill

if TYPE_CHECKING:
    from pathlib import Path

THREADS = 200_000
PERIODS = 4


@pytest.mark.slow
def test_periods_bring_each_thread_once_for_their_pages_and_two_requests(tmp_path: Path) -> None:
    done = back_fill(THREADS, PERIODS, tmp_path)

    assert len(done.times_read) == THREADS
    assert set(done.times_read.values()) == {1}
    for period in done.periods:
        assert len(period.threads) == pytest.approx(THREADS / PERIODS, rel=0.1)
        assert period.requests <= period.bound
    assert done.requests == sum(period.requests for period in done.periods)
