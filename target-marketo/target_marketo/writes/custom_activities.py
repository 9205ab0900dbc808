"""Custom activities: append-only at Marketo, and yet each once.

| lane             | a type of activity                                                         |
| one row          | the activity                                                               |
| done             | added; or there already                                                    |
| unknown outcome  | stays pending in the ledger, is read back, and only if absent sent again   |

Marketo has no key of an activity and takes none back (Adobe: "Activities"). The ledger
(store/activity_ledger.py) hands out each once value at one moment only: when the slot is granted,
in one commit, just before the bytes leave. What the ledger does not hand out drops out of the call.

activity_lanes.py      which types this run has found     activity_call.py       one call that adds
activity_lane.py       what must be known of a type       activity_read_back.py  what is pending
activity_body.py       an activity in bytes               activity_reading.py    what a log says
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from target_marketo.delivery.interface import (
    Answer,
    Attachment,
    CallFailed,
    Fate,
    Folding,
    OnUnknown,
    Result,
)
from target_marketo.governor import Cancelled
from target_marketo.mapping.attachments import part_of
from target_marketo.marketo.codes import Family
from target_marketo.marketo.errors import MarketoError, OutcomeUnknown, Rejected
from target_marketo.store.activity_ledger import State
from target_marketo.writes.activity_body import payload_of, row_of, shorter
from target_marketo.writes.activity_call import Call, NothingToSend, Sent, StoreIsSlow
from target_marketo.writes.activity_lane import WRITTEN_DAYS
from target_marketo.writes.activity_lanes import DOUBTS, ActivityLanes
from target_marketo.writes.activity_means import means_of
from target_marketo.writes.activity_read_back import DECIDE, ReadingBack, there_already
from target_marketo.writes.activity_reading import seconds_of
from target_marketo.writes.results import failure_of, results_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    from target_marketo.delivery.interface import Row
    from target_marketo.mapping.attachments import Attachment as Mapped
    from target_marketo.mapping.attachments import Lane
    from target_marketo.marketo.attachments import Rows, Written
    from target_marketo.writes.activity_lane import ActivityLane
    from target_marketo.writes.activity_means import Means
    from target_marketo.writes.parts import Parts

NAME = "custom_activities"

_SHORTENINGS = 6
_TOO_LONG = "1049"
_SLOW_STORE_SECONDS = 30.0
_STORE = "the store is too slow to note an activity just before it is sent: replay it later"
logger = logging.getLogger("target-marketo")


class CustomActivities:
    """Activities, as the engine's `Kind`. A lane is the mapping's `Lane`."""

    name = NAME
    unknown = OnUnknown.READ_BACK
    folding = Folding.FIRST

    def __init__(self, means: Means) -> None:
        self._means = means
        self._ledger = means.ledger
        self._lanes = ActivityLanes(means)
        self._reading = ReadingBack(means)
        self._told: set[Lane] = set()

    # As the engine asks

    def prepare(self) -> Mapping[Lane, Mapping[str, str]]:
        """Describes the types, and moves nothing, for a dry run does so too."""
        return self._lanes.describe()

    def attachment(self, mapped: Mapped) -> Attachment:
        """The activity of a record."""
        lane = mapped.lane
        return Attachment(NAME, lane, payload_of(mapped), mapped.once, self.part(lane))

    def part(self, lane: Lane) -> str:
        """What the error log calls activities of this lane."""
        return part_of(lane)

    def replaces(self, lane: Any, before: Any) -> bool:
        """Never: what is written stays as it is."""
        del lane, before
        return False

    def row(self, lead_id: int, payload: bytes) -> bytes:
        """The row, but for the type's id, which is looked up when the first is sent."""
        return row_of(lead_id, payload)

    def identity(self, lead_id: int, attachment: Attachment) -> Hashable | None:
        """Whoever it is attached to, and from whatever stream: one type and once value."""
        del lead_id
        lane: Any = attachment.lane
        return (lane.key, attachment.once)

    def skips(self, lane: Any) -> bool:
        """As `if_missing` says, of a type that is not there, or that may not be written."""
        return bool(lane.skip_if_missing) and self._lanes.is_missing(lane)

    def send(self, lane: Any, rows: Sequence[Row]) -> Answer:
        """Adds those that are not there yet.

        Raises:
            CallFailed, NotSent: There is no result for its rows.
        """
        results: dict[int, Result] = {}
        key_hash = self._means.key_hash
        sent = [Sent.of(place, row, key_hash(row.key)) for place, row in enumerate(rows)]
        with _told_to_the_engine(reading=True):
            known = self._lanes.open(lane)
            wanted = self._worth_sending(lane, known, sent, results)
        with _told_to_the_engine():
            request_id = self._add_all(lane, known, wanted, results)
        # Of two with one once value in a call only the first was sent.
        twice = there_already(State.PENDING)
        return Answer([results.get(each, twice) for each in range(len(rows))], request_id)

    def read_back(self, lane: Any, rows: Sequence[Row]) -> Answer:
        """What became of rows that are pending, of this run or of an earlier one.

        Raises:
            CallFailed, NotSent: Marketo cannot be asked now.
        """
        with _told_to_the_engine(reading=True):
            known = self._lanes.open(lane)
            found = self._reading.look(known, {str(row.once): row.lead_id for row in rows})
        return Answer([found[str(row.once)] for row in rows])

    def refused(self, connection: Any, rows: Sequence[tuple[str, str]]) -> None:
        """What is pending and refused is undecided: nothing sends it any more."""
        types = self._lanes.ids()
        for part, once in rows:
            if part in types:
                self._ledger.undecide(connection, types[part], [once])

    # Before anything is sent

    def _worth_sending(
        self,
        lane: Lane,
        known: ActivityLane,
        sent: list[Sent],
        results: dict[int, Result],
    ) -> list[Sent]:
        """Those that may be added now; of the others the results."""
        since = max(known.since, self._means.now() - WRITTEN_DAYS * 86_400.0)
        young = []
        for each in sent:
            if seconds_of(each.claim.date) < since:
                results[each.position] = Result(Fate.DONE, counted="skipped")
                self._tell_of_old_ones(lane, since)
            else:
                young.append(each)
        states = self._ledger.states(known.type_id, [each.once for each in young])
        wanted = []
        for each in young:
            state = states.get(each.once, State.NONE)
            if state is State.NONE:
                wanted.append(each)
            else:
                results[each.position] = there_already(state)
        if not wanted:
            return []
        oldest = min(seconds_of(each.claim.date) for each in wanted)
        not_yet = known.cover(
            oldest,
            self._means.activities,
            self._ledger,
            self._means.now,
            self._means.visibility_seconds,
        )
        if not_yet is None:
            return wanted
        later = Result(Fate.LATER, wait_seconds=not_yet.seconds, cure="replay it later")
        results.update((each.position, later) for each in wanted)
        return []

    def _tell_of_old_ones(self, lane: Lane, since: float) -> None:
        if lane not in self._told:
            self._told.add(lane)
            day = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(since))
            logger.info(
                "Activities of type %s from before %s are skipped: see `since` in `streams`",
                lane,
                day,
            )

    # Adding

    def _add_all(
        self, lane: Lane, known: ActivityLane, wanted: list[Sent], results: dict[int, Result]
    ) -> str:
        """Adds activities; those that Marketo finds too long again, with shorter texts."""
        request_id = ""
        for _ in range(_SHORTENINGS):
            if not wanted:
                break
            call = Call(self._means, known.type_id, wanted)
            try:
                answer = self._add(lane, known, call)
            except StoreIsSlow:
                later = Result(
                    Fate.LATER, wait_seconds=_SLOW_STORE_SECONDS, code="store", cure=_STORE
                )
                results.update((each.position, later) for each in wanted)
                break
            for each in wanted:
                state = call.in_the_way.get(each.once)
                if state is not None:
                    results[each.position] = there_already(state)
            if isinstance(answer, Result):
                late = [each for each in wanted if each.once not in call.in_the_way]
                results.update((each.position, answer) for each in late)
                break
            if answer is None:
                break
            request_id = answer.request_id
            self._settle(known.type_id, call.sent, answer.rows)
            answered = list(zip(call.sent, answer.rows, strict=True))
            told = results_of(answer.rows, self.part(lane), request_id, Family.ACTIVITIES)
            doubtful = any(row.skipped and row.code in DOUBTS for row in answer.rows)
            instead = self._lanes.look_again(lane, known) if doubtful else None
            results.update(
                (each.position, instead if instead and result.code in DOUBTS else _alone(result))
                for each, result in zip(call.sent, told, strict=True)
            )
            wanted = [
                each._replace(body=body)
                for each, row in answered
                if row.skipped
                and row.code == _TOO_LONG
                and (body := shorter(each.body, each.claim.lead_id, known.once.attribute.api_name))
            ]
        return request_id

    def _add(self, lane: Lane, known: ActivityLane, call: Call) -> Rows | Result | None:
        """Makes the call. What was surely not carried out goes back to none in the ledger.

        A result is that of all rows, None that nothing had to be sent.
        """
        try:
            return self._means.activities.add(call.rows)
        except OutcomeUnknown as error:
            # The state stays pending: only a reading can tell.
            raise CallFailed(
                error,
                Fate.UNKNOWN,
                code=error.code,
                cure=DECIDE,
                request_id=error.request_id,
                at_work_seconds=max(error.at_work_seconds, call.seconds_at_work()),
                halves=bool(error.code or error.after_timeout),
            ) from None
        except (MarketoError, Cancelled) as error:
            call.give_back()
            code = error.code if isinstance(error, MarketoError) else ""
            instead = self._lanes.look_again(lane, known) if code in DOUBTS else None
            if instead is None:
                raise
            return instead
        except NothingToSend:
            return None

    def _settle(self, type_id: int, sent: Sequence[Sent], rows: Sequence[Written]) -> None:
        done = {}
        refused = []
        for each, row in zip(sent, rows, strict=True):
            if row.skipped:
                refused.append(each.once)
            else:
                done[each.once] = row.marketo_guid
        self._means.before_move()
        self._ledger.settle(type_id, done=done, unsent=refused)


def of(parts: Parts) -> CustomActivities:
    """Activities with what a run has."""
    return CustomActivities(means_of(parts))


def _alone(result: Result) -> Result:
    """What would end the run ends this kind: people go on."""
    if result.fate is not Fate.ENDS_RUN:
        return result
    return Result(Fate.ENDS_KIND, code=result.code, cure=result.cure)


@contextmanager
def _told_to_the_engine(*, reading: bool = False) -> Iterator[None]:
    """A reading that is refused says itself what to do: the rows are not to blame."""
    try:
        yield
    except (MarketoError, Cancelled) as error:
        is_refused = reading and isinstance(error, Rejected)
        cure = str(error) if is_refused else ""
        raise failure_of(error, Family.ACTIVITIES, cure=cure) from None
