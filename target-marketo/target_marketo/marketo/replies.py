"""What Marketo's replies say, and nothing that they do not say. Pure.

Every reply is one JSON object: `success`, `requestId`, then `result` or `errors`. A reader of a
result raises one of `UNREADABLE` for a success that is not of the shape it must have: what the call
did is then as unknown as if no reply had come.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from target_marketo.mapping.field_types import Field

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_MOST = 2**63 - 1
Number = Annotated[int, msgspec.Meta(ge=-_MOST, le=_MOST)]
"""What a store can hold. JSON goes on for ever."""

_CODE = re.compile(r"[0-9A-Za-z_]{1,20}")
_REQUEST_ID = re.compile(r"[0-9A-Za-z#_-]{1,60}")


class Reason(msgspec.Struct, frozen=True, gc=False):
    """Why a row was skipped. The message may repeat a value of the row: it is never shown."""

    code: str | int = ""
    message: Any = None

    def __repr__(self) -> str:
        return f"Reason(code={self.code!r})"


class Row(msgspec.Struct, frozen=True, gc=False):
    """What Marketo did with one row. What it never says is not guessed at."""

    status: Literal["created", "updated", "skipped"]
    lead_id: Number | None = msgspec.field(name="id", default=None)
    reasons: tuple[Reason, ...] = ()
    errors: tuple[Reason, ...] = ()  # seen in place of `reasons`

    @property
    def code(self) -> str:
        """Why it was skipped; empty if Marketo does not say."""
        return code_of_reasons(self.reasons or self.errors)

    @property
    def texts(self) -> list[tuple[str, str]]:
        """Each reason's code and message, as far as it has one; see `Reason`."""
        return [
            (code_of_reasons((each,)), each.message)
            for each in self.reasons or self.errors
            if isinstance(each.message, str)
        ]


class Answer(NamedTuple):
    """The results of a sync, row for row, and the id Support asks for."""

    rows: list[Row]
    request_id: str


class Head(msgspec.Struct, rename="camel"):
    """The members that every reply has; those that are missing are None."""

    success: Any = None
    request_id: Any = None
    errors: Any = None


def head(content: bytes) -> Head | None:
    """The head of a reply; None if it is not a JSON object."""
    try:
        return _HEAD.decode(content)
    except UNREADABLE:
        return None


def code_of(status: int, reply: Head | None) -> str:
    """The code of a reply that is not a success: Marketo's, or else the HTTP status."""
    match reply and reply.errors:
        case [{"code": str() | int() as code}, *_] if _CODE.fullmatch(str(code)):
            return str(code)
        case _:
            return str(status)


def code_of_reasons(reasons: tuple[Reason, ...]) -> str:
    """The code that a row was skipped for; empty if there is none that looks like one."""
    code = str(reasons[0].code) if reasons else ""
    return code if _CODE.fullmatch(code) else ""


def request_id(reply: Head | None) -> str:
    """The id, if it looks like one: it is shown, and nothing that people wrote is."""
    return shown_id(reply.request_id) if reply else ""


def shown_id(found: object) -> str:
    """A request id, if it looks like one."""
    return found if isinstance(found, str) and _REQUEST_ID.fullmatch(found) else ""


# Results


class _Rest(msgspec.Struct, rename="camel"):
    name: str
    read_only: bool = False


class _Described(msgspec.Struct, rename="camel"):
    data_type: str
    display_name: str = ""
    length: Number | None = None
    rest: _Rest | None = None


class _DescribedReply(msgspec.Struct):
    result: list[_Described]


class _DescribedAnew(msgspec.Struct, rename="camel"):
    name: str
    display_name: str = ""
    data_type: str | None = None
    length: Number | None = None
    updateable: bool = True


class _Description(msgspec.Struct, rename="camel"):
    searchable_fields: list[list[str]]
    fields: list[_DescribedAnew]


