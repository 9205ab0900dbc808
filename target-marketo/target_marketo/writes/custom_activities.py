"""Custom activities: append-only at Marketo, and yet each once.

| lane             | a type of activity                                                         |
| one row          | the activity                                                               |
| done             | added; or there already                                                    |
| unknown outcome  | stays pending in the ledger, is read back, and only if absent sent again   |

Marketo has no key of an activity and takes none back (Adobe: "Activities"). The ledger
(store/activity_ledger.py) hands out each once value at one moment only: when the slot is granted,
in one commit, just before the bytes leave. What the ledger does not hand out drops out of the call.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

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
from target_marketo.mapping.attachments import AttachmentKind
from target_marketo.mapping.texts import Limit
from target_marketo.marketo.activities import MAX_LEADS, Activities
from target_marketo.marketo.call import MAX_ROWS
from target_marketo.marketo.codes import Family
from target_marketo.marketo.errors import (
    EndsKind,
    EndsLane,
    MarketoError,
    OutcomeUnknown,
    Rejected,
)
from target_marketo.store.activity_ledger import ActivityLedger, Claim, State
from target_marketo.store.cache import Cache
from target_marketo.writes.activity_lane import (
    WRITTEN_DAYS,
    ActivityLane,
    NotWhole,
    open_lane,
    read_whole,
)
from target_marketo.writes.activity_reading import Watch, by_once, seconds_of, start_of
from target_marketo.writes.destinations import Destinations, NotThere
from target_marketo.writes.results import failure_of, results_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence

    from target_marketo.delivery.interface import Row
    from target_marketo.mapping.attachments import Attachment as Mapped
    from target_marketo.mapping.attachments import Lane
    from target_marketo.marketo.activities import Activity, ActivityType
    from target_marketo.marketo.attachments import Rows, Written
    from target_marketo.store.activity_ledger import Pending
    from target_marketo.writes.parts import Parts

NAME = "custom_activities"
UNDECIDED = "undecided"

_ATTEMPTS = 3
_MOST_SECONDS_TO_SEND = 5.0  # from the commit that claims rows until they leave
_CLAIMS = 3
_SHORTENINGS = 6
_TOO_LONG = "1049"
_NOT_THERE = "1013"
# What a call or a row may be answered for a type, or an attribute, that is not there any more.
_DOUBTS = frozenset({"1003", "1006", _NOT_THERE})
_BUSY_SECONDS = 5.0
_SLOW_STORE_SECONDS = 30.0
_DECIDE = (
    "nobody can tell whether it was written: look for it in Marketo, then marketo-ops errors "
    "decide ID --written, or --send"
)
_STORE = "the store is too slow to note an activity just before it is sent: replay it later"
logger = logging.getLogger("target-marketo")


class _Value(msgspec.Struct, frozen=True, rename="camel", gc=False):
    api_name: str
    value: Any


class _Body(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """An activity as it is sent, but for the two ids."""

    activity_date: str
    primary_attribute_value: str
    attributes: list[_Value]


_BODY = msgspec.json.Decoder(_Body)
_encode = msgspec.json.Encoder().encode


def payload_of(mapped: Mapped) -> bytes:
    """The activity of a record, without its person and type, whose ids are not known yet."""
    attributes = [_Value(name, value) for name, value in mapped.values.items()]
    return _encode(_Body(mapped.at, mapped.primary, attributes))


class _Sent(NamedTuple):
    """A row of a call: where it stands in the batch, and what the ledger is told of it."""

    position: int
    claim: Claim
    body: bytes

    @property
    def once(self) -> str:
        return self.claim.once


class _NothingToSend(Exception):
    """By the time that the slot was granted all rows were there."""


class _StoreIsSlow(Exception):
    """The rows could not be claimed just before they leave."""


@dataclass(frozen=True)
class Means:
    """What activities are written with.

    `find` describes a lane's type, and `forget` has it ask Marketo the next time. `still_there`
    tells which of some people Marketo still has under their id; `before_move` raises where this run
    may no longer write. `timeout` is how long a call is waited for, in seconds, and `now` is the
    time at Marketo, in seconds since 1970.
    """

    activities: Activities
    find: Callable[[Lane], ActivityType]
    ledger: ActivityLedger
    still_there: Callable[[Collection[int]], Collection[int]]
    now: Callable[[], float]
    timeout: float
    visibility_seconds: float = 60.0
    before_move: Callable[[], None] = lambda: None
    forget: Callable[[str], None] = lambda _: None
    key_hash: Callable[[str], str] = lambda _: ""
    monotonic: Callable[[], float] = time.monotonic


class CustomActivities:
    """Activities, as the engine's `Kind`. A lane is the mapping's `Lane`."""

    name = NAME
    unknown = OnUnknown.READ_BACK
    folding = Folding.FIRST

    def __init__(self, means: Means) -> None:
        self._means = means
        self._ledger = means.ledger
        self._watch = Watch(means.visibility_seconds)
        self._lanes: dict[Lane, ActivityLane | EndsKind | EndsLane] = {}
        self._flying: Counter[tuple[int, str]] = Counter()
        self._told: set[Lane] = set()
        self._doubted: set[Lane] = set()
        self._guards_lanes = threading.Lock()
        self._guards_flying = threading.Lock()

    # As the engine asks

    def prepare(self) -> None:
        """Nothing: a dry run must not move anything, so a type is found when the first is sent."""

    def attachment(self, mapped: Mapped) -> Attachment:
        """The activity of a record."""
        lane = mapped.lane
        return Attachment(NAME, lane, payload_of(mapped), mapped.once, self.part(lane))

    def part(self, lane: Lane) -> str:
        """What the error log calls activities of this lane."""
        return f"activity:{lane.key[0]}"

    def replaces(self, lane: Any, before: Any) -> bool:
        """Never: what is written stays as it is."""
        del lane, before
        return False

    def row(self, lead_id: int, payload: bytes) -> bytes:
        """The row, but for the type's id, which is looked up when the first is sent."""
        return b'{"leadId":%d,%b' % (lead_id, payload[1:])

    def identity(self, lead_id: int, attachment: Attachment) -> Hashable | None:
        """Whoever it is attached to, and from whatever stream: one type and once value."""
        del lead_id
        lane: Any = attachment.lane
        return (lane.key, attachment.once)

    def skips(self, lane: Any) -> bool:
        """As `if_missing` says, of a type that is not there, or that may not be written."""
        missing = isinstance(self._lanes.get(lane), NotThere | EndsKind)
        return bool(missing and lane.skip_if_missing)

    def send(self, lane: Any, rows: Sequence[Row]) -> Answer:
        """Adds those that are not there yet.

        Raises:
            CallFailed, NotSent: There is no result for its rows.
        """
        results: dict[int, Result] = {}
        with _told_to_the_engine():
            known = self._open(lane)
            sent = [self._sent(position, row) for position, row in enumerate(rows)]
            wanted = self._worth_sending(lane, known, sent, results)
            request_id = self._add_all(lane, known, wanted, results)
        # Of two with one once value in a call only the first was sent.
        twice = _there_already(State.PENDING)
        return Answer([results.get(each, twice) for each in range(len(rows))], request_id)

    def read_back(self, lane: Any, rows: Sequence[Row]) -> Answer:
        """What became of rows that are pending, of this run or of an earlier one.

        Raises:
            CallFailed, NotSent: Marketo cannot be asked now.
        """
        with _told_to_the_engine():
            known = self._open(lane)
            found = self._look(known, {str(row.once): row.lead_id for row in rows})
        return Answer([found[str(row.once)] for row in rows])

    def refused(self, connection: Any, rows: Sequence[tuple[str, str]]) -> None:
        """What is pending and refused is undecided: nothing sends it any more."""
        types = {
            self.part(lane): known.type_id
            for lane, known in list(self._lanes.items())
            if isinstance(known, ActivityLane)
        }
        for part, once in rows:
            if part in types:
                self._ledger.undecide(connection, types[part], [once])

    # Before anything is sent

    def _sent(self, position: int, row: Row) -> _Sent:
        date = _BODY.decode(row.row).activity_date
        key_hash = self._means.key_hash(row.key)
        return _Sent(position, Claim(str(row.once), row.lead_id, date, key_hash), row.row)

    def _open(self, lane: Lane) -> ActivityLane:
        with self._guards_lanes:
            known = self._lanes.get(lane)
            if known is None:
                known = self._lanes[lane] = self._found(lane)
        if isinstance(known, ActivityLane):
            return known
        raise _over(known)

    def _found(self, lane: Lane) -> ActivityLane | EndsKind | EndsLane:
        try:
            return open_lane(lane, self._means.find(lane), self._ledger, self._means.now())
        except (EndsKind, EndsLane) as error:
            return error

    def _look_at_the_type_again(self, lane: Lane, known: ActivityLane) -> Result | None:
        """Whether what Marketo refuses is the type's fault: asked once a run.

        None if the type is as it was; else what becomes of rows that were refused.
        """
        with self._guards_lanes:
            if lane not in self._doubted:
                self._doubted.add(lane)
                self._means.forget(lane.key[0])
                found = self._found(lane)
                if not isinstance(found, ActivityLane) or found.type_id != known.type_id:
                    self._lanes[lane] = found
            now = self._lanes[lane]
        if now is known:
            return None
        if isinstance(now, ActivityLane):  # made anew, with another id
            return Result(Fate.LATER, cure="replay it later")
        failure = _over(now)
        return Result(failure.fate, code=failure.code, cure=failure.cure)

    def _worth_sending(
        self,
        lane: Lane,
        known: ActivityLane,
        sent: list[_Sent],
        results: dict[int, Result],
    ) -> list[_Sent]:
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
                results[each.position] = _there_already(state)
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
        self, lane: Lane, known: ActivityLane, wanted: list[_Sent], results: dict[int, Result]
    ) -> str:
        """Adds activities; those that Marketo finds too long again, with shorter texts."""
        request_id = ""
        for _ in range(_SHORTENINGS):
            if not wanted:
                break
            call = _Call(self._means, known.type_id, wanted)
            with self._in_flight(known.type_id, wanted):
                try:
                    answer = self._add(lane, known, call)
                except _StoreIsSlow:
                    later = Result(
                        Fate.LATER, wait_seconds=_SLOW_STORE_SECONDS, code="store", cure=_STORE
                    )
                    results.update((each.position, later) for each in wanted)
                    break
                for each in wanted:
                    state = call.in_the_way.get(each.once)
                    if state is not None:
                        results[each.position] = _there_already(state)
                if isinstance(answer, Result):
                    results.update((each.position, answer) for each in wanted)
                    break
                if answer is None:
                    break
                request_id = answer.request_id
                self._settle(known.type_id, call.sent, answer.rows)
            answered = list(zip(call.sent, answer.rows, strict=True))
            told = results_of(answer.rows, self.part(lane), request_id, Family.ACTIVITIES)
            doubtful = any(row.skipped and row.code in _DOUBTS for row in answer.rows)
            instead = self._look_at_the_type_again(lane, known) if doubtful else None
            results.update(
                (each.position, instead if instead and result.code in _DOUBTS else _alone(result))
                for each, result in zip(call.sent, told, strict=True)
            )
            wanted = [
                shorter
                for each, row in answered
                if row.skipped
                and row.code == _TOO_LONG
                and (shorter := _shorter(each, known.once.attribute.api_name))
            ]
        return request_id

    def _add(self, lane: Lane, known: ActivityLane, call: _Call) -> Rows | Result | None:
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
                cure=_DECIDE,
                request_id=error.request_id,
                at_work_seconds=max(error.at_work_seconds, call.seconds_at_work()),
                halves=bool(error.code or error.after_timeout),
            ) from None
        except (MarketoError, Cancelled) as error:
            call.give_back()
            code = error.code if isinstance(error, MarketoError) else ""
            instead = self._look_at_the_type_again(lane, known) if code in _DOUBTS else None
            if instead is None:
                raise
            return instead
        except _NothingToSend:
            return None

    def _settle(self, type_id: int, sent: Sequence[_Sent], rows: Sequence[Written]) -> None:
        done = {}
        refused = []
        for each, row in zip(sent, rows, strict=True):
            if row.skipped:
                refused.append(each.once)
            else:
                done[each.once] = row.marketo_guid
        self._means.before_move()
        self._ledger.settle(type_id, done=done, unsent=refused)

    def _in_flight(self, type_id: int, sent: Sequence[_Sent]) -> _InFlight:
        keys = [(type_id, each.once) for each in sent]
        return _InFlight(self._flying, keys, self._guards_flying)

    # Reading back

    def _look(self, known: ActivityLane, leads: Mapping[str, int]) -> dict[str, Result]:
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
                results[once] = _there_already(state)
            elif rest := self._rest(pending[once], now):
                results[once] = Result(Fate.UNKNOWN, wait_seconds=rest)
            else:
                due.append(pending[once])
        if due:
            results |= self._read(known, due, leads)
        return results

    def _rest(self, pending: Pending, now: float) -> float:
        """How many seconds nothing can be told of it yet."""
        which = pending.type_id, pending.once
        with self._guards_flying:
            if self._flying[which]:
                return _BUSY_SECONDS
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
                results[each.once] = _undecided()  # by which name it is read back nobody knows
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


