"""Chats as LiveChat sends them, and the rows that they become."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from tap_livechat.api import payloads, replies
from tap_livechat.records import visitor
from tap_livechat.records.row import Row
from tap_livechat.streams.archives import ArchiveVisitors

P = TypeVar("P", bound=payloads.Payload)


def chat(*events: dict[str, Any], customer: dict[str, Any] | None = None, **of: Any) -> Any:
    """A chat of list_archives; `of` goes into its thread."""
    person = {"id": "c1", "type": "customer", **(customer or {})}
    agent = {"id": "smith@example.com", "type": "agent"}
    return {
        "id": "CHAT",
        "users": [person, agent],
        "thread": {
            "id": "THREAD",
            "created_at": "2026-01-01T10:00:00.000000Z",
            "user_ids": ["c1", "smith@example.com"],
            "events": list(events),
            **of,
        },
    }


def filled_form(*fields: dict[str, Any], **of: Any) -> dict[str, Any]:
    return {
        "id": "THREAD_1",
        "type": "filled_form",
        "created_at": "2026-01-01T10:00:01.000000Z",
        "fields": list(fields),
        **of,
    }


def typed(payload: Any, kind: type[P]) -> P:
    """As it comes from the wire."""
    return replies.Decoder(kind)(msgspec.json.encode(payload))


def row_of(payload: dict[str, Any]) -> Row:
    return Row.of(typed(payload, payloads.TranscribedChat))


def from_customer(payload: dict[str, Any]) -> dict[str, Any]:
    return visitor.from_customer(typed(payload, payloads.User))


def visitor_of(payload: dict[str, Any]) -> dict[str, Any]:
    [record] = ArchiveVisitors.records(None, [row_of(payload)])  # type: ignore[arg-type] # no state
    return record
