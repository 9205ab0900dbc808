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
from markupsafe import Markup, escape

from target_marketo.delivery.summary import twins_told
from target_marketo.ops.console import counted, plain
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
# As the kinds of writes are called, and as a person calls what they write.
_ATTACHED = {
    "custom_activities": "chats written to timelines",
    "static_lists": "added to lists",
    "program_members": "brought into programs",
    "custom_objects": "chats written as objects",
}


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
    for runs, what in ((report.failed_runs, "failed"), (report.waiting_runs, "waited")):
        if runs:
            parts.append(f"{counted(sum(run.count for run in runs), 'run')} {what}")
    parts += [f"{report.count(state)} {state}" for state in State if report.count(state)]
    if report.records:
        parts.append(counted(report.records, "rejection"))
    if report.values_left_out:
        parts.append(f"{counted(report.values_left_out, 'value')} left out")
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
        finalize=_without_backticks,
    )
    environment.filters["local"] = lambda at: _local(at, report.timezone, "%m-%d %H:%M")
    environment.filters["cell"] = _cell
    environment.filters["said"] = _said_in_html if escapes else _said_in_text
    environment.filters["number"] = lambda value: f"{value:,}"
    environment.filters["counted"] = counted
    return environment


def _values(report: Report) -> dict[str, Any]:
    highest = max((count for _, count in report.hours), default=0)
    return {
        "report": report,
        "verdict": verdict(report),
        "title": subject(report),
        "first": report.since.startswith("1970"),
        "runs_shown": _RUNS_SHOWN,
        "written": _written(report),
        "beside": _beside(report),
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


def _written(report: Report) -> str:
    """Who was created and updated, and what was written to them."""
    people = [f"{report.created:,} created", f"{report.updated:,} updated"]
    attached = [
        f"{count:,} {_ATTACHED.get(kind, kind.replace('_', ' '))}"
        for kind, count in report.attachments.items()
    ]
    return ", ".join(["people: " + " and ".join(people), *attached])


def _beside(report: Report) -> list[str]:
    """What is not a rejection, and may need attention."""
    told = []
    if report.values_left_out:
        values = counted(report.values_left_out, "value")
        told.append(f"{values} did not fit: the rest of their records was delivered without")
    if report.twins:
        told.append(twins_told(report.twins, report.duplicates))
    return told


def _cell(value: object, longest: int = _LONGEST_CELL) -> str:
    """One short line: names come from other systems."""
    found = plain(value)
    return found if len(found) <= longest else found[: longest - 1] + "…"


def _said_in_text(value: object, longest: int = _LONGEST_CELL) -> str:
    return str(_without_backticks(_cell(value, longest)))


def _said_in_html(value: object, longest: int = _LONGEST_CELL) -> Markup:
    """A sentence of ours, in which names stand between backticks, with the names set apart."""
    escaped = str(escape(_cell(value, longest)))
    return Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", escaped))  # noqa: S704 - escaped


def _without_backticks(value: Any) -> Any:
    """A mail shows none, whatever it shows."""
    return value.replace("`", "") if isinstance(value, str) else value


def _local(at: str, zone: str, form: str) -> str:
    return datetime.fromisoformat(at).astimezone(ZoneInfo(zone)).strftime(form) if at else "never"
