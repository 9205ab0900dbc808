"""From the Reports API: people who left the queue, and figures by the day.

A report is asked for by a period of which both ends are inclusive and needed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from tap_livechat.api import replies
from tap_livechat.api.methods import DAILY_REPORTS, QUEUED_VISITORS_LEFT
from tap_livechat.records import schemas, visitor
from tap_livechat.streams.stream import Batch, LiveChatStream
from tap_livechat.timestamps import render

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_livechat.api.methods import Method

# LiveChat's first year.
_BEGINNING = datetime(2002, 1, 1, tzinfo=UTC)


class ReportStream(LiveChatStream):
    """Read up to now; what is counted late comes with the lookback."""

    smallest: ClassVar[dict[str, Any]] = {"distribution": "day"}  # of the last seven days
    state_of = ("group_ids",)

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

    def batches(self) -> Iterator[Batch]:
        until = self.session.client.now()
        question = self.question(self.start or _BEGINNING, until)
        page, pages = 1, 1
        while page <= pages:
            asked = question | {"page": page}
            found = self.session.client.call(self.method, asked, replies.queued_visitors_left)
            yield Batch([visitor.from_queue(key, row) for key, row in found.records.items()])
            # An empty page ends it too, whatever is said of how many there are.
            pages = (found.summary.total_pages or 1) if found.summary and found.records else 1
            page += 1
        # LiveChat's clock is known by now.
        yield Batch([], min(until, self.session.client.now()))


class DailyReports(ReportStream):
    """One row per report and day (UTC) with chats; each report costs one request."""

    name = "daily_reports"
    primary_keys = ("report", "date")
    replication_key = "date"
    fields: ClassVar[schemas.Fields] = schemas.DAILY_REPORT
    method: ClassVar[Method] = DAILY_REPORTS[0]
    selected_by_default = False

    def batches(self) -> Iterator[Batch]:
        until = self.session.client.now()
        # Days are counted again as a whole, and today is not over.
        since = _day(self.start or _BEGINNING)
        for method in DAILY_REPORTS:
            asked = self.question(since, until)
            found = self.session.client.call(method, asked, replies.report)
            report = method.name.partition("/")[2]
            days = sorted(found.records.items())
            yield Batch(
                [{"report": report, "date": day, "values": each} for day, each in days if each]
            )
        yield Batch([], _day(min(until, self.session.client.now())))


def _day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