class _DescriptionReply(msgspec.Struct):
    result: Annotated[list[_Description], msgspec.Meta(min_length=1)]


class _User(msgspec.Struct, rename="camel"):
    user_id: str
    count: Number


class _Day(msgspec.Struct):
    total: Number
    users: list[_User] = []


class _DaysReply(msgspec.Struct):
    result: list[_Day] | None = None


class _Partition(msgspec.Struct):
    name: str


class _PartitionsReply(msgspec.Struct):
    result: list[_Partition]


class Page(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of what was asked for; whoever stops while there is more has not read all."""

    more_result: bool = False
    next_page_token: str | None = None

    def __post_init__(self) -> None:
        if self.more_result and not self.next_page_token:
            raise ValueError("more, but no token for it")


class Found(Page, frozen=True, kw_only=True, rename="camel"):
    """One page of people."""

    result: list[dict[str, Any]]


class _SyncReply(msgspec.Struct, rename="camel"):
    result: list[Row]
    request_id: Any = None


def description(content: bytes) -> list[Field]:
    """What describe2 says of a person's fields; an instance that tells no type leaves it empty."""
    (answer, *_) = _DESCRIPTION.decode(content).result
    alone = frozenset(names[0] for names in answer.searchable_fields if len(names) == 1)
    return [
        Field(
            name=field.name,
            data_type=field.data_type or "",
            length=field.length,
            read_only=not field.updateable,
            searchable=field.name in alone,
            display_name=field.display_name,
        )
        for field in answer.fields
    ]


def with_types(content: bytes, fields: list[Field]) -> list[Field]:
    """The fields of the first describe that REST may use, with what describe2 said of them."""
    known = {field.name: field for field in fields}
    result = []
    for row in _DESCRIBED.decode(content).result:
        if row.rest is not None:
            second = known.get(row.rest.name)
            read_only = row.rest.read_only or (second is not None and second.read_only)
            searchable = second is not None and second.searchable
            name, label = row.rest.name, row.display_name
            described = Field(name, row.data_type, row.length, read_only, searchable, label)
            result.append(described)
    return result


class Used(NamedTuple):
    """The calls of all users of the instance, today, and of each API user."""

    total: int
    by_user: dict[str, int]


def used_today(content: bytes) -> Used:
    """What the usage call says."""
    days = _DAYS.decode(content).result
    if not days:
        return Used(0, {})
    return Used(days[0].total, {user.user_id: user.count for user in days[0].users})


def partitions(content: bytes) -> list[str]:
    """The names of the lead partitions."""
    return [partition.name for partition in _PARTITIONS.decode(content).result]


def found(content: bytes) -> Found:
    """A page of people, each with an id."""
    page = _FOUND.decode(content)
    ids = (person.get("id") for person in page.result)
    if not all(isinstance(each, int) and abs(each) <= _MOST for each in ids):
        raise msgspec.ValidationError("a person without id")
    return page


def answer(content: bytes, rows: int) -> Answer:
    """One result for each of so many rows."""
    reply = _SYNC.decode(content)
    if len(reply.result) != rows:
        raise msgspec.ValidationError("not one result for each row")
    if any(row.status != "skipped" for row in reply.result if row.lead_id is None):
        raise msgspec.ValidationError("a written row without id")
    return Answer(reply.result, shown_id(reply.request_id))


# Made on import, before there are threads: msgspec 0.22 crashes (signal 11) where two threads are
# the first to decode to the same Struct.
_HEAD = msgspec.json.Decoder(Head)
_DESCRIBED = msgspec.json.Decoder(_DescribedReply)
_DESCRIPTION = msgspec.json.Decoder(_DescriptionReply)
_DAYS = msgspec.json.Decoder(_DaysReply)
_PARTITIONS = msgspec.json.Decoder(_PartitionsReply)
_FOUND = msgspec.json.Decoder(Found)
_SYNC = msgspec.json.Decoder(_SyncReply)
