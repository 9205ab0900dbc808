"""What a person settles about custom activities: those undecided, and those that others wrote."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from target_marketo import assembly
from target_marketo.mapping import attachments, streams_setting
from target_marketo.mapping.attachments import AttachmentKind, whole_of
from target_marketo.mapping.default_streams import DEFAULT_STREAMS
from target_marketo.marketo.activities import Activities
from target_marketo.ops.errors import OpsError
from target_marketo.store.activity_ledger import ActivityLedger
from target_marketo.store.error_log import ERRORS, ErrorLog
from target_marketo.store.run_ledger import moment
from target_marketo.writes.activity_lane import found_of, open_lane
from target_marketo.writes.activity_reading import by_once
from target_marketo.writes.destinations import Destinations

if TYPE_CHECKING:
    from target_marketo.settings import Settings
    from target_marketo.store.database import Database


def decide(settings: Settings, database: Database, entry_id: int, *, written: bool) -> str:
    """Settles an undecided activity as somebody saw it in Marketo; what to do next.

    Raises:
        OpsError: The entry is not one of those.
        MarketoError, GovernorError: Of which type it is has to be asked, and cannot be.
    """
    mine = (ERRORS.c.id == entry_id, ERRORS.c.instance == settings.instance)
    with database.read() as connection:
        part = connection.execute(select(ERRORS.c.part).where(*mine)).scalar()
    if part is None:
        raise OpsError(f"there is no entry {entry_id}")
    _, _, hashed = part.rpartition("#")
    error_log = ErrorLog(database, instance=settings.instance)
    ledger = ActivityLedger(database, settings.instance)
    with assembly.writer(settings, database).held():
        found = [
            (type_id, once)
            for type_id, once in ledger.undecided()
            if hashed and error_log.hash(once).startswith(hashed)
        ]
        if len(found) > 1:  # of several types; the part has the name of one
            named = whole_of(part).partition(":")[2]
            one = Destinations(assembly.marketo(settings, database)).activity_type(named)
            found = [each for each in found if each[0] == one.id]
        if len(found) != 1:
            raise OpsError(f"entry {entry_id} is not an undecided activity")
        ledger.decide(*found[0], written=written)
        if not written:
            return "It may be sent: marketo-ops replay | target-marketo"
        with database.write() as connection:
            resolved = {"resolved_at": moment(datetime.now(UTC)), "resolution_reported": 0}
            connection.execute(update(ERRORS).where(*mine).values(resolved))
    return "It is written, and is not sent again."


def adopt(settings: Settings, database: Database, since: datetime) -> list[tuple[str, int]]:
    """Takes over all activities since then of the types in `streams`: each type, and how many.

    Raises:
        MarketoError, GovernorError, StoreError: As far as it came, they are taken over.
    """
    marketo = assembly.marketo(settings, database)
    if since.timestamp() > marketo.clock.now():
        raise OpsError("that day is still to come: take one from which on others have written")
    activities = Activities(marketo)
    destinations = Destinations(marketo)
    ledger = ActivityLedger(database, settings.instance, now=marketo.clock.now)
    entries, _ = streams_setting.read(settings.streams or DEFAULT_STREAMS, lambda _: None)
    lanes = {
        lane: names
        for entry in entries.values()
        for lane, names in attachments.lanes(entry)
        if lane.kind is AttachmentKind.ACTIVITY
    }
    if not lanes:
        raise OpsError("`streams` has no `activity`")
    done = []
    writer = assembly.writer(settings, database)
    with writer.held():
        for lane, names in lanes.items():
            described = destinations.activity_type(lane.key[0], names)
            begun_at = marketo.clock.now()
            known = open_lane(lane, described, ledger, begun_at)
            count = 0
            for page in activities.pages(since.timestamp(), known.type_id):
                found = found_of(by_once(page.result, known.once), marketo.clock.now())
                writer.check()
                count += ledger.adopt(known.type_id, found)
            start = since.isoformat(timespec="seconds")
            ledger.note_adopted(known.type_id, start, begun_at)
            done.append((str(lane), count))
    return done
