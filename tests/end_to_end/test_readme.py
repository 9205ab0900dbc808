"""Every command in the README does what the README says, in a copy of the project."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tests import guard, meltano_project
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
FILES = ("README.md", "meltano.yml", "constraints.txt", "pyproject.toml", ".env.example")
BY_HAND = next(line for line in COMMANDS if line.startswith("uv run tap-livechat | uv run target"))
HOURLY, DAILY = re.findall(r"^ *[07] [*7] \* \* \* (.*)$", README, re.MULTILINE)


class Project:
    """A copy of the files that a user has. Its plugins are the commands of this test run, unless
    they are to be installed.
    """

    def __init__(self, folder: Path, sandbox: Sandbox, *, installs: bool = False) -> None:
        self.folder = folder
        self.sandbox = sandbox
        for name in FILES:
            shutil.copy(ROOT / name, folder)
        if not installs:
            meltano_project.write(folder)
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
        environment = guard.without_settings()
        # Our own environment is there already: nothing is installed again for a copy.
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


def fill_in(project: Project) -> None:
    """What the README says of `.env`: its lines get the values of an account, here the sandbox."""
    path = project.folder / ".env"
    text = path.read_text() if path.exists() else (ROOT / ".env.example").read_text()
    for name, value in project.sandbox.environment.items():
        line = f"{name}={value}"
        text, lines = re.subn(rf"^(# )?{name}=.*$", line, text, flags=re.MULTILINE)
        assert lines == 1, name
    path.write_text(text)


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


def init_options(project: Project) -> str:
    """The answers of `init` as options; secrets as files."""
    given = project.sandbox.environment
    for name in ("TAP_LIVECHAT_PERSONAL_ACCESS_TOKEN", "TARGET_MARKETO_CLIENT_SECRET"):
        (project.folder / f"secret-{name}").write_text(given[name])
    return " ".join(
        (
            f"--livechat-account-id {given['TAP_LIVECHAT_ACCOUNT_ID']}",
            "--livechat-token secret-TAP_LIVECHAT_PERSONAL_ACCESS_TOKEN",
            f"--start-date {given['TAP_LIVECHAT_START_DATE']}",
            f"--endpoint {given['TARGET_MARKETO_ENDPOINT']}",
            f"--client-id {given['TARGET_MARKETO_CLIENT_ID']}",
            "--client-secret secret-TARGET_MARKETO_CLIENT_SECRET",
        )
    )


def test_the_way_in_is_init_check_explain_run_and_leaves_nothing_to_others(
    project: Project,
) -> None:
    shutil.rmtree(project.folder / ".meltano", ignore_errors=True)
    # Where the sandbox is; a real account needs neither.
    there = {
        name: value
        for name, value in project.sandbox.environment.items()
        if name.endswith(("_API_URL", "_ACCOUNTS_URL", "_STORE_URL"))
    }
    private = command("umask 077")
    init = command("uv run marketo-ops init")
    way = [
        f"{init} {init_options(project)}",
        command("uv run marketo-ops check"),
        command("uv run tap-livechat --limit 20 | uv run marketo-ops explain"),
        command("uv run meltano run livechat-to-marketo"),
        command("uv run marketo-ops status"),
    ]

    shown = []
    for line in way:
        done = project.run(f"{private} && {line}", **there)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr[-3000:]}"
        shown.append(done.stdout)

    assert stat.S_IMODE((project.folder / ".env").stat().st_mode) == 0o600
    assert "All is well" in shown[1]
    people = {line.partition("\t")[0] for line in shown[2].splitlines()[1:]}
    assert len(people) == 5
    assert shown[4].startswith("Healthy since ")
    assert len(project.sandbox.marketo.leads()) > VISITORS // 4
    written = [path for path in (project.folder / ".meltano").rglob("*") if path.is_file()]
    assert written
    shown_to_others = [path.name for path in written if path.stat().st_mode & 0o077]
    assert shown_to_others == ["bin"], "Meltano's way to itself, which holds no settings"
    order = [README.index(line.split(" --livechat")[0]) for line in way]
    assert order == sorted(order)


def test_the_settings_are_copied_for_their_owner_only(project: Project) -> None:
    done = project.run(command("cp .env.example .env"))

    assert done.returncode == 0
    assert stat.S_IMODE((project.folder / ".env").stat().st_mode) == 0o600


def test_what_is_set_is_tried_before_the_first_dry_run(project: Project) -> None:
    (project.folder / ".env").write_text((ROOT / ".env.example").read_text())
    untouched = project.run(command("uv run marketo-ops check"))
    fill_in(project)

    done = project.run(command("uv run marketo-ops check"))

    assert untouched.returncode == 1
    assert "is missing" in untouched.stdout
    assert done.returncode == 0, done.stdout
    assert "All is well" in done.stdout
    check, dry_run = (
        README.index(start) for start in ("uv run marketo-ops check", "MARKETO_DRY_RUN=")
    )
    assert check < dry_run


def test_a_dry_run_through_meltano_writes_nothing(project: Project) -> None:
    fill_in(project)
    before = project.sandbox.marketo.leads()

    done = project.run(command("TARGET_MARKETO_DRY_RUN=true"))

    assert done.returncode == 0, done.stderr[-3000:]
    assert "would create" in done.stdout + done.stderr
    assert project.sandbox.marketo.leads() == before
    assert project.run("meltano state list").stdout.strip() == ""


def test_the_job_runs_by_hand_and_from_cron(project: Project) -> None:
    fill_in(project)
    before = len(project.sandbox.marketo.leads())

    done = project.run(command("uv run meltano run livechat-to-marketo"))

    assert done.returncode == 0, done.stderr[-3000:]
    after = project.sandbox.marketo.leads()
    assert len(after) > before
    cron = project.run(HOURLY.replace("/srv/livechat-to-marketo", str(project.folder)))
    assert cron.returncode == 0, cron.stderr[-3000:]
    assert project.sandbox.marketo.leads() == after


def test_the_digest_is_mailed_from_cron(project: Project) -> None:
    fill_in(project)
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
    fill_in(project)
    project.sandbox.marketo.reset()
    for line in (BY_HAND, command("tail -n 1 state.jsonl")):
        done = project.run(line)
        assert done.returncode == 0, done.stderr[-3000:]

    state = json.loads((project.folder / "state.json").read_text())
    assert "visitors" in state["bookmarks"]
    assert len(project.sandbox.marketo.leads()) > VISITORS // 4
    (again_by_hand,) = re.findall(r"`(uv run tap-livechat --state state.json)`", README)
    again = project.run(f"{again_by_hand} > again.jsonl")
    assert again.returncode == 0
    records = (project.folder / "again.jsonl").read_text().count('"type":"RECORD"')
    assert records < VISITORS, "the second run begins at the bookmark"


def test_by_hand_the_pair_does_exactly_what_meltano_run_does(
    tmp_path: Path, project: Project
) -> None:
    own = Project(tmp_path, project.sandbox)
    fill_in(own)
    text = yaml.safe_load((tmp_path / "meltano.yml").read_text())
    text["plugins"]["extractors"][0]["select"] = ["visitors.*", "!visitors.phone", "tags.*"]
    fields = {
        "email": "email",
        "lastName": {"from": "last_name", "write": "always"},
        "leadSource": {"value": "As meltano.yml has it", "write": "on_create"},
    }
    streams = {"visitors": {"key": "email", "fields": fields}}
    text["plugins"]["loaders"][0]["config"] = {"streams": streams, "batch_size_rows": 7}
    (tmp_path / "meltano.yml").write_text(yaml.safe_dump(text))
    arrived, asked = [], []

    for line in (command("uv run meltano run livechat-to-marketo"), BY_HAND):
        own.sandbox.marketo.reset()
        own.sandbox.livechat.reset()
        done = own.run(line)
        assert done.returncode == 0, done.stderr[-3000:]
        people = own.sandbox.marketo.leads()
        arrived.append(
            {
                # In which of two spellings somebody is made depends on what came together.
                (each["email"].lower(), each.get("lastName"), each.get("leadSource"))
                for each in people
            }
        )
        asked.append(own.sandbox.livechat.counts()["requests"])

    assert arrived[0] == arrived[1] != set()
    assert asked[0] == asked[1]
    assert set(asked[0]) == {"list_archives", "list_chats", "list_tags"}
    assert {source for _, _, source in arrived[1]} == {"As meltano.yml has it"}


def test_the_rejected_are_sent_again_by_hand(project: Project) -> None:
    fill_in(project)
    (again,) = re.findall(r"`(uv run marketo-ops replay \| uv run target-marketo)`", README)

    done = project.run(again)

    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.installs
@pytest.mark.usefixtures("package_index")
def test_the_tap_works_with_another_target(project: Project) -> None:
    fill_in(project)

    done = project.run(command("uv run tap-livechat | uvx"))

    assert done.returncode == 0, done.stderr[-3000:]
    (file,) = project.folder.glob("visitors-*.jsonl")
    assert len(file.read_text().splitlines()) > VISITORS // 4


@pytest.mark.installs
@pytest.mark.usefixtures("package_index")
def test_the_readme_is_followed_from_an_empty_folder(tmp_path: Path, project: Project) -> None:
    fresh = Project(tmp_path, project.sandbox, installs=True)
    fresh.sandbox.marketo.reset()
    done = fresh.run(command("cp .env.example .env"))
    assert done.returncode == 0, done.stderr
    fill_in(fresh)

    for line in (
        command("uv run marketo-ops check"),
        command("uv run tap-livechat --limit 20 | uv run marketo-ops explain"),
        command("TARGET_MARKETO_DRY_RUN=true"),
        command("uv run meltano run livechat-to-marketo"),
        BY_HAND,
        command("tail -n 1 state.jsonl"),
    ):
        done = fresh.run(line)
        assert done.returncode == 0, f"{line}: {done.stdout[-2000:]}{done.stderr[-2000:]}"

    assert len(fresh.sandbox.marketo.leads()) > VISITORS // 4


def test_every_command_of_the_readme_is_tried_here() -> None:
    tried = re.findall(r"""command\(\s*["']([^"']+)["']""", Path(__file__).read_text())

    for line in set(COMMANDS) - {BY_HAND}:
        assert any(line.startswith(start) for start in tried), f"not tried: {line}"
