"""Whether writes get through, and whose fault it is if one does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_marketo.delivery.interface import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_marketo.delivery.entry import Item
    from target_marketo.delivery.interface import CallFailed

MAX_ATTEMPTS = 6
AFTER_TRANSIENT_SECONDS = 5.0  # the first time that a row is put off, then twice as long each time
_RESETS_BEFORE_HALVING = 2
_SIGHTINGS = 3
REST_SECONDS = 1.0  # after the first write whose end is unknown; then twice as long, up to
LONGEST_REST_SECONDS = 30.0


class Standstill:
    """One kind's calls of unknown outcome.

    The end of a write is unknown if it was answered with a system error, or not at all: a row in
    it may be what stops the API, or the API is down. What tells the two apart is that other writes
    get through between its failures, again and again: an outage lets none through while it lasts.
    So calls are halved until a row is alone, and it is that row's fault only if that was seen
    `_SIGHTINGS` times. Where nothing gets through nobody's tries are used up: everybody rests, and
    after `patience` seconds of it the run ends. Of a few rows one may fail when no other is left
    to show anything: then a single sighting, and so much time, do.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._through = 0  # writes with a result
        self._failed = 0  # writes since the last of these
        self._since: float | None = None

    def got_through(self) -> None:
        """A write has a result."""
        self._through += 1
        self._failed, self._since = 0, None

    def failed(self, items: Sequence[Item], failure: CallFailed, now: float) -> float:
        """Notes a write whose end is unknown; how many seconds its rows rest at least."""
        self._since = now if self._since is None else self._since
        for item in items:
            item.losses += 1
            if failure.halves or item.losses > _RESETS_BEFORE_HALVING:
                item.batch_limit = max(1, len(items) // 2)
            item.losses_alone += len(items) == 1
            item.sightings += item.losses > 1 and item.through < self._through
            item.through = self._through
        rest = min(LONGEST_REST_SECONDS, REST_SECONDS * 2.0 ** min(self._failed, 10))
        self._failed += 1
        return max(rest, failure.at_work_seconds)

    def lasts(self, now: float) -> bool:
        """Nothing has got through for as long as the run puts up with."""
        return self._since is not None and now - self._since >= self._patience

    def end(self, failure: CallFailed) -> Unavailable:
        """Why the run ends then."""
        minutes = self._patience / 60
        return Unavailable(
            f"no write has got through for {minutes:.0f} minutes; the last: {failure.error}"
        )

    def blames(self, items: Sequence[Item], now: float) -> bool:
        """The call failed because of its one row."""
        if len(items) > 1:
            return False
        item = items[0]
        if self.lasts(now):
            return bool(item.sightings)
        return item.losses_alone >= MAX_ATTEMPTS and item.sightings >= _SIGHTINGS


def put_off_for(tries: int) -> float:
    """How many seconds a row rests that was answered with something that may pass."""
    return AFTER_TRANSIENT_SECONDS * 2.0 ** (tries - 1)
