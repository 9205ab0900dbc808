"""Whoever ran version 0.1 goes on: its STATE, store, `.env` and meltano.yml, as it left them.

They were made by version 0.1 (commit 68639c5) on a sandbox of 30 visitors in September 2026, with
`tap-livechat | target-marketo` and a second run of two people, one of them with an impossible
e-mail. `@INSTANCE@` in the store stands for the sandbox's host and port.
"""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests import guard, meltano_project
from tests.sandbox.environment import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

LEFT = Path(__file__).with_name("version_0_1")
BIN = Path(sys.executable).parent
SPAN = {"start": "2026-09-01T00:00:00.000000Z", "end": "2026-10-01T00:00:00.000000Z"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox({"visitors": 30, **SPAN}) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, sandbox: Sandbox) -> Path:
    """A project's folder as version 0.1 left it."""
    sandbox.marketo.reset()
    meltano_project.write(tmp_path, LEFT / "meltano.yml")
    text = (LEFT / "env").read_text()
    given = {name: value for name, value in sandbox.environment.items() if value}
    given["TARGET_MARKETO_STORE_URL"] = f"sqlite:///{tmp_path / 'store.sqlite'}"
    given["TARGET_MARKETO_ERROR_RETENTION_DAYS"] = "36500"
    for name, value in given.items():
        text, lines = re.subn(rf"^(# )?{name}=.*$", f"{name}={value}", text, flags=re.MULTILINE)
        assert lines == 1, name
    (tmp_path / ".env").write_text(text)
    (tmp_path / "state.json").write_text((LEFT / "bookmarks.json").read_text())
    instance = urlsplit(sandbox.marketo.endpoint).netloc
    with closing(sqlite3.connect(tmp_path / "store.sqlite")) as store:
        store.executescript((LEFT / "store.sql").read_text().replace("@INSTANCE@", instance))
    (tmp_path / "store.sqlite").chmod(0o600)
    return tmp_path


def run(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    environment = guard.without_settings()
    environment["PATH"] = f"{BIN}:{environment['PATH']}"
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_the_pair_goes_on_from_its_state_with_its_settings_and_store(
    folder: Path, sandbox: Sandbox
) -> None:
    whole = run(folder, "tap-livechat --config=ENV > whole.jsonl")
    tap = "tap-livechat --config=ENV --state state.json | tee rest.jsonl"
    rest = run(folder, f"{tap} | target-marketo --config=ENV")

    assert (whole.returncode, rest.returncode) == (0, 0), rest.stderr
    records, all_records = (
        (folder / name).read_text().count('"type":"RECORD"')
        for name in ("rest.jsonl", "whole.jsonl")
    )
    assert records < all_records
    last = json.loads(rest.stdout.splitlines()[-1])["bookmarks"]["visitors"]
    before = json.loads((LEFT / "bookmarks.json").read_text())["bookmarks"]["visitors"]
    assert last["replication_key_value"] >= before["replication_key_value"]


def test_its_error_log_is_read_sent_again_and_resolved(folder: Path, sandbox: Sandbox) -> None:
    listed: list[dict[str, Any]] = json.loads(run(folder, "marketo-ops errors list --json").stdout)
    again = run(folder, "marketo-ops replay --force | target-marketo")
    usage = json.loads(run(folder, "marketo-ops usage --json").stdout)

    assert len(listed) == 3
    assert {each["code"] for each in listed} == {"invalid_email"}
    assert again.returncode == 0, again.stderr
    assert "3 rejected" in again.stderr
    assert usage["instance"] == urlsplit(sandbox.marketo.endpoint).netloc


def test_its_meltano_yml_runs(folder: Path, sandbox: Sandbox) -> None:
    # Meltano would ask for its newest version once a day; our own meltano.yml says not to.
    quiet = "MELTANO_CLI_DISABLE_VERSION_CHECK=true"
    done = run(folder, f"{quiet} meltano --log-format=uncolored run livechat-to-marketo")

    assert done.returncode == 0, done.stderr[-3000:]
    assert len(sandbox.marketo.leads()) > 5
