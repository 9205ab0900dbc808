"""Files that hold secrets: who may read them, and what killed runs leave."""

from __future__ import annotations

import os
import stat
import time
from typing import TYPE_CHECKING

import pytest

from target_marketo import run_files
from tests.target_marketo.conftest import Target, record, schema

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Ops

HOURS = 3600.0


def left(project: Path, plugin: str, age: float, mode: int = 0o644) -> Path:
    """The settings that Meltano wrote for a plugin so many seconds ago."""
    path = project / ".meltano" / "run" / plugin / "x.01a22246-28ab.config.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
    path.chmod(mode)
    at = time.time() - age
    os.utime(path, (at, at))
    return path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_next_run_deletes_what_killed_runs_left_and_hides_the_rest(target: Target) -> None:
    old = left(target.folder, "tap-livechat", 3 * HOURS)
    under_way = left(target.folder, "target-marketo", 1 * HOURS)
    other = target.folder / ".meltano" / "run" / "target-marketo" / "target.properties.json"
    other.write_text("{}")

    ended = target.run([schema(), record("ann@planted.example")])

    assert ended.code == 0
    assert "Deleted 1 files with settings that killed runs had left" in ended.err
    assert not old.exists()
    assert mode(under_way) == 0o600
    assert other.exists()


def test_a_run_that_may_still_be_going_keeps_its_settings(tmp_path: Path) -> None:
    path = left(tmp_path, "tap-livechat", 3 * HOURS)

    assert run_files.keep_private(tmp_path, max_run_minutes=180) == 0
    assert path.exists(), "Meltano fails if the file has gone when it wants to delete it"


@pytest.mark.parametrize("open_to", [0o640, 0o604])
def test_check_warns_of_secrets_that_others_may_read(
    ops: Ops, tmp_path: Path, open_to: int
) -> None:
    (tmp_path / ".env").write_text("")
    (tmp_path / ".env").chmod(open_to)
    left_there = left(tmp_path, "tap-livechat", 3 * HOURS, open_to)

    found = {line["subject"]: line["text"] for line in ops.json("check")["lines"]}
    run = str(left_there.relative_to(tmp_path))

    assert found[".env"] == "may be read by others: chmod 600 .env"
    assert found[run] == f"may be read by others: chmod 600 {run}"
    assert found[".meltano/run"] == (
        "1 file with settings, of killed runs: the next run deletes it"
    )


def test_check_says_nothing_where_only_the_owner_reads(ops: Ops, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("")
    (tmp_path / ".env").chmod(0o600)
    left(tmp_path, "tap-livechat", 0, 0o600)

    subjects = {line["subject"] for line in ops.json("check")["lines"]}
    assert not any(each.startswith((".env", ".meltano")) for each in subjects)
