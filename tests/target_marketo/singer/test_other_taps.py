"""Other people's taps: their messages, and one of them as the index has it."""

from __future__ import annotations

import io
import json
import sqlite3
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.environments import installed
from tests.target_marketo.conftest import Target, record, state

if TYPE_CHECKING:
    from tests.sandbox.marketo.client import MarketoSandbox

ANIMALS = {
    "animals": {
        "key": "liveChatExternalKey",
        "fields": {
            "liveChatExternalKey": "id",
            "lastName": "description",
            "liveChatOptIn": "verified",
            "liveChatScore": {"from": "views", "write": "greatest"},
            "liveChatFirstChatAt": {"from": "created_at", "write": "least"},
        },
    }
}


def animals() -> dict[str, Any]:
    """A SCHEMA as tap-smoke-test infers it from a file: strict types, and no word of nulls."""
    properties: dict[str, Any] = {
        "id": {"type": "integer"},
        "description": {"type": "string"},
        "verified": {"type": "boolean"},
        "views": {"type": "integer"},
        "created_at": {"type": "string", "format": "date-time"},
    }
    return {
        "type": "SCHEMA",
        "stream": "animals",
        "schema": {
            "$schema": "http://json-schema.org/schema#",
            "type": "object",
            "properties": properties,
            "required": ["id"],
        },
        "key_properties": ["id"],
    }


def animal(**values: Any) -> dict[str, Any]:
    return {
        "type": "RECORD",
        "stream": "animals",
        "record": values,
        "version": 1790000000000,
        "time_extracted": "2026-11-20T12:00:00.123456+00:00",
    }


def error_log(target: Target) -> list[tuple[str, str]]:
    """Code and field of what stands there."""
    with sqlite3.connect(target.folder / "store.sqlite") as connection:
        return connection.execute("SELECT code, field FROM errors ORDER BY id").fetchall()


def test_a_file_that_is_looped_over_with_versions(target: Target, marketo: MarketoSandbox) -> None:
    version = {"type": "ACTIVATE_VERSION", "stream": "animals", "version": 1790000000000}
    rows = [
        animal(
            id=number,
            description=f"Red-headed woodpecker {number}",
            verified=number % 2 == 0,
            views=number * loop,
            created_at=f"2026-0{4 - loop}-19T01:03:44.559Z",
        )
        for loop in (1, 3, 2)
        for number in range(1, 101)
    ]
    messages = [state({}), animals(), version, *rows[:150], state({"bookmarks": {"animals": 150}})]
    messages += [animals(), *rows[150:], version, state({"bookmarks": {"animals": 300}})]

    ended = target.run(messages, streams=ANIMALS)

    assert ended.code == 0, ended.err
    assert ended.states[-1] == {"bookmarks": {"animals": 300}}
    people = {lead["liveChatExternalKey"]: lead for lead in marketo.leads()}
    assert len(people) == len(marketo.leads()) == 100
    assert people["7"]["lastName"] == "Red-headed woodpecker 7"
    assert people["7"]["liveChatScore"] == 21
    assert people["7"]["liveChatFirstChatAt"] == "2026-01-19T01:03:44Z"
    assert people["8"]["liveChatOptIn"] is True
    assert marketo.counts().calls["sync"] == 1


def test_bad_records_go_to_the_error_log_and_the_good_ones_to_marketo(
    target: Target, marketo: MarketoSandbox
) -> None:
    good = [animal(id=number, description="Otter", views=1) for number in range(10)]
    messages: list[dict[str, Any] | str] = [
        animals(),
        *good[:5],
        animal(id=101, description="Otter", views="many"),
        animal(id=102, description="Otter", created_at="yesterday"),
        animal(id=103, description={"nested": "Otter"}),
        animal(description="Otter", views=1),
        "",
        # Nothing that is mapped is wrong with it.
        animal(id=104, description="Otter", unheard_of=[1, {"x": None}]),
        *good[5:],
        state({"bookmarks": {"animals": 15}}),
    ]

    ended = target.run(messages, streams=ANIMALS)

    assert ended.code == 0, ended.err
    assert ended.states == [{"bookmarks": {"animals": 15}}]
    assert error_log(target) == [
        ("wrong_type", "liveChatScore"),
        ("wrong_type", "liveChatFirstChatAt"),
        ("wrong_type", "lastName"),
        ("missing_key", ""),
    ]
    keys = {lead["liveChatExternalKey"] for lead in marketo.leads()}
    assert keys == {*map(str, range(10)), "101", "102", "103", "104"}, "but for the odd values"
    assert "15 records received: 14 people created" in ended.err
    assert "1 rejected, 3 values left out" in ended.err


