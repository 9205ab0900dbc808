"""The plans of streams, made of the `streams` setting, Marketo's describe and each SCHEMA. Pure.

Both ends of a mapping are checked here, before the first row, for the run and for `marketo-ops
check` alike: what cannot work is one `SettingError` that names the setting and the cure, what may
work after all is a warning of the plan.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from target_marketo.mapping import field_types, marketo_fields, streams_setting
from target_marketo.mapping.by_names import by_names
from target_marketo.mapping.default_streams import DEFAULT_STREAMS, OTHER_STREAMS
from target_marketo.mapping.plan import PlannedField, StreamPlan
from target_marketo.mapping.refusals import Refusal, Unfit
from target_marketo.mapping.row_check import row_check
from target_marketo.mapping.rules import Rule, Rules, Write
from target_marketo.mapping.schema_check import StreamSchema, may_be, may_fit, shown
from target_marketo.mapping.streams_setting import FieldEntry, StreamEntry, hint, raise_first
from target_marketo.mapping.texts import limit_of
from target_marketo.mapping.values import Kind
from target_marketo.problems import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from target_marketo.mapping.attachments import Lane
    from target_marketo.mapping.field_types import Field
    from target_marketo.mapping.refusals import Refused
    from target_marketo.mapping.streams_setting import Tell
    from target_marketo.mapping.values import Value

_KEY_TYPES = frozenset({"email", "integer", "string", "phone", "text", "url"})
_MEASURED = frozenset({Kind.NUMBER, Kind.DATE, Kind.DATETIME})
# What a field's type must be for `write` or an option, and what to say otherwise.
_NEEDS = (
    (lambda e: e.write in (Write.GREATEST, Write.LEAST), _MEASURED, "a number or a date"),
    (lambda e: e.write is Write.APPEND, frozenset({Kind.TEXT}), "a string or a text"),
    (lambda e: e.truncate, frozenset({Kind.TEXT}), "a string or a text"),
)


class Mapper:
    """Makes the plan of each stream.

    Args:
        streams: The setting; without one, or with an empty one, streams go by names.
        described: Marketo's fields.
        rejects_unfit: A value that does not fit refuses its record, not its field alone.
        skips_deleted: Records that say that they are deleted make no step.
        tell: What to do with each problem of the setting; as a rule the first one is raised.
    """

    def __init__(
        self,
        streams: Mapping[str, Any] | None,
        described: Iterable[Field],
        *,
        rejects_unfit: bool = False,
        skips_deleted: bool = True,
        tell: Tell = raise_first,
    ) -> None:
        self._fields = {field.name: field for field in described}
        self._rejects_unfit = rejects_unfit
        self._skips_deleted = skips_deleted
        self._attached_types: dict[Lane, Mapping[str, str]] = {}
        self._check: Callable[[Sequence[Mapping[str, Any]]], Refused | None] | None = None
        self._planned: dict[str, Field] = {}
        self._is_default = streams is None or streams == {}
        setting = DEFAULT_STREAMS if self._is_default else streams
        # All entries are checked at once, whatever streams the tap will send.
        entries, self._others_by_names = streams_setting.read(setting, tell)
        self._others_by_names |= self._is_default
        # Nobody wrote the built-in mapping: what Marketo lacks of it is reported when it is used.
        self._lacking: list[str] = []
        tell = self._lacking.append if self._is_default else tell
        self._plans = {name: self._from_entry(entry, tell) for name, entry in entries.items()}

    @property
    def entries(self) -> frozenset[str]:
        """The streams that somebody wrote an entry for."""
        return frozenset() if self._is_default else frozenset(self._plans)

    def learn(self, types: Mapping[Lane, Mapping[str, str]]) -> None:
        """The data types of what is attached to people, for plans that are asked for from now on.

        `types` is lane -> attribute or field -> Marketo's data type.
        """
        self._attached_types.update(types)

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
            SettingError: The mapping cannot work for this stream.
        """
        schema = StreamSchema(properties, is_open=open_ended or not properties)
        return self.plan_of(stream, schema, key_properties)

    def plan_of(
        self, stream: str, schema: StreamSchema, key_properties: Iterable[str] = ()
    ) -> StreamPlan:
        """As `plan`, of a SCHEMA that was read."""
        plan = self._plans.get(stream)
        notes = []
        if plan is None and (why := self._left_out(stream, schema)):
            return replace(self._empty(stream), notes=(why,))
        if plan is None:
            found = by_names(stream, schema, self._fields)
            plan = self._from_entry(found.entry, raise_first)
            notes = [f"Stream {stream} is mapped by names: {found.told}"]
        return replace(
            plan,
            attached_types=self._attached_types,
            key_properties=tuple(key_properties),
            notes=tuple(notes),
            warnings=(*(() if notes else self._lacking), *self._checked(plan, schema)),
            key_is_doubtful=not _has_key(plan, schema),
        )

    def check(self, rows: Sequence[Mapping[str, Any]]) -> Refused | None:
        """What is wrong with one of the rows that are about to leave, if anything is."""
        if self._check is None:
            self._check = row_check(self._planned.values())
        return self._check(rows)

    def _left_out(self, stream: str, schema: StreamSchema) -> str:
        """Why a stream without an entry is left out; empty if it goes by names."""
        if self._is_default and OTHER_STREAMS.get(stream) in schema.properties:
            return f"Stream {stream} is left out: without `streams`, only visitors become people"
        if self._others_by_names:
            return ""
        return (
            f"Stream {stream} is left out: `streams` has no entry for it"
            f'{hint(stream, self._plans)}; `"*": by_names` would map it by its names'
        )

    def _empty(self, stream: str) -> StreamPlan:
        return StreamPlan(
            stream=stream,
            key="email",
            rules=Rules(()),
            lookup_fields=("id", "email"),
            planned=(),
            constants={},
            key_is_value=False,
            key_source="email",
            key_constant=None,
            convert_key=lambda _: None,
            entry=StreamEntry(stream),
            skips_deleted=False,
            is_left_out=True,
        )

    # Marketo's end

    def _described(self, where: str, name: str) -> Field:
        field = self._fields.get(name)
        if field is None:
            raise SettingError(
                f"{where}: Marketo has no field `{name}`{hint(name, self._fields)}; if it is a new "
                "one, `marketo-ops setup --apply` makes it"
            )
        return field

    def _from_entry(self, entry: StreamEntry, tell: Tell) -> StreamPlan:
        """The plan of an entry, without the fields that are wrong where `tell` goes on."""
        where = f"`streams.{entry.stream}`"
        key = entry.key
        try:
            key_field = self._key_field(f"{where}.key", key)
        except SettingError as error:
            tell(str(error))
            return self._empty(entry.stream)
        # A new person needs the key, whether or not `fields` says so.
        given = {key: FieldEntry(key, key, write=Write.ON_CREATE)}
        given |= {each.name: each for each in entry.fields}
        self._check = None
        planned, constants, rules = [], {}, []
        for name, each in given.items():
            try:
                field = self._described(f"{where}.fields", name)
                rule = self._rule(f"{where}.fields", field, each, is_key=name == key)
                convert, fits = _converter(field, each)
                if each.source is None:
                    constants[name] = _constant(field, each, convert)
            except SettingError as error:
                tell(str(error))
                continue
            self._planned[name] = field
            rules.append(rule)
            if each.source is not None and (name != key or not _as_key(each)):
                planned.append(PlannedField(name, each.source, convert, fits, each.clear))
        _check_groups(where, rules, tell)
        return StreamPlan(
            stream=entry.stream,
            key=key,
            rules=Rules(tuple(rules), creates=entry.create),
            lookup_fields=tuple(
                dict.fromkeys(
                    ["id", key, *(r.field for r in rules if r.write is not Write.ON_CREATE)]
                )
            ),
            planned=tuple(planned),
            constants={name: each for name, each in constants.items() if each is not None},
            key_is_value=_as_key(given[key]),
            key_source=given[key].source or key,
            key_constant=given[key].value,
            convert_key=_key_converter(key_field),
            entry=entry,
            rejects_unfit=self._rejects_unfit,
            skips_deleted=self._skips_deleted,
        )

    def _key_field(self, where: str, key: str) -> Field:
        field = self._described(where, key)
        if not field.searchable or field.data_type not in _KEY_TYPES:
            raise SettingError(f"{where}: Marketo cannot search people by `{key}`")
        return field

    def _rule(self, where: str, field: Field, entry: FieldEntry, *, is_key: bool) -> Rule:
        name, kind = field.name, field_types.kind_of(field.data_type)
        if (field.read_only or name in marketo_fields.SYSTEM) and not (is_key and name == "id"):
            raise SettingError(f"{where}: `{name}` is read-only in Marketo; take it out")
        if kind is Kind.BOOLEAN and entry.write is Write.IF_EMPTY:
            raise SettingError(
                f"{where}: `{name}` is a boolean, and Marketo reads an unset one as false, so "
                "`if_empty` cannot tell them apart; use `always` or `on_create`"
            )
        for applies, kinds, wanted in _NEEDS:
            if applies(entry) and kind not in kinds:
                option = "truncate" if entry.truncate and kind is not Kind.TEXT else entry.write
                raise SettingError(
                    f"{where}: `{name}` is a {field.data_type}; `{option}` needs {wanted}"
                )
        appends = entry.write is Write.APPEND
        return Rule(
            field=name,
            write=entry.write,
            kind=kind,
            group=entry.group,
            delimiter=entry.delimiter,
            limit=limit_of(field.data_type, field.length) if appends else None,
            when_full=entry.when_full,
            constant=entry.source is None,
        )

    # The stream's end

    def _checked(self, plan: StreamPlan, schema: StreamSchema) -> list[str]:
        """What is doubtful about the sources; what cannot work is raised."""
        if not schema.properties:
            return []
        where, known = f"streams.{plan.stream}", schema.names
        appending = {rule.field for rule in plan.rules.all if rule.write is Write.APPEND}
        warnings = []
        key = {plan.key_source: "key"} if plan.key_constant is None else {}
        for source, option in (key | plan.entry.sources).items():
            is_key = source in key
            near = _near(source, known, is_key=is_key)
            said = f"`{where}.{option}`: the stream has no property `{source}`{near}"
            declared = schema.types(source)
            if schema.lacks_for_certain(source) or (declared is None and is_key and near):
                if self._is_default and not is_key:
                    warnings.append(said)
                    continue
                raise SettingError(said)
            if declared is None:
                warnings.append(f"{said}; it is taken from records that have it")
        _check_only_if(where, plan.entry, schema)
        sources = [(each.name, each.source) for each in plan.planned]
        if plan.key_constant is None:
            sources.append((plan.key, plan.key_source))
        for name, source in sources:
            field, declared = self._planned[name], schema.types(source)
            if declared and not may_fit(declared, field.data_type, appends=name in appending):
                raise SettingError(
                    f"`{where}.fields.{name}`: `{source}` is declared as {shown(declared)}, "
                    f"which does not fit Marketo's {field.data_type}"
                )
        return warnings


