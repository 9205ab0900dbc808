"""`status`: one verdict, and the facts behind it; `ping`: the same for a dead-man switch."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from target_marketo.store.activity_ledger import ACTIVITIES
from target_marketo.store.run_ledger import RunLedger

from .conftest import EMAILS, Ops, Store, failure

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.marketo.client import MarketoSandbox

URL = "https://ping.example/planted-ping-token"


def ran(store: Store, ago: float, code: int = 0, error: str = "", **values: Any) -> None:
    """A run in the ledger that ended `ago` hours ago, a minute after it started."""
    ended = datetime.now(UTC) - timedelta(hours=ago)
    clock = iter([ended - timedelta(minutes=1), ended, ended])
    with closing(store.open()) as database:
        ledger = RunLedger(database, f"run {ago}", store.instance, lambda: next(clock))
        ledger.started()
        ledger.ended(values, code, "X" if code else "", error)


def under_way(store: Store, ago: float = 0.0) -> None:
    """A run without an end that was alive `ago` hours ago."""
    at = datetime.now(UTC) - timedelta(hours=ago)
    with closing(store.open()) as database:
        RunLedger(database, f"alive {ago}", store.instance, lambda: at).started()


def meltano_ran(folder: Path, state: str, ago: float) -> None:
    """A row of Meltano's own for a run of the hourly job, of six minutes."""
    (folder / ".meltano").mkdir(exist_ok=True)
    end = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=ago)
    with closing(sqlite3.connect(folder / ".meltano" / "meltano.db")) as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS runs"
            " (id INTEGER PRIMARY KEY, job_name, state, started_at, ended_at, payload,"
            " last_heartbeat_at)"
        )
        row = (
            "prod:tap-livechat-to-target-marketo",
            state,
            str(end - timedelta(hours=0.1)),
            str(end),
            str(end),  # the last heartbeat
        )
        connection.execute(
            "INSERT INTO runs (job_name, state, started_at, ended_at, last_heartbeat_at,"
            """ payload) VALUES (?, ?, ?, ?, ?, '{"error": "Extractor failed"}')""",
            row,
        )
        connection.commit()


def told(ops: Ops) -> tuple[int, str]:
    """Exit code and first line."""
    result = ops("status")
    return result.exit_code, result.stdout.splitlines()[0]


def test_a_store_in_which_nothing_has_run_is_not_healthy(ops: Ops) -> None:
    code, line = told(ops)

    assert code == 1
    assert line == "Nothing has run yet; try `marketo-ops check`, then start the job"


def test_healthy_since_the_first_good_run_after_the_last_that_failed(
    ops: Ops, store: Store
) -> None:
    ran(store, 3.1)
    ran(store, 2.1, 1, "Marketo refused it")
    ran(store, 1.1)
    ran(store, 0.1)

    code, line = told(ops)

    since = datetime.now(UTC) - timedelta(hours=1.1)
    assert (code, line) == (0, f"Healthy since {since:%Y-%m-%d %H:%M} UTC")


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([(1.1, 0, ""), (0.1, 1, "`client_id` is wrong")], r"The last run failed at .*`client_id`"),
        ([(9.1, 0, "")], "Nothing has run for 9 h 6 min"),
        ([(30, 0, ""), (0.1, 75, "no calls are left")], "No run has finished since .*calls"),
    ],
)
def test_what_is_wrong_is_the_first_line_with_its_cure(
    ops: Ops, store: Store, runs: list[tuple[float, int, str]], said: str
) -> None:
    for ago, code, error in runs:
        ran(store, ago, code, error)

    code, line = told(ops)

    assert code == 1
    assert re.match(said, line), line


def test_a_killed_run_is_reported_and_one_that_is_alive_is_not(ops: Ops, store: Store) -> None:
    ran(store, 2)
    under_way(store, 1)
    assert told(ops)[1].startswith("The last run was killed at about")

    ran(store, 0.5)
    under_way(store)
    code, line = told(ops)

    assert code == 0
    assert line.startswith("Healthy since")
    assert "under way\tsince" in ops("status").stdout


def test_a_run_that_waits_for_tomorrows_calls_is_no_failure(ops: Ops, store: Store) -> None:
    ran(store, 1.1)
    ran(store, 0.1, 75, "the day's calls are used up")

    code, line = told(ops)

    assert code == 0
    assert line.endswith("; the last run waits: the day's calls are used up")


def test_a_failure_that_only_meltano_knows_is_reported_until_a_run_goes_well(
    ops: Ops, store: Store, tmp_path: Path
) -> None:
    ran(store, 0.5)
    meltano_ran(tmp_path, "FAIL", 0.45)
    assert told(ops)[1].startswith("The last run failed at")
    assert "Meltano's Extractor; see its log: meltano logs list" in told(ops)[1]

    ran(store, 0.1)
    assert told(ops)[0] == 0


