"""The replies of LiveChat: are they whole, and what is in them."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import msgspec

from tap_livechat.api import payloads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

P = TypeVar("P", bound=payloads.Payload | list[Any])
T = TypeVar("T")

_PART_BYTES = 2**22

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What a decoder raises for a reply that is not whole; `msgspec.ValidationError` is one of them."""

# JSON may say what no text can hold: half of a pair of surrogates, and NUL, which databases refuse.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_HALF = re.compile(r"[\ud800-\udfff]")
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


class Decoder(Generic[P]):
    """Of JSON to payloads: as it stands where that fits, and else `payloads.mended`."""

    def __init__(self, kind: type[P]) -> None:
        self._kind = kind
        self._decode: Callable[[bytes], P] = msgspec.json.Decoder(kind).decode

    def __call__(self, reply: bytes) -> P:
        try:
            return _read(self._decode, reply)
        except msgspec.ValidationError:
            mended: P | None = payloads.mended(_read(_anything, reply), self._kind)
        if mended is None:
            raise msgspec.ValidationError("the reply is of another type")
        return mended


def _read(decode: Callable[[bytes], T], reply: bytes) -> T:
    """Without NUL, and with U+FFFD for each half of a pair: no e-mail address has that."""
    # One byte is found a hundred times faster than six.
    if b"\\" in reply and b"\\u0000" in reply:
        reply = _NUL.sub(rb"\1", reply)
    try:
        return decode(reply)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        if not _SURROGATE.search(reply):
            raise
    try:
        found = json.loads(reply)
    except ValueError:
        raise msgspec.DecodeError("the reply is not complete JSON") from None
    return decode(_HALF.sub("\ufffd", json.dumps(found, ensure_ascii=False)).encode())


def _anything(reply: bytes) -> Any:
    """Any JSON, with null for a number that no computer holds: it is valid, and one of details."""
    try:
        return msgspec.json.decode(reply)
    except msgspec.ValidationError:
        pass
    try:
        return json.loads(reply, parse_float=_held, parse_int=_held, parse_constant=_held)
    except ValueError:
        raise msgspec.DecodeError("the reply is not complete JSON") from None


def _held(digits: str) -> int | float | None:
    with suppress(msgspec.ValidationError):
        number: int | float = msgspec.json.decode(digits)
        return number
    return None


_decode_chats = Decoder(payloads.Chats)
_decode_customers = Decoder(payloads.Customers)
_decode_cdp_customers = Decoder(payloads.CdpCustomers)
queued_visitors_left = Decoder(payloads.QueuedVisitorsLeft)
report = Decoder(payloads.Report)
listed = Decoder(list[payloads.Object])
"""Of `list_agents` and the like: each row as it is."""


class _Page(payloads.Payload, Generic[T]):
    chats: list[T] | None = None
    found_chats: int | None = None
    next_page_id: str | None = None


_decode_frame = msgspec.json.Decoder(_Page[msgspec.Raw]).decode


@dataclass(frozen=True, slots=True)
class ArchivesPage:
    """A page of `list_archives`: chats, each with one of its threads, by the few megabytes."""

    parts: Iterable[list[payloads.Chat]]
    found_chats: int | None
    next_page_id: str | None

    def __iter__(self) -> Iterator[list[payloads.Chat]]:
        return iter(self.parts)


class Archives:
    """Decodes a page of `list_archives`; `msgspec.DecodeError` if it is not whole.

    A reply may be of any size: a thread has up to as many events as were said. What is decoded of
    it takes ten times its bytes, so a large one is decoded in parts, and a part is forgotten for
    the next. All of it is decoded once before any is used: nothing passes a row that cannot be
    read.
    """

    def __init__(self, kind: type[payloads.Chat]) -> None:
        self._row = Decoder(kind)
        self._whole = msgspec.json.Decoder(_Page[kind]).decode  # type: ignore[valid-type] # msgspec's own

    def __call__(self, reply: bytes) -> ArchivesPage:
        page: _Page[Any] | None = None
        parts: Iterable[list[payloads.Chat]] = ()
        if len(reply) <= _PART_BYTES:
            with suppress(msgspec.ValidationError):  # then row by row, each as far as it fits
                page = _read(self._whole, reply)
                parts = [page.chats] if page.chats else ()
        if page is None:
            page = _read(_decode_frame, reply)
            raw = list(_parts(page.chats or ()))
            for part in raw:
                self._rows(part)
            parts = self._one_by_one(raw)
        _need_list(page.chats, page.found_chats)
        return ArchivesPage(parts, page.found_chats, page.next_page_id)

    def _one_by_one(self, parts: list[list[msgspec.Raw]]) -> Iterator[list[payloads.Chat]]:
        """A part that was read is let go, and with the last one the reply itself.

        The next reply is received while somebody still holds this page.
        """
        while parts:
            yield self._rows(parts.pop(0))

    def _rows(self, part: list[msgspec.Raw]) -> list[payloads.Chat]:
        return [self._row(bytes(raw)) for raw in part]


archives = Archives(payloads.Chat)
transcripts = Archives(payloads.TranscribedChat)
"""With all of the threads' events: each chat is a `payloads.TranscribedChat`."""


def _parts(rows: Sequence[msgspec.Raw]) -> Iterator[list[msgspec.Raw]]:
    part: list[msgspec.Raw] = []
    size = 0
    for row in rows:
        if part and size > _PART_BYTES:
            yield part
            part, size = [], 0
        part.append(row)
        size += len(memoryview(row))
    if part:
        yield part


class ChatsPage(NamedTuple):
    """A page of `list_chats`: of each open chat its id, its thread's id and start."""

    threads: list[tuple[str, str, datetime]]
    next_page_id: str | None


def open_chats(reply: bytes) -> ChatsPage:
    """The chats of `list_chats` with their last threads; version 3.7 renames both."""
    decoded = _decode_chats(reply)
    found = decoded.chats_summary if decoded.chats_info is None else decoded.chats_info
    _need_list(found, decoded.found_chats)
    rows = []
    for chat in found or ():
        thread = chat.last_thread_summary or chat.last_thread_info
        if thread and thread.active is not False:  # else nothing is said in it
            rows.append((chat.id, thread.id, thread.created_at))
    return ChatsPage(rows, decoded.next_page_id)


def customers(reply: bytes) -> payloads.Customers:
    decoded = _decode_customers(reply)
    _need_list(decoded.customers, decoded.total_customers)
    return decoded


def cdp_customers(reply: bytes) -> payloads.CdpCustomers:
    decoded = _decode_cdp_customers(reply)
    # It gives no count; the last page says so with an empty `next_page_id`.
    _need_list(decoded.customers, None if decoded.next_page_id is None else 0)
    return decoded


def _need_list(found: object, count: int | None) -> None:
    """A reply without its list is no reply, unless it says that there is nothing to list.

    Taken for an empty one it would move the bookmark past what was not read.
    """
    if not isinstance(found, list) and count != 0:
        raise msgspec.ValidationError("the reply has no list")
