"""What a run sees of its streams, and whether the mapping makes sense of it. Pure.

Of each stream: how often each field had a value, which properties there were, and never a value.
The first thousand records are looked at one by one, then a few of many: what a look sees counts for
the records since the last one. Two things stay exact: whether a field had a value at all, and how
many values did not fit.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec

from target_marketo.mapping import paths
from target_marketo.mapping.lenient_json import read_leniently
from target_marketo.mapping.plan import Mapped
from target_marketo.mapping.refusals import Skip
from target_marketo.mapping.streams_setting import hint
from target_marketo.problems import SettingError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from target_marketo.mapping.plan import StreamPlan
    from target_marketo.mapping.refusals import Refused
    from target_marketo.mapping.schema_check import StreamSchema

ENOUGH = 100
"""Records, or values of a field, that tell a mistake from bad luck."""

_FIRST = 1_000  # records that are looked at one by one
_EVERY, _EVERY_SAMPLE = 64, 512  # of those after them
_MOST_NAMES, _MOST_LEVELS, _LONGEST_NAME = 200, 4, 100
_FEW = 10
_NOTHING: tuple[Any, ...] = (None, "", [], {})  # values that are none


class _Line(msgspec.Struct, gc=False):
    record: dict[str, Any]


_decoder = msgspec.json.Decoder(_Line)


@dataclass(slots=True)
class Seen:
    """What one stream brought."""

    plan: StreamPlan
    schema: StreamSchema
    records: int = 0
    without_key: int = 0
    turned_away: int = 0  # refused, or skipped although it has a key
    not_asked_for: int = 0  # of these, by `only_if`
    looked_at: int = 0
    next_look: int = 1
    sampled: int = 0
    next_sample: int = 1
    never: set[str] = field(default_factory=set)  # fields that no record had a value of
    had: Counter[str] = field(default_factory=Counter)  # field -> records that had one, about
    unfit: Counter[str] = field(default_factory=Counter)  # field -> values that did not fit
    beside: dict[str, str] = field(default_factory=dict)  # those of no field of people, and why
    names: Counter[str] = field(default_factory=Counter)  # source -> samples with a value of it

    def __post_init__(self) -> None:
        self.never = {each.name for each in self.plan.planned}

    @property
    def keyed(self) -> int:
        """How many records made a step for a person."""
        return self.records - self.without_key - self.turned_away

    def values(self, name: str) -> int:
        """How many records had a value of a field, whether it fitted or not."""
        return self.had[name] + self.unfit[name]

    def document(self, written: Mapping[str, int], kept: Mapping[str, int]) -> dict[str, Any]:
        """What is kept with the run: names and counts. The last two are of all streams."""
        planned = {each.name for each in self.plan.planned} | {self.plan.key}
        return {
            "left_out": self.plan.is_left_out,
            "records": self.records,
            "keyed": self.keyed,
            "sampled": self.sampled,
            "names": dict(self.names),
            "fields": {
                name: {
                    "had": min(self.values(name), self.keyed),
                    "unfit": self.unfit[name],
                    "written": written.get(name, 0),
                    "kept": kept.get(name, 0),
                }
                for name in sorted(planned)
            },
            "schema": self.schema.outline(),
        }

    def never_there(self) -> Iterator[tuple[str, str]]:
        """Sources (and the options that name them) of which nothing was ever seen."""
        if self.records < ENOUGH or self.plan.is_left_out:
            return
        had = {each.source for each in self.plan.planned if each.name not in self.never}
        for source, option in self.plan.entry.sources.items():
            keys = paths.parts(source)
            is_known = self.schema.types(source)  # an open object has it as "anything"
            if source in had or is_known or source in self.schema.properties:
                continue
            if not any(map(str.isdecimal, keys)) and paths.written(keys) not in self.names:
                yield source, option

    def look(self, mapped: object, line: bytes) -> None:
        """Looks at a record, for all since the last one that was looked at."""
        weight, self.looked_at = self.records - self.looked_at, self.records
        if type(mapped) is Mapped:
            for name, value in mapped.values.items():
                if value is not None:
                    self.had[name] += weight
        # Where values do not fit, each counts until there are enough to judge by.
        fields = self.unfit.keys() - self.beside.keys()
        closely = any(self.values(name) <= ENOUGH for name in fields)
        is_early = self.records < _FIRST
        self.next_look = self.records + (1 if is_early or closely else _EVERY)
        if self.records >= self.next_sample:
            self.next_sample = self.records + (1 if is_early else _EVERY_SAMPLE)
            self._sample(line)

    def _sample(self, line: bytes) -> None:
        """Notes which properties a record has, and which of them have a value."""
        self.sampled += 1
        names = self.names
        for name, value in _flat(_record(line), (), _MOST_LEVELS):
            if name in names or len(names) < _MOST_NAMES:
                names[name] += value not in _NOTHING


def _record(line: bytes) -> Mapping[str, Any]:
    try:
        return _decoder.decode(line).record
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return dict(read_leniently(line)["record"])  # as it was read to be mapped


def _flat(
    record: Mapping[str, Any], above: tuple[str, ...], levels: int
) -> Iterator[tuple[str, Any]]:
    for key, value in record.items():
        # A key may be a value of somebody: an object by e-mail address.
        if len(key) > _LONGEST_NAME or "@" in key:
            continue
        yield paths.written((*above, key)) if above else key, value
        if isinstance(value, dict) and levels > 1:
            yield from _flat(value, (*above, key), levels - 1)


class Watch:
    """Looks at a whole run; `max_rejected_percent` is the setting, `entries` are of `streams`."""

    def __init__(self, max_rejected_percent: int, entries: frozenset[str] = frozenset()) -> None:
        self._percent = max_rejected_percent
        self._entries = entries
        self._seen: dict[str, Seen] = {}
        self._last: Seen | None = None
        self._keys: dict[str, str] = {}
        self._told: set[str] = set()
        self._unfit_verdict = ""

    @property
    def seen(self) -> list[Seen]:
        """What came, stream by stream."""
        return list(self._seen.values())

    def schema(self, plan: StreamPlan, schema: StreamSchema) -> None:
        """Takes in a SCHEMA with its plan; it may come again.

        Raises:
            SettingError: An earlier stream has another key: one person might be in two calls.
        """
        if not plan.is_left_out:
            other = self._keys.setdefault(plan.key, plan.stream)
            first_key, first = next(iter(self._keys.items()))
            if first_key != plan.key:
                raise SettingError(
                    f"streams {first} and {other} have different keys, `{first_key}` and "
                    f"`{plan.key}`, by which one person might be written twice at once: send "
                    "them in two runs, or give both the same `key`"
                )
        seen = self._seen.get(plan.stream)
        if seen is None:
            self._seen[plan.stream] = Seen(plan, schema)
        else:
            seen.plan, seen.schema = plan, schema

    def untold(self, lines: tuple[str, ...]) -> list[str]:
        """Those of the lines that were not told yet: some taps repeat their SCHEMA."""
        new = [line for line in lines if line not in self._told]
        self._told.update(new)
        return new

    def record(self, plan: StreamPlan, mapped: Mapped | Refused | Skip | None, line: bytes) -> None:
        """Takes in a record. As this is done for each, it costs as little as can be."""
        seen = self._last
        if seen is None or seen.plan is not plan:
            seen = self._last = self._seen[plan.stream]
        seen.records += 1
        if type(mapped) is Mapped:
            if not mapped.values.keys().isdisjoint(seen.never):
                seen.never -= {name for name, each in mapped.values.items() if each is not None}
            if mapped.left_out:
                self._note_unfit(seen, mapped.left_out)
        elif mapped is None:
            seen.without_key += 1
        else:
            seen.turned_away += 1
            seen.not_asked_for += mapped is Skip.NOT_ASKED_FOR
        if seen.records >= seen.next_look:
            seen.look(mapped, line)

    @property
    def verdict(self) -> str:
        """Why the mapping is wrong for certain; empty if it may be right."""
        if self._unfit_verdict:
            return self._unfit_verdict
        for seen in self._without_key():
            if seen.without_key >= ENOUGH:
                return _no_key(seen)
        return ""

    def doubts(self, *, ended: bool) -> bool:
        """Whether STATE has to wait: what came went nowhere, or a field is mostly unfit."""
        if self._elsewhere() or any(self._without_key()):
            return True
        return not ended and any(self._doubtful_fields())

    def error(self) -> str:
        """What makes a run that came to its end a failure; empty if nothing does."""
        if self._elsewhere():
            entries = ", ".join(f"`{name}`" for name in sorted(self._entries))
            came = ", ".join(f"`{name}`{hint(name, self._entries)}" for name in self._seen)
            return (
                f"nothing was written: `streams` has entries for {entries}, and the tap sent "
                f"{came}; name the entry as the tap names its stream"
            )
        return next(chain(map(_no_key, self._without_key()), self._unfit_beside()), "")

    def warnings(self) -> Iterator[str]:
        """What to say at the end: entries that no stream used, sources that no record had."""
        if self._elsewhere():
            return
        if self._entries and not self._seen:
            yield "`streams` was not used: the tap sent no stream at all"
            return
        sent = ", ".join(f"`{each}`" for each in self._seen)
        for name in sorted(self._entries - self._seen.keys()):
            yield f"`streams.{name}` was not used: the tap sent no stream of that name, but {sent}"
        for seen in self._seen.values():
            if ENOUGH <= seen.records == seen.not_asked_for:
                yield (
                    f"`streams.{seen.plan.stream}.only_if`: none of {seen.records} records was as "
                    "it asks for"
                )
            for source, option in seen.never_there():
                yield (
                    f"`streams.{seen.plan.stream}.{option}`: none of {seen.records} records had "
                    f"`{source}`{hint(source, seen.names)}"
                )

    def _elsewhere(self) -> bool:
        """Whether all that came is left out, although somebody wrote entries."""
        return (
            bool(self._entries)
            and bool(self._seen)
            and not self._entries & self._seen.keys()
            and all(seen.plan.is_left_out for seen in self._seen.values())
        )

    def _without_key(self) -> Iterator[Seen]:
        """Streams that announce no key, and have not had one either, not even a null."""
        for seen in self._seen.values():
            if seen.plan.key_is_doubtful and seen.without_key and not seen.keyed:
                key = paths.written(paths.parts(seen.plan.key_source))
                if key not in seen.names and seen.plan.key_source not in seen.names:
                    yield seen

    def _unfit_beside(self) -> Iterator[str]:
        """What is attached to people and hardly ever fits: people do not wait for that."""
        for seen in self._seen.values():
            for name, why in seen.beside.items():
                count = seen.unfit[name]
                if count >= _FEW and count * 100 > seen.keyed * self._percent:
                    yield (
                        f"`{name}` of stream {seen.plan.stream} did not fit in {count} of "
                        f"{seen.keyed} records: {why}; all else is delivered, and they are in the "
                        "error log: correct `streams`, then replay"
                    )

    def _doubtful_fields(self) -> Iterator[str]:
        for seen in self._seen.values():
            for name, count in seen.unfit.items():
                if count >= _FEW and name not in seen.beside:
                    values = seen.values(name)
                    if values < ENOUGH and count * 100 > values * self._percent:
                        yield name

    def _note_unfit(self, seen: Seen, left_out: tuple[Refused, ...]) -> None:
        for refused in left_out:
            name = refused.field
            seen.unfit[name] += 1
            if refused.part:
                seen.beside[name] = refused.reason
                continue
            seen.never.discard(name)
            seen.next_look = seen.records
            # Of the first hundred values: as soon as so many of them are unfit.
            if seen.unfit[name] == self._percent + 1 and seen.values(name) <= ENOUGH:
                self._unfit_verdict = (
                    f"`{name}` of stream {seen.plan.stream} did not fit in {seen.unfit[name]} of "
                    f"{seen.values(name)} records, more than `max_rejected_percent` = "
                    f"{self._percent}: {refused.reason}; correct `streams`"
                )


def _no_key(seen: Seen) -> str:
    source = seen.plan.key_source
    known = [*seen.schema.names, *seen.names]
    near = hint(source, known)
    if not near:
        found = next((name for name in known if source.rpartition(".")[2] in name.lower()), None)
        near = f"; is it `{found}`?" if found else ""
    return (
        f"nothing was written of stream {seen.plan.stream}: none of its {seen.without_key} records "
        f"has `{source}`, which is its key{near}"
    )
