"""One thread of list_archives -> one row of `chats` and its rows of `chat_events`. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from tap_livechat.api import payloads
from tap_livechat.records import names, schemas, visitor
from tap_livechat.timestamps import render

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from tap_livechat.api.payloads import TranscribedChat
    from tap_livechat.records.row import Row

Record = dict[str, Any]

# Copied and filled in, as in `visitor`.
_EMPTY_CHAT: Record = dict.fromkeys(schemas.CHAT)
_NO_CUSTOMER = payloads.User()
_NO_QUEUE = payloads.Queue()
_NO_SUMMARY = payloads.Summary()
_MESSAGES = frozenset({"message", "file", "rich_message"})
_RATINGS: dict[float, str] = {0: "bad", 1: "good"}
_UTM = ("utm_source", "utm_medium", "utm_campaign")


def chat_record(
    row: Row,
    agent_names: Mapping[Any, str] | None = None,
    group_names: Mapping[Any, str] | None = None,
) -> Record:
    """Names of agents that the chat does not tell, and of groups, by id."""
    thread = row.thread
    properties = thread.properties or {}
    routing = _object(properties.get("routing"))
    rating = _object(properties.get("rating"))
    source = _object(properties.get("source"))
    score = rating.get("score")
    active = bool(thread.active)
    # LiveChat keeps no time of closing; the last event is the notice that the chat was closed.
    ended_at = None if active else row.last_event_at
    customer = next(iter(row.customers), _NO_CUSTOMER)
    start_url = _text(routing.get("start_url"))
    queue_seconds = thread.queues_duration
    if queue_seconds is None:
        queue_seconds = (thread.queue or _NO_QUEUE).wait_time
    record = _EMPTY_CHAT.copy()
    record.update(_people(row, customer, agent_names, group_names))
    record.update(_messages(row, customer.id))
    record["thread_id"] = thread.id
    record["chat_id"] = row.chat.id
    record["created_at"] = render(thread.created_at)
    record["ended_at"] = ended_at and render(ended_at)
    record["last_activity_at"] = render(row.last_activity_at)
    record["active"] = active
    record["duration_seconds"] = _seconds(thread.created_at, ended_at)
    record["queue_seconds"] = queue_seconds
    record["rating"] = _RATINGS.get(score) if isinstance(score, (int, float)) else None
    record["rating_comment"] = _text(rating.get("comment"))
    record["events_count"] = len(thread.events or ())
    record["form_answers"] = row.filled.answers
    record["summary"] = (thread.summary or _NO_SUMMARY).text
    record["start_url"] = start_url
    record["referrer"] = _text(routing.get("referrer"))
    record["utm"] = _utm(start_url)
    record["client_id"] = _text(source.get("client_id"))
    record["restricted_access"] = thread.restricted_access
    record["previous_thread_id"] = thread.previous_thread_id
    record["next_thread_id"] = thread.next_thread_id
    record["properties"] = properties
    return record


def _people(
    row: Row,
    customer: payloads.User,
    agent_names: Mapping[Any, str] | None,
    group_names: Mapping[Any, str] | None,
) -> Record:
    """Who asked, who answered, and about what."""
    email, email_source = visitor.email_of(customer.email, row.filled)
    called = visitor.name_of(names.Name.of(customer.name), row.filled)
    agents, tags = row.agents, row.tags
    groups = _known(dict.fromkeys(row.group_ids), group_names)
    return {
        "visitor_id": customer.id,
        "email": email,
        "email_source": email_source,
        "visitor_name": called.name if names.worth(called) == names.OF_A_PERSON else None,
        "tags": tags,
        "topic": next(iter(tags or groups or ()), None),
        "agents": list(agents),
        "agent_names": _known(agents, agent_names),
        "group_ids": row.group_ids,
        "group_names": groups,
    }


def event_records(chat: TranscribedChat) -> list[Record]:
    thread = chat.thread
    author_types = {user.id: user.type for user in chat.users or ()}
    records = []
    for event in thread.events or ():
        if event.event_id:
            record = msgspec.structs.asdict(event)
            record["thread_id"] = thread.id
            record["chat_id"] = chat.id
            record["created_at"] = event.created_at and render(event.created_at)
            record["author_type"] = author_types.get(event.author_id)
            record["deleted"] = bool(event.deleted)
            for name, as_text in _AS_TEXT.items():
                if record[name] is not None:
                    record[name] = as_text(record[name])
            records.append(record)
    return records


def _messages(row: Row, visitor_id: str | None) -> Record:
    """Who wrote how much, and how long the first question waited for an answer."""
    by_visitor = by_agents = transfers = 0
    asked_at: datetime | None = None
    answered_at: datetime | None = None
    for event in row.thread.events or ():
        if event.system_message_type and "transferred" in event.system_message_type:
            transfers += 1
        if event.type not in _MESSAGES:
            continue
        if visitor_id and event.author_id == visitor_id:
            by_visitor += 1
            asked_at = asked_at or event.created_at
        elif event.visibility != "agents":
            by_agents += 1
            # A greeting before the first question answers nothing.
            if asked_at:
                answered_at = answered_at or event.created_at
    return {
        "first_response_seconds": _seconds(asked_at, answered_at),
        "transfers_count": transfers,
        "visitor_messages_count": by_visitor,
        "agent_messages_count": by_agents,
    }


def _known(
    named: Mapping[Any, str | None], names_by_id: Mapping[Any, str] | None
) -> list[str] | None:
    """Their own names, or else those by id; None if there is somebody and no name is known."""
    found = [name or (names_by_id or {}).get(key) for key, name in named.items()]
    known = [name for name in found if name]
    return known if known or not named else None


def _utm(url: str | None) -> str | None:
    if not url or "utm_" not in url:
        return None
    try:
        query = parse_qs(urlsplit(url).query)
    except ValueError:
        return None
    values = [query.get(name, ["-"])[-1].strip() or "-" for name in _UTM]
    return None if set(values) == {"-"} else " / ".join(values)


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else (end - start).total_seconds()


def _object(value: Any) -> Record:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return str(value) if isinstance(value, (str, int, float)) else None


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


# What LiveChat may send as any JSON. Details are a text of JSON already, it says.
_AS_TEXT: dict[str, Callable[[Any], str | None]] = {
    "form_id": _text,
    "version": _text,
    "content": _json,
    "details": lambda value: value if isinstance(value, str) else _json(value),
}
