"""Rounds at the reset of the day, which Marketo has at midnight US Central: in which time of the
year, and whether it goes by summer time, nobody says.

Two of them begin with a quota that others have spent, which Marketo says when our arithmetic has a
new day already, or only soon. No record is lost, and nothing is blocked for a day: Marketo is asked
again within the hour.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.faults.invariants import Allowed
from tests.faults.rounds import Trouble

_QUOTA = 45  # less than a round needs
_HOUR = 3600.0
_SLOW: dict[str, Any] = {"latency_median": 0.5}
# A process is there by then, and not done.
_BEFORE = {
    "in summer, by summer time": (datetime(2026, 7, 15, 4, 59, 57, tzinfo=UTC), "chicago"),
    "in summer, by standard time": (datetime(2026, 7, 15, 5, 59, 57, tzinfo=UTC), "cst"),
    "in winter": (datetime(2027, 1, 15, 5, 59, 57, tzinfo=UTC), "chicago"),
}
_CHANGES = {
    "begins": datetime(2027, 3, 14, 7, 59, 57, tzinfo=UTC),
    "ends": datetime(2026, 11, 1, 6, 59, 57, tzinfo=UTC),
}
_SPENT = {
    "which our day has had": (datetime(2026, 7, 15, 5, 0, 30, tzinfo=UTC), "cst"),
    "which standard time has later": (datetime(2026, 7, 15, 4, 30, tzinfo=UTC), "chicago"),
}


def days() -> list[Trouble]:
    """All of them."""
    return [
        *(
            Trouble(
                f"a run goes over the reset of the day {when}",
                allowed=Allowed(attempts=3),
                rows=600,
                marketo={**_SLOW, "quota_zone": zone, "daily_quota": _QUOTA},
                begins=begins,
            )
            for when, (begins, zone) in _BEFORE.items()
        ),
        Trouble(
            "a run that may make few calls goes over the reset of the day",
            allowed=Allowed(attempts=3),
            rows=600,
            marketo=_SLOW,
            settings={"max_daily_calls": _QUOTA},
            begins=_BEFORE["in winter"][0],
        ),
        *(
            Trouble(
                f"a run goes over the hour in which summer time {what}",
                allowed=Allowed(attempts=1),
                marketo=_SLOW,
                begins=begins,
            )
            for what, begins in _CHANGES.items()
        ),
        *(
            Trouble(
                f"the quota is spent until a reset of the day {which}",
                allowed=Allowed(attempts=2),
                rows=150,
                marketo={"quota_zone": zone, "daily_quota": 2 * _QUOTA},
                begins=begins,
                used_by_others=2 * _QUOTA,
                tomorrow=_HOUR,
            )
            for which, (begins, zone) in _SPENT.items()
        ),
    ]
