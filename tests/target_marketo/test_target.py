"""The command, as a person or Meltano runs it, against the sandbox."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import sqlite3
import stat
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.sandbox.faults import Fault
from tests.target_marketo.conftest import COMMAND, Target, lines, record, schema, state

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.marketo.client import MarketoSandbox


def people(count: int, **values: Any) -> list[dict[str, Any]]:
    return [record(f"p{number}@example.com", **values) for number in range(count)]


def emails(marketo: MarketoSandbox) -> set[str]:
    return {lead["email"] for lead in marketo.leads()}


def test_people_arrive_and_state_follows_them(target: Target, marketo: MarketoSandbox) -> None:
    marketo.seed(
        [
            {"email": "P1@Example.com", "city": "Paris", "firstName": "Old"},
            {"email": "p2@example.com"},
        ]
    )
    messages = [schema(), *people(700, first_name="Ann", city="Rome", country="Italy")]
    messages[350:350] = [state({"at": 349})]

    ended = target.run([*messages, record(None), state({"at": 700})])

    assert ended.code == 0, ended.err
    assert ended.states[-1] == {"at": 700}
    found = {lead["email"].lower(): lead for lead in marketo.leads()}
    assert len(found) == len(marketo.leads()) == 700
    assert found["p1@example.com"]["city"] == "Paris", "geography that exists stays"
    assert "country" not in found["p1@example.com"], "and is decided as one"
    assert found["p1@example.com"]["firstName"] == "Old"
    assert found["p2@example.com"]["country"] == "Italy"
    assert (
        "701 records received: 698 people created, 1 updated, 1 unchanged; "
        "1 records skipped without key, 0 rejected; 9 calls "
        "(createOnly 3, describe 1, lookup 3, updateOnly 1, usage 1), 0 throttled"
    ) in ended.err


def test_a_second_run_writes_nothing_and_asks_for_no_fields(
    target: Target, marketo: MarketoSandbox
) -> None:
    messages = [schema(), *people(10, first_name="Ann"), state({"at": 1})]
    target.run(messages)
    before = marketo.leads()
    marketo.reset_counts()

    ended = target.run(messages)

    assert (ended.code, ended.states) == (0, [{"at": 1}])
    assert marketo.leads() == before
    assert marketo.counts().calls == {"identity": 1, "usage": 1, "lookup": 1}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"type": "RECORD", "stream": "visitors", "rec', "is not a Singer message"),
        ("hello", "is not a Singer message"),
        ('["RECORD"]', "is not a Singer message"),
        ('{"type": "RECORD", "stream": "visitors"}', "RECORD without stream or record"),
        ('{"type": "RECORD", "stream": "other", "record": {}}', "stream without SCHEMA"),
        ('{"type": "STATE"}', "STATE without value"),
        ('{"type": "SCHEMA", "stream": "visitors"}', "SCHEMA without stream or schema"),
        ('{"type": "BATCH", "stream": "visitors"}', "is a BATCH"),
        ('{"type": "NOISE"}', "type that Singer does not know"),
    ],
)
def test_a_line_that_cannot_be_read_ends_the_run_after_what_came_before(
    target: Target, marketo: MarketoSandbox, line: str, said: str
) -> None:
    before = [schema(), *people(5), state({"at": 5}), record("later@example.com")]

    ended = target.run([*before, line, record("never@example.com"), state({"at": 9})])

    assert ended.code == 1
    assert ended.states == [{"at": 5}]
    assert "later@example.com" in emails(marketo)
    assert "never@example.com" not in emails(marketo)
    (error,) = ended.error_lines
    assert "Line 9 of the input" in error
    assert said in error
    assert "Traceback" not in ended.err


def test_half_a_line_at_the_end_is_a_line_that_cannot_be_read(target: Target) -> None:
    process = target.start()
    text = lines([schema(), record("a@example.com"), state({"at": 1})])

    out, err = process.communicate(text + '{"type": "RECORD", "str', timeout=60)

    assert process.returncode == 1
    assert json.loads(out) == {"at": 1}
    assert "Line 4 of the input" in err


def test_blank_lines_and_activate_version_are_passed_over(
    target: Target, marketo: MarketoSandbox
) -> None:
    version = {"type": "ACTIVATE_VERSION", "stream": "visitors", "version": 1}

    ended = target.run(["", schema(), "  ", version, record("a@example.com"), state(1)])

    assert (ended.code, ended.states) == (0, [1])
    assert emails(marketo) == {"a@example.com"}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"client_secret": None}, "`client_secret` is missing"),
        ({"client_id": ""}, "`client_id` is missing"),
        ({"endpoint": None}, "`endpoint` is missing"),
        ({"endpoint": "marketo"}, "`endpoint` must be an address"),
        ({"endpoint": "http://marketo.example.com"}, "`endpoint` must start with https://"),
        ({"endpoint": None, "munchkin_id": "x"}, "`munchkin_id` looks like 123-ABC-456"),
        ({"endpoint": "https://123-ABC-456.mktorest.com/rest"}, "`endpoint` is still the example"),
        ({"identity": "https://123-abc-456.mktorest.com"}, "`identity` is still the example"),
        ({"munchkin_id": "123-ABC-456"}, "`munchkin_id` is still the example"),
        (
            {"endpoint": "https://999-AAA-999.mktorest.com", "munchkin_id": "111-BBB-111"},
            "`munchkin_id` is another instance than `endpoint`",
        ),
        ({"client_secret": 123456}, "`client_secret` must be of type string"),
        ({"rate_limit_calls": "fifty"}, "`rate_limit_calls` must be of type integer"),
        ({"rate_limit_calls": 200}, "`rate_limit_calls` must be at most 100"),
        ({"batch_size_rows": 301}, "`batch_size_rows` must be at most 300"),
        ({"max_concurrent_calls": 0}, "`max_concurrent_calls` must be at least 1"),
        ({"duplicates": "best"}, "`duplicates` must be one of newest, oldest, all, reject"),
        ({"streams": "visitors"}, "`streams` must be of type object"),
        ({"identity": 5}, "`identity` must be of type string"),
        ({"identity": "ftp://marketo.example.com"}, "`identity` must be an address"),
        ({"identity": "http://marketo.example.com"}, "`identity` must start with https://"),
        ({"partition_name": 5}, "`partition_name` must be of type string"),
        ({"dry_run": "true"}, "`dry_run` must be of type boolean"),
        ({"rate_limit_seconds": 0}, "`rate_limit_seconds` must be at least 1"),
        ({"rate_limit_seconds": 3601}, "`rate_limit_seconds` must be at most 3600"),
        ({"max_daily_calls": "many"}, "`max_daily_calls` must be of type integer"),
        ({"max_daily_calls": 0}, "`max_daily_calls` must be at least 1"),
        ({"max_daily_calls": 10**25}, "`max_daily_calls` must be at most 1000000000"),
        ({"max_batch_age_seconds": 0}, "`max_batch_age_seconds` must be at least 1"),
        ({"max_batch_age_seconds": 10**20}, "`max_batch_age_seconds` must be at most 86400"),
        ({"max_rejected_percent": 50.5}, "`max_rejected_percent` must be of type integer"),
        ({"max_rejected_percent": 0}, "`max_rejected_percent` must be at least 1"),
        ({"max_rejected_percent": 101}, "`max_rejected_percent` must be at most 100"),
        ({"error_retention_days": 0}, "`error_retention_days` must be at least 1"),
        ({"error_retention_days": 10**6}, "`error_retention_days` must be at most 36500"),
        ({"request_timeout_seconds": True}, "`request_timeout_seconds` must be of type integer"),
        ({"request_timeout_seconds": 0}, "`request_timeout_seconds` must be at least 1"),
        ({"request_timeout_seconds": 10**10}, "`request_timeout_seconds` must be at most 3600"),
        ({"streams": {"visitors": {"fields": {"emial": "email"}}}}, "did you mean `email`?"),
        (
            {"streams": {"visitors": {"fields": {"email": "mail"}}}},
            "the stream has no property `mail`; did you mean `email`?",
        ),
        ({"store_url": "nonsense"}, "store_url is not a URL"),
        ({"store_url": "sqlite:////proc/store.sqlite"}, "store sqlite:////proc/store.sqlite: "),
        ({"client_secret": "not-the-secret"}, "Marketo refused `client_id` and `client_secret`"),
    ],
)
def test_a_wrong_setting_is_one_line_before_any_row_is_sent(
    target: Target, marketo: MarketoSandbox, config: dict[str, Any], said: str
) -> None:
    ended = target.run([schema(), *people(3), state({"at": 3})], **config)

    assert ended.code == 1
    assert ended.states == []
    (error,) = ended.error_lines
    assert said in error
    assert "Traceback" not in ended.err
    for secret in ("not-the-secret", "123456", marketo.client_secret):
        assert secret not in ended.err
    assert marketo.leads() == []
    assert not {"lookup", "sync"} & set(marketo.counts().calls)


@pytest.mark.parametrize(("content", "said"), [(None, "there is no file"), ("{", "is not JSON")])
def test_a_configuration_file_that_cannot_be_read_is_one_line(
    tmp_path: Path, content: str | None, said: str
) -> None:
    path = tmp_path / "config.json"
    if content is not None:
        path.write_text(content)

    done = subprocess.run(
        [COMMAND, "--config", str(path)], capture_output=True, text=True, check=False, input=""
    )

    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        (
            "TARGET_MARKETO_RATE_LIMIT_CALLS",
            "many",
            "LIMIT_CALLS` must be a whole number",
        ),
        ("TARGET_MARKETO_STREAMS", "{", "`TARGET_MARKETO_STREAMS` must be a JSON object"),
    ],
)
def test_a_wrong_variable_is_named(
    target: Target, tmp_path: Path, variable: str, value: str, said: str
) -> None:
    done = subprocess.run(
        [COMMAND, "--config=ENV"],
        capture_output=True,
        text=True,
        check=False,
        input="",
        cwd=tmp_path,
        env=target.environment() | {variable: value},
    )

    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_where_nobody_answers_is_one_line(target: Target) -> None:
    nowhere = "http://127.0.0.1:9"

    ended = target.run([schema(), *people(3)], hurried=True, endpoint=nowhere, identity=nowhere)

    assert ended.code == 1
    (error,) = ended.error_lines
    assert "check `endpoint` and `identity`" in error
    assert "Traceback" not in ended.err


def test_a_bad_record_goes_to_the_error_log_and_nobody_sees_it_elsewhere(
    target: Target, marketo: MarketoSandbox
) -> None:
    bad = [record("john.doe@"), record("a,b@example.com"), record("x@example.com", phone="9" * 300)]
    streams = {"visitors": {"fields": {"email": "email", "phone": "phone"}}}

    ended = target.run([schema(), *bad, *people(3), state({"at": 1})], streams=streams)

    assert (ended.code, ended.states) == (0, [{"at": 1}])
    assert "2 rejected, 1 values left out" in ended.err
    assert "john.doe" not in ended.err
    assert "99999" not in ended.err
    store = target.folder / "store.sqlite"
    assert stat.S_IMODE(store.stat().st_mode) == 0o600
    with sqlite3.connect(store) as connection:
        logged = connection.execute(
            "SELECT code, field, key_masked, record FROM errors ORDER BY id"
        ).fetchall()
    assert [row[:3] for row in logged] == [
        ("invalid_email", "email", "(9 characters)"),
        ("invalid_email", "email", "(15 characters)"),
        ("too_long", "phone", "x***@e***.com"),
    ]
    assert json.loads(logged[0][3])["email"] == "john.doe@"
    assert len(marketo.leads()) == 4, "who has one bad value comes without it"


def test_a_mapping_that_rejects_nearly_everything_stops_before_state_moves(
    target: Target, marketo: MarketoSandbox
) -> None:
    messages: list[dict[str, Any]] = [schema()]
    for number in range(500):
        messages += [record(f"not an e-mail {number}"), state({"at": number})]

    ended = target.run(messages)

    assert ended.code == 1
    assert ended.states == []
    assert "`max_rejected_percent`" in ended.error_lines[0]


def test_a_few_bad_records_alone_do_not_stop_the_hourly_run(target: Target) -> None:
    ended = target.run([schema(), record("bad"), state({"at": 1})])

    assert (ended.code, ended.states) == (0, [{"at": 1}])


def test_our_daily_limit_ends_the_run_with_75_and_a_safe_state(
    target: Target, marketo: MarketoSandbox
) -> None:
    marketo.other_calls(90)
    messages = [schema()]
    for number in range(3000):
        messages += [record(f"p{number}@example.com"), state({"at": number + 1})]

    ended = target.run(messages, max_daily_calls=100, max_concurrent_calls=1)

    assert ended.code == 75
    assert marketo.counts().calls_today <= 101, "the usage call itself is only seen afterwards"
    there = emails(marketo)
    promised = ended.states[-1]["at"] if ended.states else 0
    assert 0 < promised < 3000
    assert {f"p{number}@example.com" for number in range(promised)} <= there


def test_marketos_quota_ends_the_run_with_75(target: Target, marketo: MarketoSandbox) -> None:
    marketo.other_calls(49_997)

    ended = target.run([schema(), *people(10), state({"at": 1})], max_daily_calls=60_000)

    assert ended.code == 75
    assert ended.states == []
    assert "607" in ended.error_lines[0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_winds_up_and_promises_only_what_arrived(
    target: Target, marketo: MarketoSandbox, number: signal.Signals
) -> None:
    marketo.set_options(latency_median=0.3)
    process = target.start(batch_size_rows=10, max_concurrent_calls=2)
    assert process.stdin is not None
    text = lines([schema()])
    for position in range(2000):
        text += lines([record(f"p{position}@example.com"), state({"at": position + 1})])
    process.stdin.write(text)
    process.stdin.flush()
    while len(marketo.leads()) < 20:
        time.sleep(0.05)

    process.send_signal(number)
    process.send_signal(number)
    started = time.monotonic()
    out, err = process.communicate(timeout=40)

    assert process.returncode == 128 + number, err
    assert time.monotonic() - started < 30
    promised = json.loads(out.splitlines()[-1])["at"]
    assert 0 < promised < 2000
    assert {f"p{position}@example.com" for position in range(promised)} <= emails(marketo)
    assert marketo.counts().duplicates_created == 0
    assert "Traceback" not in err


def test_a_record_is_delivered_while_the_pipe_is_silent(
    target: Target, marketo: MarketoSandbox
) -> None:
    process = target.start(max_batch_age_seconds=1)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(lines([schema(), record("a@example.com"), state({"at": 1})]))
    process.stdin.flush()

    written = process.stdout.readline()  # the pipe stays open

    assert json.loads(written) == {"at": 1}
    assert emails(marketo) == {"a@example.com"}
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_nobody_reading_state_is_a_failure_but_people_arrive(
    target: Target, marketo: MarketoSandbox
) -> None:
    process = target.start()
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    process.stdin.write(lines([schema(), *people(5), state({"at": 1})]))
    process.stdin.close()
    err = process.stderr.read()

    assert process.wait(timeout=30) == 1
    assert "STATE could not be written" in err
    assert "Traceback" not in err
    assert len(marketo.leads()) == 5
    process.stderr.close()


def test_a_dry_run_prints_what_would_be_and_writes_nothing(
    target: Target, marketo: MarketoSandbox
) -> None:
    marketo.seed(
        [
            {"email": "a@example.com", "leadSource": "LiveChat"},
            {"email": "c@example.com", "city": "Paris", "leadSource": "LiveChat"},
        ]
    )
    before = marketo.leads()

    ended = target.run(
        [
            schema(),
            record("a@example.com", city="Rome"),
            record("b@example.com", city="Rome"),
            record("c@example.com", city="Rome"),
            state({"at": 1}),
        ],
        dry_run=True,
    )

    assert (ended.code, ended.states) == (0, [])
    assert "would update a***@e***.com: city: nothing -> text of 4 characters" in ended.err
    assert "would create b***@e***.com: leadSource: nothing -> 'LiveChat'" in ended.err
    assert "would create b***@e***.com: email: nothing -> b***@e***.com, 13 char" in ended.err
    assert "would leave c***@e***.com alone: city kept" in ended.err
    assert "3 records received: would create 1 people, update 1, leave 1; " in ended.err
    assert "; 3 calls (describe 1, lookup 1, usage 1), " in ended.err, "it costs what it says"
    assert marketo.counts().calls.keys() - {"identity"} == {"describe", "lookup", "usage"}
    assert "b@example.com" not in ended.err
    assert "Rome" not in ended.err, "logs are kept: a value is not shown"
    assert marketo.leads() == before
    assert "sync" not in marketo.counts().calls


def test_two_streams_become_people_at_once(target: Target, marketo: MarketoSandbox) -> None:
    streams = {
        "visitors": {"fields": {"email": "email", "firstName": "first_name"}},
        "forms": {"fields": {"email": "mail", "lastName": "surname"}},
    }
    forms = schema("forms", ["mail", "surname"])
    form = {"mail": "P1@example.com", "surname": "Lee"}

    ended = target.run(
        [
            schema(),
            forms,
            record("p1@example.com", first_name="Ann"),
            {"type": "RECORD", "stream": "forms", "record": form},
            state({"at": 1}),
        ],
        streams=streams,
    )

    assert ended.code == 0, ended.err
    (lead,) = marketo.leads()
    assert (lead["firstName"], lead["lastName"]) == ("Ann", "Lee")
    assert marketo.counts().calls["sync"] == 1


def test_tokens_that_end_are_renewed(target: Target, marketo: MarketoSandbox) -> None:
    marketo.set_options(token_lifetime=3, latency_median=0.3)

    ended = target.run([schema(), *people(100), state(1)], batch_size_rows=10)

    assert ended.code == 0, ended.err
    assert len(marketo.leads()) == 100


def test_limits_hold_when_marketo_is_slow(target: Target, marketo: MarketoSandbox) -> None:
    marketo.set_options(rate_calls=20, rate_seconds=1.0, slots=3, latency_median=0.05)

    ended = target.run(
        [schema(), *people(400), state(1)],
        batch_size_rows=10,
        rate_limit_calls=20,
        rate_limit_seconds=1,
        max_concurrent_calls=3,
    )

    counts = marketo.counts()
    assert ended.code == 0, ended.err
    assert len(marketo.leads()) == 400
    assert counts.rejected == {}
    assert counts.worst_in_window <= 20
    assert counts.worst_in_flight <= 3
    assert counts.overlapping_keys == 0


def test_about_lists_every_setting_with_title_description_and_secrets() -> None:
    done = subprocess.run(
        [COMMAND, "--about", "--format=json"], capture_output=True, text=True, check=True
    )
    settings = json.loads(done.stdout)["settings"]["properties"]

    assert {"endpoint", "client_secret", "streams", "store_url"} <= set(settings)
    assert "load_method" not in settings
    assert all(each.get("title") and each.get("description") for each in settings.values())
    assert settings["client_secret"]["secret"] is True
    assert not any(re.search("number", str(each["type"])) for each in settings.values())


@pytest.mark.parametrize(
    ("when_full", "held"),
    [("leave", "old;" + "x" * 246), ("drop_oldest", "x" * 246 + ";Longer")],
)
def test_a_full_list_leaves_its_items_or_drops_the_oldest_and_costs_nobody(
    target: Target, marketo: MarketoSandbox, when_full: str, held: str
) -> None:
    marketo.seed([{"email": "a@example.com", "leadSource": "old;" + "x" * 246}])
    entry = {"from": "city", "write": "append", "when_full": when_full}
    streams = {"visitors": {"fields": {"email": "email", "leadSource": entry, "phone": "phone"}}}

    ended = target.run(
        [schema(), record("a@example.com", city="Longer", phone="+1"), state(1)], streams=streams
    )

    assert (ended.code, ended.states) == (0, [1])
    assert marketo.leads()[0]["leadSource"] == held
    assert marketo.leads()[0]["phone"] == "+1"


@pytest.mark.parametrize(
    ("key", "first", "second"),
    [("liveChatExternalKey", "A-1", "a-1"), ("liveChatChatsCount", "17", 17)],
)
def test_people_are_known_by_another_key(
    target: Target, marketo: MarketoSandbox, key: str, first: Any, second: Any
) -> None:
    streams = {"people": {"key": key, "fields": {key: "ref", "firstName": "first_name"}}}
    people_schema = {
        "type": "SCHEMA",
        "stream": "people",
        "schema": {"properties": {"ref": {}, "first_name": {}}},
    }

    def person(ref: Any, name: str) -> dict[str, Any]:
        return {"type": "RECORD", "stream": "people", "record": {"ref": ref, "first_name": name}}

    created = target.run([people_schema, person(first, "Ann")], streams=streams)
    updated = target.run([people_schema, person(second, "Lee")], streams=streams)

    assert (created.code, updated.code) == (0, 0), created.err + updated.err
    (lead,) = marketo.leads()
    assert lead["firstName"] == "Lee"


@pytest.mark.parametrize(
    ("messages", "states"),
    [
        ([], []),
        ([schema()], []),
        ([state({"at": 0})], [{"at": 0}]),
        ([state({"at": 0}), schema(), record("a@example.com")], [{"at": 0}]),
        ([schema(), record("a@example.com"), state({})], []),
        ([schema(), record(None), state({"at": 1.50, "big": 2**70})], [{"at": 1.5, "big": 2**70}]),
    ],
)
def test_state_alone_first_last_or_never(
    target: Target, messages: list[dict[str, Any]], states: list[Any]
) -> None:
    ended = target.run(messages)

    assert (ended.code, ended.states) == (0, states)


def test_on_a_terminal_a_live_line_shows_rows_calls_and_budget(
    target: Target, marketo: MarketoSandbox
) -> None:
    marketo.set_options(latency_median=0.3)
    path = target.folder / "config.json"
    path.write_text(json.dumps(target.config))
    controller, terminal = pty.openpty()
    messages = lines([schema(), *people(900), state(1)])

    process = subprocess.Popen(
        [COMMAND, "--config", str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=terminal,
        env=target.environment() | {"TERM": "xterm", "COLUMNS": "200"},
        cwd=target.folder,
    )
    os.close(terminal)
    out, _ = process.communicate(messages.encode(), timeout=60)
    shown = b""
    while chunk := _read(controller):
        shown += chunk
    os.close(controller)

    assert process.returncode == 0, shown
    assert out == b"1\n", "the live line does not mix with STATE"
    text = shown.decode()
    assert re.search(r"\d+ of 50 calls in 20 s, \d of 5 at once \| 39,9\d\d calls left today", text)
    assert "900 records received" in text


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux: the other end was closed
        return b""


def test_a_full_disk_under_state_ends_in_one_line(target: Target, marketo: MarketoSandbox) -> None:
    target.start().communicate("", timeout=60)  # leaves its configuration behind
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        ended = subprocess.run(
            [COMMAND, "--config", str(target.folder / "config.json")],
            input=lines([schema(), *people(5), state({"at": 5})]),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env=target.environment(),
            timeout=60,
        )

    assert ended.returncode == 1
    assert "STATE could not be written" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert len(emails(marketo)) == 5


def test_a_run_waits_until_the_calls_of_a_killed_one_can_no_longer_write(
    target: Target, marketo: MarketoSandbox
) -> None:
    slow = Fault(what="late", calls=("sync",), seconds=3.0, at=(1,))
    marketo.set_options(faults=[msgspec.to_builtins(slow)])
    messages = [schema(), *people(5, first_name="Ann"), state({"at": 1})]
    first = target.start(hurried=True, request_timeout_seconds=7)
    assert first.stdin is not None
    first.stdin.write(lines(messages))
    first.stdin.close()
    while not marketo.counts().calls.get("sync"):
        time.sleep(0.05)
    first.kill()
    first.wait(10)
    for pipe in (first.stdout, first.stderr):
        assert pipe is not None
        pipe.close()

    ended = target.run(messages, hurried=True, request_timeout_seconds=7)

    assert ended.code == 0, ended.err
    assert "Waiting for process" in ended.err
    assert len(marketo.leads()) == 5, "nobody is there twice"
    assert "5 unchanged" in ended.err


def test_of_two_runs_at_once_one_waits_and_nobody_is_created_twice(
    target: Target, marketo: MarketoSandbox
) -> None:
    """A replay beside the hourly run, say: both would look up before either has created."""
    marketo.set_options(latency_median=1.0, latency_min=1.0, latency_max=1.0)
    messages = [schema(), *people(50, first_name="Ann"), state({"at": 1})]
    runs = [target.start(), target.start()]
    for run in runs:
        assert run.stdin is not None
        run.stdin.write(lines(messages))
        run.stdin.flush()
    with ThreadPoolExecutor(2) as pool:
        errs = [err for _, err in pool.map(lambda run: run.communicate(timeout=60), runs)]

    assert [run.returncode for run in runs] == [0, 0], errs
    assert len(marketo.leads()) == 50
    assert marketo.counts().duplicates_created == 0
    assert sum("Waiting for process" in err for err in errs) == 1
    assert sum("50 unchanged" in err for err in errs) == 1


@pytest.mark.parametrize(
    ("value", "code", "written"),
    [
        ("true", 0, 0),
        ("YES", 0, 0),
        ("y", 1, 0),
        ("True ", 1, 0),
        ("maybe", 1, 0),
        ("ja", 1, 0),
        ("off", 0, 1),
        ("F", 0, 1),
        ("", 0, 1),
    ],
)
def test_a_boolean_variable_is_understood_or_refused(
    target: Target, marketo: MarketoSandbox, value: str, code: int, written: int
) -> None:
    config = {f"TARGET_MARKETO_{name.upper()}": each for name, each in target.config.items()}

    done = subprocess.run(
        [COMMAND, "--config=ENV"],
        capture_output=True,
        text=True,
        check=False,
        input=lines([schema(), *people(1)]),
        cwd=target.folder,
        env=target.environment() | config | {"TARGET_MARKETO_DRY_RUN": value},
    )

    assert done.returncode == code
    assert len(marketo.leads()) == written
    assert ("`TARGET_MARKETO_DRY_RUN` must be true or false" in done.stderr) == bool(code)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("closed", "ending", "said"),
    [
        (">&-", (1, 1), "STATE could not be written"),
        ("<&-", (1, 0), "the input cannot be read"),
        ("2>&-", (0, 1), ""),
    ],
)
def test_a_descriptor_that_was_closed(
    target: Target, marketo: MarketoSandbox, closed: str, ending: tuple[int, int], said: str
) -> None:
    path = target.folder / "config.json"
    path.write_text(json.dumps(target.config))

    done = subprocess.run(
        ["sh", "-c", f'"$0" --config "$1" {closed}', COMMAND, str(path)],
        capture_output=True,
        text=True,
        check=False,
        input=lines([schema(), *people(1), state(1)]),
        env=target.environment(),
        timeout=60,
    )

    assert (done.returncode, len(marketo.leads())) == ending
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_byte_order_mark_is_passed_over(target: Target, marketo: MarketoSandbox) -> None:
    text = lines([schema(), *people(1), state(1)])

    process = target.start()
    out, _ = process.communicate("\ufeff" + text, timeout=60)

    assert (process.returncode, out) == (0, "1\n")
    assert len(marketo.leads()) == 1


def test_a_misspelt_setting_is_reported_with_the_nearest(target: Target) -> None:
    ended = target.run([schema(), *people(1)], max_daily_call=5)

    assert ended.code == 0
    assert "`max_daily_call` is not a setting and is ignored; did you mean `max_dai" in ended.err
