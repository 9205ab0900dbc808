"""What LiveChat sends, as types: one step from JSON to what the streams read.

A key that is absent is null, and what is not named here is left out. Where LiveChat departs from
the types, `mended` keeps all that does fit: a null among the users, an unreadable time, a leaf and
a `Detail` of another type are left out (a number in the place of a text becomes one). Of any other
part of the frame that is not what it must be nobody can tell what it held: such a reply is no
reply, and nothing moves past it.

Fields stand about in the order in which LiveChat sends them, those that few kinds have last: the
decoder looks for a key behind the one it found before.
"""

from __future__ import annotations

import types
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

import msgspec

from tap_livechat.timestamps import parse

if TYPE_CHECKING:
    from collections.abc import Callable

# Leaves, which may be mended; the frame's own texts and numbers are plain `str` and `int`.
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Text = Annotated[str, msgspec.Meta(title="a leaf")]
Whole = Annotated[int, msgspec.Meta(title="a leaf")]
Flag = Annotated[bool, msgspec.Meta(title="a leaf")]
Object = dict[str, Any]
Texts = dict[str, Text]
# Who or what a row is about: without it the row would be passed over, so it belongs to the frame.
Id = Annotated[str, msgspec.Meta(title="an id", min_length=1)]


class Payload(msgspec.Struct, gc=False):
    """JSON holds no cycles for the collector to look for."""


class Detail(Payload):
    """What a record can do without."""


class Access(Detail):
    group_ids: list[Whole] | None = None


class Geolocation(Detail):
    country: Text | None = None
    country_code: Text | None = None
    region: Text | None = None
    city: Text | None = None
    timezone: Text | None = None
    latitude: Any = None
    longitude: Any = None


class Address(Detail):
    """As the visitor stated it."""

    city: Text | None = None
    state: Text | None = None
    country: Text | None = None
    postal_code: Text | None = None


class Page(Detail):
    opened_at: Moment | None = None
    started_at: Moment | None = None  # the Customer Data Platform's name for it
    url: Text | None = None
    title: Text | None = None


class Visit(Detail):
    started_at: Moment | None = None
    ip: Text | None = None
    user_agent: Text | None = None
    referrer: Text | None = None
    page_referrer: Text | None = None  # the Customer Data Platform's name for it
    geolocation: Geolocation | None = None
    last_pages: list[Page] | None = None
    pages: list[Page] | None = None  # the Customer Data Platform's name for them


class Statistics(Detail):
    chats_count: Whole | None = None
    threads_count: Whole | None = None
    visits_count: Whole | None = None
    page_views_count: Whole | None = None
    # Of the Customer Data Platform, where each of them may be absent.
    last_activity_at: Moment | None = None
    last_visit_at: Moment | None = None
    last_chat_at: Moment | None = None


class User(Payload):
    """A customer, of version 3.5 or later, or an agent."""

    id: Id | None = None
    type: Id | None = None
    name: Text | None = None
    email: Text | None = None
    phone_number: Text | None = None
    address: Address | None = None
    created_at: Moment | None = None
    visit: Visit | None = None
    last_visit: Visit | None = None
    session_fields: list[Object] | None = None
    statistics: Statistics | None = None
    agent_last_event_created_at: Moment | None = None
    customer_last_event_created_at: Moment | None = None


class Said(Payload):
    """An event, as far as it says something of a visitor or a chat: who, when, and any form."""

    created_at: Moment | None = None
    visibility: Text | None = None
    type: Text | None = None
    form_type: Text | None = None
    author_id: Text | None = None
    fields: list[Object] | None = None
    system_message_type: Text | None = None
    properties: Object | None = None


class Event(Said):
    """All of an event; its fields are called as those of `chat_events`."""

    event_id: Id | None = msgspec.field(default=None, name="id")
    form_id: Any = None
    text: Text | None = None
    custom_id: Text | None = None
    deleted: Any = None
    postback: Object | None = None
    name: Text | None = None
    url: Text | None = None
    thumbnail_url: Text | None = None
    content_type: Text | None = None
    size: Whole | None = None
    width: Whole | None = None
    height: Whole | None = None
    alternative_text: Text | None = None
    template_id: Text | None = None
    elements: list[Object] | None = None
    content: Any = None
    text_vars: Object | None = None
    source: Text | None = None
    subtype: Text | None = None
    version: Any = None
    details: Any = None


class Queue(Detail):
    wait_time: Whole | None = None


class Summary(Detail):
    text: Text | None = None


class Thread(Payload):
    id: Id
    created_at: Moment
    active: Any = None
    user_ids: list[Text] | None = None
    restricted_access: Text | None = None
    # Absent where the plan restricts access to the thread.
    events: Sequence[Said] | None = None
    properties: Object | None = None
    tags: list[Text] | None = None
    access: Access | None = None
    previous_thread_id: Text | None = None
    # Absent, and not null, where it is the same as `previous_thread_id`.
    previous_accessible_thread_id: Any = msgspec.UNSET
    next_thread_id: Text | None = None
    customer_visit: Visit | None = None
    queue: Queue | None = None
    queues_duration: Whole | None = None
    summary: Summary | None = None
    custom_variables: list[Object] | None = None


class Transcript(Thread):
    """A thread with all that was said."""

    events: Sequence[Event] | None = None


