"""Chats on timelines: a custom activity for each record. Marketo takes one as often as it is sent.

Each record's activity names the record, and its date goes by it. So what must be there in the end
is known without the target: each once, on the right person, on the right date, and none after a
STATE that passed its record.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.faults.kinds import Finding, Kind
from tests.faults.people import date_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.kinds import Logged
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


def without_attribute() -> dict[str, Any]:
    """The options once somebody has deleted the attribute."""
    return {"activity_types": [{"api_name": TYPE}]}


def attach(streams: dict[str, Any]) -> dict[str, Any]:
    """The target's `streams` with an activity for each record."""
    activity = {
        "type": TYPE,
        "once": "serial",
        "date": "at",
        "since": "everything",
        "primary": {"from": "city", "otherwise": "Chat"},
        "attributes": {"serial": "serial"},
    }
    return {stream: {**entry, "activity": activity} for stream, entry in streams.items()}


@dataclass(frozen=True)
class Timelines:
    """Marketo's log after a round, as the sandbox tells it."""

    activities: list[dict[str, Any]]

    @classmethod
    def of(cls, marketo: MarketoSandbox) -> Timelines:
        return cls([each for each in marketo.activities() if "serial" in each["attributes"]])


def violations(
    timelines: Timelines, people: People, evidence: Evidence, leads: list[Lead], logged: Logged
) -> Iterator[Finding]:
    """What is missing, there twice, somebody else's, on another date, or came after its STATE."""
    emails = {int(lead["id"]): str(lead["email"]).lower() for lead in leads}
    there: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for each in timelines.activities:
        there[int(each["attributes"]["serial"])].append(each)
    refused = logged.get(Kind.PEOPLE.part, set())
    in_error_log = logged.get(Kind.ACTIVITIES.part, set())
    logged_at = evidence.logged_at(Kind.ACTIVITIES.part)
    for record in people.records:
        found = there.pop(record.serial, [])
        if not record.key or record.serial in refused:
            continue
        about = f"the activity of record {record.serial}"
        if len(found) > 1:
            yield Finding(Kind.ACTIVITIES, f"{about} is there {len(found)} times", "twice")
        if evidence.done and not found and record.serial not in in_error_log:
            yield Finding(Kind.ACTIVITIES, f"{about} is missing", "lost")
        for each in found:
            if emails.get(each["leadId"]) != record.key:
                yield Finding(Kind.ACTIVITIES, f"{about} is somebody else's")
            if each["activityDate"] != date_of(record.serial):
                yield Finding(Kind.ACTIVITIES, f"{about} has another date")
        written = [each["inserted"] for each in found]
        since = min([*written, logged_at.get(record.serial, math.inf)])
        yield from _states_ahead(record.serial, since, evidence)
    for serial in there:
        yield Finding(Kind.ACTIVITIES, f"an activity of record {serial}, which nobody sent")


def _states_ahead(serial: int, since: float, evidence: Evidence) -> Iterator[Finding]:
    for number, attempt in enumerate(evidence.attempts, 1):
        for at, position in attempt.states:
            if attempt.start <= serial < position and since > at + CLOCKS_AGREE_SECONDS:
                sentence = f"STATE {position} passed the activity of record {serial}"
                yield Finding(Kind.ACTIVITIES, f"attempt {number}: {sentence}")
                return
