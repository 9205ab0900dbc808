"""The `streams` setting and Marketo's describe, made into a checked plan of fields. Pure.

Everything that can be wrong with a mapping is found here, before the first row: each problem is one
`SettingError` that names the setting and the cure.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from target_marketo.mapping import field_types
from target_marketo.mapping.field_types import Refused
from target_marketo.mapping.record_reader import Properties
from target_marketo.mapping.row_check import row_check
from target_marketo.mapping.rules import Kind, Rule, Rules, Write
from target_marketo.problems import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping

    from target_marketo.mapping.record_reader import Record, Row
    from target_marketo.mapping.rules import Value
    from target_marketo.marketo.replies import Field

# What people who chat with us become, unless `streams` says otherwise.
DEFAULT_STREAMS: dict[str, Any] = {
    "visitors": {
        "key": "email",
        "fields": {
            "email": "email",
            "firstName": {"from": "first_name", "write": "if_empty", "truncate": True},
            "lastName": {"from": "last_name", "write": "if_empty", "truncate": True},
            "phone": {"from": "phone", "write": "if_empty", "truncate": True},
            "city": {
                "from": "city", "write": "if_empty", "group": "geography", "truncate": True
            },
            "state": {
                "from": "region", "write": "if_empty", "group": "geography", "truncate": True
            },
            "country": {
                "from": "country", "write": "if_empty", "group": "geography", "truncate": True
            },
            "postalCode": {
                "from": "postal_code", "write": "if_empty", "group": "geography", "truncate": True
            },
            "leadSource": {"value": "LiveChat", "write": "on_create"},
        },
    },
}  # fmt: skip

# Option of a field -> its type, and how the type is called in an error.
_OPTIONS: dict[str, tuple[type, str]] = {
    "from": (str, "the name of a property"),
    "value": (object, "a value"),
    "write": (str, "a text"),
    "group": (str, "the name of a group"),
    "clear": (bool, "true or false"),
    "truncate": (bool, "true or false"),
    "delimiter": (str, "a text"),
}
_KEY_TYPES = frozenset({"email", "integer", "string", "phone", "text", "url"})


class Mapped(msgspec.Struct, frozen=True, gc=False):
    """A record as a step towards one person."""

    key: str
    values: Mapping[str, Value]


class _PlannedField(NamedTuple):
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
    """How the records of one stream become steps: the key field, the rules, the conversions."""

    stream: str
    key: str
    rules: Rules
    lookup_fields: tuple[str, ...]
    planned: tuple[_PlannedField, ...]  # without the key's field, if that is the key as it is
    constants: Mapping[str, Value]
    key_is_value: bool
    key_source: str
    key_constant: Any
    convert_key: Callable[[Any], Value]
    key_properties: tuple[str, ...] = ()
    properties: Properties = field(init=False)
    _read_key: Callable[[Row], Any] = field(init=False)
    _taken: tuple[_Taken, ...] = field(init=False)

    def __post_init__(self) -> None:
        sources = [self.key_source, *(planned.source for planned in self.planned)]
        found = Properties(self.stream, sources, self.key_properties)
        object.__setattr__(self, "properties", found)
        object.__setattr__(self, "_read_key", found.getter(self.key_source))
        taken = (
            _Taken(each.name, found.place(each.source), found.digger(each.source), *each[2:])
            for each in self.planned
        )
        object.__setattr__(self, "_taken", tuple(taken))

    def has_key_among(self, properties: Container[str]) -> bool:
        """Whether records with these properties can have the key at all."""
        return self.key_source in properties or self.key_source.split(".")[0] in properties

    def key_of(self, row: Row) -> Any:
        """The key as the record has it."""
        return self._read_key(row) if self.key_constant is None else self.key_constant

    def map(self, record: Record) -> Mapped | Refused | None:
        """As `step`, for a record that was read in full."""
        return self.step(self.properties.row(record))

    def step(self, row: Row) -> Mapped | Refused | None:
        """The record as a step; None if it has no key, which is normal for visitors."""
        if lacking := self.properties.lacking(row):
            reason = f"the record has no `{lacking}`, a key of its stream"
            return Refused("missing_key", "", reason)
        raw = self.key_of(row)
        if raw is None:
            return None
        name = self.key
        try:
            key = self.convert_key(raw)
            if key is None:
                return None
            values = {**self.constants}
            if self.key_is_value:
                values[name] = key
            for name, place, dig, convert, fits, clear in self._taken:
                value = row[place] if dig is None else dig(row)
                if type(value) is str and len(value) <= fits:
                    value = value.strip() or None
                elif value is not None:
                    value = convert(value)
                if value is not None or clear:
                    values[name] = value
        except field_types.Unfit as unfit:
            return Refused(unfit.code, name, str(unfit))
        return Mapped(str(key), values)

    def person(self, key: str) -> tuple[str, str]:
        """The key as Marketo compares it: e-mails in any case are one person."""
        return self.key, key.lower()  # not casefold, to which ß is ss


class Mapper:
    """Makes the plan of each stream from the `streams` setting and describe."""

    def __init__(self, streams: Mapping[str, Any] | None, described: Iterable[Field]) -> None:
        self._streams = DEFAULT_STREAMS if streams is None else streams
        self._fields = {field.name: field for field in described}
        if not isinstance(self._streams, dict):
            raise SettingError("`streams` must be an object: stream name -> {key, fields}")
        self._check: Callable[[Mapping[str, Any]], Refused | None] | None = None
        self._planned: dict[str, Field] = {}
        # All entries are checked at once, whatever streams the tap will send.
        self._plans = {name: self._from_entry(name) for name in self._streams}

    def plan(
        self,
        stream: str,
        properties: Mapping[str, Any],
        key_properties: Iterable[str] = (),
        *,
        open_ended: bool = False,
    ) -> StreamPlan:
        """The plan of a stream with these properties (JSON Schema; may be empty if unknown).

        Records of a stream that is open-ended may have others too.

        Raises:
            SettingError: The mapping names a property that the stream does not have.
        """
        plan = self._plans.get(stream)
        if plan is None:
            plan = self._by_names(stream, properties)
        elif properties and not open_ended:
            self._check_sources(stream, properties)
        return replace(plan, key_properties=tuple(key_properties))

    def check(self, row: Mapping[str, Any]) -> Refused | None:
        """What is wrong with a row that is about to leave, if anything is."""
        if self._check is None:
            self._check = row_check(self._planned.values())
        return self._check(row)

    def _from_entry(self, stream: str) -> StreamPlan:
        where = f"`streams.{stream}`"
        entry = self._streams[stream]
        if not isinstance(entry, dict):
            raise SettingError(f"{where} must be an object with `fields`")
        if unknown := set(entry) - {"key", "fields"}:
            raise SettingError(f"{where} knows `key` and `fields`, not `{min(unknown)}`")
        entries = entry.get("fields")
        if not isinstance(entries, dict) or not entries:
            raise SettingError(f"{where} needs `fields`: Marketo field -> property of the stream")
        options = {
            name: _options(f"streams.{stream}.fields.{name}", spec)
            for name, spec in entries.items()
        }
        return self._plan(stream, entry.get("key", "email"), options)

    def _described(self, where: str, name: str) -> Field:
        field = self._fields.get(name)
        if field is None:
            nearest = _nearest(name, self._fields)
            hint = f"; did you mean `{nearest}`?" if nearest else ""
            raise SettingError(f"{where}: Marketo has no field `{name}`{hint}")
        return field

    def _plan(self, stream: str, key: Any, entries: Mapping[str, dict[str, Any]]) -> StreamPlan:
        where = f"`streams.{stream}`"
        if not isinstance(key, str):
            raise SettingError(f"{where}.key must be the name of a Marketo field")
        key_field = self._described(f"{where}.key", key)
        if not key_field.searchable or key_field.data_type not in _KEY_TYPES:
            raise SettingError(f"{where}.key: Marketo cannot search people by `{key}`")
        # A new person needs the key, whether or not `fields` says so.
        entries = {key: {"from": key, "write": Write.ON_CREATE}} | dict(entries)
        self._check = None
        planned, constants, rules = [], {}, []
        for name, options in entries.items():
            field = self._described(f"{where}.fields", name)
            self._planned[name] = field
            rules.append(self._rule(f"{where}.fields", field, options))
            convert, fits = _converter(field, options, rules[-1])
            if "value" in options:
                constants[name] = _constant(field, options, convert)
            elif name != key or not _as_key(options):
                source, clear = options["from"], options.get("clear", False)
                planned.append(_PlannedField(name, source, convert, fits, clear))
        key_options = entries[key]
        return StreamPlan(
            stream=stream,
            key=key,
            rules=Rules(tuple(rules)),
            lookup_fields=tuple(
                dict.fromkeys(
                    ["id", key, *(r.field for r in rules if r.write is not Write.ON_CREATE)]
                )
            ),
            planned=tuple(planned),
            constants={name: each for name, each in constants.items() if each is not None},
            key_is_value=_as_key(key_options),
            key_source=str(key_options.get("from", key)),
            key_constant=key_options.get("value"),
            convert_key=_key_converter(key_field),
        )

    def _rule(self, where: str, field: Field, options: Mapping[str, Any]) -> Rule:
        name, write = field.name, Write(options.get("write", "always"))
        if name in field_types.COMPANY_FIELDS:
            raise SettingError(
                f"{where}: `{name}` belongs to the company, which Marketo does not write "
                "together with people; take it out"
            )
        if field.read_only or name in field_types.SYSTEM_FIELDS:
            raise SettingError(f"{where}: `{name}` is read-only in Marketo; take it out")
        kind = field_types.kind_of(field.data_type)
        if kind is Kind.BOOLEAN and write is Write.IF_EMPTY:
            raise SettingError(
                f"{where}: `{name}` is a boolean, and Marketo reads an unset one as false, so "
                "`if_empty` cannot tell them apart; use `always` or `on_create`"
            )
        if write in (Write.GREATEST, Write.LEAST) and kind not in (
            Kind.NUMBER, Kind.DATE, Kind.DATETIME,
        ):  # fmt: skip
            raise SettingError(
                f"{where}: `{name}` is a {field.data_type}; `{write}` needs a number or a date"
            )
        if write is Write.APPEND and kind is not Kind.TEXT:
            raise SettingError(
                f"{where}: `{name}` is a {field.data_type}; `append` needs a string or a text"
            )
        if options.get("truncate") and kind is not Kind.TEXT:
            raise SettingError(
                f"{where}: `{name}` is a {field.data_type}; `truncate` needs a string or a text"
            )
        return Rule(
            field=name,
            write=write,
            kind=kind,
            group=options.get("group"),
            delimiter=options.get("delimiter", ";"),
            constant="value" in options,
        )

    def _check_sources(self, stream: str, properties: Mapping[str, Any]) -> None:
        for name, spec in self._streams[stream]["fields"].items():
            source = spec if isinstance(spec, str) else spec.get("from")
            if source is None or source in properties or source.split(".")[0] in properties:
                continue
            nearest = _nearest(source, properties)
            hint = f"; did you mean `{nearest}`?" if nearest else ""
            raise SettingError(
                f"`streams.{stream}.fields.{name}`: the stream has no property `{source}`{hint}"
            )

    def _by_names(self, stream: str, properties: Mapping[str, Any]) -> StreamPlan:
        """Properties whose names are Marketo's (first_name is firstName), geography if_empty."""
        by_plain_name = {_plain(name): field for name, field in self._fields.items()}
        options: dict[str, dict[str, Any]] = {}
        for name in properties:
            field = self._fields.get(name) or by_plain_name.get(_plain(name))
            if (
                field is None
                or field.read_only
                or field.name in field_types.COMPANY_FIELDS | field_types.SYSTEM_FIELDS
            ):
                continue
            options[field.name] = {"from": name, "truncate": False}
            if field.name in field_types.GEOGRAPHY_FIELDS:
                options[field.name] |= {"write": "if_empty", "group": "geography"}
        return self._plan(stream, "email", options)


