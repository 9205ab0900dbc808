"""`marketo-ops explain`: for each person what came, what Marketo holds, and why what is written.

Reads only: a description of the fields and of what goes beside people once a day, and one lookup
for up to 300 people (and one by address, where that is not their key).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from target_marketo import assembly
from target_marketo.mapping import identity
from target_marketo.mapping.refusals import Refusal
from target_marketo.mapping.rules import Decision, chosen, decide
from target_marketo.marketo.call import MAX_ROWS
from target_marketo.ops.errors import OpsError
from target_marketo.ops.explain import words
from target_marketo.ops.explain.attached import Attached
from target_marketo.ops.explain.people import People
from target_marketo.privacy import mask
from target_marketo.store.cache import Cache
from target_marketo.writes.described import Described

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from target_marketo.mapping.attachments import Attachment
    from target_marketo.mapping.mapper import Mapper
    from target_marketo.mapping.plan import StreamPlan
    from target_marketo.mapping.rules import Duplicates, Step
    from target_marketo.mapping.values import Value
    from target_marketo.marketo.client import Marketo
    from target_marketo.ops.explain.people import Person
    from target_marketo.settings import Settings
    from target_marketo.store.database import Database


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
    """What goes beside the person: `values` are what its row would hold.

    `outcome` is written, the same, or left out, and `why` says more of the last two.
    """

    stream: str
    kind: str
    target: str
    values: dict[str, Any]
    outcome: str
    why: str


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
    telling = _Telling(mapper, settings.duplicates, Attached(settings, marketo, database))
    told = [each for person in people for each in telling.of(person)]
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


@dataclass(frozen=True)
class _Telling:
    """What is known of all people alike."""

    mapper: Mapper
    duplicates: Duplicates
    attached: Attached

    def of(self, person: Person) -> list[Explained]:
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
        decision = decide(entry.steps, leads, self.duplicates)
        if len(leads) > 1:
            notes.append(f"{len(leads)} people share the key: `duplicates` is {self.duplicates}")
        if decision.too_many or decision.nobody or decision.create is not None:
            return [self._one(person, decision, None, notes)]
        return [
            self._one(person, decide(entry.steps, [lead]), lead, notes)
            for lead in chosen(leads, self.duplicates)
        ]

    def _one(
        self,
        person: Person,
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
        unfit = self.mapper.check([{**({} if lead_id is None else {"id": lead_id}), **written}])
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
            [] if unfit else [self._sent(stream, each) for stream, each in person.attachments],
            list(notes),
        )

    def _sent(self, stream: str, attachment: Attachment) -> Sent:
        lane = attachment.lane
        facts = {"once": attachment.once, "at": attachment.at, "primary": attachment.primary}
        values = {name: value for name, value in facts.items() if value} | dict(attachment.values)
        return Sent(stream, str(lane.kind), str(lane), values, *self.attached.fate(attachment))


def _told(code: Refusal) -> str:
    return f"{code}: {code.meaning}"


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
            outcome, why = words.outcome(rule, step, written, lead)
        held = None if lead is None else lead.get(name)
        told = f"{rule.write}, {rule.group}" if rule.group else str(rule.write)
        yield FieldLine(plan.stream, name, shown, held, told, outcome, why)
    for name, each in unfit.items():  # of attachments
        if "." in name:
            yield FieldLine(plan.stream, name, None, None, "", "left out", each.reason)


def _shown(value: Any) -> Any:
    plain = words.plain_value(value)
    return list(plain) if isinstance(plain, tuple) else plain