class Chat(Payload):
    """A row of `list_archives`: a chat, with one of its threads."""

    id: Id
    thread: Thread
    users: list[User] | None = None
    access: Access | None = None


class TranscribedChat(Chat, kw_only=True):
    """As it is read for `chat_events`."""

    thread: Transcript


class ThreadSummary(Payload):
    id: Id
    created_at: Moment
    active: Any = None


class ChatSummary(Payload):
    id: Id
    last_thread_summary: ThreadSummary | None = None
    last_thread_info: ThreadSummary | None = None  # its name in version 3.7


class Chats(Payload):
    """The reply of `list_chats`."""

    chats_summary: list[ChatSummary] | None = None
    chats_info: list[ChatSummary] | None = None  # its name in version 3.7
    found_chats: int | None = None
    next_page_id: str | None = None


class Customer(User, kw_only=True):
    """A row of `list_customers`."""

    id: Id


class Customers(Payload):
    """The reply of `list_customers`."""

    customers: list[Customer] | None = None
    total_customers: int | None = None
    next_page_id: str | None = None


class Monitoring(User):
    """A customer as the Customer Data Platform tells of one, beside the id and the statistics."""

    name_is_default: Any = None
    visits: list[Visit] | None = None


class CdpCustomer(Payload):
    customer_id: Id
    monitoring: Monitoring | None = None
    custom_fields: Object | None = None  # by the app that defined them
    statistics: Statistics | None = None


class CdpCustomers(Payload):
    """The reply of the Customer Data Platform."""

    customers: list[CdpCustomer] | None = None
    next_page_id: Any = None
    total: Any = None


class QueuedVisitor(Detail):
    id: Text | None = None
    name: Text | None = None
    email: Text | None = None
    ip: Text | None = None
    visitor_custom_variables: list[Object] | None = None


class LeftQueue(Detail):
    start_date: Moment | None = None
    duration: Whole | None = None
    group: Whole | None = None
    url: Text | None = None


class QueuedVisitorLeft(Payload):
    visitor: QueuedVisitor | None = None
    queue: LeftQueue | None = None
    prechat_survey: list[Object] | None = None


class ReportSummary(Detail):
    total_pages: Whole | None = None


class QueuedVisitorsLeft(Payload):
    """A page of the report; its records are by chat id."""

    records: dict[str, QueuedVisitorLeft]
    summary: ReportSummary | None = None


class Report(Payload):
    """Any report by the day."""

    records: dict[str, Object]


def _only(kind: type) -> Callable[[Any], Any]:
    return lambda value: value if isinstance(value, kind) else None


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode() if isinstance(value, (bool, int, float)) else None


def _id(value: object) -> str:
    text = _text(value)
    if text is None:
        raise msgspec.ValidationError("an id of another type")
    return text


def _whole(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        return int(value)
    except (ValueError, OverflowError):
        return None


def _texts(value: object) -> dict[str, str] | None:
    if not isinstance(value, dict):
        return None
    texts = ((key, _text(each)) for key, each in value.items())
    return {key: text for key, text in texts if text is not None}


_LEAVES: dict[Any, Callable[[Any], Any]] = {
    Moment: parse,
    Flag: _only(bool),
    Object: _only(dict),
    Texts: _texts,
    Text: _text,
    Whole: _whole,
    Id: _id,
}


def mended(value: Any, kind: Any) -> Any:
    """What of decoded JSON fits `kind`: a type of this module.

    Raises:
        msgspec.ValidationError: A part that is needed is of another type.
    """
    if kind is Any or value is None:
        return value
    if kind in _LEAVES:
        return _LEAVES[kind](value)
    if get_origin(kind) in {Union, types.UnionType}:
        return mended(value, get_args(kind)[0])
    if get_origin(kind) is None and not issubclass(kind, Payload):
        return msgspec.convert(value, kind)  # the frame's own
    return _mended_parts(value, get_origin(kind), (*get_args(kind), kind))


def _is_row(kind: Any) -> bool:
    """Whether nothing may pass one that is missing: it has what a row is known by."""
    return (
        isinstance(kind, type)
        and issubclass(kind, Payload)
        and any(field.required for field in msgspec.structs.fields(kind))
    )


def _mended_parts(value: Any, container: Any, kinds: tuple[Any, ...]) -> Any:
    """Of a list, a map or a payload; `kinds` are those of its items, and at the end its own."""
    if container is dict and isinstance(value, dict):
        found = {key: mended(item, kinds[1]) for key, item in value.items()}
        return {key: item for key, item in found.items() if item is not None}
    if container in {list, Sequence} and isinstance(value, list):
        if None in value and _is_row(kinds[0]):
            raise msgspec.ValidationError("a row is missing")
        items = (mended(item, kinds[0]) for item in value)
        return [item for item in items if item is not None]
    if container is None and isinstance(value, dict):
        fields = msgspec.structs.fields(kinds[0])
        found = {
            f.name: mended(value[f.encode_name], f.type) for f in fields if f.encode_name in value
        }
        if any(f.required and found.get(f.name) in (None, "") for f in fields):
            raise msgspec.ValidationError("a part that is needed is missing")
        return kinds[0](**found)
    if container is dict or not (kinds[0] in _LEAVES or issubclass(kinds[0], Detail)):
        raise msgspec.ValidationError("a part of another type")
    return None
