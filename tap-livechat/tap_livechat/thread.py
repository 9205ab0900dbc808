"""One thread of list_archives -> one row of `chats` and its rows of `chat_events`. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tap_livechat import forms, visitor
from tap_livechat.timestamps import latest, parse, render

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

Record = dict[str, Any]
Payload = dict[str, Any]

_NOTHING: Payload = {}
_encode = msgspec.json.Encoder().encode


def events_of(chat: Payload) -> list[Payload]:
    """The thread's events; none where the plan restricts access to it."""
    events = (chat.get("thread") or _NOTHING).get("events") or ()
    return [event for event in events if isinstance(event, dict)]


def event_times(events: Sequence[Payload]) -> list[datetime | None]:
    return [parse(event.get("created_at")) for event in events]


def chat_record(
    chat: Payload, events: Sequence[Payload], times: Sequence[datetime | None]
) -> Record:
    thread: Payload = chat.get("thread") or _NOTHING
    properties: Payload = thread.get("properties") or _NOTHING
    routing: Payload = properties.get("routing") or _NOTHING
    rating: Payload = properties.get("rating") or _NOTHING
    source: Payload = properties.get("source") or _NOTHING
    queue: Payload = thread.get("queue") or _NOTHING
    created_at = parse(thread.get("created_at"))
    last_event_at = latest(times)
    last_activity_at = latest((created_at, last_event_at))
    active = bool(thread.get("active"))
    # LiveChat keeps no time of closing; the last event is the notice that the chat was closed.
    ended_at = None if active or not events else last_event_at
    customer = next(iter(visitor.customers(chat)), _NOTHING)
    agent_ids = visitor.agents(chat)
    said = _Messages(events, times, str(customer.get("id")))
    return {
        "thread_id": thread.get("id"),
        "chat_id": chat.get("id"),
        "visitor_id": customer.get("id"),
        "created_at": created_at and render(created_at),
        "ended_at": ended_at and render(ended_at),
        "last_activity_at": last_activity_at and render(last_activity_at),
        "active": active,
        "duration_seconds": _seconds(created_at, ended_at),
        "first_response_seconds": _seconds(said.first_question_at, said.first_answer_at),
        "queue_seconds": thread.get("queues_duration", queue.get("wait_time")),
        "rating": {0: "bad", 1: "good"}.get(rating.get("score", -1)),
        "rating_comment": rating.get("comment"),
        "tags": list(thread.get("tags") or ()),
        "group_ids": visitor.group_ids(chat),
        "agents": agent_ids,
        "transfers_count": sum(
            "transferred" in (event.get("system_message_type") or "") for event in events
        ),
        "visitor_messages_count": said.by_visitor,
        "agent_messages_count": said.by_agents,
        "events_count": len(events),
        "form_answers": forms.read_forms(events).answers,
        "summary": (thread.get("summary") or _NOTHING).get("text"),
        "start_url": routing.get("start_url"),
        "referrer": routing.get("referrer"),
        "client_id": source.get("client_id"),
        "restricted_access": thread.get("restricted_access"),
        "previous_thread_id": thread.get("previous_thread_id"),
        "next_thread_id": thread.get("next_thread_id"),
        "properties": properties,
    }


def event_records(
    chat: Payload, events: Sequence[Payload], times: Sequence[datetime | None]
) -> list[Record]:
    thread: Payload = chat.get("thread") or _NOTHING
    thread_id = thread.get("id")
    chat_id = chat.get("id")
    author_types = {
        user.get("id"): user.get("type")
        for user in chat.get("users") or ()
        if isinstance(user, dict)
    }
    return [
        {
            "event_id": event.get("id"),
            "thread_id": thread_id,
            "chat_id": chat_id,
            "created_at": moment and render(moment),
            "type": event.get("type"),
            "author_id": event.get("author_id"),
            "author_type": author_types.get(event.get("author_id")),
            "visibility": event.get("visibility"),
            "deleted": bool(event.get("deleted")),
            "custom_id": event.get("custom_id"),
            "text": event.get("text"),
            "postback": event.get("postback"),
            # file
            "name": event.get("name"),
            "url": event.get("url"),
            "thumbnail_url": event.get("thumbnail_url"),
            "content_type": event.get("content_type"),
            "size": event.get("size"),
            "width": event.get("width"),
            "height": event.get("height"),
            "alternative_text": event.get("alternative_text"),
            # form and filled_form
            "form_id": _text(event.get("form_id")),
            "form_type": event.get("form_type"),
            "fields": event.get("fields"),
            # rich_message
            "template_id": event.get("template_id"),
            "elements": event.get("elements"),
            # custom: any JSON, so its text
            "content": _json(event.get("content")),
            # system_message
            "system_message_type": event.get("system_message_type"),
            "text_vars": event.get("text_vars"),
            # system: `details` is JSON text already
            "source": event.get("source"),
            "subtype": event.get("subtype"),
            "version": _text(event.get("version")),
            "details": event.get("details"),
            "properties": event.get("properties"),
        }
        for event, moment in zip(events, times, strict=True)
        if event.get("id")
    ]


class _Messages:
    """Who wrote how much, and when the first question and the first answer were written."""

    def __init__(
        self, events: Sequence[Payload], times: Sequence[datetime | None], visitor_id: str
    ) -> None:
        self.by_visitor = 0
        self.by_agents = 0
        self.first_question_at: datetime | None = None
        self.first_answer_at: datetime | None = None
        for event, moment in zip(events, times, strict=True):
            if event.get("type") not in {"message", "file", "rich_message"}:
                continue
            if event.get("author_id") == visitor_id:
                self.by_visitor += 1
                self.first_question_at = self.first_question_at or moment
            elif event.get("visibility") != "agents":
                self.by_agents += 1
                # A greeting before the first question answers nothing.
                if self.first_question_at:
                    self.first_answer_at = self.first_answer_at or moment


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else (end - start).total_seconds()


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _json(value: object) -> str | None:
    return None if value is None else _encode(value).decode()
