"""`marketo-ops init`: asks, tries at once, and writes `.env` for its owner alone."""

from __future__ import annotations

import os
import pty
import select
import signal
import stat
import subprocess
import sys
import time
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from dotenv import dotenv_values

from target_marketo.ops.errors import OpsError
from target_marketo.ops.init.env_file import text_with
from target_marketo.ops.init.questions import ALL
from target_marketo.settings import SCHEMA
from tests import guard, planted, warm
from tests.sandbox.environment import Sandbox

from .conftest import MailServer, mail_variables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Ops

OPS = str(Path(sys.executable).with_name("marketo-ops"))
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox({"visitors": 20}) as running:
        yield running


class Folder:
    """An empty project, whose environment leads to the sandbox and signs in nowhere."""

    def __init__(self, path: Path, sandbox: Sandbox) -> None:
        self.path = path
        self.env = path / ".env"
        self.sandbox = sandbox
        addresses = {
            name: value
            for name, value in sandbox.environment.items()
            if name.endswith(("_API_URL", "_CDP_URL", "_ACCOUNTS_URL", "_STORE_URL"))
        }
        self.environment = guard.without_settings() | addresses
        for name in ("TAP_LIVECHAT_PERSONAL_ACCESS_TOKEN", "TARGET_MARKETO_CLIENT_SECRET"):
            (path / name).write_text(f"{sandbox.environment[name]}\n")

    @property
    def options(self) -> list[str]:
        """All that it asks but the mail."""
        given = self.sandbox.environment
        return [
            *("--livechat-account-id", given["TAP_LIVECHAT_ACCOUNT_ID"]),
            *("--livechat-token", "TAP_LIVECHAT_PERSONAL_ACCESS_TOKEN"),
            *("--endpoint", given["TARGET_MARKETO_ENDPOINT"]),
            *("--client-id", given["TARGET_MARKETO_CLIENT_ID"]),
            *("--client-secret", "TARGET_MARKETO_CLIENT_SECRET"),
        ]

    def run(
        self, *arguments: str, given: str = "", umask: int = 0
    ) -> subprocess.CompletedProcess[str]:
        return warm.run(
            [OPS, *arguments], env=self.environment, cwd=self.path, given=given, umask=umask
        )


@pytest.fixture
def project(tmp_path: Path, sandbox: Sandbox) -> Folder:
    return Folder(tmp_path, sandbox)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_options_alone_write_settings_that_check_finds_right(project: Folder) -> None:
    (project.path / ".env.example").write_text((ROOT / ".env.example").read_text())

    done = project.run("init", *project.options)
    checked = project.run("check")

    assert done.returncode == 0, done.stdout + done.stderr
    assert mode(project.env) == 0o600, "whatever the umask is"
    assert checked.returncode == 0, checked.stdout
    assert "All is well" in checked.stdout
    assert "# TARGET_MARKETO_BATCH_SIZE_ROWS=300" in project.env.read_text(), "the rest stays"
    assert not planted.shown_in(done.stdout + done.stderr)


def test_what_is_wrong_is_reported_and_nothing_is_written(project: Folder) -> None:
    (project.path / "TARGET_MARKETO_CLIENT_SECRET").write_text("not-the-" + "secret")

    done = project.run("init", *project.options)

    assert done.returncode == 1
    assert "✗ Marketo credentials: Marketo refused" in done.stdout
    assert "Marketo: nothing was written, see above" in done.stderr
    assert not project.env.exists()


def test_a_token_without_its_scope_is_reported_before_anything_is_written(project: Folder) -> None:
    (project.path / "TAP_LIVECHAT_PERSONAL_ACCESS_TOKEN").write_text("fra:" + "x" * 20)

    done = project.run("init", *project.options)

    assert done.returncode == 1
    assert "✗ LiveChat" in done.stdout
    assert not project.env.exists()


def test_a_file_that_is_there_is_never_overwritten_without_asking(project: Folder) -> None:
    before = "MINE=1\nTARGET_MARKETO_CLIENT_ID=old\nTARGET_MARKETO_DUPLICATES=oldest\n"
    project.env.write_text(before)

    refused = project.run("init", *project.options)
    untouched = project.env.read_text()
    replaced = project.run("init", *project.options, "--replace")

    assert (refused.returncode, untouched) == (1, before)
    assert "--replace changes it" in refused.stderr
    assert replaced.returncode == 0, replaced.stdout + replaced.stderr
    values = dotenv_values(project.env)
    assert (values["MINE"], values["TARGET_MARKETO_DUPLICATES"]) == ("1", "oldest")
    assert values["TARGET_MARKETO_CLIENT_ID"] == project.sandbox.marketo.client_id
    assert mode(project.env) == 0o600


