"""Every command in the README does what the README says, in a copy of the project."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.sandbox.environment import Sandbox
from tests.sandbox.mailbox import open_mailbox

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
VISITORS = 150
COMMANDS = [
    line.strip()
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.strip().splitlines()
]
HOURLY, DAILY = re.findall(r"^[07] [*7] \* \* \* (.*)$", README, re.MULTILINE)


class Project:
    """A copy of the files that a user has, with the sandbox's settings in its `.env`."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.folder = folder
        self.sandbox = sandbox
        for name in ("README.md", "meltano.yml", "pyproject.toml", ".env.example"):
            shutil.copy(ROOT / name, folder)
        for name in ("tap-livechat", "target-marketo", "tests", ".venv"):
            (folder / name).symlink_to(ROOT / name)

    def start_over(self) -> None:
        """Nothing was read yet, and Marketo holds whom it held before."""
        self.sandbox.marketo.reset()
        self.sandbox.marketo.seed(self.sandbox.crowd.marketo_leads())
        for left in (".env", "state.jsonl", "state.json", ".meltano/meltano.db"):
            (self.folder / left).unlink(missing_ok=True)

    def run(self, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs one line as a shell would, with the environment of this test run's tools."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("TAP_", "TARGET_", "MELTANO_", "MARKETO_"))
        }
        # Our own environment is there already: nothing is installed anew for a copy.
        environment |= {"UV_NO_SYNC": "1", "XDG_STATE_HOME": str(self.folder / "state")}
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=self.folder,
            env=environment | variables,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )


@pytest.fixture(scope="module")
def installed_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with Sandbox({"visitors": VISITORS}) as sandbox:
        yield Project(tmp_path_factory.mktemp("project"), sandbox)


@pytest.fixture
def project(installed_project: Project) -> Project:
    """The copy as if no command had been run in it, but for the plugins that Meltano installed."""
    installed_project.start_over()
    return installed_project


def write_env(project: Project) -> None:
    text = "".join(f"{name}={value}\n" for name, value in project.sandbox.environment.items())
    (project.folder / ".env").write_text(text)


def command(start: str) -> str:
    """The command of the README that begins so; there is exactly one."""
    found: str
    (found,) = [line for line in COMMANDS if line.startswith(start)]
    return found


def test_ci_runs_what_proves_the_whole() -> None:
    script = (ROOT / ".ci" / "run").read_text()

    for line in (
        command("uv run python -m tests.demo"),
        command("uv run pytest"),
        command("uv run python -m tests.faults"),
    ):
        assert f"\n{line}\n" in script


def test_the_open_questions_are_listed(project: Project) -> None:
    done = project.run(command("uv run python -m tests.sandbox.questions"))

    assert done.returncode == 0, done.stderr
    assert "Do calls refused with 606, 607 or 615 count?" in done.stdout


def test_the_settings_are_copied_for_their_owner_only(project: Project) -> None:
    done = project.run(command("cp .env.example .env"))

    assert done.returncode == 0
    assert stat.S_IMODE((project.folder / ".env").stat().st_mode) == 0o600


def test_a_dry_run_through_meltano_writes_nothing(project: Project) -> None:
    write_env(project)
    before = project.sandbox.marketo.leads()

    done = project.run(command("TARGET_MARKETO_DRY_RUN=true"))

    assert done.returncode == 0, done.stderr[-3000:]
    assert "would create" in done.stdout + done.stderr
    assert project.sandbox.marketo.leads() == before
    assert project.run("meltano state list").stdout.strip() == ""


def test_the_job_runs_by_hand_and_from_cron(project: Project) -> None:
    write_env(project)
    before = len(project.sandbox.marketo.leads())

    done = project.run(command("uv run meltano run livechat-to-marketo"))

    assert done.returncode == 0, done.stderr[-3000:]
    after = project.sandbox.marketo.leads()
    assert len(after) > before
    cron = project.run(HOURLY.replace("/srv/livechat-to-marketo", str(project.folder)))
    assert cron.returncode == 0, cron.stderr[-3000:]
    assert project.sandbox.marketo.leads() == after


def test_the_digest_is_mailed_from_cron(project: Project) -> None:
    write_env(project)
    with open_mailbox() as mailbox:
        done = project.run(
            DAILY.replace("/srv/livechat-to-marketo", str(project.folder)),
            MARKETO_OPS_SMTP_HOST="127.0.0.1",
            MARKETO_OPS_SMTP_PORT=str(mailbox.port),
            MARKETO_OPS_SMTP_SECURITY="none",
            MARKETO_OPS_MAIL_FROM="sync@example.com",
            MARKETO_OPS_MAIL_TO="admin@example.com",
        )

    assert done.returncode == 0, done.stderr[-3000:]
    (mail,) = mailbox.messages
    assert mail["To"] == "admin@example.com"


def test_the_pair_runs_by_hand_and_goes_on_from_its_state(project: Project) -> None:
    write_env(project)
    project.sandbox.marketo.reset()
    for line in (command("uv run --env-file .env tap-livechat --config=ENV | uv run"),
                 command("tail -n 1 state.jsonl")):  # fmt: skip
        done = project.run(line)
        assert done.returncode == 0, done.stderr[-3000:]

    state = json.loads((project.folder / "state.json").read_text())
    assert "visitors" in state["bookmarks"]
    assert len(project.sandbox.marketo.leads()) > VISITORS // 4
    again = project.run(
        "uv run --env-file .env tap-livechat --config=ENV --state state.json > again.jsonl"
    )
    assert again.returncode == 0
    records = (project.folder / "again.jsonl").read_text().count('"type":"RECORD"')
    assert records < VISITORS, "the second run begins at the bookmark"


def test_the_tap_works_with_another_target(project: Project) -> None:
    write_env(project)

    done = project.run(command("uv run --env-file .env tap-livechat --config=ENV | uvx"))

    assert done.returncode == 0, done.stderr[-3000:]
    (file,) = project.folder.glob("visitors-*.jsonl")
    assert len(file.read_text().splitlines()) > VISITORS // 4


def test_any_command_runs_against_the_sandbox(project: Project) -> None:
    done = project.run(command("uv run python -m tests.sandbox --visitors"))

    assert done.returncode == 0, done.stderr[-3000:]
    assert "worst window" in done.stderr


def test_every_command_of_the_readme_is_tried_here() -> None:
    tried = re.findall(r'command\(\s*"([^"]+)"', Path(__file__).read_text())

    for line in COMMANDS:
        assert any(line.startswith(start) for start in tried), f"not tried: {line}"
