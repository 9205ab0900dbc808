"""The files that hold settings, secrets included, and who may read them.

`.env` is the user's. Meltano writes the settings of each plugin into a file under `.meltano/run`
while it runs, with whatever mode the umask leaves, and a run that was killed leaves them there.
"""

from __future__ import annotations

import stat
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_SPARE_SECONDS = 3600.0  # for what a run does before its turn, and after it


def of_runs(project: Path) -> list[Path]:
    """The settings of runs, under way or killed."""
    return sorted((project / ".meltano" / "run").glob("*/*.config.json"))


def left_behind(project: Path, max_run_minutes: int, now: float | None = None) -> list[Path]:
    """Those of runs that were killed: no run may take so long.

    Of a run that is under way none may go, or Meltano fails when it wants to delete it.
    """
    before = (time.time() if now is None else now) - max_run_minutes * 60 - _SPARE_SECONDS
    return [path for path in of_runs(project) if _changed_at(path, before) < before]


def keep_private(project: Path, max_run_minutes: int, now: float | None = None) -> int:
    """Deletes what killed runs left, and takes the rest from the eyes of others.

    Returns:
        How many files were deleted. What belongs to another user is left as it is.
    """
    removed = 0
    for path in left_behind(project, max_run_minutes, now):
        with suppress(OSError):
            path.unlink()
            removed += 1
    for path in of_runs(project):
        with suppress(OSError):
            path.chmod(0o600)
    return removed


def open_to_others(project: Path) -> list[Path]:
    """The files with secrets that others than their owner may read."""
    return [path for path in (project / ".env", *of_runs(project)) if _is_open(path)]


def _is_open(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & _OTHERS)
    except OSError:
        return False


def _changed_at(path: Path, otherwise: float) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return otherwise  # it has just gone
