"""The status of people in programs: whoever is not a member becomes one, and nobody goes back.

| lane             | program and status                                                     |
| one row          | the person's id                                                        |
| done             | created, updated, or 1037: in the status, or further, already          |
| unknown outcome  | sent again                                                             |
| folds in a run   | once a person and program; of two statuses the one of the greater step |
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar

from target_marketo.delivery.interface import Attachment, Fate
from target_marketo.mapping.attachments import AttachmentKind
from target_marketo.marketo.codes import Family
from target_marketo.marketo.programs import Programs
from target_marketo.writes.lanes import Known
from target_marketo.writes.repeatable import Repeatable

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from target_marketo.delivery.interface import Row
    from target_marketo.mapping.attachments import Lane
    from target_marketo.marketo.attachments import Rows
    from target_marketo.writes.parts import Parts

logger = logging.getLogger("target-marketo")


class ProgramMembers(Repeatable):
    """Gives people a status."""

    name = AttachmentKind.PROGRAM
    family = Family.STATUS
    # There is nothing in such a call that could be invalid but its program or its status.
    but_calls: ClassVar[Mapping[str, Fate]] = {"1003": Fate.ENDS_LANE}
    # Two of our people are one in Marketo, by a merge: the other row is in another call then.
    but_rows: ClassVar[Mapping[str, Fate]] = {"1036": Fate.LATER}

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._programs = Programs(parts.marketo)

    def find(self, lane: Lane) -> Known:
        """The program, and the step of the status."""
        program, status = lane.key
        found = self.destinations.program(program, status)
        if not found.channel:
            logger.info(
                "Program %s is taken by its id: without Read-Only Asset its statuses may not be "
                "looked at, and Marketo alone sees to it that nobody goes back",
                program,
            )
        return Known(found.id, found.step(status))

    def row(self, lead_id: int, payload: bytes) -> bytes:
        """A person."""
        del payload
        return b'{"leadId":%d}' % lead_id

    def identity(self, lead_id: int, attachment: Attachment) -> Hashable:
        """One program may have two names: its own, and its id.

        Where steps are not known each status is said: Marketo keeps the one of the greater step.
        """
        lane: Any = attachment.lane
        known = self.lanes.peek(lane)
        status = lane.key[1] if known is not None and known.step is None else ""
        return lead_id, self.lanes.about(lane), status

    def replaces(self, lane: Lane, before: Lane) -> bool:
        """A later step does."""
        this, that = self._step(lane), self._step(before)
        return this is not None and that is not None and this > that

    def _step(self, lane: Lane) -> int | None:
        known = self.lanes.peek(lane)
        return None if known is None else known.step

    def write(self, lane: Lane, known: Known, rows: Sequence[Row]) -> Rows:
        """Sets the status."""
        return self._programs.set_status(known.id, lane.key[1], [row.lead_id for row in rows])
