"""What a crowd is made of: values without behaviour, all times aware and in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class Kind(StrEnum):
    """Where a visitor's e-mail is to be found, or what else is remarkable about them."""

    ANONYMOUS = "anonymous"
    PROFILE = "profile"
    PRECHAT = "prechat"
    PRECHAT_SKIPPED = "prechat, e-mail left empty"
    ASK_FOR_EMAIL = "ask_for_email"
    POSTCHAT = "postchat"
    UPPER_CASE = "profile, in capitals"
    BROKEN = "profile, impossible e-mail"
    BROKEN_FORM = "prechat, impossible e-mail"
    BROWSING = "never chatted"
    SHOWCASE = "every type of event"
    OPEN = "chat open at the crowd's end"
    RESTRICTED = "first thread restricted"


@dataclass(frozen=True, slots=True)
class Agent:
    login: str
    account_id: str
    name: str
    role: str
    group_ids: tuple[int, ...]
    job_title: str | None = None


@dataclass(frozen=True, slots=True)
class Bot:
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Group:
    id: int
    name: str
    language_code: str


@dataclass(frozen=True, slots=True)
class Tag:
    name: str
    group_ids: tuple[int, ...]
    author_id: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Place:
    city: str
    region: str
    country: str
    country_code: str
    postal_code: str
    timezone: str
    latitude: str
    longitude: str
    calling_code: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody real, whom several visitors of the crowd may turn out to be."""

    number: int
    first_name: str
    last_name: str
    email: str  # what Marketo would hold: lower case, valid
    phone: str
    place: Place

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


@dataclass(frozen=True, slots=True)
class Page:
    opened_at: datetime
    url: str
    title: str


@dataclass(frozen=True, slots=True)
class Visit:
    started_at: datetime
    ended_at: datetime
    ip: str
    user_agent: str
    referrer: str | None
    geolocation: Mapping[str, str] | None
    pages: tuple[Page, ...]


@dataclass(frozen=True, slots=True)
class Visitor:
    """One browser's identity, as LiveChat knows it when the crowd's last thread is over."""

    number: int
    id: str
    person: int
    kind: Kind
    name: str | None
    name_is_default: bool
    email: str | None  # the profile's own; forms may hold one where this is None
    email_verified: bool
    phone: str | None
    avatar: str | None
    address: Mapping[str, str] | None
    session_fields: tuple[tuple[str, str], ...]
    created_at: datetime
    visits: tuple[Visit, ...]  # in order of time, with or without a chat
    chat_id: str | None
    legacy_id: str  # the visitor id of the version 2 API
    belongings: Mapping[str, Any]  # carts, tickets and such, as they are served
    east: bool  # whether its times are served with the offset +01:00


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a thread; `content` is what is served beside the fields named here."""

    id: str
    created_at: datetime
    type: str
    author_id: str | None
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Queue:
    position: int
    wait_seconds: int


@dataclass(frozen=True, slots=True)
class Thread:
    id: str
    chat_id: str
    visitor: int
    created_at: datetime
    closed_at: datetime
    agent_ids: tuple[str, ...]
    group_ids: tuple[int, ...]
    events: tuple[Event, ...]
    tags: tuple[str, ...]
    properties: Mapping[str, Mapping[str, Any]]
    queue: Queue | None
    summary: str | None
    restricted_access: str | None
    previous_thread_id: str | None
    next_thread_id: str | None
    visit: Visit
    east: bool
