"""A field that was there when Marketo was described, up to a day ago, and is not any more."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.faults import Fault
from tests.target_marketo.conftest import lines, record, schema, state
from tests.target_marketo.in_process import InProcess

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.marketo.client import MarketoSandbox
    from tests.target_marketo.conftest import Target

NOTE = {"name": "chatNote", "data_type": "string", "length": 255}


@pytest.mark.parametrize("write", ["always", "on_create"])  # looked up, and not
def test_the_run_ends_and_names_it_before_anybody_is_given_up(
    write: str, marketo: MarketoSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = InProcess(marketo, tmp_path, monkeypatch.setattr)
    fields: dict[str, Any] = {"email": "email", "chatNote": {"from": "note", "write": write}}
    streams = {"visitors": {"fields": fields}}
    head = schema(properties=["email", "note"])
    people = [record(f"p{number}@example.com", note="x") for number in range(40)]
    marketo.set_options(custom_fields=[NOTE])
    assert target.run([head, state(0)], streams=streams).code == 0

    marketo.set_options(custom_fields=[])
    ended = target.run([head, *people, state(1)], streams=streams)

    assert ended.code == 1
    assert "Marketo has no field `chatNote`" in ended.said
    assert ended.states == []
    assert target.logged() == {}
    assert marketo.counts().calls["lookup"] <= 1

    marketo.set_options(custom_fields=[NOTE])
    again = target.run([head, *people, state(1)], streams=streams)
    assert (again.code, again.states) == (0, [1])
    assert len(marketo.leads()) == 40


def test_a_signal_does_not_wait_for_the_fields(target: Target, marketo: MarketoSandbox) -> None:
    streams = {"visitors": {"fields": {"email": "email", "chatNote": "note"}}}
    head = schema(properties=["email", "note"])
    marketo.set_options(custom_fields=[NOTE])
    assert target.run([head, state(0)], streams=streams).code == 0
    described = marketo.counts().calls["describe"]
    slow = Fault(what="late", calls=("describe",), seconds=60)
    marketo.set_options(custom_fields=[], faults=[slow])
    process = target.start(streams=streams, request_timeout_seconds=90)
    assert process.stdin is not None
    process.stdin.write(lines([head, record("a@example.com", note="x"), state(1)]))
    process.stdin.close()
    while marketo.counts().calls["describe"] == described and process.poll() is None:
        time.sleep(0.05)

    process.terminate()
    began = time.monotonic()
    process.stdin = None
    out, err = process.communicate(timeout=60)

    assert process.returncode == 128 + signal.SIGTERM, err
    assert time.monotonic() - began < 30
    assert out == ""
    assert "Traceback" not in err
