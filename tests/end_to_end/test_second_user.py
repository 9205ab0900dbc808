"""A second user on the machine, who tries to read everything.

What runs leave, in whichever way they end, is tried by a process of another uid. As the README
says, the shell's umask is 077 where Meltano starts the jobs; what this project writes is closed
under any.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import guard, meltano_project
from tests.sandbox.environment import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

BIN = Path(sys.executable).parent
NOBODY = 65534
VISITORS = 60
RUN = "meltano --log-format=uncolored run"

pytestmark = pytest.mark.skipif(
    os.getuid() != 0, reason="only root can be a second user: run the tests as root in a container"
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox({"visitors": VISITORS}) as running:
        yield running


class Shared:
    """A project in a folder that anybody may enter, as under /srv."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.folder = folder
        self.project, self.state = folder / "project", folder / "state"
        for each in (folder, self.project, self.state):
            each.mkdir(exist_ok=True)
            each.chmod(0o755)
        meltano_project.write(self.project)
        env = self.project / ".env"
        given = sandbox.environment | {
            "TARGET_MARKETO_STORE_URL": f"sqlite:///{self.state / 'store.sqlite'}"
        }
        env.write_text("".join(f"{name}='{value}'\n" for name, value in given.items() if value))
        env.chmod(0o600)
        self.client_secret = given["TARGET_MARKETO_CLIENT_SECRET"]
        # What was there before, and that anybody may read: the project's own text.
        self.before = set(self.read_by_another())
        endings = ("_SECRET", "_TOKEN")
        self.secrets = [each for name, each in given.items() if each and name.endswith(endings)]
        assert len(self.secrets) > 1

    def start(self, command: str, umask: int) -> subprocess.Popen[bytes]:
        environment = guard.without_settings() | {"XDG_STATE_HOME": str(self.state)}
        environment["PATH"] = f"{BIN}:{environment['PATH']}"
        return subprocess.Popen(
            ["bash", "-c", command],
            cwd=self.project,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            umask=umask,
        )

    def run(self, command: str, umask: int = 0o077) -> None:
        assert self.start(command, umask).wait(timeout=180) == 0, command

    def read_by_another(self) -> list[Path]:
        """All files here that a process of another user can open."""
        found = subprocess.run(
            ["find", str(self.folder), "-type", "f", "-readable", "-print0"],
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            capture_output=True,
            check=False,  # it says so of folders that it may not enter
        )
        return [Path(os.fsdecode(path)) for path in found.stdout.split(b"\0") if path]

    def learned(self) -> list[str]:
        """What the second user reads that was not there before."""
        return sorted(
            str(path.relative_to(self.folder))
            for path in set(self.read_by_another()) - self.before
            if path.name not in (".gitignore", "CACHEDIR.TAG")  # of Meltano's, one line each
        )


@pytest.fixture
def shared(sandbox: Sandbox) -> Iterator[Shared]:
    sandbox.marketo.reset()
    sandbox.livechat.reset()
    folder = Path(tempfile.mkdtemp(prefix="second-user-"))  # pytest's own are root's alone
    try:
        yield Shared(folder, sandbox)
    finally:
        shutil.rmtree(folder)


def test_the_second_user_is_no_straw_man(shared: Shared) -> None:
    assert {path.name for path in shared.before} >= {"meltano.yml", "tap-livechat"}
    shared.run("cp .env open; chmod 644 open", umask=0o022)
    assert shared.learned() == ["project/open"], "it reads what is open, and .env is not"


def test_after_a_run_they_read_nothing(shared: Shared) -> None:
    shared.run(f"{RUN} tap-livechat target-marketo")

    assert (shared.state / "store.sqlite").is_file()
    assert (shared.state / "store.key").is_file()
    assert (shared.project / ".meltano" / "meltano.db").is_file()
    assert shared.learned() == []


def test_after_a_dry_run_they_read_nothing(shared: Shared) -> None:
    shared.run(f"TARGET_MARKETO_DRY_RUN=true {RUN} tap-livechat target-marketo --no-state-update")

    assert shared.learned() == []


def test_after_a_digest_preview_and_a_run_by_hand_they_read_nothing(shared: Shared) -> None:
    """Under any umask, but for STATE, which the shell writes."""
    shared.run("tap-livechat | target-marketo > state.jsonl", umask=0o022)
    shared.run("marketo-ops digest --preview preview.html", umask=0o022)

    assert (shared.project / "preview.html").stat().st_size > 0
    assert shared.learned() == ["project/state.jsonl"]
    text = (shared.project / "state.jsonl").read_text()
    assert "@" not in text, "bookmarks are times and ids"


@pytest.mark.slow
@pytest.mark.parametrize("umask", [0o077, 0o022])
def test_after_a_killed_run_they_read_no_settings(shared: Shared, umask: int) -> None:
    run = shared.start(f"exec {RUN} tap-livechat target-marketo", umask)
    give_up_at = time.monotonic() + 60
    # Once the target has made its store it has closed the files of its run, too.
    while not (shared.state / "store.sqlite").exists():
        assert run.poll() is None
        assert time.monotonic() < give_up_at
        time.sleep(0.01)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()

    left = list((shared.project / ".meltano" / "run").glob("*/*.config.json"))
    assert left, "it was killed before it could clean up"
    learned = shared.learned()
    if umask == 0o077:
        assert learned == []
    for name in learned:
        text = (shared.folder / name).read_bytes()
        assert not any(secret.encode() in text for secret in shared.secrets), name
        assert not name.endswith((".config.json", ".env", "store.sqlite", "store.key"))


def test_init_closes_the_settings_under_any_umask(shared: Shared) -> None:
    env = shared.project / ".env"
    env.chmod(0o644)
    (shared.project / "secret").write_text(shared.client_secret)
    (shared.project / "secret").chmod(0o600)

    shared.run("marketo-ops init --replace --client-secret secret", umask=0)

    assert shared.learned() == []
