"""The two other sources of visitors: `list_customers` (v3.5) and the Customer Data Platform.

Neither says when a customer was last changed. `list_customers` has three times to ask by, so three
lists are read side by side and merged by time; a customer who is on several of them is written
once, off the first. Reading needs no upper bound: it stops at the window's end, since what changes
while we read moves behind it.

A customer who becomes active while we read leaves their place, and where pages are counted by rows
all others move up: the next page would miss one. So each page is asked for as the first one, from
the last time seen (`anchored`), and costs one row that comes twice.
"""

from __future__ import annotations

import heapq
from datetime import UTC, datetime
from functools import cached_property, partial
from itertools import takewhile
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar

from tap_livechat.api import replies
from tap_livechat.api.methods import LIST_CDP_CUSTOMERS, LIST_CUSTOMERS
from tap_livechat.errors import RefusedError
from tap_livechat.records import schemas, visitor
from tap_livechat.streams.stream import Batch, LiveChatStream, Record
from tap_livechat.streams.windows import Window, run_window
from tap_livechat.timestamps import render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_livechat.api import payloads

Payload = dict[str, Any]
T = TypeVar("T")

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
# Pages without anybody new, one after the other, before it is an endless list. Each is billed.
_IDLE_PAGES = 3


class Listed(NamedTuple, Generic[T]):
    """One page: each row with the time that it is sorted by, and its key."""

    rows: list[tuple[datetime | None, str, T]]
    next_page_id: str | None
    total: int  # of all that was asked for, as LiveChat counts


# The times by which `list_customers` can be asked, and what it calls them to sort by. A customer is
# written off the first list that its time in the window puts it on.
LISTS = {
    "created_at": "created_at",
    "customer_last_event_created_at": "customer_last_event",
    "agent_last_event_created_at": "agent_last_event",
}


class VisitorStream(LiveChatStream):
    name = "visitors"
    primary_keys = ("visitor_id",)
    replication_key = "last_activity_at"
    fields: ClassVar[schemas.Fields] = schemas.VISITOR
    obeys_limit = True
    state_of = ("visitor_source", "group_ids", "include_customers_without_chats")

    def timed(self) -> Iterator[tuple[datetime, Record]]:
        """The visitors from `start` on, in the order of the time that put them there."""
        raise NotImplementedError

    def anchored(
        self, ask: Callable[[datetime | None, str | None], Listed[T]]
    ) -> Iterator[tuple[datetime, T]]:
        """All rows from `start` to the window's end, in the order of their time.

        Page ids only serve for more rows at one moment than fit a page.
        """
        since, page_id, idle, count = self.start, None, 0, 0
        seen: set[str] = set()
        while True:
            page = ask(since, page_id)
            newest, here = since, set[str]()
            fresh = False
            for moment, key, row in page.rows:
                if moment is not None and (newest is None or moment > newest):
                    newest, here = moment, set()
                here.add(key)
                if key not in seen:
                    fresh = True
                    # Without a time: where LiveChat lists it.
                    listed_at = moment or newest or _LONG_AGO
                    if listed_at >= self.window.end:
                        return
                    yield listed_at, row
            count += len(page.rows)
            if not page.next_page_id and count >= page.total:
                return
            idle = 0 if fresh else idle + 1
            if not page.next_page_id and not fresh:
                self.session.client.warn(
                    f"list_customers: LiveChat counts {page.total} customers and lists {count}"
                )
                return
            if idle > _IDLE_PAGES:
                raise RefusedError("list_customers: LiveChat's pages do not end; run again")
            if newest == since and page.next_page_id:
                page_id = page.next_page_id
                seen |= here
            else:
                since, page_id, count, seen = newest, None, 0, here

    @cached_property
    def window(self) -> Window:
        """To be asked for after the first reply: that one tells LiveChat's time."""
        now = self.session.client.now()
        self.check_time(now)
        return run_window([self.start], now, self.session.end_date)

    def batches(self) -> Iterator[Batch]:
        records: list[Record] = []
        for moment, record in self.timed():
            records.append(record)
            if len(records) == self.session.page_size:
                yield Batch(records, moment)
                records = []
        yield Batch(records, self.window.end)


class CustomerVisitors(VisitorStream):
    """Everybody in `list_customers`, which LiveChat removed in version 3.6."""

    method = LIST_CUSTOMERS
    smallest: ClassVar[Payload] = {"limit": 1}

    def timed(self) -> Iterator[tuple[datetime, Record]]:
        # From the beginning on, the list by creation has everybody.
        times = list(LISTS)[: 1 if self.start is None else None]
        merged = heapq.merge(*map(self._listed, times), key=itemgetter(0))
        return ((moment, visitor.from_customer(customer)) for moment, customer in merged)

    def _listed(self, time: str) -> Iterator[tuple[datetime, payloads.Customer]]:
        """One list, without the customers that an earlier one has."""
        for moment, customer in self.anchored(partial(self._page, time)):
            if getattr(customer, time) is None and self.window.start is not None:
                continue  # its other times put it on the other lists
            earlier = (getattr(customer, each) for each in takewhile(time.__ne__, LISTS))
            if not any(each and self.window.holds(each) for each in earlier):
                yield moment, customer

    def _page(
        self, time: str, since: datetime | None, page_id: str | None
    ) -> Listed[payloads.Customer]:
        session = self.session
        filters: Payload = {
            # Its default is not documented.
            "include_customers_without_chats": self.config["include_customers_without_chats"]
        }
        if since is not None:
            filters[time] = {"gte": render(since)}
        if session.group_ids:
            filters["chat_group_ids"] = {"values": session.group_ids}
        payload: Payload = {
            "filters": filters,
            "sort_by": LISTS[time],
            "sort_order": "asc",
            "limit": session.page_size,
        }
        if page_id:
            payload = {"page_id": page_id}
        reply = session.client.call(LIST_CUSTOMERS, payload, replies.customers)
        rows = [(getattr(each, time), each.id, each) for each in reply.customers or ()]
        return Listed(rows, reply.next_page_id, reply.total_customers or 0)


class CdpVisitors(VisitorStream):
    """The Customer Data Platform, for accounts with the Text App. Its page ids are numbers."""

    method = LIST_CDP_CUSTOMERS
    smallest: ClassVar[Payload] = {"results_per_page": 1}

    def timed(self) -> Iterator[tuple[datetime, Record]]:
        listed = self.anchored(self._page)
        return ((moment, visitor.from_cdp(customer)) for moment, customer in listed)

    def _page(self, since: datetime | None, page_id: str | None) -> Listed[payloads.CdpCustomer]:
        filters = []
        if since is not None:
            span = {"from": render(since)}
            clause = {"field": "last_activity", "operator": "range", "range": span}
            filters = [{"operator": "AND", "clauses": [clause]}]
        payload: Payload = {
            "filters": filters,
            "sort": {"last_activity": "asc"},
            "results_per_page": self.session.page_size,
            "page_id": page_id or "1",
        }
        reply = self.session.client.call(LIST_CDP_CUSTOMERS, payload, replies.cdp_customers)
        rows = [
            (each.statistics.last_activity_at if each.statistics else None, each.customer_id, each)
            for each in reply.customers or ()
        ]
        total = reply.total if isinstance(reply.total, int) else 0
        return Listed(rows, str(reply.next_page_id or "") or None, total)
