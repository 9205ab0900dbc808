"""`marketo-ops explain`: for each person what came, what Marketo holds, and why what is written.

Reads only: a description of the fields once a day, and one lookup for up to 300 people (and one by
address, where that is not their key). What is decided is decided by `mapping.rules`; here it gets
its words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from target_marketo import assembly
from target_marketo.mapping import identity
from target_marketo.mapping.refusals import Refusal
from target_marketo.mapping.rules import Decision, Write, chosen, decide
from target_marketo.mapping.values import AsOf, is_empty, same
from target_marketo.marketo.call import MAX_ROWS
from target_marketo.ops.errors import OpsError
from target_marketo.ops.explain.people import People
from target_marketo.privacy import mask
from target_marketo.store.cache import Cache
from target_marketo.writes.described import Described

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from target_marketo.mapping.attachments import Attachment
    from target_marketo.mapping.mapper import Mapper
    from target_marketo.mapping.plan import StreamPlan
    from target_marketo.mapping.rules import Duplicates, Rule, Step
    from target_marketo.mapping.values import Value
    from target_marketo.marketo.client import Marketo
    from target_marketo.ops.explain.people import Person
    from target_marketo.settings import Settings
    from target_marketo.store.database import Database


_NOTHING = "the record has no value"
_ANOTHER = "another record of the input says otherwise"


@dataclass(frozen=True)
class FieldLine:
    """One field. `outcome` is written, kept, the same, left out, or empty: nothing came."""

    stream: str
    field: str
    incoming: Any
    in_marketo: Any
    rule: str
    outcome: str
    why: str


@dataclass(frozen=True)
class Sent:
    """What would be sent besides the person: `values` are what its row would hold."""

    stream: str
    kind: str
    target: str
    values: dict[str, Any]


@dataclass
class Explained:
    """One person; `verdict` is create, update, leave or refuse, and `why` says more of it.

    With `duplicates: all` there is one of these for each that shares the key.
    """

    key: str
    verdict: str
    why: str = ""
    lead_id: int | None = None
    lines: list[FieldLine] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class Explanation:
    """All people who were asked for, and what asking has cost."""

    people: list[Explained]
    records: int
    without_key: int
    notes: list[str]
    marketo_calls: int


def explain(
    settings: Settings,
    database: Database,
    lines: Iterable[bytes],
    *,
    address: str = "",
    limit: int | None = None,
) -> Explanation:
    """Explains the person with this address, or the first `limit` people of the input.

    Raises:
        OpsError: The input is no tap's, or has nobody with this address.
        SettingError, MarketoError, GovernorError, StoreError: As for a run.
    """
    marketo = assembly.marketo(settings, database)
    mapper = Described(settings, marketo.leads, Cache(database)).mapper()
    people = People(mapper, address=address, limit=limit)
    people.read(lines)
    if address and not len(people):
        raise OpsError(
            f"none of the {people.records} records of the input is about {mask(address)}"
        )
    _look_up(marketo, people, settings.duplicates)
    told = [each for person in people for each in _explained(person, mapper, settings.duplicates)]
    return Explanation(told, people.records, people.without_key, people.notes, marketo.calls.total)


def _look_up(marketo: Marketo, people: People, duplicates: Duplicates) -> None:
    """Fills in what Marketo holds: also of fields that no rule needs to know, for people to see."""
    fields: dict[str, set[str]] = {}
    for plan in people.plans:
        wanted = fields.setdefault(plan.key, {"id", plan.key})
        wanted |= {*plan.lookup_fields, *(rule.field for rule in plan.rules.all)}
    for key_field, names in fields.items():
        persons = [
            each for each in people if each.entry.person[0] == key_field and each.entry.steps
        ]
        for start in range(0, len(persons), MAX_ROWS):
            batch = persons[start : start + MAX_ROWS]
            found = marketo.leads.lookup(
                key_field, [each.entry.key for each in batch], sorted(names)
            )
            for person in batch:
                entry = person.entry
                entry.leads = _having(found, key_field, entry.person[1])
                if key_field != identity.EMAIL:
                    entry.address = identity.address_at_stake(entry.steps, entry.leads, duplicates)
            _look_up_addresses(marketo, [each for each in batch if each.entry.address], names)


def _look_up_addresses(marketo: Marketo, persons: list[Person], names: set[str]) -> None:
    """Who has the addresses that these people would get."""
    if not persons:
        return
    addresses = [each.entry.address for each in persons]
    found = marketo.leads.lookup(identity.EMAIL, addresses, sorted(names))
    for person in persons:
        entry = person.entry
        key_field, key = entry.person
        others = _having(found, identity.EMAIL, entry.address)
        known = person.by_address = identity.known(key_field, entry.leads or (), others, key)
        entry.leads = [dict(lead) for lead in known.leads]


def _having(leads: Iterable[dict[str, Any]], field: str, value: str) -> list[dict[str, Any]]:
    return [lead for lead in leads if str(lead.get(field, "")).lower() == value]


def _explained(person: Person, mapper: Mapper, duplicates: Duplicates) -> list[Explained]:
    """One for each person in Marketo whom it is about; nearly always there is one or none."""
    entry = person.entry
    refused = [f"{code.code}: {code.reason}" for _, code in person.refused]
    notes = [
        f"{count} x {stream}: skipped, {why}" for (stream, why), count in person.skipped.items()
    ]
    if not entry.steps:
        verdict = "refuse" if refused else "leave"
        return [Explained(entry.key, verdict, "; ".join(dict.fromkeys(refused)), notes=notes)]
    notes += [f"a record would be refused: {each}" for each in dict.fromkeys(refused)]
    if person.by_address and person.by_address.conflict:
        return [Explained(entry.key, "refuse", _told(Refusal.KEY_CONFLICT), notes=notes)]
    if person.by_address and person.by_address.adopts:
        notes.append(f"found by the address, and gets the key `{entry.person[0]}`")
    leads = entry.leads or []
    decision = decide(entry.steps, leads, duplicates)
    if len(leads) > 1:
        notes.append(f"{len(leads)} people share the key: `duplicates` is {duplicates}")
    if decision.too_many or decision.nobody or decision.create is not None:
        return [_one(person, mapper, decision, None, notes)]
    return [
        _one(person, mapper, decide(entry.steps, [lead]), lead, notes)
        for lead in chosen(leads, duplicates)
    ]


def _told(code: Refusal) -> str:
    return f"{code}: {code.meaning}"


def _one(
    person: Person,
    mapper: Mapper,
    decision: Decision,
    lead: Mapping[str, Any] | None,
    notes: Sequence[str],
) -> Explained:
    key = person.entry.key
    if decision.too_many:
        why = f"{decision.too_many} people share the key, and `duplicates` is reject"
        return Explained(key, "refuse", why, notes=list(notes))
    if decision.nobody and person.entry.person[0] == identity.ID:
        return Explained(key, "refuse", _told(Refusal.UNKNOWN_ID), notes=list(notes))
    if decision.nobody:
        why = "nobody has this key, and the stream creates nobody (`create: false`)"
        return Explained(key, "leave", why, notes=list(notes))
    written = dict(decision.create or {})
    for update in decision.updates:
        written |= update.values
    creates = decision.create is not None
    lead_id = None if lead is None else int(lead["id"])
    unfit = mapper.check({**({} if lead_id is None else {"id": lead_id}), **written})
    verdict = "create" if creates else "update" if written else "leave"
    why = "" if unfit is None else f"{unfit.code}, field {unfit.field}: {unfit.reason}"
    return Explained(
        key,
        "refuse" if unfit else verdict,
        why,
        lead_id,
        [
            line
            for step, plan in zip(person.entry.steps, person.plans, strict=True)
            for line in _lines(person, plan, step, written, lead)
        ],
        [] if unfit else [_sent(stream, each) for stream, each in person.attachments],
        list(notes),
    )


def _lines(
    person: Person,
    plan: StreamPlan,
    step: Step,
    written: Mapping[str, Value],
    lead: Mapping[str, Any] | None,
) -> Iterable[FieldLine]:
    unfit = {
        name: each for (stream, name), each in person.left_out.items() if stream == plan.stream
    }
    for rule in step.rules.all:
        name = rule.field
        shown = _shown(step.values.get(name))
        if name in unfit:
            outcome, why = "left out", unfit[name].reason
            shown = _shown(person.incoming.get((plan.stream, name)))
        else:
            outcome, why = _outcome(rule, step, written, lead)
        held = None if lead is None else lead.get(name)
        told = f"{rule.write}, {rule.group}" if rule.group else str(rule.write)
        yield FieldLine(plan.stream, name, shown, held, told, outcome, why)
    for name, each in unfit.items():  # of attachments
        if "." in name:
            yield FieldLine(plan.stream, name, None, None, "", "left out", each.reason)


def _outcome(
    rule: Rule, step: Step, written: Mapping[str, Value], lead: Mapping[str, Any] | None
) -> tuple[str, str]:
    name = rule.field
    if name not in step.values:
        return "", _NOTHING
    value = step.values[name]
    if name in written and (
        rule.write is Write.APPEND or same(rule.kind, _plain(value), written[name])
    ):
        return "written", "a new person" if lead is None else _WRITTEN[rule.write](rule, step, lead)
    held = None if lead is None else lead.get(name)
    if lead is not None and same(rule.kind, _plain(value), held):
        return "the same", "Marketo has it already"
    if lead is None:
        return ("", _NOTHING) if is_empty(_plain(value)) else ("kept", _ANOTHER)
    return "kept", _KEPT[rule.write](rule, step, lead)


def _filled(rule: Rule, step: Step, lead: Mapping[str, Any]) -> str:
    """Which field stands in the way of one that is written only where there is none."""
    names = [each.field for each in step.rules.all if rule.group and each.group == rule.group]
    filled = (name for name in (rule.field, *names) if not is_empty(lead.get(name)))
    name = next(filled, None)
    return f"{name} is filled already" if name else "an earlier record fills it"


def _leader(rule: Rule, step: Step) -> str:
    return next(
        each.leader.field for each in step.rules.newest if rule in (each.leader, *each.followers)
    )


def _list(rule: Rule, step: Step, lead: Mapping[str, Any]) -> str:
    held = str(lead.get(rule.field) or "").split(rule.delimiter)
    value = step.values[rule.field]
    items = value if isinstance(value, tuple) else (value,)
    lacking = any(str(item).strip() not in map(str.strip, held) for item in items)
    return "the list is full" if lacking else "in the list already"


def _empty_or(words: str) -> Callable[[Rule, Step, Mapping[str, Any]], str]:
    return lambda rule, _, lead: "empty in Marketo" if is_empty(lead.get(rule.field)) else words


# In words why a field is written to a person who is there, and why it is not: by its rule.
_WRITTEN: dict[Write, Callable[[Rule, Step, Mapping[str, Any]], str]] = {
    Write.ALWAYS: _empty_or("differs"),
    Write.IF_EMPTY: lambda rule, _, __: (
        f"all of {rule.group} is empty" if rule.group else "empty in Marketo"
    ),
    Write.ON_CREATE: lambda _, __, ___: "a new person",
    Write.GREATEST: _empty_or("greater than Marketo's"),
    Write.LEAST: _empty_or("smaller than Marketo's"),
    Write.APPEND: lambda _, __, ___: "not in the list yet",
    Write.NEWEST: lambda rule, step, _: f"{_leader(rule, step)} is newer",
}
_KEPT: dict[Write, Callable[[Rule, Step, Mapping[str, Any]], str]] = {
    Write.ALWAYS: lambda _, __, ___: _ANOTHER,
    Write.IF_EMPTY: _filled,
    Write.ON_CREATE: lambda _, __, ___: "the person is there already",
    Write.GREATEST: lambda _, __, ___: "Marketo's is greater",
    Write.LEAST: lambda _, __, ___: "Marketo's is smaller",
    Write.APPEND: _list,
    Write.NEWEST: lambda rule, step, _: f"{_leader(rule, step)} is not newer",
}


def _plain(value: Value) -> Value:
    return value.value if isinstance(value, AsOf) else value


def _shown(value: Any) -> Any:
    plain = _plain(value)
    return list(plain) if isinstance(plain, tuple) else plain


def _sent(stream: str, attachment: Attachment) -> Sent:
    lane = attachment.lane
    facts = {"once": attachment.once, "at": attachment.at, "primary": attachment.primary}
    values = {name: value for name, value in facts.items() if value} | dict(attachment.values)
    return Sent(stream, str(lane.kind), ": ".join(lane.key), values)
