"""The search for planted secrets and personal data finds what it has to, wherever it is shown."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests import planted
from tests.sandbox.crowd import Crowd
from tests.sandbox.livechat.options import Options as LiveChatOptions
from tests.sandbox.marketo.options import Options as MarketoOptions
from tests.sandbox.process import REPOSITORY_ROOT

LIVECHAT = LiveChatOptions()


@pytest.mark.parametrize(
    "value",
    [
        MarketoOptions().client_secret,
        LIVECHAT.personal_access_token,
        LIVECHAT.access_token,
        LIVECHAT.refresh_token,
        "dal:sandbox-0123456789abcdef01234567",
        "cdf01657-110d-4155-99a7-f986b2ff13a0:int",
        "Basic dXNlcjpwYXNzd29yZA==",
        "https://x.test/oauth/token?client_id=a&client_secret=b",
        "planted-smtp-password",
        "postgresql://ann:hunter2@db",
        "jane.doe@planted.example",
        "JANE@PLANTED.EXAMPLE",
        "bad.address@",
        "two@@example.com",
        "198.51.100.7",
        "2001:db8::1f",
        "+48123456789",
        "+48 555 0100",
        "Dzień dobry, ile kosztuje plan Team?",
        "Łukasz Świątek",
        "FATIMA O'NEILL",
        "Mozilla/5.0 (X11)",
    ],
)
def test_it_is_found_in_a_log_line(value: str) -> None:
    assert planted.shown_in(f"INFO 400 rejected: '{value}' is too long") != []


@pytest.mark.parametrize(
    "line",
    [
        "j***@p***.example: 1003, a***@o***.test",
        "`client_secret` is missing",
        "2026-11-22 03:12:54,383 | INFO | 127.0.0.1:8080 2026-11-22T03:12:54.123456+00:00",
        "postgresql+psycopg://ann:***@127.0.0.1:9/x",
        "@pytest.fixture",
    ],
)
def test_what_may_be_shown_is_not_taken_for_it(line: str) -> None:
    assert planted.shown_in(line) == []


def test_everybody_in_the_crowd_is_found_by_what_the_crowd_plants() -> None:
    start, end = LiveChatOptions(seed=3).period()
    for person in Crowd(3, 200, start, end).persons:
        for value in (person.email, person.name, person.phone):
            assert planted.shown_in(f"x {value} y"), value


def test_only_the_caller_knows_some_values() -> None:
    assert planted.shown_in("id 7G5-x", also=["7g5-X", " "]) == ["'7g5-x'"]


@pytest.mark.parametrize(
    ("where", "exempt"),
    [
        ("stdout of tap-livechat --config config.json", True),
        ("stderr of tap-livechat --config config.json", False),
        ("stdout of target-marketo --config config.json", False),
        ("stdout of marketo-ops replay --code 1003", True),
        ("stdout of marketo-ops replay --dry-run", False),
        ("stderr of marketo-ops replay", False),
        ("stdout of marketo-ops errors show 1", False),
        ("stdout of marketo-ops errors show 1 --reveal", True),
        ("stdout of meltano --log-format=uncolored run livechat-to-marketo", False),
        ("a mail", False),
    ],
)
def test_what_is_exempt_and_what_is_not(where: str, *, exempt: bool) -> None:
    assert planted.is_exempt(where) is exempt


def test_a_dry_run_is_searched_like_everything_else() -> None:
    assert not planted.is_exempt("stderr of bash -c TARGET_MARKETO_DRY_RUN=true meltano run")


LEAKS = """
import logging, subprocess, sys
from pathlib import Path
import click
import pytest
from click.testing import CliRunner
from tests.sandbox.mailbox import open_mailbox
import smtplib

WHO = "jane.doe" + "@planted.example"
TELL = f"import sys; print({WHO!r}, file=sys.stderr)"

def test_a_print(): print(WHO)
def test_a_log(): logging.getLogger("x").warning("no such person: %s", WHO)
def test_a_capture(capsys):
    print(WHO)
    assert WHO in capsys.readouterr().out
def test_a_process(): subprocess.run([sys.executable, "-c", TELL], capture_output=True, check=True)
def test_a_process_that_inherits(): subprocess.run([sys.executable, "-c", TELL], check=True)
def test_a_process_whose_lines_are_read():
    with subprocess.Popen([sys.executable, "-c", TELL], stderr=subprocess.PIPE, text=True) as one:
        assert WHO in one.stderr.readline()
def test_a_command_in_this_process():
    CliRunner().invoke(click.command()(lambda: click.echo(WHO)))
def test_a_file(tmp_path): (tmp_path / "deep").mkdir(); (tmp_path / "deep/x.log").write_text(WHO)
def test_a_page(tmp_path): (tmp_path / "x.html").write_text(WHO)
def test_a_mail():
    with open_mailbox() as mailbox, smtplib.SMTP("127.0.0.1", mailbox.port) as server:
        server.sendmail("a@ops.test", ["b@ops.test"], f"Subject: {WHO}\\r\\n\\r\\nHello")
@pytest.fixture(scope="module")
def shared(tmp_path_factory): return tmp_path_factory.mktemp("shared")
def test_a_shared_folder(shared): (shared / "x.txt").write_text(WHO)

def test_nothing(): print("j***@p***.example")
def test_data(tmp_path):
    command = tmp_path / "tap-x"
    command.write_text(f"#!/bin/sh\\necho {WHO}\\n")
    command.chmod(0o700)
    subprocess.run([str(command)], capture_output=True, check=True)

def test_the_last(): pass
"""


@pytest.mark.parametrize("workers", [0, 1])
def test_no_test_passes_that_shows_it_in_whichever_way(workers: int) -> None:
    """A suite of its own, in which every test passes by itself, and where nobody else looks."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_leaks.py").write_text(LEAKS)
        command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", "/dev/null"]
        folders = ["--rootdir", name, "--basetemp", str(folder / "base"), name]
        with (folder / "told").open("w") as told:
            code = subprocess.call(
                [*command, "-rA", "-p", "no:cacheprovider", f"-n{workers}", *folders],
                cwd=REPOSITORY_ROOT,
                stdout=told,
            )
        report = (folder / "told").read_text()

    tests = re.findall(r"def (test_\w+)", LEAKS)
    passed = re.findall(r"^PASSED \S+::(test_\w+)", report, re.MULTILINE)
    caught = re.findall(r"^ERROR \S+::(test_\w+)", report, re.MULTILINE)
    assert sorted(passed) == sorted(tests)
    assert sorted({*tests} - {*caught}) == ["test_a_shared_folder", "test_data", "test_nothing"]
    # What lies in a folder that tests share is found when the last test is over.
    assert caught[-1] == "test_the_last"
    assert "shared0/x.txt shows an e-mail address" in report
    assert code == 1
