"""The arithmetic of windows and open threads."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_livechat.streams import windows
from tap_livechat.streams.windows import OpenThread, Window

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
THREADS = st.dictionaries(
    st.text(min_size=1, max_size=12), st.builds(OpenThread, st.text(), MOMENTS, MOMENTS)
)


def test_a_run_reads_up_to_livechats_time_less_the_lag() -> None:
    window = windows.run_window([NOON - HOUR], NOON + 3 * HOUR)

    assert window == Window(NOON - HOUR, NOON + 3 * HOUR - windows.SAFETY_LAG)


def test_a_period_ends_where_it_is_said_to_and_never_later_than_now() -> None:
    assert windows.run_window([None], NOON, NOON - HOUR).end == NOON - HOUR
    assert windows.run_window([None], NOON, NOON + HOUR).end == NOON - windows.SAFETY_LAG


def test_nothing_before_the_start_date_is_read() -> None:
    assert windows.start_of(None, HOUR, NOON) == NOON
    assert windows.start_of(NOON + HOUR / 2, HOUR, NOON) == NOON
    assert windows.start_of(None, HOUR, None) is None


def test_the_stream_that_is_furthest_behind_decides_where_a_pass_begins() -> None:
    assert windows.run_window([NOON, NOON - HOUR], NOON).start == NOON - HOUR
    assert windows.run_window([NOON, None], NOON).start is None


@given(threads=THREADS, bookmark=MOMENTS)
def test_a_state_holds_the_open_threads_that_its_bookmark_has_passed(
    threads: dict[str, OpenThread], bookmark: datetime
) -> None:
    kept = json.loads(json.dumps(windows.to_state(threads, bookmark)))

    assert windows.from_state(kept) == {
        key: each for key, each in threads.items() if each.started_at <= bookmark
    }


def test_a_state_names_each_open_thread_with_its_chat_and_two_times() -> None:
    threads = {"T": OpenThread("C", NOON, NOON + HOUR)}
    kept = {"T": ["C", "2026-01-01T12:00:00Z", "2026-01-01T13:00:00Z"]}

    assert windows.to_state(threads, NOON) == kept
    assert windows.from_state(kept) == threads, "as the last version wrote it"


@pytest.mark.parametrize(
    "value",
    [
        [],
        "x",
        7,
        {"T": "C"},
        {"T": ["C"]},
        {"T": [1, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"]},
        {"T": ["C", "soon", "2026-01-01T00:00:00Z"]},
        {"T": ["C", "2026-01-01T00:00:00Z", None]},
    ],
)
def test_open_threads_of_another_form_are_not_taken_for_none(value: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        windows.from_state(value)


def test_what_is_open_no_more_is_asked_for_unless_the_window_brings_it() -> None:
    older, newer = (
        OpenThread("C", NOON - 5 * HOUR, NOON - HOUR),
        OpenThread("D", NOON - HOUR / 2, NOON - HOUR / 4),
    )
    window = Window(NOON - HOUR, NOON)

    assert windows.closed({"a": older, "b": newer}, {}, window) == {"a": older}
    assert windows.closed({"a": older, "b": newer}, {"a": older}, window) == {}
    assert windows.closed({"b": newer}, {}, Window(NOON, NOON)) == {"b": newer}
    assert windows.closed({"a": older}, {}, Window(None, NOON)) == {}


def test_a_window_that_ends_where_it_begins_is_empty() -> None:
    assert Window(NOON, NOON).is_empty
    assert not Window(NOON - timedelta(microseconds=1), NOON).is_empty
    assert not Window(None, NOON).is_empty


def test_a_thread_that_began_where_the_window_does_is_brought_by_it() -> None:
    window = Window(NOON, NOON + HOUR)
    at_the_edge = OpenThread("chat", NOON, NOON)
    before = OpenThread("chat", NOON - timedelta(microseconds=1), NOON)

    assert windows.closed({"a": at_the_edge, "b": before}, {}, window) == {"b": before}
