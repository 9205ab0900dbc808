"""How the records of one stream become steps: the key, the rules, the conversions. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from target_marketo.mapping.attachments import Attaching, attached_to, shared, whole_of
from target_marketo.mapping.record_reader import Properties
from target_marketo.mapping.refusals import Refusal, Refused, Skip, Unfit
from target_marketo.mapping.rules import Rules

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from target_marketo.mapping.attachments import Attachment, Lane
    from target_marketo.mapping.record_reader import Record, Row
    from target_marketo.mapping.rules import Rule
    from target_marketo.mapping.streams_setting import StreamEntry
    from target_marketo.mapping.values import Value

DELETED = ("_sdc_deleted_at", "_sdc_deleted", "IsDeleted", "isDeleted", "is_deleted")
"""Properties that say of a record that it was deleted at its source."""

_FIELD = "field"  # the part of a record that is one field of its person

_NO = frozenset({"", "false", "f", "no", "n", "0", "0.0"})


class Mapped(msgspec.Struct, frozen=True, gc=False):
    """A record as a step towards one person, and what it brings along.

    `left_out` names fields and attachments whose values do not fit: the rest goes without them.
    """

    key: str
    values: Mapping[str, Value]
    left_out: tuple[Refused, ...] = ()
    attachments: tuple[Attachment, ...] = ()


class PlannedField(NamedTuple):
    """A field, and how a value of its source becomes one of its own."""

    name: str
    source: str
    convert: Callable[[Any], Value]
    fits: int  # of a text with up to so many characters only the blanks are stripped
    clear: bool


class _Taken(NamedTuple):
    """A planned field, and where a row has its value."""

    name: str
    place: int
    dig: Callable[[Row], Any] | None  # for a path into nested values
    convert: Callable[[Any], Value]
    fits: int
    clear: bool


@dataclass(frozen=True)
class StreamPlan:
    """How the records of one stream become steps. `entry` is what the setting says of them."""

    stream: str
    key: str
    rules: Rules
    lookup_fields: tuple[str, ...]
    planned: tuple[PlannedField, ...]  # without the key's field, if that is the key as it is
    constants: Mapping[str, Value]
    key_is_value: bool
    key_source: str
    key_constant: Any
    convert_key: Callable[[Any], Value]
    entry: StreamEntry
    rejects_unfit: bool = False  # the whole record; else the field is left out
    skips_deleted: bool = True
    is_left_out: bool = False  # the stream: all of its records are skipped
    key_properties: tuple[str, ...] = ()
    attached_types: Mapping[Lane, Mapping[str, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # what the stream is mapped by, one line each
    warnings: tuple[str, ...] = ()  # of both ends, likewise
    part: str = ""  # what of the records it is for; empty: all of them
    key_is_doubtful: bool = False  # the SCHEMA does not have it, though records may
    properties: Properties = field(init=False)
    key_of: Callable[[Row], Any] = field(init=False)  # the key as the record has it
    _taken: tuple[_Taken, ...] = field(init=False)
    _marks: Callable[[Row], tuple[Any, ...]] = field(init=False)
    _unmarked: tuple[Any, ...] = field(init=False)
    _screens: bool = field(init=False)  # whether any record may be skipped but for its marks
    _asked_for: tuple[tuple[Callable[[Row], Any], tuple[Any, ...]], ...] = field(init=False)
    _shared: tuple[Attachment, ...] = field(init=False)
    _attaching: Attaching | None = field(init=False)

    def __post_init__(self) -> None:
        markers = DELETED if self.skips_deleted and not self.is_left_out else ()
        entry = self.entry
        sources = (
            self.key_source,
            *(planned.source for planned in self.planned),
            *entry.sources,
            *markers,
        )
        found = Properties(self.stream, () if self.is_left_out else sources, self.key_properties)
        taken = (
            _Taken(each.name, found.place(each.source), found.digger(each.source), *each[2:])
            for each in self.planned
        )
        differs = entry.activity is not None or entry.object is not None
        for name, value in (
            ("properties", found),
            ("key_of", self._key_getter(found)),
            ("_taken", tuple(taken)),
            ("_marks", found.reader(markers)),
            ("_unmarked", (None,) * len(markers)),
            ("_screens", self.is_left_out or bool(entry.only_if)),
            ("_asked_for", tuple((found.getter(n), each) for n, each in entry.only_if.items())),
            ("_shared", shared(entry)),
            ("_attaching", Attaching(entry, found, self.attached_types) if differs else None),
        ):
            object.__setattr__(self, name, value)

    def _key_getter(self, properties: Properties) -> Callable[[Row], Any]:
        if self.is_left_out or self.key_constant is not None:
            return lambda _: self.key_constant
        return properties.getter(self.key_source)

    def map(self, record: Record) -> Mapped | Refused | Skip | None:
        """As `step`, for a record that was read in full."""
        return self.step(self.properties.row(record))

    def step(self, row: Row) -> Mapped | Refused | Skip | None:
        """The record as a step; None if it has no key, which is normal for visitors."""
        if self._screens or self._marks(row) != self._unmarked:
            skip = self._skipped(row)
            if skip is not None:
                return skip
        if lacking := self.properties.lacking(row):
            reason = f"the record has no `{lacking}`, a key of its stream"
            return Refused(Refusal.MISSING_KEY, "", reason)
        raw = self.key_of(row)
        try:
            key = None if raw is None else self.convert_key(raw)
        except Unfit as unfit:
            return Refused(unfit.code, self.key, str(unfit))
        if key is None:
            return None
        values = {**self.constants}
        if self.key_is_value:
            values[self.key] = key
        left_out = self._fill(values, row)
        if left_out and self.rejects_unfit:
            return left_out[0]
        attachments = self._shared
        if self._attaching is not None:
            made, unmade = self._attaching.of(row)
            attachments, left_out = (*attachments, *made), (*left_out, *unmade)
        return Mapped(str(key), values, left_out, attachments)

    def _skipped(self, row: Row) -> Skip | None:
        """Why the record is of no interest, if it is of none."""
        if any(value and _says_yes(value) for value in self._marks(row)):
            return Skip.DELETED
        if self.is_left_out:
            return Skip.STREAM_LEFT_OUT
        for read, wanted in self._asked_for:
            if not _is_among(read(row), wanted):
                return Skip.NOT_ASKED_FOR
        return None

    def _fill(self, values: dict[str, Value], row: Row) -> tuple[Refused, ...]:
        """Takes the fields' values; returns what does not fit."""
        left_out: tuple[Refused, ...] = ()
        for name, place, dig, convert, fits, clear in self._taken:
            given = row[place] if dig is None else dig(row)
            if given is None:
                if clear:
                    values[name] = None
            elif type(given) is str and len(given) <= fits and (text := given.strip()):
                values[name] = text
            else:
                try:
                    value = convert(given)
                except Unfit as unfit:
                    left_out = (*left_out, Refused(unfit.code, name, str(unfit)))
                    continue
                if value is not None or clear:
                    values[name] = value
        for newest in self.rules.newest:
            if values.get(newest.leader.field) is None:
                # How new they are is not known: they say nothing.
                for rule in newest.followers:
                    values.pop(rule.field, None)
        return left_out

    def only(self, part: str) -> StreamPlan:
        """The same for one part of its records, as the error log names it.

        That is one field, together with its group, or one thing that is attached. Nobody is made
        of a part, and what `streams` does not ask for any more is nothing.
        """
        part = whole_of(part)
        kind, _, name = part.partition(":")
        rules = _group_of(self.rules, name) if kind == _FIELD else ()
        names = {rule.field for rule in rules}
        return replace(
            self,
            rules=Rules(rules, creates=False),
            planned=tuple(each for each in self.planned if each.name in names),
            constants={each: value for each, value in self.constants.items() if each in names},
            key_is_value=self.key_is_value and self.key in names,
            entry=replace(attached_to(self.entry, kind, name), create=False),
            part=part,
        )

    def person(self, key: str) -> tuple[str, str]:
        """The key as Marketo compares it: e-mails in any case are one person."""
        return self.key, key.lower()  # not casefold, to which ß is ss


def _group_of(rules: Rules, field: str) -> tuple[Rule, ...]:
    """The rule of a field, and those that are decided together with it."""
    groups = {rule.group for rule in rules.all if rule.field == field and rule.group}
    return tuple(rule for rule in rules.all if rule.field == field or rule.group in groups)


def _says_yes(value: Any) -> bool:
    return not isinstance(value, str | int | float) or str(value).strip().lower() not in _NO


def _is_among(value: Any, wanted: tuple[Any, ...]) -> bool:
    """As JSON compares: true is not 1."""
    return any(
        value == each and isinstance(value, bool) == isinstance(each, bool) for each in wanted
    )
