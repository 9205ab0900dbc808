"""What nobody could say about Marketo: the real target, at each answer that is possible.

The questions and the sandbox's positions are `tests/sandbox/questions/marketo.py`. Where the answer
changes how calls fare, a round of the fault harness is played, with all of its invariants; where it
changes what becomes of a value, a scenario says what Marketo and the error log must hold in the
end; where it changes the day's quota, runs follow each other on one clock.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.invariants import Allowed
from tests.faults.people import People
from tests.faults.rounds import Trouble, play
from tests.faults.scheduler import BUDGET_SPENT, SLOTS, Job
from tests.sandbox.faults import Fault
from tests.sandbox.marketo.options import Options
from tests.sandbox.marketo_api import MarketoApi
from tests.sandbox.questions import Question, cases
from tests.sandbox.questions.marketo import MARKETO
from tests.target_marketo.conftest import record, schema, state
from tests.target_marketo.in_process import InProcess

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tests.sandbox.marketo.client import MarketoSandbox

Row = dict[str, Any]


@pytest.fixture
def target(marketo: MarketoSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InProcess:
    return InProcess(marketo, tmp_path, monkeypatch.setattr)


def each_of(names: Iterable[str]) -> pytest.MarkDecorator:
    """Parameters: the positions of the questions with these names."""
    chosen = [case for case in cases(MARKETO) if case[0].name in names]
    return pytest.mark.parametrize(
        ("question", "position"), [pytest.param(*case, id=case[1]) for case in chosen]
    )


def test_every_question_is_tested_at_each_position() -> None:
    asked = {question.name: question for question in MARKETO if question.positions}

    assert sorted(asked) == sorted([*ROUNDS, *SCENARIOS, "describe_lag", "quota_zone", "usage_age"])
    for name, scenario in SCENARIOS.items():
        assert scenario.outcomes.keys() == asked[name].positions.keys()


# How calls fare

_RESETS = (Fault(what="reset", calls=("sync",), applied=True, at=(1, 3)),)
_RENEWED = (Fault(what="token_expires", at=(4,)),)
_NARROW = {"rate_calls": 6, "rate_seconds": 1.0}

ROUNDS = {
    "same_key_twice": Trouble(""),
    # Who was created, and is not found, ends in the error log at the worst; never there twice.
    "lookup_lag": Trouble("", _RESETS, Allowed(refuses=True)),
    "carried_out_611": Trouble(""),
    # The instance has less to give than the target was told.
    "rejected_calls_count": Trouble("", allowed=Allowed(limited=True), marketo=_NARROW),
    # Just as much; calls take long, and whatever they count from, none may be refused.
    "window_counts": Trouble(
        "",
        marketo={**_NARROW, "latency_median": 0.3, "arrival_fraction_max": 0.9},
        settings={"rate_limit_calls": 6, "rate_limit_seconds": 1},
    ),
    "server_time_out": Trouble("", settles=1.0),
    "identity_form": Trouble("", _RENEWED),
    "query_token": Trouble("", _RENEWED),
}


@each_of(ROUNDS)
def test_nothing_is_lost_and_no_limit_is_passed(
    question: Question, position: str, marketo: MarketoSandbox
) -> None:
    trouble = ROUNDS[question.name]
    options = dict(question.positions[position])
    faults = (*options.pop("faults", ()), *trouble.faults)

    played = play(
        replace(trouble, name=position, rows=100, faults=faults, marketo=trouble.marketo | options),
        marketo,
        seed=1,
    )

    assert played.verdict.violations == []
    assert played.strikes >= len(faults), "what was to happen did"


# What becomes of values

LATER_SHORTER = {"name": "chatNote", "data_type": "string", "length": 10}
NOTED = {"email": "email", "firstName": "first_name", "chatNote": "note"}
NAMED = {"email": "email", "firstName": "first_name"}


@dataclass(frozen=True)
class Outcome:
    """What Marketo holds of each person in the end, and the code of each in the error log.

    `code` is the exit code of the run at this position; the one that follows, with the sandbox as
    it was before, always ends with 0.
    """

    held: Mapping[str, Row]
    logged: Mapping[str, str] = field(default_factory=dict)
    code: int = 0


@dataclass(frozen=True)
class Scenario:
    """People in Marketo, a mapping, records, and what must come of them at each position."""

    fields: Row
    records: tuple[Row, ...]
    outcomes: Mapping[str, Outcome]
    seeded: tuple[Row, ...] = ()
    key: str = "email"
    # Fields that Marketo describes, for a day, in a way that is true no longer.
    before: tuple[Row, ...] = ()
    after: tuple[Row, ...] = ()
    options: Row = field(default_factory=dict)


def _note(text: str, email: str = "b@example.com") -> Row:
    return {"email": email, "first_name": "Bea", "note": text}


_BEA, _CAL = {"firstName": "Bea"}, {"firstName": "Cal"}
_B, _C = "b@example.com", "c@example.com"
_SHORT_NOTE = {"email": _C, "first_name": "Cal", "note": "short"}
_NO_NOTE = {"email": _C, "first_name": "Cal"}
_LONG_FIELD = ({**LATER_SHORTER, "length": 50},)

SCENARIOS = {
    "too_long": Scenario(
        NOTED,
        (_note("a visitor's words"), _SHORT_NOTE),
        {
            f"too_long={code}": Outcome({_B: _BEA, _C: {**_CAL, "chatNote": "short"}}, {_B: code})
            for code in ("1003", "1077")
        }
        | {
            "too_long=truncate": Outcome(
                {_B: {**_BEA, "chatNote": "a visitor'"}, _C: {**_CAL, "chatNote": "short"}}
            )
        },
        before=_LONG_FIELD,
        after=(LATER_SHORTER,),
    ),
    "text_measure": Scenario(
        NAMED,
        (
            {"email": _B, "first_name": "\N{FOX FACE}" * 150},
            {"email": _C, "first_name": "é" * 127},
        ),
        dict.fromkeys(
            (f"text_measure={each}" for each in ("characters", "utf16", "bytes")),
            # 300 units at the most generous reading of a unit: the person comes without.
            Outcome({_B: {}, _C: {"firstName": "é" * 127}}, {_B: "too_long"}),
        ),
    ),
    "company_fields": Scenario(
        {**NAMED, "company": {"from": "note", "write": "if_empty"}},
        (_NO_NOTE,),
        dict.fromkeys(("company_fields=1021", "company_fields=accepted"), Outcome({_C: _CAL})),
    ),
    "unknown_field_level": Scenario(
        # Not a field that a lookup asks for: that would be refused whole, which is no question.
        {**NAMED, "chatNote": {"from": "note", "write": "on_create"}},
        (_note("a visitor's words"), _NO_NOTE),
        {
            "unknown_field_level=record": Outcome({_C: _CAL}, code=1),
            "unknown_field_level=response": Outcome({}, code=1),
        },
        before=_LONG_FIELD,
        after=(),
    ),
    "unknown_lookup_field": Scenario(
        {**NAMED, "chatNote": {"from": "note", "write": "if_empty"}},
        (_note("a visitor's words"), _NO_NOTE),
        dict.fromkeys(
            (f"unknown_lookup_field={code}" for code in ("1003", "1006")), Outcome({}, code=1)
        ),
        before=_LONG_FIELD,
        after=(),
    ),
    "read_only_field": Scenario(
        NOTED,
        (_note("a visitor's words"), _NO_NOTE),
        {
            "read_only_field=record": Outcome({_B: _BEA, _C: _CAL}, {_B: "1003"}),
            "read_only_field=response": Outcome({_C: _CAL}, {_B: "1003"}),
            "read_only_field=ignore": Outcome({_B: _BEA, _C: _CAL}),
        },
        before=_LONG_FIELD,
        after=({**_LONG_FIELD[0], "read_only": True},),
    ),
    "empty_string": Scenario(
        {**NAMED, "city": {"from": "city", "write": "if_empty"}, "phone": "phone"},
        (
            {"email": _B, "first_name": "", "city": "Rome", "phone": "  "},
            {"email": _C, "first_name": "Cal", "city": "", "phone": None},
        ),
        dict.fromkeys(
            ("empty_string=clears", "empty_string=stores"),
            Outcome({_B: {**_BEA, "city": "Rome", "phone": "1"}, _C: {**_CAL, "city": "Oslo"}}),
        ),
        seeded=(
            {"email": _B, "firstName": "Bea", "city": "", "phone": "1"},
            {"email": _C, "firstName": "", "city": "Oslo", "phone": ""},
        ),
    ),
    "four_bytes": Scenario(
        NAMED,
        ({"email": _B, "first_name": "Bea \N{FOX FACE}"}, {"email": _C, "first_name": "Cal"}),
        {
            "four_bytes=store": Outcome({_B: {"firstName": "Bea \N{FOX FACE}"}, _C: _CAL}),
            "four_bytes=1003": Outcome({_B: {}, _C: _CAL}, {_B: "1003"}),
            "four_bytes=replace": Outcome({_B: {"firstName": "Bea ?"}, _C: _CAL}),
        },
    ),
    "escaped_comma": Scenario(
        {"liveChatExternalKey": "email", "firstName": "first_name"},
        tuple({"email": key, "first_name": "New"} for key in ("k1,k2", "k1\\,k2", "k1", "k2")),
        dict.fromkeys(
            ("escaped_comma=parts", "escaped_comma=kept"),
            Outcome(
                {"k1": {"firstName": "New"}, "k2": {"firstName": "New"}},
                {"k1,k2": "key_with_comma", "k1\\,k2": "key_with_comma"},
            ),
        ),
        seeded=({"liveChatExternalKey": "k1", "firstName": "Old"},),
        key="liveChatExternalKey",
    ),
    "custom_key_case": Scenario(
        {"liveChatExternalKey": "email", "firstName": "first_name"},
        ({"email": "KEY-1", "first_name": "New"}, {"email": "key-2", "first_name": "New"}),
        {
            "custom_key_case=ignored": Outcome(
                {"KEY-1": {"firstName": "New"}, "key-2": {"firstName": "New"}}
            ),
            # To such a Marketo they are two people, and neither is written in place of the other.
            "custom_key_case=kept": Outcome(
                {
                    "key-1": {"firstName": "Old"},
                    "KEY-1": {"firstName": "New"},
                    "key-2": {"firstName": "New"},
                }
            ),
        },
        seeded=({"liveChatExternalKey": "key-1", "firstName": "Old"},),
        key="liveChatExternalKey",
    ),
    "blocked_field": Scenario(
        {**NAMED, "phone": "phone"},
        ({"email": _B, "first_name": "Bea", "phone": "2"}, {"email": _C, "first_name": "Cal"}),
        {
            "blocked_field=silent": Outcome({_B: {**_BEA, "phone": "1"}, _C: _CAL}),
            "blocked_field=warning": Outcome({_B: {**_BEA, "phone": "1"}, _C: _CAL}),
            "blocked_field=1003": Outcome({_B: {**_BEA, "phone": "1"}, _C: _CAL}, {_B: "1003"}),
        },
        seeded=({"email": _B, "firstName": "Old", "phone": "1"},),
        options={"blocked_fields": ["phone"]},
    ),
}


@each_of(SCENARIOS)
def test_each_record_is_delivered_or_in_the_error_log(
    question: Question, position: str, marketo: MarketoSandbox, target: InProcess
) -> None:
    scenario = SCENARIOS[question.name]
    switch = question.positions[position]
    outcome = scenario.outcomes[position]
    streams = {"visitors": {"key": scenario.key, "fields": scenario.fields}}
    head = schema(properties=["email", "first_name", "note", "city", "phone"])
    marketo.reset(custom_fields=scenario.before)
    described = target.run([head, state(0)], streams=streams)
    marketo.set_options(**scenario.options, **switch, custom_fields=scenario.after)
    marketo.seed(scenario.seeded)
    messages = [head, *(record(**each) for each in scenario.records), state(1)]

    ended = target.run(messages, streams=streams)

    assert described.code == 0, described.said
    assert ended.code == outcome.code, ended.said
    assert ended.states == ([1] if outcome.code == 0 else []), "STATE passes what is settled"
    assert _held(marketo, scenario) == outcome.held
    assert {key: each.code for key, each in target.logged().items()} == outcome.logged
    counts = marketo.counts()
    assert (counts.duplicates_created, counts.overlapping_keys, counts.cleared) == (0, 0, {})
    assert not counts.rejected.keys() & {"606", "607", "615"}

    # Marketo is as it was described: what could not be delivered can.
    usual = {name: getattr(Options(), name) for name in switch}
    marketo.set_options(**usual, custom_fields=scenario.before, blocked_fields=[])
    again = target.run(messages, streams=streams)

    assert (again.code, again.states) == (0, [1]), again.said
    there = Counter(lead[scenario.key] for lead in marketo.leads())
    assert set(there.values()) == {1}, "nobody is there twice"
    wanted = {each["email"] for each in scenario.records if "," not in each["email"]}
    assert wanted <= set(there)


def _held(marketo: MarketoSandbox, scenario: Scenario) -> dict[str, Row]:
    """Of each person, the fields that the outcomes speak of, empty ones left out."""
    rows = [row for outcome in scenario.outcomes.values() for row in outcome.held.values()]
    names = {name for row in rows for name in row}
    return {
        lead[scenario.key]: {name: lead[name] for name in names if lead.get(name)}
        for lead in marketo.leads()
    }


# The day's quota

_QUOTA = 24


@dataclass
class Calendar:
    """The target as a process whose wall clock goes with the sandbox's."""

    marketo: MarketoSandbox
    job: Job
    people: People
    position: int = 0

    def run(self) -> int:
        """One run from the last STATE; its exit code."""
        ahead = self.marketo.now() - time.time()
        lines = self.people.lines(self.position)
        attempt = self.job.attempt(lines, self.position, seconds_later=ahead)
        if attempt.states:
            self.position = attempt.states[-1][1]
        assert "Traceback" not in attempt.err
        return attempt.code


