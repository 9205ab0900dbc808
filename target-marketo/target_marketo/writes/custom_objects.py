"""Custom objects: one record for each value of a dedupe field, linked to its person by id.

| lane             | object                               |
| one row          | its fields, and the person's id      |
| done             | created, updated                     |
| unknown outcome  | sent again                           |
| folds in a run   | once a dedupe key, the later wins    |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from target_marketo.delivery.interface import Attachment, Fate
from target_marketo.mapping.attachments import AttachmentKind
from target_marketo.marketo.codes import Family
from target_marketo.marketo.objects import Objects
from target_marketo.writes.lanes import Known
from target_marketo.writes.repeatable import Repeatable

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from target_marketo.delivery.interface import Row
    from target_marketo.mapping.attachments import Attachment as Mapped
    from target_marketo.mapping.attachments import Lane
    from target_marketo.marketo.attachments import Rows
    from target_marketo.writes.parts import Parts


class CustomObjects(Repeatable):
    """Writes records of custom objects."""

    name = AttachmentKind.OBJECT
    family = Family.OBJECTS
    # Two keys that differ to us and are one to Marketo: the later one is in another call then.
    but_rows: ClassVar[Mapping[str, Fate]] = {"1036": Fate.LATER}

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._objects = Objects(parts.marketo)

    def attachment(self, mapped: Mapped) -> Attachment:
        """The link is the payload's last field, so that a row needs only the person's id."""
        link = mapped.lane.link
        values = {name: value for name, value in mapped.values.items() if name != link}
        payload = msgspec.json.encode({**values, link: 0})
        return Attachment(self.name, mapped.lane, payload, mapped.once, self.part(mapped.lane))

    def find(self, lane: Lane) -> Known:
        """It has this key, this link and these fields."""
        found = self.destinations.object_type(
            lane.key[0], dedupe=lane.dedupe, link=lane.link, fields=self.fields[lane]
        )
        return Known(types=found.types)

    def row(self, lead_id: int, payload: bytes) -> bytes:
        """A record, linked to a person."""
        return b"%b%d}" % (payload.removesuffix(b"0}"), lead_id)

    def identity(self, lead_id: int, attachment: Attachment) -> Hashable:
        """An object has one key, whoever its person is."""
        del lead_id
        return attachment.lane.key, attachment.once

    def write(self, lane: Lane, known: Known, rows: Sequence[Row]) -> Rows:
        """Creates or updates them."""
        del known
        return self._objects.upsert(lane.key[0], [row.row for row in rows])