def test_all_facts_are_there_for_people_and_for_programs(ops: Ops, store: Store) -> None:
    bookmark = (datetime.now(UTC) - timedelta(hours=2)).isoformat(timespec="seconds")
    ran(store, 2.1)
    ran(store, 1.1, bookmark=bookmark)
    ran(store, 0.1)
    store.add(failure(), failure(EMAILS[2]), failure(code="too_long", field="city"))

    shown = dict(line.split("\t") for line in ops("status").stdout.splitlines()[1:])
    facts = json.loads(ops("status", "--format", "json").stdout)
    metrics = {
        sample.name: (sample.value, sample.labels)
        for family in text_string_to_metric_families(ops("status", "--format", "prometheus").stdout)
        for sample in family.samples
    }

    assert shown["last success"].endswith(", 6 min ago")
    assert shown["bookmark"].endswith("2 h 0 min behind")
    assert shown["next run"].startswith("about ")
    assert shown["open errors"].endswith("1003, too_long:city")
    assert shown["calls left"].startswith("40,000 of 40,000")
    assert shown["held"] == "nothing"
    assert (facts["ok"], facts["open_errors"]["records"], facts["held"]) == (True, 3, [])
    assert 7200 <= facts["lag_seconds"] < 7300
    assert metrics["target_marketo_healthy"] == (1.0, {"instance_host": store.instance})
    assert metrics["target_marketo_open_error_records"][0] == 3
    due = datetime.fromisoformat(facts["next_run"]).timestamp()
    assert metrics["target_marketo_next_run_timestamp_seconds"][0] == due
    assert abs(due - (datetime.now(UTC) + timedelta(hours=0.9)).timestamp()) < 120


def test_activities_that_only_a_person_can_decide_are_no_health(ops: Ops, store: Store) -> None:
    ran(store, 0.1)
    row = {
        "instance": store.instance, "type_id": 1, "once": "T1", "state": "undecided",
        "attempts": 3, "run": "r", "sent_at": 0.0, "date": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
    with closing(store.open()) as database:
        database.create_tables(ACTIVITIES)
        with database.write() as connection:
            connection.execute(ACTIVITIES.insert(), [row, row | {"once": "T2", "state": "pending"}])

    code, line = told(ops)

    assert code == 1
    assert "1 activity nobody can tell but you" in line
    assert "1 activity whose fate is looked up" in ops("status").stdout


def test_settings_that_others_may_read_are_a_warning(
    ops: Ops, store: Store, tmp_path: Path
) -> None:
    ran(store, 0.1)
    (tmp_path / ".env").write_text("")
    (tmp_path / ".env").chmod(0o644)

    code, line = told(ops)

    assert code == 0
    assert line.endswith(".env may be read by others; chmod 600 .env")


def test_a_kind_that_several_streams_have_is_named_once(ops: Ops, store: Store) -> None:
    ran(store, 0.1)
    store.add(failure(), failure(EMAILS[2])._replace(stream="chats"))

    assert "2 records of 2 people: 1003\n" in ops("status").stdout


def test_somebody_in_two_streams_is_one_person(ops: Ops, store: Store) -> None:
    ran(store, 0.1)
    store.add(failure(), failure()._replace(stream="chats"), failure(code="1004", city="Rome"))

    assert "3 records of 1 person: 1003, 1004\n" in ops("status").stdout


def test_a_clock_that_was_set_back_makes_nobody_ill(ops: Ops, store: Store) -> None:
    ran(store, -2)

    code, line = told(ops)

    assert code == 0
    assert line.startswith("Healthy since ")
    assert ", 0 s ago" in ops("status").stdout


def test_status_asks_marketo_nothing(ops: Ops, store: Store, marketo: MarketoSandbox) -> None:
    ran(store, 0.1)
    marketo.reset_counts()

    ops("status")

    assert marketo.counts().calls == {}


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was appended to the switch's address, call by call."""
    calls: list[str] = []

    class Reply:
        ok = True

    def get(url: str, **options: Any) -> Reply:
        calls.append(url.partition("planted-ping-token")[2])
        return Reply()

    monkeypatch.setattr("requests.get", get)
    return calls


@pytest.mark.parametrize(
    ("run", "arguments", "expected"),
    [
        ((0.05, 0, ""), (), (0, [""])),
        ((0.05, 0, ""), ("--exit-code", "0"), (0, [""])),
        ((0.05, 1, "it failed"), (), (1, ["/fail"])),
        ((0.05, 75, "no calls are left"), ("--exit-code", "1"), (75, [""])),
        ((0.05, 0, ""), ("--exit-code", "1"), (1, ["/fail"])),
        ((1.0, 0, ""), (), (1, ["/fail"])),
    ],
    ids=["well", "well in a shell", "failed", "budget", "the tap failed", "nothing ran"],
)  # fmt: skip
def test_ping_tells_success_failure_and_waiting_apart(
    ops: Ops,
    store: Store,
    called: list[str],
    *,
    run: tuple[float, int, str],
    arguments: tuple[str, ...],
    expected: tuple[int, list[str]],
) -> None:
    ran(store, *run)

    result = ops("ping", *arguments, MARKETO_OPS_JOB_PING_URL=URL)

    assert (result.exit_code, called) == expected, result.output
    assert "planted" not in result.output


def test_ping_leaves_a_run_that_is_still_going_alone(
    ops: Ops, store: Store, called: list[str]
) -> None:
    ran(store, 1)
    under_way(store)

    result = ops("ping", "--exit-code", "1", MARKETO_OPS_JOB_PING_URL=URL)

    assert (result.exit_code, called) == (75, [])
    assert "a run is still going" in result.output


def test_ping_leaves_a_run_alone_that_meltano_alone_knows_of_yet(
    ops: Ops, store: Store, tmp_path: Path, called: list[str]
) -> None:
    ran(store, 1)
    meltano_ran(tmp_path, "RUNNING", 0)

    result = ops("ping", "--exit-code", "1", MARKETO_OPS_JOB_PING_URL=URL)

    assert (result.exit_code, called) == (75, [])


def test_ping_without_an_address_says_so_and_still_ends_as_the_run_did(
    ops: Ops, store: Store
) -> None:
    ran(store, 0.05, 1, "it failed")

    result = ops("ping")

    assert result.exit_code == 1
    assert "`MARKETO_OPS_JOB_PING_URL` is not set" in result.output
