"""The lists, programs, activity types and objects of the mapping: found, and open to us.

Whether we may write is tried on a person who cannot exist, and on an object that does not: Marketo
skips such a row, and refuses the call where the permission is missing.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from target_marketo.governor import GovernorError
from target_marketo.mapping import streams_setting
from target_marketo.mapping.attachments import AttachmentKind
from target_marketo.marketo.activities import Activities
from target_marketo.marketo.errors import EndsKind, MarketoError
from target_marketo.marketo.lists import Lists
from target_marketo.marketo.objects import Objects
from target_marketo.marketo.programs import Programs
from target_marketo.ops.check.colour import Colour
from target_marketo.writes.activity_lane import once_attribute
from target_marketo.writes.destinations import TO_WRITE, Destinations, NotThere, id_of, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from target_marketo.mapping.streams_setting import ActivityEntry, ObjectEntry
    from target_marketo.marketo.client import Marketo

_NOBODY = 0  # Marketo's ids begin at 1
_NOTHING = "marketo-ops-check"


class _Try(NamedTuple):
    """One destination: how it is found, and how writing to it is tried with what was found."""

    kind: AttachmentKind
    subject: str
    find: Callable[[], tuple[str, Callable[[], Any]]]
    is_optional: bool = False  # `if_missing: skip`


def verdicts(
    streams: Mapping[str, Any] | None, marketo: Marketo
) -> Iterator[tuple[Colour, str, str]]:
    """A line for each destination of the mapping: found and open, or the cure."""
    entries = streams_setting.read(streams or {}, lambda _: None)[0].values()
    looks: dict[str, _Try] = {}
    for entry in entries:
        for each in _tries(entry, marketo):
            looks.setdefault(each.subject, each)
    for each in looks.values():
        yield _verdict(each)


def _verdict(each: _Try) -> tuple[Colour, str, str]:
    """Marketo's word about one destination."""
    try:
        text, write = each.find()
    except (MarketoError, GovernorError) as error:
        if each.is_optional and isinstance(error, NotThere | EndsKind):
            skipped = "until then no record brings one, which is not an error (`if_missing: skip`)"
            return Colour.AMBER, each.subject, f"{error}; {skipped}"
        return Colour.RED, each.subject, str(error)
    try:
        write()
    except MarketoError as error:
        return Colour.RED, each.subject, refusal(error, TO_WRITE[each.kind])
    except GovernorError as error:
        return Colour.RED, each.subject, str(error)
    return Colour.GREEN, each.subject, text


def _tries(entry: streams_setting.StreamEntry, marketo: Marketo) -> Iterator[_Try]:
    find = Destinations(marketo)
    for name in entry.lists:
        yield _Try(AttachmentKind.LIST, f"list {name}", _list(name, find, marketo))
    for name, status in entry.programs.items():
        subject = f"program {name}, {status}"
        yield _Try(AttachmentKind.PROGRAM, subject, _program(name, status, find, marketo))
    if (activity := entry.activity) is not None:
        yield _Try(
            *(AttachmentKind.ACTIVITY, f"activity type {activity.type}"),
            _activity(activity, find, marketo),
            is_optional=activity.skip_if_missing,
        )
    if (thing := entry.object) is not None:
        subject = f"custom object {thing.name}"
        yield _Try(AttachmentKind.OBJECT, subject, _object(thing, find, marketo))


_Found = tuple[str, "Callable[[], Any]"]


def _list(name: str, find: Destinations, marketo: Marketo) -> Callable[[], _Found]:
    def look() -> _Found:
        found = find.static_list(name)
        return id_of(name, found), lambda: Lists(marketo).add(found.id, [_NOBODY])

    return look


def _program(name: str, status: str, find: Destinations, marketo: Marketo) -> Callable[[], _Found]:
    def look() -> _Found:
        found = find.program(name, status)
        text = f"{id_of(name, found)}, status {status} is step {found.step(status)}"
        if not found.channel:
            text = f"id {found.id}; whether it has the status may not be looked at"
        return text, lambda: Programs(marketo).set_status(found.id, status, [_NOBODY])

    return look


def _activity(entry: ActivityEntry, find: Destinations, marketo: Marketo) -> Callable[[], _Found]:
    def look() -> _Found:
        found = find.activity_type(entry.type, entry.attributes)
        once_attribute(found, entry.type, entry.once_attribute)
        row = {
            "leadId": _NOBODY,
            "activityDate": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "activityTypeId": found.id,
            "primaryAttributeValue": _NOTHING,
            "attributes": [],
        }
        number = f"id {found.id}"
        text = f"{number}, approved, with all {len(entry.attributes)} attributes"
        if not found.attributes and entry.attributes:
            text = f"{number}; whether it has the attributes may not be looked at"
        return text, lambda: Activities(marketo).add(lambda: [msgspec.json.encode(row)])

    return look


def _object(entry: ObjectEntry, find: Destinations, marketo: Marketo) -> Callable[[], _Found]:
    def look() -> _Found:
        find.object_type(entry.name, dedupe=entry.dedupe, link=entry.link, fields=entry.fields)
        row = msgspec.json.encode({entry.dedupe: _NOTHING})
        return (
            f"has all {len(entry.fields)} fields",
            lambda: Objects(marketo).upsert(entry.name, [row], action="updateOnly"),
        )

    return look
