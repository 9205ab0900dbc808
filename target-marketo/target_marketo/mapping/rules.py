"""The decision model: what may be written to a person, field by field. Pure.

Records of one person are applied in the order in which they came, each by its stream's rules, to
what Marketo holds. The difference between before and after is what is written. `fold` may join two
records of a stream beforehand: that has the effect that applying both has.

| write     | a value that the record brings is written when                  |
|-----------|-----------------------------------------------------------------|
| always    | it differs                                                      |
| if_empty  | Marketo has none; in a group, when Marketo has none of the group|
| on_create | the record is the one that creates the person                   |
| greatest  | it is greater than Marketo's, or Marketo has none               |
| least     | it is smaller than Marketo's, or Marketo has none               |
| append    | the delimited list in Marketo lacks it                          |
| newest    | the `greatest` field of its group is written                    |

A record that brings no value for a field leaves the field alone. `None` is a value only for fields
with `clear`, and empties the field.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from target_marketo.mapping.values import AsOf, Kind, comparable, is_empty, same

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from target_marketo.mapping.texts import Limit
    from target_marketo.mapping.values import Value, Values

Person: TypeAlias = "dict[str, Value]"


class Write(StrEnum):
    """When a field may be written; see the module's table."""

    ALWAYS = "always"
    IF_EMPTY = "if_empty"
    ON_CREATE = "on_create"
    GREATEST = "greatest"
    LEAST = "least"
    APPEND = "append"
    NEWEST = "newest"


class WhenFull(StrEnum):
    """What gives way when an item does not fit into a list any more."""

    LEAVE = "leave"  # the item
    DROP_OLDEST = "drop_oldest"


class Duplicates(StrEnum):
    """Which of several people with the same key is written; ids grow with time."""

    NEWEST = "newest"
    OLDEST = "oldest"
    ALL = "all"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Rule:
    """May this field be written? `group` names the fields decided as one with it.

    `constant` tells a value that the user wrote into the mapping from one that a record brings.
    """

    field: str
    write: Write
    kind: Kind = Kind.TEXT
    group: str | None = None
    delimiter: str = ";"
    limit: Limit | None = None  # of a delimited list
    when_full: WhenFull = WhenFull.LEAVE
    constant: bool = False


@dataclass(frozen=True, slots=True)
class Newest:
    """Fields that are written together with the one that tells how new they are."""

    leader: Rule
    followers: tuple[Rule, ...]


@dataclass(frozen=True)
class Rules:
    """The rules of one stream; `creates` is false where its records make nobody."""

    all: tuple[Rule, ...]
    creates: bool = True
    changing: frozenset[str] = field(init=False)  # fields that may change of who is there already
    alone: tuple[Rule, ...] = field(init=False)
    lists: tuple[Rule, ...] = field(init=False)  # those that append
    groups: tuple[tuple[Rule, ...], ...] = field(init=False)  # of if_empty
    newest: tuple[Newest, ...] = field(init=False)

    def __post_init__(self) -> None:
        names = dict.fromkeys(rule.group for rule in self.all if rule.group)
        grouped = [tuple(rule for rule in self.all if rule.group == name) for name in names]
        changing = frozenset(r.field for r in self.all if r.write is not Write.ON_CREATE)
        appending = tuple(rule for rule in self.all if rule.write is Write.APPEND)
        object.__setattr__(self, "changing", changing)
        object.__setattr__(self, "alone", tuple(rule for rule in self.all if not rule.group))
        object.__setattr__(self, "lists", appending)
        object.__setattr__(self, "groups", tuple(each for each in grouped if not _led(each)))
        newest = tuple(_as_newest(each) for each in grouped if _led(each))
        object.__setattr__(self, "newest", newest)


def _led(group: Sequence[Rule]) -> bool:
    return any(rule.write is Write.GREATEST for rule in group)


def _as_newest(group: Sequence[Rule]) -> Newest:
    (leader,) = (rule for rule in group if rule.write is Write.GREATEST)
    return Newest(leader, tuple(rule for rule in group if rule is not leader))


class Step(msgspec.Struct, frozen=True, gc=False):
    """What one record, or several folded ones of a stream, say of a person."""

    rules: Rules
    values: Values


class Update(msgspec.Struct, frozen=True, gc=False):
    """The fields that change of the person with this Marketo id."""

    lead_id: int
    values: Values


class Decision(msgspec.Struct, frozen=True, gc=False):
    """What is done about a person: at most one of create, updates, too_many and nobody is set.

    `kept` names the fields where the record brought another value and Marketo's stays. `nobody` is
    true where none is there and no step may create one. `twins` is how many people share the key,
    where several do.
    """

    create: Values | None = None
    updates: tuple[Update, ...] = ()
    too_many: int = 0
    kept: tuple[str, ...] = ()
    nobody: bool = False
    twins: int = 0


