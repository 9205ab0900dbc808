"""Any bytes are a RECORD of the stream, read as JSON says it, or they are none.

A failure prints how to repeat it; `--hypothesis-seed=N` begins elsewhere.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from target_marketo.mapping.lenient_json import read_for_the_log, read_leniently
from target_marketo.mapping.record_reader import Properties
from tests.damaged_replies import damaged, torn

RECORD: dict[str, Any] = {
    "email": "ann@example.com",
    "name": {"first": "Ann"},
    "a.b": 1.5,
    "tags": ["x", "é", "\U0001f600"],
    "note": "not mapped",
    "id": 2**60,
}
LINE = {"type": "RECORD", "stream": "s", "record": RECORD}
PROPERTIES = {
    "some": Properties("s", ["email", "name.first", "a.b", "tags"], ["id"]),
    "in full": Properties("s", ["email", 'quo"ted'], ["id"]),
}
LINES = damaged(LINE) | torn(json.dumps(LINE, ensure_ascii=False).encode()) | st.binary(max_size=40)


@pytest.mark.parametrize("how", PROPERTIES)
@example(b'{"type":"RECORD","stream":"s","record":{"email":1e400}}')
@example(b'{"type":"RECORD","stream":"s","record":{"email":"\\ud800"}}')
@example(b'{"type":"RECORD","stream":"s","record":null}')
@given(line=LINES)
def test_what_is_read_is_what_json_says(how: str, line: bytes) -> None:
    properties = PROPERTIES[how]
    row = properties.read(line)
    if row is not None:
        whole = json.loads(line.decode(errors="replace"))
        assert (whole["type"], whole["stream"]) == ("RECORD", "s")
        assert row == properties.row(whole["record"])


@pytest.mark.parametrize("how", PROPERTIES)
def test_a_good_line_is_read(how: str) -> None:
    row = PROPERTIES[how].read(json.dumps(LINE).encode())

    assert row == PROPERTIES[how].row(RECORD)
    assert "ann@example.com" in row


@example(b"[" * 5000)
@given(LINES)
def test_the_lenient_readers_agree_on_what_is_json(line: bytes) -> None:
    """Also what cannot be stored is read, and for the error log it can be written down again."""

    def is_json(read: Any) -> bool:
        try:
            found = read(line)
        except ValueError:
            return False
        if read is read_for_the_log:
            json.dumps(found, allow_nan=False).encode()
        return True

    assert is_json(read_leniently) == is_json(read_for_the_log)