def _options(where: str, spec: Any) -> dict[str, Any]:
    """A field's entry with its short form written out, every option checked."""
    options = {"from": spec} if isinstance(spec, str) else spec
    if not isinstance(options, dict):
        raise SettingError(f"`{where}` must be a property's name or an object")
    if unknown := options.keys() - _OPTIONS.keys():
        known = ", ".join(sorted(_OPTIONS))
        raise SettingError(f"`{where}` does not know `{min(unknown)}`; known: {known}")
    for name, value in options.items():
        wanted, meaning = _OPTIONS[name]
        if not isinstance(value, wanted) or value == "":
            raise SettingError(f"`{where}.{name}` must be {meaning}")
    if ("from" in options) == ("value" in options):
        raise SettingError(f"`{where}` needs either `from` or `value`")
    write = options.get("write", Write.ALWAYS)
    if write not in list(Write):
        raise SettingError(f"`{where}.write` is one of {', '.join(Write)}, not `{write}`")
    _check_together(where, options, write)
    return options


def _check_together(where: str, options: Mapping[str, Any], write: str) -> None:
    """Refuses options that would do nothing beside the others."""
    for name, only in (("group", Write.IF_EMPTY), ("clear", Write.ALWAYS)):
        if options.get(name) and write != only:
            raise SettingError(f"`{where}.{name}` goes with `write: {only}` only")
    for name, other, is_there in (
        ("truncate", f"write: {Write.APPEND}", write == Write.APPEND),
        ("clear", "value", "value" in options),
    ):
        if options.get(name) and is_there:
            raise SettingError(f"`{where}.{name}` does nothing beside `{other}`; take one out")


