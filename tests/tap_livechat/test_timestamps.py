"""Times: LiveChat's in every form become UTC with six digits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tap_livechat.timestamps import is_plausible, latest, parse, render

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_moment_is_the_same_wherever_it_was_told() -> None:
    told = parse("2026-01-01T13:00:00+01:00")
    assert told == NOON
    assert told is not None
    assert told.tzinfo is UTC
    assert parse("2026-01-01T12:00:00") == NOON, "what tells no zone is UTC"


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (NOON, "2026-01-01T12:00:00.000000Z"),
        (NOON + timedelta(microseconds=1), "2026-01-01T12:00:00.000001Z"),
        (NOON.replace(tzinfo=None), "2026-01-01T12:00:00.000000Z"),
        (NOON.astimezone(timezone(timedelta(hours=9))), "2026-01-01T12:00:00.000000Z"),
        (
            datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5))),  # in the year before
            "0001-01-01T00:00:00.000000Z",
        ),
    ],
)
def test_every_moment_can_be_written(moment: datetime, written: str) -> None:
    assert render(moment) == written


def test_nothing_was_before_there_was_a_livechat_to_ask() -> None:
    assert is_plausible(datetime(1970, 1, 1, tzinfo=UTC))
    assert not is_plausible(datetime(1969, 12, 31, tzinfo=UTC))
    assert not is_plausible(None)


def test_the_latest_of_the_moments_that_are_known() -> None:
    later = NOON + timedelta(seconds=1)
    assert latest([None, NOON, later, None, NOON]) == later
    assert latest([None]) is None
