"""What is attached to people, once they are there: lanes, folding, lanes and kinds that end.

    WAITING, for company -> SENT -> ENDED
        ^                    |
        |--- HELD <----------| outcome unknown: said again, or read back first
        |--- LOOKED_UP <-----| the person has gone: looked up by key once more

A lane, or a kind, that has ended takes nothing any more; people and the others go on.
"""

from __future__ import annotations

import logging
from collections import OrderedDict, defaultdict
from typing import TYPE_CHECKING, Any

from target_marketo.delivery.entry import Phase, move
from target_marketo.delivery.interface import (
    Answer,
    CallFailed,
    Fate,
    Folding,
    Incomplete,
    NotSent,
    OnUnknown,
    Row,
)
from target_marketo.delivery.packing import Pending
from target_marketo.delivery.settlement import Why
from target_marketo.delivery.standstill import MAX_ATTEMPTS, Standstill, put_off_for
from target_marketo.delivery.workers import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

    from target_marketo.delivery.entry import Attached
    from target_marketo.delivery.interface import Kind, Result
    from target_marketo.delivery.means import Means

Refused = list[tuple["Attached", "int | None"]]
_Said = tuple[Any, int]  # a lane, and the hash of what was sent to it about whom

_TOLD = 100_000  # identities of a kind that are remembered

logger = logging.getLogger("target-marketo")


