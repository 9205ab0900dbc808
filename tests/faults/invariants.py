"""Looks for violations in what a round has left behind. Pure: evidence in, sentences out."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests import planted
from tests.faults import timelines
from tests.faults.attached import violations
from tests.faults.kinds import Finding, Kind, Toll
from tests.faults.launch import TIME_SCALE
from tests.faults.others import FIELD
from tests.faults.people import serial_of
from tests.faults.scheduler import BUDGET_SPENT, RATE_CALLS, ROWS_A_CALL, SLOTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.faults.attached import Attached
    from tests.faults.kinds import Logged
    from tests.faults.others import Change
    from tests.faults.people import Lead, People, Record
    from tests.faults.scheduler import Attempt, Evidence
    from tests.faults.timelines import Timelines
    from tests.sandbox.marketo.counts import Counts, JournalEntry, JournalRow

CLOCKS_AGREE_SECONDS = 0.005
WIND_UP_SECONDS = 30.0
# What Marketo held a minute ago, and the way of the call itself.
FRESH_SECONDS = 60.0 * TIME_SCALE + 1.0
INTERRUPTED = 130
MOST_MB = 120
_SUMMARY = re.compile(
    r"(\d+) records received: (\d+) people created, (\d+) updated, (\d+) unchanged; "
    r"(\d+) records skipped without key, (\d+) rejected; (\d+) calls"
)
_ERROR = re.compile(r" ERROR +\| target-marketo ")
_EXAMPLES = 3


@dataclass(frozen=True)
class Allowed:
    """What a fault may do: let records be refused, count as a limit that was passed, end runs."""

    refuses: bool = False
    # Parts of records that may be refused, such as `activity`, while their people are not.
    parts: tuple[str, ...] = ()
    limited: bool = False
    attempts: int | None = None
    # The one record that must be refused, and within how many calls more than usual.
    poison: int | None = None
    # A run must end with 1, and an error that says this.
    says: str = ""


@dataclass
class Remains:
    """What Marketo, the store and the logs say after a round."""

    people: People
    evidence: Evidence
    leads: list[Lead]
    journal: list[JournalEntry]
    counts: Counts
    logged: Logged
    secrets: set[str]
    allowed: Allowed = field(default_factory=Allowed)
    changes: list[Change] = field(default_factory=list)
    attached: Attached | None = None
    timelines: Timelines | None = None

    @property
    def in_error_log(self) -> set[int]:
        """The records whose people were refused."""
        return self.logged.get(Kind.PEOPLE.part, set())


@dataclass(frozen=True)
class Verdict:
    """What was found, and what it counts of each kind that was written."""

    tolls: dict[Kind, Toll]
    violations: list[str]


def judge(remains: Remains) -> Verdict:
    """All invariants of one round."""
    delivered = _Delivered(remains)
    lost = _lost(remains, delivered)
    duplicated = sum(
        row.status == "updated" and not row.changed for _, row in _rows(remains.journal)
    )
    attached, timeline = list(_attached(remains)), list(_timelines(remains))
    tolls = {Kind.PEOPLE: Toll(len(lost), duplicated + remains.counts.duplicates_created)}
    if remains.attached is not None:
        kinds = (Kind.LISTS, Kind.STATUS, Kind.OBJECTS)
        tolls |= {kind: Toll.of(kind, attached) for kind in kinds}
    if remains.timelines is not None:
        tolls[Kind.ACTIVITIES] = Toll.of(Kind.ACTIVITIES, timeline)
    found = [
        *_of("A", (f"record {record.serial} is nowhere" for record in lost)),
        *_of("A", _refused_without_reason(remains)),
        *_of("B", _states_ahead(remains, delivered)),
        *_of("C", _phantoms(remains)),
        *_of("D", _too_many_repeats(remains, duplicated)),
        *_of("E", _wrong_ends(remains)),
        *_of("F", overlaps(remains.counts)),
        *_of("G", limits_passed(remains.counts, remains.journal, limited=remains.allowed.limited)),
        *_of("H", _ends(remains)),
        *_of("I", _leaks(remains)),
        *_of("L", _overwritten(remains)),
        *_of("J", (each.sentence for each in attached)),
        *_of("K", (each.sentence for each in timeline)),
        *_of("M", too_large(remains.evidence.peak, MOST_MB)),
    ]
    return Verdict(tolls, found)


def _of(letter: str, sentences: Iterable[str]) -> Iterator[str]:
    found = list(sentences)
    yield from (f"{letter}: {sentence}" for sentence in found[:_EXAMPLES])
    if len(found) > _EXAMPLES:
        yield f"{letter}: … and {len(found) - _EXAMPLES} more"


def _rows(journal: Iterable[JournalEntry]) -> Iterator[tuple[JournalEntry, JournalRow]]:
    """The rows of people that were written, in the order in which they were."""
    for entry in sorted(journal, key=lambda each: each.applied):
        if entry.applied and entry.kind == "sync":
            yield from ((entry, row) for row in entry.rows if row.status != "skipped")


class _Delivered:
    """When which record of a person, or a later one, was in Marketo or in the error log."""

    def __init__(self, remains: Remains) -> None:
        self._in_marketo: dict[str, list[tuple[float, int]]] = {}
        for lead in remains.people.seeded:
            self._add(str(lead["email"]).lower(), 0.0, lead.get("firstName"))
        for entry, row in _rows(remains.journal):
            if row.key and row.values and "firstName" in row.values:
                self._add(row.key, entry.applied, row.values["firstName"])
        self._logged = remains.evidence.logged_at(Kind.PEOPLE.part)

    def _add(self, key: str, at: float, name: object) -> None:
        self._in_marketo.setdefault(key, []).append((at, serial_of(name)))

    def by(self, record: Record, moment: float) -> bool:
        """Whether the record could no longer be lost at that moment."""
        logged_at = self._logged.get(record.serial)
        if logged_at is not None and logged_at <= moment:
            return True
        return any(
            at <= moment + CLOCKS_AGREE_SECONDS and serial >= record.serial
            for at, serial in self._in_marketo.get(record.key, ())
        )


def _expected(remains: Remains) -> Iterator[Record]:
    """The records that something must come of."""
    broken = remains.people.broken
    return (each for each in remains.people.records if each.key or each.serial in broken)


def _lost(remains: Remains, delivered: _Delivered) -> list[Record]:
    now = float("inf")
    return [
        record
        for record in _expected(remains)
        if record.serial not in remains.in_error_log and not delivered.by(record, now)
    ]


def _refused_without_reason(remains: Remains) -> Iterator[str]:
    allowed = remains.allowed
    for part, serials in sorted(remains.logged.items()):
        unknown = serials - {record.serial for record in remains.people.records}
        if unknown:
            yield f"the error log has records {sorted(unknown)}, which nobody sent"
        if part != Kind.PEOPLE.part and not (allowed.refuses or part in allowed.parts):
            yield (
                f"the {part} of record {min(serials)} was refused without a reason, "
                f"as of {len(serials)} in all"
            )
    wrong = remains.in_error_log - remains.people.broken
    poison = allowed.poison
    if poison is not None:
        if wrong != {poison}:
            yield f"records {sorted(wrong)} were refused, and only {poison} should be"
    elif not allowed.refuses:
        yield from (f"record {serial} was refused without a reason" for serial in sorted(wrong))


def _states_ahead(remains: Remains, delivered: _Delivered) -> Iterator[str]:
    expected = list(_expected(remains))
    for number, attempt in enumerate(remains.evidence.attempts, 1):
        covered = attempt.start
        for at, position in attempt.states:
            for record in expected:
                if covered <= record.serial < position and not delivered.by(record, at):
                    yield f"attempt {number}: STATE {position} passed record {record.serial}"
            covered = max(covered, position)


def _phantoms(remains: Remains) -> Iterator[str]:
    by_key = remains.people.by_key()
    for entry, row in _rows(remains.journal):
        values = row.values or {}
        records = by_key.get(str(row.key or ""))
        if not records:
            yield f"somebody whom nobody sent was written ({row.status}, lead {row.id})"
            continue
        if "firstName" in values and serial_of(values["firstName"]) not in {
            record.serial for record in records
        }:
            yield f"lead {row.id} was given a name of somebody else"
        place = (values.get("city"), values.get("country"))
        if any(place) and place not in {record.place for record in records}:
            yield f"lead {row.id} was given a place that no record brings"
        unknown = values.keys() - {"email", "firstName", "city", "country", "leadSource", FIELD}
        if unknown:
            yield f"{entry.kind} wrote {', '.join(sorted(unknown))}"
    held = Counter(str(lead["email"]).lower() for lead in remains.leads)
    seeded = Counter(str(lead["email"]).lower() for lead in remains.people.seeded)
    for key, count in held.items():
        if count != max(1, seeded[key]):
            yield f"a person is there {count} times"


def _too_many_repeats(remains: Remains, duplicated: int) -> Iterator[str]:
    struck = sum(bool(entry.fault) for entry in remains.journal)
    allowed = (remains.evidence.broken_off * SLOTS + struck) * ROWS_A_CALL
    if duplicated > allowed:
        yield f"{duplicated} rows were written twice, {allowed} may be"


def _wrong_ends(remains: Remains) -> Iterator[str]:
    if not remains.evidence.done:
        return
    newest: dict[str, Lead] = {}
    for there in sorted(remains.leads, key=lambda each: int(each["id"])):
        newest[str(there["email"]).lower()] = there
    before = {str(lead["email"]).lower(): lead for lead in remains.people.seeded}
    changed = {change.key for change in remains.changes}
    for key, records in remains.people.by_key().items():
        taken = [record for record in records if record.serial not in remains.in_error_log]
        lead = newest.get(key)
        if lead is None:
            if taken:
                yield f"the person of record {taken[-1].serial} is not there"
            continue
        if taken and serial_of(lead.get("firstName")) < taken[-1].serial:
            yield f"the person of record {taken[-1].serial} has an older name"
        if len(taken) == len(records) and key not in changed:
            yield from _wrong_place(lead, records, before.get(key))


def _wrong_place(lead: Lead, records: list[Record], before: Lead | None) -> Iterator[str]:
    place = (lead.get("city"), lead.get("country"))
    held = (before.get("city"), before.get("country")) if before else (None, None)
    first = next((record.place for record in records if any(record.place)), (None, None))
    wanted = held if any(held) else first
    if place != wanted:
        yield f"the person of record {records[0].serial} has another place than the first one"


def overlaps(counts: Counts) -> Iterator[str]:
    """F: whether a person was in two calls at once, or was created twice."""
    if counts.overlapping_keys:
        yield f"{counts.overlapping_keys} rows were about people of a call that was in flight"
    if counts.duplicates_created:
        yield f"{counts.duplicates_created} people were created twice"


def limits_passed(
    counts: Counts, journal: Iterable[JournalEntry], *, limited: bool
) -> Iterator[str]:
    """G: whether a limit was passed; `limited` if the fault itself makes Marketo say so."""
    if counts.worst_in_window > RATE_CALLS:
        yield f"{counts.worst_in_window} calls in a window of {RATE_CALLS}"
    if counts.worst_in_flight > SLOTS:
        yield f"{counts.worst_in_flight} calls at once, {SLOTS} may be"
    refused = Counter(entry.code for entry in journal if not entry.fault)
    if not limited and (refused["606"] or refused["615"]):
        yield f"{refused['606']} calls answered 606, {refused['615']} answered 615"


def _ends(remains: Remains) -> Iterator[str]:
    evidence = remains.evidence
    if not evidence.done:
        yield f"not done after {len(evidence.attempts)} attempts"
    limit = remains.allowed.attempts
    if limit is not None and len(evidence.attempts) > limit:
        yield f"{len(evidence.attempts)} attempts, {limit} should do"
    says = remains.allowed.says
    if says and not any(
        each.code == 1 and _ERROR.search(line) and says in line
        for each in evidence.attempts
        for line in each.err.splitlines()
    ):
        yield f"no run ended with 1 and said `{says}`"
    for number, attempt in enumerate(evidence.attempts, 1):
        for sentence in _end(remains.people, attempt):
            yield f"attempt {number}: {sentence}"


def _end(people: People, attempt: Attempt) -> Iterator[str]:
    # Before a command's modules are loaded, Python itself answers a SIGINT.
    loading = attempt.code == INTERRUPTED and "| target-marketo " not in attempt.err
    if "Traceback" in attempt.err and not loading:
        yield f"a traceback: {attempt.err.strip().splitlines()[-1][:200]}"
    if "HARNESS" in attempt.err:
        yield "it did not come to an end"
        return
    if attempt.killed:
        return
    if attempt.wound_up is not None and attempt.wound_up > WIND_UP_SECONDS:
        yield f"it took {attempt.wound_up:.0f} s to end after a signal"
    # The governor tells of a spent quota in a line of its own.
    errors = [line for line in attempt.err.splitlines() if _ERROR.search(line)]
    if attempt.code == 0:
        yield from _success(people, attempt)
    elif attempt.code not in {1, BUDGET_SPENT, 130, 143}:
        yield f"exit code {attempt.code}: {attempt.err.strip().splitlines()[-1:]}"
    elif len(errors) != 1 and attempt.code not in {130, 143}:
        yield f"exit code {attempt.code} with {len(errors)} lines of the level ERROR"


def _success(people: People, attempt: Attempt) -> Iterator[str]:
    found = _SUMMARY.findall(attempt.err)
    if not found:
        yield "exit code 0 without a summary line"
        return
    received, _, _, _, skipped, rejected, _ = map(int, found[-1])
    came = people.records[attempt.start :]
    without_key = sum(not record.key and record.serial not in people.broken for record in came)
    parts = [part for _, entries in attempt.logged for _, part in entries]
    logged = parts.count(Kind.PEOPLE.part)
    for what, said, true in (
        ("received", received, len(came)),
        ("skipped", skipped, without_key),
        ("rejected", rejected, logged),
    ):
        if said != true:
            yield f"exit code 0, and its summary says {said} {what} where {true} were"
    if came and (not attempt.states or attempt.states[-1][1] != len(people.records)):
        yield "exit code 0 without the last STATE"


def _attached(remains: Remains) -> Iterator[Finding]:
    if remains.attached is not None:
        yield from violations(
            remains.attached,
            remains.people,
            remains.evidence,
            remains.leads,
            remains.logged,
        )


def _timelines(remains: Remains) -> Iterator[Finding]:
    if remains.timelines is not None:
        yield from timelines.violations(
            remains.timelines,
            remains.people,
            remains.evidence,
            remains.leads,
            remains.logged,
        )


def too_large(peak: float, most: float = MOST_MB) -> Iterator[str]:
    """M: whether a process held more than it may; both in MB."""
    if peak > most:
        yield f"a process held {peak:.0f} MB, {most:g} may be"


def _leaks(remains: Remains) -> Iterator[str]:
    for number, attempt in enumerate(remains.evidence.attempts, 1):
        for shown in planted.shown_in(attempt.err, also=remains.secrets):
            yield f"attempt {number}: the log shows {shown}"


def _overwritten(remains: Remains) -> Iterator[str]:
    """J: a place that somebody else filled in, and that was seen or could have been, is kept."""
    filled = {change.lead: change for change in reversed(remains.changes)}
    looked_up: dict[str, float] = {}
    for entry in sorted(remains.journal, key=lambda each: each.arrival):
        if entry.kind == "lookup":
            looked_up.update((key, entry.arrival) for key in entry.keys)
        for row in entry.rows if entry.kind == "sync" else ():
            change = filled.get(row.id or 0)
            values = row.values or {}
            if change is None or row.status != "updated":
                continue
            seen = looked_up.get(change.key, 0.0)
            if (values.get("city") or values.get("country")) and (
                change.at < max(seen, entry.arrival - FRESH_SECONDS)
            ):
                yield (
                    f"lead {row.id} had got a place {entry.arrival - change.at:.2f} s before it "
                    f"was given another; it was looked up {entry.arrival - seen:.2f} s before"
                )
