"""The `streams` setting as it is written: every option read and checked by itself. Pure.

What an entry says is compared with Marketo and with the stream elsewhere; here a problem is one
line that names the option and the cure. Whoever reads the setting decides whether the first problem
ends it (`raise_first`) or all are collected.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from target_marketo.mapping.marketo_fields import plain
from target_marketo.mapping.rules import WhenFull, Write
from target_marketo.problems import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Tell: TypeAlias = "Callable[[str], None]"

BY_NAMES = "by_names"
ANY_STREAM = "*"
FIRST_RUN, EVERYTHING = "first_run", "everything"
_MAX_ATTRIBUTES = 20  # Adobe, error 1028
_API_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*", re.ASCII)
_PROPERTY = "the name of a property"

# Option -> its type, and how the type is called in an error.
_ENTRY: dict[str, tuple[type | tuple[type, ...], str]] = {
    "key": (str, "the name of a Marketo field"),
    "fields": (dict, "an object: Marketo field -> property of the stream"),
    "lists": (list, "a list of static lists, by name or id"),
    "programs": (dict, "an object: program -> member status"),
    "only_if": (dict, "an object: property -> value or list of values"),
    "create": (bool, "true or false"),
    "activity": (dict, "an object with `type`, `once`, `date` and `primary`"),
    "object": (dict, "an object with `name`, `dedupe`, `link` and `fields`"),
}
_FIELD: dict[str, tuple[type | tuple[type, ...], str]] = {
    "from": (str, _PROPERTY),
    "value": (object, "a value"),
    "write": (str, "a text"),
    "group": (str, "the name of a group"),
    "clear": (bool, "true or false"),
    "truncate": (bool, "true or false"),
    "delimiter": (str, "a text"),
    "when_full": (str, "a text"),
    "type": (str, "a data type of Marketo, for `marketo-ops setup`"),
}
_ACTIVITY: dict[str, tuple[type | tuple[type, ...], str]] = {
    "type": ((str, int), "the API name or the id of a custom activity type"),
    "once": (str, "the property that tells one activity from every other"),
    "date": (str, "the property that has the activity's time"),
    "primary": ((str, dict), "a property, or {from, otherwise}"),
    "since": (str, f"{FIRST_RUN}, {EVERYTHING} or a date"),
    "if_missing": (str, "skip"),
    "attributes": (dict, "an object: attribute -> property of the stream"),
}
_OBJECT: dict[str, tuple[type | tuple[type, ...], str]] = {
    "name": (str, "the API name of a custom object"),
    "dedupe": (str, "the field that tells one object from every other"),
    "link": (str, "the field that links the object to its person"),
    "fields": (dict, "an object: field -> property of the stream"),
}
_SOURCE: dict[str, tuple[type | tuple[type, ...], str]] = {
    "from": (str, _PROPERTY),
    "otherwise": ((str, int, float, bool), "a value for records that have none"),
    "type": (str, "a data type of Marketo, for `marketo-ops setup`"),
}
# What `setup` may be asked to make (Adobe: "Field types", "Custom activities").
FIELD_TYPES = (
    *("boolean", "currency", "date", "datetime", "email", "float", "integer", "percent"),
    *("phone", "score", "string", "text", "url"),
)
ATTRIBUTE_TYPES = (
    *("boolean", "currency", "date", "datetime", "email", "float", "integer", "link", "phone"),
    *("string", "text"),
)


@dataclass(frozen=True)
class FieldEntry:
    """How one field of a person is filled: from a property or, if `source` is None, a constant."""

    name: str
    source: str | None
    value: Any = None
    write: Write = Write.ALWAYS
    group: str | None = None
    clear: bool = False
    truncate: bool = False
    delimiter: str = ";"
    when_full: WhenFull = WhenFull.LEAVE
    type: str | None = None  # what it is made as, where Marketo lacks it


@dataclass(frozen=True)
class Source:
    """A property, and what stands for a record that has no value of it."""

    path: str
    otherwise: str | float | None = None
    type: str | None = None  # as of a field


@dataclass(frozen=True)
class ActivityEntry:
    """A custom activity for each record; `type` is an API name or an id."""

    type: str
    once: str
    date: str
    primary: Source
    since: str = FIRST_RUN  # or EVERYTHING, or a date (ISO 8601)
    skip_if_missing: bool = False
    attributes: Mapping[str, Source] = field(default_factory=dict)

    @property
    def once_attribute(self) -> str:
        """The attribute that the activity is known by when it is read back."""
        return next(name for name, each in self.attributes.items() if each.path == self.once)


@dataclass(frozen=True)
class ObjectEntry:
    """A custom object for each record, linked to its person."""

    name: str
    dedupe: str
    link: str
    fields: Mapping[str, Source]


@dataclass(frozen=True)
class StreamEntry:
    """What is done with the records of one stream."""

    stream: str
    key: str = "email"
    fields: tuple[FieldEntry, ...] = ()
    lists: tuple[str, ...] = ()
    programs: Mapping[str, str] = field(default_factory=dict)
    only_if: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    create: bool = True
    activity: ActivityEntry | None = None
    object: ObjectEntry | None = None

    @property
    def sources(self) -> dict[str, str]:
        """Every source, with the first option that names it."""
        found: dict[str, str] = {}
        for each in self.fields:
            if each.source is not None:
                found.setdefault(each.source, f"fields.{each.name}")
        for name in self.only_if:
            found.setdefault(name, "only_if")
        if self.activity is not None:
            found.setdefault(self.activity.once, "activity.once")
            found.setdefault(self.activity.date, "activity.date")
            found.setdefault(self.activity.primary.path, "activity.primary")
            for name, source in self.activity.attributes.items():
                found.setdefault(source.path, f"activity.attributes.{name}")
        if self.object is not None:
            for name, source in self.object.fields.items():
                found.setdefault(source.path, f"object.fields.{name}")
        return found


def raise_first(text: str) -> NoReturn:
    """The first problem is the last."""
    raise SettingError(text)


def nearest(name: str, names: Iterable[str]) -> str | None:
    """What was meant, if anything is near enough."""
    by_plain = {plain(known): known for known in names}
    found = difflib.get_close_matches(plain(name), by_plain, n=1)
    return by_plain[found[0]] if found else None


def hint(name: str, names: Iterable[str]) -> str:
    """The end of an error's line: what was meant."""
    found = nearest(name, names)
    return f"; did you mean `{found}`?" if found else ""


