"""One call of a method: what it brings along, and how its body is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import msgspec

from tests.sandbox.livechat.errors import ApiError

if TYPE_CHECKING:
    from tests.sandbox.livechat.access import Grant
    from tests.sandbox.livechat.options import Options

Reply = tuple[bytes, int]
"""A JSON body, and how many rows are in it."""

Asked = TypeVar("Asked")


@dataclass(frozen=True, slots=True)
class Call:
    method: str  # such as `list_archives`, or `cdp/v1/list_customers`
    version: str
    body: bytes
    grant: Grant
    now: int
    options: Options

    def decode(self, kind: type[Asked]) -> Asked:
        try:
            return msgspec.json.decode(self.body, type=kind)
        except msgspec.ValidationError as error:
            raise ApiError("validation", str(error)) from None
        except msgspec.DecodeError:
            raise ApiError("validation") from None
