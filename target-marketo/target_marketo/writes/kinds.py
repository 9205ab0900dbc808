"""The kinds of writes beside people: one file each in this folder, one row each in `KINDS`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_marketo.mapping import attachments, streams_setting
from target_marketo.mapping.attachments import AttachmentKind
from target_marketo.mapping.default_streams import DEFAULT_STREAMS
from target_marketo.writes import custom_activities
from target_marketo.writes.custom_objects import CustomObjects
from target_marketo.writes.parts import Parts
from target_marketo.writes.program_members import ProgramMembers
from target_marketo.writes.static_lists import StaticLists

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_marketo.delivery.interface import Kind
    from target_marketo.marketo.client import Marketo
    from target_marketo.settings import Settings
    from target_marketo.store.database import Database


KINDS: dict[AttachmentKind, Callable[[Parts], Kind]] = {
    AttachmentKind.LIST: StaticLists,
    AttachmentKind.PROGRAM: ProgramMembers,
    AttachmentKind.OBJECT: CustomObjects,
    AttachmentKind.ACTIVITY: custom_activities.of,
}


def kinds_of(
    settings: Settings,
    marketo: Marketo,
    database: Database,
    run: str = "",
    key_hash: Callable[[str], str] = lambda _: "",
) -> dict[str, Kind]:
    """Those that the `streams` of a run need, by name; as a rule none."""
    # The mapper says what is wrong with the setting.
    entries, _ = streams_setting.read(settings.streams or DEFAULT_STREAMS, lambda _: None)
    lanes = dict(pair for entry in entries.values() for pair in attachments.lanes(entry))
    found: dict[str, Kind] = {}
    for name, make in KINDS.items():
        own = {lane: fields for lane, fields in lanes.items() if lane.kind is name}
        if own:
            found[name] = make(Parts(settings, marketo, database, own, run, key_hash))
    return found