def read(streams: Any, tell: Tell = raise_first) -> tuple[dict[str, StreamEntry], bool]:
    """The entries by stream, and whether a stream without one goes by names.

    Raises:
        SettingError: By `raise_first`.
    """
    if not isinstance(streams, dict):
        tell("`streams` must be an object: stream name -> {key, fields}")
        return {}, False
    given = _streams(streams)
    others = given.pop(ANY_STREAM, None)
    if others not in (None, BY_NAMES):
        tell(f"`streams.{ANY_STREAM}` may be {BY_NAMES}, or be left out")
    entries = {}
    for stream, entry in given.items():
        found = _entry(str(stream), entry, tell)
        if found is not None:
            entries[found.stream] = found
    return entries, others == BY_NAMES or not given


def _streams(given: Mapping[Any, Any], before: str = "") -> dict[str, Any]:
    """Stream -> entry. Meltano makes nested objects of names with dots: put together again."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        nested = value if isinstance(value, dict) else {}
        nested = {each: leaf for each, leaf in nested.items() if _goes_on(each, leaf)}
        found |= _streams(nested, f"{before}{name}.")
        if not nested:
            found[f"{before}{name}"] = value
        elif rest := {each: leaf for each, leaf in value.items() if each not in nested}:
            found[f"{before}{name}"] = rest
    return found


def _goes_on(name: Any, value: Any) -> bool:
    """Whether this is the rest of a stream's name, and no option, nor one that is misspelt."""
    return nearest(str(name), _ENTRY) is None and _leads_to_entry(value)


def _leads_to_entry(value: Any) -> bool:
    return isinstance(value, dict) and (
        bool(value.keys() & _ENTRY.keys()) or any(map(_leads_to_entry, value.values()))
    )


