"""Static lists: people are added, and never taken out.

| lane             | list                                 |
| one row          | the person's id                      |
| done             | added, as a member is too            |
| unknown outcome  | sent again                           |
| folds in a run   | once a person and list               |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from target_marketo.delivery.interface import Attachment, Fate
from target_marketo.mapping.attachments import AttachmentKind
from target_marketo.marketo.codes import Family
from target_marketo.marketo.lists import Lists
from target_marketo.writes.lanes import Known
from target_marketo.writes.repeatable import Repeatable

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from target_marketo.delivery.interface import Row
    from target_marketo.mapping.attachments import Lane
    from target_marketo.marketo.attachments import Rows
    from target_marketo.writes.parts import Parts


class StaticLists(Repeatable):
    """Adds people to lists."""

    name = AttachmentKind.LIST
    family = Family.LISTS
    # There is nothing in such a call that could be invalid but its list.
    but_calls: ClassVar[Mapping[str, Fate]] = {"1003": Fate.ENDS_LANE}

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._lists = Lists(parts.marketo)

    def find(self, lane: Lane) -> Known:
        """The list."""
        return Known(self.destinations.static_list(lane.key[0]).id)

    def row(self, lead_id: int, payload: bytes) -> bytes:
        """A person."""
        del payload
        return b'{"id":%d}' % lead_id

    def identity(self, lead_id: int, attachment: Attachment) -> Hashable:
        """One list may have two names: its own, and its id."""
        return lead_id, self.lanes.about(attachment.lane)

    def write(self, lane: Lane, known: Known, rows: Sequence[Row]) -> Rows:
        """Adds them."""
        del lane
        return self._lists.add(known.id, [row.lead_id for row in rows])
