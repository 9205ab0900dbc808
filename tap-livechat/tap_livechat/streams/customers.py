"""The two other sources of visitors: `list_customers` (v3.5) and the Customer Data Platform.

Neither says when a customer was last changed. `list_customers` has three times to ask by, so three
lists are read side by side and merged by time; a customer who is on several of them is written
once, off the first. Reading needs no upper bound: it stops at the window's end, since what changes
while we read moves behind it.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from tap_livechat.api import replies
from tap_livechat.api.methods import LIST_CDP_CUSTOMERS, LIST_CUSTOMERS
from tap_livechat.errors import RefusedError
from tap_livechat.records import schemas, visitor
from tap_livechat.streams.stream import Batch, LiveChatStream, Record
from tap_livechat.timestamps import render

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_livechat.api import payloads
    from tap_livechat.streams.windows import Window

Payload = dict[str, Any]


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
# Pages without anybody new, one after the other, before it is an endless list. Each is billed.
_IDLE_PAGES = 3


@dataclass(frozen=True, slots=True)
class CustomerList:
    """One order in which `list_customers` can be asked; LiveChat names it in two ways."""

    time: str
    sort_by: str


# A customer is written off the first of these that its time in the window puts it on.
LISTS = (
    CustomerList("created_at", "created_at"),
    CustomerList("customer_last_event_created_at", "customer_last_event"),
    CustomerList("agent_last_event_created_at", "agent_last_event"),
)


class VisitorStream(LiveChatStream):
    name = "visitors"
    primary_keys = ("visitor_id",)
    replication_key = "last_activity_at"
    fields: ClassVar[schemas.Fields] = schemas.VISITOR

    @property
    def most_records(self) -> int | None:
        return self.session.limit

    def timed(self, window: Window) -> Iterator[tuple[datetime, Record]]:
        """The window's visitors in the order of the time that put them in it."""
        raise NotImplementedError

    def batches(self) -> Iterator[Batch]:
        window = self.window
        if window.is_empty:
            return
        size = self.session.page_size
        records: list[Record] = []
        for moment, record in self.timed(window):
            records.append(record)
            if len(records) == size:
                yield Batch(records, moment)
                records = []
        yield Batch(records, window.end)


class CustomerVisitors(VisitorStream):
    """Everybody in `list_customers`, which LiveChat removed in version 3.6."""

    method = LIST_CUSTOMERS
    smallest: ClassVar[Payload] = {"limit": 1}

    def timed(self, window: Window) -> Iterator[tuple[datetime, Record]]:
        # From the beginning on, the list by creation has everybody.
        count = 1 if window.start is None else len(LISTS)
        lists = [self._listed(window, number) for number in range(count)]
        merged = heapq.merge(*lists, key=lambda found: found[0])
        return ((moment, visitor.from_customer(customer)) for moment, customer in merged)

    def _listed(self, window: Window, number: int) -> Iterator[tuple[datetime, payloads.User]]:
        """One list, without the customers that an earlier one has."""
        before = _LONG_AGO
        for customer in self._customers(LISTS[number], window):
            times: list[datetime | None] = [getattr(customer, each.time) for each in LISTS]
            moment = times[number]
            if moment is None:
                if window.start is not None:
                    continue  # its other times put it on the other lists
                moment = before
            before = moment
            if moment >= window.end:
                return
            if not any(_is_in(window, time) for time in times[:number]):
                yield moment, customer

    def _customers(self, order: CustomerList, window: Window) -> Iterator[payloads.User]:
        session = self.session
        filters: Payload = {
            # Its default is not documented.
            "include_customers_without_chats": session.include_customers_without_chats
        }
        if window.start is not None:
            filters[order.time] = {"gte": render(window.start)}
        if session.group_ids:
            filters["chat_group_ids"] = {"values": session.group_ids}
        payload: Payload = {
            "filters": filters,
            "sort_by": order.sort_by,
            "sort_order": "asc",
            "limit": session.page_size,
        }
        seen = set()
        while True:
            reply = session.client.call(LIST_CUSTOMERS, payload, replies.customers)
            yield from reply.customers or ()
            page_id = reply.next_page_id
            if not page_id:
                return
            if page_id in seen:
                raise RefusedError("list_customers: LiveChat repeats a page; run again")
            seen.add(page_id)
            payload = {"page_id": page_id}


class CdpVisitors(VisitorStream):
    """The Customer Data Platform, for accounts with the Text App.

    Its pages are numbers: a customer who becomes active while we read leaves the list, all others
    move up, and the next page would miss one. So each page is asked for as the first one, from the
    last time seen; page numbers only serve for more customers at one moment than fit a page.
    """

    method = LIST_CDP_CUSTOMERS
    smallest: ClassVar[Payload] = {"results_per_page": 1}

    def timed(self, window: Window) -> Iterator[tuple[datetime, Record]]:
        since, page, idle = window.start, 1, 0
        seen: set[object] = set()
        while True:
            reply = self._page(since, window.end, page)
            newest = since
            here: set[object] = set()
            for customer in reply.customers or ():
                listed_by = customer.statistics.last_activity_at if customer.statistics else None
                # One that has no time (it is optional) comes where it stands, and moves nothing.
                moment = listed_by or newest or _LONG_AGO
                key = customer.customer_id
                if key is None:
                    continue
                if listed_by and (newest is None or moment > newest):
                    newest, here = moment, set()
                here.add(key)
                if key not in seen and moment < window.end:
                    yield moment, visitor.from_cdp(customer)
            if not reply.next_page_id:
                return
            idle = idle + 1 if newest == since and here <= seen else 0
            if idle > _IDLE_PAGES:
                raise RefusedError("list_customers: LiveChat's pages do not end; run again")
            if newest == since:
                seen |= here
                page += 1
            else:
                since, page, seen = newest, 1, here

    def _page(self, since: datetime | None, until: datetime, page: int) -> payloads.CdpCustomers:
        span = {"to": render(until)}
        if since is not None:
            span["from"] = render(since)
        clause = {"field": "last_activity", "operator": "range", "range": span}
        payload: Payload = {
            "filters": [{"operator": "AND", "clauses": [clause]}],
            "sort": {"last_activity": "asc"},
            "results_per_page": self.session.page_size,
            "page_id": str(page),
        }
        return self.session.client.call(LIST_CDP_CUSTOMERS, payload, replies.cdp_customers)


def _is_in(window: Window, moment: datetime | None) -> bool:
    if moment is None or moment >= window.end:
        return False
    return window.start is None or moment >= window.start
