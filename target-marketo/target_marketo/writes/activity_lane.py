"""What must be known of a type of activity before anything is added to it.

Its numeric id, the attribute that holds the once value, from when on activities are written, and
what Marketo has of it that the ledger does not know. Marketo refuses nothing that it has already:
so nothing dated D is added before this run has read the whole of the type since D. A store that was
lost, restored from a backup or new then writes nothing twice.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from target_marketo.delivery.interface import CallFailed, Fate
from target_marketo.marketo.activities import Attribute
from target_marketo.marketo.errors import EndsLane
from target_marketo.store.activity_ledger import Found
from target_marketo.writes.activity_reading import (
    MARGIN_SECONDS,
    OnceAttribute,
    by_once,
    seconds_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from target_marketo.mapping.attachments import Lane
    from target_marketo.marketo.activities import Activities, Activity, ActivityType
    from target_marketo.store.activity_ledger import ActivityLedger

MAX_PAGES = 100  # of one reading; beyond that nobody waits for it
WRITTEN_DAYS = 760  # 25 months: what is older Marketo deletes at once
FIRST_RUN, EVERYTHING = "first_run", "everything"

_DAY = 86_400.0
_BEFORE_NEWEST_SECONDS = 600.0
_READ_AHEAD_SECONDS = 3600.0
_ADOPTED_SECONDS = _DAY
# What a type of attribute leaves of a text: others would not be read back as they were sent.
KEEPS_THE_ONCE_VALUE = frozenset({"string", "text", "integer", "link"})

logger = logging.getLogger("target-marketo")


class NotWhole(Exception):
    """A reading went on for more pages than anybody waits for."""


class NotYet(NamedTuple):
    """Nothing may be added for so many seconds."""

    seconds: float


def read_whole(
    activities: Activities, since: float, type_id: int, leads: Collection[int] = ()
) -> Iterator[Activity]:
    """All activities of a type since then.

    Raises:
        NotWhole: There may be more.
    """
    pages = activities.pages(since, type_id, leads)
    for page in islice(pages, MAX_PAGES):
        yield from page.result
        if not page.more_result:
            return
    raise NotWhole


@dataclass(slots=True)
class ActivityLane:
    """A type of activity, ready to be added to.

    `since` is in seconds since 1970, `read_since` from when on this run has read the type.
    """

    name: str
    type_id: int
    once: OnceAttribute
    since: float
    read_since: float | None = None
    _over: CallFailed | None = None
    _guards_reading: threading.Lock = field(default_factory=threading.Lock)

    def cover(
        self,
        oldest: float,
        activities: Activities,
        ledger: ActivityLedger,
        now: Callable[[], float],
        visibility_seconds: float,
    ) -> NotYet | None:
        """Takes over what Marketo has since `oldest`, unless that was done before.

        Whoever wrote what the ledger does not know may have gone on until now, and what was added
        now shows only after a while: then it is read once more.

        Raises:
            CallFailed: There is too much of it to be read; the lane ends.
            MarketoError, GovernorError: It cannot be read now.
        """
        with self._guards_reading:
            if self.read_since is not None and oldest >= self.read_since:
                return None
            if self._over is not None:
                raise self._over
            start, covered = self._start(oldest, ledger, now())
            try:
                found = by_once(read_whole(activities, start, self.type_id), self.once)
            except NotWhole:
                self._over = self._too_much(start)
                raise self._over from None
            unknown = found.keys() - ledger.states(self.type_id, found).keys()
            ledger.adopt(self.type_id, found_of(found, now()))
            if unknown:
                logger.warning(
                    "%d activities of type %s are in Marketo and were not in this store: "
                    "taken over, and not written again",
                    len(unknown),
                    self.name,
                )
                return NotYet(visibility_seconds)
            self.read_since = covered
            return None

    def _start(self, oldest: float, ledger: ActivityLedger, now: float) -> tuple[float, float]:
        """From when on to read, and what is known then to be in the ledger."""
        adopted = ledger.adopted(self.type_id)
        if adopted is not None and adopted.at >= now - _ADOPTED_SECONDS:
            covered = seconds_of(adopted.since)
            if oldest >= covered:
                return adopted.at - _BEFORE_NEWEST_SECONDS, covered
        start = oldest - _READ_AHEAD_SECONDS
        if self.read_since is not None:
            # Older and older ones come: each reading goes back twice as far as the one before.
            start = min(start, now - 2 * (now - self.read_since))
        elif (newest := ledger.newest_done(self.type_id)) is None:
            start = self.since
        else:
            start = min(start, seconds_of(newest) - _BEFORE_NEWEST_SECONDS)
        start = min(oldest, max(start, self.since)) - MARGIN_SECONDS
        return start, start

    def _too_much(self, start: float) -> CallFailed:
        day = datetime.fromtimestamp(start, UTC).date()
        text = (
            f"type {self.name} has too many activities since {day} to be read within a run: "
            f"marketo-ops activities adopt --since {day}, then run again"
        )
        return CallFailed(EndsLane(text), Fate.ENDS_LANE, code="unread", cure=text)


def found_of(by_value: dict[str, list[Activity]], now: float) -> list[Found]:
    """What was read, as the ledger takes it over."""
    return [Found(value, _utc(each[0].activity_date, now)) for value, each in by_value.items()]


def _utc(date: str, now: float) -> str:
    try:
        seconds = seconds_of(date)
    except ValueError:
        seconds = now
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def open_lane(
    lane: Lane, described: ActivityType, ledger: ActivityLedger, now: float
) -> ActivityLane:
    """What must be known of a lane, given its type; without attributes if that may not be seen.

    Raises:
        EndsLane: Nothing can be added to it.
    """
    if described.id is None:
        raise EndsLane(f"{lane}: Marketo gives no id for this activity type", code="1013")
    once = once_attribute(described, str(lane), lane.once)
    type_id = described.id
    since = since_of(lane, now, lambda proposal: ledger.since(type_id, proposal))
    return ActivityLane(str(lane), type_id, once, since)


def once_attribute(described: ActivityType, named: str, attribute: str) -> OnceAttribute:
    """The attribute that holds the once value, of a type as `streams` names it.

    Raises:
        EndsLane: It would not be read back as it was sent.
    """
    if not described.api_name:
        return OnceAttribute(Attribute(attribute), described=False)
    found = next((a for a in described.attributes if a.api_name == attribute), None)
    if found is None or found.data_type not in KEEPS_THE_ONCE_VALUE:
        what = "no attribute" if found is None else f"the data type {found.data_type} for"
        raise EndsLane(
            f"activity type `{named}` has {what} `{attribute}`, by which an activity is "
            "recognised: make it a string, or map another attribute that is one",
            code="1006",
        )
    return OnceAttribute(found)


def since_of(lane: Lane, now: float, first_run: Callable[[str], str]) -> float:
    """From when on activities of a lane are written, in seconds since 1970, UTC.

    `first_run` tells what the first run proposed, given what this one would propose.
    """
    oldest = now - WRITTEN_DAYS * _DAY
    if lane.since == EVERYTHING:
        return oldest
    if lane.since not in ("", FIRST_RUN):
        since = datetime.fromisoformat(lane.since)
        return max(oldest, (since if since.tzinfo else since.replace(tzinfo=UTC)).timestamp())
    proposal = datetime.fromtimestamp(now - _DAY, UTC).isoformat(timespec="seconds")
    return max(oldest, seconds_of(first_run(proposal)))