def _check_only_if(where: str, entry: StreamEntry, schema: StreamSchema) -> None:
    """Some record can be as it asks for: else all would be skipped without a word."""
    for name, values in entry.only_if.items():
        declared = schema.types(name)
        if declared and not any(may_be(declared, value) for value in values):
            written = " or ".join(msgspec.json.encode(value).decode() for value in values)
            raise SettingError(
                f"`{where}.only_if.{name}`: `{name}` is declared as {shown(declared)}, so no "
                f"record has {written}"
            )


def _has_key(plan: StreamPlan, schema: StreamSchema) -> bool:
    if plan.key_constant is not None:
        return True
    return schema.types(plan.key_source) is not None if schema.properties else False


def _near(source: str, known: Iterable[str], *, is_key: bool) -> str:
    near = hint(source, known)
    if not near and is_key and "mail" in source.lower():
        # email_address, contact_email, properties.email.value
        found = next((name for name in known if "mail" in name.lower()), None)
        near = f"; is it `{found}`?" if found else ""
    return near


def _check_groups(where: str, rules: list[Rule], tell: Tell) -> None:
    """A group is of `if_empty` alone, or of one `greatest` and what is `newest` with it."""
    groups: dict[str, list[Rule]] = {}
    for rule in rules:
        if rule.group is not None:
            groups.setdefault(rule.group, []).append(rule)
    for name, group in groups.items():
        writes = [rule.write for rule in group]
        leaders = writes.count(Write.GREATEST)
        if Write.IF_EMPTY in writes and set(writes) != {Write.IF_EMPTY}:
            tell(
                f"{where}: the group `{name}` mixes `if_empty` with others; give them a group each"
            )
        elif Write.IF_EMPTY not in writes and leaders != 1:
            tell(f"{where}: the group `{name}` needs one `greatest` field, and has {leaders}")


