"""Batches: look up, decide, write.

One thread owns everything here and never waits for the network: calls run on worker threads, and
what comes of them arrives in the `inbox`, which the owner empties. Between its lookup and the end
of its write a person is *active*: records that come meanwhile are applied to a decision that was
not sent yet, or parked until the call is over, so one key is never in two calls at once.

    buffered -> looked up -> (nothing to do) ------------------> settled
                    |-> create or update, waiting for company -> sent -> settled
                                    ^                             |
                                    |------ held, looked up <-----| outcome unknown, race lost
"""

from __future__ import annotations

import heapq
import itertools
import math
import time
from collections import defaultdict, deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from target_marketo.delivery.entry import Buffer, Entry
from target_marketo.delivery.interface import Call, Done, Stale
from target_marketo.delivery.packing import Pending
from target_marketo.delivery.settlement import (
    Rejection,
    Standstill,
    are_about,
    cure_of,
    cure_of_row,
    end_of_run,
    sort,
)
from target_marketo.delivery.workers import Workers
from target_marketo.governor import Cancelled
from target_marketo.mapping.rules import Duplicates, decide
from target_marketo.marketo.call import MAX_ROWS
from target_marketo.marketo.errors import (
    MarketoError,
    OutcomeUnknown,
    SendFewer,
    Unavailable,
    of_row,
)
from target_marketo.marketo.replies import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from queue import SimpleQueue

    from target_marketo.delivery.entry import PersonId, Received
    from target_marketo.delivery.interface import Leads
    from target_marketo.delivery.summary import Summary
    from target_marketo.mapping.plan import Mapped, StreamPlan
    from target_marketo.mapping.refusals import Refused

CREATE, UPDATE = "createOnly", "updateOnly"

_AFTER_RACE_SECONDS = 0.0
_AFTER_TRANSIENT_SECONDS = 5.0  # the first time, then twice as long each time
_ASKED_AGAIN_SECONDS = 60.0  # how often for the fields, at most
_FRESH_SECONDS = 60.0  # how old what Marketo was seen to hold may be when it is written to
# What a field that is not there (any more) is answered with: when asked for, and when written.
_LOOKUP_REFUSED, _NO_SUCH_FIELD = "1003", "1006"
# What a key that several people have is answered with.
_SEVERAL = "1007"
_TOO_MANY = "more people share the key than one call can write; merge them in Marketo"

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Options:
    """The settings that shape batches; ages and time-outs in seconds."""

    batch_size: int = MAX_ROWS
    max_age: float = 60.0
    max_concurrent: int = 5
    duplicates: Duplicates = Duplicates.NEWEST
    partition: str | None = None
    outage_patience: float = 1800.0
    max_bytes: int = 32_000_000  # of records that are under way
    dry_run: bool = False


