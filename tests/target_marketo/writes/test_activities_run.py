"""Custom activities through the whole target: each chat once on the right person's timeline."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from target_marketo.ops.errors_log import replay
from target_marketo.ops.errors_log.entries import Filter
from target_marketo.store.database import open_database
from tests.sandbox.faults import Fault
from tests.sandbox.marketo_examples import EXAMPLES
from tests.target_marketo.conftest import schema, state
from tests.target_marketo.writes.chatting import (
    ADD,
    CHATS,
    NOW,
    PEOPLE,
    PROPERTIES,
    QUICK,
    READ,
    chat,
    messages,
    states,
    streams,
    wrong,
)
from tests.target_marketo.writes.troubles import TROUBLES, about

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.marketo.client import MarketoSandbox
    from tests.target_marketo.in_process import InProcess


def test_each_chat_is_there_once_and_a_second_run_adds_and_reads_nothing(
    marketo: MarketoSandbox, target: InProcess, tmp_path: Path
) -> None:
    first = target.run(messages(), streams=streams())
    calls = marketo.counts().calls
    second = target.run(messages(), streams=streams())
    again = marketo.counts().calls

    assert [(ended.code, ended.states) for ended in (first, second)] == [(0, [{"done": 1}])] * 2
    assert wrong(marketo) == []
    assert calls[ADD] == 1
    assert [calls[kind] for kind in ("activity_types", "paging_token", READ)] == [2, 1, 1]
    for kind in (ADD, "activity_types", "paging_token", READ):
        assert again[kind] == calls[kind]
    assert states(tmp_path) == {"done": CHATS}
    assert target.logged() == {}


def test_calls_are_full(marketo: MarketoSandbox, target: InProcess) -> None:
    target.run(messages(chats=620), streams=streams())
    assert marketo.counts().calls[ADD] == 3
    assert wrong(marketo, 620) == []


def test_of_two_streams_the_first_writes_it(marketo: MarketoSandbox, target: InProcess) -> None:
    names = ("chats", "archives")
    ended = target.run(messages(*names), streams=streams(*names))
    assert (ended.code, ended.states) == (0, [{"done": 1}])
    assert wrong(marketo) == []


# What refuses a member of a list may pass for an activity.
OF_ACTIVITIES = TROUBLES | {"1049 to some": (Fault(what="row", code="1049", share=0.5, at_most=1),)}
TELLING = {"partly, 604", "late", "502, applied", "cut", "606", "413", "1004 to some", "reordered"}


@pytest.mark.parametrize("trouble", OF_ACTIVITIES)
def test_no_trouble_writes_a_chat_twice_or_loses_it(
    marketo: MarketoSandbox,
    target: InProcess,
    tmp_path: Path,
    trouble: str,
    request: pytest.FixtureRequest,
) -> None:
    if trouble not in TELLING and not request.config.getoption("--long"):
        pytest.skip("takes seconds, and is much like others: --long")
    marketo.set_options(activity_lag=0.8)
    marketo.set_faults([about(fault, ADD) for fault in OF_ACTIVITIES[trouble]])
    ended = target.run(messages(text="hello"), streams=streams(), **QUICK)

    assert (ended.code, ended.states, ended.said) == (0, [{"done": 1}], "")
    assert wrong(marketo) == []
    assert target.logged() == {}
    assert states(tmp_path) == {"done": CHATS}


def test_what_only_a_person_can_tell_stands_in_the_error_log_and_is_never_sent(
    marketo: MarketoSandbox, target: InProcess, tmp_path: Path
) -> None:
    marketo.set_faults([Fault(what="reset", calls=(ADD,))])
    ended = target.run(messages(chats=2), streams=streams(), **QUICK)

    assert (ended.code, ended.states) == (0, [{"done": 1}])
    assert states(tmp_path) == {"undecided": 2}
    assert {(each.code, each.part.partition("#")[0]) for each in target.entries()} == {
        ("undecided", "activity:livechatChat")
    }
    marketo.set_faults([])
    target.run(messages(chats=2), streams=streams(), **QUICK)
    assert marketo.counts().calls[ADD] == 3
    assert states(tmp_path) == {"undecided": 2}


def test_a_type_that_is_not_there_costs_no_person_and_may_be_skipped(
    marketo: MarketoSandbox, target: InProcess
) -> None:
    ended = target.run(messages(), streams=streams(type="nothing"))
    assert (ended.code, ended.states, len(marketo.leads())) == (1, [{"done": 1}], PEOPLE)
    assert "marketo-ops setup --apply" in ended.said
    assert {each.part.partition("#")[0] for each in target.entries()} == {"activity:nothing"}

    skipped = target.run(messages(), streams=streams(type="other", if_missing="skip"))
    assert (skipped.code, skipped.states) == (0, [{"done": 1}])
    assert len(target.entries()) == CHATS


@pytest.mark.parametrize("code", ["603", "616", "703"])
def test_activities_that_are_not_allowed_cost_no_person(
    marketo: MarketoSandbox, target: InProcess, code: str
) -> None:
    marketo.set_faults([Fault(what="answer", code=code, calls=(ADD,))])
    ended = target.run(messages(), streams=streams())
    assert (ended.code, ended.states, len(marketo.leads())) == (1, [{"done": 1}], PEOPLE)
    assert {each.code for each in target.entries()} == {code}


@pytest.mark.parametrize("code", ["1003", "704"])
@pytest.mark.parametrize("call", ["activity_types", "paging_token", READ])
def test_a_reading_that_is_refused_is_told_once_and_blames_no_chat(
    marketo: MarketoSandbox, target: InProcess, call: str, code: str
) -> None:
    """Of a call that has no rows, fewer cannot be sent: that took a call for each chat."""
    marketo.set_faults([Fault(what="answer", code=code, calls=(call,))])
    ended = target.run(messages(), streams=streams())

    assert (ended.code, ended.states, len(marketo.leads())) == (1, [{"done": 1}], PEOPLE)
    assert code in ended.said
    assert "report it with the request id" in ended.said
    assert marketo.counts().calls[call] == 1
    entries = target.entries()
    assert {each.code for each in entries} == {code}
    assert not any("correct the value" in each.advice for each in entries)


def test_a_text_keeps_its_length_and_a_value_of_another_type_costs_its_attribute(
    marketo: MarketoSandbox, target: InProcess
) -> None:
    given = messages(chats=1, text="long " * 2_000, seconds=12.5)
    ended = target.run(given, streams=streams())

    assert (ended.code, ended.states) == (0, [{"done": 1}])
    (made,) = [
        each["attributes"] for each in marketo.activities() if "threadId" in each["attributes"]
    ]
    assert made == {"threadId": "T0", "transcript": ("long " * 2_000).strip()}
    (entry,) = target.entries()
    assert entry.part.partition("#")[0] == "activity:livechatChat.durationSeconds"
    with contextlib.closing(open_database(target.config["store_url"])) as database:
        config = target.config | {"streams": streams()}
        planned = replay.plan(database, config, Filter(None))
    assert (planned.sent, len(planned.kept)) == ([], 1), "it would be left out again"


def test_what_never_fits_into_an_activity_is_told_and_costs_no_person_and_no_bookmark(
    marketo: MarketoSandbox, target: InProcess
) -> None:
    given = messages(chats=120, topic={"a": 1})
    ended = target.run(given, streams=streams())

    assert (ended.code, ended.states, len(marketo.leads())) == (1, [{"done": 1}], PEOPLE)
    assert "`activity.primary` of stream chats did not fit in 120 of 120 records" in ended.said
    assert len(target.entries()) == 120


def test_a_few_that_do_not_fit_into_an_activity_end_nothing(
    marketo: MarketoSandbox, target: InProcess
) -> None:
    """The first hundred values that did not fit used to be taken for the first hundred."""
    odd = [chat(number, thread_id=None) for number in range(100)]
    given = [*messages(chats=150)[:-1], *odd, state({"done": 1})]
    ended = target.run(given, streams=streams())

    assert (ended.code, ended.states) == (0, [{"done": 1}])
    assert wrong(marketo, 150) == []
    assert len(target.entries()) == 100


def test_a_dry_run_moves_nothing(
    marketo: MarketoSandbox, target: InProcess, tmp_path: Path
) -> None:
    target.run(messages(), streams=streams(), dry_run=True)
    assert marketo.activities() == []
    assert states(tmp_path) == {}


def test_a_store_that_was_lost_writes_nothing_twice(
    marketo: MarketoSandbox, target: InProcess, tmp_path: Path
) -> None:
    target.run(messages(), streams=streams())
    for file in tmp_path.glob("store.sqlite*"):
        file.unlink()
    ended = target.run(messages(chats=CHATS + 2), streams=streams(), **QUICK)

    assert (ended.code, ended.states) == (0, [{"done": 1}])
    assert wrong(marketo, CHATS + 2) == []


@pytest.mark.parametrize("token", ["activity_date", "inserted"])
def test_a_store_of_yesterday_writes_nothing_twice_even_if_it_is_still_to_come(
    marketo: MarketoSandbox, target: InProcess, tmp_path: Path, token: str
) -> None:
    """An appointment is dated ahead; which of its two times Marketo reads by, no page says."""
    marketo.set_options(activity_token=token)

    def run(number: int) -> int:
        at = (NOW + timedelta(days=10, minutes=number)).isoformat()
        given = [schema("chats", PROPERTIES), chat(number, created_at=at), state(number)]
        return target.run(given, streams=streams(), **QUICK).code

    assert run(1) == 0
    for file in tmp_path.glob("store.sqlite*"):
        shutil.copy(file, tmp_path / f"backup-{file.name}")
    assert run(2) == 0
    for file in tmp_path.glob("store.sqlite*"):
        file.unlink()
    for file in tmp_path.glob("backup-*"):
        file.rename(tmp_path / file.name.removeprefix("backup-"))
    assert run(2) == 0

    threads = [each["attributes"].get("threadId") for each in marketo.activities()]
    assert sorted(filter(None, threads)) == ["T1", "T2"]


def test_an_old_chat_is_skipped(marketo: MarketoSandbox, target: InProcess, tmp_path: Path) -> None:
    ended = target.run(
        messages(created_at="2020-01-01T00:00:00Z"), streams=streams(since="first_run")
    )
    assert (ended.code, ended.states) == (0, [{"done": 1}])
    assert ADD not in marketo.counts().calls
    assert states(tmp_path) == {}


def test_when_it_was_sent_is_told_by_marketos_clock(
    marketo: MarketoSandbox, target: InProcess, tmp_path: Path
) -> None:
    """This host's may be wrong by hours: what rests would then rest for hours, or not at all."""
    marketo.reset(**EXAMPLES, clock_start=(NOW + timedelta(hours=3)).isoformat())
    before = marketo.now()
    target.run(messages(chats=2), streams=streams())

    with contextlib.closing(sqlite3.connect(tmp_path / "store.sqlite")) as connection:
        sent = [row[0] for row in connection.execute("SELECT sent_at FROM activities")]
    assert len(sent) == 2
    for each in sent:
        assert before - 1 <= each <= marketo.now()
