"""Times: LiveChat mixes `Z`, offsets and fractions of any length; we speak UTC with six digits.

Everything is compared as aware `datetime`, never as text: `…+01:00` sorts before `…Z` as text
while it may be the later moment.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeGuard

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

_encode = msgspec.json.Encoder().encode
_FIRST_YEAR = 1970
# Two clocks that are right may differ so much: a reply is on its way for a moment, LiveChat's
# servers are many, and they tell whole seconds.
CLOCK_TOLERANCE = timedelta(minutes=1)


def clock_error(ours: datetime, theirs: datetime) -> str | None:
    """By how much our clock is wrong ("0:02:00 ahead of"), or None for no more than is usual."""
    ahead = ours - theirs
    if abs(ahead) <= CLOCK_TOLERANCE:
        return None
    side = "ahead of" if ahead > timedelta() else "behind"
    return f"{timedelta(seconds=round(abs(ahead).total_seconds()))} {side}"


def parse(value: object) -> datetime | None:
    """The moment in UTC, or None for what is not a time (absent, empty, broken)."""
    try:
        moment = datetime.fromisoformat(value)  # type: ignore[arg-type] # what is not a text is not a time
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo is UTC else _in_utc(moment)


def of_header(text: str) -> datetime | None:
    """The moment in UTC of a date as HTTP writes it, or None for what is none."""
    try:
        return _in_utc(parsedate_to_datetime(text))
    except (ValueError, OverflowError):
        return None


def is_plausible(moment: datetime | None) -> TypeGuard[datetime]:
    """Whether a bookmark or a start can be so early; before it there is no time to look back to."""
    return moment is not None and moment.year >= _FIRST_YEAR


def _in_utc(moment: datetime) -> datetime | None:
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return None


def render(moment: datetime) -> str:
    """RFC 3339 in UTC with six digits, as the API wants its filters and we our bookmarks."""
    if moment.tzinfo is not UTC:
        # A moment that is in no year of UTC is put into the nearest one.
        moment = _in_utc(moment) or moment.replace(tzinfo=UTC)
    if moment.microsecond:
        # In a tenth of the time; on the full second it leaves the digits out.
        return _encode(moment)[1:-1].decode()
    # The slice drops "+00:00".
    return moment.isoformat(timespec="microseconds")[:-6] + "Z"


def latest(moments: Iterable[datetime | None]) -> datetime | None:
    return max(filter(None, moments), default=None)
