"""STATE leaves as it came, byte for byte, whatever standard output's encoding is."""

from __future__ import annotations

import io

import pytest

from target_marketo.singer.state_output import StateOutput

VALUES = [
    b'{"at": "caf\xc3\xa9"}',
    b'{"at": "\xff half"}',
    b'{"at":   1}',
    '{"at": "日本"}'.encode(),
]


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1", "utf-16"])
def test_no_byte_is_changed_or_refused(encoding: str) -> None:
    kept = io.BytesIO()
    output = StateOutput(io.TextIOWrapper(kept, encoding=encoding))

    for value in VALUES:
        output.write(value)

    assert not output.is_gone
    assert kept.getvalue() == b"".join(value + b"\n" for value in VALUES)
