"""The Agent Chat API: archives, chats, threads and customers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, UnsetType

from tests.sandbox.crowd import BOTS, LightCrowd, microseconds
from tests.sandbox.livechat import parameters, wire
from tests.sandbox.livechat.clock import SECOND
from tests.sandbox.livechat.errors import ApiError
from tests.sandbox.livechat.options import moment
from tests.sandbox.livechat.paging import Page, Pages, Query
from tests.sandbox.livechat.stencils import Stencils

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.sandbox.crowd import Thread, Visitor
    from tests.sandbox.livechat.call import Call, Reply
    from tests.sandbox.livechat.store import CustomerState, Store

DEFAULT_LIMIT = 10
THREADS_DEFAULT_LIMIT = 3
_END_OF_TIME = 2**62
_BOT_IDS = frozenset(bot.id for bot in BOTS)
_UNMATCHED_FILTERS = ("sales", "goals", "forms", "greetings", "agent_response")


class AgentChat:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._pages = Pages()
        # One thread's JSON, with what it depends on: the customer's state at that time.
        self._encoded: dict[tuple[int, str, bool], tuple[CustomerState, bool, bytes]] = {}
        crowd = store.crowd
        self._stencils = Stencils(crowd) if isinstance(crowd, LightCrowd) else None

    # Methods

    def list_archives(self, call: Call) -> Reply:
        asked: parameters.ListArchives | parameters.ListArchives35 = (
            call.decode(parameters.ListArchives35)
            if call.version == "3.5"
            else call.decode(parameters.ListArchives)
        )
        if call.options.archives_limit_reached:
            raise ApiError("limit_reached")
        page = self._page(
            call, asked, DEFAULT_LIMIT, lambda: self._archive_rows(call, asked.filters or None)
        )
        ends_after = call.options.archives_end_after
        if ends_after and page.passed >= ends_after:
            page.next_id = None
        positions = self._store.timelines[call.options.archive_time].positions
        chats = [self._encoded_chat(positions[row], call) for row in page.rows]
        estimate = int(page.found * call.options.found_chats_factor)
        return _page_reply("chats", chats, page, {"found_chats": estimate})

    def list_chats(self, call: Call) -> Reply:
        asked: parameters.ListChats | parameters.ListChats35 = (
            call.decode(parameters.ListChats35)
            if call.version == "3.5"
            else call.decode(parameters.ListChats)
        )
        page = self._page(
            call, asked, DEFAULT_LIMIT, lambda: self._chat_rows(call, asked.filters or None)
        )
        chats = [msgspec.json.encode(self._chat_summary(position, call)) for position in page.rows]
        return _page_reply("chats_summary", chats, page, {"found_chats": page.found})

    def list_threads(self, call: Call) -> Reply:
        asked = call.decode(parameters.ListThreads)
        visitor = self._visitor_of_chat(asked.chat_id, call)
        if asked.min_events_count and (asked.limit or asked.filters):
            raise ApiError(
                "validation", "`min_events_count` cannot be used with `limit` or `filters`"
            )
        page = self._page(
            call,
            asked,
            THREADS_DEFAULT_LIMIT,
            lambda: self._thread_rows(visitor, asked.filters or None),
        )
        if asked.min_events_count:
            page.rows = self._enough_events(page.rows, asked.min_events_count, call)
        threads = [msgspec.json.encode(self._thread(position, call)) for position in page.rows]
        return _page_reply("threads", threads, page, {"found_threads": page.found})

    def get_chat(self, call: Call) -> Reply:
        asked = call.decode(parameters.GetChat)
        begun = self._store.begun(self._visitor_of_chat(asked.chat_id, call), call.now)
        position = begun[-1]
        if isinstance(asked.thread_id, str):
            named = self._store.position_of(asked.thread_id)
            if named is None or named not in begun:
                raise ApiError("not_found", "Thread not found")
            position = named
        groups = call.grant.visible_groups()
        if groups is not None and groups.isdisjoint(self._store.crowd.threads[position].group_ids):
            raise ApiError("missing_access")
        return self._encoded_chat(position, call), 1

    def get_customer(self, call: Call) -> Reply:
        state = self._known_customer(call.decode(parameters.GetCustomer).id, call)
        served = self._listed_customer(state, call)
        if state.threads_count:
            served["chat_ids"] = [state.visitor.chat_id]
        return msgspec.json.encode(served), 1

    def list_customers(self, call: Call) -> Reply:
        asked = call.decode(parameters.ListCustomers)
        filters = asked.filters or parameters.CustomerFilters()
        if not call.options.two_bound_ranges:
            _refuse_two_bounds(filters)
        key = _SORT_KEYS[asked.sort_by or "created_at"]
        include_all = filters.include_customers_without_chats
        if not isinstance(include_all, bool):
            include_all = call.options.include_customers_without_chats

        def rows(now: int) -> list[tuple[int, int, int]]:
            return sorted(
                (key(state), microseconds(state.visitor.created_at), state.visitor.number)
                for state in self._store.known_customers(now)
                if (include_all or state.threads_count) and self._admits(filters, state, now)
            )

        page = self._page(call, asked, DEFAULT_LIMIT, lambda: rows)
        customers = [
            msgspec.json.encode(self._listed_customer(self._store.customer(number, call.now), call))
            for _, _, number in page.rows
        ]
        return _page_reply("customers", customers, page, {"total_customers": page.found})

    def get_license_info(self, call: Call) -> Reply:
        call.decode(parameters.NoParameters)
        return msgspec.json.encode(
            {
                "license_id": "104130623",
                "expires_at": "2030-01-01T00:00:00.000000Z",
                "created_at": "2019-11-02T19:19:50.625101Z",
                "in_trial": False,
            }
        ), 1

    # Rows

    def _page(
        self,
        call: Call,
        asked: parameters.Paged,
        default_limit: int,
        rows: Callable[[], Callable[[int], Sequence[Any]]],
    ) -> Page:
        options = call.options
        try:
            page_id = asked.follows()
        except ValueError as error:
            raise ApiError("validation", str(error)) from None
        if page_id is not None:
            lifetime = round(options.page_id_seconds * SECOND)
            return self._pages.follow(call.method, page_id, call.now, options.paging, lifetime)
        limit = asked.limit if isinstance(asked.limit, int) else default_limit
        query = Query(call.method, limit, asked.sort_order == "asc", rows())
        return self._pages.first(query, call.now, options.paging)

    def _archive_rows(
        self, call: Call, filters: parameters.ArchiveFilters35 | None
    ) -> Callable[[int], Sequence[int]]:
        options, store = call.options, self._store
        timeline = store.timelines[options.archive_time]
        low, high = 0, _END_OF_TIME
        wanted: Callable[[int], bool] | None = None
        groups = call.grant.visible_groups()
        if filters is not None:
            low, high = _bounds(filters.from_, filters.to, call)
            if isinstance(filters.thread_ids, list) and len(filters.given()) > 1:
                raise ApiError("validation", "`thread_ids` cannot be used with other filters")
            for name in _UNMATCHED_FILTERS:
                if name in filters.given():
                    raise ApiError("validation", f"the sandbox does not know the filter `{name}`")
        window = timeline.between(low, high)
        content = set(filters.given()) - {"from", "from_", "to"} if filters else set()
        if content or groups is not None:

            def wanted(position: int) -> bool:
                thread = store.crowd.threads[position]
                if groups is not None and groups.isdisjoint(thread.group_ids):
                    return False
                return filters is None or self._matches(filters, thread)

        lag = round(options.archive_lag_seconds * SECOND)

        def rows(now: int) -> Sequence[int]:
            return store.archived(
                timeline,
                window,
                now,
                lag=lag,
                include_active=options.archives_include_active,
                wanted=wanted,
            )

        return rows

    def _matches(self, filters: parameters.ArchiveFilters35, thread: Thread) -> bool:
        visitor = self._store.crowd.visitors[thread.visitor]
        country = (thread.visit.geolocation or {}).get("country_code")
        people = {each for each in thread.agent_ids if each not in _BOT_IDS}
        bots = set(thread.agent_ids) - people
        present: dict[str, set[Any]] = {
            "agents": people,
            "tags": set(thread.tags),
            "customer_countries": {country} - {None},
            "event_types": {event.type for event in thread.events},
        }
        exact: dict[str, set[Any]] = {
            "thread_ids": {thread.id},
            "group_ids": set(thread.group_ids),
            "chat_ids": {thread.chat_id},
        }
        kinds = ({"human"} if people else set()) | ({"chatbot"} if bots else set())
        return (
            all(_admits(getattr(filters, name), values) for name, values in present.items())
            and all(_meets(getattr(filters, name, UNSET), values) for name, values in exact.items())
            and (not isinstance(filters.properties, dict) or _has(thread, filters.properties))
            and _is_of(filters, visitor, kinds)
            and (not isinstance(filters.query, str) or _says(thread, visitor, filters.query))
        )

    def _chat_rows(
        self, call: Call, filters: parameters.ChatFilters | parameters.ChatFilters35 | None
    ) -> Callable[[int], Sequence[int]]:
        store, threads = self._store, self._store.crowd.threads
        active: bool | None = None
        if isinstance(filters, parameters.ChatFilters) and isinstance(filters.active, bool):
            active = filters.active
        elif isinstance(filters, parameters.ChatFilters35) and not filters.include_active:
            active = False
        wanted = filters.group_ids if filters else UNSET
        asked = frozenset(wanted) if isinstance(wanted, list) else None
        properties = filters.properties if filters else UNSET
        visible = call.grant.visible_groups()
        elsewhere = call.options.transferred_from

        def in_groups(position: int) -> Sequence[int]:
            if elsewhere is None or not store.active(position, call.now):
                return threads[position].group_ids
            return (elsewhere,)

        def rows(now: int) -> Sequence[int]:
            positions = store.open_threads(now) if active else store.latest_threads(now)
            return [
                position
                for position in positions
                if (active is None or store.active(position, now) is active)
                and all(
                    groups is None or not groups.isdisjoint(in_groups(position))
                    for groups in (asked, visible)
                )
                and (not isinstance(properties, dict) or _has(threads[position], properties))
            ]

        return rows

    def _thread_rows(
        self, visitor: int, filters: parameters.ThreadFilters | None
    ) -> Callable[[int], Sequence[int]]:
        low, high = 0, _END_OF_TIME
        if filters is not None:
            low, high = _span(filters.from_, filters.to)

        def rows(now: int) -> Sequence[int]:
            created = self._store.created
            return [
                position
                for position in self._store.begun(visitor, now)
                if low <= created[position] <= high
            ]

        return rows

    def _enough_events(self, rows: Sequence[int], count: int, call: Call) -> Sequence[int]:
        kept = []
        for position in rows:
            kept.append(position)
            count -= len(self._store.events(self._store.crowd.threads[position], call.now))
            if count <= 0:
                break
        return kept

    # Shapes

    def _encoded_chat(self, position: int, call: Call) -> bytes:
        if self._stencils and self._stencils.fit(call.now):
            return self._stencils.chat(
                position, call.version, lambda: msgspec.json.encode(self._chat(position, call))
            )
        visitor = self._store.crowd.visitor_of(position)
        state = self._store.customer(visitor, call.now)
        kept = _fields_kept(state, call)
        key = (position, call.version, call.options.threads_of_old)
        if (held := self._encoded.get(key)) and held[0] is state and held[1] is kept:
            return held[2]
        encoded = msgspec.json.encode(self._chat(position, call))
        if call.now >= state.settles_at:
            self._encoded[key] = (state, kept, encoded)
        return encoded

    def _chat(self, position: int, call: Call) -> wire.Json:
        thread = self._store.crowd.threads[position]
        state = self._store.customer(thread.visitor, call.now)
        return {
            "id": thread.chat_id,
            "users": self._users(position, thread, state, call),
            "thread": self._thread(position, call, thread),
            "properties": {"source": {"client_id": "0805e283233042b37f460ed8fbf22160"}},
            "access": {"group_ids": thread.group_ids},
            "is_followed": False,
        }

    def _users(
        self, position: int, thread: Thread, state: CustomerState, call: Call
    ) -> list[wire.Json]:
        active = self._store.active(position, call.now)
        customer = wire.customer(
            state, call.now, version=call.version, fields_kept=_fields_kept(state, call)
        )
        seen = min(thread.closed_at, wire.instant(call.now))
        return [
            wire.chat_user(customer, state, present=active),
            *(wire.agent(each, present=active, seen=seen) for each in thread.agent_ids),
        ]

    def _thread(self, position: int, call: Call, thread: Thread | None = None) -> wire.Json:
        thread = thread or self._store.crowd.threads[position]
        begun = self._store.begun(thread.visitor, call.now)
        served = wire.thread(
            thread,
            self._store.events(thread, call.now),
            self._user_ids(thread),
            active=self._store.active(position, call.now),
            following=bool(begun) and begun[-1] != position,
            version=call.version,
        )
        if call.options.threads_of_old:
            served |= wire.of_old(served, self._store.crowd.visitors[thread.visitor])
        return served

    def _user_ids(self, thread: Thread) -> list[str]:
        return [self._store.crowd.visitors[thread.visitor].id, *thread.agent_ids]

    def _chat_summary(self, position: int, call: Call) -> wire.Json:
        thread = self._store.crowd.threads[position]
        state = self._store.customer(thread.visitor, call.now)
        said = self._store.events(thread, call.now)
        return {
            "id": thread.chat_id,
            "users": self._users(position, thread, state, call),
            "last_event_per_type": wire.last_event_per_type(thread, said),
            "last_thread_summary": wire.thread_summary(
                thread,
                self._user_ids(thread),
                active=self._store.active(position, call.now),
            ),
            "properties": {"source": {"client_id": "0805e283233042b37f460ed8fbf22160"}},
            "access": {"group_ids": thread.group_ids},
            "is_followed": False,
        }

    def _listed_customer(self, state: CustomerState, call: Call) -> wire.Json:
        served = wire.customer(
            state, call.now, version=call.version, fields_kept=_fields_kept(state, call)
        )
        return wire.listed_customer(served, state, call.now)

    # Finding

    def _visitor_of_chat(self, chat_id: str, call: Call) -> int:
        visitor = self._store.visitor_of_chat(chat_id)
        if visitor is None or not self._store.begun(visitor, call.now):
            raise ApiError("not_found", "Chat not found")
        return visitor

    def _known_customer(self, customer_id: str, call: Call) -> CustomerState:
        number = self._store.visitor_number(customer_id)
        if number is not None:
            state = self._store.customer(number, call.now)
            if microseconds(state.visitor.created_at) <= call.now:
                return state
        raise ApiError("not_found", "Customer not found")

    def _admits(self, filters: parameters.CustomerFilters, state: CustomerState, now: int) -> bool:
        visitor = state.visitor
        geolocation = (state.visits[-1].geolocation or {}) if state.visits else {}
        texts = {
            "country": geolocation.get("country"),
            "email": visitor.email,
            "name": visitor.name,
            "customer_id": visitor.id,
        }
        numbers = {
            "chats_count": state.chats_count,
            "threads_count": state.threads_count,
            "visits_count": state.visits_count,
            "created_at": microseconds(visitor.created_at),
            "agent_last_event_created_at": _agent_last_event(state) or None,
            "customer_last_event_created_at": _customer_last_event(state) or None,
        }
        for name, text in texts.items():
            wanted = getattr(filters, name)
            if wanted is not UNSET and not wanted.admits(text):
                return False
        for name, number in numbers.items():
            bounds = getattr(filters, name)
            if bounds is not UNSET and not _within(number, bounds.given()):
                return False
        wanted = filters.chat_group_ids
        if isinstance(wanted, parameters.CustomerGroups):
            threads = self._store.crowd.threads
            groups = {
                group
                for position in self._store.begun(visitor.number, now)
                for group in threads[position].group_ids
            }
            if isinstance(wanted.values, list) and groups.isdisjoint(wanted.values):
                return False
            if isinstance(wanted.exclude_values, list) and groups & set(wanted.exclude_values):
                return False
        return True


def _admits(presence: parameters.Presence | UnsetType, values: set[Any]) -> bool:
    return not isinstance(presence, parameters.Presence) or presence.admits(values)


def _meets(wanted: list[Any] | UnsetType, values: set[Any]) -> bool:
    return not isinstance(wanted, list) or not values.isdisjoint(wanted)


def _is_of(filters: parameters.ArchiveFilters35, visitor: Visitor, agents: set[str]) -> bool:
    """The filters that came with version 3.6: whose chat it is, and what answered."""
    if not isinstance(filters, parameters.ArchiveFilters):
        return True
    email = filters.customer_email
    return (
        filters.customer_id in {UNSET, visitor.id}
        and (not isinstance(email, str) or email.lower() == (visitor.email or "").lower())
        and (
            not isinstance(filters.agent_types, parameters.AgentTypes)
            or _admits_types(filters.agent_types, agents)
        )
    )


def _says(thread: Thread, visitor: Visitor, query: str) -> bool:
    texts = [visitor.name or "", visitor.email or ""]
    texts += [str(event.content.get("text", "")) for event in thread.events]
    return any(query.lower() in text.lower() for text in texts)


def _agent_last_event(state: CustomerState) -> int:
    return microseconds(state.last_agent_event.created_at) if state.last_agent_event else 0


def _customer_last_event(state: CustomerState) -> int:
    return microseconds(state.last_customer_event.created_at) if state.last_customer_event else 0


_SORT_KEYS: dict[str, Callable[[CustomerState], int]] = {
    "created_at": lambda state: microseconds(state.visitor.created_at),
    "threads_count": lambda state: state.threads_count,
    "visits_count": lambda state: state.visits_count,
    "agent_last_event": _agent_last_event,
    "customer_last_event": _customer_last_event,
}


def _within(number: int | None, bounds: dict[str, Any]) -> bool:
    if number is None:
        return False
    checks: dict[str, Callable[[int], bool]] = {
        "lte": lambda bound: number <= bound,
        "lt": lambda bound: number < bound,
        "gte": lambda bound: number >= bound,
        "gt": lambda bound: number > bound,
        "eq": lambda bound: number == bound,
    }
    return all(
        checks[name](microseconds(moment(bound)) if isinstance(bound, str) else bound)
        for name, bound in bounds.items()
    )


def _refuse_two_bounds(filters: parameters.CustomerFilters) -> None:
    for name in filters.__struct_fields__:
        bounds = getattr(filters, name)
        if isinstance(bounds, parameters.Counts | parameters.Moments) and len(bounds.given()) > 1:
            raise ApiError("validation", f"only one value is allowed for the filter `{name}`")


def _span(since: object, until: object) -> tuple[int, int]:
    low = microseconds(_moment(since)) if isinstance(since, str) else 0
    high = microseconds(_moment(until)) if isinstance(until, str) else _END_OF_TIME
    return low, high


def _moment(text: str) -> Any:
    try:
        return moment(text)
    except ValueError:
        raise ApiError("validation", f"{text} is no date") from None


def _bounds(since: object, until: object, call: Call) -> tuple[int, int]:
    """The half-open span of times that `from` and `to` ask for."""
    low, high = _span(since, until)
    if isinstance(since, str) and isinstance(until, str) and low > high:
        raise ApiError("validation", "`from` is later than `to`")
    if not call.options.from_inclusive:
        low += 1
    if call.options.to_inclusive:
        high += 1
    return low, high


def _has(thread: Thread, wanted: dict[str, dict[str, parameters.Presence]]) -> bool:
    return all(
        presence.admits({value} - {None})
        for namespace, names in wanted.items()
        for name, presence in names.items()
        for value in [thread.properties.get(namespace, {}).get(name)]
    )


def _admits_types(wanted: parameters.AgentTypes, kinds: set[str]) -> bool:
    if isinstance(wanted.all_values, list) and not kinds >= set(wanted.all_values):
        return False
    if isinstance(wanted.any_values, list) and kinds.isdisjoint(wanted.any_values):
        return False
    return not (isinstance(wanted.exclude_values, list) and kinds & set(wanted.exclude_values))


def _fields_kept(state: CustomerState, call: Call) -> bool:
    """Session fields live as long as the session, and then so long as the option says."""
    lifetime = call.options.session_fields_seconds
    if not lifetime or not state.visits:
        return True
    return microseconds(state.visits[-1].ended_at) + round(lifetime * SECOND) > call.now


def _page_reply(name: str, rows: list[bytes], page: Page, totals: dict[str, int]) -> Reply:
    """One page, put together from rows that are JSON already."""
    rest: dict[str, Any] = {**totals}
    if page.next_id is not None:
        rest["next_page_id"] = page.next_id
    if page.previous_id is not None:
        rest["previous_page_id"] = page.previous_id
    body = b'{"%s":[%s],%s' % (name.encode(), b",".join(rows), msgspec.json.encode(rest)[1:])
    return body, len(rows)
