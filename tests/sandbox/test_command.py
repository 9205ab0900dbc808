"""`python -m tests.sandbox [options] -- COMMAND`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SANDBOX = [sys.executable, "-m", "tests.sandbox", "--visitors", "40"]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SANDBOX, "--", *command],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=60,
    )


def test_the_command_finds_the_sandbox_in_its_environment() -> None:
    done = run(sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))")
    assert done.returncode == 0, done.stderr
    environment = json.loads(done.stdout)
    for name in ("API_URL", "CDP_URL", "ACCOUNTS_URL"):
        assert environment[f"TAP_LIVECHAT_{name}"].startswith("http://127.0.0.1:")
    for name in ("ACCOUNT_ID", "PERSONAL_ACCESS_TOKEN", "START_DATE"):
        assert environment[f"TAP_LIVECHAT_{name}"]
    assert environment["TARGET_MARKETO_ENDPOINT"].endswith("/rest")
    assert environment["TARGET_MARKETO_IDENTITY"].endswith("/identity")
    for name in ("CLIENT_ID", "CLIENT_SECRET"):
        assert environment[f"TARGET_MARKETO_{name}"]
    store = environment["TARGET_MARKETO_STORE_URL"].removeprefix("sqlite:///")
    assert not Path(store).parent.exists(), "the temporary folder outlived the sandbox"


def test_the_exit_code_and_the_report_are_passed_on() -> None:
    call = (
        "import base64, os, urllib.request as http; "
        "pair = os.environ['TAP_LIVECHAT_ACCOUNT_ID'] + ':' "
        "+ os.environ['TAP_LIVECHAT_PERSONAL_ACCESS_TOKEN']; "
        "http.urlopen(http.Request(os.environ['TAP_LIVECHAT_API_URL'] "
        "+ '/v3.6/agent/action/list_archives', b'{}', "
        "{'Authorization': 'Basic ' + base64.b64encode(pair.encode()).decode(), "
        "'Content-Type': 'application/json'})).read(); "
        "raise SystemExit(7)"
    )
    done = run(sys.executable, "-c", call)
    assert done.returncode == 7, done.stderr
    assert "1 (list_archives 1)" in done.stderr
    assert "billed        1" in done.stderr
    assert "allowed: 100 in 20 s" in done.stderr


def test_a_command_that_does_not_exist() -> None:
    done = run("no-such-command-anywhere")
    assert done.returncode == 127
    assert "cannot run no-such-command-anywhere" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_interrupt_ends_the_command_and_the_servers() -> None:
    with subprocess.Popen(
        [*SANDBOX, "--", "sh", "-c", "echo $TAP_LIVECHAT_API_URL; exec sleep 60"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        # As a terminal does it: to every process in the foreground.
        subprocess.run(["kill", "-INT", "--", f"-{process.pid}"], check=True)
        started = time.monotonic()
        _, report = process.communicate(timeout=20)
    assert time.monotonic() - started < 20
    assert process.returncode == 128 + signal.SIGINT
    assert "LiveChat" in report
    assert "Traceback" not in report