def of(parts: Parts) -> CustomActivities:
    """Activities with what a run has."""
    marketo, settings = parts.marketo, parts.settings
    destinations = Destinations(marketo, Cache(parts.database), settings.instance)

    def still_there(leads: Collection[int]) -> set[int]:
        some = sorted(leads)
        return {
            int(found["id"])
            for start in range(0, len(some), MAX_ROWS)
            for found in marketo.lookup("id", [str(i) for i in some[start:][:MAX_ROWS]], ["id"])
        }

    return CustomActivities(
        Means(
            activities=Activities(marketo),
            find=lambda lane: destinations.activity_type(lane.key[0], parts.lanes[lane]),
            forget=lambda named: destinations.forget(AttachmentKind.ACTIVITY, named),
            ledger=ActivityLedger(
                parts.database, settings.instance, parts.run, now=marketo.clock.now
            ),
            still_there=still_there,
            now=marketo.clock.now,
            timeout=marketo.timeout,
            visibility_seconds=settings.activity_visibility_seconds,
            before_move=lambda: marketo.before_write(),  # noqa: PLW0108 - set after this
            key_hash=parts.key_hash,
        )
    )


class _Call:
    """One call: claims its rows each time that its slot is granted, just before they leave.

    `sent` are those that were claimed last, `in_the_way` what the ledger says of the others.
    """

    def __init__(self, means: Means, type_id: int, wanted: Sequence[_Sent]) -> None:
        self._means = means
        self._type_id = type_id
        self._wanted = wanted
        self._claimed_at = means.monotonic()
        self.sent: list[_Sent] = []
        self.in_the_way: Mapping[str, State] = {}

    def rows(self) -> list[bytes]:
        """Asked by the API's client; if it was asked before, that call was not carried out.

        Raises:
            _NothingToSend, _StoreIsSlow: The call is not made.
        """
        self.give_back()
        claims = [each.claim for each in self._wanted]
        first = {each.once: each for each in reversed(self._wanted)}
        for _ in range(_CLAIMS):
            self._claimed_at = self._means.monotonic()
            claimed = self._means.ledger.claim(self._type_id, claims)
            self.sent = [first[once] for once in claimed.attempts]
            self.in_the_way = claimed.refused
            if not self.sent:
                raise _NothingToSend
            if self._means.monotonic() - self._claimed_at <= _MOST_SECONDS_TO_SEND:
                return [_with_type(each.body, self._type_id) for each in self.sent]
            self.give_back()
        raise _StoreIsSlow

    def give_back(self) -> None:
        """What was claimed has surely not been carried out."""
        if self.sent:
            self._means.before_move()
            unsent = [each.once for each in self.sent]
            self._means.ledger.settle(self._type_id, unsent=unsent)
            self.sent = []

    def seconds_at_work(self) -> float:
        """How long the call may still be at work: until twice its time-out after it was sent."""
        away = self._means.monotonic() - self._claimed_at
        if away > self._means.timeout + _MOST_SECONDS_TO_SEND:
            away = 0.0  # this process was frozen, nobody knows when it sent
        return 2 * self._means.timeout - away


