"""One thread of list_archives -> one row of `chats` and its rows of `chat_events`. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from tap_livechat.api import payloads
from tap_livechat.records import forms, names, schemas, visitor
from tap_livechat.timestamps import latest, render

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tap_livechat.api.payloads import Chat, Event, Said, TranscribedChat

Record = dict[str, Any]

# Copied and filled in, as in `visitor`.
_EMPTY_CHAT: Record = dict.fromkeys(schemas.CHAT)
_EMPTY_EVENT: Record = dict.fromkeys(schemas.CHAT_EVENT)
_NO_CUSTOMER = payloads.User()
_NO_QUEUE = payloads.Queue()
_NO_SUMMARY = payloads.Summary()
_RATINGS: dict[float, str] = {0: "bad", 1: "good"}
_UTM = ("utm_source", "utm_medium", "utm_campaign")
_encode = msgspec.json.Encoder().encode


def chat_record(
    chat: Chat,
    agent_names: Mapping[Any, str] | None = None,
    group_names: Mapping[Any, str] | None = None,
) -> Record:
    """Names of agents that the chat does not tell, and of groups, by id."""
    thread = chat.thread
    events = thread.events or ()
    properties = thread.properties or {}
    routing = _object(properties.get("routing"))
    rating = _object(properties.get("rating"))
    source = _object(properties.get("source"))
    score = rating.get("score")
    created_at = thread.created_at
    last_event_at = latest(event.created_at for event in events)
    last_activity_at = latest((created_at, last_event_at))
    active = bool(thread.active)
    # LiveChat keeps no time of closing; the last event is the notice that the chat was closed.
    ended_at = None if active or not events else last_event_at
    customer = next(iter(visitor.customers(chat)), _NO_CUSTOMER)
    said = _Messages(events, customer.id)
    filled = forms.read_forms(events)
    start_url = _text(routing.get("start_url"))
    queue_seconds = thread.queues_duration
    if queue_seconds is None:
        queue_seconds = (thread.queue or _NO_QUEUE).wait_time
    record = _EMPTY_CHAT.copy()
    record.update(_people(chat, customer, filled, agent_names, group_names))
    record["thread_id"] = thread.id
    record["chat_id"] = chat.id
    record["created_at"] = render(created_at)
    record["ended_at"] = ended_at and render(ended_at)
    record["last_activity_at"] = last_activity_at and render(last_activity_at)
    record["active"] = active
    record["duration_seconds"] = _seconds(created_at, ended_at)
    record["first_response_seconds"] = _seconds(said.first_question_at, said.first_answer_at)
    record["queue_seconds"] = queue_seconds
    record["rating"] = _RATINGS.get(score) if isinstance(score, (int, float)) else None
    record["rating_comment"] = _text(rating.get("comment"))
    record["transfers_count"] = sum(
        "transferred" in (event.system_message_type or "") for event in events
    )
    record["visitor_messages_count"] = said.by_visitor
    record["agent_messages_count"] = said.by_agents
    record["events_count"] = len(events)
    record["form_answers"] = filled.answers
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
    chat: Chat,
    customer: payloads.User,
    filled: forms.FilledForms,
    agent_names: Mapping[Any, str] | None,
    group_names: Mapping[Any, str] | None,
) -> Record:
    """Who asked, who answered, and about what."""
    email, email_source = visitor.email_of(customer.email, filled)
    called = visitor.name_of(names.Name.of(customer.name), filled)
    agents, group_ids, tags = visitor.agents(chat), visitor.group_ids(chat), visitor.tags(chat)
    groups = _known(dict.fromkeys(group_ids), group_names)
    return {
        "visitor_id": customer.id,
        "email": email,
        "email_source": email_source,
        "visitor_name": called.name if names.worth(called) == names.OF_A_PERSON else None,
        "tags": tags,
        "topic": next(iter(tags or groups or ()), None),
        "agents": list(agents),
        "agent_names": _known(agents, agent_names),
        "group_ids": group_ids,
        "group_names": groups,
    }


def event_records(chat: TranscribedChat) -> list[Record]:
    thread = chat.thread
    author_types = {user.id: user.type for user in chat.users or ()}
    return [
        _event_record(event, chat.id, thread.id, author_types.get(event.author_id))
        for event in thread.events or ()
        if event.id
    ]


def _event_record(
    event: Event, chat_id: str | None, thread_id: str | None, author_type: str | None
) -> Record:
    # Most of its properties are called as LiveChat calls them.
    record = _EMPTY_EVENT | msgspec.structs.asdict(event)
    record["event_id"] = record.pop("id")
    record["thread_id"] = thread_id
    record["chat_id"] = chat_id
    record["created_at"] = event.created_at and render(event.created_at)
    record["author_type"] = author_type
    record["deleted"] = bool(event.deleted)
    record["form_id"] = _text(event.form_id)
    record["content"] = _json(event.content)  # any JSON, so its text
    record["version"] = _text(event.version)
    # A text of JSON already, says LiveChat.
    record["details"] = event.details if isinstance(event.details, str) else _json(event.details)
    return record


class _Messages:
    """Who wrote how much, and when the first question and the first answer were written."""

    def __init__(self, events: Sequence[Said], visitor_id: str | None) -> None:
        self.by_visitor = 0
        self.by_agents = 0
        self.first_question_at: datetime | None = None
        self.first_answer_at: datetime | None = None
        for event in events:
            if event.type not in {"message", "file", "rich_message"}:
                continue
            if visitor_id and event.author_id == visitor_id:
                self.by_visitor += 1
                self.first_question_at = self.first_question_at or event.created_at
            elif event.visibility != "agents":
                self.by_agents += 1
                # A greeting before the first question answers nothing.
                if self.first_question_at:
                    self.first_answer_at = self.first_answer_at or event.created_at


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


def _json(value: object) -> str | None:
    return None if value is None else _encode(value).decode()
