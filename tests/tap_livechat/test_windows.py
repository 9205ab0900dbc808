"""The arithmetic of windows, bookmarks and parts."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_livechat.streams import windows
from tap_livechat.streams.windows import Planner, Progress, Window

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone


def test_a_run_reads_from_its_bookmark_less_the_lookback_to_its_start_less_the_lag() -> None:
    window = windows.run_window([NOON], HOUR, None, NOON + 3 * HOUR)

    assert window == Window(NOON - HOUR, NOON + 3 * HOUR - windows.SAFETY_LAG)


def test_nothing_before_the_start_date_is_read() -> None:
    assert windows.start_of(None, HOUR, NOON) == NOON
    assert windows.start_of(NOON + HOUR / 2, HOUR, NOON) == NOON
    assert windows.start_of(None, HOUR, None) is None


def test_the_stream_that_is_furthest_behind_decides_where_a_pass_begins() -> None:
    both = windows.run_window([NOON, NOON - HOUR], HOUR, None, NOON)
    first_time = windows.run_window([NOON, None], HOUR, None, NOON)

    assert both.start == NOON - 2 * HOUR
    assert first_time.start is None


@pytest.mark.parametrize(
    ("previous", "position", "open_since", "bookmark"),
    [
        (None, None, None, None),
        (None, NOON, None, NOON),
        (NOON, NOON - HOUR, None, NOON),
        (NOON, NOON + HOUR, None, NOON + HOUR),
        (NOON, NOON + HOUR, NOON + HOUR / 2, NOON + HOUR / 2),
        (NOON, NOON + HOUR, NOON - HOUR, NOON - HOUR),
    ],
)
def test_the_bookmark_never_passes_an_open_chat_and_never_falls_back_without_one(
    previous: datetime | None,
    position: datetime | None,
    open_since: datetime | None,
    bookmark: datetime | None,
) -> None:
    assert windows.bookmark(previous, position, open_since) == bookmark


@given(st.lists(MOMENTS, min_size=1), st.booleans())
def test_progress_never_passes_a_row_that_is_still_to_come(
    moments: list[datetime],
    ordered: bool,  # noqa: FBT001 - hypothesis draws it
) -> None:
    rows = sorted(moments) if ordered else moments
    window = Window(min(rows) - HOUR, max(rows) + HOUR)
    progress = Progress(window.start)
    progress.enter(window)
    for number, row in enumerate(rows):
        was_in_order = rows[: number + 1] == sorted(rows[: number + 1])
        before = progress.position
        progress.saw([row], window)
        if was_in_order:
            assert progress.position == row
        else:
            assert progress.position == before, "an order that broke once is trusted no more"
    progress.finish(window)
    assert progress.position == window.end


@given(
    rows=st.integers(0, 10**6),
    page_size=st.integers(1, 100),
    concurrency=st.integers(1, 16),
)
def test_parts_stay_within_the_bound_that_the_readme_states(
    rows: int, page_size: int, concurrency: int
) -> None:
    pages = math.ceil(rows / page_size)
    parts = windows.parts(rows, page_size, concurrency)

    if concurrency <= 2:
        assert 1 <= parts <= concurrency, "one surplus page at most"
    else:
        held = math.ceil(pages / windows.most_pages(concurrency))
        assert 1 <= parts <= max(2 * concurrency, held)


@given(
    rows=st.integers(1, 10**6),
    count=st.integers(1, 50),
    density=st.floats(1e-6, 1e6) | st.none(),
    learned=st.lists(st.integers(0, 10**6), max_size=60),
)
def test_parts_cover_the_window_without_a_gap_whatever_the_estimates_say(
    rows: int, count: int, density: float | None, learned: list[int]
) -> None:
    window = Window(NOON - 1000 * HOUR, NOON)
    planner = Planner(window, rows, count, density)
    parts: list[Window] = []
    while (part := planner.plan()) is not None:
        parts.append(part)
        if learned:
            planner.learn(part, learned.pop())

    assert parts[0].start == window.start
    assert parts[-1].end == window.end
    assert all(one.end == other.start for one, other in pairwise(parts))
    assert len(parts) <= count


def test_rows_that_are_bunched_at_the_start_are_cut_there() -> None:
    """A month of chats, eleven months ago: dividing the year would leave all of it in one part."""
    year = Window(NOON - timedelta(days=330), NOON)
    month = timedelta(days=30).total_seconds()
    planner = Planner(year, 8000, 4, density=8000 / month)

    lengths = []
    while (part := planner.plan()) is not None:
        assert part.start is not None
        lengths.append((part.end - part.start) / timedelta(days=1))

    assert lengths[:3] == pytest.approx([7.5, 7.5, 7.5])
