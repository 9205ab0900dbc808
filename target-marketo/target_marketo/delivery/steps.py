"""A person's step: looked up, decided, written. The calls about people, and their results."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from target_marketo.delivery import preview
from target_marketo.delivery.addresses import Addresses
from target_marketo.delivery.entry import Phase, move
from target_marketo.delivery.interface import Answer, CallFailed, Fate, NotSent, Stale, Unavailable
from target_marketo.delivery.known import is_fresh
from target_marketo.delivery.outcomes import are_about, sort
from target_marketo.delivery.packing import Pending
from target_marketo.delivery.settlement import Why
from target_marketo.delivery.standstill import Standstill
from target_marketo.delivery.workers import Call
from target_marketo.mapping import identity
from target_marketo.mapping.refusals import Refusal
from target_marketo.mapping.rules import Decision, decide

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from target_marketo.delivery.entry import Entry
    from target_marketo.delivery.interface import People
    from target_marketo.delivery.means import Means

CREATE, UPDATE = "createOnly", "updateOnly"

_ASKED_AGAIN_SECONDS = 60.0  # how often for the fields, at most
_MOST_ROWS = 300  # of a call, whatever a batch is
_SEE = "see what Marketo holds, then replay"
_SEVERAL = Why("1007", "merge them, or set `duplicates`")
_CONFLICT = Why(Refusal.KEY_CONFLICT, Refusal.KEY_CONFLICT.cure, field=identity.EMAIL)
_UNKNOWN_ID = Why(Refusal.UNKNOWN_ID, Refusal.UNKNOWN_ID.cure, field=identity.ID)
_TOO_MANY = Why("1007", "more people share the key than one call can write; merge them in Marketo")

_encode = msgspec.json.Encoder().encode

Decided = tuple["Entry", "Sequence[Mapping[str, Any]]"]
"""Somebody, and the rows that are to be sent."""


class Home(Protocol):
    """Where people come from, and go to when their step is over."""

    def over(self, entries: list[Entry]) -> None:
        """They are as their records want them."""

    def refused(self, entries: list[tuple[Entry, int | None]], why: Why) -> None:
        """They go to the error log."""

    def left_out(self, entry: Entry, position: int | None, why: Why) -> None:
        """They go on without fields that Marketo refused their row for."""

    def absent(self, entry: Entry) -> None:
        """Nobody is there, and nobody is made of these records alone."""


class Steps:
    """The steps that are under way. `lookups` counts the lookups among them."""

    def __init__(self, means: Means, people: People, home: Home) -> None:
        self._means = means
        self._people = people
        self._home = home
        self._options = means.options
        self._ending = means.ending
        self._dispatch = means.dispatch
        self._now = means.now
        self._standstill = Standstill(means.options.outage_patience)
        self._pending: dict[tuple[str, str], Pending[Entry]] = defaultdict(
            lambda: Pending(means.options.size)
        )
        self._addresses = Addresses()
        self._never: dict[str, Why] = {}  # fields that are refused whatever their value
        self._asked_at = -math.inf  # for the fields
        self.lookups = 0

    def oldest(self) -> Iterator[float | None]:
        """Since when somebody has waited for company, lane by lane."""
        for pending in self._pending.values():
            yield pending.oldest

    def take_back(self, entry: Entry) -> None:
        """Somebody who waits for company does not any more: there is more of them."""
        self._pending_of(entry).pop(entry)

    def look_up(self, entries: list[Entry], fields: frozenset[str] | None = None) -> None:
        """Begins with people of one key field; `fields` of them are looked up."""
        move(entries, Phase.LOOKED_UP)
        now = self._now()
        for entry in entries:
            entry.looked_up_at = now
            if fields is not None:
                entry.known_fields = fields
            if entry.leads is not None:  # looked up before
                entry.leads = entry.decision = None
                entry.address = ""
        self._ask(entries[0].person[0], entries)

    def _ask(self, key_field: str, entries: list[Entry]) -> None:
        by_key = key_field == entries[0].person[0]
        keys = [entry.key if by_key else entry.address for entry in entries]
        found_by = () if by_key else (key_field,)
        fields = sorted(frozenset(found_by).union(*{entry.known_fields for entry in entries}))
        self.lookups += 1
        self._dispatch.start(
            Call(self, key_field, entries, self._now(), reads=True),
            lambda: self._people.look_up(key_field, keys, fields),
        )

    def ended(self, call: Call, result: Any) -> None:
        """A call of people is over."""
        self.lookups -= call.reads
        if isinstance(result, NotSent):
            return  # its records stay unsettled, and the next run brings them again
        if isinstance(result, Stale):
            self._decide_again(call)
        elif isinstance(result, CallFailed):
            self._failed(call, result)
        elif isinstance(result, Exception):
            self._ending.because(result)
        elif isinstance(result, Answer):
            self._written(call, result)
        else:
            self._found(call, result)

    def _found(self, call: Call, leads: list[dict[str, Any]]) -> None:
        found: dict[str, list[dict[str, Any]]] = {}
        for lead in leads:
            found.setdefault(str(lead.get(call.lane, "")).lower(), []).append(lead)
        self._not_for_company(call)
        if call.lane != call.items[0].person[0]:
            self._found_by_address(call.items, found)
            return
        for entry in call.items:
            entry.leads = found.get(entry.person[1], [])
        self.decide(call.items)

    def _found_by_address(
        self, entries: list[Entry], found: Mapping[str, list[dict[str, Any]]]
    ) -> None:
        """Nobody is made, and no address written, where somebody else has it."""
        others = []
        for entry in entries:
            key_field, key = entry.person
            known = identity.known(key_field, entry.leads or (), found.get(entry.address, ()), key)
            if known.conflict:
                others.append(entry)
            else:
                entry.leads = [dict(lead) for lead in known.leads]
                if known.adopts:
                    entry.steps.append(identity.adoption(key_field, entry.key, entry.steps))
        self._conflict(others)
        self.decide([entry for entry in entries if entry not in others])

    def _ask_by_address(self, entries: list[Entry]) -> None:
        """Who has the addresses that these people would get."""
        free = [entry for entry in entries if self._addresses.claim(entry.address, entry.person)]
        self._conflict([entry for entry in entries if entry not in free])
        if free:
            move(free, Phase.LOOKED_UP)
            self._ask(identity.EMAIL, free)

    def _not_for_company(self, call: Call) -> None:
        """The age limit is about waiting for company, not for Marketo."""
        away = self._now() - call.started
        for entry in call.items:
            entry.since += away

    def decide(self, entries: Sequence[Entry]) -> None:
        """Compares what the records say with what was found."""
        unchanged: list[Entry] = []
        creates: list[Decided] = []
        updates: list[Decided] = []
        duplicates = self._options.duplicates
        if entries and entries[0].person[0] != identity.EMAIL:
            entries = self._free_to_decide(entries)
        for entry in entries:
            if not entry.leads and not entry.may_create:
                self._nobody(entry)
                continue
            steps, leads = entry.steps, entry.leads or ()
            decision = decide(steps, leads, duplicates) if steps else Decision()
            entry.decision = decision
            if decision.create is not None:
                creates.append((entry, [decision.create]))
            elif decision.updates:
                rows = [{"id": update.lead_id, **update.values} for update in decision.updates]
                updates.append((entry, rows))
            elif decision.too_many:
                self._home.refused([(entry, None)], _SEVERAL)
            else:
                unchanged.append(entry)
                if self._options.dry_run:
                    preview.tell(entry)
        self._put(CREATE, creates)
        self._put(UPDATE, updates)
        self._home.over(unchanged)
        self.send_ripe()

    def _conflict(self, entries: list[Entry]) -> None:
        """Their addresses are of people with another key."""
        if entries:
            self._home.refused([(entry, None) for entry in entries], _CONFLICT)

    def _free_to_decide(self, entries: Iterable[Entry]) -> list[Entry]:
        """Those who get no address; who has it is looked up first, where the key is another."""
        free: list[Entry] = []
        asking: list[Entry] = []
        for entry in entries:
            address = identity.address_at_stake(
                entry.steps, entry.leads or (), self._options.duplicates
            )
            (free if address in ("", entry.address) else asking).append(entry)
            entry.address = address
        if asking:
            self._ask_by_address(asking)
        return free

    def _nobody(self, entry: Entry) -> None:
        """Nobody is there, and nobody is made of these records."""
        if entry.person[0] == identity.ID and entry.received:
            self._home.refused([(entry, None)], _UNKNOWN_ID)
        else:
            self._home.absent(entry)

    def _put(self, action: str, decided: Sequence[Decided]) -> None:
        """Has decided rows wait for company."""
        if not decided:
            return
        move([entry for entry, _ in decided], Phase.WAITING)
        pending = self._pending[action, decided[0][0].person[0]]
        all_fit = self._objection([row for _, rows in decided for row in rows]) is None
        for entry, rows in decided:
            if len(rows) > _MOST_ROWS:
                self._home.refused([(entry, None)], _TOO_MANY)
            elif all_fit or (why := self._objection(rows)) is None:
                entry.take_rows(list(map(_encode, rows)))
                pending.put(entry)
            elif self._goes_without(entry, None, why):
                self.decide([entry])
            else:
                self._home.refused([(entry, None)], why)

    def _objection(self, rows: Sequence[Mapping[str, Any]]) -> Why | None:
        """Why rows would be refused, as far as that is known before they are sent."""
        for name, why in self._never.items():
            if any(name in row for row in rows):
                return why
        refused = self._people.refuses(rows)
        if refused is None:
            return None
        field = refused.field
        return Why(refused.code, refused.reason, field=field, without=frozenset({field}))

    def _goes_without(self, entry: Entry, position: int | None, why: Why) -> bool:
        """Has an odd value cost its field, if the person can be written without it."""
        if not self._options.leaves_out or entry.person[0] in why.without:
            return False
        if not any(why.without & step.values.keys() for step in entry.steps):
            return False  # so each time they say less, and it ends
        self._home.left_out(entry, position, why)
        entry.go_without(why.without)
        return True

    def _pending_of(self, entry: Entry) -> Pending[Entry]:
        assert entry.decision is not None  # noqa: S101 - callers ask only for decided entries
        action = CREATE if entry.decision.create is not None else UPDATE
        return self._pending[action, entry.person[0]]

    def send_ripe(self, *, all_of_it: bool = False) -> None:
        """Sends what need not wait any longer."""
        now = self._now()
        for (action, key_field), pending in self._pending.items():
            if pending.items:
                for entries in pending.calls(now, all_of_it=all_of_it):
                    self._send(action, key_field, entries, now)

    def _send(self, action: str, key_field: str, entries: list[Entry], started: float) -> None:
        if self._options.dry_run:
            for entry in entries:
                preview.tell(entry)
            self._home.over(entries)
            return
        move(entries, Phase.SENT)
        rows = [row for entry in entries for row in entry.rows]
        call = Call(self, (action, key_field), entries, started)
        self._dispatch.start(
            call,
            lambda: self._people.write(
                action, key_field, rows, when_granted=lambda: self._is_fresh(call)
            ),
        )

    def _is_fresh(self, call: Call) -> None:
        """Asked by a worker when its slot is granted: it may have waited for that for long.

        Raises:
            Stale: Others may have written to these people since.
        """
        if not is_fresh(call.started, self._now()):
            raise Stale

    def _decide_again(self, call: Call) -> None:
        self._dispatch.was_late()
        self._not_for_company(call)
        self.look_up(call.items)

    def _written(self, call: Call, answer: Answer) -> None:
        if call.lane[0] == UPDATE and not are_about(answer.results, call.items):
            mixed_up = Unavailable("the results are of other rows than were sent")
            failure = CallFailed(mixed_up, Fate.UNKNOWN, cure=_SEE, request_id=answer.request_id)
            self._outcome_unknown(call, failure)
            return
        self._standstill.got_through()
        self._dispatch.was_in_time()
        found = sort(call.items, answer)
        self._home.over(found.done)
        for error in found.ends:
            self._ending.because(error)
        doubted = [entry for each in found.doubted.values() for entry, _ in each]
        if doubted and not self._has_its_fields(call, doubted):
            self._hold_in_doubt(doubted)
        else:
            found.refused |= found.doubted
        for why, entries in found.refused.items():
            if why.always:
                self._never |= dict.fromkeys(why.without, why)
            again = [entry for entry, at in entries if self._goes_without(entry, at, why)]
            self._hold(again, 0.0)
            for_good = [each for each in entries if each[0] not in again]
            if for_good:
                self._home.refused(for_good, why)
        self._hold(found.again, 0.0)
        for seconds, later in found.later.items():
            self._hold(later, seconds)

    def _failed(self, call: Call, failure: CallFailed) -> None:
        """A call that brought no result for its rows."""
        if failure.fate is Fate.UNKNOWN and not call.reads:
            self._outcome_unknown(call, failure)
            return
        refused = failure.fate is Fate.REFUSED
        if failure.doubts and not self._has_its_fields(call, call.items):
            if self._ending.has_come:
                return
            if not refused or len(call.items) == 1:
                self._hold_in_doubt(call.items)
                return
        if refused:
            self._send_fewer(call, failure)
        else:
            self._ending.because(failure.error)

    def _outcome_unknown(self, call: Call, failure: CallFailed) -> None:
        """Looks the people up again once the call can no longer be at work on them."""
        now = self._now()
        rest = self._standstill.failed(call.items, failure, now)
        if self._standstill.blames(call.items, now):
            self._give_up(call, failure)
        elif self._standstill.lasts(now):
            self._ending.because(self._standstill.end(failure))
        else:
            self._hold(call.items, rest)

    def _send_fewer(self, call: Call, failure: CallFailed) -> None:
        if len(call.items) == 1:
            self._give_up(call, failure)
            return
        half = (len(call.items) + 1) // 2
        for entries in (call.items[:half], call.items[half:]):
            if call.reads:
                self._ask(call.lane, entries)
                continue
            for entry in entries:
                entry.batch_limit = half
            action, key_field = call.lane
            self._send(action, key_field, entries, call.started)

    def _has_its_fields(self, call: Call, entries: Sequence[Entry]) -> bool:
        """Whether Marketo has every field of these people of a call.

        Asked since they were answered, for a field may go while a call is under way; of people who
        are in doubt once more it is enough that it was asked since their call was made. If not, the
        run ends, or it is too early to ask once more.
        """
        if self._ending.has_come:
            return False  # maybe because Marketo, asked since then, lacks one of them
        if self._asked_at > call.started and all(entry.doubted for entry in entries):
            return True
        if self._until_asked_again():
            return False
        self._asked_at = self._now()
        with self._ending.waiting():
            lost = self._people.lost_fields()
        if lost is not None:
            self._ending.because(lost)
        return lost is None

    def _hold_in_doubt(self, entries: list[Entry]) -> None:
        """A field of theirs may have gone, and it is too early to ask."""
        for entry in entries:
            entry.doubted = True
        self._hold(entries, self._until_asked_again())

    def _until_asked_again(self) -> float:
        return max(0.0, self._asked_at + _ASKED_AGAIN_SECONDS - self._now())

    def _give_up(self, call: Call, failure: CallFailed) -> None:
        """The call's one person goes to the error log."""
        why = Why(failure.code or "unknown", failure.cure, failure.request_id)
        self._home.refused([(call.items[0], 0)], why)

    def _hold(self, entries: list[Entry], seconds: float) -> None:
        """Keeps people active until it is safe to look at them again."""
        if entries:
            move(entries, Phase.HELD)
            self._means.rests.put(seconds, lambda: self.look_up(entries))
