"""The daily budget: calls of the US Central day, and when a spent quota may be back.

Adobe: "Error codes", 607: "resets daily at 12:00AM CST". Whether CST moves with summer time is not
said: midnight is at 05:00 UTC in an American summer if it does and at 06:00 if it does not. So a
spent quota is tried, with one call, after each of the two; and once more an hour later, since a
host whose clock is a few minutes ahead would otherwise lose a day in winter.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

CENTRAL = ZoneInfo("America/Chicago")
STANDARD_OFFSET = timedelta(hours=-6)

SETTLE = timedelta(minutes=2)
"""A reset is tried so long after it: two clocks are seldom the same to the second."""


class Day(msgspec.Struct, frozen=True):
    """What was used on one day, by us and, as the API last said, by everybody.

    `spent_at` is when the API refused a call because the quota was spent, `tried_at` when it was
    last tried since (both Unix times); `probe` names the lease that tries now.
    """

    date: str = ""
    ours: int = 0
    noted_total: int | None = None
    noted_ours: int = 0
    rate_limited: int = 0
    concurrency_limited: int = 0
    tried_at: float | None = None
    probe: str | None = None
    probe_until: float = 0.0

    @property
    def everybody(self) -> int:
        """At least this many calls were made today, by all integrations."""
        if self.noted_total is None:
            return self.ours
        return max(self.ours, self.noted_total + self.ours - self.noted_ours)

    @property
    def spent(self) -> bool:
        """The API said so, and has not yet answered since."""
        return self.tried_at is not None

    def at(self, utc: datetime) -> Day:
        """This day or, after midnight, a new one; a spent quota stays spent until it is tried.

        A wall clock that is set back does not bring yesterday back. One that was a day or more
        ahead and is mended must not stop the count for ever: the calls then count for today.
        """
        today = utc.astimezone(CENTRAL).date()
        known = date.fromisoformat(self.date) if self.date else None
        if known == today:
            return self
        if known is not None and known > today:
            ahead = known - today > timedelta(days=1)
            return replace(self, date=today.isoformat()) if ahead else self
        return Day(
            date=today.isoformat(),
            tried_at=self.tried_at,
            probe=self.probe,
            probe_until=self.probe_until,
        )

    def note(self, total: int) -> Day:
        return replace(self, noted_total=total, noted_ours=self.ours)

    def probing(self, now: float) -> bool:
        return self.probe is not None and now < self.probe_until

    def try_again_at(self) -> datetime | None:
        """The first possible reset since the quota was found spent; None if it is not."""
        if self.tried_at is None:
            return None
        return next_reset(datetime.fromtimestamp(self.tried_at, UTC))


def next_reset(utc: datetime) -> datetime:
    """The first instant after `utc` at which a spent quota may be back."""
    before = utc - SETTLE
    late = _midnight_standard(before - timedelta(hours=1)) + timedelta(hours=1)
    return min(_midnight_central(before), _midnight_standard(before), late) + SETTLE


def day_ends(utc: datetime) -> datetime:
    """The next midnight in Chicago."""
    return _midnight_central(utc)


def _midnight_central(utc: datetime) -> datetime:
    tomorrow = utc.astimezone(CENTRAL).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), CENTRAL).astimezone(UTC)


def _midnight_standard(utc: datetime) -> datetime:
    tomorrow = (utc + STANDARD_OFFSET).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), UTC) - STANDARD_OFFSET
