"""Commands that others wrote, each in a virtual environment of its own, kept between runs."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def installed(folder: Path, requirement: str, command: str) -> str:
    """The path of a requirement's command, in an environment under `folder`."""
    environment = folder / requirement.replace("=", "-")
    path = environment / "bin" / command
    with environment.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other workers of this run want it too
        if not path.exists():
            _install(environment, requirement)
    return str(path)


def _install(environment: Path, requirement: str) -> None:
    has_module = importlib.util.find_spec("uv") is not None
    uv = [sys.executable, "-m", "uv"] if has_module else ["uv"]
    # For the tests that are marked `installs`: the others are offline.
    online = {name: value for name, value in os.environ.items() if name != "UV_OFFLINE"}
    make = [*uv, "venv", "-q", "--clear", "--python", sys.executable, str(environment)]
    subprocess.run(make, check=True, env=online)
    install = [*uv, "pip", "install", "-q", "--no-config", "--python", str(environment)]
    subprocess.run([*install, requirement], check=True, env=online)
