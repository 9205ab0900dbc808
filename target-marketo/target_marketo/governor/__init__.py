"""The governor: one budget of calls for every process on an instance, and never a violation.

limits.py, lease.py, errors.py   the vocabulary
governor.py      acquire, check, release: the only file that waits
noticed.py       what one process has noticed: how long it puts up with an outage, what it asks
turnstile.py     the queue of one process's threads
decisions.py     admit and settle, on the shared state and the leases: pure, as is all below
state.py           the shared state: one document in the store, made of
budget.py            a budget that shrinks on refusal (606, 615) and grows back
others.py            what other integrations leave of it, from two readings of the API's count
pause.py             the pause of everybody after a refusal
breaker.py           one probe while the API is down
day.py               the daily quota and its possible resets
places.py        when a place is free, and who goes first
retries.py       random delays, how long something may fail, how many retries there are
usage.py, report.py   for people: a snapshot, and log lines
writer.py        the turn to write, which one run at a time has

It knows neither Marketo nor Singer; the numbers in comments are the codes that callers map to an
`Outcome`.
"""

from target_marketo.governor.clock import Clock, SystemClock
from target_marketo.governor.errors import (
    BudgetSpent,
    Cancelled,
    GovernorError,
    LeaseLost,
    OutageTooLong,
    StoreUnavailable,
)
from target_marketo.governor.governor import Governor
from target_marketo.governor.lease import Lease
from target_marketo.governor.limits import Limits, Outcome
from target_marketo.governor.retries import full_jitter
from target_marketo.governor.usage import Holder, Usage

__all__ = [
    "BudgetSpent",
    "Cancelled",
    "Clock",
    "Governor",
    "GovernorError",
    "Holder",
    "Lease",
    "LeaseLost",
    "Limits",
    "OutageTooLong",
    "Outcome",
    "StoreUnavailable",
    "SystemClock",
    "Usage",
    "full_jitter",
]