def _dotted(given: Mapping[Any, Any], before: str = "") -> dict[str, Any]:
    """As `_streams`, for names whose values are no objects."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        whole = f"{before}{name}"
        found |= _dotted(value, f"{whole}.") if isinstance(value, dict) else {whole: value}
    return found


def _entry(stream: str, given: Any, tell: Tell) -> StreamEntry | None:
    where = f"streams.{stream}"
    if not isinstance(given, dict):
        tell(f"`{where}` must be an object with `fields`")
        return None
    problems: list[str] = []
    options = _known(where, given, _ENTRY, problems.append)
    fields = [
        found
        for name, spec in options.get("fields", {}).items()
        if (found := _field(f"{where}.fields.{name}", str(name), spec, problems.append))
    ]
    if not options.get("fields") and not problems and not given.keys() & _ATTACHING:
        problems.append(f"`{where}` needs `fields`: Marketo field -> property of the stream")
    key = options.get("key", "email")
    if key == "id" and options.get("create"):
        problems.append(f"`{where}.create`: nobody can be created by Marketo's own `id`")
    entry = StreamEntry(
        stream=stream,
        key=key,
        fields=tuple(fields),
        lists=_lists(where, options.get("lists", []), problems.append),
        programs=_programs(where, options.get("programs", {}), problems.append),
        only_if=_only_if(where, options.get("only_if", {}), problems.append),
        create=options.get("create", key != "id"),
        activity=_activity(f"{where}.activity", options.get("activity"), problems.append),
        object=_object(f"{where}.object", options.get("object"), problems.append),
    )
    for problem in problems:
        tell(problem)
    return entry


_ATTACHING = frozenset({"lists", "programs", "activity", "object"})


def _known(where: str, given: Mapping[Any, Any], options: Mapping[str, Any], tell: Tell) -> Any:
    """The options that are known and of their type."""
    found = {}
    for name, value in given.items():
        if name not in options:
            known = ", ".join(f"`{each}`" for each in options)
            tell(f"`{where}` takes {known}, not `{name}`{hint(str(name), options)}")
            continue
        wanted, meaning = options[name]
        kinds = wanted if isinstance(wanted, tuple) else (wanted,)
        is_other = isinstance(value, bool) and bool not in kinds and object not in kinds
        if not isinstance(value, wanted) or is_other or value in ("", {}, []):
            tell(f"`{where}.{name}` must be {meaning}")
            continue
        found[name] = value
    return found


def _required(where: str, given: Mapping[str, Any], names: Iterable[str], tell: Tell) -> bool:
    missing = [name for name in names if name not in given]
    if missing:
        tell(f"`{where}` needs `{missing[0]}`")
    return not missing


def _choice(where: str, value: str, choices: Iterable[str], tell: Tell) -> bool:
    if value in (known := list(map(str, choices))):
        return True
    tell(f"`{where}` is one of {', '.join(known)}, not `{value}`{hint(value, known)}")
    return False


def _field(where: str, name: str, spec: Any, tell: Tell) -> FieldEntry | None:
    """A field's entry with its short form written out, every option checked."""
    given = {"from": spec} if isinstance(spec, str) else spec
    if not isinstance(given, dict):
        tell(f"`{where}` must be a property's name or an object")
        return None
    problems: list[str] = []
    options = _known(where, given, _FIELD, problems.append)
    if ("from" in given) == ("value" in given):
        problems.append(f"`{where}` needs either `from` or `value`")
    write = options.get("write", str(Write.ALWAYS))
    when_full = options.get("when_full", str(WhenFull.LEAVE))
    good = _choice(f"{where}.write", write, Write, problems.append)
    good &= _choice(f"{where}.when_full", when_full, WhenFull, problems.append)
    if good:
        problems += _not_together(where, options, Write(write))
    if "type" in options:
        _choice(f"{where}.type", options["type"], FIELD_TYPES, problems.append)
    if problems:
        for problem in problems:
            tell(problem)
        return None
    return FieldEntry(
        name=name,
        source=options.get("from"),
        value=options.get("value"),
        write=Write(write),
        group=options.get("group"),
        clear=options.get("clear", False),
        truncate=options.get("truncate", False),
        delimiter=options.get("delimiter", ";"),
        when_full=WhenFull(when_full),
        type=options.get("type"),
    )


def _not_together(where: str, options: Mapping[str, Any], write: Write) -> Iterable[str]:
    """Options that would do nothing beside the others."""
    for name, allowed in (
        ("group", (Write.IF_EMPTY, Write.GREATEST, Write.NEWEST)),
        ("clear", (Write.ALWAYS, Write.NEWEST)),
        ("when_full", (Write.APPEND,)),
    ):
        if options.get(name) and write not in allowed:
            yield f"`{where}.{name}` goes with `write: {allowed[0]}` only"
    for name, other, is_there in (
        ("truncate", f"write: {Write.APPEND}", write is Write.APPEND),
        ("clear", "value", "value" in options),
    ):
        if options.get(name) and is_there:
            yield f"`{where}.{name}` does nothing beside `{other}`; take one out"
    if write is Write.NEWEST and "group" not in options:
        yield f"`{where}` needs a `group` with a `greatest` field: it is written when that one is"


