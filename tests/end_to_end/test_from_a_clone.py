"""From a clone, with what the pages say and nothing else: somebody new, and an upgrade from 0.1."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from target_marketo.ops.init.env_file import text_with
from tests import guard
from tests.sandbox.environment import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
OPERATIONS = (ROOT / "target-marketo" / "docs" / "operations.md").read_text()
VERSION_0_1 = "68639c5705dfa79e74d51511e222c7725aed057b"
RUN = "uv run meltano run livechat-to-marketo"
OWN = ("city: {from: city, write: if_empty, group: geography,", "city: {from: city, write: always,")

pytestmark = [pytest.mark.installs, pytest.mark.usefixtures("package_index")]


def git(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox({"visitors": 100}) as running:
        yield running


class Shell:
    """A shell in a project's folder; of the machine it has nothing but the commands."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        self._environment = guard.without_settings() | variables
        self._environment |= {"XDG_STATE_HOME": str(folder.parent / "state")}
        self._environment.pop("VIRTUAL_ENV", None)

    def run(self, line: str) -> str:
        """What it prints; it has to end well."""
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", f"umask 077; {line}"],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout + done.stderr


def test_somebody_new_comes_from_a_clone_to_a_healthy_status(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    files = git("ls-files", "-z", "--cached", "--others", "--exclude-standard").stdout
    if not files:
        pytest.skip("this is no clone: git knows no files here")
    clone = tmp_path / "clone"
    for name in filter(None, files.split("\0")):
        if (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, clone / name)
    given = sandbox.environment
    # Where the sandbox is; a real account needs neither.
    there = {name: given[name] for name in given if name.endswith(("_API_URL", "_ACCOUNTS_URL"))}
    answers = {
        "livechat-account-id": given["TAP_LIVECHAT_ACCOUNT_ID"],
        "start-date": given["TAP_LIVECHAT_START_DATE"],
        "endpoint": given["TARGET_MARKETO_ENDPOINT"],
        "client-id": given["TARGET_MARKETO_CLIENT_ID"],
    }
    for name, variable in (
        ("livechat-token", "TAP_LIVECHAT_PERSONAL_ACCESS_TOKEN"),
        ("client-secret", "TARGET_MARKETO_CLIENT_SECRET"),
    ):
        (tmp_path / name).write_text(given[variable])
        answers[name] = str(tmp_path / name)
    options = " ".join(f"--{name} {shlex.quote(value)}" for name, value in answers.items())
    blocks = "".join(re.findall(r"^```sh\n(.*?)^```", README, re.DOTALL | re.MULTILINE))
    way = blocks.partition("umask 077\n")[2].partition("cp .env.example")[0].splitlines()
    assert [line.split()[2] for line in way] == ["marketo-ops"] * 2 + [
        "tap-livechat",
        "meltano",
        "marketo-ops",
    ]
    shell = Shell(clone, **there)

    shown = [
        shell.run(f"{line} {options}" if line.endswith(" init") else line)
        for line in filter(None, way)
    ]

    *_, status = shown
    assert "Healthy since " in status
    assert len(sandbox.marketo.leads()) > 20


def test_a_project_of_version_0_1_is_upgraded_word_for_word_and_goes_back(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    if git("cat-file", "-e", f"{VERSION_0_1}^{{commit}}").returncode:
        pytest.skip("this clone does not have version 0.1")
    sandbox.marketo.reset()
    sandbox.livechat.reset()
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    head = git("rev-parse", "HEAD").stdout.strip()
    git("clone", "-q", "--bare", str(ROOT), str(origin))
    git("symbolic-ref", "HEAD", "refs/heads/published", folder=origin)
    git("update-ref", "refs/heads/published", VERSION_0_1, folder=origin)
    git("clone", "-q", str(origin), str(clone), folder=tmp_path)
    given = {name: value for name, value in sandbox.environment.items() if value}
    del given["TARGET_MARKETO_STORE_URL"]
    (clone / ".env").write_text(text_with((clone / ".env.example").read_text(), given))
    project = clone / "meltano.yml"
    assert OWN[0] in project.read_text()
    project.write_text(project.read_text().replace(*OWN))
    # Meltano would ask for its newest version once a day; our own meltano.yml, since, says not to.
    shell = Shell(clone, MELTANO_CLI_DISABLE_VERSION_CHECK="true")
    shell.run(RUN)
    people = sandbox.marketo.leads()
    rejected = len(json.loads(shell.run("uv run marketo-ops errors --json 2>/dev/null")))
    assert len(people) > 20
    assert rejected
    git("update-ref", "refs/heads/published", head, folder=origin)
    upgrade = re.search(r"^## Upgrade$.*?^```sh\n(.*?)^```", OPERATIONS, re.DOTALL | re.MULTILINE)
    assert upgrade is not None
    pull, *others = upgrade[1].splitlines()

    for line in (pull, *others):
        last = shell.run(line)

    assert "Healthy since " in last
    assert OWN[1] in project.read_text(), "the rules are theirs"
    shell.run(RUN)
    assert sandbox.marketo.leads() == people, "nobody is written again"
    listed = json.loads(shell.run("uv run marketo-ops errors list --stream visitors --json"))
    assert len(listed) == rejected

    (back,) = re.findall(r"`(git checkout [^`]+)` as its first", OPERATIONS)
    for line in (back, "uv sync", "uv run meltano install --clean", RUN):
        said = shell.run(line)

    assert "target-marketo v0.1" in said
    assert OWN[1] in project.read_text()
    assert sandbox.marketo.leads() == people
