"""What belongs to people: a list, a status in a program, a custom object for each record.

Each record of a stream puts its person into one list, gives a status that goes by the stream, and
makes an object that names the record. So what Marketo must hold in the end is known without the
target, and so is what it must hold when a STATE is written.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.faults.people import STREAMS, serial_of, streams_setting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.faults.people import Lead, People, Record
    from tests.faults.scheduler import Evidence
    from tests.sandbox.marketo.client import MarketoSandbox
    from tests.sandbox.marketo.counts import JournalEntry

LIST, PROGRAM, OBJECT = "Guests", "LiveChat", "record_c"
STATUSES = dict(zip(STREAMS, ("Chatted", "Engaged"), strict=True))
CLOCKS_AGREE_SECONDS = 0.005
WRITES = ("add_to_list", "member_status", "sync_objects")
KINDS = dict(zip(WRITES, ("lists", "status", "objects"), strict=True))

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


def streams() -> dict[str, Any]:
    """The target's `streams` for an input with all of this."""
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
        for stream, entry in streams_setting().items()
    }


@dataclass
class Attached:
    """What Marketo holds of it after a round, and when rows of it were written."""

    members: set[int] = field(default_factory=set)
    statuses: dict[int, str] = field(default_factory=dict)
    objects: list[dict[str, Any]] = field(default_factory=list)
    journal: list[JournalEntry] = field(default_factory=list)

    @classmethod
    def of(cls, marketo: MarketoSandbox, journal: list[JournalEntry]) -> Attached:
        return cls(
            set(marketo.list_members(LIST)),
            marketo.program_members(PROGRAM),
            marketo.custom_objects(OBJECT),
            [entry for entry in journal if entry.kind in WRITES and entry.applied],
        )


def violations(
    attached: Attached, people: People, evidence: Evidence, leads: list[Lead], logged: set[int]
) -> Iterator[str]:
    """Sentences about what is missing, is somebody else's, went back, or came after its STATE."""
    emails = {int(lead["id"]): str(lead["email"]).lower() for lead in leads}
    ids: defaultdict[str, list[int]] = defaultdict(list)
    for lead, email in emails.items():
        ids[email].append(lead)
    records = [each for each in people.records if each.key and each.serial not in logged]
    by_key: defaultdict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_key[record.key].append(record)
    if evidence.done:
        yield from _missing(attached, by_key, ids)
    yield from _somebody_elses(attached, by_key, emails)
    yield from _states_ahead(attached, records, ids, evidence)


def _missing(
    attached: Attached, by_key: dict[str, list[Record]], ids: dict[str, list[int]]
) -> Iterator[str]:
    there = {str(each["serial"]): each for each in attached.objects}
    for key, records in by_key.items():
        leads = ids.get(key) or [0]
        last = records[-1].serial
        if not attached.members.intersection(leads):
            yield f"the person of record {last} is not in the list"
        wanted = _furthest(record.stream for record in records)
        reached = [attached.statuses.get(lead) for lead in leads]
        if wanted not in reached:
            yield f"the person of record {last} has {reached}, not {wanted}"
        for record in records:
            found = there.get(str(record.serial))
            if found is None:
                yield f"the object of record {record.serial} is missing"
            elif serial_of(found.get("name")) != record.serial:
                yield f"the object of record {record.serial} is another's"


def _furthest(streams: Iterable[str]) -> str:
    return STATUSES[max(streams, key=STREAMS.index)]


def _somebody_elses(
    attached: Attached, by_key: dict[str, list[Record]], emails: dict[int, str]
) -> Iterator[str]:
    senders = {str(each.serial): each.key for records in by_key.values() for each in records}
    for lead in attached.members | attached.statuses.keys():
        if emails.get(lead, "") not in by_key:
            yield f"lead {lead} is a member whom nobody sent"
    for thing in attached.objects:
        lead = int(thing["linked"]["leadId"])
        if senders.get(str(thing["serial"])) != emails.get(lead):
            yield f"the object of record {thing['serial']} belongs to somebody else"


def _states_ahead(
    attached: Attached, records: list[Record], ids: dict[str, list[int]], evidence: Evidence
) -> Iterator[str]:
    first = _first_written(attached.journal)
    for number, attempt in enumerate(evidence.attempts, 1):
        covered = attempt.start
        for at, position in attempt.states:
            for record in records:
                if covered <= record.serial < position:
                    for kind in _not_there(record, ids.get(record.key, []), first, at):
                        yield (
                            f"attempt {number}: STATE {position} passed the {kind} of record "
                            f"{record.serial}"
                        )
            covered = max(covered, position)


def _not_there(
    record: Record, leads: list[int], first: dict[tuple[str, int], float], at: float
) -> Iterator[str]:
    for call, kind in KINDS.items():
        about = [record.serial] if kind == "objects" else leads
        times = [first[call, each] for each in about if (call, each) in first]
        if not times or min(times) > at + CLOCKS_AGREE_SECONDS:
            yield kind


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
