"""What the demo does: commands in a Meltano project of its own, and what each leaves behind."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from tests import guard, meltano_project

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from tests.sandbox.environment import Sandbox
    from tests.sandbox.mailbox import Mailbox
    from tests.sandbox.marketo.counts import Counts

JOB = "livechat-to-marketo"
DIGEST = "error-digest"
SETUP = "marketo-ops setup --apply"
VISITORS = 1500
LIST, PROGRAM, STATUS = "LiveChat visitors", "LiveChat", "Engaged"
# No API makes a program, so it is there before.
MARKETO = {"programs": [{"name": PROGRAM, "channel": "Live Chat"}]}

Lead = dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """What a run left behind: its exit code and time, what Marketo holds, the servers' counts."""

    exit_code: int
    seconds: float
    leads: dict[int, Lead]
    activities: list[dict[str, Any]]
    marketo: Counts
    billed: int


def calls_of(counts: Counts) -> int:
    """The calls to Marketo that count."""
    return sum(number for kind, number in counts.calls.items() if kind != "identity")


def new_project(folder: Path) -> Path:
    """A Meltano project like ours, with a state of its own, a list and a program.

    An account of your own begins with today's chats; here all of them come.
    """
    project = folder / "project"
    project.mkdir()
    meltano_project.write(project)
    path = project / "meltano.yml"
    described = yaml.safe_load(path.read_text())
    (target,) = described["plugins"]["loaders"]
    streams = target["config"]["streams"]
    streams["visitors"]["lists"] = [LIST]
    streams["chats"]["programs"] = {PROGRAM: STATUS}
    streams["chats"]["activity"]["since"] = "everything"
    path.write_text(yaml.safe_dump(described, sort_keys=False))
    return project


@dataclass(frozen=True)
class Runs:
    """Runs commands, and tells of each in one paragraph."""

    sandbox: Sandbox
    project: Path
    console: Console

    def setup(self) -> tuple[int, str]:
        """Has the empty instance made ready: the exit code, and the last line of what it said."""
        started = time.monotonic()
        with self.console.status(SETUP):
            code, said = self._command(
                str(self.project / "bin" / "marketo-ops"), *SETUP.split()[1:]
            )
        told = (said.strip().splitlines() or [""])[-1]
        self.console.print(
            f"[bold]Setup[/]: `{SETUP}` took {time.monotonic() - started:.1f} s: {told}"
        )
        return code, told

    def job(self, title: str, *options: str) -> Seen:
        """The hourly job, and what it left behind."""
        sandbox = self.sandbox
        sandbox.marketo.reset_counts()
        sandbox.livechat.reset()
        command = " ".join(["meltano", "run", *options, JOB])
        started = time.monotonic()
        with self.console.status(command):
            code = self._meltano("run", *options, JOB)
        seen = Seen(
            exit_code=code,
            seconds=time.monotonic() - started,
            leads=self.leads(),
            activities=sandbox.marketo.activities(),
            marketo=sandbox.marketo.counts(),
            billed=int(sandbox.livechat.counts()["billed"]),
        )
        counts = seen.marketo
        added = counts.rows.get("add_activities", {}).get("added", 0)
        self.console.print(
            f"[bold]{title}[/]: `{command}` took {seen.seconds:.1f} s, "
            f"{counts.rows_created} people created, {counts.rows_updated} updated, "
            f"{added} chats put on a timeline; calls to Marketo: {calls_of(counts)}, "
            f"requests billed by LiveChat: {seen.billed}"
        )
        return seen

    def digest(self, mailbox: Mailbox) -> int:
        """The daily mail; its exit code."""
        started = time.monotonic()
        with self.console.status(f"meltano run {DIGEST}"):
            code = self._meltano(
                "run",
                DIGEST,
                MARKETO_OPS_SMTP_HOST="127.0.0.1",
                MARKETO_OPS_SMTP_PORT=str(mailbox.port),
                MARKETO_OPS_SMTP_SECURITY="none",
                MARKETO_OPS_MAIL_FROM="sync@example.com",
                MARKETO_OPS_MAIL_TO="operations@example.com",
            )
        subject = mailbox.messages[0]["Subject"] if mailbox.messages else "no mail"
        seconds = time.monotonic() - started
        self.console.print(
            f"[bold]Digest[/]: `meltano run {DIGEST}` took {seconds:.1f} s: ", end=""
        )
        self.console.print(subject, markup=False)
        return code

    def leads(self) -> dict[int, Lead]:
        """Whom Marketo holds."""
        return {int(lead["id"]): lead for lead in self.sandbox.marketo.leads()}

    def _meltano(self, *arguments: str, **variables: str) -> int:
        command = str(_BIN / "meltano")
        return self._command(command, "--log-format=uncolored", *arguments, **variables)[0]

    def _command(self, *command: str, **variables: str) -> tuple[int, str]:
        environment = guard.without_settings() | self.sandbox.environment | variables
        environment["XDG_STATE_HOME"] = str(self.sandbox.folder / "state")
        done = subprocess.run(
            command,
            cwd=self.project,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        said = done.stderr + done.stdout
        with log_of(self.sandbox).open("a") as log:
            log.write(said)
        if done.returncode:
            print(said[-6000:], file=sys.stderr)
        return done.returncode, done.stdout


def log_of(sandbox: Sandbox) -> Path:
    """What all commands said."""
    return sandbox.folder / "meltano.log"


_BIN = meltano_project.BIN
