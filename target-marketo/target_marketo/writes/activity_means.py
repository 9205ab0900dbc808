"""What activities are written with."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from target_marketo.mapping.attachments import AttachmentKind
from target_marketo.marketo.activities import Activities
from target_marketo.marketo.call import MAX_ROWS
from target_marketo.store.activity_ledger import ActivityLedger
from target_marketo.store.cache import Cache
from target_marketo.writes.destinations import Destinations

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from target_marketo.mapping.attachments import Lane
    from target_marketo.marketo.activities import ActivityType
    from target_marketo.writes.parts import Parts


@dataclass(frozen=True)
class Means:
    """What activities are written with.

    `find` describes a lane's type, and `forget` has it ask Marketo the next time. `still_there`
    tells which of some people Marketo still has under their id; `before_move` raises where this run
    may no longer write. `timeout` is how long a call is waited for, in seconds, and `now` is the
    time at Marketo, in seconds since 1970.
    """

    activities: Activities
    find: Callable[[Lane], ActivityType]
    ledger: ActivityLedger
    still_there: Callable[[Collection[int]], Collection[int]]
    now: Callable[[], float]
    timeout: float
    lanes: Collection[Lane] = ()
    visibility_seconds: float = 60.0
    before_move: Callable[[], None] = lambda: None
    forget: Callable[[str], None] = lambda _: None
    key_hash: Callable[[str], str] = lambda _: ""
    monotonic: Callable[[], float] = time.monotonic


def means_of(parts: Parts) -> Means:
    """From what a run has."""
    marketo, settings = parts.marketo, parts.settings
    destinations = Destinations(marketo, Cache(parts.database), settings.instance)

    def still_there(leads: Collection[int]) -> set[int]:
        some = sorted(leads)
        return {
            int(found["id"])
            for start in range(0, len(some), MAX_ROWS)
            for found in marketo.leads.lookup(
                "id", [str(i) for i in some[start:][:MAX_ROWS]], ["id"]
            )
        }

    return Means(
        activities=Activities(marketo),
        find=lambda lane: destinations.activity_type(lane.key[0], parts.lanes[lane]),
        forget=lambda named: destinations.forget(AttachmentKind.ACTIVITY, named),
        ledger=ActivityLedger(parts.database, settings.instance, parts.run, now=marketo.clock.now),
        still_there=still_there,
        now=marketo.clock.now,
        timeout=marketo.timeout,
        lanes=parts.lanes.keys(),
        visibility_seconds=settings.activity_visibility_seconds,
        before_move=lambda: marketo.before_write(),  # noqa: PLW0108 - set after this
        key_hash=parts.key_hash,
    )
