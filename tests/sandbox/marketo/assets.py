"""What the calls under `/rest/asset` have in common: envelopes, times, forms and pages."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import ResponseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .call import Call
    from .instance import Content
    from .routes import Needs

READ: Needs = ("Read-Only Asset", "Read-Write Asset")
WRITE: Needs = ("Read-Write Asset",)
WORKSPACE = "Default"
MAX_RETURN = 200
USUAL_RETURN = 20
NOTHING = "No assets found for the given search criteria."


class FolderId(NamedTuple):
    """A folder, or a program that holds assets as a folder does."""

    id: int
    type: str

    def content(self) -> Content:
        return {"id": self.id, "type": self.type}

    @classmethod
    def of(cls, text: str, name: str) -> FolderId:
        """What clients send is more or less JSON."""
        number = re.search(r"""['"]?id['"]?\s*:\s*['"]?(\d+)""", text)
        kind = re.search(r"""['"]?type['"]?\s*:\s*['"]?(Folder|Program)\b""", text)
        if not text:
            raise ResponseError("1002", name)
        if number is None:
            raise ResponseError("1001", text, name)
        return cls(int(number[1]), kind[1] if kind else "Folder")


def stamp(seconds: float) -> str:
    """Epoch seconds as assets tell a time."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ+0000")


def answered(assets: Sequence[Any]) -> Content:
    """The envelope: no `result` where there is none, but a warning."""
    if not assets:
        return {"errors": [], "warnings": [NOTHING]}
    return {"errors": [], "warnings": [], "result": list(assets)}


def page(call: Call, assets: Sequence[Any]) -> Content:
    """A part of the assets that were updated in the time asked for, by offset."""
    first, last = (_time(call, name) for name in ("earliestUpdatedAt", "latestUpdatedAt"))
    assets = [
        each
        for each in assets
        if (first is None or first <= _seconds(each["updatedAt"]))
        and (last is None or _seconds(each["updatedAt"]) <= last)
    ]
    offset, size = (_number(call, *each) for each in (("offset", 0), ("maxReturn", USUAL_RETURN)))
    return answered(assets[offset : offset + min(size, MAX_RETURN)])


def required(call: Call, name: str) -> str:
    """A parameter of the query or the form."""
    value = call.form().get(name, "")
    if not value:
        raise ResponseError("1002", name)
    return value


def number(text: str) -> int:
    """A number in a path; one that is none finds nothing."""
    return int(text) if text.isdecimal() else -1


def split(text: str | None) -> frozenset[str] | None:
    """The values of a filter; None if it is not asked for."""
    return None if not text else frozenset(part.strip() for part in text.split(","))


def _time(call: Call, name: str) -> float | None:
    text = call.form().get(name)
    try:
        return None if not text else _seconds(text)
    except ValueError:
        raise ResponseError("704") from None


def _seconds(text: str) -> float:
    date = datetime.fromisoformat(text.removesuffix("+0000").replace(" ", "+"))
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def _number(call: Call, name: str, usual: int) -> int:
    text = call.form().get(name) or str(usual)
    if not text.isdecimal():
        raise ResponseError("1001", text, "Integer")
    return int(text)
