"""What became of a call, as far as the budget is concerned."""

from __future__ import annotations

from enum import Enum


class Outcome(Enum):
    """How a lease ended. A reply that refuses one record, or one request, is OK: it was served."""

    OK = "ok"
    RATE_LIMITED = "rate limited"  # Adobe: "Error codes", 606
    CONCURRENCY_LIMITED = "concurrency limited"  # 615
    QUOTA_SPENT = "quota spent"  # 607
    UNAVAILABLE = "unavailable"  # 608, 614, HTTP 5xx, connection refused: nothing is running there
    UNKNOWN = "unknown"  # time-out, reset after the send: it may still be running there
    NOT_SENT = "not sent"  # the call was not made: everything is given back

    @property
    def answered(self) -> bool:
        """A reply of the API itself, which shows that it is up."""
        return self not in {Outcome.UNAVAILABLE, Outcome.UNKNOWN, Outcome.NOT_SENT}
