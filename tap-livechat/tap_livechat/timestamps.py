"""Times: LiveChat mixes `Z`, offsets and fractions of any length; we speak UTC with six digits.

Everything is compared as aware `datetime`, never as text: `…+01:00` sorts before `…Z` as text
while it may be the later moment.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_OURS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def parse(value: object) -> datetime | None:
    """The moment in UTC, or None for what is no time (absent, empty, broken)."""
    if not isinstance(value, str) or not value:
        return None
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is UTC:
            return moment
        if moment.tzinfo is None:
            return moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def render(moment: datetime) -> str:
    """RFC 3339 in UTC with six digits, as the API wants its filters and we our bookmarks."""
    # The slice drops "+00:00"; every moment in here is in UTC.
    return moment.isoformat(timespec="microseconds")[:-6] + "Z"


def normalise(value: object) -> str | None:
    """The same moment in our one format, or None."""
    moment = parse(value)
    if moment is None:
        return None
    # Most times come in our format already, and rendering is what costs here.
    if isinstance(value, str) and _OURS.fullmatch(value):
        return value
    return render(moment)


def latest(moments: Iterable[datetime | None]) -> datetime | None:
    newest: datetime | None = None
    for moment in moments:
        if moment is not None and (newest is None or moment > newest):
            newest = moment
    return newest
