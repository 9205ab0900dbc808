"""From when on a type of activity is read before anything is added to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from target_marketo.delivery.interface import CallFailed, Fate
from target_marketo.mapping.attachments import AttachmentKind
from target_marketo.mapping.attachments import Lane as MappedLane
from target_marketo.marketo.activities import Activity, ActivityType, Attribute, Page, Value
from target_marketo.store.activity_ledger import Adopted, Found
from target_marketo.writes.activity_lane import (
    MAX_PAGES,
    WRITTEN_DAYS,
    ActivityLane,
    NotYet,
    open_lane,
)
from target_marketo.writes.activity_reading import MARGIN_SECONDS, OnceAttribute

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from target_marketo.marketo.activities import Activities
    from target_marketo.store.activity_ledger import ActivityLedger

CHAT = 100_001
DAY, HOUR = 86_400.0, 3600.0
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC).timestamp()
SINCE = NOW - 20 * DAY
VISIBILITY = 60.0


def date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


@dataclass
class Log:
    """Marketo's log; `read` is from when on it was read."""

    shown: list[Activity] = field(default_factory=list)
    read: list[float] = field(default_factory=list)
    pages_left: int = 0

    def pages(self, since: float, type_id: int, leads: Any) -> Iterator[Page]:
        assert (type_id, leads) == (CHAT, ())
        self.read.append(since)
        yield Page(tuple(self.shown), more_result=self.pages_left > 0, next_page_token="token")
        for left in reversed(range(self.pages_left)):
            yield Page(more_result=left > 0, next_page_token="token")


@dataclass
class Ledger:
    """What of it the store knows."""

    newest: str | None = None
    adopted_last: Adopted | None = None
    known: dict[str, str] = field(default_factory=dict)

    def newest_done(self, type_id: int) -> str | None:
        return self.newest

    def adopted(self, type_id: int) -> Adopted | None:
        return self.adopted_last

    def states(self, type_id: int, onces: Iterable[str]) -> dict[str, str]:
        return {once: self.known[once] for once in onces if once in self.known}

    def adopt(self, type_id: int, found: Iterable[Found]) -> None:
        self.known |= {each.once: each.date for each in found}


class Lane:
    """A lane of which some is read."""

    def __init__(self, since: float = SINCE, **ledger: Any) -> None:
        once = OnceAttribute(Attribute("threadId", "Thread ID"))
        self.lane = ActivityLane("chat", CHAT, once, since)
        self.log, self.ledger = Log(), Ledger(**ledger)

    def cover(self, oldest: float, now: float = NOW) -> NotYet | None:
        return self.lane.cover(
            oldest,
            cast("Activities", self.log),
            cast("ActivityLedger", self.ledger),
            lambda: now,
            VISIBILITY,
        )

    def read_from(self, oldest: float, now: float = NOW) -> float | None:
        """The start of the reading that this took, without its margin; None if it took none."""
        before = len(self.log.read)
        assert self.cover(oldest, now) is None
        if len(self.log.read) == before:
            return None
        return self.log.read[-1] + MARGIN_SECONDS


def test_a_store_that_knows_nothing_reads_all_since_the_lane_began() -> None:
    assert Lane().read_from(NOW - HOUR) == SINCE


@pytest.mark.parametrize(
    ("oldest", "newest", "expected"),
    [
        pytest.param(NOW - HOUR, NOW - 2 * DAY, NOW - 2 * DAY - 600, id="since the newest"),
        pytest.param(NOW - 3 * DAY, NOW - DAY, NOW - 3 * DAY - HOUR, id="since the oldest"),
        pytest.param(NOW - HOUR, NOW - 30 * DAY, SINCE, id="not before the lane began"),
        pytest.param(SINCE - DAY, NOW - DAY, SINCE - DAY, id="but for what is older"),
    ],
)
def test_a_reading_begins_before_what_is_added_and_before_the_newest_that_is_known(
    oldest: float, newest: float, expected: float
) -> None:
    assert Lane(newest=date(newest)).read_from(oldest) == expected


