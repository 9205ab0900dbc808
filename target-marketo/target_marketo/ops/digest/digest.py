"""`marketo-ops digest`: gather, write, send, and only then count as told.

What is reported is marked after the mail server has accepted the mail. If the mark fails, or this
process dies just before it, the next mail repeats the news under the same Message-ID.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from sqlalchemy import update

from target_marketo import assembly
from target_marketo.configuration import environment_name
from target_marketo.ops.console import console, print_json
from target_marketo.ops.digest import mail, ping, render
from target_marketo.ops.digest.report import Report, Sources, gather
from target_marketo.ops.errors import OpsError
from target_marketo.ops.errors_log.outlook import Judge
from target_marketo.ops.project import configuration, meltano
from target_marketo.ops.status import health
from target_marketo.store.cache import Cache
from target_marketo.store.error_log import ErrorLog
from target_marketo.store.run_ledger import RUNS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from target_marketo.store.database import Database

_CURSOR = "digest"
_FOR_EVER = float("inf")
_BEGINNING = "1970-01-01T00:00:00+00:00"
# Meltano writes a run's end a little after it; what was reported is known by id.
_OVERLAP = timedelta(days=2)
_IDS_KEPT = 2000


class Cursor(msgspec.Struct):
    """Until when the last accepted digest told, and of which of Meltano's failed runs."""

    until: str = _BEGINNING
    meltano_runs: list[int] = []


@dataclass(frozen=True)
class Result:
    """How a digest ended."""

    report: Report
    outcome: str
    ok: bool = True
    warnings: tuple[str, ...] = ()


def run(
    database: Database,
    files: Sequence[str],
    *,
    preview: str | None = None,
    heartbeat: bool = False,
    now: datetime | None = None,
) -> Result:
    """Mails the digest, or writes its HTML to a file.

    Raises:
        OpsError: The mail server did not accept it: nothing counts as told.
    """
    variables = configuration.variables()
    if preview is not None:
        report = _report(database, files, variables, now)
        try:
            _write_for_its_owner(Path(preview), render.html(report))
        except OSError as error:
            raise OpsError(f"--preview: {preview} cannot be written ({error.strerror})") from None
        return Result(report, f"written to {preview}; nothing was sent")
    switch = ping.Switch(variables)
    switch.call(ping.Signal.START)
    try:
        result = _mail(database, files, variables, now, heartbeat=heartbeat)
    except BaseException:
        switch.call(ping.Signal.FAILURE)
        raise
    switch.call(ping.Signal.SUCCESS if result.ok else ping.Signal.FAILURE)
    return Result(result.report, result.outcome, result.ok, (*result.warnings, *switch.missed))


def _write_for_its_owner(path: Path, text: str) -> None:
    """Even masked it shows who failed: it is for whoever asked for it."""
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, 0o600)
        file.write(text)


def show(result: Result, *, as_json: bool) -> None:
    """Prints how it ended."""
    if as_json:
        report = asdict(result.report)
        del report["told"]
        print_json(
            {
                "outcome": result.outcome,
                "ok": result.ok,
                "warnings": list(result.warnings),
                "has_news": result.report.has_news,
                "report": report,
            }
        )
        return
    screen = console(to_stderr=not result.ok)
    screen.print(f"{render.subject(result.report)}: {result.outcome}", markup=False)
    for warning in result.warnings:
        screen.print(f"Warning: {warning}", markup=False)


def _mail(
    database: Database,
    files: Sequence[str],
    variables: Mapping[str, str],
    now: datetime | None,
    *,
    heartbeat: bool,
) -> Result:
    # The settings first: a digest that cannot be sent should fail on the first day, news or not.
    settings = mail.MailSettings.of(variables)
    report = _report(database, files, variables, now)
    if not report.has_news and not heartbeat:
        return Result(report, "no news, so no mail (--heartbeat sends one)")
    message = mail.compose(
        settings,
        subject=render.subject(report),
        text=render.text(report),
        html=render.html(report),
        message_id=report.identity,
        date=datetime.fromisoformat(report.until),
    )
    sent = mail.send(settings, message, random=Random())  # noqa: S311 - jitter, not a secret
    _mark(database, report)
    outcome = f"accepted for {sent.accepted} of {len(settings.recipients)} recipients"
    warnings = tuple(f"the mail server refuses {each}: check MAIL_TO" for each in sent.refused)
    return Result(report, outcome, ok=not sent.refused, warnings=warnings)


def _report(
    database: Database, files: Sequence[str], variables: Mapping[str, str], now: datetime | None
) -> Report:
    now = now or datetime.now(UTC)
    settings = configuration.settings(files)
    cursor = _cursor(database, settings.instance)
    found = meltano.runs(max(datetime.fromisoformat(cursor.until) - _OVERLAP, _first_day(now)))
    told = set(cursor.meltano_runs)
    usage = assembly.governor(settings, database).snapshot()
    hours = configuration.silence_hours(variables)
    return gather(
        database,
        cursor.until,
        Sources(
            instance=settings.instance,
            environment=environment_name(),
            streams=settings.streams,
            usage=usage,
            meltano_runs=None if found is None else [each for each in found if each.id not in told],
            zone=_zone(variables),
            silence_hours=hours,
            retention_days=settings.error_retention_days,
            in_meltano=found is not None,
            health=health.read(database, settings.instance, usage, now, hours),
            judge=Judge(database, configuration.target(files)),
            duplicates=str(settings.duplicates),
        ),
        now,
    )


def _mark(database: Database, report: Report) -> None:
    """The mail was accepted: what it reported counts as reported."""
    ErrorLog(database, instance=report.instance).reported(report.told.seen, report.told.resolved)
    with database.write() as connection:
        for name in report.told.runs:
            connection.execute(update(RUNS).where(RUNS.c.run == name).values(reported=1))
    told = _cursor(database, report.instance).meltano_runs
    known = [*told, *report.told.meltano_runs][-_IDS_KEPT:]
    Cache(database).put(f"{_CURSOR}:{report.instance}", Cursor(report.until, known))


def _cursor(database: Database, instance: str) -> Cursor:
    cache = Cache(database)
    document = cache.get(f"{_CURSOR}:{instance}", _FOR_EVER)
    if document is None:  # as version 0.1 kept it
        document = cache.get(_CURSOR, _FOR_EVER)
    try:
        return Cursor() if document is None else msgspec.convert(document, Cursor)
    except msgspec.ValidationError:
        return Cursor()


def _first_day(now: datetime) -> datetime:
    """The first digest does not tell of years."""
    return now - timedelta(days=7)


def _zone(variables: Mapping[str, str]) -> ZoneInfo:
    name = variables.get("MARKETO_OPS_TIMEZONE") or "UTC"
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise OpsError(
            "`MARKETO_OPS_TIMEZONE` must be a zone such as Europe/Berlin or UTC"
        ) from None