def _beats(rule: Rule, value: Value, current: Value) -> bool:
    if is_empty(current):
        return True
    try:
        new, old = comparable(rule.kind, value), comparable(rule.kind, current)
    except ValueError:
        return False  # what cannot be compared is not overwritten
    return bool(new > old if rule.write is Write.GREATEST else new < old)


def _items(rule: Rule, value: Value) -> tuple[str, ...]:
    """The items of a delimited list, in order."""
    parts = value if isinstance(value, tuple) else (str(value or ""),)
    # A record's item may hold the delimiter: once it is in Marketo, that parts it.
    found = (item.strip() for part in parts for item in part.split(rule.delimiter))
    return tuple(item for item in found if item)


def _appended(rule: Rule, value: Value, current: Value) -> Value:
    held = dict.fromkeys(_items(rule, current))
    before = tuple(held)
    lacking = [item for item in _items(rule, value) if item not in held]
    joined = rule.delimiter.join(held | dict.fromkeys(lacking)) if lacking else current
    if not lacking or rule.limit is None or rule.limit.fits(str(joined)):
        return joined
    for item in _items(rule, value):
        if item not in held and rule.limit.fits(item):
            held[item] = None
            while len(held) > 1 and not rule.limit.fits(rule.delimiter.join(held)):
                if rule.when_full is WhenFull.LEAVE:
                    del held[item]
                    break
                del held[next(iter(held))]
    return current if tuple(held) == before else rule.delimiter.join(held)


def _together(rule: Rule, earlier: Value, later: Value) -> Value:
    both = _items(rule, earlier) + _items(rule, later)
    # An item that the list drops in between is a new one when it comes again.
    return both if rule.when_full is WhenFull.DROP_OLDEST else tuple(dict.fromkeys(both))


def _better(rule: Rule, value: Value, current: Value) -> Value:
    return value if _beats(rule, value, current) else current


# What a field holds after a record: (rule, the record's value, Marketo's, created just now?).
_AFTER: dict[Write, Callable[[Rule, Value, Value, bool], Value]] = {
    Write.ALWAYS: lambda _, value, __, ___: value,
    Write.IF_EMPTY: lambda _, value, current, __: value if is_empty(current) else current,
    Write.ON_CREATE: lambda _, value, current, new: value if new else current,
    Write.GREATEST: lambda rule, value, current, _: _better(rule, value, current),
    Write.LEAST: lambda rule, value, current, _: _better(rule, value, current),
    Write.APPEND: lambda rule, value, current, _: _appended(rule, value, current),
}
# What an earlier and a later record of one person say together: (rule, earlier, later).
_TOGETHER: dict[Write, Callable[[Rule, Value, Value], Value]] = {
    Write.ALWAYS: lambda _, __, later: later,
    Write.IF_EMPTY: lambda _, earlier, __: earlier,
    Write.ON_CREATE: lambda _, earlier, __: earlier,
    Write.GREATEST: lambda rule, earlier, later: _better(rule, later, earlier),
    Write.LEAST: lambda rule, earlier, later: _better(rule, later, earlier),
    Write.APPEND: _together,
}


def fold(rules: Rules, earlier: Values, later: Values) -> dict[str, Value]:
    """Two records of one stream and person as one that has the same effect."""
    folded: dict[str, Value] = dict(earlier)
    for rule in rules.alone:
        name = rule.field
        if name in later and name in folded:
            folded[name] = _TOGETHER[rule.write](rule, folded[name], later[name])
        elif name in later and rule.write is not Write.ON_CREATE:
            # on_create: by the time the later record is applied the person exists.
            folded[name] = later[name]
    for group in rules.groups:
        if not any(rule.field in folded for rule in group):
            folded |= {rule.field: later[rule.field] for rule in group if rule.field in later}
    for newest in rules.newest:
        _fold_newest(newest, folded, later)
    return folded


def _fold_newest(newest: Newest, folded: dict[str, Value], later: Values) -> None:
    """The later record counts if its leader is greater than all before it: so in Marketo, too.

    What an earlier one said and the later one does not goes on counting as of its own time.
    """
    leader = newest.leader
    new, old = later.get(leader.field), folded.get(leader.field)
    if new is None or not _beats(leader, new, old):
        return
    for rule in newest.followers:
        name = rule.field
        if name in later:
            folded[name] = later[name]
        elif name in folded and not isinstance(folded[name], AsOf):
            folded[name] = AsOf(old, folded[name])
    folded[leader.field] = new