def _converter(
    field: Field, options: Mapping[str, Any], rule: Rule
) -> tuple[Callable[[Any], Value], int]:
    """How a value becomes the field's, and how long a text may be that needs none of that."""
    if rule.write is Write.APPEND:
        return field_types.items, -1
    truncate = options.get("truncate", False)
    limit = field_types.limit_of(field.data_type, field.length, truncate=truncate)
    convert = field_types.converter(field.data_type, limit, rule.delimiter)
    return convert, field_types.text_that_fits(field.data_type, limit)


def _key_converter(field: Field) -> Callable[[Any], Value]:
    convert = field_types.converter(
        field.data_type, field_types.limit_of(field.data_type, field.length, truncate=False)
    )

    def without_comma(value: Any) -> Value:
        key = convert(value)
        if isinstance(key, str) and "," in key:
            # A comma separates the values of a lookup, and no way to escape it is documented.
            raise field_types.Unfit("key_with_comma", "a key with a comma cannot be looked up")
        return key

    # No address and no number holds one.
    return without_comma if field_types.kind_of(field.data_type) is Kind.TEXT else convert


def _as_key(options: Mapping[str, Any]) -> bool:
    """Whether the key's own field takes the key as it is, converted once."""
    plain = not options.get("truncate") and options.get("write") != Write.APPEND
    return plain and "from" in options


def _constant(field: Field, options: Mapping[str, Any], convert: Callable[[Any], Value]) -> Value:
    try:
        return convert(options["value"])
    except field_types.Unfit as unfit:
        raise SettingError(f"`value` of `{field.name}` does not fit: {unfit}") from None


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _nearest(name: str, names: Iterable[str]) -> str | None:
    plain = {_plain(known): known for known in names}
    found = difflib.get_close_matches(_plain(name), plain, n=1)
    return plain[found[0]] if found else None
