"""The two decisions: may a call be made now, and what follows from how it went. Pure.

`admit` asks in this order: the day's budget, the pause, the breaker, the window, the slots in
flight, and whether a poorer process should go first. `settle` adapts the shared state to an
outcome.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING

from msgspec.structs import replace

from target_marketo.governor import day as days
from target_marketo.governor.limits import Outcome
from target_marketo.governor.others import APART_SECONDS, Reading, left_over
from target_marketo.governor.others import rate as others_rate
from target_marketo.governor.places import free_at, must_yield, next_call_at

if TYPE_CHECKING:
    from collections.abc import Collection
    from random import Random

    from target_marketo.governor.budget import Reduced
    from target_marketo.governor.limits import Limits
    from target_marketo.governor.state import State
    from target_marketo.store.leases import Row

# facts: additive step and factor of the window's budget were simulated beside others at 1 and 2.5
# calls a second; these lose least to refusals for what they leave to the others.
RATE_FACTOR, RATE_STEP, RATE_FLOOR = 0.85, 5.0, 2
SLOTS_FACTOR, SLOTS_STEP, SLOTS_EVERY = 0.7, 1.0, 20


class Why(Enum):
    """What a call waits for."""

    PAUSE = "pause"
    OUTAGE = "outage"
    WINDOW = "window"
    SLOT = "slot"
    TURN = "turn"  # another process goes first
    RESET = "reset"  # another call tries whether the daily quota is back


class Quota(Enum):
    LEFT = "left"
    TO_BE_TRIED = "to be tried"  # it was spent, and may be back


@dataclass(frozen=True, slots=True)
class Admitted:
    tries_quota: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """`until` is the earliest instant at which the answer can change; None: nobody can say."""

    why: Why
    until: float | None


@dataclass(frozen=True, slots=True)
class Spent:
    """No call before `until`: `by_us` if our own daily limit ended it, else the API said so."""

    until: datetime
    by_us: bool


@dataclass(frozen=True, slots=True)
class Now:
    """One instant on both clocks: the store's seconds, and the wall's for the day alone."""

    store: float
    utc: datetime


def admit(
    state: State,
    rows: Collection[Row],
    process: str,
    limits: Limits,
    now: Now,
    *,
    reads_usage: bool,
) -> Admitted | Wait | Spent:
    """Whether `process` may make one call at `now`; `state` is up to date (`refresh`).

    One that reads the API's own count is let through our own daily limit from time to time.
    """
    quota = _quota(state, limits, now, reads_usage=reads_usage)
    if isinstance(quota, Wait | Spent):
        return quota
    blocked = (
        _pause(state, now.store)
        or _outage(state, now.store)
        or _window(state, rows, process, limits, now.store)
        or _slots(state, rows, process, limits, now.store)
    )
    return blocked or Admitted(tries_quota=quota is Quota.TO_BE_TRIED)


def refresh(state: State, limits: Limits, now: Now) -> State:
    """What changes by the passing of time alone."""
    return replace(
        state,
        day=state.day.at(now.utc),
        rate=state.rate.after_time(
            limit=limits.calls, step=RATE_STEP, every=limits.seconds, now=now.store
        ),
        waiting={who: until for who, until in state.waiting.items() if until > now.store},
    )


def granted(
    state: State,
    row: Row,
    limits: Limits,
    now: Now,
    *,
    tries_quota: bool,
    reads_usage: bool,
) -> State:
    """After a call was admitted under the lease `row`."""
    lease, until = row.id, row.busy_until
    called_at = state.day.called_at if reads_usage else now.utc.timestamp()
    counted = replace(state.day, ours=state.day.ours + 1, called_at=called_at)
    if tries_quota:
        counted = replace(counted, probe=lease, probe_until=until)
    breaker = state.breaker
    if breaker.is_open:
        breaker = breaker.send_probe(lease, until)
    return replace(
        state,
        day=counted,
        breaker=breaker,
        next_call_at=next_call_at(
            state.next_call_at,
            budget=state.rate.now(limits.calls, floor=RATE_FLOOR),
            window=limits.seconds,
            now=row.granted,
        ),
    )


def settle(
    state: State, row: Row, outcome: Outcome, limits: Limits, *, used: int, now: Now, random: Random
) -> State:
    """After the call under the lease `row` ended; `used` places of the window are held."""
    breaker = state.breaker
    if outcome.answered:
        breaker = breaker.after_answer(row.id, row.granted)
    elif outcome is Outcome.NOT_SENT:
        breaker = breaker.without_probe(row.id)
    else:
        breaker = breaker.after_failure(row.id, now.store, random)
    state = replace(state, breaker=breaker, day=_settle_day(state, row.id, outcome, now))
    if outcome is Outcome.OK:
        slots = state.slots.after_success(
            limit=limits.concurrent, step=SLOTS_STEP, every=SLOTS_EVERY
        )
        return replace(state, slots=slots)
    if outcome is Outcome.RATE_LIMITED and state.rate.is_news(row.granted):
        pause = state.pause.after_rate_limited(now.store, limits.seconds, random)
        return replace(
            state,
            rate=state.rate.cut(
                limit=limits.calls,
                used=used,
                factor=RATE_FACTOR,
                floor=RATE_FLOOR,
                now=now.store,
                clean_since=pause.until,
            ),
            pause=pause,
        )
    if outcome is Outcome.CONCURRENCY_LIMITED and state.slots.is_news(row.granted):
        return replace(
            state,
            slots=_whole(
                state.slots.cut(
                    limit=limits.concurrent,
                    used=limits.concurrent,
                    factor=SLOTS_FACTOR,
                    floor=1,
                    now=now.store,
                    clean_since=now.store,
                )
            ),
            pause=state.pause.after_concurrency_limited(now.store, limits.seconds, random),
        )
    return state


def note_usage(state: State, total: int, ours: int | None, limits: Limits, now: Now) -> State:
    """After the API said how many calls were made today, by all users and by ours.

    With an earlier reading, the others' calls in between say what they leave of the window; without
    one it is a guess of half of it, until a second reading a window later.
    """
    ours = state.day.ours if ours is None else ours
    reading = Reading(now.utc.timestamp(), max(0, total - ours))
    state = replace(state, day=state.day.note(total, now.utc))
    earlier = state.reading
    if earlier is not None and 0 <= reading.at - earlier.at < APART_SECONDS:
        return state
    others = others_rate(earlier, reading)
    known = others is not None
    calls = (
        limits.ceiling / 2 if others is None else left_over(limits.ceiling, limits.seconds, others)
    )
    is_a_guess = state.guessed_at is not None and state.rate.cut_at <= state.guessed_at
    if state.rate.calls is not None and not is_a_guess:
        calls = min(calls, state.rate.calls)
    return replace(
        state,
        reading=reading,
        guessed_at=None if known else now.store,
        rate=state.rate.begin(calls, limit=limits.calls, floor=RATE_FLOOR, now=now.store),
    )


def _whole(slots: Reduced) -> Reduced:
    """Slots grow one by one: from 7 and not from 7.9, or the first step would be lost or double."""
    return replace(slots, calls=float(int(slots.calls or 1)))


def _settle_day(state: State, lease: str, outcome: Outcome, now: Now) -> days.Day:
    day = state.day
    mine = lease == day.probe
    if outcome is Outcome.NOT_SENT:
        day = replace(day, ours=max(0, day.ours - 1))
    elif outcome is Outcome.RATE_LIMITED:
        day = replace(day, rate_limited=day.rate_limited + 1)
    elif outcome is Outcome.CONCURRENCY_LIMITED:
        day = replace(day, concurrency_limited=day.concurrency_limited + 1)
    if outcome is Outcome.QUOTA_SPENT and (mine or not day.spent):
        return replace(day, tried_at=now.utc.timestamp(), probe=None)
    if outcome is Outcome.OK and mine:
        return replace(day, tried_at=None, probe=None)
    return replace(day, probe=None) if mine else day


def _quota(state: State, limits: Limits, now: Now, *, reads_usage: bool) -> Spent | Wait | Quota:
    day = state.day
    if day.everybody >= limits.daily:
        ask_again = day.ask_again_at()
        if not reads_usage or now.utc < ask_again:
            return Spent(min(days.day_ends(now.utc), max(ask_again, now.utc)), by_us=True)
    again = day.try_again_at()
    if again is None:
        return Quota.LEFT
    if day.probing(now.store):
        return Wait(Why.RESET, None)
    return Spent(again, by_us=False) if now.utc < again else Quota.TO_BE_TRIED


def _pause(state: State, now: float) -> Wait | None:
    return Wait(Why.PAUSE, state.pause.until) if now < state.pause.until else None


def _outage(state: State, now: float) -> Wait | None:
    """While the breaker is open, only one call at a time passes, when it is time for it."""
    breaker = state.breaker
    if not breaker.is_open:
        return None
    if breaker.probing(now):
        return Wait(Why.OUTAGE, None)
    return Wait(Why.OUTAGE, breaker.probe_at) if now < breaker.probe_at else None


def _window(
    state: State, rows: Collection[Row], process: str, limits: Limits, now: float
) -> Wait | None:
    budget = state.rate.now(limits.calls, floor=RATE_FLOOR)
    held = [row for row in rows if row.window_until > now]
    at = free_at((row.window_until for row in held), budget, now)
    if state.rate.calls is not None:
        at = max(at, state.next_call_at)
    if at > now:
        # A reduced budget may grow before the next place is free.
        grows = state.rate.clean_since + limits.seconds
        return Wait(Why.WINDOW, at if state.rate.calls is None else min(at, grows))
    slack = max(2, budget // 20)
    return _turn(state, held, process, free=budget - len(held), slack=slack)


def _slots(
    state: State, rows: Collection[Row], process: str, limits: Limits, now: float
) -> Wait | None:
    budget = state.slots.now(limits.concurrent)
    held = [row for row in rows if row.busy_until > now]
    if free_at((row.busy_until for row in held), budget, now) > now:
        # A place is free when any of these calls ends: at the latest with its lease.
        return Wait(Why.SLOT, None)
    return _turn(state, held, process, free=budget - len(held), slack=1)


def _turn(state: State, held: list[Row], process: str, *, free: int, slack: int) -> Wait | None:
    others = [who for who in state.waiting if who != process]
    if not others:
        return None
    holds = Counter(row.process for row in held)
    if must_yield(holds[process], (holds[who] for who in others), free=free, slack=slack):
        return Wait(Why.TURN, None)
    return None


def wall_time(now: Now, store: float) -> datetime:
    """The wall clock's time at an instant of the store's clock."""
    return datetime.fromtimestamp(now.utc.timestamp() + store - now.store, UTC)
