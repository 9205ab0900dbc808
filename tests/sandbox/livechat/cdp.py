"""The Customer Data Platform: the same customers in another shape. OpenAPI 0.0.1 of 2026-06."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tests.sandbox.crowd import microseconds
from tests.sandbox.livechat import parameters, wire
from tests.sandbox.livechat.errors import ApiError
from tests.sandbox.livechat.options import moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.crowd import Visit
    from tests.sandbox.livechat.call import Call, Reply
    from tests.sandbox.livechat.store import CustomerState, Store

_ORGANIZATION = "390e44e6-f1e6-4b2c-9b1a-0a1b2c3d4e5f"


def _last_activity(state: CustomerState) -> int:
    said = [each for each in (state.last_agent_event, state.last_customer_event) if each]
    times = [microseconds(each.created_at) for each in said]
    times += [microseconds(visit.started_at) for visit in state.visits[-1:]]
    return max(times, default=microseconds(state.visitor.created_at))


def _last_visit(state: CustomerState) -> int | None:
    return microseconds(state.visits[-1].started_at) if state.visits else None


_DATES: dict[str, Callable[[CustomerState], int | None]] = {
    "last_activity": _last_activity,
    "last_visit_started": _last_visit,
    "cart_last_updated_at": lambda _: None,
}
_COUNTS: dict[str, Callable[[CustomerState], int]] = {
    "visits_count": lambda state: state.visits_count,
    "page_views_count": lambda state: state.page_views_count,
    "chats_count": lambda state: state.chats_count,
    "threads_count": lambda state: state.threads_count,
    "tickets_count": lambda state: len(state.visitor.belongings.get("tickets", ())),
    **dict.fromkeys(
        (
            "greetings_accepted_count",
            "greetings_converted_count",
            "tickets_inbox_count",
            "tickets_archive_count",
            "tickets_spam_count",
            "tickets_trash_count",
            "orders_count",
            "cart_total_usd",
        ),
        lambda _: 0,
    ),
}


def _geolocation(state: CustomerState, key: str) -> str:
    return (state.visits[-1].geolocation or {}).get(key, "") if state.visits else ""


def _address(state: CustomerState, key: str) -> str:
    return (state.visitor.address or {}).get(key, "")


_TEXTS: dict[str, Callable[[CustomerState], str]] = {
    "name": lambda state: state.visitor.name or "",
    "email": lambda state: state.visitor.email or "",
    "phone_number": lambda state: state.visitor.phone or "",
    "phone_number_country_code": lambda state: (state.visitor.phone or "")[:3],
    "country": lambda state: _geolocation(state, "country"),
    "country_code": lambda state: _geolocation(state, "country_code"),
    "address_street": lambda state: _address(state, "address"),
    "address_city": lambda state: _address(state, "city"),
    "address_country": lambda state: _address(state, "country"),
    "address_state": lambda state: _address(state, "state"),
    "address_postal_code": lambda state: _address(state, "postal_code"),
}
_SORTABLE = {**_DATES, **_COUNTS, "name": _TEXTS["name"], "email": _TEXTS["email"]}


class CustomerDataPlatform:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._listings: dict[tuple[int, bytes], list[CustomerState]] = {}

    def list_customers(self, call: Call) -> Reply:
        asked = call.decode(parameters.CdpListCustomers)
        states = self._listing(asked, call.now)
        page, size = int(asked.page_id), asked.results_per_page
        shown = states[(page - 1) * size : page * size]
        body = {
            "customers": [_customer(state, call) for state in shown],
            "next_page_id": str(page + 1) if page * size < len(states) else "",
            "total": len(states),
            "page_id": asked.page_id,
        }
        return msgspec.json.encode(body), len(shown)

    def get_customer(self, call: Call) -> Reply:
        asked = call.decode(parameters.CdpGetCustomer)
        number = self._store.visitor_number(asked.customer_id)
        if number is None:
            raise ApiError("not_found", "customer not found")
        return msgspec.json.encode(_customer(self._store.customer(number, call.now), call)), 1

    def _listing(self, asked: parameters.CdpListCustomers, now: int) -> list[CustomerState]:
        """What matches, in order; kept for the next pages as long as the clock stands still."""
        question = msgspec.json.encode([asked.query or None, asked.filters, asked.sort])
        if (held := self._listings.get((now, question))) is not None:
            return held
        states = [
            state
            for state in self._store.known_customers(now)
            if all(_group_admits(group, state) for group in asked.filters)
            and (not isinstance(asked.query, str) or _found(asked.query, state))
        ]
        # Sorts are stable: the least important key comes first.
        states.sort(key=lambda state: microseconds(state.visitor.created_at), reverse=True)
        for name, order in reversed(asked.sort.items()):
            if name not in _SORTABLE:
                raise ApiError("validation", f"invalid sort field '{name}'")
            read = _SORTABLE[name]
            states.sort(key=lambda state: read(state) or 0, reverse=order == "desc")
        self._listings = {(now, question): states}
        return states


def _found(query: str, state: CustomerState) -> bool:
    return any(
        query.lower() in _TEXTS[name](state).lower() for name in ("name", "email", "phone_number")
    )


def _group_admits(group: parameters.FilterGroup, state: CustomerState) -> bool:
    answers = [_clause_admits(clause, state) is not clause.negate for clause in group.clauses]
    return all(answers) if group.operator == "AND" else any(answers)


def _clause_admits(clause: parameters.Clause, state: CustomerState) -> bool:
    if clause.operator == "range":
        return _in_range(clause, state)
    values = clause.values if isinstance(clause.values, list) else []
    if clause.field in _COUNTS and clause.operator == "is":
        return str(_COUNTS[clause.field](state)) in {str(value) for value in values}
    if clause.field not in _TEXTS:
        raise ApiError("validation", f"invalid field '{clause.field}'")
    text = _TEXTS[clause.field](state)
    if clause.operator == "exists":
        return bool(text)
    if clause.operator == "is":
        return text in values
    if clause.operator == "contains":
        return any(str(value).lower() in text.lower() for value in values)
    return any(text.startswith(str(value)) for value in values)


def _in_range(clause: parameters.Clause, state: CustomerState) -> bool:
    if not isinstance(clause.range, parameters.Range):
        raise ApiError("validation", "operator 'range' needs a range")
    dated = clause.field in _DATES
    if not dated and clause.field not in _COUNTS:
        raise ApiError("validation", f"operator 'range' is not allowed for '{clause.field}'")
    value = _DATES[clause.field](state) if dated else _COUNTS[clause.field](state)
    if value is None:
        return False
    for bound, sign in ((clause.range.from_, 1), (clause.range.to, -1)):
        if bound is msgspec.UNSET:
            continue
        if isinstance(bound, str) is not dated:
            raise ApiError("validation", f"invalid range of '{clause.field}'")
        try:
            limit: Any = microseconds(moment(bound)) if isinstance(bound, str) else bound
        except ValueError:
            raise ApiError("validation", f"invalid range of '{clause.field}'") from None
        if (value - limit) * sign < 0:
            return False
    return True


def _customer(state: CustomerState, call: Call) -> wire.Json:
    visitor = state.visitor
    return {
        "customer_id": visitor.id,
        "organization_id": _ORGANIZATION,
        "product": "livechat",
        "monitoring": _monitoring(state, call),
        "custom_fields": None,
        "statistics": _statistics(state),
        "carts": visitor.belongings.get("carts", []),
    }


def _monitoring(state: CustomerState, call: Call) -> wire.Json:
    visitor = state.visitor
    browsing = bool(state.visits) and microseconds(state.visits[-1].ended_at) > call.now
    monitoring: wire.Json = {
        "name": visitor.name or "",
        "name_is_default": visitor.name_is_default,
        "email": visitor.email or "",
        "avatar_url": visitor.avatar or "",
        "phone_number": visitor.phone or "",
        "session_fields": [{"key": key, "value": value} for key, value in visitor.session_fields],
        "visits": [
            _visit(number, visit, call.now) for number, visit in enumerate(state.visits, start=1)
        ],
        "version": 1,
        "state": "chatting" if state.chatting else "browsing" if browsing else "offline",
        "online": browsing,
        "current_group_ids": [0],
        "created_at": wire.stamp(visitor.created_at, east=visitor.east),
        "master_id": visitor.id,
    }
    if visitor.address:
        monitoring["address"] = visitor.address
    return monitoring


def _visit(number: int, visit: Visit, now: int) -> wire.Json:
    at = wire.instant(now)
    pages = [
        {
            "id": page_number,
            "started_at": wire.stamp(page.opened_at),
            "url": page.url,
            "title": page.title,
            "group_ids": [0],
        }
        for page_number, page in enumerate(visit.pages, start=1)
        if page.opened_at <= at
    ]
    geolocation = dict.fromkeys(
        ("latitude", "longitude", "country", "country_code", "region", "city", "timezone"), ""
    )
    served: wire.Json = {
        "id": number,
        "started_at": wire.stamp(visit.started_at),
        # Every key is required here: what is not known is an empty string.
        "geolocation": geolocation | dict(visit.geolocation or {}),
        "ip": visit.ip,
        "user_agent": visit.user_agent,
        "first_visited_page": pages[0],
        "pages": pages,
    }
    if visit.ended_at <= at:
        served["ended_at"] = wire.stamp(visit.ended_at)
    if visit.referrer:
        served["page_referrer"] = visit.referrer
    return served


def _statistics(state: CustomerState) -> wire.Json:
    last_visit = _last_visit(state)
    said = state.last_customer_event
    served: wire.Json = {name: _COUNTS[name](state) for name in _COUNTS if name != "cart_total_usd"}
    served["last_activity_at"] = wire.stamp(wire.instant(_last_activity(state)))
    if last_visit is not None:
        served["last_visit_at"] = wire.stamp(wire.instant(last_visit))
    if said is not None:
        served["last_chat_at"] = wire.stamp(said.created_at)
    return served
