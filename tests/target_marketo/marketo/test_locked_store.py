"""A run that is to end while another program holds its store."""

from __future__ import annotations

import signal
import sqlite3
import time
from typing import TYPE_CHECKING

from tests.target_marketo.conftest import lines, record, schema, state

if TYPE_CHECKING:
    from tests.sandbox.marketo.client import MarketoSandbox
    from tests.target_marketo.conftest import Target


def test_a_signal_ends_a_run_in_time_although_its_store_is_locked(
    target: Target, marketo: MarketoSandbox
) -> None:
    marketo.set_options(latency_median=0.3)
    process = target.start(batch_size_rows=10, max_concurrent_calls=2)
    assert process.stdin is not None
    people = [record(f"p{number}@example.com") for number in range(500)]
    process.stdin.write(lines([schema(), *people, state(1)]))
    process.stdin.flush()
    while len(marketo.leads()) < 20:
        time.sleep(0.05)
    other = sqlite3.connect(target.folder / "store.sqlite", isolation_level=None, timeout=20)
    other.execute("BEGIN IMMEDIATE")
    time.sleep(1.0)

    process.send_signal(signal.SIGTERM)
    told = time.monotonic()
    out, err = process.communicate(timeout=60)

    assert process.returncode == 128 + signal.SIGTERM, err
    assert time.monotonic() - told < 20.0
    assert out == "", "no STATE passes what did not arrive"
    assert "Traceback" not in err
    other.close()
