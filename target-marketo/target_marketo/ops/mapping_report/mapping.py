"""`marketo-ops mapping`: what is done with each stream, and what nothing maps. No values."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from target_marketo.mapping import paths
from target_marketo.ops.console import plain, print_json, print_table, short
from target_marketo.ops.mapping_report import both_ends
from target_marketo.store.seen import SeenStreams

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from target_marketo.mapping.plan import StreamPlan
    from target_marketo.mapping.streams_setting import StreamEntry
    from target_marketo.settings import Settings
    from target_marketo.store.database import Database


@dataclass(frozen=True)
class MappedLine:
    """A field or an attachment; counts are of the last run, None where it did not count."""

    target: str
    source: str
    rule: str
    share: float | None = None  # of the records with a key that had a value
    written: int | None = None
    kept: int | None = None
    refused: int | None = None


@dataclass
class StreamReport:
    """One stream. `unmapped` are sources that nothing maps, with the share that had a value."""

    stream: str
    records: int | None = None
    at: str = ""
    lines: list[MappedLine] = field(default_factory=list)
    unmapped: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass
class Report:
    """All streams, and what is wrong with the setting."""

    streams: list[StreamReport]
    problems: list[str]


def report(settings: Settings, database: Database) -> Report:
    """Reads the setting, Marketo's fields, and what the last run saw."""
    described = both_ends.describe(settings, database)
    seen = SeenStreams(database, settings.instance).latest()
    problems: list[str] = []
    made = both_ends.mapper(settings, described, problems)
    plans = both_ends.plans(made, seen, problems)
    return Report([_stream(plan, seen.get(name)) for name, plan in plans.items()], problems)


def show(found: Report, *, as_json: bool) -> None:
    """Prints it."""
    if as_json:
        print_json(asdict(found))
        return
    for each in found.streams:
        when = f", {each.records} records on {short(each.at)}" if each.at else ", no run yet"
        print_table(
            f"Stream {plain(each.stream)}{when}",
            ("Marketo", "from", "rule", "has it #", "written #", "kept #", "refused #"),
            (
                (line.target, line.source, line.rule, _percent(line.share), *map(_number, (
                    line.written, line.kept, line.refused)))
                for line in each.lines
            ),
        )  # fmt: skip
        if each.unmapped:
            print_table(
                "Seen, and mapped by nothing",
                ("source", "has a value #"),
                ((name, _percent(share)) for name, share in each.unmapped.items()),
            )
        for note in each.notes:
            print(plain(note))  # noqa: T201 - what people read
    for problem in found.problems:
        print(plain(problem))  # noqa: T201 - as above


def _stream(plan: StreamPlan, document: Mapping[str, Any] | None) -> StreamReport:
    made = StreamReport(plan.stream, notes=[*plan.notes, *plan.warnings])
    counts: Mapping[str, Any] = {}
    keyed = 0
    if document is not None:
        made.records, made.at = document.get("records"), document.get("at", "")
        counts, keyed = document.get("fields", {}), document.get("keyed", 0)
        made.unmapped = _unmapped(plan.entry, plan.key_source, document)
    if plan.is_left_out:
        return made
    for each in plan.entry.fields:
        rule = f"{each.write}, {each.group}" if each.group else str(each.write)
        source = "a value" if each.source is None else each.source
        count = counts.get(each.name)
        made.lines.append(
            MappedLine(each.name, source, rule)
            if count is None
            else MappedLine(
                each.name,
                source,
                rule,
                count["had"] / keyed if keyed else None,
                count["written"],
                count["kept"],
                count["unfit"],
            )
        )
    made.lines += _attachments(plan.entry)
    return made


def _attachments(entry: StreamEntry) -> Iterator[MappedLine]:
    for name in entry.lists:
        yield MappedLine(f"list {name}", "", "add")
    for name, status in entry.programs.items():
        yield MappedLine(f"program {name}", "", status)
    if (activity := entry.activity) is not None:
        yield MappedLine(f"activity {activity.type}", activity.once, "once")
        for name, source in activity.attributes.items():
            yield MappedLine(f"{activity.type}.{name}", source.path, "attribute")
    if (thing := entry.object) is not None:
        for name, source in thing.fields.items():
            rule = "dedupe" if name == thing.dedupe else "field"
            yield MappedLine(f"{thing.name}.{name}", source.path, rule)


def _unmapped(entry: StreamEntry, key: str, document: Mapping[str, Any]) -> dict[str, float]:
    sampled = document.get("sampled") or 0
    used = {key} | {paths.written(paths.parts(source)) for source in entry.sources}
    used |= set(entry.sources)
    return {
        name: count / sampled
        for name, count in sorted(document.get("names", {}).items())
        if sampled and name not in used and not any(each.startswith(f"{name}.") for each in used)
    }


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def _number(count: int | None) -> str:
    return "" if count is None else f"{count:,}"
