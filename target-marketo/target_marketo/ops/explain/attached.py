"""What goes beside a person: whether a run would write it. Reads alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from target_marketo.mapping.attachments import AttachmentKind
from target_marketo.marketo.errors import EndsKind, EndsLane
from target_marketo.store.activity_ledger import ActivityLedger, State
from target_marketo.store.cache import Cache
from target_marketo.writes.activity_lane import since_of
from target_marketo.writes.activity_reading import seconds_of
from target_marketo.writes.destinations import Destinations

if TYPE_CHECKING:
    from target_marketo.mapping.attachments import Attachment, Lane
    from target_marketo.marketo.client import Marketo
    from target_marketo.settings import Settings
    from target_marketo.store.database import Database

_BY_STATE = {
    State.DONE: ("the same", "it is on the timeline already"),
    State.PENDING: ("left out", "it was sent, and the next run finds out what came of it"),
    State.UNDECIDED: ("left out", "only a person can tell if it is there: marketo-ops errors"),
}


class Attached:
    """Asks once for each destination; what is found is known for a day, as to a run."""

    def __init__(self, settings: Settings, marketo: Marketo, database: Database) -> None:
        self._marketo = marketo
        self._find = Destinations(marketo, Cache(database), settings.instance)
        self._ledger = ActivityLedger(database, settings.instance)
        self._looked: dict[Lane, tuple[int | None, str]] = {}

    def fate(self, attachment: Attachment) -> tuple[str, str]:
        """What becomes of it (written, the same, left out), and why.

        Raises:
            MarketoError, GovernorError: Marketo cannot be asked.
        """
        lane = attachment.lane
        if lane not in self._looked:
            self._looked[lane] = self._look(attachment)
        type_id, why = self._looked[lane]
        if why:
            return "left out", why
        return ("written", "") if type_id is None else self._of_activity(attachment, type_id)

    def _look(self, attachment: Attachment) -> tuple[int | None, str]:
        """The id of an activity's type, and why nothing can be written there."""
        lane, find = attachment.lane, self._find
        name = lane.key[0]
        try:
            match lane.kind:
                case AttachmentKind.LIST:
                    find.static_list(name)
                case AttachmentKind.PROGRAM:
                    find.program(name, lane.key[1])
                case AttachmentKind.ACTIVITY:
                    return find.activity_type(name, (lane.once, *attachment.values)).id, ""
                case AttachmentKind.OBJECT:
                    fields = tuple(attachment.values)
                    find.object_type(name, dedupe=lane.dedupe, link=lane.link, fields=fields)
        except (EndsLane, EndsKind) as error:
            return None, str(error)
        return None, ""

    def _of_activity(self, attachment: Attachment, type_id: int) -> tuple[str, str]:
        state = self._ledger.states(type_id, [attachment.once]).get(attachment.once, State.NONE)
        if state in _BY_STATE:
            return _BY_STATE[state]
        since = since_of(
            attachment.lane,
            self._marketo.clock.now(),
            lambda proposal: self._ledger.since_or(type_id, proposal),
        )
        if seconds_of(attachment.at) < since:
            day = datetime.fromtimestamp(since, UTC)
            return "left out", f"it is from before {day:%Y-%m-%d %H:%M} UTC: see `since`"
        return "written", ""
