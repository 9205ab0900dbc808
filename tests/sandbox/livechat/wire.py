"""Threads, events and customers as the JSON of one API version. A key that is unset is absent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from tests.sandbox.crowd import AGENTS, BOTS, microseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.sandbox.crowd import Event, Thread, Visit, Visitor
    from tests.sandbox.livechat.store import CustomerState

Json = dict[str, Any]

_EAST = timezone(timedelta(hours=1))
_PAGES_SHOWN = 10
_AGENTS = {agent.login: agent for agent in AGENTS}
_BOTS = {bot.id: bot for bot in BOTS}


def stamp(moment: datetime, *, east: bool = False) -> str:
    """Six digits, and `Z` or, as some of the vendor's samples have it, `+01:00`."""
    if east:
        return moment.astimezone(_EAST).isoformat(timespec="microseconds")
    return f"{moment.isoformat(timespec='microseconds')[:26]}Z"


def instant(now: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=now)


def compact(values: Json) -> Json:
    return {key: value for key, value in values.items() if value is not None}


def event(said: Event, *, east: bool) -> Json:
    served: Json = {
        "id": said.id,
        "created_at": stamp(said.created_at, east=east),
        "type": said.type,
    }
    if said.author_id is not None:
        served["author_id"] = said.author_id
    served.update(said.content)
    return served


def thread(
    shown: Thread,
    events: Sequence[Event],
    user_ids: Sequence[str],
    *,
    active: bool,
    following: bool,
    version: str,
) -> Json:
    """`following`: whether the next thread of the chat has begun."""
    served: Json = {
        "id": shown.id,
        "created_at": stamp(shown.created_at, east=shown.east),
        "active": active,
        "user_ids": user_ids,
        "properties": shown.properties,
        "access": {"group_ids": shown.group_ids},
    }
    if shown.restricted_access:
        served["restricted_access"] = shown.restricted_access
    else:
        served["events"] = [event(each, east=shown.east) for each in events]
    if shown.tags and not active:
        served["tags"] = shown.tags
    if shown.previous_thread_id:
        served["previous_thread_id"] = shown.previous_thread_id
        served["previous_accessible_thread_id"] = shown.previous_thread_id
    if shown.next_thread_id and following:
        served["next_thread_id"] = shown.next_thread_id
        served["next_accessible_thread_id"] = shown.next_thread_id
    if shown.queue:
        served["queue"] = queue(shown)
        served["queues_duration"] = shown.queue.wait_seconds
    if version != "3.5":
        served["customer_visit"] = compact(
            {
                "ip": shown.visit.ip,
                "user_agent": shown.visit.user_agent,
                "geolocation": shown.visit.geolocation,
            }
        )
        if shown.summary and not active:
            served["summary"] = {
                "status": "ok",
                "text": shown.summary,
                "updated_at": stamp(shown.closed_at + timedelta(seconds=8)),
            }
    return served


def of_old(served: Json, visitor: Visitor) -> Json:
    """What old threads have in the place of what `thread` serves.

    Where nobody answered, what the visitor left is a ticket.
    """
    kind = "ticket" if served["properties"]["routing"]["unassigned"] else "prechat"
    variables = [{"key": key, "value": value} for key, value in visitor.session_fields]
    found: Json = {"custom_variables": variables} if variables else {}
    if "events" in served:
        found["events"] = [
            _form_of_old(each, kind) if each["type"] == "filled_form" else each
            for each in served["events"]
        ]
    return found


def _form_of_old(form: Json, kind: str) -> Json:
    fields = [
        {"value" if name == "answer" else name: value for name, value in each.items()}
        for each in form["fields"]
    ]
    lc2 = {"form_type": form.get("form_type", kind).replace("prechat", kind)}
    rest = {name: value for name, value in form.items() if name != "form_type"}
    return rest | {"fields": fields, "properties": form.get("properties", {}) | {"lc2": lc2}}


def queue(shown: Thread) -> Json | None:
    if shown.queue is None:
        return None
    return {
        "position": shown.queue.position,
        "wait_time": shown.queue.wait_seconds,
        "queued_at": stamp(shown.created_at),
    }


