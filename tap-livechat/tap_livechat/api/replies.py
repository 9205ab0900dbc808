"""The replies of LiveChat: are they whole, and what is in them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_origin

import msgspec

from tap_livechat.api import payloads

if TYPE_CHECKING:
    from collections.abc import Callable

P = TypeVar("P", bound=payloads.Payload | list[Any])

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)
"""What a decoder raises for a reply that is not whole; `msgspec.ValidationError` is one of them."""

# JSON may say what no text can hold: half of a pair of surrogates, and NUL, which databases refuse.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_HALF = re.compile(r"[\ud800-\udfff]")
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


class Decoder(Generic[P]):
    """Of JSON to a payload or a list of them: strict where that fits, and else `payloads.mended`.

    Made on import, before there are threads: msgspec 0.22 crashes (signal 11) where two threads are
    the first to decode to the same Struct.
    """

    def __init__(self, kind: type[P]) -> None:
        self._kind = kind
        self._container: type = get_origin(kind) or dict
        self._decode: Callable[[bytes], P] = msgspec.json.Decoder(kind).decode

    def __call__(self, reply: bytes) -> P:
        if b"\\u0000" in reply:
            reply = _NUL.sub(rb"\1", reply)
        try:
            return self._decode(reply)
        except msgspec.DecodeError:
            found = _found(reply)
        if not isinstance(found, self._container):
            raise msgspec.ValidationError(f"the reply is no {self._container.__name__}")
        mended: P = payloads.mended(found, self._kind)
        return mended


def _found(reply: bytes) -> Any:
    """The reply's JSON, with U+FFFD for each half of a pair: no e-mail address has that."""
    try:
        return msgspec.json.decode(reply)
    except msgspec.DecodeError:
        if not _SURROGATE.search(reply):
            raise
    try:
        found = json.loads(reply)
    except ValueError:
        raise msgspec.DecodeError("the reply is no whole JSON") from None
    return msgspec.json.decode(_HALF.sub("\ufffd", json.dumps(found, ensure_ascii=False)))


_decode_archives = Decoder(payloads.Archives)
_decode_chats = Decoder(payloads.Chats)
_decode_customers = Decoder(payloads.Customers)
_decode_cdp_customers = Decoder(payloads.CdpCustomers)
_decode_queued = Decoder(payloads.QueuedVisitorsLeft)
_decode_report = Decoder(payloads.Report)


def archives(page: bytes) -> payloads.Archives:
    """A page of `list_archives`; `msgspec.DecodeError` if it is not whole."""
    decoded = _decode_archives(page)
    _need_list(decoded.chats, decoded.found_chats)
    return decoded


def archives_as_sent(page: bytes) -> tuple[bytes, payloads.Archives]:
    """As `archives`, and as it came: in that form a page can be kept in little space."""
    return page, archives(page)


def chats_summary(reply: bytes) -> list[payloads.ChatSummary]:
    """The chats of `list_chats`; version 3.7 renames the key."""
    decoded = _decode_chats(reply)
    found = decoded.chats_summary if decoded.chats_info is None else decoded.chats_info
    _need_list(found, decoded.found_chats)
    return found or []


def customers(reply: bytes) -> payloads.Customers:
    decoded = _decode_customers(reply)
    _need_list(decoded.customers, decoded.total_customers)
    return decoded


def cdp_customers(reply: bytes) -> payloads.CdpCustomers:
    decoded = _decode_cdp_customers(reply)
    # It gives no count; the last page says so with an empty `next_page_id`.
    _need_list(decoded.customers, None if decoded.next_page_id is None else 0)
    return decoded


def queued_visitors_left(reply: bytes) -> payloads.QueuedVisitorsLeft:
    decoded = _decode_queued(reply)
    _need_records(decoded.records)
    return decoded


def report(reply: bytes) -> payloads.Report:
    decoded = _decode_report(reply)
    _need_records(decoded.records)
    return decoded


def _need_records(found: object) -> None:
    if found is None:
        raise msgspec.ValidationError("the report has no records")


def _need_list(found: object, count: int | None) -> None:
    """A reply without its list is no reply, unless it says that there is nothing to list.

    Taken for an empty one it would move the bookmark past what was not read.
    """
    if not isinstance(found, list) and count != 0:
        raise msgspec.ValidationError("the reply has no list")