def _lists(where: str, given: list[Any], tell: Tell) -> tuple[str, ...]:
    if not all(
        isinstance(each, str | int) and each is not True and each and str(each).strip()
        for each in given
    ):
        tell(f"`{where}.lists` must be a list of static lists, by name or id")
        return ()
    return tuple(dict.fromkeys(str(each).strip() for each in given))


def _programs(where: str, given: Mapping[Any, Any], tell: Tell) -> dict[str, str]:
    found = _dotted(given)
    for program, status in found.items():
        if not isinstance(status, str) or not status:
            tell(f"`{where}.programs.{program}` must be a member status")
    return {name: status for name, status in found.items() if isinstance(status, str)}


def _only_if(where: str, given: Mapping[Any, Any], tell: Tell) -> dict[str, tuple[Any, ...]]:
    found = {}
    for name, wanted in _dotted(given).items():
        values = wanted if isinstance(wanted, list) else [wanted]
        if not values or any(isinstance(value, dict | list) for value in values):
            tell(f"`{where}.only_if.{name}` must be a value or a list of values")
            continue
        found[name] = tuple(values)
    return found


def _activity(where: str, given: Any, tell: Tell) -> ActivityEntry | None:
    if given is None:
        return None
    problems: list[str] = []
    options = _known(where, given, _ACTIVITY, problems.append)
    since, if_missing = options.get("since", FIRST_RUN), options.get("if_missing", "skip")
    if since not in (FIRST_RUN, EVERYTHING) and not _is_date(since):
        problems.append(f"`{where}.since` must be {FIRST_RUN}, {EVERYTHING} or a date: 2026-01-31")
    _choice(f"{where}.if_missing", if_missing, ["skip"], problems.append)
    primary = _source(f"{where}.primary", options.get("primary", "-"), problems.append)
    attributes = _sources(f"{where}.attributes", options.get("attributes", {}), problems.append)
    if len(attributes) > _MAX_ATTRIBUTES:
        problems.append(f"`{where}.attributes`: Marketo takes {_MAX_ATTRIBUTES} at most")
    good = bool(problems) or _required(where, given, ("type", "once", "date", "primary"), tell)
    once = options.get("once")
    if not problems and good and once not in {each.path for each in attributes.values()}:
        problems.append(
            f"`{where}.attributes` must have one from {once}, which is what `once` says: by it an "
            "activity is recognised"
        )
    for problem in problems:
        tell(problem)
    if problems or not good or primary is None:
        return None
    return ActivityEntry(
        type=str(options["type"]),
        once=options["once"],
        date=options["date"],
        primary=primary,
        since=since,
        skip_if_missing="if_missing" in options,
        attributes=attributes,
    )


def _object(where: str, given: Any, tell: Tell) -> ObjectEntry | None:
    if given is None:
        return None
    problems: list[str] = []
    options = _known(where, given, _OBJECT, problems.append)
    fields = _sources(f"{where}.fields", options.get("fields", {}), problems.append)
    if not problems and _required(where, given, _OBJECT, tell):
        if options["link"] in fields:
            problems.append(
                f"`{where}.link`: the person's id goes there, so take `{options['link']}` out of "
                "`fields`"
            )
        elif options["dedupe"] in fields:
            return ObjectEntry(options["name"], options["dedupe"], options["link"], fields)
        else:
            near = hint(options["dedupe"], fields)
            problems.append(f"`{where}.dedupe` must be one of its `fields`{near}")
    for problem in problems:
        tell(problem)
    return None


def _sources(where: str, given: Mapping[Any, Any], tell: Tell) -> dict[str, Source]:
    found = {}
    for name, spec in given.items():
        if not _API_NAME.fullmatch(str(name)):
            tell(f"`{where}.{name}`: an API name has letters, digits and underscores only")
            continue
        source = _source(f"{where}.{name}", spec, tell)
        if source is not None:
            found[str(name)] = source
    return found


def _source(where: str, spec: Any, tell: Tell) -> Source | None:
    given = {"from": spec} if isinstance(spec, str) else spec
    if not isinstance(given, dict):
        tell(f"`{where}` must be a property's name, or {{from, otherwise, type}}")
        return None
    problems: list[str] = []
    options = _known(where, given, _SOURCE, problems.append)
    if "type" in options:
        _choice(f"{where}.type", options["type"], ATTRIBUTE_TYPES, problems.append)
    if problems or not _required(where, options, ["from"], problems.append):
        for problem in problems:
            tell(problem)
        return None
    return Source(options["from"], options.get("otherwise"), options.get("type"))


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
