"""The digest as a subject, as text, and as HTML that no mail program cuts.

Gmail cuts a mail at 102 KB. So the worst kinds are told at length, and the others in a row each;
how many at length is what fits.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from target_marketo.ops.console import plain
from target_marketo.ops.digest.report import State

if TYPE_CHECKING:
    from target_marketo.ops.digest.report import Report

MAX_BYTES = 80_000

_AT_LENGTH = (25, 12, 6, 3, 0)
_ROWS = (500, 400, 300, 200, 100)
_RUNS_SHOWN = 20
_BARS = "▁▂▃▄▅▆▇█"
_BAR_PIXELS = 48
_LONGEST_CELL = 120


def subject(report: Report) -> str:
    """The verdict: words of ours, numbers, and the environment's or instance's name."""
    name = report.environment or report.instance.partition(".")[0]
    label = re.sub(r"[^A-Za-z0-9-]", "", name)[:40]
    day = _local(report.until, report.timezone, "%Y-%m-%d")
    return f"[marketo {label}] {verdict(report)}, {day}"


def verdict(report: Report) -> str:
    """What happened, in a line."""
    parts = []
    if report.silent_hours:
        parts.append(f"nothing has run for {report.silent_hours} hours")
    if report.failed_runs:
        parts.append(_counted(len(report.failed_runs), "run") + " failed")
    parts += [f"{report.count(state)} {state}" for state in State if report.count(state)]
    if report.records:
        parts.append(_counted(report.records, "rejection"))
    return ", ".join(parts) or "all is well"


def text(report: Report) -> str:
    """Complete by itself: every kind and every failed run."""
    environment = _environment(report, escapes=False)
    return environment.get_template("digest.txt.j2").render(_values(report))


def html(report: Report) -> str:
    """At most `MAX_BYTES` long, without anything that would have to be fetched."""
    template = _environment(report, escapes=True).get_template("digest.html.j2")
    page = ""
    for rows in _ROWS:
        for at_length in _AT_LENGTH:
            page = template.render(_values(report), at_length=at_length, rows=rows)
            page = re.sub(r"\n\s*", "\n", page)
            if len(page.encode()) <= MAX_BYTES:
                return page
    return page


def _environment(report: Report, *, escapes: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("target_marketo.ops"),
        autoescape=escapes,  # noqa: S701 - False for the text part alone
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["local"] = lambda at: _local(at, report.timezone, "%m-%d %H:%M")
    environment.filters["cell"] = _cell
    environment.filters["number"] = lambda value: f"{value:,}"
    return environment


def _values(report: Report) -> dict[str, Any]:
    highest = max((count for _, count in report.hours), default=0)
    return {
        "report": report,
        "verdict": verdict(report),
        "title": subject(report),
        "first": report.since.startswith("1970"),
        "runs_shown": _RUNS_SHOWN,
        "bars": [
            (hour, count, -(-count * _BAR_PIXELS // highest) if highest else 0)
            for hour, count in report.hours
        ],
        "spark": "".join(
            _BARS[min(len(_BARS) - 1, count * len(_BARS) // (highest + 1))]
            for _, count in report.hours
        ),
        "highest": highest,
        "calls": sum(report.calls.values()),
        "kinds_of_calls": ", ".join(f"{kind} {count}" for kind, count in report.calls.items()),
    }


def _cell(value: object, longest: int = _LONGEST_CELL) -> str:
    """One short line: names come from other systems."""
    found = plain(value)
    return found if len(found) <= longest else found[: longest - 1] + "…"


def _local(at: str, zone: str, form: str) -> str:
    return datetime.fromisoformat(at).astimezone(ZoneInfo(zone)).strftime(form) if at else "never"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
