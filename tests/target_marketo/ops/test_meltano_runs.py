"""Real Meltano runs that fail in the tap, in the target and at the quota, and their digest."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tests import guard, meltano_project, planted, warm
from tests.sandbox.environment import Sandbox
from tests.sandbox.mailbox import Mailbox, open_mailbox
from tests.sandbox.process import REPOSITORY_ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

BIN = Path(sys.executable).parent
PACKAGE = REPOSITORY_ROOT / "target-marketo" / "target_marketo" / "ops"


class Project:
    """A Meltano project like ours, whose plugins are those of this environment."""

    def __init__(self, folder: Path, sandbox: Sandbox, mailbox: Mailbox) -> None:
        self.folder = folder
        self.printed = ""
        self._sandbox = sandbox
        meltano_project.write(folder)
        # As a person would set it up: secrets and mail server in .env.
        given = sandbox.environment | {
            "TARGET_MARKETO_STORE_URL": f"sqlite:///{folder / 'store.sqlite'}",
            "MARKETO_OPS_SMTP_HOST": "127.0.0.1",
            "MARKETO_OPS_SMTP_PORT": str(mailbox.port),
            "MARKETO_OPS_SMTP_SECURITY": "none",
            "MARKETO_OPS_MAIL_FROM": "sync@ops.test",
            "MARKETO_OPS_MAIL_TO": "ann@ops.test",
        }
        (folder / ".env").write_text("".join(f"{key}='{value}'\n" for key, value in given.items()))

    def run(self, *arguments: str, **variables: str) -> int:
        """`meltano ARGUMENTS`; its exit code."""
        done = warm.run(
            [str(BIN / "meltano"), "--log-format=uncolored", *arguments],
            env=guard.without_settings() | variables,
            cwd=self.folder,
        )
        self.printed += done.stdout + done.stderr
        return done.returncode


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox({"visitors": 40}) as running:
        yield running


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with open_mailbox() as found:
        yield found


def test_each_failure_is_reported_and_no_log_has_anybodys_data(
    tmp_path: Path, sandbox: Sandbox, mailbox: Mailbox
) -> None:
    project = Project(tmp_path, sandbox, mailbox)
    job = ("run", "livechat-to-marketo")

    in_tap = project.run(*job, TAP_LIVECHAT_PERSONAL_ACCESS_TOKEN="planted-smtp-password")
    in_target = project.run(*job, TARGET_MARKETO_CLIENT_SECRET="planted-client-secret")
    sandbox.marketo.other_calls(50_000)
    at_quota = project.run(*job)
    digest = project.run("run", "error-digest")

    assert (in_tap, in_target, at_quota, digest) == (1, 1, 1, 0), project.printed
    assert len(mailbox.messages) == 1
    assert "2 runs failed, 1 run waited" in mailbox.messages[0]["Subject"]
    text, html = mailbox.bodies()
    for part in (text, html):
        assert "Meltano: prod:tap-livechat-to-target-marketo" in part
        assert "Extractor failed" in part
        assert "Marketo refused client_id and client_secret" in re.sub("</?code>", "", part)
        assert "The last run waits: Marketo answered 607" in part
        assert "exit code 75" in part
    people = [each["email"] for each in sandbox.livechat.expected()["emails"].values()]
    assert planted.shown_in(project.printed + text + html, also=people) == []


def test_meltano_env_example_and_code_know_the_same_settings() -> None:
    project = yaml.safe_load((REPOSITORY_ROOT / "meltano.yml").read_text())
    (utility,) = project["plugins"]["utilities"]
    code = "".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    example = (REPOSITORY_ROOT / ".env.example").read_text()

    variables = {each["env"] for each in utility["settings"]}
    secret = {each["env"] for each in utility["settings"] if each.get("sensitive")}

    assert variables == set(re.findall(r"^# (MARKETO_OPS_\w+)=", example, re.MULTILINE))
    for name in variables:
        assert name in code or f'"{name.removeprefix("MARKETO_OPS_")}"' in code, name
    assert secret == {
        "MARKETO_OPS_SMTP_PASSWORD",
        "MARKETO_OPS_PING_URL",
        "MARKETO_OPS_JOB_PING_URL",
    }


def test_both_schedules_are_listed(tmp_path: Path, sandbox: Sandbox, mailbox: Mailbox) -> None:
    project = Project(tmp_path, sandbox, mailbox)

    assert project.run("schedule", "list") == 0
    assert "@hourly" in project.printed
    assert "0 7 * * *" in project.printed
    assert "error-digest" in project.printed
