"""Ids that look like LiveChat's and are the same for the same seed."""

from __future__ import annotations

import hashlib
import uuid

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LENGTH = 10


def _digest(*parts: object) -> bytes:
    return hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=16).digest()


def short_id(*parts: object) -> str:
    """Ten capitals and digits, as chats and threads have: `PJ0MRSHTDG`."""
    number = int.from_bytes(_digest(*parts), "big")
    letters = []
    for _ in range(_LENGTH):
        number, rest = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[rest])
    return "".join(letters)


def uuid_id(*parts: object) -> str:
    """A version 4 UUID, as customers and some events have."""
    return str(uuid.UUID(bytes=_digest(*parts), version=4))
