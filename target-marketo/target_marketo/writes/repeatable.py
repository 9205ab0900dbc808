"""What kinds of writes have in common that may be said again: once more changes nothing.

So an unknown outcome is followed by the same call, once the first can no longer be at work.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from target_marketo.delivery.interface import (
    Answer,
    Attachment,
    CallFailed,
    Fate,
    Folding,
    OnUnknown,
)
from target_marketo.governor import Cancelled
from target_marketo.mapping.attachments import part_of
from target_marketo.marketo.errors import EndsKind, MarketoError
from target_marketo.store.cache import Cache
from target_marketo.writes.destinations import TO_WRITE, Destinations, refusal
from target_marketo.writes.lanes import Lanes
from target_marketo.writes.results import failure_of, results_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from target_marketo.delivery.interface import Row
    from target_marketo.mapping.attachments import Attachment as Mapped
    from target_marketo.mapping.attachments import AttachmentKind, Lane
    from target_marketo.marketo.attachments import Rows
    from target_marketo.marketo.codes import Family
    from target_marketo.writes.lanes import Known
    from target_marketo.writes.parts import Parts

_INVALID = "1003"  # some of Marketo's calls say so of what is not there


class Repeatable(ABC):
    """Such a kind. Subclasses say what a row is, what two rows have in common, and how to send.

    `but_rows` and `but_calls` are what a code means to this kind alone.
    """

    name: ClassVar[AttachmentKind]
    family: ClassVar[Family]
    but_rows: ClassVar[Mapping[str, Fate]] = {}
    but_calls: ClassVar[Mapping[str, Fate]] = {}
    unknown = OnUnknown.SEND_AGAIN
    folding = Folding.LATEST

    def __init__(self, parts: Parts) -> None:
        self.destinations = Destinations(
            parts.marketo, Cache(parts.database), parts.settings.instance
        )
        self.fields = parts.lanes
        self.lanes = Lanes(
            parts.lanes, self.find, lambda lane: self.destinations.forget(self.name, lane.key[0])
        )

    def prepare(self) -> Mapping[Lane, Mapping[str, str]]:
        """Finds what `streams` names; what is missing is reported when something goes to it."""
        return self.lanes.find()

    def attachment(self, mapped: Mapped) -> Attachment:
        """The person in the lane: nothing else is said of them."""
        return Attachment(self.name, mapped.lane, b"", None, self.part(mapped.lane))

    def part(self, lane: Lane) -> str:
        """What the error log calls what goes to this lane."""
        return part_of(lane)

    def skips(self, lane: Lane) -> bool:
        """Whether what belongs to a lane that has ended is counted, and no error."""
        return lane.skip_if_missing

    def replaces(self, lane: Lane, before: Lane) -> bool:
        """Whether what is said later takes the place of what was said before."""
        del lane, before
        return True

    @abstractmethod
    def find(self, lane: Lane) -> Known:
        """What a lane goes to.

        Raises:
            As `Destinations` does.
        """

    @abstractmethod
    def row(self, lead_id: int, payload: bytes) -> bytes:
        """The row as it is sent."""

    @abstractmethod
    def identity(self, lead_id: int, attachment: Attachment) -> Hashable:
        """What two attachments have in common that are about the same."""

    @abstractmethod
    def write(self, lane: Lane, known: Known, rows: Sequence[Row]) -> Rows:
        """Sends rows.

        Raises:
            MarketoError, GovernorError: There is no result for them.
        """

    def send(self, lane: Lane, rows: Sequence[Row]) -> Answer:
        """Sends one batch; if what it goes to was made again since it was found, to the new one."""
        known = self.lanes.of(lane)
        try:
            return self._sent(lane, known, rows)
        except CallFailed as failure:
            is_gone = failure.fate is Fate.ENDS_LANE or failure.code == _INVALID
            if not is_gone or not self.lanes.moved(lane, known):
                raise
        return self._sent(lane, self.lanes.of(lane), rows)

    def read_back(self, lane: Lane, rows: Sequence[Row]) -> Answer:
        """Nobody asks for it: such rows are sent again."""
        raise NotImplementedError

    def refused(self, connection: Any, rows: Sequence[tuple[str, str]]) -> None:
        """Nothing is kept of what was sent."""
        del connection, rows

    def _sent(self, lane: Lane, known: Known, rows: Sequence[Row]) -> Answer:
        try:
            written = self.write(lane, known, rows)
        except EndsKind as error:
            cure = refusal(error, TO_WRITE[self.name])
            raise failure_of(error, self.family, self.but_calls, cure=cure) from None
        except (MarketoError, Cancelled) as error:
            raise failure_of(error, self.family, self.but_calls) from None
        request_id = written.request_id
        asked = self.part(lane)
        results = results_of(written.rows, asked, request_id, self.family, self.but_rows)
        return Answer(results, request_id)