def test_another_endpoint_does_not_keep_the_identity_of_the_one_before(project: Folder) -> None:
    old = "https://999-ABC-456.mktorest.com"
    lines = (f"TARGET_MARKETO_ENDPOINT={old}/rest", f"TARGET_MARKETO_IDENTITY={old}/identity")
    project.env.write_text("\n".join(lines))

    done = project.run("init", *project.options, "--replace")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "999" not in project.env.read_text()


def test_a_secret_on_the_command_line_is_refused_and_not_repeated(project: Folder) -> None:
    secret = "not-the-" + "secret"

    done = project.run("init", "--client-id", "x", "--client-secret", secret)

    assert done.returncode == 1
    assert "--client-secret takes a file that holds the secret, or -" in done.stderr
    assert secret not in done.stdout + done.stderr


def test_a_secret_may_come_from_standard_input(project: Folder) -> None:
    options = [each if "SECRET" not in each else "-" for each in project.options]

    done = project.run("init", *options, given=f"{project.sandbox.marketo.client_secret}\n")

    assert done.returncode == 0, done.stdout + done.stderr
    assert dotenv_values(project.env)["TARGET_MARKETO_CLIENT_SECRET"]


def test_what_is_missing_is_named_where_nobody_can_be_asked(project: Folder) -> None:
    done = project.run("init", "--client-id", "x")

    assert done.returncode == 1
    assert "--endpoint VALUE is missing, and nobody can be asked" in done.stderr


def test_the_mail_server_is_tried_and_nobody_is_mailed(
    ops: Ops, mail_server: MailServer, project: Folder
) -> None:
    mailbox = mail_server.start()
    named = mail_variables(mailbox)
    given = [
        *("--smtp-host", named["MARKETO_OPS_SMTP_HOST"]),
        *("--smtp-port", named["MARKETO_OPS_SMTP_PORT"]),
        *("--mail-from", named["MARKETO_OPS_MAIL_FROM"]),
        *("--mail-to", named["MARKETO_OPS_MAIL_TO"]),
    ]

    done = ops("init", *project.options[4:], *given)
    wrong = ops("init", *project.options[4:], *given, "--smtp-security", "tls", "--replace")

    assert done.exit_code == 0, done.output
    assert "✓ mail server" in done.output
    assert mailbox.messages == []
    assert wrong.exit_code == 1
    assert "✗ mail server" in wrong.output
    values = dotenv_values(project.env)
    assert values["MARKETO_OPS_MAIL_TO"] == named["MARKETO_OPS_MAIL_TO"]


class Terminal:
    """The command on a terminal of its own: what a person types, and what they see."""

    def __init__(self, project: Folder, *arguments: str) -> None:
        self.shown = ""
        self._master, inner = pty.openpty()
        self.process = subprocess.Popen(
            [OPS, *arguments],
            cwd=project.path,
            env=project.environment | {"TERM": "dumb"},
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
        )
        os.close(inner)

    def read_until(self, text: str, seconds: float = 30.0) -> None:
        give_up_at = time.monotonic() + seconds
        seen = len(self.shown)
        while text not in self.shown[seen:]:
            assert time.monotonic() < give_up_at, f"{text!r} did not come: {self.shown}"
            if not select.select([self._master], [], [], 0.1)[0]:
                continue
            self.shown += os.read(self._master, 4096).decode(errors="replace")

    def answer(self, question: str, typed: str) -> None:
        self.read_until(question)
        time.sleep(0.1)  # until the echo is off
        os.write(self._master, f"{typed}\n".encode())

    def end(self) -> int:
        with suppress(OSError):  # Linux says so when the other side has closed
            while select.select([self._master], [], [], 30)[0]:
                self.shown += os.read(self._master, 4096).decode(errors="replace")
        os.close(self._master)
        return self.process.wait(timeout=30)