# A list that has the item keeps nothing back; what only a creation writes is not even looked up.
_NEVER_KEPT = frozenset({Write.APPEND, Write.ON_CREATE})


def apply(step: Step, person: Person, *, new: bool) -> list[str]:
    """Writes what the rules allow into `person` and returns the fields that kept another value."""
    kept = []
    for rule in step.rules.alone:
        if rule.field in step.values:
            value, current = step.values[rule.field], person.get(rule.field)
            after = _AFTER[rule.write](rule, value, current, new)
            if after is not current:
                person[rule.field] = after
            elif rule.write not in _NEVER_KEPT and not same(rule.kind, value, current):
                kept.append(rule.field)
    for group in step.rules.groups:
        brought = [rule for rule in group if rule.field in step.values]
        if all(is_empty(person.get(rule.field)) for rule in group):
            person |= {rule.field: step.values[rule.field] for rule in brought}
        else:
            kept += [
                rule.field
                for rule in brought
                if not same(rule.kind, step.values[rule.field], person.get(rule.field))
            ]
    for newest in step.rules.newest:
        kept += _apply_newest(newest, step.values, person)
    return kept


def _apply_newest(newest: Newest, values: Values, person: Person) -> list[str]:
    leader = newest.leader
    brought, held = values.get(leader.field), person.get(leader.field)
    if brought is None:
        return []
    kept = []
    for rule in newest.followers:
        if rule.field not in values:
            continue
        said = values[rule.field]
        value, at = (said.value, said.at) if isinstance(said, AsOf) else (said, brought)
        if _beats(leader, at, held):
            person[rule.field] = value
        elif not same(rule.kind, value, person.get(rule.field)):
            kept.append(rule.field)
    if _beats(leader, brought, held):
        person[leader.field] = brought
    elif not same(leader.kind, brought, held):
        kept.append(leader.field)
    return kept


def _changes(steps: Sequence[Step], lead: Mapping[str, Any]) -> tuple[dict[str, Value], list[str]]:
    person: Person = dict(lead)
    kept = [name for step in steps for name in apply(step, person, new=False)]
    kinds = {rule.field: rule.kind for step in steps for rule in step.rules.all}
    changed = {
        name: person[name]
        for name, kind in kinds.items()
        if name in person and not same(kind, person[name], lead.get(name))
    }
    return changed, kept


def chosen(leads: Sequence[Mapping[str, Any]], policy: Duplicates) -> Iterable[Mapping[str, Any]]:
    """Those of several people with one key who are written."""
    match policy:
        case Duplicates.NEWEST:
            return [max(leads, key=lambda lead: int(lead["id"]))]
        case Duplicates.OLDEST:
            return [min(leads, key=lambda lead: int(lead["id"]))]
        case _:
            return leads


def _created(steps: Sequence[Step], first: Step) -> Decision:
    # To a person who is not there yet the first step brings all its values: none has a rival.
    person: Person = dict(first.values)
    for rule in first.rules.lists:
        if rule.field in person:
            person[rule.field] = _appended(rule, person[rule.field], None)
    for newest in first.rules.newest:
        for rule in newest.followers:
            value = person.get(rule.field)
            if isinstance(value, AsOf):
                person[rule.field] = value.value
    kept: list[str] = []
    for step in steps:
        if step is not first:
            kept += apply(step, person, new=False)
    if not all(person.values()):
        person = {name: value for name, value in person.items() if not is_empty(value)}
    return Decision(create=person, kept=tuple(kept))


def decide(
    steps: Sequence[Step],
    leads: Sequence[Mapping[str, Any]],
    duplicates: Duplicates = Duplicates.NEWEST,
) -> Decision:
    """Compares what the records say with what Marketo holds.

    Args:
        steps: What is known of one person, oldest first.
        leads: The people whom Marketo found for the key: none, one, or several. Each has its `id`
            and every field that a rule needs.
        duplicates: Whom to write when there are several.
    """
    if not leads:
        # Steps that create nobody wait for one that does.
        for step in steps:
            if step.rules.creates:
                return _created(steps, step)
        return Decision(nobody=True)
    if len(leads) > 1 and duplicates is Duplicates.REJECT:
        return Decision(too_many=len(leads), twins=len(leads))
    updates = []
    kept = []
    for lead in chosen(leads, duplicates):
        changed, stayed = _changes(steps, lead)
        kept += stayed
        if changed:
            updates.append(Update(int(lead["id"]), changed))
    twins = len(leads) if len(leads) > 1 else 0
    return Decision(updates=tuple(updates), kept=tuple(kept), twins=twins)
