"""`marketo-ops errors`: entries of the error log on the screen, keys masked."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from target_marketo.ops.console import console, plain, print_json, print_table, short
from target_marketo.ops.errors import OpsError
from target_marketo.ops.errors_log import entries
from target_marketo.ops.errors_log.shape import explained, shapes
from target_marketo.store.run_ledger import moment

if TYPE_CHECKING:
    from target_marketo.ops.errors_log.entries import Filter, LoggedError
    from target_marketo.store.database import Database

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def instant(text: str | None, now: datetime | None = None) -> str | None:
    """A time as the store keeps it, of `2026-01-31`, `2026-01-31T12:00Z`, `12h` or `7d`."""
    if text is None:
        return None
    span = re.fullmatch(r"(\d{1,5})([mhd])", text.strip())
    if span:
        ago = timedelta(**{_UNITS[span[2]]: int(span[1])})
        return moment((now or datetime.now(UTC)) - ago)
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise OpsError("--since takes a date (2026-01-31), a time, or a span such as 12h") from None
    return moment(at if at.tzinfo else at.replace(tzinfo=UTC))


def show_list(database: Database, wanted: Filter, limit: int, *, as_json: bool) -> None:
    """Prints the newest entries."""
    found = entries.find(database, wanted, limit)
    if as_json:
        print_json([_as_dict(entry) for entry in found])
        return
    if not found:
        console().print("No rejected records." if wanted.resolved_too else "No open errors.")
        return
    print_table(
        f"{len(found)} rejected records, last seen first (times are UTC)",
        ("ID #", "last seen", "seen #", "stream", "code", "field", "who", "state", "what to do"),
        (
            (
                entry.id,
                short(entry.last_seen),
                entry.times_seen,
                entry.stream,
                entry.code,
                entry.field,
                entry.who,
                "open" if entry.is_open else "resolved",
                explained(entry.code, entry.advice).cure,
            )
            for entry in found
        ),
    )


def show_entry(database: Database, entry_id: int, *, reveal: bool, as_json: bool) -> None:
    """Prints one entry; the record's values only if they are asked for."""
    found = entries.get(database, entry_id)
    if found is None:
        raise OpsError(
            f"the error log has no entry {entry_id}: see `marketo-ops errors list --all`"
        )
    entry, record = found
    shown: dict[str, Any] = record if reveal else shapes(record)
    if as_json:
        print_json(_as_dict(entry) | {"record": shown})
        return
    words = explained(entry.code, entry.advice)
    where = f"request {entry.request_id}, position {entry.position}" if entry.request_id else ""
    rows = (
        ("what happened", f"{entry.code}: {words.meaning}"),
        ("what to do", words.cure),
        ("who", f"{entry.who} ({entry.key_hash[:12]})"),
        ("where", " ".join(filter(None, (entry.stream, entry.field, where)))),
        ("seen", f"{entry.times_seen}x, {short(entry.first_seen)} to {short(entry.last_seen)} UTC"),
        ("run", entry.run),
        ("resolved", short(entry.resolved_at) or "no"),
    )
    print_table(f"Entry {entry.id}", ("", ""), rows)
    title = "The record" if reveal else "The record's shape (--reveal shows its values)"
    print_table(title, ("property", "value"), ((name, plain(each)) for name, each in shown.items()))


def _as_dict(entry: LoggedError) -> dict[str, Any]:
    words = explained(entry.code, entry.advice)
    return asdict(entry) | {"key_masked": entry.who, "meaning": words.meaning, "cure": words.cure}
