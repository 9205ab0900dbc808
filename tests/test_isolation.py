"""Nothing but loopback is reached, and no account that a `.env` names is touched."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests import guard
from tests.guard.sitecustomize import is_here
from tests.pictures.picture import words, words_of
from tests.target_marketo.conftest import lines, record, schema

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
# 198.18.0.0/15 (RFC 2544) is nobody's, and .invalid (RFC 2606) no name.
LEAVING = (
    "import socket; socket.create_connection(('198.18.0.1', 9), 1)",
    "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('198.18.0.1', 9))",
    "import urllib.request as http; http.urlopen('http://somewhere.example.com')",
    "import requests; requests.get('https://api.livechatinc.com', timeout=1)",
)


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        (b"127.0.0.2", True),
        (None, True),
        ("", True),
        ("0.0.0.0", True),  # noqa: S104 - a client reaches itself there
        (socket.gethostname(), True),
        ("192.0.2.1", False),
        ("10.0.0.1", False),
        ("fe80::1%eth0", False),
        ("api.livechatinc.com", False),
        ("127.0.0.1.example.com", False),
    ],
)
def test_what_is_this_machine(host: Any, *, here: bool) -> None:
    assert is_here(host) is here


@pytest.mark.parametrize("code", LEAVING)
def test_a_process_that_tests_start_cannot_leave(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(guard.LOG, str(tmp_path / "log"))

    done = subprocess.run(
        [sys.executable, "-c", code], cwd="/", capture_output=True, text=True, check=False
    )

    assert "only loopback may be reached from here" in done.stderr
    assert "socket." in (tmp_path / "log").read_text()


@pytest.mark.parametrize("way", ["itself", "its child"])
def test_a_test_that_tries_to_leave_fails_whoever_swallows_the_error(
    tmp_path: Path, way: str
) -> None:
    child = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {LEAVING[0]!r}])"
    test = {
        "itself": f"try:\n    {LEAVING[0]}\nexcept Exception:\n    pass",
        "its child": child,
    }[way]
    body = "\n".join(f"    {line}" for line in test.splitlines())
    (tmp_path / "test_it.py").write_text(f"def test_it():\n{body}\n")

    done = nested_pytest("-p", "tests.conftest", str(tmp_path / "test_it.py"), cwd=tmp_path)

    assert done.returncode == 1
    assert "reached for another machine" in done.stdout


def test_a_test_that_installs_is_left_out_unless_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import pytest, os\n@pytest.mark.installs\ndef test_it():\n    assert False\n"
    )

    done = nested_pytest("-p", "tests.conftest", str(tmp_path / "test_it.py"), cwd=tmp_path)

    assert done.returncode == 0
    assert "1 skipped" in done.stdout


def nested_pytest(
    *arguments: str, cwd: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A run of pytest inside of this one, without what this one was told beside its command."""
    given = dict(os.environ) if environment is None else environment
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts="]
    return subprocess.run(
        [*command, "--import-mode=importlib", *arguments],
        cwd=cwd,
        env={name: value for name, value in given.items() if name != "PYTEST_ADDOPTS"},
        capture_output=True,
        text=True,
        check=False,
    )


class Production:
    """A server that plays the real accounts of a person's `.env`, and counts who comes."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        seen = self.requests

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                seen.append(self.path)
                self.send_error(401)  # so that nobody tries again

            do_POST = do_GET  # noqa: N815 - the base class's naming

            def log_message(self, *_: object) -> None:
                """Nothing: what comes is asserted."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @property
    def settings(self) -> dict[str, str]:
        """Each way that leads there."""
        return {
            "TAP_LIVECHAT_API_URL": self.url,
            "TAP_LIVECHAT_CDP_URL": self.url,
            "TAP_LIVECHAT_ACCOUNTS_URL": self.url,
            "TAP_LIVECHAT_ACCOUNT_ID": "production",
            "TAP_LIVECHAT_PERSONAL_ACCESS_TOKEN": "production",
            "TAP_LIVECHAT_ACCESS_TOKEN": "production",
            "TARGET_MARKETO_ENDPOINT": f"{self.url}/rest",
            "TARGET_MARKETO_IDENTITY": f"{self.url}/identity",
            "TARGET_MARKETO_CLIENT_ID": "production",
            "TARGET_MARKETO_CLIENT_SECRET": "production",
            "MARKETO_OPS_PING_URL": f"{self.url}/ping",
        }