def test_a_record_without_its_streams_key_is_not_sent_though_it_has_an_email(
    target: Target, marketo: MarketoSandbox
) -> None:
    head = {
        "type": "SCHEMA",
        "stream": "visitors",
        "schema": {"properties": {name: {} for name in ("email", "first_name", "visitor_id")}},
        "key_properties": ["visitor_id"],
    }
    streams = {"visitors": {"fields": {"email": "email", "firstName": "first_name"}}}

    ended = target.run(
        [head, record("a@example.com"), record("b@example.com", visitor_id="b"), state(1)],
        streams=streams,
    )

    assert (ended.code, ended.states) == (0, [1])
    assert error_log(target) == [("missing_key", "")]
    assert [lead["email"] for lead in marketo.leads()] == ["b@example.com"]


def test_bytes_that_are_no_text_in_a_property_that_nobody_needs(
    target: Target, marketo: MarketoSandbox
) -> None:
    """The rest of the record is good; should it fail, the error log takes what can be read."""
    process = target.start(streams={"visitors": {"fields": {"email": "email"}}})
    assert isinstance(process.stdin, io.TextIOWrapper)
    lines = [
        b'{"type":"SCHEMA","stream":"visitors","schema":{"properties":{}},"key_properties":[]}',
        b'{"type":"RECORD","stream":"visitors","record":{"email":"a@example.com","x":"\xff"}}',
        b'{"type":"RECORD","stream":"visitors","record":{"email":"nobody","x":"caf\xe9"}}',
        b'{"type":"STATE","value":1}\n',
    ]
    process.stdin.buffer.write(b"\n".join(lines))
    out, err = process.communicate(timeout=60)

    assert (process.returncode, out) == (0, "1\n"), err
    assert [lead["email"] for lead in marketo.leads()] == ["a@example.com"]
    with sqlite3.connect(target.folder / "store.sqlite") as connection:
        [(kept,)] = connection.execute("SELECT record FROM errors").fetchall()
    assert json.loads(kept) == {"email": "nobody", "x": "caf\ufffd"}


@pytest.fixture(scope="session")
def tap_csv(request: pytest.FixtureRequest) -> str:
    """The command of a tap for CSV files, in an environment of its own, kept between runs."""
    folder = Path(request.config.cache.mkdir("taps"))
    return installed(folder, "tap-csv-folder==0.0.1a1", "tap-csv-folder")


@pytest.mark.installs
def test_a_csv_file(target: Target, marketo: MarketoSandbox, tap_csv: str, tmp_path: Path) -> None:
    folder = tmp_path / "csv"
    folder.mkdir()
    (folder / "people.csv").write_text(
        "email,first_name,last_name,city,note\n"
        'ann@example.com,Ann,Lee,Rome,"fairs, mostly"\n'
        "bob@example.com,Bob,,,\n"
        ",Nobody,,,\n"
        "not an address,X,Y,Z,\n"
        "ANN@example.com,Anna,Lee,Paris,\n",
        encoding="utf-8",
    )
    config = tmp_path / "tap.json"
    config.write_text(
        json.dumps({"path": str(folder), "read_mode": "merge", "stream_name": "people"})
    )
    tap = [tap_csv, "--config", str(config)]
    written = subprocess.run(
        tap, capture_output=True, text=True, check=True, cwd=tmp_path
    ).stdout.splitlines()

    ended = target.run(written)
    again = target.run(written)

    assert ended.code == 0, ended.err
    assert ended.states[-1] == json.loads(written[-1])["value"]
    people = {lead["email"].lower(): lead for lead in marketo.leads()}
    assert people.keys() == {"ann@example.com", "bob@example.com"}
    assert people["ann@example.com"]["firstName"] == "Ann", "by names nothing is overwritten"
    assert people["ann@example.com"]["city"] == "Rome", "geography is filled once"
    assert "lastName" not in people["bob@example.com"]
    assert error_log(target) == [("invalid_email", "email")]
    assert "1 records skipped without key, 1 rejected" in ended.err
    assert again.code == 0, again.err
    assert "0 people created, 0 updated, 2 unchanged" in again.err
