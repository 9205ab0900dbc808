"""What belongs to people: a list, a status in a program, a custom object for each record.

Each record of a stream puts its person into one list, gives a status that goes by the stream, and
makes an object that names the record. So what Marketo must hold in the end is known without the
target, and so is what it must hold when a STATE is written.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.faults.kinds import Finding, Kind
from tests.faults.people import STREAMS, serial_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.kinds import Logged
    from tests.faults.people import Lead, People, Record
    from tests.faults.scheduler import Evidence
    from tests.sandbox.marketo.client import MarketoSandbox
    from tests.sandbox.marketo.counts import JournalEntry

LIST, PROGRAM, OBJECT = "Guests", "LiveChat", "record_c"
STATUSES = dict(zip(STREAMS, ("Chatted", "Engaged"), strict=True))
CLOCKS_AGREE_SECONDS = 0.005
WRITES = ("add_to_list", "member_status", "sync_objects")
KINDS = dict(zip(WRITES, (Kind.LISTS, Kind.STATUS, Kind.OBJECTS), strict=True))

OPTIONS: dict[str, Any] = {
    "static_lists": [{"name": LIST}],
    "programs": [{"name": PROGRAM, "channel": "Live Chat"}],
    "custom_objects": [
        {
            "name": OBJECT,
            "fields": [
                {"name": "serial", "dedupe": True},
                {"name": "leadId", "links_to": "id"},
                {"name": "name"},
            ],
        }
    ],
}


def without_field() -> dict[str, Any]:
    """The options once somebody has deleted the object's name."""
    (thing,) = OPTIONS["custom_objects"]
    left = [each for each in thing["fields"] if each["name"] != "name"]
    return {"custom_objects": [thing | {"fields": left}]}


def attach(streams: dict[str, Any]) -> dict[str, Any]:
    """The target's `streams` with all of this."""
    thing = {
        "name": OBJECT,
        "dedupe": "serial",
        "link": "leadId",
        "fields": {"serial": "serial", "name": "first_name"},
    }
    return {
        stream: {
            **entry,
            "lists": [LIST],
            "programs": {PROGRAM: STATUSES[stream]},
            "object": thing,
        }
        for stream, entry in streams.items()
    }


@dataclass
class Attached:
    """What Marketo holds of it after a round, and when rows of it were written."""

    members: list[int] = field(default_factory=list)
    statuses: dict[int, str] = field(default_factory=dict)
    objects: list[dict[str, Any]] = field(default_factory=list)
    journal: list[JournalEntry] = field(default_factory=list)

    @classmethod
    def of(cls, marketo: MarketoSandbox, journal: list[JournalEntry]) -> Attached:
        return cls(
            marketo.list_members(LIST),
            marketo.program_members(PROGRAM),
            marketo.custom_objects(OBJECT),
            [entry for entry in journal if entry.kind in WRITES and entry.applied],
        )


def violations(
    attached: Attached, people: People, evidence: Evidence, leads: list[Lead], logged: Logged
) -> Iterator[Finding]:
    """What is missing, there twice, somebody else's, went back, or came after its STATE."""
    emails = {int(lead["id"]): str(lead["email"]).lower() for lead in leads}
    ids: defaultdict[str, list[int]] = defaultdict(list)
    for lead, email in emails.items():
        ids[email].append(lead)
    refused = logged.get(Kind.PEOPLE.part, set())
    records = [each for each in people.records if each.key and each.serial not in refused]
    if evidence.done:
        yield from _missing(attached, records, ids, logged)
    yield from _twice(attached)
    yield from _somebody_elses(attached, records, emails)
    yield from _states_ahead(attached, records, ids, evidence)


def _missing(
    attached: Attached, records: list[Record], ids: dict[str, list[int]], logged: Logged
) -> Iterator[Finding]:
    for kind, missing in (
        (Kind.LISTS, _not_listed),
        (Kind.STATUS, _not_so_far),
        (Kind.OBJECTS, _no_object),
    ):
        refused = logged.get(kind.part, set())
        by_key: defaultdict[str, list[Record]] = defaultdict(list)
        for record in records:
            if record.serial not in refused:
                by_key[record.key].append(record)
        for key, mine in by_key.items():
            for sentence in missing(attached, mine, ids.get(key) or [0]):
                yield Finding(kind, sentence, "lost")


