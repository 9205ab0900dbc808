"""The engine: records in, people to Marketo, then what is attached to them.

One thread owns everything here and never waits for the network: calls run on worker threads, and
their results arrive in the inbox, which the owner empties. Between its lookup and the end
of its write a person is *active*: records that come meanwhile are applied to a decision that was
not sent yet, or parked until the call is over, so one key is never in two calls at once. The
phases that a person goes through are drawn in entry.py.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from target_marketo.delivery.attachments import Attachments
from target_marketo.delivery.buffer import Buffer
from target_marketo.delivery.entry import Entry, Phase, move
from target_marketo.delivery.known import Known
from target_marketo.delivery.means import Means, Options
from target_marketo.delivery.steps import CREATE, UPDATE, Steps
from target_marketo.delivery.workers import Dispatch, Rests, Workers
from target_marketo.mapping.rules import Decision, Duplicates

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from queue import SimpleQueue

    from target_marketo.delivery.ending import Ending
    from target_marketo.delivery.entry import Attached, PersonId, Received
    from target_marketo.delivery.interface import Attachment, Kind, People
    from target_marketo.delivery.settlement import Settlement, Why
    from target_marketo.delivery.workers import Done
    from target_marketo.mapping.plan import Mapped, StreamPlan

__all__ = ["CREATE", "UPDATE", "Engine", "Options"]


class Engine:
    """Brings people to Marketo in as few calls as their number allows, and what belongs to them.

    Args:
        people: How people are looked up and written.
        options: The shape of batches.
        settlement: Learns how the records end.
        ending: Told why the run ends, if it does.
        inbox: Where worker threads put a `Done`; the owner hands it to `handle`.
        kinds: The kinds of attachments, by name.
        workers: Who makes the calls.
    """

    def __init__(
        self,
        people: People,
        options: Options,
        settlement: Settlement,
        ending: Ending,
        inbox: SimpleQueue[Any],
        *,
        kinds: Mapping[str, Kind] | None = None,
        now: Callable[[], float] = time.monotonic,
        workers: Workers | None = None,
    ) -> None:
        self._options = options
        self._settlement = settlement
        self._ending = ending
        self._now = now
        workers = workers or Workers(options.max_concurrent)
        self._dispatch = Dispatch(workers, inbox, ending, options.max_concurrent)
        self._rests = Rests(now)
        means = Means(options, settlement, ending, self._dispatch, self._rests, now)
        self._steps = Steps(means, people, self)
        self._attachments = Attachments(means, kinds, self._look_for_owner) if kinds else None
        self._buffers: dict[str, Buffer] = {}
        self._served: StreamPlan | None = None
        self._active: dict[PersonId, Entry] = {}
        self._absent: dict[Entry, None] = {}
        self._known = Known(now)
        self._stopped = False

    @property
    def busy(self) -> bool:
        """Enough is under way: no more records for now."""
        return self._dispatch.waits or self._is_full

    @property
    def _is_full(self) -> bool:
        return self._settlement.bytes >= self._options.max_bytes

    @property
    def flying(self) -> int:
        """Calls that were handed to the workers and are not over."""
        return self._dispatch.flying

    @property
    def idle(self) -> bool:
        """Nothing is under way and nothing waits."""
        waiting = any(buffer.entries for buffer in self._buffers.values())
        attached = self._attachments is not None and self._attachments.open
        return not (self.flying or self._active or waiting or attached)

    # Records

    def add(
        self,
        plan: StreamPlan,
        mapped: Mapped,
        received: Received,
        attachments: Sequence[Attachment] = (),
    ) -> None:
        """Takes in one mapped record; may start a call.

        `attachments` follow once its person is there.
        """
        person = plan.person(mapped.key)
        if plan is not self._served:
            self._serve(plan)
        active = self._active.get(person)
        if active is not None:
            self._add_to_active(active, plan, mapped, received, attachments)
            return
        buffer = self._buffers[plan.key]
        entry = buffer.entries.get(person)
        if entry is None:
            entry = self._new(person, mapped.key, buffer)
        self._settlement.bytes += entry.add(plan, mapped, received, attachments)
        if (entry.attached or self._known.heard(person)) and self._is_as_it_should_be(entry):
            buffer.drop(entry)
            self._end_at_once(entry)
        elif buffer.full:
            self._look_up(buffer)

    def _add_to_active(
        self,
        active: Entry,
        plan: StreamPlan,
        mapped: Mapped,
        received: Received,
        attachments: Sequence[Attachment],
    ) -> None:
        entry = self._open_for_more(active, plan)
        waiting = entry.phase is Phase.WAITING
        if waiting:
            self._steps.take_back(entry)
        self._settlement.bytes += entry.add(plan, mapped, received, attachments)
        if waiting:
            self._steps.decide([entry])

    def _serve(self, plan: StreamPlan) -> None:
        self._served = plan
        buffer = self._buffers.get(plan.key)
        if buffer is None:
            buffer = self._buffers[plan.key] = Buffer(plan.key, self._options.batch_size)
        buffer.serve(plan)

    def _new(self, person: PersonId, key: str, buffer: Buffer) -> Entry:
        entry = Entry(person, key, phase=Phase.BUFFERED, since=self._now())
        buffer.put(entry)
        return entry

    def _open_for_more(self, active: Entry, plan: StreamPlan) -> Entry:
        """The entry that another record of the person is applied to."""
        # Records of one person stay in their order: none goes past one that is parked.
        if active.parked is not None:
            return active.parked
        if active.phase is Phase.ABSENT:
            self._ask_again(active)
            return active
        if active.phase in _OPEN and active.known_fields.issuperset(plan.lookup_fields):
            return active
        return self._park_behind(active)

    def _park_behind(self, active: Entry) -> Entry:
        active.parked = Entry(active.person, active.key, phase=Phase.PARKED, since=self._now())
        return active.parked

    def _is_as_it_should_be(self, entry: Entry) -> bool:
        """Nothing is to be written to the person, and who that is is known."""
        if not (entry.gone or (entry.attached and self._known.lead(entry.person) is None)):
            if not entry.steps:
                return bool(entry.attached)
            # By another key, too, somebody may have been written to.
            if len(self._buffers) == 1 and self._known.says_nothing_new(entry):
                return True
        self._known.will_be_looked_up(entry.person)
        return False

    def _end_at_once(self, entry: Entry) -> None:
        """Without a lookup."""
        self._active[entry.person] = entry
        entry.lead_id = self._known.lead(entry.person)
        entry.decision = Decision()
        self._end([entry])

    # Time

    def due(self) -> float | None:
        """Seconds until something has waited long enough; None if nothing waits."""
        moments = [] if self._rests.next is None else [self._rests.next]
        since = [buffer.oldest for buffer in self._buffers.values()]
        since += self._steps.oldest()
        if self._attachments is not None:
            since += self._attachments.oldest()
        moments += [oldest + self._options.max_age for oldest in since if oldest is not None]
        return max(0.0, min(moments) - self._now()) if moments else None

    def tick(self, *, ending: bool = False) -> None:
        """Starts what has waited long enough; at the end of the input, everything."""
        if self._ending.has_come or self._stopped:
            return
        self._rests.work_off()
        full = self._is_full
        if self._absent:
            self._ask_who_was_absent(ended=ending)
        now = self._now()
        for buffer in self._buffers.values():
            aged = buffer.oldest is not None and now - buffer.oldest >= self._options.max_age
            while buffer.entries and (ending or full or aged or buffer.full):
                self._look_up(buffer)
        # At the end, rows that lookups still bring may fill up a call.
        self._steps.send_ripe(all_of_it=full or (ending and not self._steps.lookups))
        if self._attachments is not None:
            # Who is absent brings none that these could wait for: it is looked up after them.
            alone = len(self._active) == len(self._absent)
            self._attachments.send_ripe(all_of_it=full or (ending and alone))

    def handle(self, done: Done) -> None:
        """Takes in the end of a call."""
        self._dispatch.take_in(done)

    def stop(self) -> None:
        """Starts no more calls; those under way still arrive in the inbox."""
        self._stopped = True
        self._dispatch.stop()

    def _look_up(self, buffer: Buffer) -> None:
        entries = buffer.take()
        self._known.forget_what_was_said()
        for entry in entries:
            self._active[entry.person] = entry
        self._steps.look_up(entries, buffer.lookup_fields)

    # Those who are not there

    def absent(self, entry: Entry) -> None:
        """Nobody is there, and nobody is made of these records: may be of another's, soon."""
        if entry.parked is not None:
            entry.absorb(entry.parked)
            entry.parked = None
            self._to_buffer(entry)
        elif entry.asked_again or not entry.received:
            self._settlement.nobody([entry])
            self._lose(entry)
            self._release([entry])
        else:
            move([entry], Phase.ABSENT)
            self._absent[entry] = None
            self._settlement.waits(entry)

    def _ask_who_was_absent(self, *, ended: bool) -> None:
        """All that came before the next STATE is settled: nobody else can have made them."""
        before = math.inf if self._is_full else self._settlement.quiet_before(ended=ended)
        for entry in [each for each in self._absent if each.received[-1].ticket < before]:
            self._ask_again(entry)
            entry.asked_again = True

    def _ask_again(self, entry: Entry) -> None:
        self._settlement.waits_no_more(entry)
        del self._absent[entry]
        self._to_buffer(entry)

    def _to_buffer(self, entry: Entry) -> None:
        del self._active[entry.person]
        entry.since = self._now()
        move([entry], Phase.BUFFERED)
        self._buffers[entry.person[0]].put(entry)

    def _look_for_owner(self, item: Attached) -> None:
        """The person of an attachment has gone from under its id: is looked up by key once more."""
        self._known.has_gone(item.person)
        active, buffer = self._active.get(item.person), self._buffers[item.person[0]]
        if active is not None:
            entry = active.parked or self._park_behind(active)
        else:
            entry = buffer.entries.get(item.person) or self._new(item.person, item.key, buffer)
        entry.gone = [*(entry.gone or ()), item]

    def _lose(self, entry: Entry) -> None:
        if entry.gone and self._attachments is not None:
            self._attachments.lost(entry.gone)

    # Ends

    def over(self, entries: list[Entry]) -> None:
        """The people are as the records want them to be."""
        if not self._options.dry_run:
            self._known.said(entries)
        self._end(entries)

    def _end(self, entries: list[Entry]) -> None:
        self._settlement.done(entries)
        if self._attachments is not None:
            for entry in entries:
                self._follow(entry, self._attachments)
        self._release(entries)

    def _follow(self, entry: Entry, attachments: Attachments) -> None:
        """What is attached to the person may go now."""
        lead_id = self._lead_of(entry)
        if lead_id is not None:
            self._known.has_lead(entry.person, lead_id)
        if entry.attached:
            attachments.add(entry.attached, lead_id)
        if entry.gone and lead_id is not None:
            attachments.resume(entry.gone, lead_id)

    def _lead_of(self, entry: Entry) -> int | None:
        """Whom attachments go to: of several, the newest unless the oldest was asked for."""
        if entry.lead_id is not None or not entry.leads:
            return entry.lead_id
        choose = min if self._options.duplicates is Duplicates.OLDEST else max
        return choose(int(lead["id"]) for lead in entry.leads)

    def refused(self, entries: list[tuple[Entry, int | None]], why: Why) -> None:
        """The people go to the error log, and nothing that is attached to them is sent."""
        self._settlement.refused(entries, why)
        for entry, _ in entries:
            self._lose(entry)
        self._release([entry for entry, _ in entries])

    def left_out(self, entry: Entry, position: int | None, why: Why) -> None:
        """The person goes on without fields that were refused."""
        self._settlement.left_out(entry, position, why)

    def _release(self, entries: Sequence[Entry]) -> None:
        """Later records of the people may go on."""
        move(entries, Phase.ENDED)
        active = self._active
        for entry in entries:
            del active[entry.person]
            if entry.parked is not None:
                move([entry.parked], Phase.BUFFERED)
                if self._is_as_it_should_be(entry.parked):
                    self._end_at_once(entry.parked)
                else:
                    self._buffers[entry.person[0]].put(entry.parked)


_OPEN = frozenset({Phase.LOOKED_UP, Phase.WAITING})
