"""Every code that Marketo documents, answered by the sandbox: what its journal shows the target do.

The codes, by what they ask for, stand in `scripted.py`. `test_error_codes.py` holds `errors.py` to
the list; there, client and loader are alone on a scripted clock. Here the whole target runs, and
what reached Marketo is the judge. Codes that do not end a run share one: each strikes the calls of
a person of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from target_marketo.delivery import standstill
from target_marketo.delivery.standstill import MAX_ATTEMPTS
from target_marketo.marketo.codes import of_response, of_row
from target_marketo.singer.run_end import EXIT_BUDGET, EXIT_FAILED
from tests.sandbox.faults import Fault
from tests.target_marketo.conftest import record, schema, state
from tests.target_marketo.in_process import Ended, InProcess, Logged
from tests.target_marketo.marketo.scripted import (
    EVERYBODY_WAITED,
    FEWER_AT_ONCE,
    LOOKED_UP_AGAIN,
    NOTHING_FOUND,
    REQUEST_SPLIT,
    REQUEST_WAITED,
    ROW_LOGGED,
    ROW_LOOKED_UP_AGAIN,
    ROW_WAITED,
    SPLIT,
    STOPPED_UNTIL_MIDNIGHT,
    STOPPING,
    TOKEN_RENEWED,
    WAITED,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.sandbox.marketo.client import MarketoSandbox
    from tests.sandbox.marketo.counts import Counts, JournalEntry

COMPANY = 8
WINDOW_SECONDS = 4
SHORTEST_PAUSE = 0.05  # of a window, for everybody, after a refusal
SLOTS = 10
SLOTS_LATER = 8  # after one refusal, within the next calls
# The sandbox's own limits are out of the way: what is refused is refused by the script.
SPACIOUS = {"rate_calls": 100_000, "slots": 100, "journal_values": True}
SETTINGS: dict[str, Any] = {
    "streams": {"visitors": {"fields": {"email": "email", "firstName": "first_name"}}},
    "rate_limit_calls": 100,
    "rate_limit_seconds": 1,
    "max_batch_age_seconds": 1,
    "request_timeout_seconds": 3,  # for as long, and a second, a lost call may be at work
}
EVERY_WAITED = [*WAITED, *REQUEST_WAITED]
EVERY_SPLIT = [*SPLIT, *REQUEST_SPLIT]
BREAKING = ["604", "611"]


def person(what: str, code: str) -> str:
    return f"{what}.{code}@example.com"


def refusing(code: str, whom: str, *, call: str = "sync", **options: Any) -> Fault:
    """The calls about a person are refused; codes below 600 are HTTP's."""
    what: Any = "answer" if int(code) >= 600 else "status"
    return Fault(what=what, code=code, calls=(call,), holding=whom, **options)


def skipping(code: str, whom: str, **options: Any) -> Fault:
    return Fault(what="row", code=code, calls=("sync",), holding=whom, share=1.0, **options)


@dataclass(frozen=True)
class Walk:
    """What one run over many troubles has left behind."""

    ended: Ended
    journal: list[JournalEntry]
    counts: Counts
    logged: dict[str, Logged]
    created: list[str]

    def writes(self, whom: str) -> list[JournalEntry]:
        return [each for each in self.journal if each.kind == "sync" and whom in each.keys]

    def answers(self, whom: str) -> list[str]:
        """What each write of a person was answered: a code, or what became of the row."""
        return [_answer(each, whom) for each in self.writes(whom)]

    def lookups(self, whom: str) -> int:
        return sum(each.kind == "lookup" and whom in each.keys for each in self.journal)


def _answer(entry: JournalEntry, whom: str) -> str:
    if entry.code or entry.http_status != 200:
        return entry.code or str(entry.http_status)
    (row,) = [row for row in entry.rows if row.key == whom]
    return row.codes[0] if row.codes else row.status


