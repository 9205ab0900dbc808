"""How far a STATE has come, in time: for people, who ask how old the newest of it is.

STATE belongs to the tap, and every tap writes its own. Common to nearly all is that bookmarks are
texts with a date and a time in them, however deep; the newest of these is meant. A tap that counts
rows, or numbers its records, has no such time.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

_TIME = re.compile(r"(?:19|2\d)\d\d-\d\d-\d\d[T ]\d\d:\d\d.{0,16}")
# The SDK keeps beside the bookmark what is none: where the run began, the run's own time, and how
# far a stream that is not sorted has come.
_NOT_BOOKMARKS = frozenset(
    {"starting_replication_value", "replication_key_signpost", "progress_markers"}
)
_AHEAD = timedelta(days=1)


def newest_time(state: bytes, now: datetime | None = None) -> str | None:
    """The newest time in a STATE's value, as RFC 3339 in UTC; None if there is none to be seen."""
    latest = (now or datetime.now(UTC)) + _AHEAD
    try:
        times = [at for at in _times(msgspec.json.decode(state)) if at <= latest]
    except (msgspec.DecodeError, RecursionError, ValueError):
        return None
    return max(times).isoformat(timespec="seconds") if times else None


def _times(value: Any) -> Iterator[datetime]:
    match value:
        case dict():
            for name, each in value.items():
                if name not in _NOT_BOOKMARKS:
                    yield from _times(each)
        case list():
            for each in value:
                yield from _times(each)
        case str() if _TIME.fullmatch(value):
            try:
                at = datetime.fromisoformat(value)
            except ValueError:
                return
            yield (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
