"""Each invariant bites: a round in which all is well, spoiled in one way, is found out.

A harness that cannot fail proves nothing. The evidence is made by hand, of a small input: everybody
is new, and their records arrive one by one before the STATE that passes them.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.attached import STATUSES, Attached
from tests.faults.invariants import MOST_MB, Allowed, Remains, judge, limits_passed, overlaps
from tests.faults.kinds import Kind, Toll
from tests.faults.launch import POINTS
from tests.faults.matrix import matrix
from tests.faults.others import Change
from tests.faults.people import People, Record, date_of, name_of
from tests.faults.scheduler import RATE_CALLS, SLOTS, Attempt, Evidence
from tests.faults.summary import GROUPS, group_of
from tests.faults.timelines import Timelines
from tests.sandbox.marketo.counts import Counts, JournalEntry, JournalRow

if TYPE_CHECKING:
    from collections.abc import Callable

COUNT = 6
END = 100.0
SAYS = "target-marketo"


def _record(serial: int) -> Record:
    email = f"p{serial}@example.com"
    return Record(serial, "visitors" if serial % 2 else "customers", email, email, "Rome", "Italy")


def _lead(serial: int) -> int:
    return 1000 + serial


def _summary(received: int, rejected: int = 0) -> str:
    return (
        f"{received} records received: {received} people created, 0 updated, 0 unchanged; "
        f"0 records skipped without key, {rejected} rejected; 9 calls"
    )


def _attempt(**more: Any) -> Attempt:
    whole = Attempt(
        start=0,
        code=0,
        killed=False,
        states=[(END, COUNT)],
        logged=[],
        err=_summary(COUNT),
        seconds=1.0,
        peak=70.0,
    )
    return replace(whole, **more)


def _sync(serial: int, **values: Any) -> JournalEntry:
    written = {"email": f"p{serial}@example.com", "firstName": name_of(serial)}
    row = JournalRow(
        "created",
        _lead(serial),
        f"p{serial}@example.com",
        changed=True,
        values=written | {"city": "Rome", "country": "Italy"} | values,
    )
    at = 1.0 + serial
    return JournalEntry(kind="sync", arrival=at, reply=at + 0.5, applied=at, rows=[row])


def _written(kind: str, serial: int, row: dict[str, Any]) -> JournalEntry:
    written = JournalRow("added", values=row)
    return JournalEntry(kind=kind, arrival=50, reply=51, applied=50 + serial, rows=[written])


def _well() -> Remains:
    """A round in which nothing is wrong."""
    records = [_record(serial) for serial in range(COUNT)]
    attached = Attached(
        members=[_lead(serial) for serial in range(COUNT)],
        statuses={_lead(each.serial): STATUSES[each.stream] for each in records},
        objects=[
            {"serial": str(n), "name": name_of(n), "linked": {"leadId": _lead(n)}}
            for n in range(COUNT)
        ],
        journal=[
            _written(kind, n, row)
            for n in range(COUNT)
            for kind, row in (
                ("add_to_list", {"id": _lead(n)}),
                ("member_status", {"id": _lead(n)}),
                ("sync_objects", {"serial": n}),
            )
        ],
    )
    activities = [
        {
            "attributes": {"serial": str(n)},
            "leadId": _lead(n),
            "activityDate": date_of(n),
            "inserted": 50.0,
        }
        for n in range(COUNT)
    ]
    return Remains(
        people=People(records, [], COUNT),
        evidence=Evidence([_attempt()]),
        leads=[
            {
                "id": _lead(n),
                "email": f"p{n}@example.com",
                "firstName": name_of(n),
                "city": "Rome",
                "country": "Italy",
            }
            for n in range(COUNT)
        ],
        journal=[_sync(serial) for serial in range(COUNT)],
        counts=Counts(),
        logged={},
        secrets={"planted-secret"},
        attached=attached,
        timelines=Timelines(activities),
    )


def _attached(remains: Remains) -> Attached:
    assert remains.attached is not None
    return remains.attached


def _activities(remains: Remains) -> list[dict[str, Any]]:
    assert remains.timelines is not None
    return remains.timelines.activities


def _ended(remains: Remains, **more: Any) -> None:
    remains.evidence.attempts[:] = [_attempt(**more)]


def _logs(remains: Remains, part: str, serial: int, at: float = 1.0) -> None:
    remains.logged = {part: {serial}}
    rejected = part == Kind.PEOPLE.part
    _ended(remains, logged=[(at, [(serial, part)])], err=_summary(COUNT, int(rejected)))


def _late(journal: list[JournalEntry], at: int) -> None:
    journal[at].applied = END + 1


def _is_lost(remains: Remains) -> None:
    del remains.leads[3], remains.journal[3]


def _is_refused_late(remains: Remains) -> None:
    _is_lost(remains)
    _logs(remains, Kind.PEOPLE.part, 3, END + 1)


def _is_there_twice(remains: Remains) -> None:
    remains.leads.append({**remains.leads[0], "id": 5000})


def _is_sent_by_nobody(remains: Remains) -> None:
    row = JournalRow("created", 7, "stranger@example.com", changed=True, values={})
    remains.journal.append(JournalEntry(kind="sync", arrival=1, applied=1, rows=[row]))


def _has_anothers_name(remains: Remains) -> None:
    remains.journal.append(_sync(1, firstName=name_of(2)))


def _has_an_older_name(remains: Remains) -> None:
    remains.leads[2]["firstName"] = "Older"


def _has_another_place(remains: Remains) -> None:
    remains.leads[2] |= {"city": "Lima", "country": "Italy"}


def _is_given_a_place_of_nobody(remains: Remains) -> None:
    remains.journal[2].rows[0].values |= {"city": "Lima"}  # type: ignore[operator]  # set above


def _is_written_again_and_again(remains: Remains) -> None:
    row = JournalRow("updated", _lead(1), "p1@example.com", values={"firstName": name_of(1)})
    remains.journal.append(JournalEntry(kind="sync", arrival=60, applied=60, rows=[row]))


def _overwrites_somebody(remains: Remains) -> None:
    remains.changes.append(Change(10.0, _lead(1), "p1@example.com"))
    values = {"city": "Rome", "country": "Italy"}
    row = JournalRow("updated", _lead(1), "p1@example.com", changed=True, values=values)
    remains.journal.append(JournalEntry(kind="sync", arrival=90, applied=90, rows=[row]))


def _activity(**other: Any) -> Callable[[Remains], None]:
    return lambda remains: _activities(remains)[2].update(other)


SPOILED: dict[str, tuple[Callable[[Remains], object], str]] = {
    "a person is lost": (_is_lost, "A: record 3 is nowhere"),
    "STATE is ahead of a person": (
        lambda remains: _late(remains.journal, 3),
        f"B: attempt 1: STATE {COUNT} passed record 3",
    ),
    "STATE is ahead of the error log": (
        _is_refused_late,
        f"B: attempt 1: STATE {COUNT} passed record 3",
    ),
    "a person is refused without a reason": (
        lambda remains: _logs(remains, "person", 3),
        "A: record 3 was refused without a reason",
    ),
    "a field is refused without a reason": (
        lambda remains: _logs(remains, "field", 3),
        "A: the field of record 3 was refused without a reason",
    ),
    "the error log has a record of nobody": (
        lambda remains: _logs(remains, "person", 77),
        "A: the error log has records [77], which nobody sent",
    ),
    "a person is there twice": (_is_there_twice, "C: a person is there 2 times"),
    "somebody is written whom nobody sent": (_is_sent_by_nobody, "C: somebody whom nobody sent"),
    "somebody gets another's name": (_has_anothers_name, "C: lead 1001 was given a name"),
    "somebody gets another's place": (_is_given_a_place_of_nobody, "C: lead 1002 was given a pla"),
    "a row is written twice": (_is_written_again_and_again, "D: 1 rows were written twice"),
    "an older name stays": (_has_an_older_name, "E: the person of record 2 has an older name"),
    "another place stays": (_has_another_place, "E: the person of record 2 has another place"),
    "a run does not come to its end": (
        lambda remains: _ended(remains, code=1, err=f"x ERROR   | {SAYS} | no"),
        "H: not done after 1 attempts",
    ),
    "a run fails without a word": (
        lambda remains: _ended(remains, code=1, err=""),
        "H: attempt 1: exit code 1 with 0 lines of the level ERROR",
    ),
    "a traceback": (
        lambda remains: _ended(remains, err=f"{_summary(COUNT)}\nTraceback (most recent"),
        "H: attempt 1: a traceback",
    ),
    "a summary says less": (
        lambda remains: _ended(remains, err=_summary(COUNT - 1)),
        f"H: attempt 1: exit code 0, and its summary says {COUNT - 1} received",
    ),
    "the last STATE is missing": (
        lambda remains: _ended(remains, states=[]),
        "H: attempt 1: exit code 0 without the last STATE",
    ),
    "a run that should name a field does not": (
        lambda remains: setattr(remains, "allowed", Allowed(says="chatNote")),
        "H: no run ended with 1 and said `chatNote`",
    ),
    "a log shows a secret": (
        lambda remains: _ended(remains, err=f"{_summary(COUNT)} planted-secret"),
        "I: attempt 1: the log shows",
    ),
    "a place that somebody filled in is overwritten": (_overwrites_somebody, "L: lead 1001 had"),
    "a process grows": (
        lambda remains: _ended(remains, peak=MOST_MB + 1.0),
        f"M: a process held {MOST_MB + 1} MB",
    ),
    # What goes with a record
    "a member of the list is lost": (
        lambda remains: _attached(remains).members.remove(_lead(2)),
        "J: the person of record 2 is not in the list",
    ),
    "a member of the list is nobody's": (
        lambda remains: _attached(remains).members.append(7),
        "J: lead 7 is a member whom nobody sent (lists)",
    ),
    "a status is lost": (
        lambda remains: _attached(remains).statuses.pop(_lead(2)),
        "J: the person of record 2 has [None], not",
    ),
    "a status went back": (
        lambda remains: _attached(remains).statuses.update({_lead(1): "Visited"}),
        "J: the person of record 1 has ['Visited'], not",
    ),
    "an object is lost": (
        lambda remains: _attached(remains).objects.pop(2),
        "J: the object of record 2 is missing",
    ),
    "an object is there twice": (
        lambda remains: _attached(remains).objects.append(_attached(remains).objects[2]),
        "J: the object of record 2 is there 2 times",
    ),
    "an object is linked to somebody else": (
        lambda remains: _attached(remains).objects[2]["linked"].update(leadId=_lead(3)),
        "J: the object of record 2 belongs to somebody else",
    ),
    "an object holds what another should": (
        lambda remains: _attached(remains).objects[2].update(name=name_of(3)),
        "J: the object of record 2 is another's",
    ),
    "STATE is ahead of a list": (
        lambda remains: _late(_attached(remains).journal, 0),
        f"J: attempt 1: STATE {COUNT} passed the lists of record 0",
    ),
    "STATE is ahead of an object": (
        lambda remains: _late(_attached(remains).journal, 2),
        f"J: attempt 1: STATE {COUNT} passed the objects of record 0",
    ),
    "an activity is lost": (
        lambda remains: _activities(remains).pop(2),
        "K: the activity of record 2 is missing",
    ),
    "an activity is there twice": (
        lambda remains: _activities(remains).append(_activities(remains)[2]),
        "K: the activity of record 2 is there 2 times",
    ),
    "an activity is on the wrong person": (
        _activity(leadId=_lead(3)),
        "K: the activity of record 2 is somebody else's",
    ),
    "an activity has the wrong date": (
        _activity(activityDate=date_of(3)),
        "K: the activity of record 2 has another date",
    ),
    "an activity is of a record that nobody sent": (
        _activity(attributes={"serial": "77"}),
        "K: an activity of record 77, which nobody sent",
    ),
    "STATE is ahead of an activity": (
        _activity(inserted=END + 1),
        f"K: attempt 1: STATE {COUNT} passed the activity of record 2",
    ),
}


def test_a_round_in_which_all_is_well_has_no_violation() -> None:
    verdict = judge(_well())
    assert verdict.violations == []
    assert verdict.tolls == dict.fromkeys(Kind, Toll())


@pytest.mark.parametrize(("spoil", "told"), SPOILED.values(), ids=SPOILED)
def test_what_is_spoiled_is_found_out(spoil: Callable[[Remains], object], told: str) -> None:
    remains = _well()
    spoil(remains)
    violations = judge(remains).violations
    assert any(each.startswith(told) for each in violations), violations


@pytest.mark.parametrize(
    ("name", "kind", "toll"),
    [
        ("a person is lost", Kind.PEOPLE, Toll(lost=1)),
        ("a row is written twice", Kind.PEOPLE, Toll(twice=1)),
        ("a member of the list is lost", Kind.LISTS, Toll(lost=1)),
        ("a status is lost", Kind.STATUS, Toll(lost=1)),
        ("an object is lost", Kind.OBJECTS, Toll(lost=1)),
        ("an object is there twice", Kind.OBJECTS, Toll(twice=1)),
        ("an activity is lost", Kind.ACTIVITIES, Toll(lost=1)),
        ("an activity is there twice", Kind.ACTIVITIES, Toll(twice=1)),
    ],
)
def test_what_is_lost_or_twice_is_counted_of_its_kind(name: str, kind: Kind, toll: Toll) -> None:
    remains = _well()
    SPOILED[name][0](remains)
    assert judge(remains).tolls[kind] == toll


def test_what_is_in_the_error_log_is_lost_to_no_kind_but_its_own() -> None:
    remains = _well()
    _logs(remains, Kind.ACTIVITIES.part, 2)
    remains.allowed = Allowed(parts=(Kind.ACTIVITIES.part,))
    _activities(remains).pop(2)
    assert judge(remains).violations == []

    _attached(remains).objects.pop(2)
    assert [each[:2] for each in judge(remains).violations] == ["J:"]


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        (Counts(overlapping_keys=1), "1 rows were about people of a call that was in flight"),
        (Counts(duplicates_created=1), "1 people were created twice"),
    ],
)
def test_two_calls_about_one_person_are_found_out(counts: Counts, told: str) -> None:
    assert list(overlaps(counts)) == [told]


def test_a_limit_that_was_passed_is_found_out() -> None:
    refused = [JournalEntry(kind="sync", arrival=1, code="606")]
    worst = Counts(worst_in_window=RATE_CALLS + 1, worst_in_flight=SLOTS + 1)
    assert len(list(limits_passed(worst, refused, limited=False))) == 3
    assert len(list(limits_passed(worst, refused, limited=True))) == 2


def test_each_point_at_which_a_process_is_killed_is_there() -> None:
    for point in POINTS.values():
        if point.module:
            owner, _, name = point.function.partition(".")
            assert callable(getattr(getattr(import_module(point.module), owner), name))


def test_the_readme_has_a_dozen_lines_of_it_at_most() -> None:
    assert len(GROUPS) <= 12
    assert {group_of(each.name) for each in matrix()} < set(GROUPS)
    assert group_of("all kinds, reply: cut") == group_of("reply: cut")
