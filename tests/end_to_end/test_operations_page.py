"""What target-marketo/docs/operations.md tells people to do, done."""

from __future__ import annotations

import ast
import configparser
import json
import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from target_marketo.settings import SCHEMA
from target_marketo.store.database import open_database
from target_marketo.store.error_log import ErrorLog, Failure
from tests import guard
from tests.sandbox.environment import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "target-marketo" / "docs" / "operations.md").read_text()
BLOCKS = dict.fromkeys(re.findall(r"```(\w*)\n(.*?)```", PAGE, re.DOTALL))
INSTANCE = "555-abc-555.mktorest.com"
TURN_MINUTES = 15
UV_PIP = "uv pip install --python .venv/bin/python"


def block(language: str, *, having: str) -> str:
    """The one block of the page that has this text."""
    found: str
    (found,) = [text for kind, text in BLOCKS if kind == language and having in text]
    return found


class Project:
    """A folder with settings, a store, its key, and Meltano's database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.store = folder / "state" / "target-marketo"
        self.backup = folder / "backup"
        (self.folder / ".meltano").mkdir(parents=True)
        (self.folder / ".env").write_text(
            f"TARGET_MARKETO_ENDPOINT=https://{INSTANCE}\nTARGET_MARKETO_CLIENT_ID=x\n"
            "TARGET_MARKETO_CLIENT_SECRET=planted-client-secret\n"
        )
        self._environment = guard.without_settings() | {
            "XDG_STATE_HOME": str(self.store.parent),
            "STORE": str(self.store),
            "BACKUP": str(self.backup),
            "DIR": str(folder),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        with closing(open_database(f"sqlite:///{self.store / 'store.sqlite'}")) as database:
            log = ErrorLog(database, "run", instance=INSTANCE)
            who = "jane.doe@planted.example"
            log.store([Failure("visitors", "permanent", "1007", "", "", who, {"email": who})])
        with closing(sqlite3.connect(self.folder / ".meltano" / "meltano.db")) as connection:
            connection.execute("CREATE TABLE state (state_id, completed_state)")
            connection.execute("INSERT INTO state VALUES ('job', 'the bookmark')")
            connection.execute(
                "CREATE TABLE runs (id, job_name, state, started_at, ended_at, payload,"
                " last_heartbeat_at)"
            )
            connection.commit()

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def open_errors(self) -> int:
        facts = json.loads(self.run("marketo-ops status --format json || true").stdout)
        return int(facts["open_errors"]["records"])


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_what_was_backed_up_is_restored_and_both_are_closed_to_others(project: Project) -> None:
    with closing(sqlite3.connect(project.store / "store.sqlite")) as beside_a_run:
        beside_a_run.execute("BEGIN IMMEDIATE")
        backed_up = project.run(block("sh", having='mkdir -p "$BACKUP"'))
    shutil.rmtree(project.store)
    shutil.rmtree(project.folder / ".meltano")
    (project.folder / ".env").unlink()

    restored = project.run(
        block("sh", having='cp "$BACKUP/store.sqlite"').replace("status", "errors")
    )

    assert backed_up.returncode == 0, backed_up.stderr
    assert restored.returncode == 0, restored.stderr
    assert "A new store" not in restored.stderr
    assert project.open_errors() == 1
    with closing(sqlite3.connect(project.folder / ".meltano" / "meltano.db")) as connection:
        assert connection.execute("SELECT completed_state FROM state").fetchone() == (
            "the bookmark",
        )
    places = (project.backup, project.store, project.folder / ".meltano")
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert len(files) >= 7
    for path in (*files, project.folder / ".env"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_logs_are_closed_to_others_and_deleted_after_their_days(project: Project) -> None:
    logs = project.folder / ".meltano" / "logs" / "elt" / "job"
    runs = project.folder / ".meltano" / "run" / "tap-livechat"
    ages = {logs / "old.log": 40, logs / "new.log": 1, runs / "old.json": 40, runs / "new.json": 1}
    for path, days in ages.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o644)
        os.utime(path, (time.time() - days * 86_400,) * 2)

    done = project.run(block("sh", having="chmod -R go="))

    assert done.returncode == 0, done.stderr
    kept = {path.name for path in (project.folder / ".meltano").rglob("*.*") if path.is_file()}
    assert kept == {"new.log", "new.json", "meltano.db"}
    assert stat.S_IMODE((logs / "new.log").stat().st_mode) & 0o077 == 0


def test_the_textfile_collector_gets_a_whole_file(project: Project, tmp_path: Path) -> None:
    # As a cron line it is run, whose exit code nobody looks at.
    project.run(f"set +e; {block('sh', having='--format prometheus')}")

    assert "target_marketo_healthy{" in (tmp_path / "marketo.prom").read_text()
    assert not (tmp_path / "marketo.prom.new").exists()


def test_a_changed_key_of_the_store_leaves_its_entries(project: Project) -> None:
    before = (project.store / "store.key").read_text()

    done = project.run("marketo-ops rekey")

    assert done.returncode == 0, done.stderr
    assert (project.store / "store.key").read_text() != before
    assert project.open_errors() == 1


def test_rotating_store_key_is_put_into_env_and_then_rekeyed(project: Project) -> None:
    env = project.folder / ".env"
    text = env.read_text()
    env.write_text(f"{text}TARGET_MARKETO_STORE_KEY=the first secret of all\n")
    first = project.run("marketo-ops rekey")
    env.write_text(f"{text}TARGET_MARKETO_STORE_KEY=the next secret of all\n")
    before = project.run("marketo-ops errors")
    changed = project.run("marketo-ops rekey")

    assert first.returncode == 0, first.stderr
    assert "give it this one with `marketo-ops rekey`" in before.stderr
    assert changed.returncode == 0, changed.stderr
    assert "1 entries" not in changed.stdout
    assert project.open_errors() == 1


def test_every_secret_has_its_line_of_rotation() -> None:
    table = PAGE.partition("## Rotating secrets")[2].partition("\n## ")[0]
    example = (ROOT / ".env.example").read_text()
    secret = r"^(?:# )?(\w+(?:SECRET|TOKEN|PASSWORD|STORE_KEY|PING_URL))="

    named = re.findall(secret, example, re.MULTILINE)
    assert len(named) > 5
    assert [name for name in named if f"`{name}`" not in table] == []


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox({"visitors": 20}) as running:
        yield running


@pytest.mark.parametrize(
    "name", ["TAP_LIVECHAT_PERSONAL_ACCESS_TOKEN", "TARGET_MARKETO_CLIENT_SECRET"]
)
def test_a_secret_that_was_rotated_is_put_into_env_and_checked(
    project: Project, sandbox: Sandbox, name: str
) -> None:
    env = project.folder / ".env"
    given = {each: value for each, value in sandbox.environment.items() if value}
    given.pop("TARGET_MARKETO_STORE_URL")
    of_yesterday = given | {name: "planted-client-secret"}
    texts = [
        "".join(f"{each}={value}\n" for each, value in values.items())
        for values in (of_yesterday, given)
    ]

    env.write_text(texts[0])
    withdrawn = project.run("marketo-ops check")
    env.write_text(texts[1])
    mended = project.run("marketo-ops check")

    assert withdrawn.returncode == 1
    assert "1 to fix" in withdrawn.stdout
    assert "planted" not in withdrawn.stdout + withdrawn.stderr
    assert mended.returncode == 0, mended.stdout
    assert "All is well" in mended.stdout


def test_the_units_name_a_user_close_files_and_give_a_run_its_minutes() -> None:
    text = block("ini", having="[Service]")
    service, timer = re.split(r"^# .*\.timer\n", text, flags=re.MULTILINE)
    unit = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    unit.read_string(service)

    longest = SCHEMA["properties"]["max_run_minutes"]["default"] + TURN_MINUTES
    assert unit["Service"]["User"]
    assert unit["Service"]["UMask"] == "0077"
    assert unit["Service"]["SuccessExitStatus"] == "75"
    assert int(unit["Service"]["TimeoutStartSec"].removesuffix("min")) > longest
    assert "Persistent=true" in timer


def test_the_examples_of_other_schedulers_are_whole_and_know_75() -> None:
    for having in ("from dagster import", "from airflow.sdk"):
        text = block("python", having=having)
        ast.parse(text)
        assert "75" in text
        assert "umask 077" in text
    job = yaml.safe_load(block("yaml", having="kind: CronJob"))["spec"]["jobTemplate"]["spec"]
    longest = SCHEMA["properties"]["max_run_minutes"]["default"] + TURN_MINUTES
    assert job["activeDeadlineSeconds"] > 60 * longest
    (container,) = job["template"]["spec"]["containers"]
    codes = {}
    for ended in (0, 1, 75):
        script = container["command"][2].replace(
            "marketo-ops ping --exit-code $?", f"(exit {ended})"
        )
        done = subprocess.run(["sh", "-c", script.replace("meltano", "true #")], check=False)
        codes[ended] = done.returncode
    assert codes == {0: 0, 1: 1, 75: 0}


def test_the_page_and_the_readme_have_the_same_lines_for_cron() -> None:
    lines = re.findall(r"^\d+ \S+ \* \* \* .*$", PAGE, re.MULTILINE)

    assert len(lines) == 2
    assert all(line in (ROOT / "README.md").read_text() for line in lines)


def test_an_upgrade_is_made_of_commands_that_there_are() -> None:
    commands = block("sh", having="git pull").split("\n")

    assert "uv run meltano install --clean" in commands
    told = subprocess.run(
        [Path(sys.executable).with_name("meltano"), "install", "--help"],
        env=guard.without_settings(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--clean" in told.stdout


# The image


INSTRUCTIONS = [
    line.split(" ", 1)
    for line in (ROOT / "deploy" / "Dockerfile").read_text().splitlines()
    if line and not line.startswith("#")
]


def instructions(name: str) -> Iterator[str]:
    return (text for kind, text in INSTRUCTIONS if kind == name)


def test_the_image_copies_what_there_is_and_runs_as_a_user_without_a_name() -> None:
    known = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "VOLUME", "USER", "CMD"}
    ignored = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()

    assert {kind for kind, _ in INSTRUCTIONS} == known, "a test carries each of them out"
    for text in instructions("COPY"):
        source = text.split()[0]
        assert source == "requirements.txt" or (ROOT / source).exists()
        assert f"!{source}" in ignored
    assert list(instructions("USER")) == ["10001"]


# The image's user, who has no name and no home, and may write what is theirs alone. To read, this
# machine's Python included, they may what root may: else it would depend on where that lies.
_READS = ("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search")
AS_THE_USER = ("setpriv", "--reuid", "10001", "--regid", "10001", "--clear-groups", *_READS)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that others may enter; pytest's own are root's alone."""
    folder = Path(tempfile.mkdtemp(prefix="image-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.installs
@pytest.mark.usefixtures("package_index")
@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files to the image's user")
def test_each_step_of_the_image_makes_a_folder_in_which_the_job_runs(open_folder: Path) -> None:
    app = open_folder / "app"
    app.mkdir(mode=0o755)
    environment = guard.without_settings() | {"PATH": os.environ["PATH"]}
    context = open_folder / "context"
    context.mkdir()
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("tap-livechat", "target-marketo"):
        shutil.copytree(ROOT / name, context / name, ignore=ignore)
    for name in ("meltano.yml", "constraints.txt"):
        shutil.copy(ROOT / name, context)

    def run(command: str, folder: Path, before: tuple[str, ...] = ()) -> str:
        done = subprocess.run(
            [*before, "sh", "-c", command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
        return done.stdout + done.stderr

    run(block("sh", having="uv pip compile"), context)
    requirements = (context / "requirements.txt").read_text()
    assert "://" not in requirements, "it names no registry"
    assert requirements.count("--hash=sha256:") > requirements.count("==")

    with Sandbox({"visitors": 40}) as sandbox:
        for kind, text in INSTRUCTIONS:
            match kind:
                case "COPY":
                    source, target = text.split()
                    copy = shutil.copytree if (context / source).is_dir() else shutil.copy
                    copy(context / source, app / (source if target == "./" else target))
                case "RUN":
                    # uv takes the same arguments, and is what may reach the package index here.
                    run(text.replace(".venv/bin/pip install", UV_PIP), app)
                case "ENV":
                    name, _, value = text.partition("=")
                    environment[name] = value.replace("/app", str(app))
                case "CMD":
                    before = len(sandbox.marketo.leads())
                    # What the container is given, and whoever started it sees.
                    environment |= sandbox.environment
                    environment.pop("TARGET_MARKETO_STORE_URL", None)
                    shell, flag, command = json.loads(text)
                    assert (shell, flag) == ("sh", "-c")
                    said = run(command, app, AS_THE_USER)
                    assert len(sandbox.marketo.leads()) > before, said
                    assert "the run ended well" in said
                case "FROM" | "WORKDIR" | "VOLUME" | "USER":
                    pass  # a runtime's; the user is AS_THE_USER

    own = [path for path in app.rglob("*") if path.stat(follow_symlinks=False).st_uid == 10001]
    assert {path.relative_to(app).parts[0] for path in own} == {"state", ".meltano"}
    kept = {path.name for path in (app / "state").rglob("*") if path.is_file()}
    assert {"store.sqlite", "store.key", "meltano.db"} <= kept
    assert "pip_url" not in (app / "meltano.yml").read_text()