class Loader:
    """Brings people to Marketo in as few calls as their number allows.

    Args:
        leads: Marketo.
        options: The shape of batches.
        summary: Counts what becomes of the records.
        settle: Called with records that can no longer be lost.
        reject: Called with records that Marketo will not take; it settles them.
        arrived: Called with each person who is as the records want it.
        inbox: Where worker threads put a `Done`; the owner hands it to `handle`.
        check: Says what is wrong with a row, if anything is, before it leaves.
        gone: Asks Marketo whether a field has gone; if so the run ends.
        report: Called with each decision of a dry run.
        workers: Who makes the calls.
    """

    def __init__(
        self,
        leads: Leads,
        options: Options,
        summary: Summary,
        *,
        settle: Callable[[Iterable[int]], None],
        reject: Callable[[list[Rejection]], None],
        arrived: Callable[[Entry], None] = lambda _: None,
        inbox: SimpleQueue[Any],
        now: Callable[[], float] = time.monotonic,
        check: Callable[[Mapping[str, Any]], Refused | None] = lambda _: None,
        gone: Callable[[], bool] = lambda: False,
        report: Callable[[Entry], None] = lambda _: None,
        workers: Workers | None = None,
    ) -> None:
        self._leads = leads
        self._options = options
        self._summary = summary
        self._settle = settle
        self._reject = reject
        self._arrived = arrived
        self._inbox = inbox
        self._now = now
        self._check = check
        self._gone = gone
        self._asked_at = -math.inf  # for the fields
        self._report = report
        self._workers = workers or Workers(options.max_concurrent)
        self._most_flying = options.max_concurrent + 1  # one is there when another ends
        self._standstill = Standstill(options.outage_patience)
        self._buffers: dict[str, Buffer] = {}
        self._served: StreamPlan | None = None
        self._active: dict[PersonId, Entry] = {}
        self._parked: dict[PersonId, Entry] = {}
        self._pending: defaultdict[tuple[str, str], Pending] = defaultdict(Pending)
        self._held: list[tuple[float, int, list[Entry]]] = []
        self._again: deque[list[Entry]] = deque()
        self._held_number = itertools.count()
        self._writes: deque[tuple[Call, Callable[[], Any]]] = deque()  # to be made, before
        self._lookups: deque[tuple[Call, Callable[[], Any]]] = deque()  # these
        self._bytes = 0  # of the records under way
        self._flying = 0
        self._lookups_flying = 0
        self._stopped = False
        self.failure: Exception | None = None

    @property
    def busy(self) -> bool:
        """Enough is under way: no more records for now."""
        return bool(self._writes or self._lookups) or self._is_full

    @property
    def _is_full(self) -> bool:
        return self._bytes >= self._options.max_bytes

    @property
    def bytes(self) -> int:
        """What the records under way take of memory."""
        return self._bytes

    @property
    def flying(self) -> int:
        """Calls that were handed to the workers and are not over."""
        return self._flying

    @property
    def idle(self) -> bool:
        """Nothing is under way and nothing waits."""
        waiting = any(buffer.entries for buffer in self._buffers.values())
        return not (self._flying or self._active or waiting)

    def add(self, plan: StreamPlan, mapped: Mapped, received: Received) -> None:
        """Takes in one mapped record; may start a call."""
        person = plan.person(mapped.key)
        self._bytes += received.weight
        if plan is not self._served:
            self._serve(plan)
        active = self._active.get(person)
        if active is not None:
            self._add_to_active(active, plan, mapped, received)
            return
        buffer = self._buffers[plan.key]
        entry = buffer.entries.get(person)
        if entry is None:
            entry = Entry(person, mapped.key, self._now())
            buffer.put(entry)
        entry.add(plan, mapped, received)
        if buffer.full:
            self._look_up(buffer.take())

    def _serve(self, plan: StreamPlan) -> None:
        self._served = plan
        buffer = self._buffers.get(plan.key)
        if buffer is None:
            buffer = self._buffers[plan.key] = Buffer(plan.key, self._options.batch_size)
        buffer.serve(plan)

    def _add_to_active(
        self, active: Entry, plan: StreamPlan, mapped: Mapped, received: Received
    ) -> None:
        parked = self._parked.get(active.person)
        # Records of one person stay in their order: none goes past one that is parked.
        if parked is None and active.known_fields.issuperset(plan.lookup_fields):
            if active.leads is None:  # its lookup is under way
                active.add(plan, mapped, received)
                return
            if self._waiting(active):
                self._pending_of(active).pop(active)
                active.add(plan, mapped, received)
                self._decide([active])
                return
        if parked is None:
            parked = self._parked[active.person] = Entry(active.person, mapped.key, self._now())
        parked.add(plan, mapped, received)

    def due(self) -> float | None:
        """Seconds until something has waited long enough; None if nothing waits."""
        moments = [self._held[0][0]] if self._held else []
        since = [buffer.oldest for buffer in self._buffers.values()]
        since += [pending.oldest for pending in self._pending.values()]
        moments += [oldest + self._options.max_age for oldest in since if oldest is not None]
        return max(0.0, min(moments) - self._now()) if moments else None

    def tick(self, *, ending: bool = False) -> None:
        """Starts what has waited long enough; at the end of the input, everything."""
        if self.failure is not None or self._stopped:
            return
        now = self._now()
        while self._held and self._held[0][0] <= now:
            self._again.append(heapq.heappop(self._held)[2])
        while self._again:
            self._look_up(self._again.popleft())
        for buffer in self._buffers.values():
            aged = buffer.oldest is not None and now - buffer.oldest >= self._options.max_age
            while buffer.entries and (ending or aged or buffer.full or self._is_full):
                self._look_up(buffer.take())
        # At the end, rows that lookups still bring may fill up a call.
        self._send_ripe(all_of_it=self._is_full or (ending and not self._lookups_flying))

    def handle(self, done: Done) -> None:
        """Takes in the end of a call."""
        self._flying -= 1
        call, result = done
        if call.action is None:
            self._lookups_flying -= 1
        if isinstance(result, Cancelled):
            return  # not sent: its records stay unsettled, and the next run brings them again
        if isinstance(result, Stale):
            self._decide_anew(call)
        elif isinstance(result, MarketoError):
            self._failed(call, result)
        elif isinstance(result, Exception):
            self.failure = self.failure or result
        elif isinstance(result, Answer):
            self._written(call, result)
        else:
            self._found(call, result)
        self._dispatch()

    def stop(self) -> None:
        """Starts no more calls; those under way still arrive in the inbox."""
        self._stopped = True
        self._writes.clear()
        self._lookups.clear()

    # Lookups

    def _look_up(self, entries: list[Entry]) -> None:
        key_field = entries[0].person[0]
        fields = self._buffers[key_field].lookup_fields
        for entry in entries:
            self._active[entry.person] = entry
            entry.known_fields = fields
            entry.leads = entry.decision = None
        keys = [entry.key for entry in entries]
        self._start(
            Call(None, key_field, entries, self._now()),
            lambda: self._leads.lookup(key_field, keys, sorted(fields)),
        )

    def _found(self, call: Call, leads: list[dict[str, Any]]) -> None:
        by_key: dict[str, list[dict[str, Any]]] = {}
        for lead in leads:
            by_key.setdefault(str(lead.get(call.key_field, "")).lower(), []).append(lead)
        self._not_for_company(call)
        for entry in call.entries:
            entry.leads = by_key.get(entry.person[1], [])
        self._decide(call.entries)

    def _not_for_company(self, call: Call) -> None:
        """The age limit is about waiting for company, not for Marketo."""
        away = self._now() - call.started
        for entry in call.entries:
            entry.since += away

    # Decisions

    def _decide(self, entries: list[Entry]) -> None:
        unchanged = []
        duplicates = self._options.duplicates
        for entry in entries:
            decision = entry.decision = decide(entry.steps, entry.leads or (), duplicates)
            if decision.create is not None:
                self._put(CREATE, entry, [decision.create])
            elif decision.updates:
                rows = [{"id": update.lead_id, **update.values} for update in decision.updates]
                self._put(UPDATE, entry, rows)
            elif decision.too_many:
                self._refuse([(entry, None)], _SEVERAL, of_row(_SEVERAL).cure, "")
            else:
                unchanged.append(entry)
                if self._options.dry_run:
                    self._report(entry)
        self._end(unchanged)
        self._send_ripe()

    def _put(self, action: str, entry: Entry, rows: Sequence[Mapping[str, Any]]) -> None:
        """Has decided rows wait for company."""
        if len(rows) > MAX_ROWS:
            self._refuse([(entry, None)], _SEVERAL, _TOO_MANY, "")
            return
        for row in rows:
            refused = self._check(row)
            if refused is not None:
                self._refuse([(entry, None)], refused.code, refused.reason, "", refused.field)
                return
        entry.take_rows([_encode(row) for row in rows])
        self._pending[action, entry.person[0]].put(entry)

    def _send_ripe(self, *, all_of_it: bool = False) -> None:
        came_before = self._now() - self._options.max_age
        size = self._options.batch_size
        for (action, key_field), pending in self._pending.items():
            while pending.entries and (all_of_it or pending.ripe(size, came_before)):
                self._send(action, key_field, pending.take(size))

    def _waiting(self, entry: Entry) -> bool:
        """Decided, and not sent: another record can still be applied."""
        if entry.decision is None or not entry.rows:
            return False
        return entry.person in self._pending_of(entry).entries

    def _pending_of(self, entry: Entry) -> Pending:
        assert entry.decision is not None  # noqa: S101 - callers ask only for decided entries
        action = CREATE if entry.decision.create is not None else UPDATE
        return self._pending[action, entry.person[0]]

    # Writes

    def _send(
        self, action: str, key_field: str, entries: list[Entry], started: float | None = None
    ) -> None:
        if self._options.dry_run:
            for entry in entries:
                self._report(entry)
            self._end(entries)
            return
        rows = [row for entry in entries for row in entry.rows]
        lookup_field = key_field if action == CREATE else "id"
        partition = self._options.partition if action == CREATE else None
        call = Call(action, key_field, entries, self._now() if started is None else started)
        self._start(
            call,
            lambda: self._leads.sync(
                action, lookup_field, rows, partition, when_granted=lambda: self._is_fresh(call)
            ),
        )

    def _is_fresh(self, call: Call) -> None:
        """Asked by a worker when its slot is granted: it may have waited for that for long.

        Raises:
            Stale: Others may have written to these people since.
        """
        if self._now() - call.started > _FRESH_SECONDS:
            raise Stale

    def _decide_anew(self, call: Call) -> None:
        # So few slots that a write waits a minute for one: fewer calls wait for them then.
        self._most_flying = max(1, self._most_flying // 2)
        self._not_for_company(call)
        self._look_up(call.entries)

    def _written(self, call: Call, answer: Answer) -> None:
        if call.action == UPDATE and not are_about(answer.rows, call.entries):
            mixed_up = OutcomeUnknown("results of other rows", request_id=answer.request_id)
            self._outcome_unknown(call, mixed_up)
            return
        self._standstill.got_through()
        self._most_flying = min(self._most_flying + 1, self._options.max_concurrent + 1)
        sorted_out = sort(call.entries, answer.rows)
        self._end(sorted_out.ended)
        if sorted_out.fatal:
            error = end_of_run(sorted_out.fatal[0], call.action, answer.request_id)
            self.failure = self.failure or error
        unknown_field = sorted_out.refused.get(_NO_SUCH_FIELD)
        if unknown_field and not self._has_its_fields(call):
            del sorted_out.refused[_NO_SUCH_FIELD]
            self._hold([entry for entry, _ in unknown_field], self._until_asked_again())
        for code, entries in sorted_out.refused.items():
            self._refuse(entries, code, cure_of_row(code), answer.request_id)
        self._hold(sorted_out.again, _AFTER_RACE_SECONDS)
        for tries, later in sorted_out.later.items():
            self._hold(later, _AFTER_TRANSIENT_SECONDS * 2 ** (tries - 1))

    def _failed(self, call: Call, error: MarketoError) -> None:
        """A call that brought no result for its rows."""
        if isinstance(error, OutcomeUnknown) and call.action is not None:
            self._outcome_unknown(call, error)
        elif isinstance(error, SendFewer):
            self._send_fewer(call, error)
        elif error.code == _NO_SUCH_FIELD and not self._has_its_fields(call):
            self._hold(call.entries, self._until_asked_again())
        else:
            self.failure = self.failure or error

    def _outcome_unknown(self, call: Call, error: OutcomeUnknown) -> None:
        """Looks the people up again once the call can no longer be at work on them."""
        now = self._now()
        rest = self._standstill.failed(call.entries, error, now)
        if self._standstill.blames(call.entries, now):
            self._give_up(call, error, error.code or "unknown")
        elif self._standstill.lasts(now):
            minutes = self._options.outage_patience / 60
            text = f"no write has got through for {minutes:.0f} minutes; the last: {error}"
            self.failure = self.failure or Unavailable(text, code=error.code)
        else:
            self._hold(call.entries, rest)

    def _send_fewer(self, call: Call, error: SendFewer) -> None:
        has_its_fields = True
        if call.action is None and error.code == _LOOKUP_REFUSED:
            has_its_fields = self._has_its_fields(call)
        if len(call.entries) == 1:
            if has_its_fields:
                self._give_up(call, error, error.code)
            else:
                self._hold(call.entries, self._until_asked_again())
            return
        half = (len(call.entries) + 1) // 2
        for entries in (call.entries[:half], call.entries[half:]):
            if call.action is None:
                self._again.appendleft(entries)
                continue
            for entry in entries:
                entry.batch_limit = half
            self._send(call.action, call.key_field, entries, call.started)

    def _has_its_fields(self, call: Call) -> bool:
        """Whether Marketo, asked since the call was made, has every field of it.

        If not, the run ends, or it is too early to ask once more.
        """
        if self._asked_at > call.started:
            return True
        if self._until_asked_again():
            return False
        self._asked_at = self._now()
        return not self._gone()

    def _until_asked_again(self) -> float:
        return max(0.0, self._asked_at + _ASKED_AGAIN_SECONDS - self._now())

    def _give_up(self, call: Call, error: MarketoError, code: str) -> None:
        """The call's one person goes to the error log."""
        self._refuse([(call.entries[0], 0)], code, cure_of(error), error.request_id)

    def _hold(self, entries: list[Entry], seconds: float) -> None:
        """Keeps people active until it is safe to look at them again."""
        if entries:
            moment = self._now() + seconds
            heapq.heappush(self._held, (moment, next(self._held_number), entries))

    # Ends

    def _end(self, entries: list[Entry]) -> None:
        """The people are as the records want them to be."""
        summary = self._summary
        filled: list[str] = []
        for entry in entries:
            decision, records = entry.decision, len(entry.received)
            assert decision is not None  # noqa: S101 - only decided entries end
            if decision.kept:
                summary.kept.update(decision.kept)
            if decision.create is not None:
                summary.created += 1
                summary.delivered += records
                filled += decision.create
            elif decision.updates:
                summary.updated += 1
                summary.delivered += records
                for update in decision.updates:
                    filled += update.values
            else:
                summary.unchanged_people += 1
                summary.unchanged += records
            self._arrived(entry)
            self._release(entry)
        summary.filled.update(filled)
        self._settle([received.ticket for entry in entries for received in entry.received])

    def _refuse(
        self,
        entries: list[tuple[Entry, int | None]],
        code: str,
        advice: str,
        request_id: str,
        field: str = "",
    ) -> None:
        """The people go to the error log."""
        rejections = [
            Rejection(received, entry.key, code, field, advice, request_id, position)
            for entry, position in entries
            for received in entry.received
        ]
        self._reject(rejections)
        for entry, _ in entries:
            self._release(entry)

    def _release(self, entry: Entry) -> None:
        """Later records of the person may go on."""
        del self._active[entry.person]
        self._bytes -= entry.weight
        parked = self._parked.pop(entry.person, None)
        if parked is not None:
            self._buffers[entry.person[0]].put(parked)

    def _start(self, call: Call, work: Callable[[], Any]) -> None:
        if self._stopped or self.failure is not None:
            return  # the people stay active, unsettled: the next run brings them again
        self._lookups_flying += call.action is None
        (self._lookups if call.action is None else self._writes).append((call, work))
        self._dispatch()

    def _dispatch(self) -> None:
        """Hands calls to the workers. Writes go first: what was decided grows old."""
        if self._stopped or self.failure is not None:
            return
        while self._flying < self._most_flying and (self._writes or self._lookups):
            call, work = (self._writes or self._lookups).popleft()
            self._flying += 1
            self._workers.start(work, partial(self._over, call))

    def _over(self, call: Call, result: Any) -> None:
        """Told by the worker."""
        self._inbox.put(Done(call, result))
