"""`marketo-ops status`: for a person, as JSON, and as Prometheus reads it."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from target_marketo.ops.console import counted, print_json, print_line, print_table, short, span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_marketo.ops.status.health import Health

_LATE = timedelta(minutes=5)


class Format(StrEnum):
    """How it is printed."""

    TEXT = "text"
    JSON = "json"
    PROMETHEUS = "prometheus"


def show(health: Health, form: Format) -> None:
    """Prints it."""
    {Format.TEXT: _text, Format.JSON: _json, Format.PROMETHEUS: _prometheus}[form](health)


def utc(at: datetime) -> str:
    """For a person."""
    return f"{short(at)} UTC"


def _text(health: Health) -> None:
    style = "bold green" if health.ok else "bold red"
    verdict = health.verdict(utc)
    print_line((verdict[0].upper() + verdict[1:], style))
    for problem in health.problems(utc)[1:]:
        print_line(("also: ", "yellow"), problem.line)
    print_table("", ("", ""), list(_rows(health)))


def _rows(health: Health) -> Iterator[tuple[str, str]]:
    runs, usage = health.runs, health.usage
    success, lag = runs.last_success, health.lag
    yield "last success", f"{utc(success)}, {span(health.now - success)} ago" if success else "none"
    if health.under_way_since:
        yield "under way", f"since {utc(health.under_way_since)}"
    if runs.bookmark and lag is not None:
        yield "bookmark", f"{utc(runs.bookmark)}, {span(lag)} behind"
    else:
        yield "bookmark", "none with a time in it"
    due = runs.next_at
    late = f", {span(health.now - due)} late" if due and health.now - due > _LATE else ""
    yield "next run", f"about {utc(due)}{late}, as the last ones came" if due else "not known yet"
    kinds = f": {', '.join(health.open_kinds[:3])}" if health.open_kinds else ""
    people = counted(health.open_people, "person", "people")
    yield (
        "open errors",
        f"{counted(health.open_records, 'record')} of {people}{kinds}" if kinds else "none",
    )
    yield (
        "calls left",
        f"{health.calls_left:,} of {usage.daily_limit:,}, until {utc(usage.day_ends)}",
    )
    yield "held", ", ".join(health.held) or "nothing"


def _json(health: Health) -> None:
    print_json(_facts(health))


def _facts(health: Health) -> dict[str, Any]:
    runs, last = health.runs, health.runs.last
    return {
        "ok": health.ok,
        "verdict": health.verdict(utc),
        "problems": [each._asdict() for each in health.problems(utc)],
        "instance": health.instance,
        "last_success": runs.last_success,
        "last_run": last and {"at": last.at, "outcome": last.outcome, "error": last.error},
        "under_way_since": health.under_way_since,
        "bookmark": runs.bookmark,
        "lag_seconds": None if health.lag is None else int(health.lag.total_seconds()),
        "next_run": runs.next_at,
        "open_errors": {
            "records": health.open_records,
            "people": health.open_people,
            "kinds": list(health.open_kinds),
        },
        "calls_left": health.calls_left,
        "calls_limit": health.usage.daily_limit,
        "held": health.held,
    }


def _prometheus(health: Health) -> None:
    """Gauges, as the node exporter's textfile collector reads them; what is unknown is left out."""
    runs = health.runs
    values: dict[tuple[str, str], datetime | float | None] = {
        ("healthy", "1 if the last run is well, else 0"): int(health.ok),
        ("last_success_timestamp_seconds", "End of the last good run"): runs.last_success,
        ("run_under_way", "1 while a run writes"): int(health.under_way_since is not None),
        ("bookmark_timestamp_seconds", "Newest time of the last STATE"): runs.bookmark,
        ("next_run_timestamp_seconds", "When the next run is due"): runs.next_at,
        ("open_error_records", "Rejected records that are open"): health.open_records,
        ("open_error_people", "People of these records"): health.open_people,
        ("calls_left", "Calls left of max_daily_calls"): health.calls_left,
        ("calls_limit", "The setting max_daily_calls"): health.usage.daily_limit,
        ("held", "Reasons why something waits"): len(health.held),
    }
    # The instance is a host name: nothing in it needs to be escaped.
    label = f'{{instance_host="{health.instance}"}}'
    for (name, text), value in values.items():
        if value is not None:
            number = value if isinstance(value, int | float) else int(value.timestamp())
            full = f"target_marketo_{name}"
            sys.stdout.write(
                f"# HELP {full} {text}.\n# TYPE {full} gauge\n{full}{label} {number}\n"
            )
