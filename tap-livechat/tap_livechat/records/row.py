"""A row of `list_archives`, a chat with one of its threads, and what all of its streams need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_livechat.records import forms

if TYPE_CHECKING:
    from datetime import datetime

    from tap_livechat.api import payloads

_NOTICES = frozenset({"system_message", "system"})


@dataclass(slots=True)
class Row:
    chat: payloads.Chat
    thread: payloads.Thread
    filled: forms.FilledForms
    said_at: datetime  # or its start; the notice that the chat was closed, and the like, aside
    last_event_at: datetime | None
    last_activity_at: datetime

    @classmethod
    def of(cls, chat: payloads.Chat) -> Row:
        thread, events = chat.thread, chat.thread.events or ()
        said_at, last_event_at = thread.created_at, None
        for event in events:
            moment = event.created_at
            if moment is None:
                continue
            if last_event_at is None or moment > last_event_at:
                last_event_at = moment
            if moment > said_at and event.type not in _NOTICES:
                said_at = moment
        last_activity_at = max(said_at, last_event_at or said_at)
        filled = forms.read_forms(events)
        return cls(chat, thread, filled, said_at, last_event_at, last_activity_at)

    @property
    def customers(self) -> list[payloads.User]:
        return [user for user in self.chat.users or () if user.type == "customer" and user.id]

    @property
    def agents(self) -> dict[str, str | None]:
        """Name by id of the thread's agents and bots; the chat's, where the thread names nobody."""
        took_part = self.thread.user_ids
        return {
            user.id: user.name
            for user in self.chat.users or ()
            if user.type == "agent" and user.id and (not took_part or user.id in took_part)
        }

    @property
    def group_ids(self) -> list[int]:
        access = self.thread.access or self.chat.access
        return list(access.group_ids or ()) if access else []

    @property
    def tags(self) -> list[str]:
        return list(self.thread.tags or ())
