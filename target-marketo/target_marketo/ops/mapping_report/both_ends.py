"""The mapping compared with both ends: all that is wrong, not only the first thing.

The checks are the run's own (`mapping.mapper`). One end is Marketo's describe; the other is each
stream's SCHEMA as the last run saw it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from target_marketo import assembly
from target_marketo.mapping.default_streams import DEFAULT_STREAMS
from target_marketo.mapping.field_types import Field
from target_marketo.mapping.mapper import Mapper
from target_marketo.mapping.schema_check import StreamSchema
from target_marketo.mapping.streams_setting import ANY_STREAM, hint
from target_marketo.problems import SettingError
from target_marketo.store.cache import Cache

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from target_marketo.mapping.plan import StreamPlan
    from target_marketo.settings import Settings
    from target_marketo.store.database import Database

_A_DAY = 86_400.0


class Verdict(NamedTuple):
    """One stream: how many fields it maps, what is wrong, and what is worth a look."""

    stream: str
    fields: int
    problems: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def describe(settings: Settings, database: Database) -> list[Field]:
    """Marketo's fields of today: from the store, or asked for."""
    cache, name = Cache(database), f"describe:{settings.instance}"
    try:
        known = msgspec.convert(cache.get(name, _A_DAY) or [], list[Field])
    except msgspec.ValidationError:
        known = []
    if not known or not any(field.display_name for field in known):  # as an older version kept it
        known = assembly.marketo(settings, database).leads.describe()
        cache.put(name, known)
    return known


def mapper(settings: Settings, described: Sequence[Field], problems: list[str]) -> Mapper:
    """The run's mapper; problems of the setting are added to the list, and left out of it."""
    return Mapper(settings.streams, described, tell=problems.append)


def plans(made: Mapper, seen: Mapping[str, Any], problems: list[str]) -> dict[str, StreamPlan]:
    """A plan for each stream that has an entry or that the last run saw."""
    found = {}
    for stream in [*sorted(made.entries), *(each for each in seen if each not in made.entries)]:
        try:
            found[stream] = made.plan_of(stream, schema_of(seen.get(stream)))
        except SettingError as error:
            problems.append(str(error))
    return found


def verdicts(
    streams: Mapping[str, Any] | None, described: Sequence[Field], seen: Mapping[str, Any]
) -> list[Verdict]:
    """A verdict for each stream of the `streams` setting, and for those that go by names."""
    entries = streams or DEFAULT_STREAMS
    judged = [
        _of_entry(name, entry, described, seen)
        for name, entry in entries.items()
        if name != ANY_STREAM
    ]
    known = {verdict.stream for verdict in judged}
    made = Mapper(streams, described, tell=lambda _: None)
    return judged + [_of_stream(made, name, seen) for name in seen if name not in known]


def schema_of(document: Any) -> StreamSchema:
    """The SCHEMA that the last run saw; one that says nothing if there was none."""
    outline = document.get("schema") if isinstance(document, dict) else None
    try:
        return StreamSchema.of(outline if isinstance(outline, dict) else {})
    except ValueError:
        return StreamSchema()


def _of_entry(
    stream: str, entry: Any, described: Sequence[Field], seen: Mapping[str, Any]
) -> Verdict:
    problems: list[str] = []
    made = Mapper({stream: entry}, described, tell=problems.append)
    # A name with dots may stand nested in the setting.
    name = next(iter(made.entries), stream)
    fields = entry.get("fields") if isinstance(entry, dict) else None
    count = len(fields) if isinstance(fields, dict) else 0
    if problems:
        return Verdict(name, count, tuple(problems))
    if seen and name not in seen:
        sent = f"the last runs saw no stream of that name{hint(name, seen)}"
        return Verdict(name, count, (), (sent,))
    found = _of_stream(made, name, seen)
    return found._replace(fields=count or found.fields)


def _of_stream(made: Mapper, stream: str, seen: Mapping[str, Any]) -> Verdict:
    try:
        plan = made.plan_of(stream, schema_of(seen.get(stream)))
    except SettingError as error:
        return Verdict(stream, 0, (str(error),))
    return Verdict(stream, len(plan.rules.all), (), (*plan.notes, *plan.warnings))
