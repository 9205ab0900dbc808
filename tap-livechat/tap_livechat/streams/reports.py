"""From the Reports API: people who left the queue, and figures by the day.

A report is asked for by a period of which both ends are inclusive and needed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from tap_livechat.api import replies
from tap_livechat.api.methods import DAILY_REPORTS, QUEUED_VISITORS_LEFT
from tap_livechat.records import schemas, visitor
from tap_livechat.streams.stream import Batch, LiveChatStream
from tap_livechat.timestamps import CLOCK_TOLERANCE, render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_livechat.api.methods import Method

T = TypeVar("T")

_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)
# LiveChat's first year.
_BEGINNING = datetime(2002, 1, 1, tzinfo=UTC)


class ReportStream(LiveChatStream):
    """Read up to now; what is counted late comes with the lookback."""

    smallest: ClassVar[dict[str, Any]] = {"distribution": "day"}  # of the last seven days
    state_of = ("group_ids",)

    @property
    def last(self) -> datetime | None:
        """The last moment of a period, which is within it; `end_date` is not."""
        end = self.session.end_date
        return end and end - _MICROSECOND

    def ask(
        self, method: Method, decode: Callable[[bytes], T], since: datetime
    ) -> tuple[T, dict[str, Any], datetime]:
        """The reply, the question, and up to when it was asked.

        LiveChat's time is known from its first reply on. If it was behind us until then, we have
        asked for too much, which is harmless; if it was ahead, we ask again.
        """
        while True:
            until = self._until(since)
            question = self.question(since, until)
            found = self.session.client.call(method, question, decode)
            self.check_time(self.session.client.now())
            if until >= self._until(since) - CLOCK_TOLERANCE:
                return found, question, min(until, self.session.client.now())

    def _until(self, since: datetime) -> datetime:
        now = self.session.client.now()
        return max(since, min(now, self.last or now))

    def question(self, since: datetime, until: datetime) -> dict[str, Any]:
        filters: dict[str, Any] = {"from": render(since), "to": render(until)}
        if self.session.group_ids:
            filters["groups"] = {"values": self.session.group_ids}
        return {"distribution": "day", "timezone": "UTC", "filters": filters}


class QueuedVisitorsLeft(ReportStream):
    """Who left the queue before anybody answered; they are in no archive."""

    name = "queued_visitors_left"
    primary_keys = ("chat_id",)
    replication_key = "queued_at"
    fields: ClassVar[schemas.Fields] = schemas.QUEUED_VISITOR_LEFT
    method = QUEUED_VISITORS_LEFT
    selected_by_default = False

    def question(self, since: datetime, until: datetime) -> dict[str, Any]:
        return super().question(since, until) | {"page": 1}

    def batches(self) -> Iterator[Batch]:
        since = self.start or _BEGINNING
        found, question, until = self.ask(self.method, replies.queued_visitors_left, since)
        page, before = 1, set[str]()
        # A page with nobody new ends it too, whatever is said of how many there are.
        while not found.records.keys() <= before:
            yield Batch([visitor.from_queue(key, row) for key, row in found.records.items()])
            pages = (found.summary.total_pages or 1) if found.summary else 1
            if page >= pages:
                break
            page, before = page + 1, set(found.records)
            asked = question | {"page": page}
            found = self.session.client.call(self.method, asked, replies.queued_visitors_left)
        yield Batch([], until)


class DailyReports(ReportStream):
    """One row per report and day (UTC) with chats; each report costs one request."""

    name = "daily_reports"
    primary_keys = ("report", "date")
    replication_key = "date"
    fields: ClassVar[schemas.Fields] = schemas.DAILY_REPORT
    method: ClassVar[Method] = DAILY_REPORTS[0]
    selected_by_default = False

    @property
    def last(self) -> datetime | None:
        """The end of its day: no other period has more of that day."""
        last = super().last
        return last and _day(last) + _DAY - _MICROSECOND

    def batches(self) -> Iterator[Batch]:
        # Days are counted again as a whole, and today is not over.
        since = _day(self.start or _BEGINNING)
        until = since
        for method in DAILY_REPORTS:
            found, _, until = self.ask(method, replies.report, since)
            report = method.name.partition("/")[2]
            days = sorted(found.records.items())
            yield Batch(
                [{"report": report, "date": day, "values": each} for day, each in days if each]
            )
        yield Batch([], _day(until))


def _day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
