"""Is the mapping wrong? Nearly everything rejected says so; a few bad records do not. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from target_marketo.delivery.summary import Summary

_FEWEST_RECORDS = 100


class Judge:
    """Looks at a run's counts; `max_rejected_percent` is the setting."""

    def __init__(self, summary: Summary, max_rejected_percent: int) -> None:
        self._summary = summary
        self._percent = max_rejected_percent

    @property
    def verdict(self) -> str:
        """What to tell of a mapping that is wrong for certain; empty if it may be right."""
        # Good records are settled only when a lookup and a write are over, bad ones at once: what
        # is under way is presumed good.
        records = self._summary.received - self._summary.skipped
        if records < _FEWEST_RECORDS or not self._too_many(records):
            return ""
        return (
            f"{self._summary.rejected} of {records} records were rejected, more than "
            f"`max_rejected_percent` = {self._percent}: see the error log, correct `streams`"
        )

    def doubts(self, *, ended: bool, stopping: bool) -> bool:
        """Whether STATE has to wait: of the records whose end is known too many were rejected.

        Not if nothing more will come to tell a mapping mistake from a few bad records: where the
        input has `ended` and all of it is settled, or the run is `stopping` and has seen few.
        """
        known = self._summary.settled - self._summary.skipped
        bad_luck = (ended and self._summary.settled == self._summary.received) or (
            stopping and known < _FEWEST_RECORDS
        )
        return self._too_many(known) and not bad_luck

    def _too_many(self, records: int) -> bool:
        return self._summary.rejected * 100 > records * self._percent