@pytest.fixture
def production() -> Iterator[Production]:
    server = Production()
    thread = threading.Thread(target=server.server.serve_forever)
    thread.start()
    yield server
    server.server.shutdown()
    thread.join()
    server.server.server_close()


@pytest.fixture
def checkout(tmp_path: Path, production: Production) -> Path:
    """The project as somebody has it who has filled in `.env`."""
    for name in ("tests", "pyproject.toml", "meltano.yml", "tap-livechat", "target-marketo"):
        (tmp_path / name).symlink_to(ROOT / name)
    filled = "".join(f"{name}={value}\n" for name, value in production.settings.items())
    (tmp_path / ".env").write_text(filled)
    (tmp_path / "person.jsonl").write_text(
        lines([schema(), record("ann@example.com", first_name="Ann")])
    )
    return tmp_path


def persons_environment(**variables: str) -> dict[str, str]:
    """The shell of a person, in which nothing of ours is set."""
    ours = {"PYTHONPATH", "UV_OFFLINE", guard.LOG}
    kept = {name: value for name, value in guard.without_settings().items() if name not in ours}
    return kept | {"PATH": f"{Path(sys.executable).parent}:{kept['PATH']}"} | variables


def start(folder: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env=persons_environment(**variables),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_command_that_nothing_keeps_does_reach_the_production_of_these_tests(
    checkout: Path, production: Production
) -> None:
    start(checkout, "sh", "-c", "target-marketo --config=ENV < person.jsonl")

    assert production.requests


@pytest.mark.parametrize(
    ("command", "calls"),
    [
        ("target-marketo --config=ENV < person.jsonl", "sync 1"),
        ("tap-livechat --config=ENV | target-marketo --config=ENV", "list_archives"),
        ("tap-livechat | target-marketo", "list_archives"),
        ("marketo-ops check", "list_archives"),
    ],
)
def test_the_sandbox_leads_to_itself_whatever_env_and_the_shell_hold(
    checkout: Path, production: Production, command: str, calls: str
) -> None:
    sandbox = (sys.executable, "-m", "tests.sandbox", "--visitors", "5", "--", "sh", "-c")
    done = start(checkout, *sandbox, command, TAP_LIVECHAT_ACCESS_TOKEN="of the shell")

    assert production.requests == []
    assert calls in done.stderr, done.stderr[-2000:]
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_suite_leaves_alone_what_env_and_the_shell_name(
    checkout: Path, production: Production
) -> None:
    done = nested_pytest(
        *("tests/target_marketo/test_target.py", "tests/tap_livechat/test_tap.py"),
        *("-k", "wrong_variable or settings_come_from or YES or off or maybe"),
        cwd=checkout,
        environment=persons_environment(**production.settings),
    )

    assert production.requests == []
    assert done.returncode == 0, done.stdout[-2000:]
    assert " passed" in done.stdout


@pytest.mark.slow
def test_the_demo_leaves_alone_what_env_and_the_shell_name_and_its_picture_is_current(
    checkout: Path, production: Production
) -> None:
    done = start(checkout, sys.executable, "-m", "tests.demo", **production.settings)

    assert production.requests == []
    assert done.returncode == 0, done.stdout[-2000:]
    assert "checks held" in done.stdout
    picture = (ROOT / "tests" / "pictures" / "demo.svg").read_text()
    assert words(done.stdout) == words_of(picture), "uv run python -m tests.pictures demo"


def test_the_faults_leave_alone_what_env_and_the_shell_name(
    checkout: Path, production: Production
) -> None:
    faults = (sys.executable, "-m", "tests.faults", "--only", "LiveChat: reply wrong type")
    done = start(checkout, *faults, **production.settings)

    assert production.requests == []
    assert done.returncode == 0, done.stderr[-2000:]
