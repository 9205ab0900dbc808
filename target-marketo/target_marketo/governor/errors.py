"""Why no call may be made.

GovernorError
 ├─ BudgetSpent         no call is left today; the next run goes on
 ├─ OutageTooLong       the API has not answered for as long as we wait
 ├─ StoreUnavailable    the budget cannot be read, so there is none
 ├─ LeaseLost           the process was frozen: acquire again
 ├─ AnotherWrites       one run at a time writes to an instance
 └─ Cancelled           the caller asked to stop waiting
"""

from __future__ import annotations


class GovernorError(Exception):
    """One line, for the person on call."""


class BudgetSpent(GovernorError):
    """The daily quota, or our share of it, is used up."""


class OutageTooLong(GovernorError):
    """The circuit breaker was open for longer than we wait."""


class StoreUnavailable(GovernorError):
    """The shared budget could not be read or written for longer than we wait."""


class LeaseLost(GovernorError):
    """Too much time passed since the lease was granted; nothing was sent."""


class AnotherWrites(GovernorError):
    """Another run has the right to write, or had it while this one was frozen."""


class Cancelled(GovernorError):
    """`cancelled()` was true while waiting."""