def calendar(
    marketo: MarketoSandbox, folder: Path, start: datetime, switch: Mapping[str, Any]
) -> Calendar:
    """An instance with little quota, and 40 records in calls of four rows."""
    marketo.reset(clock_start=start.isoformat(), daily_quota=_QUOTA, journal_values=True, **switch)
    job = Job(marketo, folder, batch_size_rows=4, max_daily_calls=_QUOTA)
    return Calendar(marketo, job, People.of(1, 40))


@each_of(["quota_zone"])
def test_a_spent_quota_is_tried_after_either_midnight(
    question: Question, position: str, marketo: MarketoSandbox, tmp_path: Path
) -> None:
    """At 5:30 UTC in July it is the next day in Chicago, and the same day in standard time."""
    before_both = datetime(2026, 7, 15, 4, 30, tzinfo=UTC)
    days = calendar(marketo, tmp_path, before_both, question.positions[position])
    marketo.other_calls(_QUOTA)
    codes = [days.run()]
    marketo.advance_clock(3600)
    codes.append(days.run())
    marketo.advance_clock(3600)
    codes.append(days.run())

    back_at_first = position == "quota_zone=chicago"
    assert codes == [BUDGET_SPENT, 0 if back_at_first else BUDGET_SPENT, 0]
    assert days.position == 40, "everything arrived"
    assert marketo.counts().duplicates_created == 0
    assert marketo.counts().rejected.get("607", 0) <= 2, "a spent quota is tried with one call"


