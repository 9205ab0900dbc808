"""What LiveChat sends, as types: one step from JSON to what the streams read.

A key that is absent is null, and what is not named here is left out. Leaves are of any type; only
the frame around them is typed, and times are. Where LiveChat departs from that, `mended` keeps all
that does fit: a null among the users, a time that is none, and a `Detail` of another type are left
out. Of any other part of the frame that is not what it must be nobody can tell what it held: such a
reply is no reply, and nothing moves past it.

Fields stand about in the order in which LiveChat sends them, those that few kinds have last: the
decoder looks for a key behind the one it found before.
"""

from __future__ import annotations

import types
from datetime import datetime
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from tap_livechat.timestamps import parse

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Payload(msgspec.Struct, gc=False):
    """JSON holds no cycles for the collector to look for."""


class Detail(Payload):
    """What a record can do without."""


class Access(Detail):
    group_ids: list[Any] | None = None


class Geolocation(Detail):
    country: Any = None
    country_code: Any = None
    region: Any = None
    city: Any = None
    timezone: Any = None
    latitude: Any = None
    longitude: Any = None


class Address(Detail):
    """As the visitor stated it."""

    city: Any = None
    state: Any = None
    country: Any = None
    postal_code: Any = None


class Page(Detail):
    opened_at: Moment | None = None
    started_at: Moment | None = None  # the Customer Data Platform's name for it
    url: Any = None
    title: Any = None


class Visit(Detail):
    started_at: Moment | None = None
    ip: Any = None
    user_agent: Any = None
    referrer: Any = None
    page_referrer: Any = None  # the Customer Data Platform's name for it
    geolocation: Geolocation | None = None
    last_pages: list[Page] | None = None
    pages: list[Page] | None = None  # the Customer Data Platform's name for them


class Statistics(Detail):
    chats_count: Any = None
    threads_count: Any = None
    visits_count: Any = None
    page_views_count: Any = None
    last_activity_at: Moment | None = None  # of the Customer Data Platform


class User(Payload):
    """A customer, of version 3.5 or later, or an agent."""

    id: Any = None
    type: Any = None
    name: Any = None
    email: Any = None
    phone_number: Any = None
    address: Address | None = None
    created_at: Moment | None = None
    visit: Visit | None = None
    last_visit: Visit | None = None
    session_fields: list[Any] | None = None
    statistics: Statistics | None = None
    agent_last_event_created_at: Moment | None = None
    customer_last_event_created_at: Moment | None = None


class Event(Payload):
    id: Any = None
    created_at: Moment | None = None
    visibility: Any = None
    type: Any = None
    form_type: Any = None
    form_id: Any = None
    author_id: Any = None
    fields: list[Any] | None = None
    text: Any = None
    custom_id: Any = None
    deleted: Any = None
    postback: Any = None
    name: Any = None
    url: Any = None
    thumbnail_url: Any = None
    content_type: Any = None
    size: Any = None
    width: Any = None
    height: Any = None
    alternative_text: Any = None
    template_id: Any = None
    elements: list[Any] | None = None
    content: Any = None
    system_message_type: Any = None
    text_vars: Any = None
    source: Any = None
    subtype: Any = None
    version: Any = None
    details: Any = None
    properties: Any = None


class Queue(Detail):
    wait_time: Any = None


class Summary(Detail):
    text: Any = None


class Thread(Payload):
    id: Any = None
    active: Any = None
    user_ids: list[Any] | None = None
    restricted_access: Any = None
    # Absent where the plan restricts access to the thread.
    events: list[Event] | None = None
    properties: Any = None
    tags: list[Any] | None = None
    access: Access | None = None
    created_at: Moment | None = None
    previous_thread_id: Any = None
    # Absent, and not null, where it is the same as `previous_thread_id`.
    previous_accessible_thread_id: Any = msgspec.UNSET
    next_thread_id: Any = None
    customer_visit: Visit | None = None
    queue: Queue | None = None
    queues_duration: Any = None
    summary: Summary | None = None


class Chat(Payload):
    """A row of `list_archives`: a chat, with one of its threads."""

    id: Any = None
    users: list[User] | None = None
    thread: Thread | None = None
    access: Access | None = None


class Archives(Payload):
    """The reply of `list_archives`."""

    chats: list[Chat] | None = None
    found_chats: int | None = None
    next_page_id: str | None = None


class ThreadSummary(Payload):
    created_at: Moment | None = None
    active: Any = None


class ChatSummary(Payload):
    last_thread_summary: ThreadSummary | None = None
    last_thread_info: ThreadSummary | None = None  # its name in version 3.7


class Chats(Payload):
    """The reply of `list_chats`."""

    chats_summary: list[ChatSummary] | None = None
    chats_info: list[ChatSummary] | None = None  # its name in version 3.7
    found_chats: int | None = None


class Customers(Payload):
    """The reply of `list_customers`."""

    customers: list[User] | None = None
    total_customers: int | None = None
    next_page_id: str | None = None


class Monitoring(Payload):
    name: Any = None
    name_is_default: Any = None
    email: Any = None
    phone_number: Any = None
    address: Address | None = None
    created_at: Moment | None = None
    session_fields: list[Any] | None = None
    visits: list[Visit] | None = None


class CdpCustomer(Payload):
    customer_id: Any = None
    monitoring: Monitoring | None = None
    statistics: Statistics | None = None


class CdpCustomers(Payload):
    """The reply of the Customer Data Platform."""

    customers: list[CdpCustomer] | None = None
    next_page_id: Any = None


def mended(value: Any, kind: Any) -> Any:
    """What of decoded JSON fits `kind`: a type of this module.

    Raises:
        msgspec.ValidationError: A part that is needed is of another type.
    """
    if kind is Any or value is None:
        return value
    if kind is Moment:
        return parse(value)
    container = get_origin(kind)
    if container in {Union, types.UnionType}:
        return mended(value, get_args(kind)[0])
    if container is list:
        return _mended_list(value, get_args(kind)[0])
    if issubclass(kind, Payload):
        return _mended_object(value, kind)
    return msgspec.convert(value, kind)


def _mended_list(value: Any, kind: Any) -> list[Any] | None:
    if not isinstance(value, list):
        _leave_out(kind)
        return None
    items = (mended(item, kind) for item in value)
    return [item for item in items if item is not None]


def _mended_object(value: Any, kind: type[Payload]) -> Payload | None:
    if not isinstance(value, dict):
        _leave_out(kind)
        return None
    fields = msgspec.structs.fields(kind)
    return kind(
        **{
            field.name: mended(value[field.name], field.type)
            for field in fields
            if field.name in value
        }
    )


def _leave_out(kind: Any) -> None:
    if kind is not Any and not issubclass(kind, Detail):
        raise msgspec.ValidationError(f"{kind.__name__}: of another type")
