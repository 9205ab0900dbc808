"""A mapping by names: harmless, because nobody wrote it down. Pure.

Properties whose names are Marketo's (`first_name`, `First Name` and `firstName` are one name) fill
what is empty. What nobody may want written is left alone, and one line says what happens to each.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from target_marketo.mapping import marketo_fields, schema_check
from target_marketo.mapping.rules import Write
from target_marketo.mapping.streams_setting import FieldEntry, StreamEntry
from target_marketo.problems import SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from target_marketo.mapping.field_types import Field
    from target_marketo.mapping.schema_check import StreamSchema

KEY = "email"
_SHOWN = 12


@dataclass(frozen=True)
class ByNames:
    """What a stream without an entry maps, and why it leaves the rest: property -> reason."""

    entry: StreamEntry
    left: Mapping[str, str]

    @property
    def told(self) -> str:
        """One line for the log."""
        mapped = [
            each.name if each.source == each.name else f"{each.source} -> {each.name}"
            for each in self.entry.fields
        ]
        left = [f"{name} ({why})" if why else name for name, why in self.left.items()]
        return f"maps {_some(mapped) or 'nothing'}; leaves {_some(left) or 'nothing'}"


def by_names(stream: str, schema: StreamSchema, described: Mapping[str, Field]) -> ByNames:
    """The entry that nobody wrote.

    Raises:
        SettingError: Two properties fit one field equally well.
    """
    fields_by_plain: dict[str, list[Field]] = defaultdict(list)
    for field in described.values():
        fields_by_plain[marketo_fields.plain(field.name)].append(field)
    fitting: dict[str, list[str]] = defaultdict(list)
    left: dict[str, str] = {}
    for name, declared in schema.properties.items():
        exact = described.get(name)
        fields = [exact] if exact else fields_by_plain.get(marketo_fields.plain(name), [])
        if len(fields) != 1:
            left[name] = "fits several fields" if fields else ""
        elif why := _why_not(fields[0], schema_check.types_of(declared)):
            left[name] = why
        else:
            fitting[fields[0].name].append(name)
    return ByNames(_entry(stream, _chosen(stream, fitting, left), described), left)


def _why_not(field: Field, declared: frozenset[str]) -> str:
    if field.name == KEY:
        kinds = declared - {"string"}
    elif field.read_only:
        return "read-only in Marketo"
    elif why := marketo_fields.never_by_names(field.name):
        return why
    else:
        kinds = declared
    if schema_check.fits(kinds, field.data_type):
        return ""
    return f"{schema_check.shown(declared)}, Marketo's is {field.data_type}"


def _chosen(stream: str, fitting: Mapping[str, list[str]], left: dict[str, str]) -> dict[str, str]:
    """Field -> property: the exact name before a similar one."""
    chosen = {}
    for field, names in fitting.items():
        if len(names) > 1 and field not in names:
            raise SettingError(
                f"Stream {stream} is mapped by names, and "
                f"{', '.join(f'`{name}`' for name in names)} "
                f"fit `{field}` equally well: name one in `streams.{stream}.fields`"
            )
        chosen[field] = field if field in names else names[0]
        left |= {name: f"{field} is there" for name in names if name != chosen[field]}
    return chosen


def _entry(stream: str, chosen: Mapping[str, str], described: Mapping[str, Field]) -> StreamEntry:
    fields = [
        FieldEntry(
            name=field,
            source=name,
            # Marketo reads an unset boolean as false: none is known to be empty.
            write=Write.ON_CREATE if described[field].data_type == "boolean" else Write.IF_EMPTY,
            group="geography" if field in marketo_fields.GEOGRAPHY else None,
        )
        for field, name in chosen.items()
    ]
    return StreamEntry(stream, KEY, tuple(fields))


def _some(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
