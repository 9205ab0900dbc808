"""Times: LiveChat mixes `Z`, offsets and fractions of any length; we speak UTC with six digits.

Everything is compared as aware `datetime`, never as text: `…+01:00` sorts before `…Z` as text
while it may be the later moment.
"""

from __future__ import annotations

from datetime import UTC, datetime


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
    return None if moment is None else render(moment)


def latest(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)