@each_of(["usage_age"])
def test_figures_that_are_old_cost_refusals_and_no_records(
    question: Question, position: str, marketo: MarketoSandbox, tmp_path: Path
) -> None:
    noon = datetime(2026, 7, 15, 17, 0, tzinfo=UTC)
    days = calendar(marketo, tmp_path, noon, question.positions[position])
    with MarketoApi(marketo) as somebody:
        somebody.log_in()
        somebody.call("GET", "/v1/stats/usage.json")
    marketo.other_calls(_QUOTA - 12)
    codes = [days.run()]
    refused = marketo.counts().rejected.get("607", 0)
    marketo.advance_clock(86_400)
    codes.append(days.run())

    assert codes == [BUDGET_SPENT, 0]
    # Known to be spent, the quota is left alone; otherwise the calls in flight find out.
    assert (refused == 0) == (position == "usage_age=0.0")
    assert refused <= SLOTS
    assert days.position == 40, "everything arrived"
    assert marketo.counts().duplicates_created == 0


@each_of(["describe_lag"])
def test_a_field_that_describe_still_tells_of_costs_nobody(
    question: Question, position: str, marketo: MarketoSandbox, target: InProcess
) -> None:
    """Whoever is not written for it is in the error log, or no bookmark passes."""
    note = {"name": "chatNote", "data_type": "string"}
    marketo.set_options(**question.positions[position], custom_fields=[note])
    marketo.advance_clock(600)
    streams = {"visitors": {"fields": NOTED}}
    head = schema(properties=["email", "first_name", "note"])
    people = [record(f"p{n}@example.com", first_name=f"p{n}", note="x") for n in range(12)]
    assert target.run([head, state(0)], streams=streams).code == 0

    marketo.set_options(custom_fields=[])
    gone = target.run([head, *people, state(1)], streams=streams)
    arrived = {lead["email"] for lead in marketo.leads()}
    if gone.states:
        assert arrived | target.logged().keys() == {f"p{n}@example.com" for n in range(12)}
    marketo.advance_clock(600)
    known = target.run([head, *people, state(2)], streams=streams)
    assert (known.code, known.states) == (1, [])
    assert "Marketo has no field `chatNote`" in known.said

    marketo.set_options(custom_fields=[note])
    soon = target.run([head, *people, state(3)], streams=streams)
    assert (soon.code, soon.states) in ((0, [3]), (1, []))
    marketo.advance_clock(600)
    again = target.run([head, *people, state(4)], streams=streams)
    assert (again.code, again.states) == (0, [4])
    assert sorted(lead["chatNote"] for lead in marketo.leads()) == ["x"] * 12
    assert marketo.counts().duplicates_created == 0
