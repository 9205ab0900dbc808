"""The replies of LiveChat: are they whole, and what is in them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, TypeVar

import msgspec

from tap_livechat.api import payloads

if TYPE_CHECKING:
    from collections.abc import Callable

P = TypeVar("P", bound=payloads.Payload)

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)
"""What a decoder raises for a reply that is not whole; `msgspec.ValidationError` is one of them."""

# JSON may say what no text can hold: half of a pair of surrogates, and NUL, which databases refuse.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_HALF = re.compile(r"[\ud800-\udfff]")
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


def decoder(kind: type[P]) -> Callable[[bytes], P]:
    """Of JSON to `kind`: strict where that succeeds, and else by `payloads.mended`."""
    decode = msgspec.json.Decoder(kind).decode

    def decoded(reply: bytes) -> P:
        if b"\\u0000" in reply:
            reply = _NUL.sub(rb"\1", reply)
        try:
            return decode(reply)
        except msgspec.ValidationError:
            pass
        except msgspec.DecodeError:
            if not _SURROGATE.search(reply):
                raise
            reply = _without_halves(reply)
        found = msgspec.json.decode(reply)
        if not isinstance(found, dict):
            raise msgspec.ValidationError("the reply is no object")
        mended: P = payloads.mended(found, kind)
        return mended

    return decoded


def _without_halves(reply: bytes) -> bytes:
    """With U+FFFD in the place of each half of a pair: no e-mail address has that."""
    try:
        found = json.loads(reply)
    except ValueError:
        raise msgspec.DecodeError("the reply is no whole JSON") from None
    return _HALF.sub("\ufffd", json.dumps(found, ensure_ascii=False)).encode()


# Made on import, before there are threads: msgspec 0.22 crashes (signal 11) where two threads are
# the first to decode to the same Struct.
_decode_archives = decoder(payloads.Archives)
_decode_chats = decoder(payloads.Chats)
_decode_customers = decoder(payloads.Customers)
_decode_cdp_customers = decoder(payloads.CdpCustomers)


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


def _need_list(found: object, count: int | None) -> None:
    """A reply without its list is no reply, unless it says that there is nothing to list.

    Taken for an empty one it would move the bookmark past what was not read.
    """
    if not isinstance(found, list) and count != 0:
        raise msgspec.ValidationError("the reply has no list")
