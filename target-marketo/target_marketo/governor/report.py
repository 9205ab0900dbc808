"""What the person on call should know of a change of the shared state: one line per event."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from target_marketo.governor.limits import Limits
    from target_marketo.governor.state import State

logger = logging.getLogger(__name__)


def report(instance: str, limits: Limits, before: State, after: State) -> None:
    """Written by the process that saw the event; the others share its consequences."""
    if after.rate.cut_at != before.rate.cut_at:
        logger.warning(
            "%s: too many calls (606), the budget is now %d of %d per %g s",
            instance,
            after.rate.now(limits.calls),
            limits.calls,
            limits.seconds,
        )
    if after.slots.cut_at != before.slots.cut_at:
        logger.warning(
            "%s: too many calls at a time (615), now %d of %d",
            instance,
            after.slots.now(limits.concurrent),
            limits.concurrent,
        )
    if after.breaker.is_open and not before.breaker.is_open:
        logger.warning("%s does not answer: only probes until it does", instance)
    if before.breaker.is_open and not after.breaker.is_open:
        logger.info("%s answers again", instance)
    if after.day.spent and after.day.tried_at != before.day.tried_at:
        again = after.day.try_again_at() or datetime.now(UTC)
        logger.error(
            "%s: the daily quota is spent (607), to be tried again at %s UTC",
            instance,
            again.strftime("%Y-%m-%d %H:%M"),
        )
    if before.day.spent and not after.day.spent:
        logger.info("%s: the daily quota is back", instance)
