"""Memory does not grow with what waits: the whole command, its peak as the kernel counts it."""

from __future__ import annotations

import json
import os
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from target_marketo.store.database import open_database
from target_marketo.store.error_log import ErrorLog
from tests.benchmarks.table import Measured, measure
from tests.sandbox.faults import Fault

if TYPE_CHECKING:
    from tests.sandbox.marketo.client import MarketoSandbox

MOST_MEBIBYTES = 120.0
COMMAND = str(Path(sys.executable).with_name("target-marketo"))

_HEAD = """
import json, sys
properties = {name: {"type": ["string", "null"]} for name in ("email", "first_name", "note")}
print(json.dumps({"type": "SCHEMA", "stream": "visitors", "key_properties": [],
                  "schema": {"type": "object", "properties": properties}}))
def record(number, name, note=""):
    print(json.dumps({"type": "RECORD", "stream": "visitors", "record": {
        "email": f"p{number}@example.com", "first_name": name, "note": note}}))
def state(value):
    print(json.dumps({"type": "STATE", "value": value}))
"""
FEW_PEOPLE = """
for visit in range({times} // 200):
    for number in range(200):
        record(number, f"Name {{visit}}", "x" * 300)
    state(visit)
"""
LONG_RECORDS = """
for number in range({times} // 100):
    record(number, "Ann", "x" * 500_000)
    state(number)
"""
STATES = """
record(1, "Ann")
for number in range(300):
    record(2 + number, "Ann")
for number in range({times}):
    state({{"bookmarks": {{"visitors": {{"at": number, "more": "x" * 200}}}}}})
"""
REJECTED = """
for number in range({times} // 4):
    record(number, "Ann")
    for other in range(3):
        record(f"{{number}} {{other}}", "Ann", "x" * {size})
    state(number)
"""


@pytest.mark.slow
@pytest.mark.parametrize("feed", [FEW_PEOPLE, LONG_RECORDS, STATES], ids=["few", "long", "states"])
def test_memory_is_bounded(
    feed: str, marketo: MarketoSandbox, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    is_long = bool(request.config.getoption("--long"))
    if feed is STATES:  # the write hangs while they come
        late = Fault(what="late", calls=("sync",), seconds=30 if is_long else 6, at=(1,))
        marketo.set_faults([late])
    run = _run(marketo, tmp_path, feed.format(times=800_000 if is_long else 200_000))
    assert run.mebibytes < MOST_MEBIBYTES


@pytest.mark.slow
def test_memory_is_bounded_where_most_are_rejected_and_in_the_run_after_that(
    marketo: MarketoSandbox, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """An address with a blank is none: three quarters of the records go to the error log."""
    # As many as there may be; or fewer, whose records would be too much all the same.
    times, size = (266_000, 300) if request.config.getoption("--long") else (12_000, 8_000)
    first = _run(marketo, tmp_path, REJECTED.format(times=times, size=size))
    second = _run(marketo, tmp_path, FEW_PEOPLE.format(times=2_000))
    with closing(open_database(f"sqlite:///{tmp_path / 'store.sqlite'}")) as database:
        assert ErrorLog(database).count() == times // 4 * 3
    assert first.mebibytes < MOST_MEBIBYTES
    assert second.mebibytes < MOST_MEBIBYTES


def _run(marketo: MarketoSandbox, folder: Path, feed: str) -> Measured:
    """The whole command, with what this program writes."""
    config: dict[str, Any] = {
        "endpoint": marketo.endpoint,
        "identity": marketo.identity,
        "client_id": marketo.client_id,
        "client_secret": marketo.client_secret,
        "store_url": f"sqlite:///{folder / 'store.sqlite'}",
        "rate_limit_calls": 100,
        "streams": {"visitors": {"fields": {"email": "email", "firstName": "first_name"}}},
    }
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    return measure(
        [COMMAND, "--config", str(path)],
        feed=[sys.executable, "-c", _HEAD + feed],
        env={name: value for name, value in os.environ.items() if not name.startswith("TARGET_")},
    )
