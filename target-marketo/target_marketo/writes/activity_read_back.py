"""Settling an activity whose outcome is unknown: rest, read, and only then decide.

It rests until its call can no longer be at work, and is then looked for in Marketo's log: found is
done; absent in two whole readings far enough apart is sent again, three times at most; what cannot
be read is left to a person.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from target_marketo.delivery.interface import Fate, Result
from target_marketo.marketo.activities import MAX_LEADS
from target_marketo.marketo.errors import Rejected
from target_marketo.store.activity_ledger import State
from target_marketo.writes.activity_lane import NotWhole, read_whole
from target_marketo.writes.activity_reading import Watch, by_once, start_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from target_marketo.marketo.activities import Activity
    from target_marketo.store.activity_ledger import Pending
    from target_marketo.writes.activity_lane import ActivityLane
    from target_marketo.writes.activity_means import Means

UNDECIDED = "undecided"
DECIDE = (
    "only you can tell whether it was written: look for it in Marketo, then marketo-ops errors "
    "decide ID --written, or --send"
)

_ATTEMPTS = 3
logger = logging.getLogger("target-marketo")


class ReadingBack:
    """Decides what is pending. `watch` is its own; nobody else settles what is pending."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._ledger = means.ledger
        self._watch = Watch(means.visibility_seconds)

    def look(self, known: ActivityLane, leads: Mapping[str, int]) -> dict[str, Result]:
        """The fates of these once values, each with the lead that has the key now.

        Raises:
            MarketoError, GovernorError: Marketo cannot be asked now.
        """
        type_id, now = known.type_id, self._means.now()
        states = self._ledger.states(type_id, leads)
        pending = {each.once: each for each in self._ledger.pending() if each.type_id == type_id}
        results = {}
        due = []
        for once in leads:
            state = states.get(once, State.NONE)
            if state is State.NONE:
                results[once] = Result(Fate.AGAIN)
            elif state is not State.PENDING or once not in pending:
                results[once] = there_already(state)
            elif rest := self._rest(pending[once], now):
                results[once] = Result(Fate.UNKNOWN, wait_seconds=rest)
            else:
                due.append(pending[once])
        if due:
            results |= self._read(known, due, leads)
        return results

    def _rest(self, pending: Pending, now: float) -> float:
        """How many seconds it is too early to know."""
        which = pending.type_id, pending.once
        longest = 2 * self._means.timeout
        at_work = min(max(0.0, pending.sent_at + longest - now), longest)
        return max(at_work, self._watch.rest(which, now))

    def _read(
        self, known: ActivityLane, due: Sequence[Pending], leads: Mapping[str, int]
    ) -> dict[str, Result]:
        read_at = self._means.now()
        wanted = {each.once for each in due}
        try:
            found = self._find(known, due, leads)
        except (NotWhole, Rejected):
            return dict.fromkeys(wanted, _undecided())
        twice = sum(len(each) > 1 for each in found.values())
        if twice:
            logger.error("%d activities of type %s are in Marketo twice", twice, known.name)
        results = {once: Result(Fate.DONE) for once in found}
        gone = []
        for each in due:
            which = known.type_id, each.once
            if each.once in found:
                self._watch.forget(which)
            elif not known.once.described:
                results[each.once] = _undecided()  # the name by which it is read back is unknown
            elif not self._watch.is_absent(which, read_at):
                rest = self._watch.rest(which, self._means.now())
                results[each.once] = Result(Fate.UNKNOWN, wait_seconds=rest)
            elif each.attempts >= _ATTEMPTS:
                results[each.once] = _undecided()
            else:
                gone.append(each.once)
                results[each.once] = Result(Fate.AGAIN)
                self._watch.forget(which)
        self._means.before_move()
        done = {once: each[0].marketo_guid for once, each in found.items()}
        self._ledger.settle(known.type_id, done=done, none=gone)
        return results

    def _find(
        self, known: ActivityLane, due: Sequence[Pending], leads: Mapping[str, int]
    ) -> dict[str, list[Activity]]:
        """Those that Marketo has, by once value.

        A person who has gone may have been merged into another, and the activities with it: then
        everybody's are read.

        Raises:
            NotWhole, Rejected: Nobody can tell of those that were not found.
        """
        since = start_of(due)
        whose = {each.once: {leads[each.once], each.lead_id} for each in due}
        whom = set().union(*whose.values())
        found: dict[str, list[Activity]] = {}
        if len(whom) <= MAX_LEADS:
            found = self._among(known, since, whose, whom)
        else:
            try:
                return self._among(known, since, whose, ())
            except NotWhole:
                for some in _some_at_a_time(sorted(whom)):
                    found |= self._among(known, since, whose, some)
        missing = [each for each in due if each.once not in found]
        doubtful = set().union(*(whose[each.once] for each in missing)) if missing else set()
        if doubtful and set(self._means.still_there(doubtful)) != doubtful:
            found |= self._among(known, since, {each.once: set() for each in missing}, ())
        return found

    def _among(
        self,
        known: ActivityLane,
        since: float,
        wanted: Mapping[str, Any],
        leads: Collection[int],
    ) -> dict[str, list[Activity]]:
        whole = read_whole(self._means.activities, since, known.type_id, leads)
        return by_once(whole, known.once, wanted)


def there_already(state: State) -> Result:
    """Of a row that the ledger does not hand out."""
    if state is State.DONE:
        return Result(Fate.DONE, counted="the same")
    if state is State.UNDECIDED:
        return _undecided()
    return Result(Fate.UNKNOWN)  # of an earlier run, or under way: to be read back


def _undecided() -> Result:
    return Result(Fate.REFUSED, code=UNDECIDED, cure=DECIDE)


def _some_at_a_time(leads: Sequence[int]) -> Iterator[Sequence[int]]:
    return (leads[start : start + MAX_LEADS] for start in range(0, len(leads), MAX_LEADS))
