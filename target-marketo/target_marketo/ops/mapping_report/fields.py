"""`marketo-ops fields`: what Marketo has, and what of it is mapped."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from target_marketo.mapping.marketo_fields import plain
from target_marketo.ops.console import print_json, print_table
from target_marketo.ops.mapping_report import both_ends
from target_marketo.store.seen import SeenStreams

if TYPE_CHECKING:
    from collections.abc import Mapping

    from target_marketo.mapping.field_types import Field
    from target_marketo.mapping.plan import StreamPlan
    from target_marketo.settings import Settings
    from target_marketo.store.database import Database


@dataclass(frozen=True)
class Listed:
    """A field as it is shown; `mapped_from` names streams and sources."""

    field: Field
    mapped_from: tuple[str, ...]


def listed(settings: Settings, database: Database, pattern: str) -> list[Listed]:
    """The fields whose API name or label holds the pattern, in any spelling."""
    described = both_ends.describe(settings, database)
    problems: list[str] = []
    made = both_ends.mapper(settings, described, problems)
    seen = SeenStreams(database, settings.instance).latest()
    filled = _filled(both_ends.plans(made, seen, problems))
    wanted = plain(pattern)
    return [
        Listed(field, tuple(filled.get(field.name, ())))
        for field in sorted(described, key=lambda each: each.name.lower())
        if wanted in plain(field.name) or wanted in plain(field.display_name)
    ]


def show(found: list[Listed], *, as_json: bool) -> None:
    """Prints them."""
    if as_json:
        print_json(
            [
                {
                    "name": each.field.name,
                    "label": each.field.display_name,
                    "type": each.field.data_type,
                    "length": each.field.length,
                    "searchable": each.field.searchable,
                    "read_only": each.field.read_only,
                    "mapped_from": list(each.mapped_from),
                }
                for each in found
            ]
        )
        return
    print_table(
        f"{len(found)} fields of people in Marketo",
        ("API name", "label", "type", "length #", "notes", "mapped from"),
        (
            (
                each.field.name,
                each.field.display_name,
                each.field.data_type,
                each.field.length or "",
                _notes(each.field),
                ", ".join(each.mapped_from),
            )
            for each in found
        ),
    )


def _filled(plans: Mapping[str, StreamPlan]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for stream, plan in plans.items():
        for each in plan.entry.fields:
            source = f"{stream}.{each.source}" if each.source is not None else f"{stream}: a value"
            found[each.name].append(source)
    return found


def _notes(field: Field) -> str:
    notes = (("searchable", field.searchable), ("read-only", field.read_only))
    return ", ".join(name for name, is_so in notes if is_so)
