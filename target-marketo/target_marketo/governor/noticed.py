"""What one process has noticed of the instance: what it may still put up with, and should ask."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from target_marketo.governor.errors import OutageTooLong
from target_marketo.governor.limits import Outcome
from target_marketo.governor.others import APART_SECONDS
from target_marketo.governor.retries import Patience, RetryBudget

if TYPE_CHECKING:
    from datetime import datetime

    from target_marketo.governor.limits import Limits
    from target_marketo.governor.state import State

_REFUSALS = {Outcome.RATE_LIMITED, Outcome.CONCURRENCY_LIMITED}


class Noticed:
    """Any thread may tell it and ask it; times are of the process's monotonic clock."""

    def __init__(self, instance: str, limits: Limits, outage_patience_seconds: float) -> None:
        self._instance, self._limits = instance, limits
        self._minutes = outage_patience_seconds / 60
        self._retries = RetryBudget()
        self._lock = Lock()  # guards all below
        self._outage = Patience(outage_patience_seconds)
        self._refusals = Patience(outage_patience_seconds)
        self._is_refused = False
        self._state: State | None = None
        self._guess_ends: float | None = None
        self._asked_at = float("-inf")

    def outcome(self, outcome: Outcome, now: float) -> None:
        """Of a call of this process."""
        if outcome is Outcome.OK:
            self._retries.earn()
        with self._lock:
            if outcome in _REFUSALS:
                self._is_refused = self._refusals.lost(now)
            elif outcome.answered:
                self._is_refused = False
                self._refusals.reset()

    def state(self, state: State, store_now: float, now: float) -> None:
        """As the store had it just now."""
        with self._lock:
            self._state = state
            if not state.breaker.is_open:
                self._outage.reset()
            self._guess_ends = None
            if state.guessed_at is not None:
                self._guess_ends = now + state.guessed_at + self._limits.seconds - store_now

    def put_up_with_refusals(self) -> None:
        """606 and 615 without end are an outage like any other.

        Raises:
            OutageTooLong: It was too long.
        """
        if self._is_refused:
            raise OutageTooLong(
                f"{self._instance} has refused every call for {self._minutes:.0f} minutes (606, "
                "615): other integrations use up its limits; Admin > Web Services shows which"
            )

    def put_up_with_outage(self, now: float) -> None:
        """To be called each time that the breaker lets nothing through; raises as above."""
        with self._lock:
            is_over = self._outage.lost(now)
        if is_over:
            raise OutageTooLong(
                f"{self._instance} has not answered for {self._minutes:.0f} minutes: see "
                "status.adobe.com, and whether this host reaches it; the next run goes on"
            )

    def retry_allowed(self) -> bool:
        """See `Governor.retry_allowed`."""
        state = self._state
        return (state is not None and state.breaker.is_open) or self._retries.spend()

    def wants_usage(self, now: float, utc: datetime) -> bool:
        """See `Governor.wants_usage`."""
        with self._lock:
            if self._state is None or now < self._asked_at + APART_SECONDS:
                return False
            guess_is_over = self._guess_ends is not None and now >= self._guess_ends
            wanted = guess_is_over or self._state.day.wants_reading(
                utc,
                daily=self._limits.daily,
                others_at_most=self._limits.ceiling / self._limits.seconds,
            )
            if wanted:
                self._asked_at = now
            return wanted
