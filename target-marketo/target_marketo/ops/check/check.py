"""`marketo-ops check`: each thing that must be right, tried; a tick, or one line of cure."""

from __future__ import annotations

import stat
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy.engine import make_url

from target_marketo import assembly, run_files
from target_marketo.configuration import folder
from target_marketo.governor import GovernorError
from target_marketo.marketo.errors import MarketoError
from target_marketo.ops.check import attachments, tap
from target_marketo.ops.check.colour import Colour
from target_marketo.ops.console import console, counted, print_item, print_json, print_line
from target_marketo.ops.digest import mail
from target_marketo.ops.errors import NotTried, OpsError
from target_marketo.ops.mapping_report.both_ends import verdicts
from target_marketo.ops.project import configuration
from target_marketo.problems import SettingError
from target_marketo.store.error_log import ErrorLog
from target_marketo.store.errors import StoreError
from target_marketo.store.place import default_url
from target_marketo.store.seen import SeenStreams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from target_marketo.marketo.client import Marketo
    from target_marketo.settings import Settings
    from target_marketo.store.database import Database

_NOBODY = "marketo-ops-check@example.com"
_NO_SUCH_ID = 0  # Marketo's ids begin at 1
_PATIENCE_SECONDS = 8.0
_LITTLE_LEFT = 0.05


_COLOURS = {  # of what the tap says
    "ok": Colour.GREEN,
    "warning": Colour.AMBER,
    "failed": Colour.RED,
    "not_tried": Colour.GREY,
}


@dataclass(frozen=True)
class Line:
    """One thing that was tried: what it is, and what was found, or the cure."""

    colour: Colour
    subject: str
    text: str


@dataclass
class Results:
    """All lines, and what asking has cost."""

    lines: list[Line] = field(default_factory=list)
    marketo_calls: int = 0
    livechat_requests: int = 0

    @property
    def ok(self) -> bool:
        return all(line.colour is not Colour.RED for line in self.lines)

    def add(self, colour: Colour, subject: str, text: str) -> None:
        self.lines.append(Line(colour, subject, text))

    def attempt(self, subject: str, work: Callable[[], str]) -> bool:
        """Green with what `work` found, or red or grey with what it raised; whether it is green."""
        try:
            self.add(Colour.GREEN, subject, work())
        except NotTried as reason:
            self.add(Colour.GREY, subject, f"not tried: {reason}")
            return False
        except (OpsError, MarketoError, GovernorError, SettingError, StoreError) as error:
            self.add(Colour.RED, subject, str(error))
            return False
        return True


def run_checks(files: Sequence[str], tap_files: Sequence[str]) -> Results:
    """Tries everything that can be tried; one failure does not hide another."""
    results = Results()
    try_livechat(results, tap_files)
    settings = _settings(results, files)
    _secrets(results, settings)
    try:
        database = configuration.store(files)
    except (StoreError, OpsError) as error:
        results.add(Colour.RED, "store", str(error))
    else:
        with closing(database):
            if _store(results, database) and settings is not None:
                try_marketo(results, settings, database)
    try_mail(results, configuration.variables())
    return results


def show(results: Results, *, as_json: bool) -> None:
    """Prints the lines."""
    if as_json:
        print_json({"ok": results.ok, **asdict(results)})
        return
    print_lines(results.lines)
    red = sum(line.colour is Colour.RED for line in results.lines)
    console().print()
    print_line(
        f"{'All is well' if not red else f'{red} to fix'}. This check used "
        f"{counted(results.marketo_calls, 'call')} to Marketo and "
        f"{counted(results.livechat_requests, 'billed request')} to LiveChat."
    )


def print_lines(lines: Iterable[Line]) -> None:
    """Each with its mark."""
    marks = {
        Colour.GREEN: ("✓ ", "green"),
        Colour.AMBER: ("! ", "yellow"),
        Colour.RED: ("✗ ", "bold red"),
        Colour.GREY: ("- ", "dim"),
    }
    for line in lines:
        print_item(marks[line.colour], (f"{line.subject}: ", "bold"), line.text)


def _settings(results: Results, files: Sequence[str]) -> Settings | None:
    try:
        settings = configuration.settings(files)
    except (SettingError, OpsError) as error:
        results.add(Colour.RED, "target settings", str(error))
        return None
    results.add(Colour.GREEN, "target settings", f"complete, for {settings.instance}")
    return settings


def _secrets(results: Results, settings: Settings | None) -> None:
    project = folder()
    for path in run_files.open_to_others(project):
        name = str(path.relative_to(project))
        results.add(Colour.AMBER, name, f"may be read by others: chmod 600 {name}")
    left = run_files.left_behind(project, settings.max_run_minutes) if settings else []
    if left:
        text = f"{counted(len(left), 'file')} with settings, of killed runs: the next run deletes"
        results.add(Colour.AMBER, ".meltano/run", f"{text} {'it' if len(left) == 1 else 'them'}")


