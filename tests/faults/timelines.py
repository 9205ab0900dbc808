"""Chats on timelines: a custom activity for each record. Marketo takes one as often as it is sent.

Each record's activity names the record, and its date goes by it. So what must be there in the end
is known without the target: each once, on the right person, on the right date, and none after a
STATE that passed its record.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.faults.people import date_of, streams_setting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.people import Lead, People
    from tests.faults.scheduler import Evidence
    from tests.sandbox.marketo.client import MarketoSandbox

TYPE = "recordChat"
ADD = "add_activities"
CLOCKS_AGREE_SECONDS = 0.005
OPTIONS: dict[str, Any] = {
    "activity_types": [
        {"api_name": TYPE, "attributes": [{"api_name": "serial", "name": "Serial Number"}]}
    ],
    "activity_lag": 0.6,
}
SETTINGS: dict[str, Any] = {"activity_visibility_seconds": 1}


def streams() -> dict[str, Any]:
    """The target's `streams` for an input with an activity for each record."""
    activity = {
        "type": TYPE,
        "once": "serial",
        "date": "at",
        "since": "everything",
        "primary": {"from": "city", "otherwise": "Chat"},
        "attributes": {"serial": "serial"},
    }
    return {stream: {**entry, "activity": activity} for stream, entry in streams_setting().items()}


@dataclass(frozen=True)
class Timelines:
    """Marketo's log after a round, as the sandbox tells it."""

    activities: list[dict[str, Any]]

    @classmethod
    def of(cls, marketo: MarketoSandbox) -> Timelines:
        return cls([each for each in marketo.activities() if "serial" in each["attributes"]])


def violations(
    timelines: Timelines, people: People, evidence: Evidence, leads: list[Lead], logged: set[int]
) -> Iterator[str]:
    """Sentences about what is missing, there twice, somebody else's, or came after its STATE."""
    emails = {int(lead["id"]): str(lead["email"]).lower() for lead in leads}
    there: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for each in timelines.activities:
        there[int(each["attributes"]["serial"])].append(each)
    for record in people.records:
        found = there.pop(record.serial, [])
        if not record.key or record.serial in logged:
            continue
        if len(found) > 1:
            yield f"the activity of record {record.serial} is there {len(found)} times"
        if evidence.done and not found:
            yield f"the activity of record {record.serial} is missing"
        for each in found:
            if emails.get(each["leadId"]) != record.key:
                yield f"the activity of record {record.serial} is somebody else's"
            if each["activityDate"] != date_of(record.serial):
                yield f"the activity of record {record.serial} has another date"
        written = min((each["inserted"] for each in found), default=float("inf"))
        yield from _states_ahead(record.serial, written, evidence)
    for serial in there:
        yield f"an activity of record {serial}, which nobody sent"


def _states_ahead(serial: int, written: float, evidence: Evidence) -> Iterator[str]:
    for number, attempt in enumerate(evidence.attempts, 1):
        for at, position in attempt.states:
            if attempt.start <= serial < position and written > at + CLOCKS_AGREE_SECONDS:
                yield f"attempt {number}: STATE {position} passed the activity of record {serial}"
                return