class Attachments:
    """Sends them. `open` counts those that have not ended."""

    def __init__(
        self, means: Means, kinds: Mapping[str, Kind], look_for_owner: Callable[[Attached], None]
    ) -> None:
        self._means = means
        self._settlement = means.settlement
        self._kinds = kinds
        self._look_for_owner = look_for_owner
        self._size = means.options.size
        self._pending: dict[tuple[str, Hashable], Pending[Attached]] = {}
        self._standstill = {name: Standstill(means.options.outage_patience) for name in kinds}
        self._current: dict[tuple[str, Hashable], Attached] = {}
        self._told: defaultdict[str, OrderedDict[Hashable, _Said]] = defaultdict(OrderedDict)
        self._over: dict[tuple[str, Hashable | None], Why] = {}  # lane None: the whole kind
        self.open = 0

    def oldest(self) -> Iterator[float | None]:
        """Since when something has waited, lane by lane."""
        for pending in self._pending.values():
            yield pending.oldest

    def add(self, items: Sequence[Attached], lead_id: int | None) -> None:
        """Their person is there: `lead_id`, unknown only to a dry run that would make them."""
        for item in items:
            if self._means.options.dry_run or lead_id is None:
                self._settlement.attached([item], "not sent in a dry run")
                continue
            item.lead_id = lead_id
            item.since = self._means.now()
            self._take_up(item)

    def resume(self, items: Sequence[Attached], lead_id: int) -> None:
        """The person of these had gone, and was found again."""
        for item in items:
            item.lead_id = lead_id
            self._put(item)

    def lost(self, items: Sequence[Attached]) -> None:
        """The person of these has gone, and nobody has taken the place."""
        self._refuse([(item, None) for item in items], _GONE)

    def send_ripe(self, *, all_of_it: bool) -> None:
        """Sends what need not wait any longer."""
        now = self._means.now()
        for (name, lane), pending in list(self._pending.items()):
            for items in pending.calls(now, all_of_it=all_of_it):
                self._send(self._kinds[name], lane, items)

    # Folding

    def _take_up(self, item: Attached) -> None:
        kind = self._kinds[item.what.kind]
        identity = kind.identity(item.lead_id, item.what)
        if identity is None:
            self._begin(item)
            return
        item.identity = identity
        told = self._told[kind.name].get(identity)
        current = self._current.get((kind.name, identity))
        if current is not None:
            self._fold(kind, current, item)
        elif told is not None and not _adds(kind, item, told):
            self._settlement.attached([item], "the same")
        else:
            self._current[kind.name, identity] = item
            self._begin(item)

    def _fold(self, kind: Kind, current: Attached, item: Attached) -> None:
        """Two of one identity: one of them says it, and the records of both wait for that."""
        last = current.next or current
        if not _adds(kind, item, _said(last)):
            last.records += item.records
            self._settlement.joined(item)
        elif last.phase is Phase.WAITING and last is current:
            self._pending[_lane(current)].pop(current)
            item.records = current.records + item.records
            self._current[kind.name, item.identity] = item
            self._settlement.joined(current)
            self._put(item)
        else:
            item.records = (current.next.records if current.next else []) + item.records
            if current.next:
                self._settlement.joined(current.next)
            current.next = item

    def _begin(self, item: Attached) -> None:
        self.open += 1
        self._put(item)

    def _put(self, item: Attached) -> None:
        """Has a row wait for company, unless its lane or its kind has ended."""
        name, lane = _lane(item)
        why = self._over.get((name, lane)) or self._over.get((name, None))
        if why is not None:
            self._refuse([(item, None)], why)
            return
        item.take_rows([self._kinds[name].row(item.lead_id, item.what.payload)])
        if item.phase is not Phase.WAITING:
            move([item], Phase.WAITING)
        if (name, lane) not in self._pending:
            self._pending[name, lane] = Pending(self._size)
        self._pending[name, lane].put(item)

    # Calls

    def _send(self, kind: Kind, lane: Hashable, items: list[Attached]) -> None:
        move(items, Phase.SENT)
        rows = _rows(items)
        self._means.dispatch.start(
            Call(self, (kind.name, lane), items, self._means.now()), lambda: kind.send(lane, rows)
        )

    def _read_back(self, kind: Kind, lane: Hashable, items: list[Attached]) -> None:
        move(items, Phase.SENT)
        rows = _rows(items)
        call = Call(self, (kind.name, lane), items, self._means.now(), reads=True)
        self._means.dispatch.start(call, lambda: kind.read_back(lane, rows))

    def ended(self, call: Call, result: Any) -> None:
        """A call of attachments is over."""
        name, lane = call.lane
        if isinstance(result, NotSent):
            return  # its records stay unsettled, and the next run brings them again
        if isinstance(result, CallFailed):
            self._failed(self._kinds[name], lane, call, result)
        elif isinstance(result, Answer):
            if not call.reads:
                self._standstill[name].got_through()
            self._answered(call, result)
        else:
            self._means.ending.because(result)

    def _failed(self, kind: Kind, lane: Hashable, call: Call, failure: CallFailed) -> None:
        items = call.items
        why = Why(failure.code or "unknown", failure.cure, failure.request_id)
        match failure.fate:
            case Fate.UNKNOWN:
                self._outcome_unknown(kind, lane, items, failure, why)
            case Fate.REFUSED if len(items) == 1:
                self._refuse([(items[0], 0)], why)
            case Fate.REFUSED:
                half = (len(items) + 1) // 2
                for each in (items[:half], items[half:]):
                    for item in each:
                        item.batch_limit = half
                    self._send(kind, lane, each)
            case Fate.ENDS_LANE | Fate.ENDS_KIND:
                self._end(kind, items[0], failure.fate, why)
                self._refuse([(item, None) for item in items], why)
            case _:
                self._means.ending.because(failure.error)

    def _outcome_unknown(
        self, kind: Kind, lane: Hashable, items: list[Attached], failure: CallFailed, why: Why
    ) -> None:
        now, standstill = self._means.now(), self._standstill[kind.name]
        rest = standstill.failed(items, failure, now)
        if standstill.blames(items, now):
            self._refuse([(items[0], 0)], why)
        elif standstill.lasts(now):
            self._means.ending.because(standstill.end(failure))
        else:
            self._rest(kind, lane, items, rest)

    def _rest(self, kind: Kind, lane: Hashable, items: list[Attached], seconds: float) -> None:
        """After an unknown outcome, until nothing can be at work any more."""
        if kind.unknown is not OnUnknown.READ_BACK:
            self._put_off(items, seconds)
            return
        move(items, Phase.HELD)
        self._means.rests.put(seconds, lambda: self._read_back(kind, lane, items))

    def _put_off(self, items: list[Attached], seconds: float) -> None:
        move(items, Phase.HELD)
        self._means.rests.put(seconds, lambda: self._put_all(items))

    def _put_all(self, items: list[Attached]) -> None:
        for item in items:
            self._put(item)

    def _answered(self, call: Call, answer: Answer) -> None:
        told: defaultdict[tuple[Fate, Why, float, str], Refused] = defaultdict(list)
        for position, (item, result) in enumerate(zip(call.items, answer.results, strict=True)):
            why = Why(result.code, result.cure, answer.request_id, result.field)
            fate = _fate_now(item, result, reads=call.reads)
            rest = max(result.wait_seconds, put_off_for(item.attempts) if item.attempts else 1.0)
            told[fate, why, rest, result.counted].append((item, position))
            if fate is Fate.ENDS_RUN:
                self._means.ending.because(result.error or Incomplete(result.cure))
        for (fate, why, rest, counted), places in told.items():
            if fate is Fate.DONE:
                self._finish([item for item, _ in places], counted)
            else:
                self._go_on(call, fate, why, rest, places)

    def _go_on(self, call: Call, fate: Fate, why: Why, rest: float, places: Refused) -> None:
        """With the rows of a call that have one fate, and are not done."""
        name, lane = call.lane
        kind, items = self._kinds[name], [item for item, _ in places]
        match fate:
            case Fate.AGAIN if call.reads:
                self._put_all(items)
            case Fate.AGAIN:
                self._look_again(items)
            case Fate.LATER:
                self._put_off(items, rest)
            case Fate.UNKNOWN:
                self._rest(kind, lane, items, rest)
            case Fate.REFUSED | Fate.ENDS_LANE | Fate.ENDS_KIND:
                if fate is not Fate.REFUSED:
                    self._end(kind, items[0], fate, why)
                self._refuse(places, why)

    def _look_again(self, items: list[Attached]) -> None:
        move(items, Phase.LOOKED_UP)
        for item in items:
            item.looked_up_again = True
            self._look_for_owner(item)

    # Ends

    def _end(self, kind: Kind, item: Attached, fate: Fate, why: Why) -> None:
        """Nothing more goes to the lane of an attachment, or to its kind: told once, and people go
        on.
        """
        lane = item.what.lane
        scope = (kind.name, lane if fate is Fate.ENDS_LANE else None)
        if scope in self._over:
            return
        self._over[scope] = why
        what = kind.name if scope[1] is None else item.what.part or f"{kind.name} {lane}"
        text = f"Nothing more is written to {what}: code {why.code}: {why.advice}"
        if kind.skips(lane):
            logger.info("%s; what belongs there is counted as skipped", text)
        else:
            logger.warning("%s; what belongs there goes to the error log", text)
            self._means.ending.although(Incomplete(text))
        for (name, other), pending in list(self._pending.items()):
            if name == kind.name and scope[1] in (None, other):
                waiting = list(pending.items)
                for each in waiting:
                    pending.pop(each)
                self._refuse([(each, None) for each in waiting], why)

    def _finish(self, items: list[Attached], counted: str) -> None:
        """They are as they should be."""
        self._settlement.attached(items, counted)
        for item in items:
            if item.identity is not None:
                told = self._told[item.what.kind]
                told[item.identity] = _said(item)
                if len(told) > _TOLD:
                    told.popitem(last=False)
            self._release(item)

    def _refuse(self, items: Refused, why: Why) -> None:
        """To the error log, or, where its lane has ended and may be missing, counted."""
        skipped = [item for item, _ in items if self._is_skipped(item)]
        self._settlement.attached(skipped, "skipped")
        kept = [each for each in items if each[0] not in skipped]
        if kept:
            self._settlement.attachments_refused(kept, why)
        for item, _ in items:
            self._release(item)

    def _is_skipped(self, item: Attached) -> bool:
        name, lane = _lane(item)
        over = (name, lane) in self._over or (name, None) in self._over
        return over and self._kinds[name].skips(lane)

    def _release(self, item: Attached) -> None:
        move([item], Phase.ENDED)
        self.open -= 1
        if item.identity is not None:
            del self._current[item.what.kind, item.identity]
        if item.next is not None:
            self._take_up(item.next)


_GONE = Why("1004", "the person has gone: see whom Marketo has instead, then replay")


def _lane(item: Attached) -> tuple[str, Hashable]:
    return item.what.kind, item.what.lane


def _said(item: Attached) -> _Said:
    return item.what.lane, hash((item.what.lane, item.lead_id, item.what.payload))


def _adds(kind: Kind, item: Attached, said: _Said) -> bool:
    """Whether an attachment is to be sent although this was said of the same."""
    lane, content = said
    if kind.folding is Folding.FIRST or _said(item)[1] == content:
        return False
    return kind.replaces(item.what.lane, lane)


def _rows(items: Sequence[Attached]) -> list[Row]:
    return [Row(item.rows[0], item.lead_id, item.what.once, item.key) for item in items]


def _fate_now(item: Attached, result: Result, *, reads: bool) -> Fate:
    """The fate of a row, its tries considered: nothing is tried for ever."""
    if result.fate is Fate.AGAIN and not reads:
        return Fate.REFUSED if item.looked_up_again else Fate.AGAIN
    if result.fate is Fate.LATER:
        item.attempts += 1
        return Fate.REFUSED if item.attempts >= MAX_ATTEMPTS else Fate.LATER
    return result.fate