def try_livechat(
    results: Results, tap_files: Sequence[str], variables: Mapping[str, str] | None = None
) -> None:
    """The tap's own check; `variables` count more than those of the environment."""
    try:
        report = tap.ask(tap_files, variables)
    except NotTried as reason:
        results.add(Colour.GREY, "LiveChat", f"not tried: {reason}")
        return
    except (OpsError, SettingError) as error:
        results.add(Colour.RED, "LiveChat", str(error))
        return
    results.livechat_requests = report.billed_requests
    for finding in report.findings:
        colour = _COLOURS.get(finding.status, Colour.RED)
        results.add(colour, f"LiveChat {finding.check}", finding.message)


def _store(results: Results, database: Database) -> bool:
    def work() -> str:
        ErrorLog(database)  # creates what is missing, so it has to write
        found = database.name
        if database.is_sqlite:
            path = Path(str(make_url(found).database or default_url().database))
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & 0o077:
                raise OpsError(f"{found} may be read by others (mode {mode:o}): chmod 600")
        return f"{found} can be written, and read by you alone" if database.is_sqlite else found

    return results.attempt("store", work)


def try_marketo(results: Results, settings: Settings, database: Database) -> None:
    """Credentials, address, permissions, fields: for about seven calls."""
    marketo = assembly.marketo(settings, database)
    marketo.patience_seconds = _PATIENCE_SECONDS
    if not results.attempt("Marketo credentials", lambda: _token(marketo)):
        return
    # Asked first, because a wrong endpoint or a spent quota would fail all that follows.
    if results.attempt("Marketo endpoint and quota", lambda: _quota(marketo, settings)):
        _warn_of_quota(results, marketo, settings)
        _fields(results, marketo, settings, database)
        results.attempt("permission to read people", lambda: _read_permission(marketo))
        results.attempt("permission to write people", lambda: _write_permission(marketo))
        _partition(results, marketo, settings)
        for colour, subject, text in attachments.verdicts(settings.streams, marketo):
            results.add(colour, subject, text)
    results.marketo_calls = marketo.calls.total


def _token(marketo: Marketo) -> str:
    marketo.token.get()
    return "accepted"


def _quota(marketo: Marketo, settings: Settings) -> str:
    used = marketo.learn_usage()
    left = max(0, settings.max_daily_calls - used)
    return (
        f"{counted(used, 'call')} by everybody today, {left:,} of {settings.max_daily_calls:,} left"
    )


def _warn_of_quota(results: Results, marketo: Marketo, settings: Settings) -> None:
    now = marketo.governor.snapshot()
    left = settings.max_daily_calls - now.today_everybody
    if left < settings.max_daily_calls * _LITTLE_LEFT:
        results.add(
            Colour.AMBER,
            "daily calls",
            f"{max(left, 0):,} are left of max_daily_calls: runs stop with exit code 75 until "
            f"{now.day_ends:%Y-%m-%d %H:%M} UTC",
        )


def _fields(results: Results, marketo: Marketo, settings: Settings, database: Database) -> None:
    try:
        described = marketo.leads.describe()
    except (MarketoError, GovernorError) as error:
        results.add(Colour.RED, "fields", str(error))
        return
    seen = SeenStreams(database, settings.instance).latest()
    for verdict in verdicts(settings.streams, described, seen):
        for problem in verdict.problems:
            results.add(Colour.RED, f"fields of {verdict.stream}", problem)
        if not verdict.problems:
            text = f"{verdict.fields} mapped, and Marketo has them all"
            results.add(Colour.GREEN, f"fields of {verdict.stream}", text)
        for warning in verdict.warnings:
            results.add(Colour.AMBER, f"properties of {verdict.stream}", warning)


def _read_permission(marketo: Marketo) -> str:
    marketo.leads.lookup("email", [_NOBODY], ["id"])
    return "granted"


def _write_permission(marketo: Marketo) -> str:
    """An update of somebody who cannot exist: refused row by row, if writing is allowed at all."""
    row = msgspec.json.encode({"id": _NO_SUCH_ID, "email": _NOBODY})
    marketo.leads.sync("updateOnly", "id", [row])
    return "granted"


def _partition(results: Results, marketo: Marketo, settings: Settings) -> None:
    wanted = settings.partition_name
    try:
        names = marketo.leads.partitions()
    except (MarketoError, GovernorError) as error:
        colour = Colour.RED if wanted else Colour.AMBER
        results.add(colour, "partition", str(error))
        return
    if wanted and wanted not in names:
        known = ", ".join(names)
        results.add(
            Colour.RED, "partition", f"`partition_name` is not one of the instance's: {known}"
        )
    elif not wanted and len(names) > 1:
        text = f"new people go to the default one; `partition_name` may be {', '.join(names)}"
        results.add(Colour.AMBER, "partition", text)
    else:
        results.add(Colour.GREEN, "partition", wanted or "the only one")


def try_mail(results: Results, given: Mapping[str, str]) -> None:
    """Connects and signs in; mails nobody."""
    if not mail.is_configured(given):
        results.add(
            Colour.GREY, "mail server", "not tried: MARKETO_OPS_SMTP_HOST is not set, so no digest"
        )
        return

    def work() -> str:
        settings = mail.MailSettings.of(given)
        mail.try_server(settings)
        return f"takes mail for {counted(len(settings.recipients), 'recipient')}; none was sent"

    results.attempt("mail server", work)
