"""A Marketo whose writes fail for some seconds, with the whole target before it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from target_marketo.delivery import standstill
from tests.sandbox.faults import Fault
from tests.target_marketo.conftest import record, schema, state
from tests.target_marketo.in_process import InProcess

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.marketo.client import MarketoSandbox

WRITES = ("sync",)
HICCUPS = [
    Fault(what="answer", code="611", calls=WRITES, at_most=14),
    *(Fault(what="status", code=code, calls=WRITES, at_most=14) for code in ("404", "503")),
    Fault(what="reset", calls=WRITES, at_most=14),
]
"""More often than one person, or two, may be tried."""


@pytest.mark.parametrize("fault", HICCUPS, ids=lambda fault: f"{fault.what} {fault.code}")
def test_whoever_is_under_way_meanwhile_arrives(
    fault: Fault, marketo: MarketoSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = InProcess(marketo, tmp_path, monkeypatch.setattr)
    target.hold_for(0.6)
    monkeypatch.setattr(standstill, "LONGEST_REST_SECONDS", 0.2)
    marketo.set_faults([fault])
    people: list[dict[str, Any]] = [record(f"p{number}@example.com") for number in range(2)]

    ended = target.run([schema(), *people, state(1)], request_timeout_seconds=1)

    assert (ended.code, ended.states) == (0, [1])
    assert target.logged() == {}
    assert Counter(lead["email"] for lead in marketo.leads()) == {
        "p0@example.com": 1,
        "p1@example.com": 1,
    }


def test_an_outage_of_writes_ends_the_run_with_state_behind_it(
    marketo: MarketoSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = InProcess(marketo, tmp_path, monkeypatch.setattr)
    monkeypatch.setattr("target_marketo.singer.run._PATIENCE_SECONDS", 3.0)
    people = [record(f"p{number}@example.com") for number in range(3)]
    assert target.run([schema(), *people, state(1)]).code == 0
    marketo.set_faults([Fault(what="answer", code="611", calls=WRITES)])

    ended = target.run([schema(), record("new@example.com"), state(2)])

    assert (ended.code, ended.states) == (1, [])
    assert "no write has got through" in ended.said
    assert target.logged() == {}
