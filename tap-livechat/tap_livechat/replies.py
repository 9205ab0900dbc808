"""The replies of `list_archives` and `list_chats`: are they whole, and what is in them.

A page of the archives is looked at twice. The reading thread wants to know how to go on (`Cursor`,
which is found fast, and checks the JSON on the way); its chats are decoded where they are written.
"""

from __future__ import annotations

from typing import Any

import msgspec

Payload = dict[str, Any]


class Cursor(msgspec.Struct):
    """How reading goes on after a page."""

    chats: list[msgspec.Raw] | None = None
    next_page_id: str | None = None
    found_chats: int | None = None


_decode_cursor = msgspec.json.Decoder(Cursor).decode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def cursor(page: bytes) -> Cursor:
    """How to go on, once the page is known to be whole; `msgspec.DecodeError` if it is not."""
    found = _decode_cursor(page)
    _need_list(found.chats, found.found_chats)
    return found


def whole(page: bytes) -> tuple[bytes, Cursor]:
    """The page as it is, with its cursor."""
    return page, cursor(page)


def chats(page: bytes) -> list[Payload]:
    """The chats of `list_archives`."""
    return _objects(_decode(page).get("chats"))


def chats_summary(reply: bytes) -> list[Payload]:
    """The chats of `list_chats`; version 3.7 renames the key."""
    decoded = _decode(reply)
    found = decoded.get("chats_summary", decoded.get("chats_info"))
    _need_list(found, decoded.get("found_chats"))
    return _objects(found)


def _objects(found: list[Any] | None) -> list[Payload]:
    return [chat for chat in found or () if isinstance(chat, dict)]


def _need_list(found: object, count: int | None) -> None:
    """A reply without its list is no reply, unless it says that there is nothing to list.

    Taken for an empty one it would move the bookmark past what was not read.
    """
    if not isinstance(found, list) and count != 0:
        raise msgspec.DecodeError("the reply has no list")
