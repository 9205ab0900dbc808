"""Which types of activities a run has found, and which of them are over. The one owner of that."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from target_marketo.delivery.interface import CallFailed, Fate, Result
from target_marketo.mapping.attachments import part_of
from target_marketo.marketo.errors import EndsKind, EndsLane, Rejected
from target_marketo.writes.activity_lane import ActivityLane, open_lane
from target_marketo.writes.destinations import NotThere

if TYPE_CHECKING:
    from target_marketo.mapping.attachments import Lane
    from target_marketo.writes.activity_means import Means

_NOT_THERE = "1013"
DOUBTS = frozenset({"1003", "1006", _NOT_THERE})
"""What a call or a row may be answered for a type, or an attribute, that is not there any more."""


class ActivityLanes:
    """Opens each type when the first activity is sent. Any thread may ask."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._lanes: dict[Lane, ActivityLane | EndsKind | EndsLane] = {}
        self._doubted: set[Lane] = set()
        self._guard = threading.Lock()

    def describe(self) -> dict[Lane, dict[str, str]]:
        """The data types of the attributes of each type that is there, before the first record."""
        found = {}
        for lane in self._means.lanes:
            try:
                described = self._means.find(lane)
            except Rejected as error:
                self._lanes[lane] = _ended(error)  # which is told with the first activity
            else:
                found[lane] = described.types
        return found

    def open(self, lane: Lane) -> ActivityLane:
        """What must be known of a lane's type.

        Raises:
            CallFailed: Nothing can be added to it.
            MarketoError, GovernorError: It cannot be asked for.
        """
        with self._guard:
            known = self._lanes.get(lane)
            if known is None:
                known = self._lanes[lane] = self._found(lane)
        if isinstance(known, ActivityLane):
            return known
        raise _over(known)

    def is_missing(self, lane: Lane) -> bool:
        """Whether its type is not there, or may not be written."""
        return isinstance(self._lanes.get(lane), NotThere | EndsKind)

    def ids(self) -> dict[str, int]:
        """The ids of those that are open, by the part of a record that goes there."""
        return {
            part_of(lane): known.type_id
            for lane, known in list(self._lanes.items())
            if isinstance(known, ActivityLane)
        }

    def look_again(self, lane: Lane, known: ActivityLane) -> Result | None:
        """Whether what Marketo refuses is the type's fault: asked once a run.

        None if the type is as it was; else what becomes of rows that were refused.
        """
        with self._guard:
            if lane not in self._doubted:
                self._doubted.add(lane)
                self._means.forget(lane.key[0])
                found = self._found(lane)
                if not isinstance(found, ActivityLane) or found.type_id != known.type_id:
                    self._lanes[lane] = found
            now = self._lanes[lane]
        if now is known:
            return None
        if isinstance(now, ActivityLane):  # made again, with another id
            return Result(Fate.LATER, cure="replay it later")
        failure = _over(now)
        return Result(failure.fate, code=failure.code, cure=failure.cure)

    def _found(self, lane: Lane) -> ActivityLane | EndsKind | EndsLane:
        try:
            return open_lane(lane, self._means.find(lane), self._means.ledger, self._means.now())
        except Rejected as error:
            return _ended(error)


def _ended(error: Rejected) -> EndsKind | EndsLane:
    if isinstance(error, EndsKind | EndsLane):
        return error
    return EndsLane(str(error), code=error.code)


def _over(error: EndsKind | EndsLane) -> CallFailed:
    """What ends the lane, or the kind, as the engine takes it."""
    fate = Fate.ENDS_KIND if isinstance(error, EndsKind) else Fate.ENDS_LANE
    return CallFailed(error, fate, code=error.code or _NOT_THERE, cure=str(error))
