"""What Marketo's replies say, and nothing that they do not say. Pure.

Every reply is one JSON object: `success`, `requestId`, then `result` or `errors`. A reader of a
result raises one of `UNREADABLE` for a success that is not of the shape it must have: what the call
did is then as unknown as if no reply had come.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)

_CODE = re.compile(r"[0-9A-Za-z_]{1,20}")
_REQUEST_ID = re.compile(r"[0-9A-Za-z#_-]{1,60}")


class Reason(msgspec.Struct, frozen=True, gc=False):
    """Why a row was skipped."""

    code: str | int = ""


class Row(msgspec.Struct, frozen=True, gc=False):
    """What Marketo did with one row. What it never says is not guessed at."""

    status: Literal["created", "updated", "skipped"]
    lead_id: int | None = msgspec.field(name="id", default=None)
    reasons: tuple[Reason, ...] = ()
    errors: tuple[Reason, ...] = ()  # seen in place of `reasons`

    @property
    def code(self) -> str:
        """Why it was skipped; empty if Marketo does not say."""
        reason = next(iter(self.reasons or self.errors), None)
        code = str(reason.code) if reason else ""
        return code if _CODE.fullmatch(code) else ""


class Answer(NamedTuple):
    """The results of a sync, row for row, and the id Support asks for."""

    rows: list[Row]
    request_id: str


class Field(msgspec.Struct, frozen=True):
    """A field of a person as Marketo describes it."""

    name: str
    data_type: str
    length: int | None = None
    read_only: bool = False
    searchable: bool = False
    display_name: str = ""


class Head(msgspec.Struct, rename="camel"):
    """The members that every reply has; those that are missing are None."""

    success: Any = None
    request_id: Any = None
    errors: Any = None


def head(content: bytes) -> Head | None:
    """The head of a reply; None if it is no JSON object."""
    try:
        return _HEAD.decode(content)
    except UNREADABLE:
        return None


def code_of(status: int, reply: Head | None) -> str:
    """The code of a reply that is no success: Marketo's, or else the HTTP status."""
    match reply and reply.errors:
        case [{"code": str() | int() as code}, *_] if _CODE.fullmatch(str(code)):
            return str(code)
        case _:
            return str(status)


def request_id(reply: Head | None) -> str:
    """The id, if it looks like one: it is shown, and nothing that people wrote is."""
    return _shown(reply.request_id) if reply else ""


def _shown(found: object) -> str:
    return found if isinstance(found, str) and _REQUEST_ID.fullmatch(found) else ""


# Results


class _Rest(msgspec.Struct, rename="camel"):
    name: str
    read_only: bool = False


class _Described(msgspec.Struct, rename="camel"):
    data_type: str
    display_name: str = ""
    length: int | None = None
    rest: _Rest | None = None


class _DescribedReply(msgspec.Struct):
    result: list[_Described]


class _Updateable(msgspec.Struct):
    name: str
    updateable: bool = True


class _DescribedAnew(msgspec.Struct, rename="camel"):
    searchable_fields: list[list[str]]
    fields: list[_Updateable]


class _DescribedAnewReply(msgspec.Struct):
    result: Annotated[list[_DescribedAnew], msgspec.Meta(min_length=1)]


class Searchable(NamedTuple):
    """What describe2 adds: fields that find people by themselves, and those nobody may write."""

    names: frozenset[str]
    fixed: frozenset[str]


class _Day(msgspec.Struct):
    total: int


class _DaysReply(msgspec.Struct):
    result: list[_Day] | None = None


class _Partition(msgspec.Struct):
    name: str


class _PartitionsReply(msgspec.Struct):
    result: list[_Partition]


class Found(msgspec.Struct, rename="camel"):
    """One page of people."""

    result: list[dict[str, Any]]
    more_result: bool = False
    next_page_token: str | None = None


class _SyncReply(msgspec.Struct, rename="camel"):
    result: list[Row]
    request_id: Any = None


def described(content: bytes) -> list[_Described]:
    """The fields of a person; those without `rest` are not REST's to use."""
    return _DESCRIBED.decode(content).result


def searchable(content: bytes) -> Searchable:
    """What describe2 says of the same fields."""
    (answer, *_) = _DESCRIBED_ANEW.decode(content).result
    return Searchable(
        frozenset(names[0] for names in answer.searchable_fields if len(names) == 1),
        frozenset(field.name for field in answer.fields if not field.updateable),
    )


def fields(known: list[_Described], second: Searchable) -> list[Field]:
    """Both descriptions as one."""
    return [
        Field(
            name=row.rest.name,
            data_type=row.data_type,
            length=row.length,
            read_only=row.rest.read_only or row.rest.name in second.fixed,
            searchable=row.rest.name in second.names,
            display_name=row.display_name,
        )
        for row in known
        if row.rest is not None
    ]


def used_today(content: bytes) -> int:
    """The calls of all users of the instance, today."""
    days = _DAYS.decode(content).result
    return days[0].total if days else 0


def partitions(content: bytes) -> list[str]:
    """The names of the lead partitions."""
    return [partition.name for partition in _PARTITIONS.decode(content).result]


def found(content: bytes) -> Found:
    """A page of people, each with an id."""
    page = _FOUND.decode(content)
    if not all(isinstance(person.get("id"), int) for person in page.result):
        raise msgspec.ValidationError("a person without id")
    return page


def answer(content: bytes, rows: int) -> Answer:
    """One result for each of so many rows."""
    reply = _SYNC.decode(content)
    if len(reply.result) != rows:
        raise msgspec.ValidationError("not one result for each row")
    if any(row.status != "skipped" for row in reply.result if row.lead_id is None):
        raise msgspec.ValidationError("a written row without id")
    return Answer(reply.result, _shown(reply.request_id))


# Made on import, before there are threads: msgspec 0.22 crashes (signal 11) where two threads are
# the first to decode to the same Struct.
_HEAD = msgspec.json.Decoder(Head)
_DESCRIBED = msgspec.json.Decoder(_DescribedReply)
_DESCRIBED_ANEW = msgspec.json.Decoder(_DescribedAnewReply)
_DAYS = msgspec.json.Decoder(_DaysReply)
_PARTITIONS = msgspec.json.Decoder(_PartitionsReply)
_FOUND = msgspec.json.Decoder(Found)
_SYNC = msgspec.json.Decoder(_SyncReply)
