"""A time-out below Marketo's own is told; whatever it is, a call's lease lasts longer than it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from target_marketo import assembly
from target_marketo.marketo.leads import WRITE_SECONDS
from target_marketo.settings import Settings
from target_marketo.store.database import open_database
from tests.target_marketo.conftest import record, schema, state
from tests.target_marketo.in_process import InProcess

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.marketo.client import MarketoSandbox


@pytest.mark.parametrize(("seconds", "told"), [(WRITE_SECONDS - 1, True), (WRITE_SECONDS, False)])
def test_a_time_out_below_marketos_own_is_warned_about(
    marketo: MarketoSandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    seconds: int,
    told: bool,
) -> None:
    target = InProcess(marketo, tmp_path, monkeypatch.setattr)
    messages = [schema(), record("a@example.com", first_name="Ann"), state({"at": 1})]

    ended = target.run(messages, request_timeout_seconds=seconds)

    assert (ended.code, ended.states) == (0, [{"at": 1}])
    warned = [each.getMessage() for each in caplog.records if "below the" in each.getMessage()]
    assert bool(warned) is told
    assert all("`request_timeout_seconds` = 89" in line and "90 s" in line for line in warned)


@pytest.mark.parametrize("seconds", [1, 120, 3600])
def test_the_governor_holds_a_call_for_longer_than_it_is_waited_for(
    tmp_path: Path, seconds: int
) -> None:
    settings = Settings.of(
        {
            "munchkin_id": "555-abc-555",
            "client_id": "client",
            "client_secret": "secret",
            "request_timeout_seconds": seconds,
        }
    )
    database = open_database(f"sqlite:///{tmp_path / 'store.sqlite'}")
    governor = assembly.governor(settings, database)
    try:
        lease = governor.acquire()
        assert governor.seconds_left(lease) > seconds + governor.limits.grace_seconds
    finally:
        database.close()
