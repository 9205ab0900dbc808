"""The fields of people that a mapping names, and those among them that are to be made. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from target_marketo.mapping.field_types import Field
from target_marketo.mapping.mapper import Mapper
from target_marketo.mapping.streams_setting import FieldEntry, nearest
from target_marketo.marketo.lead_fields import MADE_TYPES, NewField
from target_marketo.ops.mapping_report.both_ends import plans, schema_of
from target_marketo.ops.setup.data_types import data_type, label
from target_marketo.ops.setup.steps import MakeField, Mark, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from target_marketo.mapping.streams_setting import StreamEntry
    from target_marketo.ops.setup.steps import Plan

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)
_SEARCHABLE = frozenset({"string", "email", "integer"})
_LENGTH = 255
_BY_HAND = "Admin > Field Management > New Custom Field makes it by hand"


def plan_fields(
    plan: Plan,
    streams: Mapping[str, Any] | None,
    entries: Iterable[StreamEntry],
    described: Sequence[Field],
    seen: Mapping[str, Any],
) -> None:
    """Adds a row for each field, and what else is wrong with the mapping of fields.

    A field that the mapping could not use as it would be made is not made: it could not be undone.
    """
    known = {each.name: each for each in described}
    rows: dict[str, Row] = {}
    wanted: dict[str, NewField] = {}
    labels = {each.display_name.lower() for each in described}
    for entry in entries:
        for each in _named(entry, known):
            if each.name in rows:
                continue
            there = known.get(each.name)
            if there is not None:
                text = f"{there.data_type}: {there.display_name}"
                rows[each.name] = Row(Mark.THERE, "field", each.name, text)
                continue
            row, new = _new(each, entry, seen, known, labels)
            rows[each.name] = row
            if new is not None:
                wanted[new.name] = new
                labels.add(new.display_name.lower())
    problems = _problems(streams, [*described, *map(_as_described, wanted.values())], seen)
    for name, new in wanted.items():
        about = [each for each in problems if f"`{name}`" in each]
        if about:
            text = f"{about[0]}; its `type` in the entry says what to make of it"
            rows[name] = Row(Mark.CANNOT, "field", name, text)
            problems = [each for each in problems if each not in about]
        else:
            plan.acts.append(MakeField(new))
    plan.rows += rows.values()
    for problem in problems:
        if not any(f"`{name}`" in problem for name in rows if rows[name].mark is Mark.CANNOT):
            plan.add(Mark.CANNOT, "mapping", "", problem)


def _named(entry: StreamEntry, known: Mapping[str, Field]) -> tuple[FieldEntry, ...]:
    """The fields of an entry; its key, too, where Marketo lacks that."""
    if entry.key in known or any(each.name == entry.key for each in entry.fields):
        return entry.fields
    return (FieldEntry(entry.key, entry.key), *entry.fields)


def _new(
    each: FieldEntry,
    entry: StreamEntry,
    seen: Mapping[str, Any],
    known: Mapping[str, Field],
    labels: set[str],
) -> tuple[Row, NewField | None]:
    kind = data_type(schema_of(seen.get(entry.stream)), each.source, each.type, each.value)
    near = nearest(each.name, known)
    meant = f"; or is `{near}` meant?" if near else ""
    if not _NAME.fullmatch(each.name):
        text = f"an API name begins with a letter, and has letters, digits and underscores{meant}"
        return Row(Mark.CANNOT, "field", each.name, text), None
    if kind.name not in MADE_TYPES:
        text = f"the API makes no {kind.name}: {_BY_HAND}"
        return Row(Mark.CANNOT, "field", each.name, text), None
    shown = label(each.name)
    shown = each.name if shown.lower() in labels else shown
    text = f"{kind}: {shown}{meant}"
    return Row(Mark.MAKE, "field", each.name, text), NewField(each.name, shown, kind.name)


def _as_described(new: NewField) -> Field:
    is_text = new.data_type in {"string", "email", "phone", "url"}
    return Field(
        name=new.name,
        data_type=new.data_type,
        length=_LENGTH if is_text else None,
        searchable=new.data_type in _SEARCHABLE,
        display_name=new.display_name,
    )


def _problems(
    streams: Mapping[str, Any] | None, described: Sequence[Field], seen: Mapping[str, Any]
) -> list[str]:
    """What would be wrong with the mapping if the fields were there."""
    problems: list[str] = []
    made = Mapper(streams, described, tell=problems.append)
    plans(made, {name: seen[name] for name in made.entries if name in seen}, problems)
    return list(dict.fromkeys(problems))
