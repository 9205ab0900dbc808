"""One run: messages in, people to Marketo, STATE out.

The thread that calls `consume` owns everything. It sleeps on one inbox, into which come bundles of
lines, ends of calls and signals, and it writes a STATE as soon as everything before it is safe.
"""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter, deque
from queue import Empty, SimpleQueue
from typing import IO, TYPE_CHECKING, Any, NamedTuple, NoReturn

from target_marketo.delivery.checkpoint import Checkpoint
from target_marketo.delivery.dead_letters import Rejections
from target_marketo.delivery.ending import Ending
from target_marketo.delivery.engine import Engine, Options
from target_marketo.delivery.entry import Received
from target_marketo.delivery.rejection_limit import Judge
from target_marketo.delivery.settlement import Settlement, Why
from target_marketo.delivery.summary import Summary
from target_marketo.delivery.workers import Done
from target_marketo.governor import GovernorError
from target_marketo.mapping.lenient_json import read_leniently
from target_marketo.mapping.plan import Mapped
from target_marketo.mapping.refusals import Refusal, Refused, Skip
from target_marketo.mapping.schema_check import StreamSchema
from target_marketo.mapping.watch import Watch
from target_marketo.marketo.codes import class_of
from target_marketo.marketo.errors import MarketoError
from target_marketo.privacy import printable
from target_marketo.problems import SettingError
from target_marketo.singer.messages import Feed, InputEnded, Lines, Malformed, Message, parse
from target_marketo.singer.metrics import Metrics
from target_marketo.singer.run_end import (
    EXIT_BUDGET,
    EXIT_SIGNAL,
    OutOfTime,
    Stop,
    raise_failure,
    tell,
)
from target_marketo.singer.state_output import StateOutput
from target_marketo.store.errors import StoreError
from target_marketo.writes.described import Described
from target_marketo.writes.people import People

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from target_marketo.delivery.interface import Attachment, Kind
    from target_marketo.mapping.attachments import Attachment as Brought
    from target_marketo.mapping.mapper import Mapper
    from target_marketo.mapping.plan import StreamPlan
    from target_marketo.mapping.record_reader import Row
    from target_marketo.marketo.call import Calls
    from target_marketo.marketo.client import Marketo
    from target_marketo.settings import Settings
    from target_marketo.store.cache import Cache
    from target_marketo.store.error_log import ErrorLog

SECONDS_A_MINUTE = 60.0

_START_PATIENCE_SECONDS = 8.0
_PATIENCE_SECONDS = 1800.0
_WIND_UP_SECONDS = 25.0
_REPORT_SECONDS = 60.0
_LINES_AT_ONCE = 100
_MAX_STATE_BYTES = 16_000_000  # of STATE that waits for records

logger = logging.getLogger("target-marketo")


class _Signal(NamedTuple):
    number: int


