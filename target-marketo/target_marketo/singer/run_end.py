"""How a run ends: what it says that it did, what it fails with, and the exit code of that."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from target_marketo.governor import BudgetSpent
from target_marketo.governor.errors import AnotherWrites
from target_marketo.marketo.errors import QuotaSpent
from target_marketo.privacy import printable

if TYPE_CHECKING:
    from target_marketo.delivery.ending import Ending
    from target_marketo.delivery.summary import Summary
    from target_marketo.mapping.watch import Watch

EXIT_FAILED, EXIT_BUDGET, EXIT_SIGNAL = 1, 75, 128

logger = logging.getLogger("target-marketo")


class Stop(Exception):
    """The run ends here, with this exit code and this line."""

    def __init__(self, text: str, code: int = EXIT_FAILED) -> None:
        super().__init__(text)
        self.code = code


class OutOfTime(Stop):
    """The run's own minutes are over; what is left is the next run's."""


def exit_code(error: BaseException) -> int:
    """What the process ends with: 75 says that nothing is wrong, and that the next run goes on."""
    if isinstance(error, Stop):
        return error.code
    return EXIT_BUDGET if isinstance(error, AnotherWrites) else EXIT_FAILED


def tell(summary: Summary, watch: Watch | None) -> None:
    """What the run did; and where all has come, which entries and sources were of no use."""
    fields = summary.fields_line()
    if fields:
        logger.info("Fields: %s", fields)
    for (stream, code, field), count in sorted(summary.refusals.items()):
        logger.warning("Rejected in all: %s x code %s, %s %s", count, code, stream, field)
    for (stream, code, field), count in sorted(summary.left_out.items()):
        logger.warning("Left out in all: %s x code %s, %s %s", count, code, stream, field)
    attachments = summary.attachments_line()
    if attachments:
        logger.info("Attached: %s", attachments)
    for line in watch.warnings() if watch is not None else ():
        logger.warning("%s", printable(line))


def raise_failure(ending: Ending, watch: Watch, summary: Summary, *, state_is_gone: bool) -> None:
    """To be called when all calls of a run are over.

    Raises:
        Exception: What the run fails with, if it did not succeed.
    """
    cause, signal = ending.cause, ending.signal
    if signal:
        raise Stop(
            f"Stopped by signal {signal}: what was not delivered comes again with the next run",
            EXIT_SIGNAL + signal,
        )
    if isinstance(cause, QuotaSpent | BudgetSpent):
        raise Stop(f"{cause}; the next run goes on where this one ends", EXIT_BUDGET)
    if cause is not None:
        raise cause
    if error := watch.error():
        raise Stop(printable(error))
    if state_is_gone:
        raise Stop("STATE could not be written: run again, with an output that is kept")
    if ending.incomplete is not None:
        raise ending.incomplete
    if summary.settled != summary.received:
        raise Stop(
            f"{summary.received} records came in and {summary.settled} are accounted for: this is "
            "a defect, please report it; the bookmark does not pass them"
        )