def test_a_person_is_asked_again_until_it_is_right_and_no_secret_is_echoed(
    project: Folder,
) -> None:
    given = project.sandbox.environment
    terminal = Terminal(project, "init")

    terminal.answer("Account ID (Enter: none)", given["TAP_LIVECHAT_ACCOUNT_ID"])
    terminal.answer("Personal access token", given["TAP_LIVECHAT_PERSONAL_ACCESS_TOKEN"])
    terminal.answer("Read chats since", "")
    terminal.answer("REST endpoint", given["TARGET_MARKETO_ENDPOINT"])
    terminal.answer("Client ID", given["TARGET_MARKETO_CLIENT_ID"])
    terminal.answer("Client secret", "not-the-" + "secret")
    terminal.answer("Answer again?", "")
    terminal.answer("REST endpoint", "")
    terminal.answer("Client ID", "")
    terminal.answer("Client secret (Enter keeps it)", given["TARGET_MARKETO_CLIENT_SECRET"])
    terminal.answer("Mail server (Enter: none)", "")
    code = terminal.end()

    assert code == 0, terminal.shown
    assert not planted.shown_in(terminal.shown), "no secret is echoed"
    assert "Written: " in terminal.shown
    assert mode(project.env) == 0o600
    written = dotenv_values(project.env)
    names = ("TAP_LIVECHAT_PERSONAL_ACCESS_TOKEN", "TARGET_MARKETO_CLIENT_SECRET")
    assert [written[name] for name in names] == [given[name] for name in names]


QUESTIONS = (
    ("Account ID (Enter: none)", "TAP_LIVECHAT_ACCOUNT_ID"),
    ("Personal access token", "TAP_LIVECHAT_PERSONAL_ACCESS_TOKEN"),
    ("Read chats since", "TAP_LIVECHAT_START_DATE"),
    ("REST endpoint", "TARGET_MARKETO_ENDPOINT"),
    ("Client ID", "TARGET_MARKETO_CLIENT_ID"),
    ("Client secret", "TARGET_MARKETO_CLIENT_SECRET"),
    ("Mail server", ""),
)


@pytest.mark.parametrize("at", range(len(QUESTIONS)), ids=[each for each, _ in QUESTIONS])
def test_whoever_stops_at_a_question_learns_that_nothing_was_written(
    project: Folder, at: int
) -> None:
    given = project.sandbox.environment
    terminal = Terminal(project, "init")
    for question, variable in QUESTIONS[:at]:
        terminal.answer(question, given[variable])

    terminal.read_until(QUESTIONS[at][0])
    time.sleep(0.1)
    terminal.process.send_signal(signal.SIGINT)
    code = terminal.end()

    assert code == 1
    assert terminal.shown.splitlines()[-1] == "Error: stopped, and nothing was written"
    assert not project.env.exists()


def test_the_next_steps_are_such_as_can_be_typed(project: Folder) -> None:
    project.environment.pop("UV", None)
    plain = project.run("init", *project.options)
    project.environment |= {"UV": "/usr/bin/uv"}  # as uv tells its children
    through_uv = project.run("init", *project.options, "--replace")

    steps = plain.stdout.partition("Next:\n")[2].splitlines()
    assert [each.split()[0] for each in steps] == ["marketo-ops", "tap-livechat", "meltano"]
    told = [each.strip() for each in through_uv.stdout.partition("Next:\n")[2].splitlines()]
    readme = (ROOT / "README.md").read_text()
    assert all(f"\n{each}\n" in readme for each in told), told


def test_a_person_who_does_not_want_to_change_the_file_keeps_it(project: Folder) -> None:
    project.env.write_text("MINE=1\n")
    terminal = Terminal(project, "init")

    terminal.answer("There is a .env already. Change it?", "")

    assert terminal.end() == 1
    assert "nothing was written" in terminal.shown
    assert project.env.read_text() == "MINE=1\n"


@pytest.mark.parametrize(
    "value", ["plain", "two words", "it's", 'a"b', "back\\slash", "a#b", "$HOME", "", "é", "=x="]
)
def test_what_is_written_is_read_again_as_it_was(value: str) -> None:
    text = text_with("# A_B=example\nC=d\n", {"A_B": value})

    found = dotenv_values(stream=StringIO(text), interpolate=False)
    assert (found.get("A_B") or "", found["C"]) == (value, "d")
    assert text.count("\n") == 2, "it takes the place of its commented line"


@pytest.mark.parametrize("value", ["a${HOME}", "two\nlines"])
def test_what_no_line_can_hold_is_refused_and_not_repeated(value: str) -> None:
    with pytest.raises(OpsError, match="`A_B` holds") as raised:
        text_with("", {"A_B": value})
    assert value not in str(raised.value)


def test_each_question_is_a_setting() -> None:
    for question in ALL:
        target = question.variable.removeprefix("TARGET_MARKETO_").lower()
        if target != question.variable.lower():
            assert target in SCHEMA["properties"]
        assert f"{question.variable}=" in (ROOT / ".env.example").read_text()
