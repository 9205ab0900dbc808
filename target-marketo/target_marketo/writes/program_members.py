"""The status of people in programs: who is no member becomes one, and nobody goes back.

| lane             | program and status                                                     |
| one row          | the person's id                                                        |
| done             | created, updated, or 1037: in the status, or further, already          |
| unknown outcome  | sent again                                                             |
| folds in a run   | once a person and program; of two statuses the one of the greater step |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

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


class ProgramMembers(Repeatable):
    """Gives people a status."""

    name = AttachmentKind.PROGRAM
    label = "program"
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
        return Known(found.id, found.step(status))

    def row(self, lead_id: int, payload: bytes) -> bytes:
        """A person."""
        del payload
        return b'{"leadId":%d}' % lead_id

    def identity(self, lead_id: int, attachment: Attachment) -> Hashable:
        """One program may have two names: its own, and its id."""
        return lead_id, self.lanes.about(attachment.lane)

    def replaces(self, lane: Lane, before: Lane) -> bool:
        """A later step does. Where steps are not known Marketo itself sees to that."""
        this, that = self.lanes.peek(lane), self.lanes.peek(before)
        return this is not None and that is not None and this.step > that.step

    def write(self, lane: Lane, known: Known, rows: Sequence[Row]) -> Rows:
        """Sets the status."""
        return self._programs.set_status(known.id, lane.key[1], [row.lead_id for row in rows])
