"""A Meltano project beside the sandbox, and command lines that run in its folder."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tests import guard, meltano_project

if TYPE_CHECKING:
    from tests.sandbox.environment import Sandbox


BIN = Path(sys.executable).parent


class Project:
    """A project's folder whose `.env` leads to the sandbox."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.folder, self.sandbox = folder, sandbox
        meltano_project.write(folder)
        given = sandbox.environment | {
            "TARGET_MARKETO_STORE_URL": f"sqlite:///{folder / 'store.sqlite'}"
        }
        env = folder / ".env"
        env.write_text("".join(f"{name}='{value}'\n" for name, value in given.items() if value))
        env.chmod(0o600)

    def start(self, command: str, name: str = "") -> subprocess.Popen[str]:
        environment = guard.without_settings() | {
            "NAME": name,
            "MELTANO_CLI_DISABLE_VERSION_CHECK": "true",
        }
        environment["PATH"] = f"{BIN}:{environment['PATH']}"
        return subprocess.Popen(
            ["bash", "-c", command],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def written(self) -> Counter[str]:
        """How often there is somebody with an address whom the sandbox did not hold before."""
        before = {str(each.get("email")) for each in self.sandbox.crowd.marketo_leads()}
        emails = (str(lead["email"]).lower() for lead in self.sandbox.marketo.leads())
        return Counter(each for each in emails if each not in before)


def ended(*runs: subprocess.Popen[str]) -> list[tuple[int, str]]:
    """Exit code and output of each."""
    said = [run.communicate(timeout=180)[0] for run in runs]
    return [(run.returncode, each) for run, each in zip(runs, said, strict=True)]
