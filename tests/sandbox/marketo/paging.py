"""The pages of a lookup."""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import dataclass

import msgspec

from .errors import ResponseError
from .leads import MAX_VALUES


@dataclass(slots=True)
class Page:
    """Where a lookup's page starts: behind the last id answered, so that a lead that is created or
    deleted in between moves nobody to another page.
    """

    size: int
    after: int
    signature: int
    more: bool = False

    @classmethod
    def of(cls, parameters: dict[str, str], signature: str) -> Page:
        size = parameters.get("batchSize") or str(MAX_VALUES)
        if not size.isdecimal() or int(size) < 1:
            raise ResponseError("1001", size, "Integer")
        digest = zlib.crc32(signature.encode())
        after = 0
        token = parameters.get("nextPageToken")
        if token:
            try:
                after, signed = msgspec.json.decode(
                    base64.urlsafe_b64decode(token.encode()), type=tuple[int, int]
                )
            except (binascii.Error, msgspec.MsgspecError, UnicodeError):
                raise ResponseError("1003", "Invalid nextPageToken") from None
            if signed != digest:
                raise ResponseError("1003", "Invalid nextPageToken")
        return cls(min(int(size), MAX_VALUES), after, digest)

    def cut(self, ids: list[int]) -> list[int]:
        rest = [number for number in ids if number > self.after]
        page = rest[: self.size]
        self.more = len(rest) > self.size
        self.after = page[-1] if page else self.after
        return page

    def next_token(self) -> str:
        return base64.urlsafe_b64encode(msgspec.json.encode((self.after, self.signature))).decode()
