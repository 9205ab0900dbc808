"""Calls used, and what the runs of the last day did with them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import select

from target_marketo import assembly
from target_marketo.ops.console import console, is_piped, print_json, print_table, short, span
from target_marketo.ops.status.runs import outcome
from target_marketo.store.run_ledger import COUNTS, RUNS, moment

if TYPE_CHECKING:
    from target_marketo.governor import Usage
    from target_marketo.settings import Settings
    from target_marketo.store.database import Database

_PERIOD = timedelta(hours=24)
_RUNS_SHOWN = 30
_TIMES = ("started", "alive")
_ON_SCREEN = ("received #", "created #", "updated #", "rejected #", "calls #")  # 80 columns


@dataclass(frozen=True)
class Measured:
    """A moment of the instance, and the runs of the last day, newest first."""

    now: Usage
    runs: list[dict[str, Any]]
    calls: Counter[str]


def measure(settings: Settings, database: Database, *, ask: bool = False) -> Measured:
    """Reads the store; asks Marketo for everybody's calls only if told to."""
    if ask:
        marketo = assembly.marketo(settings, database)
        marketo.learn_usage()
        snapshot = marketo.governor.snapshot()
    else:
        snapshot = assembly.governor(settings, database).snapshot()
    since = moment(datetime.now(UTC) - _PERIOD)
    query = select(RUNS).where(RUNS.c.alive_at >= since).order_by(RUNS.c.started_at.desc())
    with database.read() as connection:
        runs = [dict(row) for row in connection.execute(query).mappings()]
    calls: Counter[str] = Counter()
    for run in runs:
        run["calls"] = msgspec.json.decode(run["calls"])
        run["throttled"] = msgspec.json.decode(run["throttled"])
        run["attachments"] = msgspec.json.decode(run["attachments"])
        calls.update(run["calls"])
    return Measured(snapshot, runs, calls)


def show(measured: Measured, *, as_json: bool) -> None:
    """Prints it."""
    now = measured.now
    if as_json:
        hidden = {"reported"}
        print_json(
            now.as_dict()
            | {
                "calls_by_kind_24h": dict(measured.calls),
                "runs_24h": [
                    {name: value for name, value in run.items() if name not in hidden}
                    for run in measured.runs
                ],
            }
        )
        return
    everybody = f"{now.today_everybody:,}" if now.everybody_known else f"{now.today_ours:,} or more"
    left = max(0, now.daily_limit - now.today_everybody)
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(measured.calls.items()))
    print_table(
        f"Calls to {now.instance}",
        ("", ""),
        (
            ("today, by us", f"{now.today_ours:,}"),
            ("today, by everybody", everybody),
            ("left of max_daily_calls", f"{left:,} of {now.daily_limit:,}"),
            ("the day ends", f"{short(now.day_ends)} UTC"),
            ("in the rate window", f"{now.calls_in_window} of {now.calls_budget}"),
            ("at this moment", f"{now.slots_in_flight} of {now.slots_budget}"),
            ("refused today", f"{now.rejected_606} x 606, {now.rejected_615} x 615"),
            ("paused until", f"{short(now.paused_until)} UTC" if now.paused_until else "no"),
            ("Marketo answers", "yes" if now.breaker == "closed" else f"no ({now.breaker})"),
            ("in 24 hours", kinds or "none"),
        ),
    )
    if not measured.runs:
        return
    console().print()
    piped = is_piped()
    columns = ("started", "took", "end", *(f"{name} #" for name in COUNTS), "calls #", "why")
    shown = columns if piped else ("started", "took", *_ON_SCREEN, "end")
    rows = [dict(zip(columns, _row(run), strict=True)) for run in measured.runs[:_RUNS_SHOWN]]
    print_table(
        "Runs of the last 24 hours (UTC)", shown, ([row[name] for name in shown] for row in rows)
    )


def _row(run: dict[str, Any]) -> tuple[object, ...]:
    started_at, alive_at = (datetime.fromisoformat(run[f"{name}_at"]) for name in _TIMES)
    ended_at = datetime.fromisoformat(run["ended_at"]) if run["ended_at"] else None
    return (
        short(started_at),
        span((ended_at or alive_at) - started_at),
        outcome(run["exit_code"], alive_at, ended_at, datetime.now(UTC)),
        *(run[name] for name in COUNTS),
        sum(run["calls"].values()),
        run["error_code"],
    )
