"""This process, and what it starts, reach nothing but loopback.

Python processes are kept by `sitecustomize`, which they import by themselves; those of Meltano's
plugins, from which Meltano takes PYTHONPATH, by a line in their environments.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.guard import sitecustomize

FOLDER = Path(__file__).parent
LOG = sitecustomize.VARIABLE
SETTINGS = ("TAP_LIVECHAT_", "TARGET_MARKETO_", "MARKETO_OPS_", "MELTANO_")


def keep_on_loopback() -> None:
    """From now on; `tests` itself is found wherever a child starts."""
    ours = [str(FOLDER), str(FOLDER.parents[1])]
    given = [each for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]
    others = [each for each in given if each not in ours]
    os.environ["PYTHONPATH"] = os.pathsep.join([*ours, *others])


def keep_plugins_on_loopback(project: Path) -> None:
    """The same for the installed plugins of a Meltano project."""
    for packages in project.glob(".meltano/*/*/venv/lib/python*/site-packages"):
        (packages / "loopback.pth").write_text(f"{FOLDER}\n")


def without_settings() -> dict[str, str]:
    """The environment without the settings of the person who runs this."""
    return {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