class Run:
    """Takes in Singer messages until they end, fail, or are stopped.

    Args:
        settings: The checked settings.
        marketo: The instance.
        error_log: Where rejected records go.
        cache: Where describe is kept for a day.
        kinds: The kinds of attachments, by name.
        output: Where STATE goes.
    """

    def __init__(
        self,
        settings: Settings,
        marketo: Marketo,
        error_log: ErrorLog,
        cache: Cache,
        *,
        kinds: Mapping[str, Kind] | None = None,
        output: IO[str] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.summary = Summary(settings.dry_run, str(settings.duplicates))
        self._messages: Counter[str] = Counter()
        self._metrics = Metrics(self._records, lambda: marketo.calls.by_kind)
        self.every_minute: Callable[[], None] = lambda: None
        self._settings = settings
        self._marketo = marketo
        self._described = Described(settings, marketo.leads, cache)
        self._states = StateOutput(output or sys.stdout)
        self._judging = Judge(self.summary, settings.max_rejected_percent)
        self.watch = Watch(settings.max_rejected_percent)
        self._now = now
        self._inbox: SimpleQueue[Any] = SimpleQueue()
        self._kinds = kinds or {}
        self._ending = Ending()
        self._checkpoint = Checkpoint()
        self._plans: dict[str, StreamPlan] = {}  # as the last SCHEMA of each stream has it
        self._rejections = Rejections(
            error_log,
            self.summary,
            self._checkpoint.settled,
            stores=not settings.dry_run,
            kinds=self._kinds.values(),
            plans=self._plans,
            class_of=class_of,
        )
        self._settlement = Settlement(self._checkpoint, self.summary, self._rejections)
        self._people = People(marketo.leads, self._described, settings.partition_name)
        self._engine = Engine(
            self._people,
            Options(
                batch_size=settings.batch_size_rows,
                max_age=settings.max_batch_age_seconds,
                max_concurrent=settings.max_concurrent_calls,
                duplicates=settings.duplicates,
                outage_patience=_PATIENCE_SECONDS,
                dry_run=settings.dry_run,
                leaves_out=settings.unfit_values == "leave_out",
            ),
            self._settlement,
            self._ending,
            self._inbox,
            kinds=self._kinds,
            now=now,
        )
        self._mapper: Mapper | None = None
        self._served: dict[str, StreamPlan] = {}  # the same, or what is asked for of them
        self._plan: StreamPlan | None = None  # of the record that came last
        self._backlog: deque[bytes] = deque()
        self._lines = 0  # that have come, those of the backlog too
        self._bundles = 0
        self._input_ended = False
        self._hopeless = False
        self._reported_at = now()
        self._out_of_time_at = now()  # until `consume` begins
        marketo.stopping = lambda: self._ending.has_come

    @property
    def failure(self) -> Exception | None:
        """What ended the run early, if anything but a signal did."""
        return self._ending.cause or self._ending.incomplete

    @property
    def messages(self) -> Counter[str]:
        """How many came of each type of message."""
        return self._messages + Counter(RECORD=self.summary.received)

    @property
    def last_state(self) -> bytes | None:
        """The STATE that was written last."""
        return self._states.last

    @property
    def calls(self) -> Calls:
        """What was asked of Marketo."""
        return self._marketo.calls

    @property
    def seen(self) -> dict[str, Any]:
        """What came, stream by stream: names and counts, no value of a record."""
        filled, kept = self.summary.filled, self.summary.kept
        return {
            printable(seen.plan.stream): seen.document(filled, kept) for seen in self.watch.seen
        }

    def interrupt(self, number: int) -> None:
        """A signal came: wind up. May be called from a signal handler; a second one is ignored."""
        if self._ending.signal:
            return
        self._ending.signal = number
        self._inbox.put(_Signal(number))
        if self._ending.may_leave_at_once:
            # Once the run has begun, `_end` says more.
            raise Stop("stopped before the first row", EXIT_SIGNAL + number)

    def consume(self, source: IO[Any]) -> None:
        """Runs to the end.

        Raises:
            Stop: The run did not succeed; what could be delivered is, and its STATE is written.
        """
        self._out_of_time_at = self._now() + SECONDS_A_MINUTE * self._settings.max_run_minutes
        try:
            with self._ending.waiting():
                self._prepare()
            self._loop(source)
        except (MarketoError, GovernorError, SettingError, StoreError, Stop) as error:
            self._ending.because(error)
        self._wind_up()
        self._end()

    # Start

    def _prepare(self) -> None:
        """Everything that can be wrong before the first row: credentials, fields, the budget."""
        self._marketo.patience_seconds = _START_PATIENCE_SECONDS
        earlier = self._marketo.under_way()
        self._marketo.learn_usage()
        self._mapper = self._people.mapper = self._described.mapper()
        self.watch = Watch(self._settings.max_rejected_percent, self._mapper.entries)
        for kind in self._kinds.values():
            self._mapper.learn(kind.prepare())
        if not self._settings.dry_run:
            self._marketo.outlast(earlier)
        self._marketo.patience_seconds = _PATIENCE_SECONDS

    # The loop

    def _loop(self, source: IO[Any]) -> None:
        feed = Feed(source, self._inbox)
        feed.start()
        while not self._ending.has_come:
            ending = self._input_ended and not self._backlog
            self._engine.tick(ending=ending or self._holds_much_state)
            self._write_state()
            if ending and self._engine.idle:
                return
            working = bool(self._backlog) and not self._busy
            if working:
                self._work_off(feed)
            self._take_in(0.0 if working else self._patience())

    @property
    def _busy(self) -> bool:
        """No more records for now: enough calls, or enough memory, are in use."""
        return self._engine.busy or self._holds_much_state

    @property
    def _holds_much_state(self) -> bool:
        return self._checkpoint.bytes >= _MAX_STATE_BYTES

    def _work_off(self, feed: Feed) -> None:
        backlog = self._backlog
        for _ in range(min(_LINES_AT_ONCE, len(backlog))):
            line = backlog.popleft()
            plan = self._plan
            row = plan.properties.read(line) if plan is not None else None
            if plan is not None and row is not None:  # as most lines are
                self._record(plan, row, line)
            elif line and not line.isspace():
                self._message(self._lines - len(backlog), line)
        while not backlog and self._bundles:
            self._bundles -= 1
            feed.consumed()

    def _take_in(self, patience: float) -> None:
        """Handles what is in the inbox; waits up to `patience` seconds for the first of it."""
        try:
            event = self._inbox.get(timeout=patience) if patience else self._inbox.get_nowait()
            while True:
                self._dispatch(event)
                event = self._inbox.get_nowait()
        except Empty:
            pass
        if self._now() >= self._out_of_time_at:
            self._ending.because(
                OutOfTime(
                    f"Stopped after `max_run_minutes` = {self._settings.max_run_minutes}: "
                    "the next run goes on where this one ends",
                    EXIT_BUDGET,
                )
            )
        if self._now() - self._reported_at >= _REPORT_SECONDS:
            self._reported_at = self._now()
            logger.info("So far: %s", self._summary_line())
            self._metrics.tell()
            self.every_minute()

    def _dispatch(self, event: object) -> None:
        match event:
            case Done():
                self._engine.handle(event)
            case Lines(lines):
                self._bundles += 1
                self._lines += len(lines)
                self._backlog += lines
            case InputEnded(error):
                self._input_ended = True
                if error:
                    self._ending.because(Stop(error))

    def _patience(self) -> float:
        due = self._engine.due()
        left = max(0.0, self._out_of_time_at - self._now())
        return min(_REPORT_SECONDS, left, _REPORT_SECONDS if due is None else due)

    # Messages

    def _message(self, number: int, line: bytes) -> None:
        try:
            message = parse(line)
            if message.type != "RECORD":
                self._messages[message.type] += 1
            match message.type:
                case "RECORD":
                    self._first_record(message, line)
                case "STATE":
                    self._state(message)
                case "SCHEMA":
                    self._schema(message)
                case "ACTIVATE_VERSION":
                    pass  # nobody is deleted from Marketo because a source was read again
                case _:
                    _not_taken(message.type)
        except Malformed as error:
            if not self._odd_record(line):
                where = f"Line {number} of the input"
                self._deliver_what_came(f"{where} {error}: see what the tap wrote")

    def _odd_record(self, line: bytes) -> bool:
        """Takes in a record with half a character, NaN or such: one record stops no run."""
        try:
            match read_leniently(line):
                case {"type": "RECORD", "stream": str(stream), "record": dict(record)}:
                    plan = self._served.get(stream)
                case _:
                    return False
        except (ValueError, RecursionError):
            return False
        if plan is None:
            return False
        self._record(plan, plan.properties.row(record), line)
        return True

    def _deliver_what_came(self, text: str) -> None:
        """A line that cannot be read: everything before it is delivered, nothing after it."""
        self._backlog.clear()
        while not self._ending.has_come:
            self._engine.tick(ending=True)
            self._write_state()
            if self._engine.idle:
                break
            self._take_in(self._patience())
            self._backlog.clear()
        raise Stop(text)

    def _schema(self, message: Message) -> None:
        if message.stream is None or message.schema is None:
            raise Malformed("is a SCHEMA without stream or schema")
        assert self._mapper is not None  # noqa: S101 - _prepare comes before the loop
        try:
            schema = StreamSchema.of(message.schema)
        except ValueError:
            raise Malformed("is a SCHEMA whose properties are not an object") from None
        except RecursionError:
            raise Malformed("is nested too deeply") from None
        plan = self._mapper.plan_of(message.stream, schema, message.key_properties or ())
        self.watch.schema(plan, schema)
        for line in self.watch.untold(plan.notes):
            logger.info("%s", printable(line))
        for line in self.watch.untold(plan.warnings):
            logger.warning("%s", printable(line))
        self._plans[message.stream] = plan
        self._served[message.stream] = plan.only(message.part) if message.part else plan
        self._plan = None

    def _state(self, message: Message) -> None:
        value = bytes(message.value)
        if not value:
            raise Malformed("is a STATE without value")
        if value not in (b"{}", b"null"):
            self._checkpoint.state(value)

    def _first_record(self, message: Message, line: bytes) -> None:
        """Of a stream, or after one of another stream."""
        if message.stream is None:
            raise Malformed("is a RECORD without stream or record")
        plan = self._served.get(message.stream)
        if plan is None:
            raise Malformed("is a RECORD of a stream without SCHEMA")
        row = plan.properties.read(line)
        if row is None:
            raise Malformed("is a RECORD without stream or record")
        self._plan = plan
        self._record(plan, row, line)

    def _record(self, plan: StreamPlan, row: Row, line: bytes) -> None:
        summary = self.summary
        summary.received += 1
        received = Received(
            self._checkpoint.received(), plan.stream, line, summary.received, plan.part
        )
        try:
            mapped = plan.step(row)
        except RecursionError:
            mapped = Refused(Refusal.WRONG_TYPE, "", "a value is nested too deeply")
        self.watch.record(plan, mapped, line)
        if isinstance(mapped, Mapped):
            for each in mapped.left_out:
                why = Why(each.code, each.reason, field=each.field)
                self._settlement.value_left_out(
                    received, mapped.key, why, part=each.part, once=each.once
                )
            brought = mapped.attachments
            attachments = list(map(self._attachment, brought)) if brought else ()
            self._engine.add(plan, mapped, received, attachments)
        elif mapped is None or isinstance(mapped, Skip):
            if mapped is not None:
                summary.skipped_because[str(mapped)] += 1
            self._settlement.skipped(received.ticket)
        else:
            self._settlement.refused_unread(self._rejections.refuse(plan, received, mapped))

    def _attachment(self, brought: Brought) -> Attachment:
        return self._kinds[brought.lane.kind].attachment(brought)

    def _records(self) -> dict[str, int]:
        """How many came of each stream."""
        return {seen.plan.stream: seen.records for seen in self.watch.seen}

    # The error log

    def _judge(self) -> None:
        """Stops a run whose mapping is wrong while no bookmark has moved."""
        if not self._hopeless and (verdict := self._judging.verdict or self.watch.verdict):
            self._hopeless = True
            self._ending.because(Stop(verdict))

    # STATE and the end

    def _write_state(self) -> None:
        """Writes the newest safe STATE, unless there is none or the mapping looks wrong."""
        self._rejections.store()
        self._judge()
        if self._settings.dry_run or self._states.is_gone or self._hopeless:
            return
        ended = self._input_ended and not self._backlog
        if self._judging.doubts(ended=ended, stopping=self._ending.has_come):
            return
        if self.watch.doubts(ended=ended):
            return
        state = self._checkpoint.take()
        if state is not None:
            self._states.write(state)

    def _wind_up(self) -> None:
        """Lets calls that are under way come back, and writes the last safe STATE."""
        self._engine.stop()
        give_up_at = self._now() + _WIND_UP_SECONDS
        try:
            while self._engine.flying and (left := give_up_at - self._now()) > 0:
                event = self._inbox.get(timeout=left)
                if isinstance(event, Done):
                    self._engine.handle(event)
        except Empty:
            pass  # some hang: their people are not settled, and come again
        except StoreError as error:
            self._ending.because(error)
        try:
            self._write_state()
        except StoreError as error:
            self._ending.because(error)

    def _end(self) -> None:
        """Says what the run did, and raises what it ends with."""
        complete = self._input_ended and self._ending.cause is None
        tell(self.summary, self.watch if complete else None)
        logger.info("%s", self._summary_line())
        succeeded = not self._ending.signal and self._ending.cause is None
        self._metrics.end(succeeded=succeeded)
        raise_failure(self._ending, self.watch, self.summary, state_is_gone=self._states.is_gone)

    def _summary_line(self) -> str:
        calls = self._marketo.calls
        return self.summary.line(calls.by_kind, calls.throttled)


def _not_taken(kind: str) -> NoReturn:
    if kind == "BATCH":
        raise Malformed("is a BATCH, which is not supported: unset the tap's `batch_config`")
    raise Malformed("has a type that Singer does not know")