class Walker:
    """Sets the sandbox to a script, and runs the target over people."""

    def __init__(self, marketo: MarketoSandbox, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._marketo = marketo
        self._target = InProcess(marketo, folder, patch.setattr)

    def walk(self, people: list[str], faults: list[Fault], **options: Any) -> Walk:
        marketo_options = options.pop("marketo", {})
        self._marketo.reset(**SPACIOUS, **marketo_options)
        self._marketo.set_faults(faults)
        messages = [schema(), *(record(email, first_name="Ann") for email in people), state(1)]
        ended = self._target.run(messages, **(SETTINGS | options))
        return Walk(
            ended,
            self._marketo.journal(),
            self._marketo.counts(),
            self._target.logged(),
            sorted(lead["email"] for lead in self._marketo.leads()),
        )


@pytest.fixture(scope="module")
def walker(
    marketo_instance: MarketoSandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Walker]:
    with pytest.MonkeyPatch.context() as patch:
        walker = Walker(marketo_instance, tmp_path_factory.mktemp("walk"), patch)
        for rest in ("AFTER_TRANSIENT_SECONDS", "REST_SECONDS", "LONGEST_REST_SECONDS"):
            patch.setattr(standstill, rest, getattr(standstill, rest) / 5)
        yield walker


# What refuses a whole call, and passes


@pytest.fixture(scope="module")
def passing(walker: Walker) -> Walk:
    """One call at a time, one person each."""
    faults = [
        *(refusing(code, person("waited", code), at_most=2) for code in EVERY_WAITED),
        *(refusing(code, person("token", code), at_most=1) for code in TOKEN_RENEWED),
        *(refusing(code, person("lost", code), at_most=1) for code in LOOKED_UP_AGAIN),
        *(
            refusing(code, person("done", code), at_most=1, applied=True)
            for code in LOOKED_UP_AGAIN
        ),
        *(
            refusing(code, person("nobody", code), call="lookup", at_most=1)
            for code in NOTHING_FOUND
        ),
    ]
    people = [fault.holding for fault in faults]
    return walker.walk(people, faults, batch_size_rows=1, max_concurrent_calls=1)


def test_everybody_arrived_once_whatever_was_answered(passing: Walk) -> None:
    groups = {
        "waited": EVERY_WAITED,
        "token": TOKEN_RENEWED,
        "lost": LOOKED_UP_AGAIN,
        "done": LOOKED_UP_AGAIN,
        "nobody": NOTHING_FOUND,
    }
    everybody = [person(what, code) for what, codes in groups.items() for code in codes]

    assert (passing.ended.code, passing.ended.states) == (0, [1]), passing.ended.said
    assert passing.created == sorted(everybody)
    assert passing.counts.overlapping_keys == passing.counts.duplicates_created == 0
    assert not passing.logged.keys() & set(everybody)


@pytest.mark.parametrize("code", EVERY_WAITED)
def test_what_passes_is_sent_again(passing: Walk, code: str) -> None:
    whom = person("waited", code)

    assert passing.answers(whom) == [code, code, "created"]
    assert passing.lookups(whom) == 1


@pytest.mark.parametrize("code", TOKEN_RENEWED)
def test_a_refused_token_is_fetched_again(passing: Walk, code: str) -> None:
    whom = person("token", code)
    refused = next(each for each in passing.journal if each.code == code)
    after = passing.journal[passing.journal.index(refused) + 1 :]

    assert [each.kind for each in after[:2]] == ["identity", "sync"]
    assert passing.answers(whom) == ["created"], "a call that is not let in is about nobody"
    assert passing.lookups(whom) == 1


@pytest.mark.parametrize("code", EVERYBODY_WAITED)
def test_a_full_window_makes_everybody_wait(walker: Walker, code: str) -> None:
    people = [person(f"rate{number}", code) for number in range(4)]
    whom = people[1]

    walk = walker.walk(
        people,
        [refusing(code, whom, at_most=1)],
        batch_size_rows=1,
        max_concurrent_calls=1,
        rate_limit_seconds=WINDOW_SECONDS,
    )

    refused = walk.writes(whom)[0]
    later = [each.arrival for each in walk.journal if each.arrival > refused.arrival]
    assert min(later) - refused.reply >= WINDOW_SECONDS * SHORTEST_PAUSE
    assert walk.answers(whom) == [code, "created"]
    assert walk.lookups(whom) == 1
    assert walk.created == people


@pytest.mark.parametrize("code", LOOKED_UP_AGAIN)
def test_after_an_unknown_outcome_the_person_is_looked_up(passing: Walk, code: str) -> None:
    lost, done = person("lost", code), person("done", code)

    assert passing.answers(lost) == [code, "created"]
    assert passing.answers(done) == [code], "it was carried out: nothing is written again"
    assert passing.lookups(lost) == passing.lookups(done) == 2


@pytest.mark.parametrize("code", NOTHING_FOUND)
def test_no_data_is_nobody_found(passing: Walk, code: str) -> None:
    whom = person("nobody", code)

    assert passing.answers(whom) == ["created"]
    assert passing.lookups(whom) == 1


@pytest.mark.parametrize("code", FEWER_AT_ONCE)
def test_too_many_at_once_are_fewer_from_then_on(walker: Walker, code: str) -> None:
    people = [person(f"crowd{number:02}", code) for number in range(40)]

    walk = walker.walk(
        people,
        [refusing(code, people[12], at_most=1)],
        batch_size_rows=1,
        max_concurrent_calls=SLOTS,
        marketo={"latency_median": 0.6, "latency_sigma": 0.0},
    )

    assert walk.created == people
    (refused,) = [each for each in walk.journal if each.code == code]
    later = [each for each in walk.journal if each.arrival > refused.reply + 0.2]
    assert _most_at_once([each for each in walk.journal if each not in later]) > SLOTS_LATER
    assert _most_at_once(later[:20]) <= SLOTS_LATER


def _most_at_once(entries: list[JournalEntry]) -> int:
    changes = [(each.arrival, 1) for each in entries] + [(each.reply, -1) for each in entries]
    most = now = 0
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most


# What one row does to its call


@pytest.fixture(scope="module")
def breaking(walker: Walker) -> Walk:
    """For each code a call's worth of people, one of whom spoils every call that he is in."""
    every = [*EVERY_SPLIT, *BREAKING]
    people = [
        person("poison" if number == COMPANY // 2 else f"fellow{number}", code)
        for code in every
        for number in range(COMPANY)
    ]
    faults = [refusing(code, person("poison", code)) for code in every]
    return walker.walk(people, faults, batch_size_rows=COMPANY)


@pytest.mark.parametrize("code", [*EVERY_SPLIT, *BREAKING])
def test_a_row_that_spoils_its_call_is_isolated_and_logged(breaking: Walk, code: str) -> None:
    poison = person("poison", code)
    fellows = {person(f"fellow{n}", code) for n in range(COMPANY) if n != COMPANY // 2}

    assert (breaking.ended.code, breaking.ended.states) == (0, [1]), breaking.ended.said
    assert fellows <= set(breaking.created)
    assert poison not in breaking.created
    assert breaking.logged[poison].code == code
    told = of_response(code).cure if code in EVERY_SPLIT else "see what Marketo holds, then replay"
    assert breaking.logged[poison].advice == told
    halvings = round(math.log2(COMPANY)) + 1
    refused = breaking.answers(poison)
    assert set(refused) == {code}
    # Whose fault it is shows only while others get through, time and again.
    most = halvings if code in EVERY_SPLIT else 2 * halvings + MAX_ATTEMPTS
    assert len(refused) <= most
    assert len(breaking.writes(poison)[-1].keys) == 1, "in the end it is alone"


# Rows


@pytest.fixture(scope="module")
def rows(walker: Walker) -> Walk:
    faults = [
        *(skipping(code, person("logged", code)) for code in ROW_LOGGED),
        *(skipping(code, person("again", code), at_most=1) for code in ROW_LOOKED_UP_AGAIN),
        *(skipping(code, person("later", code), at_most=1) for code in ROW_WAITED),
        *(skipping(code, person("never", code)) for code in (*ROW_LOOKED_UP_AGAIN, *ROW_WAITED)),
    ]
    return walker.walk([fault.holding for fault in faults], faults, batch_size_rows=1)


@pytest.mark.parametrize("code", ROW_LOGGED)
def test_a_skipped_row_is_logged_with_code_advice_and_request(rows: Walk, code: str) -> None:
    whom = person("logged", code)
    (write,) = rows.writes(whom)

    assert rows.answers(whom) == [code]
    assert rows.logged[whom] == Logged(code, of_row(code).cure, write.request_id, 0)
    assert rows.lookups(whom) == 1
    assert whom not in rows.created


@pytest.mark.parametrize(
    ("what", "code"),
    [
        *(("again", code) for code in ROW_LOOKED_UP_AGAIN),
        *(("later", code) for code in ROW_WAITED),
    ],
)
def test_a_row_that_may_pass_is_looked_up_and_decided_again(
    rows: Walk, what: str, code: str
) -> None:
    whom = person(what, code)

    assert rows.answers(whom) == [code, "created"]
    assert rows.lookups(whom) == 2
    assert whom not in rows.logged


@pytest.mark.parametrize("code", [*ROW_LOOKED_UP_AGAIN, *ROW_WAITED])
def test_a_row_that_never_passes_is_logged_in_the_end(rows: Walk, code: str) -> None:
    whom = person("never", code)

    assert set(rows.answers(whom)) == {code}
    assert 2 <= len(rows.answers(whom)) <= 6
    assert rows.logged[whom].code == code
    assert "sent again" not in rows.logged[whom].advice
    assert "looked up again" not in rows.logged[whom].advice, "nobody tries any more"
    assert rows.ended.states == [1], "what is in the error log holds nothing back"


# What ends the run


@pytest.mark.parametrize("code", sorted(set(STOPPING) - set(STOPPED_UNTIL_MIDNIGHT)))
def test_what_nothing_can_mend_ends_the_run(walker: Walker, code: str) -> None:
    whom = person("stopped", code)

    walk = walker.walk([whom], [refusing(code, whom)])

    assert walk.ended.code == EXIT_FAILED
    assert walk.ended.states == []
    assert code in walk.ended.said
    assert of_response(code).cure in walk.ended.said
    assert walk.answers(whom) == [code], "it is not tried again"
    assert walk.created == []
    assert whom not in walk.logged


@pytest.mark.parametrize("code", STOPPED_UNTIL_MIDNIGHT)
def test_a_spent_quota_ends_the_run_for_today(
    marketo: MarketoSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    walker = Walker(marketo, tmp_path, monkeypatch)  # its store: the quota stays spent
    whom = person("quota", code)

    first = walker.walk([whom], [refusing(code, whom)])
    second = walker.walk([whom], [])

    assert (first.ended.code, first.ended.states) == (EXIT_BUDGET, [])
    assert first.answers(whom) == [code]
    assert (second.ended.code, second.ended.states) == (EXIT_BUDGET, [])
    assert second.counts.calls.keys() <= {"identity"}, "no call counts before midnight"


def test_the_next_run_delivers_what_they_have_kept_back(walker: Walker) -> None:
    people = sorted(person("stopped", code) for code in STOPPING)

    walk = walker.walk(people, [])

    assert (walk.ended.code, walk.ended.states) == (0, [1])
    assert walk.created == people