def thread_summary(shown: Thread, user_ids: Sequence[str], *, active: bool) -> Json:
    return compact(
        {
            "id": shown.id,
            "created_at": stamp(shown.created_at, east=shown.east),
            "user_ids": user_ids,
            "properties": shown.properties,
            "active": active,
            "access": {"group_ids": shown.group_ids},
            "queue": queue(shown),
            "tags": shown.tags or None,
        }
    )


def agent(agent_id: str, *, present: bool, seen: datetime) -> Json:
    served: Json = {"id": agent_id, "type": "agent", "present": present}
    if known := _AGENTS.get(agent_id):
        served |= {
            "name": known.name,
            "email": known.login,
            "avatar": "cdn.example.com/avatars/1.png",
            "events_seen_up_to": stamp(seen),
            "visibility": "all",
        }
    elif bot := _BOTS.get(agent_id):
        served |= {"name": bot.name, "visibility": "all"}
    return served


def visit(shown: Visit, now: int) -> Json:
    """A visit that goes on has no end, and only the pages opened so far."""
    at = instant(now)
    return compact(
        {
            "started_at": stamp(shown.started_at),
            "ended_at": stamp(shown.ended_at) if shown.ended_at <= at else None,
            "referrer": shown.referrer,
            "ip": shown.ip,
            "user_agent": shown.user_agent,
            "geolocation": shown.geolocation,
            "last_pages": [
                {"opened_at": stamp(page.opened_at), "url": page.url, "title": page.title}
                for page in shown.pages[-_PAGES_SHOWN:]
                if page.opened_at <= at
            ],
        }
    )


def customer(state: CustomerState, now: int, *, version: str, fields_kept: bool) -> Json:
    """What every place that shows a customer shows; see `chat_user` and `listed_customer`."""
    visitor = state.visitor
    modern = version != "3.5"
    served: Json = compact(
        {
            "id": visitor.id,
            "type": "customer",
            "name": visitor.name,
            "email": visitor.email,
            "email_verified": visitor.email_verified,
            "avatar": visitor.avatar,
            "created_at": stamp(visitor.created_at, east=visitor.east),
            "statistics": _statistics(state, modern=modern),
            "__priv_lc2_customer_id": visitor.legacy_id,
        }
    )
    if visitor.session_fields and fields_kept:
        served["session_fields"] = [{key: value} for key, value in visitor.session_fields]
    if state.visits:
        served["visit" if modern else "last_visit"] = visit(state.visits[-1], now)
    if said := state.last_agent_event:
        served["agent_last_event_created_at"] = stamp(said.created_at)
    if said := state.last_customer_event:
        served["customer_last_event_created_at"] = stamp(said.created_at, east=visitor.east)
    if modern:
        served |= visitor.belongings
        served |= compact({"phone_number": visitor.phone, "address": visitor.address})
    return served


def _statistics(state: CustomerState, *, modern: bool) -> Json:
    counts = {
        "chats_count": state.chats_count,
        "threads_count": state.threads_count,
        "visits_count": state.visits_count,
        "page_views_count": state.page_views_count,
        "greetings_shown_count": state.visits_count // 2,
        "greetings_accepted_count": state.visits_count // 3,
    }
    if modern:
        counts["tickets_count"] = len(state.visitor.belongings.get("tickets", ()))
    return counts


def chat_user(served: Json, state: CustomerState, *, present: bool) -> Json:
    """A customer among the users of a chat."""
    served["present"] = present
    if said := state.last_customer_event:
        served["events_seen_up_to"] = stamp(said.created_at)
    return served


def listed_customer(served: Json, state: CustomerState, now: int) -> Json:
    """A customer on their own, with the volatile state of the traffic list."""
    online = bool(state.visits) and microseconds(state.visits[-1].ended_at) > now
    browsing = "browsing" if online else "offline"
    served |= {
        "online": online,
        "followed": False,
        "group_ids": [0],
        "state": "chatting" if state.chatting else browsing,
    }
    return served


def last_event_per_type(shown: Thread, events: Iterable[Event]) -> Json:
    return {
        said.type: {
            "thread_id": shown.id,
            "thread_created_at": stamp(shown.created_at, east=shown.east),
            "event": event(said, east=shown.east),
        }
        for said in events
    }
