"""The Reports API: figures by the day, and who left the queue. [facts 2.7]"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING, Any

import msgspec

from tests.sandbox.crowd import microseconds
from tests.sandbox.livechat import parameters, wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.sandbox.crowd import Visitor
    from tests.sandbox.livechat.call import Call, Reply
    from tests.sandbox.livechat.store import Store

LEFT_PER_PAGE = 10
_EVERY = 7  # so many visitors, and one of them once left the queue
_DAY = 86_400_000_000
_DAYS_WITHOUT_FILTERS = 7


class Reports:
    def __init__(self, store: Store) -> None:
        self._store = store

    def by_day(self, figures: Callable[[int], wire.Json]) -> Callable[[Call], Reply]:
        """A report whose days have `figures` of how many threads began on them."""

        def answer(call: Call) -> Reply:
            low, high = _period(call.decode(parameters.AskReport), call)
            counts = Counter(each // _DAY for each in self._store.created if low <= each <= high)
            days = range(low // _DAY, high // _DAY + 1)
            records = {
                f"{wire.instant(day * _DAY):%Y-%m-%d}": figures(counts[day]) if counts[day] else {}
                for day in days
            }
            return _reply({"name": call.method, "total": sum(counts.values()), "records": records})

        return answer

    def queued_visitors_left(self, call: Call) -> Reply:
        asked = call.decode(parameters.AskQueuedVisitorsLeft)
        low, high = _period(asked, call)
        rows = [
            (at, visitor)
            for visitor in left_the_queue(self._store.crowd.visitors)
            if low <= (at := microseconds(_queued_at(visitor))) <= min(high, call.now)
        ]
        rows.sort(key=lambda row: row[0])
        first = (max(asked.page, 1) - 1) * LEFT_PER_PAGE
        return _reply(
            {
                "name": "queued-visitors-left-report",
                "total": len(rows),
                "summary": {
                    "left_without_details": len(rows),
                    "total_pages": ceil(len(rows) / LEFT_PER_PAGE),
                },
                "records": {
                    f"SQ{visitor.number:08}": _left(visitor)
                    for _, visitor in rows[first : first + LEFT_PER_PAGE]
                },
            }
        )


def left_the_queue(visitors: Any) -> Iterator[Visitor]:
    return (each for each in visitors if each.number % _EVERY == 0 and each.visits)


def _queued_at(visitor: Visitor) -> datetime:
    return visitor.visits[0].started_at + timedelta(seconds=30)


def _left(visitor: Visitor) -> wire.Json:
    """Without a fraction of a second, as in the vendor's sample; details for every second one."""
    row: wire.Json = {
        "visitor": {"id": visitor.id, "ip": visitor.visits[0].ip},
        "queue": {
            "duration": visitor.number % 300,
            "group": 0,
            "start_date": f"{_queued_at(visitor):%Y-%m-%dT%H:%M:%S}Z",
        },
    }
    if visitor.number % 2:
        email = f"queued{visitor.number}@example.com"
        row["visitor"] |= {
            "name": "Quentin Queue",
            "visitor_custom_variables": [{"plan": "free"}],
        }
        row["prechat_survey"] = [
            {"key": "Your name", "value": "Quentin Queue", "id": "1", "type": "name"},
            {"key": "Your e-mail", "value": email, "id": "2", "type": "email"},
        ]
    return row


def _period(asked: parameters.AskReport, call: Call) -> tuple[int, int]:
    if isinstance(asked.filters, parameters.ReportFilters):
        low = datetime.fromisoformat(asked.filters.from_)
        return microseconds(low), microseconds(datetime.fromisoformat(asked.filters.to))
    return call.now - _DAYS_WITHOUT_FILTERS * _DAY, call.now


def _reply(content: wire.Json) -> Reply:
    return msgspec.json.encode(content), len(content["records"])
