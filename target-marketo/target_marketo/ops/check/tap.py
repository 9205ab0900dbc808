"""LiveChat, asked by the tap itself: `tap-livechat --check=json`, where the tap is found.

The tap lives in an environment of its own, so nothing of it is imported.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from target_marketo.configuration import folder
from target_marketo.ops.errors import NotTried, OpsError
from target_marketo.ops.project import configuration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_COMMAND = "tap-livechat"
_CREDENTIALS = ("personal_access_token", "access_token", "client_id", "refresh_token")
_TIMEOUT_SECONDS = 120


class Finding(msgspec.Struct, frozen=True):
    """One line of the tap's: `status` is ok, warning, failed or not_tried."""

    check: str
    status: str
    message: str


class Report(msgspec.Struct, frozen=True):
    """What `--check=json` prints."""

    billed_requests: int
    findings: list[Finding]


def ask(files: Sequence[str], variables: Mapping[str, str] | None = None) -> Report:
    """Lets the tap try its settings; `variables` count more than those of the environment.

    Raises:
        NotTried: No tap, or no credentials of LiveChat: visitors may come from another tap.
        OpsError: The tap did not answer.
    """
    given_here = dict(variables or {})
    named = [configuration.tap().get(name) for name in _CREDENTIALS]
    if not files and not any((*named, *given_here.values())):
        raise NotTried("no TAP_LIVECHAT_* credentials are set")
    command = _find()
    if command is None:
        raise NotTried(
            f"{_COMMAND} is neither beside marketo-ops, nor in .meltano, nor on the PATH"
        )
    given = [part for file in files for part in ("--config", str(Path(file).absolute()))]
    try:
        done = subprocess.run(  # noqa: S603 - our own tap, without a shell
            [command, "--check=json", *given],
            cwd=folder(),
            env={**os.environ, **given_here},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
        return msgspec.json.decode(done.stdout.strip().splitlines()[-1], type=Report)
    except subprocess.TimeoutExpired:
        raise OpsError(f"{_COMMAND} --check did not end in {_TIMEOUT_SECONDS} s") from None
    except (OSError, IndexError, msgspec.MsgspecError):
        raise OpsError(
            f"{command} --check=json says nothing readable: run it by hand, and install "
            "tap and target of one version"
        ) from None


def _find() -> str | None:
    """In this environment, in that of Meltano's plugin, or anywhere on the PATH."""
    places = (
        Path(sys.executable).with_name(_COMMAND),
        folder() / ".meltano" / "extractors" / _COMMAND / "venv" / "bin" / _COMMAND,
    )
    found = next((str(place) for place in places if place.is_file()), None)
    return found or shutil.which(_COMMAND)
