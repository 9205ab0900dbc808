"""A command that was forked from one that is loaded does what the command itself does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import warm

if TYPE_CHECKING:
    from collections.abc import Sequence

BIN = Path(sys.executable).parent


@pytest.mark.parametrize(
    "arguments",
    [
        ["tap-livechat", "--version"],
        ["tap-livechat", "--nonsense"],
        ["tap-livechat", "--config", "nowhere.json"],
        ["target-marketo", "--about"],
        ["marketo-ops", "--help"],
        ["meltano", "--version"],
    ],
    ids=" ".join,
)
def test_it_says_and_ends_as_the_command_does(arguments: Sequence[str], tmp_path: Path) -> None:
    command = [str(BIN / arguments[0]), *arguments[1:]]
    environment = {**os.environ, "TAP_LIVECHAT_LOGLEVEL": "WARNING"}

    real = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    forked = warm.run(command, env=environment, cwd=tmp_path)

    assert (forked.returncode, forked.stdout) == (real.returncode, real.stdout)
    assert len(forked.stderr.splitlines()) == len(real.stderr.splitlines())
    assert forked.stdout or forked.stderr


def test_what_does_not_end_is_killed(tmp_path: Path) -> None:
    variables = {
        "TARGET_MARKETO_ENDPOINT": "http://127.0.0.1:9",
        "TARGET_MARKETO_CLIENT_ID": "x",
        "TARGET_MARKETO_CLIENT_SECRET": "y",
        "TARGET_MARKETO_STORE_URL": f"sqlite:///{tmp_path / 'store.sqlite'}",
    }
    schema = '{"type": "SCHEMA", "stream": "visitors", "schema": {}, "key_properties": []}\n'

    done = warm.run(
        [str(BIN / "target-marketo")],
        env=os.environ | variables,
        cwd=tmp_path,
        given=schema + '{"type": "RECORD", "stream": "visitors", "record": {"email": "a@b.c"}}\n',
        timeout=2.0,
    )

    assert done.returncode == -9
