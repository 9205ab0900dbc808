"""A sandbox server lives in a process of its own, and goes by itself."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

import pytest

from tests.sandbox.marketo import MarketoSandbox
from tests.sandbox.process import REPOSITORY_ROOT, ServerProcess


def test_the_server_listens_on_loopback_and_stops_with_its_with_block() -> None:
    with MarketoSandbox() as sandbox:
        assert sandbox.url.startswith("http://127.0.0.1:")
        assert sandbox.counts().calls == {}
        pid = sandbox.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(RuntimeError, match="not running"):
        sandbox.counts()


def test_the_server_stops_when_the_process_that_started_it_dies() -> None:
    script = (
        "import os\n"
        "from tests.sandbox.marketo import MarketoSandbox\n"
        "sandbox = MarketoSandbox().__enter__()\n"
        "print(sandbox.port, flush=True)\n"
        "os._exit(1)\n"
    )
    parent = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY_ROOT, capture_output=True, check=False
    )
    _wait_until_silent(int(parent.stdout))


def test_the_server_stops_after_its_longest_life() -> None:
    with MarketoSandbox(max_lifetime_seconds=0.2) as sandbox:
        _wait_until_silent(sandbox.port)


def test_a_server_that_cannot_start_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    with (
        pytest.raises(RuntimeError, match="ended before it gave a port"),
        ServerProcess("tests.sandbox.marketo", {"no_such_option": 1}),
    ):
        pass
    assert "no_such_option" in capfd.readouterr().err


def _wait_until_silent(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.05)
    pytest.fail("the server still listens")
