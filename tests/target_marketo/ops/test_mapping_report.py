"""`marketo-ops fields` and `mapping`: both ends as a user sees them, and nobody's values."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.target_marketo.in_process import InProcess

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.marketo.client import MarketoSandbox

    from .conftest import Ops

STREAMS = {
    "contacts": {
        "fields": {
            "email": "email",
            "firstName": {"from": "profile.first", "write": "if_empty"},
            "liveChatScore": "score",
        },
        "lists": ["LiveChat visitors"],
    }
}
RECORDS = [
    {
        "email": f"p{number}@planted.example",
        "profile": {"first": "Planted-Ann", "Role, e.g. CTO": "Planted-Dev"},
        "score": 1 if number % 2 else "Planted-high",
        "planted.key@planted.example": 1,
    }
    for number in range(10)
]


@pytest.fixture
def ran(
    ops: Ops, marketo: MarketoSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """A run has been; the settings that it had."""
    kinds: dict[str, Any] = {"email": {}, "profile": {"type": "object"}, "score": {}}
    head = {"type": "SCHEMA", "stream": "contacts", "schema": {"properties": kinds}}
    records = [{"type": "RECORD", "stream": "contacts", "record": each} for each in RECORDS]
    target = InProcess(marketo, tmp_path, monkeypatch.setattr)
    target.run([head, *records], streams=STREAMS)
    return {"TARGET_MARKETO_STREAMS": json.dumps(STREAMS)}


def test_fields_shows_what_marketo_has_and_what_of_it_is_mapped(
    ops: Ops, ran: dict[str, str]
) -> None:
    (found,) = ops.json("fields", "first name", **ran)

    assert found["name"] == "firstName"
    assert (found["label"], found["type"], found["length"]) == ("First Name", "string", 255)
    assert found["mapped_from"] == ["contacts.profile.first"]
    assert "searchable" in ops("fields", "email", **ran).output


def test_mapping_shows_each_field_and_what_nothing_maps(ops: Ops, ran: dict[str, str]) -> None:
    (found,) = ops.json("mapping", **ran)["streams"]
    lines = {line["target"]: line for line in found["lines"]}

    assert found["records"] == 10
    assert lines["firstName"]["share"] == 1.0
    assert lines["firstName"]["written"] == 10
    assert lines["liveChatScore"]["share"] == 1.0
    assert lines["liveChatScore"]["refused"] == 5
    assert lines["list LiveChat visitors"]["rule"] == "add"
    assert found["unmapped"] == {'profile."Role, e.g. CTO"': 1.0}


def test_no_value_of_anybody_is_shown_or_kept(
    ops: Ops, ran: dict[str, str], tmp_path: Path
) -> None:
    shown = ops("mapping", **ran).output + ops("fields", **ran).output + ops("check", **ran).output

    assert "lanted" not in shown.lower()
    with closing(sqlite3.connect(tmp_path / "store.sqlite")) as connection:
        kept = connection.execute("SELECT document FROM streams_seen").fetchall()
    assert len(kept) == 1
    assert "lanted" not in str(kept)


def test_check_compares_the_mapping_with_the_stream_too(ops: Ops, ran: dict[str, str]) -> None:
    typo = {"contacts": {"fields": {"email": "email", "lastName": "last_nmae"}}}
    never = {"people": {"fields": {"email": "email"}}}

    lines = ops.json("check", TARGET_MARKETO_STREAMS=json.dumps(typo | never))["lines"]

    told = {line["subject"]: line["text"] for line in lines if line["colour"] == "amber"}
    assert "the stream has no property `last_nmae`" in told["properties of contacts"]
    assert "saw no stream of that name" in told["properties of people"]


def test_check_tells_a_type_that_cannot_fit(ops: Ops, ran: dict[str, str]) -> None:
    streams = {"contacts": {"fields": {"email": "email", "liveChatScore": "profile"}}}

    lines = ops.json("check", TARGET_MARKETO_STREAMS=json.dumps(streams))["lines"]

    (red,) = [line for line in lines if line["colour"] == "red"]
    assert "declared as object, which does not fit Marketo's integer" in red["text"]
