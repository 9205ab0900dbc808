"""What a record brings beside its person: lists, programs, a custom activity, an object. Pure.

A plan makes an attachment for each; whoever sends them knows Marketo. What is the same for every
record of a stream (its lists and programs) is made once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from target_marketo.mapping import field_types
from target_marketo.mapping.moments import as_datetime
from target_marketo.mapping.refusals import Refusal, Refused, Unfit
from target_marketo.mapping.texts import STRING_CHARACTERS, TEXT_BYTES, Limit
from target_marketo.mapping.values import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from target_marketo.mapping.record_reader import Properties, Row
    from target_marketo.mapping.streams_setting import (
        ActivityEntry,
        ObjectEntry,
        Source,
        StreamEntry,
    )

ATTRIBUTES_BYTES = 65_536  # of all attributes of an activity as JSON (Adobe, error 1049)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_STRING, _TEXT = Limit(characters=STRING_CHARACTERS), Limit(bytes=TEXT_BYTES)


class AttachmentKind(StrEnum):
    """Which kind of write brings it; the names are those of `writes/`."""

    LIST = "static_lists"
    PROGRAM = "program_members"
    ACTIVITY = "custom_activities"
    OBJECT = "custom_objects"


@dataclass(frozen=True, slots=True)
class Lane:
    """Rows of one lane share a call.

    `key` is (list), (program, status), (activity type) or (object). `since`, `skip_if_missing` and
    `once` (the attribute that holds the once value) are an activity's, `dedupe` and `link` (the
    names of its fields) an object's.
    """

    kind: AttachmentKind
    key: tuple[str, ...]
    since: str = ""
    skip_if_missing: bool = False
    dedupe: str = ""
    link: str = ""
    once: str = ""

    def __str__(self) -> str:
        return ": ".join(self.key)


_LABELS = {
    AttachmentKind.LIST: "list",
    AttachmentKind.PROGRAM: "program",
    AttachmentKind.ACTIVITY: "activity",
    AttachmentKind.OBJECT: "object",
}


def part_of(lane: Lane, value: str = "") -> str:
    """What the error log calls that which goes to a lane, or one value of it.

    `list:Customers`, `program:LiveChat`, `activity:livechatChat`, `object:livechatChat_c.rating`.
    The error log adds a `#` and the hash of the key, where there is one.
    """
    part = f"{_LABELS[lane.kind]}:{lane.key[0]}"
    return f"{part}.{value}" if value else part


def whole_of(part: str) -> str:
    """What goes out again to make a part good: without its key, and with all of its values."""
    label, _, name = part.partition(":")
    if label not in {_LABELS[AttachmentKind.ACTIVITY], _LABELS[AttachmentKind.OBJECT]}:
        return part
    return f"{label}:{name.partition('#')[0].partition('.')[0]}"


class Attachment(msgspec.Struct, frozen=True, gc=False):
    """One thing for one person. `values` are attributes or fields; those without value are absent.

    `once` tells an activity from every other, `at` is its time (UTC, whole seconds).
    """

    lane: Lane
    values: Mapping[str, Any] = {}
    once: str = ""
    at: str = ""
    primary: str = ""


def shared(entry: StreamEntry) -> tuple[Attachment, ...]:
    """The attachments that are the same for every record."""
    return tuple(Attachment(lane) for lane in _shared_lanes(entry))


def lanes(entry: StreamEntry) -> Iterator[tuple[Lane, tuple[str, ...]]]:
    """All lanes of an entry, each with the attributes or fields that it names."""
    for lane in _shared_lanes(entry):
        yield lane, ()
    if entry.activity is not None:
        yield _activity_lane(entry.activity), tuple(entry.activity.attributes)
    if entry.object is not None:
        yield _object_lane(entry.object), tuple(entry.object.fields)


def attached_to(entry: StreamEntry, label: str, name: str) -> StreamEntry:
    """The entry with one of its attachments alone, as `whole_of` names it: `list` and its name."""
    activity, thing = entry.activity, entry.object
    return replace(
        entry,
        lists=tuple(each for each in entry.lists if (label, name) == ("list", each)),
        programs={
            program: status
            for program, status in entry.programs.items()
            if (label, name) == ("program", program)
        },
        activity=activity if activity and (label, name) == ("activity", activity.type) else None,
        object=thing if thing and (label, name) == ("object", thing.name) else None,
    )


def _shared_lanes(entry: StreamEntry) -> Iterator[Lane]:
    for name in entry.lists:
        yield Lane(AttachmentKind.LIST, (name,))
    for program in entry.programs.items():
        yield Lane(AttachmentKind.PROGRAM, program)


def _activity_lane(activity: ActivityEntry) -> Lane:
    return Lane(
        AttachmentKind.ACTIVITY,
        (activity.type,),
        since=activity.since,
        skip_if_missing=activity.skip_if_missing,
        once=activity.once_attribute,
    )


def _object_lane(thing: ObjectEntry) -> Lane:
    return Lane(AttachmentKind.OBJECT, (thing.name,), dedupe=thing.dedupe, link=thing.link)


class Attaching:
    """Makes the attachments that differ from record to record.

    Args:
        entry: What the setting says.
        properties: Where a row has its values.
        types: Lane -> attribute or field -> Marketo's data type, where that is known; else it is
            what the entry says, else a string.
    """

    def __init__(
        self,
        entry: StreamEntry,
        properties: Properties,
        types: Mapping[Lane, Mapping[str, str]],
    ) -> None:
        self._makers: list[tuple[Lane, Callable[[Row, list[Refused]], Attachment]]] = []
        if (activity := entry.activity) is not None:
            lane = _activity_lane(activity)
            read = {
                part: properties.getter(source)
                for part, source in (("once", activity.once), ("date", activity.date))
            }
            primary = _reader(activity.primary, properties)
            known = types.get(lane, {})
            attributes = _readers(activity.attributes, properties, known)

            def make_activity(row: Row, refused: list[Refused]) -> Attachment:
                once = _once(read["once"](row))
                values = _values("activity.attributes", lane, attributes, row, refused)
                # By it the activity is known again: it is written just as the ledger has it.
                if str(values.get(lane.once)) != once:
                    if known.get(lane.once) == "integer":
                        reason = "its attribute is an integer, which would not keep it as it is"
                        raise _PartUnfit("activity.once", Refusal.WRONG_TYPE, reason)
                    values[lane.once] = once
                try:
                    return Attachment(
                        lane,
                        _within(values, lane.once),
                        once=once,
                        at=_needed(_converted("activity.date", as_datetime, read["date"](row))),
                        primary=_text(_part("activity.primary", primary, row)),
                    )
                except _PartUnfit as unfit:
                    raise unfit.of(once) from None

            self._makers.append((lane, make_activity))
        if (thing := entry.object) is not None:
            of_object = _object_lane(thing)
            fields = _readers(thing.fields, properties, types.get(of_object, {}))

            def make_object(row: Row, refused: list[Refused]) -> Attachment:
                values = _values("object.fields", of_object, fields, row, refused)
                if thing.dedupe not in values:
                    name = f"object.{thing.dedupe}"
                    unfit = (
                        each for each in refused if each.field == f"object.fields.{thing.dedupe}"
                    )
                    if why := next(unfit, None):
                        raise _PartUnfit(name, why.code, why.reason)
                    raise _PartUnfit(name, Refusal.MISSING, "the record has no value")
                return Attachment(of_object, values, once=str(values[thing.dedupe]))

            self._makers.append((of_object, make_object))

    def of(self, row: Row) -> tuple[list[Attachment], list[Refused]]:
        """The attachments of a record, and those that cannot be made."""
        made: list[Attachment] = []
        refused: list[Refused] = []
        for lane, make in self._makers:
            left_out: list[Refused] = []
            try:
                attachment = make(row, left_out)
            except _PartUnfit as unfit:
                part = part_of(lane)
                refused.append(Refused(unfit.code, unfit.what, str(unfit), part, unfit.once))
            else:
                made.append(attachment)
                refused += (replace(each, once=attachment.once) for each in left_out)
        return made, refused


class _PartUnfit(Unfit):
    """The attachment cannot be made, for `what`; `once` is its key, if that could be read."""

    once: str | None = None

    def __init__(self, what: str, code: Refusal, reason: str) -> None:
        super().__init__(code, reason)
        self.what = what

    def of(self, once: str) -> _PartUnfit:
        self.once = once
        return self


def _readers(
    sources: Mapping[str, Source], properties: Properties, types: Mapping[str, str]
) -> dict[str, Callable[[Row], Any]]:
    return {name: _reader(source, properties, types.get(name)) for name, source in sources.items()}


def _reader(
    source: Source, properties: Properties, data_type: str | None = None
) -> Callable[[Row], Any]:
    get, otherwise = properties.getter(source.path), source.otherwise
    convert = _converter(data_type or source.type or "string")

    def read(row: Row) -> Any:
        value = convert(get(row))
        return convert(otherwise) if value is None else value

    return read


def _converter(data_type: str) -> Callable[[Any], Any]:
    """A function from a record's value to what Marketo takes for an attribute of this type."""
    limit = _TEXT if data_type == "text" else _STRING
    if field_types.kind_of(data_type) is Kind.TEXT:
        return lambda value: attribute_value(value, limit)
    convert = field_types.converter(data_type, limit)
    return lambda value: None if value is None else convert(value)


