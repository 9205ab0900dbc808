"""The daily budget: calls of the US Central day, and when a spent quota may be back.

Adobe: "Error codes", 607: "resets daily at 12:00AM CST". Whether CST moves with summer time is not
said: midnight is at 05:00 UTC in an American summer if it does and at 06:00 if it does not. So
nothing is blocked for a day on our own arithmetic: what the API says is believed, be it a 607 or a
count that is not that of our day, and asked about again, with one call, after each of the two and
in any case an hour later.
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

ASK_AGAIN = timedelta(hours=1)

UNNOTICED = 0.025
"""The part of the daily limit that others may use before the count is read again near its end."""

FEWEST_UNNOTICED = 10


class Day(msgspec.Struct, frozen=True):
    """What was used on one day, by us and, as the API last said at `noted_at`, by everybody.

    `early` of `ours` were made before the later of the two possible resets, and may be of the day
    before. `tried_at` is when the API last said that the quota is spent; `probe` names the lease
    that tries now. `called_at` is when our last call was granted. Times are Unix times.
    """

    date: str = ""
    standard_date: str = ""
    ours: int = 0
    early: int = 0
    called_at: float = 0.0
    noted_at: float = 0.0
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
        certain = self.ours - self.early
        if self.noted_total is None:
            return certain
        return max(certain, self.noted_total + self.ours - self.noted_ours)

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
        standard = (utc + STANDARD_OFFSET).date().isoformat()
        known = date.fromisoformat(self.date) if self.date else None
        if known is not None and known > today:
            ahead = known - today > timedelta(days=1)
            return replace(self, date=today.isoformat()) if ahead else self
        if known == today:
            if standard <= self.standard_date:
                return self
            return replace(self, standard_date=standard, early=self.ours)
        return Day(
            date=today.isoformat(),
            standard_date=standard,
            tried_at=self.tried_at,
            probe=self.probe,
            probe_until=self.probe_until,
        )

    def note(self, total: int, utc: datetime) -> Day:
        """The API's count.

        One that fell began again, and so did one that lacks calls which we made long ago, whatever
        our clock says. A little less is what another process read a little earlier.
        """
        at, before = utc.timestamp(), self.noted_total or 0
        is_told = at - self.called_at >= ASK_AGAIN.total_seconds()
        if 2 * total < before or (is_told and total < self.everybody):
            return replace(self, ours=0, early=0, noted_at=at, noted_total=total, noted_ours=0)
        return replace(self, noted_at=at, noted_total=max(total, before), noted_ours=self.ours)

    def wants_reading(self, utc: datetime, *, daily: int, others_at_most: float) -> bool:
        """Whether others, who may make so many calls a second, may have used up what is left."""
        if self.noted_total is None:
            return False
        unnoticed = max(0.0, utc.timestamp() - self.noted_at) * others_at_most
        enough = max(UNNOTICED * daily, FEWEST_UNNOTICED)
        return unnoticed >= enough and self.everybody + unnoticed >= daily

    def ask_again_at(self) -> datetime:
        """When a limit that the count has reached is to be asked about again."""
        return _ask_again(self.noted_at)

    def probing(self, now: float) -> bool:
        return self.probe is not None and now < self.probe_until

    def try_again_at(self) -> datetime | None:
        """When a quota that was found spent is to be tried again; None if it was not."""
        return None if self.tried_at is None else _ask_again(self.tried_at)


def _ask_again(since: float) -> datetime:
    then = datetime.fromtimestamp(since, UTC)
    return min(next_reset(then), then + ASK_AGAIN)


def next_reset(utc: datetime) -> datetime:
    """The first instant after `utc` at which a spent quota may be back."""
    before = utc - SETTLE
    return min(_midnight_central(before), _midnight_standard(before)) + SETTLE


def day_ends(utc: datetime) -> datetime:
    """The next midnight in Chicago."""
    return _midnight_central(utc)


def _midnight_central(utc: datetime) -> datetime:
    tomorrow = utc.astimezone(CENTRAL).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), CENTRAL).astimezone(UTC)


def _midnight_standard(utc: datetime) -> datetime:
    tomorrow = (utc + STANDARD_OFFSET).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), UTC) - STANDARD_OFFSET
