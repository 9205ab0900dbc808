"""A Marketo of activities alone, on a scripted clock, that commits late, loses, cuts and mixes."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import msgspec

from target_marketo.delivery.interface import CallFailed, Fate, Result, Row
from target_marketo.mapping.attachments import Attachment, AttachmentKind, Lane
from target_marketo.marketo.activities import (
    Activity,
    ActivityType,
    Attribute,
    Page,
    Value,
)
from target_marketo.marketo.attachments import Rows, Written
from target_marketo.marketo.errors import OutcomeUnknown, Unavailable
from target_marketo.marketo.replies import Reason
from target_marketo.store.activity_ledger import ActivityLedger
from target_marketo.writes.activity_body import payload_of
from target_marketo.writes.activity_means import Means
from target_marketo.writes.custom_activities import CustomActivities

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from target_marketo.marketo.activities import Activities
    from target_marketo.store.database import Database

CHAT = 100_001
CHAT_TYPE = ActivityType(
    "livechatChat",
    "Chat",
    id=CHAT,
    attributes=(Attribute("threadId", "Thread ID"), Attribute("text", "Text", "text")),
)
START = datetime(2026, 11, 28, 12, tzinfo=UTC).timestamp()
TIMEOUT, VISIBILITY = 120.0, 60.0
LANE = Lane(AttachmentKind.ACTIVITY, ("livechatChat",), since="2026-11-01", once="threadId")


@dataclass
class Clock:
    """The time at Marketo and here; `passed` is told of each step."""

    now: float = START

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += max(0.0, seconds)


class Killed(BaseException):
    """SIGKILL: nothing catches it."""


class Kept(NamedTuple):
    """An activity in Marketo."""

    lead_id: int
    once: str
    date: str
    at: float  # when it was committed


class Act(NamedTuple):
    """What a call that adds does: the share of its rows that it commits, so many seconds later.

    It `says` added, lost, 606 (and the client calls again) or unavailable; `skips` is a code that
    its first row is skipped for.
    """

    says: str = "added"
    share: float = 1.0
    after: float = 0.0
    skips: str = ""


@dataclass
class ModelMarketo:
    """`acts` are what the next adds do; `instant` is told of each moment that matters."""

    clock: Clock = field(default_factory=Clock)
    acts: deque[Act] = field(default_factory=deque)
    kept: list[Kept] = field(default_factory=list)
    coming: list[Kept] = field(default_factory=list)
    lag: float = 0.0
    by_insert: bool = False
    leads: set[int] = field(default_factory=lambda: {1, 2, 3})
    page_rows: int = 300
    reads: list[Collection[int]] = field(default_factory=list)
    adds: list[list[str]] = field(default_factory=list)
    longest: int = 65_536
    failing_reads: deque[Exception] = field(default_factory=deque)
    there: ActivityType | Exception = CHAT_TYPE
    forgotten: list[str] = field(default_factory=list)
    instant: Callable[[str], None] = lambda _: None

    def find(self, lane: Lane) -> ActivityType:
        """As `Destinations` does."""
        if isinstance(self.there, Exception):
            raise self.there
        assert lane.key[0] in (self.there.api_name, str(self.there.id))
        return self.there

    @property
    def _type_id(self) -> int | None:
        return self.there.id if isinstance(self.there, ActivityType) else CHAT

    def add(self, rows: Callable[[], Sequence[bytes]]) -> Rows:
        while True:
            self.instant("granted")
            sent = [msgspec.json.decode(each) for each in rows()]
            self.instant("sent")
            act = self.acts.popleft() if self.acts else Act()
            if act.says == "606":
                continue
            if act.says == "unavailable":
                raise Unavailable("no call to Marketo", code="")
            self.adds.append([_once(row) for row in sent])
            first = act.skips
            results = []
            for row in sent[: round(len(sent) * act.share)]:
                results.append(self._take(row, self.clock.now + act.after, first))
                first = ""
            self.instant("carried out")
            if act.says == "lost":
                self.clock.sleep(1)
                raise OutcomeUnknown("lost", at_work_seconds=TIMEOUT)
            return Rows(results, "r#1")

    def _take(self, row: dict[str, Any], at: float, code: str) -> Written:
        if code:
            return _skipped(code)
        if row["leadId"] not in self.leads:
            return _skipped("1004")
        if len(msgspec.json.encode(row["attributes"])) > self.longest:
            return _skipped("1049")
        assert row["activityTypeId"] == self._type_id
        kept = Kept(row["leadId"], _once(row), row["activityDate"], at)
        self.coming.append(kept)
        self.commit()
        return Written("added", marketo_guid=f"guid-{kept.once}")

    def commit(self) -> None:
        """What is due by now is in the log."""
        self.kept += [each for each in self.coming if each.at <= self.clock.now]
        self.coming = [each for each in self.coming if each.at > self.clock.now]

    def pages(
        self, since: float, activity_type: int, leads: Collection[int] = ()
    ) -> Iterator[Page]:
        assert activity_type == self._type_id
        self.instant("reading")
        if self.failing_reads:
            raise self.failing_reads.popleft()
        self.reads.append(leads)
        self.commit()
        shown = [
            each
            for each in self.kept
            if each.at + self.lag <= self.clock.now
            and (each.at if self.by_insert else _seconds(each.date)) >= since
            and (not leads or each.lead_id in leads)
        ]
        while True:
            page, shown = shown[: self.page_rows], shown[self.page_rows :]
            yield Page(
                tuple(map(_read_back, page)), more_result=bool(shown), next_page_token="token"
            )
            if not shown:
                return

    def merge(self, loser: int, winner: int) -> None:
        """The loser's activities are the winner's."""
        self.leads.discard(loser)
        self.kept = [e._replace(lead_id=winner) if e.lead_id == loser else e for e in self.kept]

    def still_there(self, leads: Collection[int]) -> set[int]:
        return set(leads) & self.leads

    def times(self) -> Counter[str]:
        """How often each once value is there, or will be."""
        return Counter(each.once for each in [*self.kept, *self.coming])


class WatchedLedger(ActivityLedger):
    """Tells of the instants around each commit."""

    instant: Callable[[str], None] = staticmethod(lambda _: None)

    def claim(self, *args: Any, **options: Any) -> Any:
        self.instant("before claim")
        claimed = super().claim(*args, **options)
        self.instant("after claim")
        return claimed

    def settle(self, *args: Any, **options: Any) -> None:
        self.instant("before settle")
        super().settle(*args, **options)
        self.instant("after settle")


@dataclass
class Delivery:
    """One run over the same store: follows each row as the engine does."""

    marketo: ModelMarketo
    database: Database
    instance: str = "one"
    run: str = "run-1"
    visibility: float = VISIBILITY
    instant: Callable[[str], None] = lambda _: None
    lane: Lane = LANE

    def __post_init__(self) -> None:
        clock = self.marketo.clock
        self.ledger = WatchedLedger(self.database, self.instance, self.run, now=clock.read)
        self.ledger.instant = self.instant
        self.marketo.instant = self.instant
        self.kind = CustomActivities(
            Means(
                activities=cast("Activities", self.marketo),
                find=self.marketo.find,
                ledger=self.ledger,
                still_there=self.marketo.still_there,
                now=clock.read,
                timeout=TIMEOUT,
                visibility_seconds=self.visibility,
                monotonic=clock.read,
                key_hash=lambda key: f"hash of {key}",
                forget=self.marketo.forgotten.append,
            )
        )
        self.waited = 0.0
        self.tries: Counter[str] = Counter()
        self.looked_up: set[str] = set()
        self.failure: CallFailed | None = None

    def chats(
        self, *onces: str, lead: int = 1, date: str = "2026-11-28T10:00:00Z", text: str = "hi"
    ) -> list[Row]:
        """Rows as the engine makes them."""
        return [self.chat(once, lead, date, text) for once in onces]

    def chat(self, once: str, lead: int, date: str, text: str = "hi") -> Row:
        values = {"threadId": once, "text": text}
        mapped = Attachment(self.lane, values, once=once, at=date, primary="Chat")
        return Row(self.kind.row(lead, payload_of(mapped)), lead, once, f"{lead}@example.com")

    def deliver(self, rows: Sequence[Row], *, found_again: int | None = None) -> dict[str, Result]:
        """Sends until each has ended; `found_again` is whom a lookup by key finds."""
        self._ended: dict[str, Result] = {}
        self._found_again = found_again
        to_send, to_read = list(rows), list[Row]()
        while to_send or to_read:
            self._next: dict[bool, list[Row]] = {True: [], False: []}  # to be read, to be sent
            if to_send:
                self._follow(to_send, reads=False)
            elif to_read:
                self._follow(to_read, reads=True)
                to_read = []
            to_send = self._next[False]
            to_read += self._next[True]
        return self._ended

    def _follow(self, batch: list[Row], *, reads: bool) -> None:
        try:
            answer = (self.kind.read_back if reads else self.kind.send)(self.lane, batch)
        except CallFailed as failure:
            if failure.fate is Fate.UNKNOWN:
                self._wait(failure.at_work_seconds)
                self._next[True] += batch
                return
            self.failure = failure
            code = Result(failure.fate, code=failure.code)
            self._ended |= {str(row.once): code for row in batch}
            return
        rests = [
            self._one(row, result, reads=reads)
            for row, result in zip(batch, answer.results, strict=True)
        ]
        self._wait(max(rests))

    def _one(self, row: Row, result: Result, *, reads: bool) -> float:
        """What is next for a row, and after how many seconds."""
        once = str(row.once)
        match result.fate:
            case Fate.UNKNOWN:
                self._next[True].append(row)
                return max(result.wait_seconds, 1.0)
            case Fate.LATER:
                self.tries[once] += 1
                assert self.tries[once] < 6
                self._next[False].append(row)
                return max(result.wait_seconds, 5.0)
            case Fate.AGAIN if reads:
                self._next[False].append(row)
            case Fate.AGAIN if self._found_again is not None and once not in self.looked_up:
                self.looked_up.add(once)
                at = msgspec.json.decode(row.row)["activityDate"]
                self._next[False].append(self.chat(once, self._found_again, at))
            case Fate.AGAIN:
                self._ended[once] = Result(Fate.REFUSED, code=result.code)
            case _:
                self._ended[once] = result
        return 0.0

    def _wait(self, seconds: float) -> None:
        if not seconds:
            return
        self.waited += seconds
        self.marketo.clock.sleep(seconds)
        self.instant("waited")


def _once(row: dict[str, Any]) -> str:
    return next(str(each["value"]) for each in row["attributes"] if each["apiName"] == "threadId")


def _skipped(code: str) -> Written:
    return Written("skipped", errors=(Reason(code),))


def _seconds(date: str) -> float:
    return datetime.fromisoformat(date).timestamp()


def _read_back(each: Kept) -> Activity:
    values = (Value(name="Thread ID", value=each.once), Value(name="Text", value="hi"))
    return Activity(each.lead_id, CHAT, each.date, f"guid-{each.once}", "Chat", values)