class _InFlight:
    """Once values whose call is under way: nobody reads them back."""

    def __init__(
        self,
        flying: Counter[tuple[int, str]],
        keys: Sequence[tuple[int, str]],
        guard: threading.Lock,
    ) -> None:
        self._flying, self._keys, self._guard = flying, keys, guard

    def __enter__(self) -> None:
        with self._guard:
            self._flying.update(self._keys)

    def __exit__(self, *_: object) -> None:
        with self._guard:
            self._flying.subtract(self._keys)
            for key in self._keys:
                if self._flying[key] <= 0:
                    del self._flying[key]


def _with_type(body: bytes, type_id: int) -> bytes:
    return b'%b,"activityTypeId":%d}' % (body[:-1], type_id)


def _shorter(sent: _Sent, once: str) -> _Sent | None:
    """The same with the longest of its texts cut in half; None if nothing is left to cut.

    Marketo measures the attributes (Adobe: error 1049) in a way of its own.
    """
    body = _BODY.decode(sent.body)
    texts = [
        each for each in body.attributes if isinstance(each.value, str) and each.api_name != once
    ]
    longest = max(texts, key=lambda each: len(each.value.encode()), default=None)
    if longest is None or not longest.value:
        return None
    cut = Limit(bytes=len(longest.value.encode()) // 2).cut(longest.value)
    attributes = [
        _Value(each.api_name, cut) if each is longest else each for each in body.attributes
    ]
    changed = _encode(_Body(body.activity_date, body.primary_attribute_value, attributes))
    return sent._replace(body=b'{"leadId":%d,%b' % (sent.claim.lead_id, changed[1:]))


def _over(error: EndsKind | EndsLane) -> CallFailed:
    """What ends the lane, or the kind, as the engine takes it."""
    fate = Fate.ENDS_KIND if isinstance(error, EndsKind) else Fate.ENDS_LANE
    return CallFailed(error, fate, code=error.code or _NOT_THERE, cure=str(error))


def _alone(result: Result) -> Result:
    """What would end the run ends this kind: people go on."""
    if result.fate is not Fate.ENDS_RUN:
        return result
    return Result(Fate.ENDS_KIND, code=result.code, cure=result.cure)


def _there_already(state: State) -> Result:
    """Of a row that the ledger does not hand out."""
    if state is State.DONE:
        return Result(Fate.DONE, counted="the same")
    if state is State.UNDECIDED:
        return _undecided()
    return Result(Fate.UNKNOWN)  # of an earlier run, or under way: to be read back


def _undecided() -> Result:
    return Result(Fate.REFUSED, code=UNDECIDED, cure=_DECIDE)


@contextmanager
def _told_to_the_engine() -> Iterator[None]:
    try:
        yield
    except (MarketoError, Cancelled) as error:
        raise failure_of(error, Family.ACTIVITIES) from None


def _some_at_a_time(leads: Sequence[int]) -> Iterator[Sequence[int]]:
    return (leads[start : start + MAX_LEADS] for start in range(0, len(leads), MAX_LEADS))
