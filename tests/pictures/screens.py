"""What a person sees of the demo, of the digest and of `explain`, in the sandbox."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console
from rich.text import Text

from tests import guard
from tests.demo.__main__ import main as run_demo
from tests.sandbox.environment import Sandbox
from tests.sandbox.mailbox import open_mailbox

if TYPE_CHECKING:
    from collections.abc import Callable

WIDTH = 128
ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
EXPLAIN = "tap-livechat --limit 20 | marketo-ops explain --limit 2"
_RECIPIENT = "admin@example.com"


class Screen(NamedTuple):
    """The name of its file, the title of its window, and what fills it."""

    name: str
    title: str
    show: Callable[[Console], None]


def of_demo(console: Console) -> None:
    if run_demo(console):
        raise RuntimeError("the demo failed: run it to see why")


def of_digest(console: Console) -> None:
    """The mail's text, after a run that rejected somebody."""
    with Sandbox({"visitors": 300}) as sandbox, open_mailbox() as mailbox:
        _shell(sandbox, "tap-livechat | target-marketo")
        _shell(
            sandbox,
            "marketo-ops digest",
            MARKETO_OPS_SMTP_HOST="127.0.0.1",
            MARKETO_OPS_SMTP_PORT=str(mailbox.port),
            MARKETO_OPS_SMTP_SECURITY="none",
            MARKETO_OPS_MAIL_FROM="sync@example.com",
            MARKETO_OPS_MAIL_TO=_RECIPIENT,
            MARKETO_OPS_TIMEZONE="UTC",
        )
        (mail,) = mailbox.messages
        console.print(Text(f"Subject: {mail['Subject']}\n", style="bold"))
        console.print(Text(mailbox.bodies()[0].strip()))


def of_explain(console: Console) -> None:
    """With the rules of our meltano.yml; one of the two people of this crowd is in Marketo."""
    with Sandbox({"visitors": 120, "seed": 5}) as sandbox:
        shutil.copy(ROOT / "meltano.yml", sandbox.folder)
        shown = _shell(sandbox, EXPLAIN, FORCE_COLOR="1", COLUMNS=str(WIDTH))
    console.print(Text.from_ansi(shown.strip()))


SCREENS = (
    Screen("demo", "uv run python -m tests.demo", of_demo),
    Screen("digest", f"The daily mail to {_RECIPIENT}", of_digest),
    Screen("explain", EXPLAIN, of_explain),
)


def taken(screen: Screen) -> Console:
    """A console that has recorded it."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False)
    screen.show(console)
    return console


def _shell(sandbox: Sandbox, command: str, **variables: str) -> str:
    environment = guard.without_settings() | sandbox.environment | variables
    environment["XDG_STATE_HOME"] = str(sandbox.folder / "state")
    environment["PATH"] = f"{BIN}:{environment['PATH']}"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=sandbox.folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stderr[-2000:]}")
    return done.stdout
