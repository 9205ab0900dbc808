"""A Meltano project like ours that installs nothing: this environment's commands are plugins."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent


def write(folder: Path, described: Path = ROOT / "meltano.yml") -> None:
    """Puts our meltano.yml there, and the commands that it starts, which are kept on loopback."""
    project: dict[str, Any] = yaml.safe_load(described.read_text())
    (folder / "bin").mkdir()
    for plugins in project["plugins"].values():
        for plugin in plugins:
            del plugin["pip_url"]
            command = folder / "bin" / plugin["executable"]
            # Meltano takes PYTHONPATH, and so tests/guard, from its plugins.
            path = shlex.quote(os.environ["PYTHONPATH"])
            command.write_text(f'#!/bin/sh\nPYTHONPATH={path} exec {BIN / command.name} "$@"\n')
            command.chmod(0o755)
            plugin["executable"] = str(command)
    (folder / "meltano.yml").write_text(yaml.safe_dump(project, sort_keys=False))