def _converter(field: Field, entry: FieldEntry) -> tuple[Callable[[Any], Value], int]:
    """How a value becomes the field's, and how long a text may be that needs none of that."""
    if entry.write is Write.APPEND:
        return field_types.items, -1
    limit = limit_of(field.data_type, field.length, truncate=entry.truncate)
    convert = field_types.converter(field.data_type, limit, entry.delimiter)
    return convert, field_types.text_that_fits(field.data_type, limit)


def _key_converter(field: Field) -> Callable[[Any], Value]:
    convert = field_types.converter(field.data_type, limit_of(field.data_type, field.length))

    def without_comma(value: Any) -> Value:
        key = convert(value)
        if isinstance(key, str) and "," in key:
            # A comma separates the values of a lookup, and no way to escape it is documented.
            raise Unfit(Refusal.KEY_WITH_COMMA, "a key with a comma cannot be looked up")
        return key

    # No address and no number holds one.
    return without_comma if field_types.kind_of(field.data_type) is Kind.TEXT else convert


def _as_key(entry: FieldEntry) -> bool:
    """Whether the key's own field takes the key as it is, converted once."""
    plain = not entry.truncate and entry.write is not Write.APPEND
    return plain and entry.source is not None


def _constant(field: Field, entry: FieldEntry, convert: Callable[[Any], Value]) -> Value:
    try:
        return convert(entry.value)
    except Unfit as unfit:
        raise SettingError(f"`value` of `{field.name}` does not fit: {unfit}") from None
