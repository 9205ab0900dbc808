"""`marketo-ops init`: asks for the settings, tries each, and writes `.env`.

What an option gives is not asked. Where no person is to be asked, one that is wrong ends it before
anything is written.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from target_marketo.configuration import folder, prefix
from target_marketo.ops.check.check import (
    Results,
    print_lines,
    try_livechat,
    try_mail,
    try_marketo,
)
from target_marketo.ops.check.colour import Colour
from target_marketo.ops.errors import OpsError
from target_marketo.ops.init import env_file
from target_marketo.ops.init.questions import (
    ALL,
    ENDPOINT,
    IDENTITY,
    LIVECHAT,
    MAIL,
    MARKETO,
    MUNCHKIN_ID,
    NOT_WITHOUT,
    SECTIONS,
)
from target_marketo.ops.project import configuration
from target_marketo.problems import SettingError
from target_marketo.settings import Settings
from target_marketo.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from target_marketo.ops.init.questions import Question, Section

_FIRST_DAYS = timedelta(days=30)
_MUNCHKIN_ID = re.compile(r"[0-9A-Za-z]{3}-[0-9A-Za-z]{3}-[0-9A-Za-z]{3}")
_NEXT = (
    "marketo-ops check",
    "tap-livechat --limit 20 | {0}marketo-ops explain --limit 5",
    "meltano run livechat-to-marketo",
)


class Init:
    """One conversation.

    Args:
        given: What options say, by variable. Of a secret it is the file, or - for a line of stdin.
        replaces: A `.env` that is there is changed without asking.
    """

    def __init__(self, given: Mapping[str, str], *, replaces: bool) -> None:
        self._given = {q.variable: _value(q, given[q.variable]) for q in ALL if q.variable in given}
        self._replaces = replaces
        self._asks = sys.stdin.isatty()
        self._known = configuration.variables()
        self._endpoint_before = self._known.get(ENDPOINT)
        self._known.setdefault(
            "TAP_LIVECHAT_START_DATE", f"{datetime.now(UTC) - _FIRST_DAYS:%Y-%m-%d}T00:00:00Z"
        )
        self._path = folder() / ".env"

    def run(self) -> None:
        """Asks, tries, writes.

        Raises:
            OpsError: Nothing was written.
        """
        try:
            answers = self._conversation()
        except (click.Abort, KeyboardInterrupt):
            click.echo(err=True)
            raise OpsError("stopped, and nothing was written") from None
        example = folder() / ".env.example"
        before = next((p for p in (self._path, example) if p.is_file()), None)
        text = before.read_text(encoding="utf-8") if before else ""
        env_file.write(self._path, env_file.text_with(text, answers))
        click.echo(f"\nWritten: {self._path}, for you alone (mode 600).\nNext:")
        through = "uv run " if "UV" in os.environ else ""  # uv tells its children of itself
        for command in _NEXT:
            click.echo(f"  {through}{command.format(through)}")

    def _conversation(self) -> dict[str, str]:
        if self._path.exists() and not self._replaces:
            self._ask_to_change()
        answers: dict[str, str] = {}
        for section in SECTIONS:
            answers |= self._section(section)
        return answers

    def _ask_to_change(self) -> None:
        if not self._asks:
            raise OpsError(".env is there already: --replace changes it")
        question = "There is a .env already. Change it? What is not asked stays"
        if not click.confirm(question, default=False):
            raise OpsError("nothing was written")

    def _section(self, section: Section) -> dict[str, str]:
        """The answers, tried until they are right or the person has enough."""
        while True:
            answers = self._answers(section)
            if not answers:
                return {}
            results = _tried(section, self._known | answers, answers)
            print_lines(results.lines)
            if results.ok:
                return answers
            if not self._asks:
                raise OpsError(f"{section.name}: nothing was written, see above")
            if not click.confirm("Answer again?", default=True):
                return answers
            for question in section.questions:
                self._given.pop(question.variable, None)
                self._known[question.variable] = answers.get(question.variable, "")

    def _answers(self, section: Section) -> dict[str, str]:
        """Empty where an optional section is left out."""
        if self._asks:
            click.secho(f"\n{section.name}", bold=True)
            click.echo(f"  {section.about}")
        answers: dict[str, str] = {}
        first = section.questions[0].variable
        for question in section.questions:
            needed = NOT_WITHOUT.get(question.variable)
            if needed and not answers.get(needed):
                continue
            if section.optional and answers.get(first) == "":
                return {}
            answers[question.variable] = self._answer(question, section)
        return {} if section.optional and not answers[first] else self._as_set(answers)

    def _answer(self, question: Question, section: Section) -> str:
        if question.variable in self._given:
            return self._given[question.variable]
        known = self._known.get(question.variable) or question.default
        if not self._asks:
            if section.optional and not any(q.variable in self._given for q in section.questions):
                return ""
            if known or question in MAIL.questions:
                return known
            kind = "FILE" if question.secret else "VALUE"
            raise OpsError(f"--{question.option} {kind} is missing, and nobody can be asked")
        keeps = " (Enter keeps it)" if question.secret and known else ""
        if question is section.questions[0] and section.optional and not known:
            keeps = " (Enter: none)"
        typed = click.prompt(
            f"  {question.text}{keeps}",
            default=known,
            hide_input=question.secret,
            show_default=bool(known) and not question.secret,
        )
        return str(typed).strip()

    def _as_set(self, answers: dict[str, str]) -> dict[str, str]:
        """A Munchkin ID stands for both addresses; of another endpoint the identity is another."""
        named = answers.get(ENDPOINT)
        if named is None:
            return answers
        if _MUNCHKIN_ID.fullmatch(named):
            return answers | {ENDPOINT: "", IDENTITY: "", MUNCHKIN_ID: named}
        other = {} if named == self._endpoint_before else {IDENTITY: ""}
        return answers | other | {MUNCHKIN_ID: ""}


def _value(question: Question, given: str) -> str:
    """What an option says; a secret is read from the file that it names."""
    if not question.secret:
        return given.strip()
    if given == "-":
        return sys.stdin.readline().strip()
    try:
        return Path(given).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise OpsError(
            f"--{question.option} takes a file that holds the secret, or -, so that no shell and "
            "no list of processes shows it"
        ) from None


def _tried(section: Section, known: Mapping[str, str], answers: Mapping[str, str]) -> Results:
    results = Results()
    if section is LIVECHAT:
        try_livechat(results, (), answers)
    elif section is MARKETO:
        _try_marketo(results, known)
    else:
        try_mail(results, known)
    return results


def _try_marketo(results: Results, known: Mapping[str, str]) -> None:
    start = prefix("target-marketo")
    named = {
        name.removeprefix(start).lower(): value
        for name, value in known.items()
        if name in (ENDPOINT, IDENTITY, MUNCHKIN_ID) or name.startswith(f"{start}CLIENT_")
    }
    try:
        settings = Settings.of({**configuration.target(), **named})
        with closing(configuration.store()) as database:
            try_marketo(results, settings, database)
    except (SettingError, StoreError) as error:
        results.add(Colour.RED, "Marketo", str(error))