def _values(
    what: str,
    lane: Lane,
    readers: Mapping[str, Callable[[Row], Any]],
    row: Row,
    refused: list[Refused],
) -> dict[str, Any]:
    """Those that say something; what does not fit is left out of the attachment alone."""
    found = {}
    for name, read in readers.items():
        try:
            value = read(row)
        except Unfit as unfit:
            part = part_of(lane, name)
            refused.append(Refused(unfit.code, f"{what}.{name}", str(unfit), part))
            continue
        if value is not None:
            found[name] = value
    return found


def attribute_value(value: Any, limit: Limit = _STRING) -> Any:
    """A value as an activity's attribute takes it: numbers and booleans as they are.

    Times are in UTC and whole seconds, longer texts are shortened, lists joined. None if it says
    nothing.

    Raises:
        Unfit: It is nested.
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    text = field_types.as_text(value).strip()
    if len(text) > len("2026-01-31T") and text[10:11] == "T" and text[:4].isdecimal():
        try:
            return as_datetime(text)
        except Unfit:
            pass  # a text that only begins like a time
    return (text if limit.fits(text) else limit.cut(text)) or None


def _once(value: Any) -> str:
    text = _converted("activity.once", field_types.as_text, value)
    text = _needed(text.strip() if isinstance(text, str) else None, "activity.once")
    if not _STRING.fits(text):
        raise _PartUnfit("activity.once", Refusal.TOO_LONG, _STRING.over(text))
    if _CONTROLS.search(text):
        reason = (
            "it has control characters, which not every store and not Marketo keeps as they are"
        )
        raise _PartUnfit("activity.once", Refusal.INVALID_VALUE, reason)
    return text


def _text(value: Any) -> str:
    return "" if value is None else field_types.as_text(value)


def _needed(value: str | None, part: str = "activity.date") -> str:
    if not value:
        raise _PartUnfit(
            part, Refusal.MISSING, "the record has no value, so no activity is written"
        )
    return value


def _converted(part: str, convert: Callable[[Any], str | None], value: Any) -> str | None:
    try:
        return None if value is None else convert(value)
    except Unfit as unfit:
        raise _PartUnfit(part, unfit.code, str(unfit)) from None


def _part(part: str, read: Callable[[Row], Any], row: Row) -> Any:
    try:
        return read(row)
    except Unfit as unfit:
        raise _PartUnfit(part, unfit.code, str(unfit)) from None


def _within(values: dict[str, Any], whole: str) -> dict[str, Any]:
    """The attributes, the longest texts shortened until all of them fit into an activity."""
    while (over := _size(values.items()) - ATTRIBUTES_BYTES) > 0:
        name = max(values, key=lambda each: len(_json(values[each])) * (each != whole))
        text = values[name]
        if not isinstance(text, str) or not text:
            break  # no text is left to shorten
        kept = max(len(text.encode()) - over, len(text.encode()) // 2)
        values[name] = Limit(bytes=kept).cut(text)
    return values


def _size(values: Iterable[tuple[str, Any]]) -> int:
    rows = [{"apiName": name, "value": value} for name, value in values]
    return len(_json(rows))


def _json(value: Any) -> bytes:
    return msgspec.json.encode(value)