def _not_listed(attached: Attached, records: list[Record], leads: list[int]) -> Iterator[str]:
    if not set(attached.members).intersection(leads):
        yield f"the person of record {records[-1].serial} is not in the list"


def _not_so_far(attached: Attached, records: list[Record], leads: list[int]) -> Iterator[str]:
    wanted = STATUSES[max((record.stream for record in records), key=STREAMS.index)]
    reached = [attached.statuses.get(lead) for lead in leads]
    if wanted not in reached:
        yield f"the person of record {records[-1].serial} has {reached}, not {wanted}"


def _no_object(attached: Attached, records: list[Record], _: list[int]) -> Iterator[str]:
    there = {str(each["serial"]) for each in attached.objects}
    for record in records:
        if str(record.serial) not in there:
            yield f"the object of record {record.serial} is missing"


def _twice(attached: Attached) -> Iterator[Finding]:
    for lead, count in Counter(attached.members).items():
        if count > 1:
            yield Finding(Kind.LISTS, f"lead {lead} is in the list {count} times", "twice")
    for serial, count in Counter(str(each["serial"]) for each in attached.objects).items():
        if count > 1:
            sentence = f"the object of record {serial} is there {count} times"
            yield Finding(Kind.OBJECTS, sentence, "twice")


def _somebody_elses(
    attached: Attached, records: list[Record], emails: dict[int, str]
) -> Iterator[Finding]:
    senders = {str(each.serial): each.key for each in records}
    keys = set(senders.values())
    for kind, leads in ((Kind.LISTS, attached.members), (Kind.STATUS, attached.statuses)):
        for lead in leads:
            if emails.get(lead, "") not in keys:
                yield Finding(kind, f"lead {lead} is a member whom nobody sent ({kind})")
    for thing in attached.objects:
        lead, serial = int(thing["linked"]["leadId"]), str(thing["serial"])
        if senders.get(serial, "") != emails.get(lead):
            sentence = f"the object of record {serial} belongs to somebody else"
            yield Finding(Kind.OBJECTS, sentence)
        if str(serial_of(thing.get("name"))) != serial:
            yield Finding(Kind.OBJECTS, f"the object of record {serial} is another's")


def _states_ahead(
    attached: Attached, records: list[Record], ids: dict[str, list[int]], evidence: Evidence
) -> Iterator[Finding]:
    first = _first_written(attached.journal)
    logged = {kind: evidence.logged_at(kind.part) for kind in KINDS.values()}

    def since(call: str, record: Record) -> float:
        """When the record could no longer be lost to this kind."""
        kind = KINDS[call]
        about = [record.serial] if kind is Kind.OBJECTS else ids.get(record.key, [])
        times = [first[call, each] for each in about if (call, each) in first]
        return min([*times, logged[kind].get(record.serial, math.inf)], default=math.inf)

    for number, attempt in enumerate(evidence.attempts, 1):
        covered = attempt.start
        for at, position in attempt.states:
            for record in records:
                if covered <= record.serial < position:
                    for call, kind in KINDS.items():
                        if since(call, record) > at + CLOCKS_AGREE_SECONDS:
                            sentence = f"STATE {position} passed the {kind} of record"
                            yield Finding(kind, f"attempt {number}: {sentence} {record.serial}")
            covered = max(covered, position)


def _first_written(journal: list[JournalEntry]) -> dict[tuple[str, int], float]:
    """When a lead, or the object of a record, was first there."""
    first: dict[tuple[str, int], float] = {}
    for entry in sorted(journal, key=lambda each: each.applied):
        for row in entry.rows:
            if row.status == "skipped" and "1037" not in row.codes:
                continue
            values = row.values or {}
            about = values.get("serial", values.get("id"))
            if about is not None:
                first.setdefault((entry.kind, int(about)), entry.applied)
    return first
