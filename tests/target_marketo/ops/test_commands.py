"""errors, replay, purge, usage: what a person on call types."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from target_marketo.store.error_log import mapping_digest
from target_marketo.store.run_ledger import RunLedger
from tests.target_marketo.conftest import Target, record, schema, state

from .conftest import EMAILS, Ops, Store, failure

if TYPE_CHECKING:
    from tests.sandbox.marketo.client import MarketoSandbox

OPS = str(Path(sys.executable).with_name("marketo-ops"))


def test_errors_lists_open_entries_with_masked_keys_and_the_cure(ops: Ops, store: Store) -> None:
    store.add(failure(), failure(EMAILS[1], "invalid_email"))
    store.resolve(failure())

    listed = ops("errors", "list")
    everything = ops.json("errors", "list", "--all")

    assert "(12 characters)" in listed.output
    assert "correct it at its source" in listed.output
    assert "j***" not in listed.output, "it is resolved"
    assert {each["code"] for each in everything} == {"1003", "invalid_email"}
    assert ops.json("errors", "list", "--code", "1003") == []


def test_errors_can_be_narrowed_by_time(ops: Ops, store: Store) -> None:
    store.add(failure(), now=lambda: datetime.now(UTC) - timedelta(days=2))
    store.add(failure(code="1006"))

    assert [each["code"] for each in ops.json("errors", "list", "--since", "1d")] == ["1006"]
    assert len(ops.json("errors", "list", "--since", "2020-01-01")) == 2
    assert "--since takes" in ops("errors", "list", "--since", "soon").output


def test_show_tells_the_shape_of_a_record_and_its_values_only_if_asked(
    ops: Ops, store: Store
) -> None:
    record_ = {"email": EMAILS[0], "phone": "5" * 300, "tags": ["a"], "x": {"y": 1}, "n": 3}
    store.add(failure(record=record_))

    shown = ops("errors", "show", "1")
    as_json = ops.json("errors", "show", "1")

    assert "1003: a value is invalid" in shown.output
    assert as_json["record"] == {
        "email": "j***@p***.example, 24 characters",
        "phone": "text of 300 characters",
        "tags": "a list of 1",
        "x": "an object of 1",
        "n": "a number",
    }
    assert "no entry 9" in ops("errors", "show", "9").output
    assert EMAILS[0] in ops("errors", "show", "1", "--reveal", "--json").stdout


def test_terminal_codes_of_a_foreign_text_are_not_printed(ops: Ops, store: Store) -> None:
    store.add(failure(code="\x1b[31m1003\x07"))

    assert "\x1b" not in ops("errors").output
    assert "\x07" not in ops("errors", "show", "1").output


def test_purge_forgets_a_person_everywhere_and_nobody_else(ops: Ops, store: Store) -> None:
    store.add(
        failure(),
        failure(EMAILS[2], form={"reply to": "JANE.DOE@planted.example"}),
        failure("xjane.doe@planted.example"),
        failure("jane.doe@planted.example.com"),
        failure(EMAILS[2]),
    )

    purged = ops.json("purge", "--email", "Jane.Doe@planted.example")

    assert (purged["person"], purged["entries_deleted"]) == ("J***@p***.example", 2)
    assert store.count() == 3
    for path in store.path.parent.glob("store.sqlite*"):
        content = path.read_bytes().lower()
        assert b'"jane.doe@planted.example"' not in content, path.name
    assert ops.json("errors", "--code", "none") == []


def test_purge_reads_the_address_from_stdin_so_that_no_shell_remembers_it(
    ops: Ops, store: Store
) -> None:
    store.add(failure())

    assert "Deleted from the error log: 1" in ops("purge", "--email", "-", input=EMAILS[0]).output
    assert store.count() == 0
    assert "one e-mail address" in ops("purge", "--email", "everybody").output


def test_replay_is_what_the_target_reads_and_resolves_what_arrives(
    target: Target, ops: Ops, store: Store, marketo: MarketoSandbox
) -> None:
    old = {"visitors": {"fields": {"email": "email", "city": "city", "firstName": "first_name"}}}
    mended = {"visitors": {"fields": {**old["visitors"]["fields"]}}}
    mended["visitors"]["fields"]["city"] = {"from": "city", "truncate": True}  # type: ignore[assignment]  # the two forms of a field
    bad = record("jane.doe@planted.example", city="x" * 300, first_name="Jane")
    target.run([schema(), bad, record("bad.address@"), state(1)], streams=old)

    unchanged = ops.json("replay", "--dry-run", TARGET_MARKETO_STREAMS=json.dumps(old))
    chosen = ops.json("replay", TARGET_MARKETO_STREAMS=json.dumps(mended))
    piped = ops("replay", TARGET_MARKETO_STREAMS=json.dumps(mended))
    ended = target.run([piped.stdout.rstrip()], streams=mended)

    assert [each["code"] for each in unchanged["not_sent"]] == ["too_long", "invalid_email"]
    assert (chosen["sent"], [each["id"] for each in chosen["not_sent"]]) == ([1], [2])
    assert ended.code == 0, ended.err
    (lead,) = marketo.leads()
    assert len(lead["city"]) == 255
    assert [each["id"] for each in ops.json("errors", "list")] == [2]
    assert ops.json("replay", "--dry-run", "--force")["sent"] == [2]


def test_replay_through_a_pipe_of_two_real_commands(
    target: Target, marketo: MarketoSandbox
) -> None:
    store = Store(target.folder, urlsplit(marketo.endpoint).netloc)
    store.add(failure(code="1007", advice="merge them", email="jane.doe@planted.example"))
    (target.folder / "config.json").write_text(json.dumps(target.config))
    pipe = f"{OPS} replay --config config.json | {Path(OPS).with_name('target-marketo')}"

    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {pipe} --config config.json"],
        cwd=target.folder,
        env=target.environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert [lead["email"] for lead in marketo.leads()] == ["jane.doe@planted.example"]
    with closing(sqlite3.connect(store.path)) as connection:
        assert connection.execute("SELECT resolved_at IS NULL FROM errors").fetchall() == [(0,)]


def test_replay_keeps_a_value_that_marketo_refused_until_the_mapping_changes(
    ops: Ops, store: Store
) -> None:
    streams = {"visitors": {"fields": {"email": "email"}}}
    store.add(failure(), failure(code="1007"), failure(code="1017"))

    same = ops.json("replay", "--dry-run")
    changed = ops.json("replay", "--dry-run", TARGET_MARKETO_STREAMS=json.dumps(streams))

    assert (same["sent"], [each["code"] for each in same["not_sent"]]) == ([2], ["1003", "1017"])
    assert changed["sent"] == [1, 2]


def test_replay_sends_each_persons_records_together_oldest_first(ops: Ops, store: Store) -> None:
    store.add(failure(code="1007", n=1), failure(EMAILS[2], code="1007"), failure(code="1007", n=2))

    lines = ops("replay").stdout.splitlines()

    sent = [json.loads(line)["record"] for line in lines if '"RECORD"' in line]
    assert [(each["email"], each.get("n")) for each in sent] == [
        (EMAILS[0], 1),
        (EMAILS[0], 2),
        (EMAILS[2], None),
    ]


def test_replay_waits_for_a_run_that_is_under_way(ops: Ops, store: Store) -> None:
    store.add(failure(code="1007"))
    with closing(store.open()) as database:
        a_minute_ago = datetime.now(UTC) - timedelta(minutes=1)
        RunLedger(database, "other", store.instance, lambda: a_minute_ago).started()

    refused = ops("replay")

    assert refused.exit_code == 1
    assert "a run is under way" in refused.output
    assert ops.json("replay", "--dry-run", "--force")["sent"] == [1]


def test_usage_shows_calls_and_runs_and_asks_marketo_only_if_told(
    target: Target, ops: Ops, marketo: MarketoSandbox
) -> None:
    target.run([schema(), record("jane.doe@planted.example"), state(1)])
    marketo.other_calls(500)
    marketo.reset_counts()

    before = ops.json("usage")
    asked = ops.json("usage", "--ask")
    table = ops("usage")

    assert before["today_ours"] == 4
    assert before["calls_by_kind_24h"]["createOnly"] == 1
    assert before["runs_24h"][0]["delivered"] == 1
    assert asked["today_everybody"] >= 500
    assert marketo.counts().calls == {"identity": 1, "usage": 1}
    assert "left of max_daily_calls" in table.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("errors", "--config", "nowhere.json"), "there is no file nowhere.json"),
        (("errors", "list", "--limit", "0"), "Invalid value"),
        (("nothing",), "No such command"),
    ],
)
def test_what_a_user_can_cause_is_one_line(ops: Ops, arguments: Any, said: str) -> None:
    result = ops(*arguments)

    assert result.exit_code != 0
    assert said in result.output
    assert "Traceback" not in result.output


def test_settings_come_from_the_project_then_dotenv_then_the_environment(
    ops: Ops, store: Store, tmp_path: Path
) -> None:
    store.add(failure(code="1007"))
    (tmp_path / "meltano.yml").write_text(
        "default_environment: prod\n"
        "environments:\n- name: prod\n  config: {plugins: {loaders: "
        "[{name: target-marketo, config: {max_daily_calls: 222}}]}}\n"
        "plugins:\n  loaders:\n  - name: target-marketo\n    config:\n"
        "      max_daily_calls: 111\n      rate_limit_calls: 11\n      partition_name: $WHERE\n"
    )
    (tmp_path / ".env").write_text("TARGET_MARKETO_RATE_LIMIT_CALLS=22\nWHERE=Europe\n")

    of_files = ops.json("usage")
    of_environment = ops.json("usage", TARGET_MARKETO_RATE_LIMIT_CALLS="33")

    assert (of_files["daily_limit"], of_files["calls_limit"]) == (222, 22)
    assert of_environment["calls_limit"] == 33


def test_help_is_whole_at_80_columns() -> None:
    for arguments in ([], ["errors"], ["activities"]):
        shown = subprocess.run(
            [OPS, *arguments, "--help"],
            env={**os.environ, "COLUMNS": "80"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert "..." not in shown.replace("[ARGS]...", "")
        assert "\\b" not in shown


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["status", "--format", "json"],
        ["status", "--format", "prometheus"],
        ["errors"],
        ["errors", "list"],
        ["errors", "show", "1", "--reveal"],
        ["replay", "--force"],
        ["usage"],
        ["check"],
    ],
    ids=" ".join,
)
def test_where_the_output_has_no_room_it_is_one_line(
    ops: Ops, store: Store, arguments: list[str]
) -> None:
    store.add(failure())
    environment = {name: value for name, value in os.environ.items() if name not in ops.environment}
    given = {name: value for name, value in ops.environment.items() if value is not None}

    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [OPS, *arguments],
            env=environment | given,
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert done.returncode == 1
    *_, last = done.stderr.splitlines()
    assert last == "Error: the output cannot be written (No space left on device)"
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    assert "planted" not in done.stderr


def test_what_a_replay_would_leave_out_fits_80_columns(
    target: Target, ops: Ops, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.run([schema(), record("bad.address@"), state(1)])
    store.add(failure(code="1007"))
    monkeypatch.setenv("FORCE_COLOR", "1")

    shown = ops("replay", "--dry-run", "--since", "1d", COLUMNS="80").output

    plain = re.sub(r"\x1b\[[\d;]*m", "", shown)
    assert "1 record would be sent" in plain
    assert "1 record would not" in plain
    (line,) = [each for each in plain.splitlines() if "invalid_email" in each]
    assert line.rstrip().endswith("the mapping refuses it")


def test_help_is_quick_because_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, target_marketo.ops.command as c\n"
        "heavy = {'sqlalchemy', 'singer_sdk', 'requests', 'jinja2', 'rich', 'yaml'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_mapping_digests_tell_settings_apart_in_any_order() -> None:
    assert mapping_digest({"a": 1, "b": 2}) == mapping_digest({"b": 2, "a": 1})
    assert mapping_digest(None) != mapping_digest({})