def test_what_was_read_is_not_read_again_and_older_is_read_in_steps_that_double() -> None:
    lane = Lane(newest=date(NOW - 600))
    first = lane.read_from(NOW - HOUR)
    assert first == NOW - 2 * HOUR
    assert lane.read_from(first - MARGIN_SECONDS) is None, "the very first moment of the reading"
    assert lane.read_from(NOW - HOUR) is None

    second = lane.read_from(first - 2 * MARGIN_SECONDS)
    assert second == NOW - 2 * (2 * HOUR + MARGIN_SECONDS)
    assert lane.read_from(NOW - DAY) == NOW - DAY - HOUR, "twice as far is not far enough"


@pytest.mark.parametrize(
    ("adopted_at", "since", "expected"),
    [
        pytest.param(NOW - HOUR, NOW - 9 * DAY, NOW - HOUR - 600, id="today"),
        pytest.param(NOW - DAY, NOW - 9 * DAY, NOW - DAY - 600, id="a day ago"),
        pytest.param(NOW - DAY - 1, NOW - 9 * DAY, SINCE, id="longer ago"),
        pytest.param(NOW - HOUR, NOW - 5 * DAY, NOW - HOUR - 600, id="since then"),
        pytest.param(NOW - HOUR, NOW - 5 * DAY + 1, SINCE, id="since later"),
    ],
)
def test_what_a_person_had_taken_over_is_not_read_again(
    adopted_at: float, since: float, expected: float
) -> None:
    lane = Lane(adopted_last=Adopted(date(since), adopted_at))
    read = lane.read_from(NOW - 5 * DAY)
    is_believed = expected != SINCE

    assert read == (expected + MARGIN_SECONDS if is_believed else expected)
    if is_believed:
        assert lane.read_from(since) is None


def test_what_nobody_knew_of_is_taken_over_and_told_and_waited_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lane = Lane()
    values = (Value(name="Thread ID", value="T-1"),)
    lane.log.shown = [Activity(1, CHAT, date(NOW - DAY), "guid", "Chat", values)]

    assert lane.cover(NOW - HOUR) == NotYet(VISIBILITY)
    assert lane.ledger.known == {"T-1": date(NOW - DAY)}
    assert lane.cover(NOW - HOUR) is None
    assert len(lane.log.read) == 2, "read once more: nothing is new by then"
    assert lane.cover(NOW - HOUR) is None
    assert len(lane.log.read) == 2
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith("1 activities of type chat are in Marketo and were not in this store")


@pytest.mark.parametrize(("pages", "ends"), [(MAX_PAGES, False), (MAX_PAGES + 1, True)])
def test_too_much_to_be_read_ends_the_lane_and_is_not_read_again(pages: int, *, ends: bool) -> None:
    lane = Lane()
    lane.log.pages_left = pages - 1
    if not ends:
        assert lane.cover(NOW - HOUR) is None
        return
    for _ in range(2):
        with pytest.raises(CallFailed) as failed:
            lane.cover(NOW - HOUR)
        assert failed.value.fate is Fate.ENDS_LANE
        assert "adopt --since 2026-11-08" in failed.value.cure
    assert len(lane.log.read) == 1


@pytest.mark.parametrize(
    ("said", "since"),
    [
        ("everything", NOW - WRITTEN_DAYS * DAY),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC).timestamp()),
        ("2026-11-01T00:00:00+02:00", datetime(2026, 10, 31, 22, tzinfo=UTC).timestamp()),
        ("2001-01-01", NOW - WRITTEN_DAYS * DAY),
        ("first_run", NOW - DAY),
        ("", NOW - DAY),
    ],
)
def test_a_lane_begins_when_the_setting_says(said: str, since: float) -> None:
    described = ActivityType("chat", "Chat", id=CHAT, attributes=(Attribute("threadId", "Thread"),))
    lane = MappedLane(AttachmentKind.ACTIVITY, ("chat",), since=said, once="threadId")
    ledger = SimpleNamespace(since=lambda _type, proposal: proposal)

    assert open_lane(lane, described, cast("ActivityLedger", ledger), NOW).since == since
