"""From a reading of Marketo's log to what became of an activity. Pure.

Found is found. Absent is what two whole readings did not show, so far apart that what was added
before the first of them shows in the second (Adobe names no delay). All else is undecided.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from target_marketo.marketo.activities import Activity, Attribute
    from target_marketo.store.activity_ledger import Pending

MARGIN_SECONDS = 60.0
_NOT_A_LETTER = re.compile(r"[\W_]+")


def seconds_of(date: str) -> float:
    """A time as RFC 3339 has it, in seconds since 1970, UTC."""
    return datetime.fromisoformat(date).timestamp()


def start_of(pending: Iterable[Pending]) -> float:
    """From when on to read for these: by their date, or by when they were added.

    Which of the two a paging token goes by, no page says.
    """
    return min(min(seconds_of(each.date), each.sent_at) for each in pending) - MARGIN_SECONDS


@dataclass(frozen=True, slots=True)
class OnceAttribute:
    """The attribute that holds the once value, as it is read back.

    Where the type could not be described its display name is not known: then `threadId` is taken
    for what reads `Thread ID`.
    """

    attribute: Attribute
    described: bool = True

    def of(self, activity: Activity) -> str | None:
        """The once value of an activity; None if it has none."""
        found = activity.value(self.attribute)
        if found is None and not self.described:
            wanted = _plain(self.attribute.api_name)
            values = (each for each in activity.attributes if _plain(each.name) == wanted)
            found = next((str(each.value) for each in values if each.value is not None), None)
        return None if found is None else found.strip()


def by_once(
    activities: Iterable[Activity], once: OnceAttribute, wanted: Container[str] | None = None
) -> dict[str, list[Activity]]:
    """The activities by their once value: of those that are wanted, or of all that have one."""
    found: defaultdict[str, list[Activity]] = defaultdict(list)
    for activity in activities:
        value = once.of(activity)
        if value and (wanted is None or value in wanted):
            found[value].append(activity)
    return dict(found)


@dataclass(slots=True)
class Watch:
    """Which activities a whole reading has not shown yet, and when that was.

    `visibility_seconds` lie between the two readings that make one absent.
    """

    visibility_seconds: float
    _missed: dict[tuple[int, str], float] = field(default_factory=dict)

    def rest(self, which: tuple[int, str], now: float) -> float:
        """Seconds until another reading would tell more than the last one."""
        missed = self._missed.get(which)
        if missed is None:
            return 0.0
        left = missed + self.visibility_seconds - now
        return max(0.0, min(left, self.visibility_seconds))  # a clock may be set back

    def is_absent(self, which: tuple[int, str], read_at: float) -> bool:
        """A whole reading that began then did not show it: whether it surely is not there."""
        first = self._missed.setdefault(which, read_at)
        return read_at - first >= self.visibility_seconds

    def forget(self, which: tuple[int, str]) -> None:
        """Its fate is known, or it is about to be sent again."""
        self._missed.pop(which, None)


def _plain(name: str) -> str:
    return _NOT_A_LETTER.sub("", name).casefold()
