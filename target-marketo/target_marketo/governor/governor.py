"""One budget for every process that calls the same instance of the API.

lease = governor.acquire()
governor.check(lease)
... send, wait for the reply ...
governor.release(lease, Outcome.OK)
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
from threading import Event, Lock
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from target_marketo.governor.clock import Clock, SystemClock
from target_marketo.governor.decisions import (
    Now,
    Spent,
    Wait,
    Why,
    admit,
    granted,
    note_usage,
    refresh,
    settle,
)
from target_marketo.governor.errors import (
    BudgetSpent,
    Cancelled,
    LeaseLost,
    StoreUnavailable,
)
from target_marketo.governor.lease import Denied, Ended, Lease, Wanted
from target_marketo.governor.limits import Outcome
from target_marketo.governor.noticed import Noticed
from target_marketo.governor.places import MARGIN_SECONDS, delay
from target_marketo.governor.report import report
from target_marketo.governor.retries import Patience, full_jitter
from target_marketo.governor.state import State
from target_marketo.governor.turnstile import Turnstile, rest
from target_marketo.governor.usage import Usage, usage
from target_marketo.store.errors import StoreError
from target_marketo.store.leases import Row

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from target_marketo.governor.limits import Limits
    from target_marketo.store.leases import Leases, Ledger

logger = logging.getLogger(__name__)

T = TypeVar("T")

POLL_SECONDS = 1.0
"""How often to ask for what nobody can foretell, when no other process is about."""

LATE_SECONDS = 0.25
"""How late a process may ask again before it no longer counts as waiting."""


_WOKEN_BY_RELEASE = {Why.SLOT, Why.OUTAGE, Why.RESET, Why.TURN}


class Governor:
    """Threads of a process share one. All governors of an instance share its leases.

    `store_patience_seconds` is how long the store may fail before `StoreUnavailable` is raised:
    there is no budget without it. `outage_patience_seconds` is how long a call waits for an API
    that is down.
    """

    def __init__(
        self,
        instance: str,
        limits: Limits,
        leases: Leases,
        *,
        random: Random,
        clock: Clock | None = None,
        store_patience_seconds: float = 30.0,
        outage_patience_seconds: float = 3600.0,
    ) -> None:
        self.instance = instance
        self.limits = limits
        self._leases = leases
        self._random = random
        self._clock = clock or SystemClock()
        self._store_patience = store_patience_seconds
        self._host, self._pid = socket.gethostname(), os.getpid()
        self._process = f"{self._host}:{self._pid}:{secrets.token_hex(4)}"
        self._turnstile = Turnstile(self._clock)
        self._noticed = Noticed(instance, limits, outage_patience_seconds)
        self._released = Event()
        self._visit = Lock()  # guards the store: one transaction of this process at a time
        self._lock = Lock()  # guards all below
        self._open: set[str] = set()
        self._unsettled: list[Ended] = []
        self._sleeper_settles = False

    def acquire(
        self,
        cancelled: Callable[[], bool] | None = None,
        *,
        longer_by: float = 0.0,
        reads_usage: bool = False,
    ) -> Lease:
        """Block until a call may be made; one that may last longer than most says by how much.

        One that `reads_usage` is let through our own daily limit from time to time.

        Raises:
            BudgetSpent: none may be made today.
            OutageTooLong: the API has been down for `outage_patience_seconds` of waiting.
            StoreUnavailable: the store has failed for `store_patience_seconds`.
            Cancelled: `cancelled()` was true.
        """
        cancelled = cancelled or _never
        with self._turnstile.turn(cancelled):
            try:
                wanted = Wanted(self.limits.lease_seconds + longer_by, reads_usage)
                lease = self._wait_for_lease(cancelled, wanted)
            except BaseException:
                self._settle_now()
                raise
        with self._lock:
            self._open.add(lease.id)
        return lease

    def check(self, lease: Lease) -> None:
        """To be called just before the call is sent.

        Raises:
            LeaseLost: this process was frozen for too long; the lease is given back.
        """
        late = self._clock.monotonic() - lease.send_before
        if late > 0:
            self.release(lease, Outcome.NOT_SENT)
            raise LeaseLost(f"a call was granted, but could not be sent for {late:.1f} s too long")

    def seconds_left(self, lease: Lease) -> float:
        """How long the call may still be at work, should nobody hear of its end."""
        return max(0.0, lease.until - self._clock.monotonic())

    def release(self, lease: Lease, outcome: Outcome, *, at_work: bool = False) -> None:
        """Report how the call ended. Never raises: what the store refuses is kept for later.

        One that may still be `at_work`, although somebody answered, holds no place, but stays under
        way to the end of its lease.

        If it is never kept, the lease runs out by itself.
        """
        ended = Ended(lease, outcome, at_work)
        with self._lock:
            if lease.id not in self._open:
                return  # given back already
            self._open.remove(lease.id)
            self._unsettled.append(ended)
            left_to_another = self._sleeper_settles
        self._noticed.outcome(outcome, self._clock.monotonic())
        if not left_to_another:
            self._settle_now(ended)
        self._released.set()

    def retry_allowed(self) -> bool:
        """Whether a call that failed for a passing reason may be made again; it is paid for if so.

        To be asked once per retry of Outcome.OK replies that ask for one (713, 604, …), of UNKNOWN
        and of UNAVAILABLE. While the breaker is open it paces the retries, and they cost nothing.
        """
        return self._noticed.retry_allowed()

    def wants_usage(self) -> bool:
        """Whether the API's own count should be read now, by whoever asks first.

        So it is a window after a run began with a guess of what others use, and as the day's budget
        nears its end.
        """
        return self._noticed.wants_usage(self._clock.monotonic(), self._clock.utc())

    def note_usage(self, total_calls_today: int, ours: int | None = None) -> None:
        """What the API says that all integrations have used today, this call included.

        `ours` is what it says of our own user, if it does.

        Raises:
            StoreUnavailable: it could not be written.
        """

        def note(_ledger: Ledger, state: State, now: Now) -> State:
            return note_usage(state, total_calls_today, ours, self.limits, now)

        def keep() -> None:
            with self._visit:
                self._transact(note)

        self._patiently(keep)

    def snapshot(self) -> Usage:
        """What is going on on the instance.

        Raises:
            StoreUnavailable: it could not be read.
        """
        try:
            with self._leases.transaction(self.instance) as ledger:
                now = self._now(ledger)
                state = refresh(State.read(ledger.document), self.limits, now)
                return usage(self.instance, state, ledger.rows.values(), self.limits, now)
        except StoreError as error:
            raise StoreUnavailable(str(error)) from None

    def under_way(self) -> dict[str, float]:
        """Calls of any process that may be at work at the API now: lease -> seconds it may take.

        Those of a killed process are among them until their leases have run out.

        Raises:
            StoreUnavailable: it could not be read.
        """

        def look() -> dict[str, float]:
            with self._leases.transaction(self.instance) as ledger:
                now = ledger.now
                return {
                    row.id: until - now
                    for row in ledger.rows.values()
                    if (until := max(row.busy_until, row.work_until)) > now
                }

        return self._patiently(look)

    def _patiently(self, visit: Callable[[], T]) -> T:
        """Visits the store; one that is locked, or restarts, is waited for."""
        patience = Patience(self._store_patience)
        while True:
            try:
                return visit()
            except StoreError as error:
                if patience.lost(self._clock.monotonic()):
                    raise StoreUnavailable(str(error)) from None
                self._sleep(self._pause(patience), _never)

    def _pause(self, patience: Patience) -> float:
        return full_jitter(patience.count, base=0.1, cap=2.0, random=self._random)

    def _wait_for_lease(self, cancelled: Callable[[], bool], wanted: Wanted) -> Lease:
        store = Patience(self._store_patience)
        while not cancelled():
            self._noticed.put_up_with_refusals()
            self._released.clear()
            try:
                answer = self._attempt(wanted)
            except StoreError as error:
                if store.lost(self._clock.monotonic()):
                    raise StoreUnavailable(f"{error}; no call is made without it") from None
                self._sleep(self._pause(store), cancelled)
                continue
            store.reset()
            if isinstance(answer, Lease):
                return answer
            if isinstance(answer, Spent):
                raise BudgetSpent(self._spent(answer))
            if answer.why is Why.OUTAGE:
                self._noticed.put_up_with_outage(self._clock.monotonic())
            if answer.why in _WOKEN_BY_RELEASE:
                self._sleep_until_release(answer.seconds, cancelled)
            else:
                self._sleep(answer.seconds, cancelled)
        raise Cancelled("cancelled while waiting for a call")

    def _attempt(self, wanted: Wanted) -> Lease | Spent | Denied:
        # Read before the store's clock is: a process frozen in between has less time, never more.
        asked = self._clock.monotonic()
        answers: list[Lease | Spent | Denied] = []

        def ask(ledger: Ledger, state: State, now: Now) -> State:
            rows = ledger.rows.values()
            answer = admit(
                state, rows, self._process, self.limits, now, reads_usage=wanted.reads_usage
            )
            if isinstance(answer, Spent):
                answers.append(answer)
                return state
            if isinstance(answer, Wait):
                denied = self._denied(answer, state, ledger, now)
                answers.append(denied)
                until = now.store + denied.seconds + LATE_SECONDS
                return replace(state, waiting={**state.waiting, self._process: until})
            row = self._row(secrets.token_hex(8), now.store, wanted.seconds)
            ledger.put(row)
            send_before, until = asked + self.limits.grace_seconds, asked + wanted.seconds
            answers.append(Lease(row.id, row.granted, wanted.seconds, send_before, until))
            waiting = {who: at for who, at in state.waiting.items() if who != self._process}
            return granted(
                replace(state, waiting=waiting),
                row,
                self.limits,
                now,
                tries_quota=answer.tries_quota,
                reads_usage=wanted.reads_usage,
            )

        with self._visit:
            self._transact(ask)
        return answers[0]

    def _denied(self, wait: Wait, state: State, ledger: Ledger, now: Now) -> Denied:
        processes = {row.process for row in ledger.rows.values()} | state.waiting.keys()
        processes.add(self._process)
        if wait.until is not None:
            until_free = wait.until - now.store
        elif len(processes) == 1:
            until_free = POLL_SECONDS
        else:
            until_free = 0.0 if wait.why in {Why.SLOT, Why.TURN} else POLL_SECONDS / 4
        return Denied(wait.why, delay(until_free, len(processes), self._random))

    def _row(self, lease_id: str, now: float, seconds: float) -> Row:
        """As if the call took all the time it may, for a killed process holds its places too."""
        busy_until = now + seconds
        return Row(
            id=lease_id,
            process=self._process,
            host=self._host,
            pid=self._pid,
            granted=now,
            busy_until=busy_until,
            window_until=busy_until + self.limits.seconds + MARGIN_SECONDS,
        )

    def _transact(
        self, change: Callable[[Ledger, State, Now], State | None], *, durable: bool = True
    ) -> None:
        """Settle what is still to be settled, then make a change, in one transaction.

        `_visit` is held.
        """
        with self._lock:
            unsettled, self._unsettled = self._unsettled, []
        try:
            with self._leases.transaction(self.instance, durable=durable) as ledger:
                now = self._now(ledger)
                before = State.read(ledger.document)
                state = refresh(before, self.limits, now)
                for ended in unsettled:
                    state = self._settle(ledger, state, ended, now)
                state = change(ledger, state, now) or state
                if state != before:
                    ledger.keep(state.written())
        except BaseException:
            with self._lock:
                self._unsettled = unsettled + self._unsettled
            raise
        finally:
            for ended in unsettled:
                ended.tried = True
        self._noticed.state(state, now.store, self._clock.monotonic())
        report(self.instance, self.limits, before, state)

    def _settle(self, ledger: Ledger, state: State, ended: Ended, now: Now) -> State:
        lease, outcome = ended.lease, ended.outcome
        row = replace(
            self._row(lease.id, lease.granted, 0.0),
            busy_until=now.store,
            window_until=now.store + self.limits.seconds + MARGIN_SECONDS,
            work_until=lease.granted + lease.seconds if ended.at_work else 0.0,
        )
        if outcome is Outcome.NOT_SENT:
            ledger.drop(lease.id)
        elif outcome is not Outcome.UNKNOWN:
            # Written even if the lease has run out by now: the call was made.
            ledger.put(row)
        # Else the call may still be running, or arrive: both places are held to the lease's end.
        used = 0
        if outcome is Outcome.RATE_LIMITED:
            used = sum(one.window_until > now.store for one in ledger.rows.values())
        return settle(state, row, outcome, self.limits, used=used, now=now, random=self._random)

    def _now(self, ledger: Ledger) -> Now:
        return Now(ledger.now, self._clock.utc())

    def _settle_now(self, ended: Ended | None = None) -> None:
        """Tell the store of the calls that ended; for `ended`, another thread may have done so."""
        with self._visit:
            if not self._unsettled or (ended is not None and ended.tried):
                return
            try:
                # What is lost leaves the lease as it was granted, which is longer.
                self._transact(lambda _ledger, _state, _now: None, durable=False)
            except StoreError as error:
                logger.warning("A lease could not be released yet: %s", error)

    def _sleep(self, seconds: float, cancelled: Callable[[], bool]) -> None:
        rest(self._clock, Event(), seconds, cancelled)

    def _sleep_until_release(self, seconds: float, cancelled: Callable[[], bool]) -> None:
        """Calls that end meanwhile wake this thread, which tells the store when it asks again."""
        with self._lock:
            self._sleeper_settles = True
        try:
            rest(self._clock, self._released, seconds, cancelled)
        finally:
            with self._lock:
                self._sleeper_settles = False

    def _spent(self, spent: Spent) -> str:
        until = spent.until.strftime("%Y-%m-%d %H:%M UTC")
        if spent.by_us:
            return (
                f"{self.limits.daily:,} calls were made today, which is `max_daily_calls`; "
                f"{self.instance} is asked again at {until}"
            )
        return f"the daily quota of {self.instance} is spent; it may be back at {until}"


def _never() -> bool:
    return False
