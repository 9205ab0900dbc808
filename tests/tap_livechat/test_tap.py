"""The tap as a command, against the sandbox: what arrives, what it costs, how it ends."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from livechat.agent import AgentWeb

from tap_livechat.timestamps import parse
from tests import planted, warm
from tests.sandbox.crowd import AGENTS
from tests.sandbox.livechat.client import LiveChatSandbox
from tests.tap_livechat.conftest import ARCHIVES, Output, Tap


def archives_requests(livechat: LiveChatSandbox) -> int:
    return sum(
        count
        for method, count in livechat.counts()["requests"].items()
        if method in {"list_archives", "list_chats"}
    )


def test_all_that_the_archives_hold_arrives(tap: Tap, livechat: LiveChatSandbox) -> None:
    run = tap.run()

    expected = livechat.expected()
    assert run.code == 0
    assert sorted(run.values("chats", "thread_id")) == sorted(expected["threads"])
    assert sorted(run.values("chat_events", "event_id")) == sorted(expected["events"])
    assert set(run.values("visitors", "visitor_id")) == set(expected["visitors"])
    emails = {row["visitor_id"]: row["email"] for row in run.records["visitors"] if row["email"]}
    assert emails == {key: found["email"] for key, found in expected["emails"].items()}


def test_every_record_fits_its_schema(tap: Tap) -> None:
    run = tap.run(streams=None)

    assert set(run.schemas) == {*ARCHIVES, "agents", "groups", "tags"}
    for stream, records in run.records.items():
        jsonschema.Draft7Validator.check_schema(run.schemas[stream]["schema"])
        check = jsonschema.Draft7Validator(run.schemas[stream]["schema"])
        keys = run.schemas[stream]["key_properties"]
        assert records, stream
        for record in records:
            check.validate(record)
            assert all(record[key] is not None for key in keys)
            for name, value in record.items():
                if name.endswith("_at") and value is not None:
                    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", value)


def test_the_vendors_own_client_sees_what_the_tap_delivered(
    tap: Tap, livechat: LiveChatSandbox
) -> None:
    run = tap.run()
    client: Any = AgentWeb.get_client(livechat.authorization, version="3.6", disable_logging=True)
    client.api_url = f"{livechat.api_url}/v3.6/agent/action"
    threads: set[str] = set()
    events: set[str] = set()
    visitors: set[str] = set()
    page: dict[str, Any] = {"sort_order": "asc", "limit": 100}
    with client.session:
        while page:
            reply = client.list_archives(**page).json()
            for chat in reply["chats"]:
                threads.add(chat["thread"]["id"])
                events.update(event["id"] for event in chat["thread"].get("events", ()))
                visitors.update(user["id"] for user in chat["users"] if user["type"] == "customer")
            page = {"page_id": reply["next_page_id"]} if "next_page_id" in reply else {}

    assert set(run.values("chats", "thread_id")) == threads
    assert len(run.records["chats"]) == len(threads)
    assert set(run.values("chat_events", "event_id")) == events
    assert set(run.values("visitors", "visitor_id")) == visitors


def test_one_pass_feeds_three_streams_and_the_last_line_says_what_it_cost(
    tap: Tap, livechat: LiveChatSandbox
) -> None:
    run = tap.run()

    threads = len(livechat.expected()["threads"])
    requests = archives_requests(livechat)
    assert requests <= math.ceil(threads / 100) + 2
    assert livechat.counts()["requests_total"] == requests
    last = run.log.splitlines()[-1]
    assert f"LiveChat requests: {requests} " in last
    assert f"${requests * 0.27 / 1000:.5f}" in last


def test_one_selected_stream_costs_the_same_pass_and_writes_nothing_else(
    tap: Tap, livechat: LiveChatSandbox
) -> None:
    run = tap.run(streams=["chat_events"])

    assert set(run.records) == set(run.schemas) == {"chat_events"}
    assert archives_requests(livechat) <= math.ceil(len(livechat.expected()["threads"]) / 100) + 2


def test_bookmarks_are_times_with_six_digits_that_go_on_while_chats_are_open(
    tap: Tap, livechat: LiveChatSandbox
) -> None:
    run = tap.run()

    expected = livechat.expected()
    assert expected["open_threads"], "the crowd has chats that are still open"
    for name in ARCHIVES:
        state = run.states[-1]["bookmarks"][name]
        assert re.fullmatch(
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", state["replication_key_value"]
        )
        assert set(state["open_threads"]) == set(expected["open_threads"])
        assert parse(state["replication_key_value"]) >= livechat.now()  # type: ignore[operator] # it is a time


def test_what_is_said_later_in_an_open_chat_arrives_with_the_next_run(tmp_path: Path) -> None:
    with LiveChatSandbox(visitors=80) as livechat:
        tap = Tap(tmp_path, livechat)
        first = tap.run()
        was_open = set(livechat.expected()["open_threads"])
        livechat.advance(12 * 3600)

        second = tap.run(state=first.states[-1])

        assert was_open
        assert was_open <= set(second.values("chats", "thread_id"))
        both = set(first.values("chats", "thread_id")) | set(second.values("chats", "thread_id"))
        assert both == set(livechat.expected()["threads"])
        assert len(second.records["chats"]) < len(first.records["chats"]) / 2
        third = tap.run(state=second.states[-1])
        assert len(third.records["chats"]) <= len(second.records["chats"])


def test_states_come_at_every_page_and_each_can_be_resumed_from(tap: Tap) -> None:
    whole = tap.run(page_size=20)
    lines = whole.stdout.splitlines()
    states = [number for number, line in enumerate(lines) if '"STATE"' in line]
    assert len(states) > 10

    for cut in states[1 : len(states) : 8]:
        before = Output(0, "\n".join(lines[: cut + 1]), "")
        rest = tap.run(state=before.states[-1], page_size=100)
        for stream, key in (
            ("chats", "thread_id"),
            ("chat_events", "event_id"),
            ("visitors", "visitor_id"),
        ):
            delivered = set(before.values(stream, key)) | set(rest.values(stream, key))
            assert delivered == set(whole.values(stream, key))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_with_a_state_behind_what_was_written(
    tmp_path: Path, number: signal.Signals
) -> None:
    with LiveChatSandbox(visitors=300, latency_seconds=0.1) as livechat:
        tap = Tap(tmp_path, livechat)
        with (tmp_path / "out").open("w") as out, (tmp_path / "log").open("w") as log:
            process = subprocess.Popen(
                tap.command(page_size=10), stdout=out, stderr=log, env=tap.environment
            )
        while livechat.counts()["requests"].get("list_archives", 0) < 4:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(number)
        code = process.wait(timeout=20)
        first = Output(code, (tmp_path / "out").read_text(), (tmp_path / "log").read_text())

        assert first.code == 128 + number
        assert '"STATE"' in first.stdout.splitlines()[-1]
        cost, reason = first.log.splitlines()[-2:]
        assert "LiveChat requests: " in cost
        assert "Stopped by" in reason
        assert "Traceback" not in first.log
        livechat.change(latency_seconds=0)
        rest = tap.run(state=first.states[-1])
        delivered = set(first.values("chats", "thread_id")) | set(rest.values("chats", "thread_id"))
        assert delivered == set(livechat.expected()["threads"])
        assert len(rest.records["chats"]) < len(delivered)


def test_a_stop_behind_a_slow_target_throws_one_page_away_at_most(
    tap: Tap, livechat: LiveChatSandbox
) -> None:
    with subprocess.Popen(
        tap.command(["chats"], page_size=10),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=tap.environment,
        text=True,
    ) as process:
        before = -1  # what it has asked for once the pipe is full
        while (paid := livechat.counts()["requests"].get("list_archives", 0)) != before or not paid:
            assert process.poll() is None
            before = paid
            time.sleep(0.7)
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        run = Output(0, process.stdout.read(), "")
        assert process.wait(timeout=20) == 128 + signal.SIGTERM

    assert len(run.records["chats"]) >= 10 * (paid - 1)
    assert paid < len(livechat.expected()["threads"]) / 10, "it was stopped before its end"


def test_a_target_that_stops_reading_ends_the_run_in_one_line(tap: Tap) -> None:
    with subprocess.Popen(
        tap.command(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=tap.environment
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        log = process.stderr.read().decode()

    assert process.returncode == 1
    assert "the target stopped reading" in log
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"personal_access_token": None}, "personal_access_token is missing"),
        ({"account_id": None, "personal_access_token": None}, "no credentials"),
        ({"page_size": 500}, "setting page_size: its maximum is 100"),
        ({"page_size": "many"}, "setting page_size: it must be of type integer"),
        ({"personal_access_token": 4711}, "setting personal_access_token: it must be of type"),
        ({"visitor_source": "crm"}, "it must be one of archives, customers, cdp"),
        ({"start_date": "yesterday"}, "setting start_date"),
        ({"api_url": "http://api.example.com"}, "setting api_url: http is for this machine only"),
        ({"api_url": "livechat"}, "setting api_url"),
        ({"personal_access_token": "wrong-secret-token"}, "rejects the credentials"),
        ({"access_token": "dal:wrong-secret-token\n ü"}, "setting access_token: it holds a blank"),
        ({"region": "fra dal"}, "setting region"),
        ({"start_date": "0001-01-01T00:00:00Z"}, "setting start_date"),
        ({"lookback_minutes": 10**20}, "setting lookback_minutes: its maximum is"),
        ({"api_url": "http://[::1"}, "setting api_url: it is not an address"),
        ({"visitor_source": "cdp", "group_ids": [1]}, "setting group_ids"),
    ],
)
def test_wrong_settings_end_the_run_in_one_line_that_names_them(
    tap: Tap, settings: dict[str, Any], says: str
) -> None:
    run = tap.run(**settings)

    assert run.code == 1
    [line] = run.errors
    assert says in line
    assert "Traceback" not in run.log
    assert "4711" not in run.log
    assert "wrong-secret-token" not in run.log
    assert not run.records


@pytest.mark.parametrize(
    ("missing", "streams", "scope"),
    [
        ("chats--all:ro", ARCHIVES, "chats--all:ro"),
        ("agents--all:ro", ["agents"], "agents--all:ro"),
        ("groups--all:ro", ["groups"], "groups--all:ro"),
        ("tags--all:ro", ["tags"], "tags--all:ro"),
    ],
)
def test_a_missing_scope_is_named(
    tap: Tap, livechat: LiveChatSandbox, missing: str, streams: list[str], scope: str
) -> None:
    scopes = livechat.settings.scopes
    livechat.change(scopes=[each for each in scopes if each != missing])
    try:
        run = tap.run(streams)
    finally:
        livechat.change(scopes=scopes)

    assert run.code == 1
    [line] = run.errors
    assert f"it needs the scope {scope}" in line
    assert "Traceback" not in run.log


def test_a_token_that_sees_only_some_groups_is_warned_about(
    tap: Tap, livechat: LiveChatSandbox
) -> None:
    scopes = livechat.settings.scopes
    livechat.change(scopes=[*(each for each in scopes if "chats" not in each), "chats--access:ro"])
    try:
        run = tap.run(
            account_id=None,
            personal_access_token=None,
            client_id=livechat.settings.client_id,
            client_secret=livechat.settings.client_secret,
            refresh_token=livechat.settings.refresh_token,
        )
    finally:
        livechat.change(scopes=scopes)

    assert run.code == 0
    assert run.log.count("LiveChat shows only part of the chats") == 1


def test_being_throttled_delays_the_run_and_loses_nothing(
    tap: Tap, livechat: LiveChatSandbox
) -> None:
    livechat.refuse(2, "too_many_requests", 0.2)

    run = tap.run()

    assert run.code == 0
    assert len(run.records["chats"]) == len(livechat.expected()["threads"])
    assert run.log.count("too_many_requests; try") == 2


def test_no_log_line_shows_anything_personal_or_secret(tap: Tap, livechat: LiveChatSandbox) -> None:
    livechat.refuse(1, "internal")
    run = tap.run(streams=None, log_level="DEBUG")
    source = tap.run(streams=["visitors"], log_level="DEBUG", visitor_source="customers")
    log = run.log + source.log

    assert "DEBUG" in log
    private = [livechat.personal_access_token, livechat.authorization.split()[1]]
    for row in run.records["visitors"]:
        private += [row[name] for name in ("email", "ip", "name", "user_agent") if row[name]]
    private += [text for text in run.values("chat_events", "text") if text and len(text) > 6]
    ordinary = {"Client", "Visitor", "Customer", "Li"}
    assert planted.shown_in(log, also=set(private) - ordinary) == []


def test_the_other_sources_of_visitors_bring_the_same_people(
    tap: Tap, livechat: LiveChatSandbox
) -> None:
    archives = tap.run(["visitors"])
    customers = tap.run(["visitors"], visitor_source="customers")
    cdp = tap.run(["visitors"], visitor_source="cdp")

    chatted = set(archives.values("visitors", "visitor_id"))
    has_open_chat = {
        livechat.crowd().visitors[thread.visitor].id
        for thread in livechat.crowd().threads
        if thread.id in livechat.expected()["open_threads"]
    }
    assert set(customers.values("visitors", "visitor_id")) == chatted | has_open_chat
    assert set(cdp.values("visitors", "visitor_id")) >= chatted
    for run in (customers, cdp):
        ids = run.values("visitors", "visitor_id")
        assert len(ids) == len(set(ids)), "nobody twice"
    assert customers.log.count("Legacy 2027-02-13") == 1
    by_id = {row["visitor_id"]: row for row in archives.records["visitors"]}
    same = ("visitor_id", "country", "timezone", "session_fields", "created_at", "visits_count")
    alike = [
        (row, known)
        for row in customers.records["visitors"]
        if (known := by_id.get(row["visitor_id"]))
        and row["visitor_id"] not in has_open_chat
        and not known["postal_code"]
    ]
    assert len(alike) > 100
    for row, known in alike:
        assert {name: row[name] for name in same} == {name: known[name] for name in same}


def test_customers_are_united_from_three_windows_and_nobody_comes_twice(
    tap: Tap, livechat: LiveChatSandbox
) -> None:
    middle = livechat.start + (livechat.end - livechat.start) / 2

    run = tap.run(
        ["visitors"],
        visitor_source="customers",
        start_date=middle.isoformat(),
        include_customers_without_chats=True,
    )

    ids = run.values("visitors", "visitor_id")
    assert len(ids) == len(set(ids))
    since = {
        thread.visitor
        for thread in livechat.crowd().threads
        if any(
            event.created_at >= middle and event.author_id and event.created_at <= livechat.end
            for event in thread.events
        )
    }
    visitors = livechat.crowd().visitors
    created = {v.number for v in visitors if middle <= v.created_at <= livechat.end}
    assert set(ids) >= {visitors[number].id for number in since | created}


@pytest.mark.parametrize("source", ["customers", "cdp"])
def test_the_other_sources_resume_from_every_state(tap: Tap, source: str) -> None:
    whole = tap.run(["visitors"], visitor_source=source, page_size=40)
    lines = whole.stdout.splitlines()
    states = [number for number, line in enumerate(lines) if '"STATE"' in line]
    middle = states[len(states) // 2]
    before = Output(0, "\n".join(lines[: middle + 1]), "")

    rest = tap.run(["visitors"], state=before.states[-1], visitor_source=source)

    both = set(before.values("visitors", "visitor_id")) | set(rest.values("visitors", "visitor_id"))
    assert both == set(whole.values("visitors", "visitor_id"))
    assert len(rest.records["visitors"]) < len(whole.records["visitors"])


@pytest.mark.parametrize("source", ["customers", "cdp"])
def test_the_other_sources_cost_a_request_for_all_rows_of_a_page_but_one(
    tap: Tap, livechat: LiveChatSandbox, source: str
) -> None:
    run = tap.run(["visitors"], visitor_source=source, page_size=20)

    people = len(run.records["visitors"])
    assert people > 100
    # Of the platform's some are of no time, and asked for with the others.
    assert livechat.counts()["requests_total"] <= math.ceil(people / 19) + 1


def test_agents_groups_and_tags_cost_one_request_each(tap: Tap, livechat: LiveChatSandbox) -> None:
    run = tap.run(["agents", "groups", "tags"])

    assert livechat.counts()["requests"] == {"list_agents": 1, "list_groups": 1, "list_tags": 1}
    assert {agent.login for agent in AGENTS} == set(run.values("agents", "id"))
    assert 0 in run.values("groups", "id")
    made_at = run.values("tags", "created_at")
    assert made_at
    assert all(each.endswith("Z") for each in made_at)


def test_settings_come_from_the_environment(tap: Tap, livechat: LiveChatSandbox) -> None:
    names = {f"TAP_LIVECHAT_{name.upper()}": value for name, value in tap.settings.items()}
    command = [tap.command()[0], "--config=ENV"]
    environment = {**os.environ, **names, "TAP_LIVECHAT_PAGE_SIZE": "50"}

    done = warm.run(command, env=environment)
    wrong = warm.run(command, env={**environment, "TAP_LIVECHAT_PAGE_SIZE": "many"})

    assert done.returncode == 0
    assert Output(0, done.stdout, "").records["visitors"]
    assert wrong.returncode == 1
    assert "`TAP_LIVECHAT_PAGE_SIZE` must be a whole number (in the environment)" in wrong.stderr


@pytest.mark.parametrize("moment", ["soon", "0001-01-01T00:00:00Z"])
def test_a_broken_state_is_named(tap: Tap, moment: str) -> None:
    bookmark = {"replication_key": "last_activity_at", "replication_key_value": moment}

    run = tap.run(state={"bookmarks": {"visitors": bookmark}})

    assert run.code == 1
    [line] = run.errors
    assert "state of visitors" in line


@pytest.mark.parametrize(
    ("bookmarks", "says"),
    [
        ({"visitors": {"last_activity_at": "2026-01-01T00:00:00Z"}}, "no last_activity_at"),
        ({"visitor": {"replication_key_value": "2026-01-01T00:00:00Z"}}, "did you mean visitors"),
        ({"messages": {"replication_key": "id"}}, "no stream messages"),
        (
            {
                "visitors": {
                    "replication_key": "last_activity_at",
                    "replication_key_value": "2026-01-01T00:00:00Z",
                    "open_threads": {"T": "C"},
                }
            },
            "open_threads",
        ),
    ],
)
def test_a_bookmark_in_another_form_is_not_taken_for_none(
    tap: Tap, livechat: LiveChatSandbox, bookmarks: dict[str, Any], says: str
) -> None:
    run = tap.run(state={"bookmarks": bookmarks})

    assert run.code == 1
    [line] = run.errors
    assert says in line
    assert not livechat.counts()["requests_total"], "nothing is read, and billed, anew"


@pytest.mark.parametrize(
    "state",
    [
        {"visitors": "2026-01-01T00:00:00Z"},
        {"bookmarks": None},
        {"bookmarks": []},
        {"bookmarks": {"visitors": None}},
        {"bookmarks": {"visitors": "2026-01-01T00:00:00Z"}},
    ],
)
def test_a_state_of_another_form_is_not_taken_for_none(
    tap: Tap, livechat: LiveChatSandbox, state: dict[str, Any]
) -> None:
    run = tap.run(state=state)

    assert run.code == 1
    [line] = run.errors
    assert 'the state is not of the form {"bookmarks"' in line
    assert not livechat.counts()["requests_total"], "nothing is read, and billed, anew"


@pytest.mark.parametrize("option", ["--config", "--state", "--catalog"])
@pytest.mark.parametrize("content", ["", "{"])
def test_a_file_that_is_no_json_is_named(tap: Tap, option: str, content: str) -> None:
    command = tap.command(state={})
    Path(command[command.index(option) + 1]).write_text(content)

    done = warm.run(command, env=os.environ)

    assert done.returncode == 1
    [line] = Output(1, "", done.stderr).errors
    assert f"{option}: the file is not JSON, at line 1" in line


def test_settings_without_a_value_are_as_those_that_are_not_there(tap: Tap) -> None:
    config = tap.settings | {
        "personal_access_token": f"{tap.settings['personal_access_token']}\n",
        "lookback_minutes": None,
        "page_size": None,
        "max_concurrent_requests": None,
    }
    command = tap.command(["visitors"])
    (tap.folder / "config.json").write_text(json.dumps(config))

    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert Output(0, done.stdout, done.stderr).records["visitors"]


@pytest.mark.parametrize(("stdout", "says"), [(">&-", "is closed"), (">/dev/full", "No space")])
def test_an_output_that_cannot_be_written_ends_the_run_in_one_line(
    tap: Tap, stdout: str, says: str
) -> None:
    command = f'"$@" {stdout}'

    done = subprocess.run(
        ["sh", "-c", command, "sh", *tap.command()], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    [line] = Output(1, "", done.stderr).errors
    assert says in line
    assert "Traceback" not in done.stderr


def test_a_bug_is_reported_without_the_text_of_its_exception(tap: Tap) -> None:
    code = (
        "from tap_livechat.streams.archives import ArchivePass\n"
        "def fail(*_): raise RuntimeError('anna@example.com')\n"
        "ArchivePass.run = fail\n"
        "from tap_livechat.main import main\nmain()"
    )
    command = [sys.executable, "-c", code, *tap.command()[1:]]

    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**tap.environment, "TAP_LIVECHAT_LOGLEVEL": "DEBUG"},
    )

    assert done.returncode == 1
    assert "a bug: RuntimeError in" in done.stderr
    assert "run = fail" not in done.stderr.split("The whole story")[0]
    assert "in fail" in done.stderr
    assert "anna@example.com" not in done.stderr.replace(code.splitlines()[1], "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("package", ["tap_livechat", "target_marketo"])
def test_a_signal_while_the_command_starts_ends_it_in_one_line(
    package: str, number: signal.Signals
) -> None:
    code = (
        "import os, threading\n"
        f"from {package}.main import main\n"
        f"threading.Timer(0.1, os.kill, (os.getpid(), {int(number)})).start()\n"
        "main()"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, "--about"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 128 + number
    assert done.stderr == f"{package.replace('_', '-')}: stopped while it started\n"


@pytest.mark.parametrize("lag", [0, 600])
def test_a_chat_that_closes_just_before_a_run_and_is_archived_late_is_not_lost(
    tmp_path: Path, lag: int
) -> None:
    with LiveChatSandbox(visitors=80, archive_lag_seconds=lag) as livechat:
        tap = Tap(tmp_path, livechat)
        delivered: set[str] = set()
        state: dict[str, Any] | None = None
        for _ in range(24):  # the runs come every hour, and some chat has just closed at each
            run = tap.run_here(state=state, lookback_minutes=0)
            delivered |= set(run.values("chats", "thread_id"))
            state = run.states[-1]
            livechat.advance(3600)
        run = tap.run_here(state=state, lookback_minutes=0)
        delivered |= set(run.values("chats", "thread_id"))

        assert delivered >= set(livechat.expected()["threads"])


def test_flattening_loses_no_column(tap: Tap) -> None:
    run = tap.run(ARCHIVES, flattening_enabled=True, flattening_max_depth=1)

    for stream, name in (("visitors", "session_fields"), ("chats", "properties")):
        assert name in run.schemas[stream]["schema"]["properties"]
        assert run.records[stream]
        assert all(name in record for record in run.records[stream])


def test_deselected_properties_and_stream_maps_are_respected(tap: Tap) -> None:
    catalog = tap.catalog(["visitors"])
    for stream in catalog["streams"]:
        for item in stream["metadata"]:
            if item["breadcrumb"] == ["properties", "ip"]:
                item["metadata"]["selected"] = False
    command = tap.command(["visitors"], stream_maps={"visitors": {"email": "md5(email or '')"}})
    (tap.folder / "catalog.json").write_text(json.dumps(catalog))

    done = subprocess.run(command, capture_output=True, text=True, check=True)

    records = Output(0, done.stdout, "").records["visitors"]
    assert records
    assert all("ip" not in record for record in records)
    assert all(re.fullmatch("[0-9a-f]{32}", record["email"]) for record in records)


def test_a_long_period_is_read_in_order_for_its_pages_and_two_requests(tmp_path: Path) -> None:
    with LiveChatSandbox(light_threads=6000, latency_seconds=0.01) as livechat:
        run = Tap(tmp_path, livechat).run(["chats"], max_concurrent_requests=4)

        times = run.values("chats", "created_at")
        assert times == sorted(times)
        assert len(set(run.values("chats", "thread_id"))) == 6000
        assert archives_requests(livechat) <= 60 + 2
        assert livechat.counts()["max_in_flight"] == 1
