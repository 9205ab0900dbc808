"""One instance of Marketo: its calls, room by room, and those of others that it waits for."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from target_marketo.marketo.call import Caller
from target_marketo.marketo.leads import Leads

if TYPE_CHECKING:
    from collections.abc import Collection


_LOOK_SECONDS = 0.5
_TOLD_SECONDS = 5.0

logger = logging.getLogger("target-marketo")


class Marketo(Caller):
    """What a run asks of Marketo. Any thread may use it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.leads = Leads(self)

    def under_way(self) -> Collection[str]:
        """The calls, of whichever process, that may be at work now."""
        return self.governor.under_way().keys()

    def outlast(self, earlier: Collection[str]) -> None:
        """Waits until these calls of the governor's can no longer be at work.

        A run that was killed, or could not wait, leaves calls behind that nobody hears the end of;
        who is created meanwhile may be created twice.
        """
        told = False
        while not self.stopping():
            left = [
                seconds for lease, seconds in self.governor.under_way().items() if lease in earlier
            ]
            if not left:
                return
            if max(left) > _TOLD_SECONDS and not told:
                logger.info(
                    "Waiting for calls of another run, %.0f s at most: they may still write",
                    max(left),
                )
                told = True
            self.sleep(min(_LOOK_SECONDS, *left))
