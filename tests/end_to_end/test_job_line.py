"""The job's line for a scheduler, as the page has it: it ends with what came of the run."""

from __future__ import annotations

import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.shell_project import Project, ended
from tests.sandbox.environment import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "target-marketo" / "docs" / "operations.md").read_text()
CRON = re.findall(r"^7 \* \* \* \* cd \S+ && (umask 077 && .*)$", PAGE, re.MULTILINE)[0]
SYSTEMD = re.findall(r"^ExecStart=/bin/sh -c '(.*)'$", PAGE, re.MULTILINE)[0]


class Switch(HTTPServer):
    """A dead-man switch that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        told = self.told

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                told.append(self.path)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/switch"


@pytest.fixture
def switch() -> Iterator[Switch]:
    server = Switch()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox({"visitors": 20}) as running:
        yield running


@pytest.mark.parametrize(
    ("line", "setting", "code", "told"),
    [
        (CRON, {}, 0, ["/switch"]),
        (CRON, {"TARGET_MARKETO_MAX_DAILY_CALLS": "1"}, 75, ["/switch"]),
        (SYSTEMD, {"TARGET_MARKETO_CLIENT_SECRET": "wrong"}, 1, ["/switch/fail"]),
        (SYSTEMD, {"TAP_LIVECHAT_PERSONAL_ACCESS_TOKEN": "wrong"}, 1, ["/switch/fail"]),
    ],
    ids=[
        "cron, well",
        "cron, no calls left",
        "systemd, Marketo refuses",
        "systemd, LiveChat refuses",
    ],
)
def test_the_line_ends_as_the_run_did_and_the_switch_hears_of_it(
    tmp_path: Path,
    sandbox: Sandbox,
    switch: Switch,
    *,
    line: str,
    setting: dict[str, str],
    code: int,
    told: list[str],
    request: pytest.FixtureRequest,
) -> None:
    if (code == 75 or "TAP_" in "".join(setting)) and not request.config.getoption("--long"):
        pytest.skip("takes seconds, and is much like others: --long")
    sandbox.marketo.reset()
    sandbox.livechat.reset()
    project = Project(tmp_path, sandbox)
    with (tmp_path / ".env").open("a") as env:
        given = setting | {"MARKETO_OPS_JOB_PING_URL": switch.address}
        env.writelines(f"{name}='{value}'\n" for name, value in given.items())
    run = line.replace(".venv/bin/", "").replace("schedule run", "run")

    ((ended_with, said),) = ended(project.start(run))

    assert ended_with == code, said
    assert switch.told == told
