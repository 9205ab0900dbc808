"""`marketo-ops errors`: entries of the error log on the screen, keys masked."""

from __future__ import annotations

import re
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from target_marketo.marketo.codes import Family, family_of
from target_marketo.ops.console import (
    console,
    counted,
    is_piped,
    plain,
    print_json,
    print_table,
    short,
)
from target_marketo.ops.errors import OpsError
from target_marketo.ops.errors_log import entries
from target_marketo.ops.errors_log.entries import Filter
from target_marketo.ops.errors_log.outlook import Judge, Outlook, replay_command
from target_marketo.ops.errors_log.shape import explained, shapes
from target_marketo.store.run_ledger import moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from target_marketo.ops.errors_log.entries import Kind, LoggedError
    from target_marketo.ops.errors_log.shape import Explained
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


def named(kind: str | None) -> tuple[tuple[str, ...], str | None]:
    """Codes and field of a kind as `errors` prints it: `1003`, or `too_long:city`."""
    if kind is None:
        return (), None
    code, colon, field = kind.partition(":")
    return (code,), field if colon else None


def show_kinds(
    database: Database,
    wanted: Filter,
    config: Mapping[str, Any],
    *,
    in_meltano: bool,
    as_json: bool,
) -> None:
    """Prints the kinds of errors, and of each once what to do."""
    judge = Judge(database, config)
    found = [_Told.of(kind, judge, wanted) for kind in entries.kinds(database, wanted)]
    if as_json:
        print_json([each.as_dict(in_meltano=in_meltano) for each in found])
        return
    if not found:
        _say_none(wanted)
        return
    columns = ("kind", "stream", "records #", "people #", "first", "last")
    rows = [
        (
            each.kind.name,
            each.kind.stream,
            each.kind.records,
            each.kind.people,
            short(each.kind.first_seen)[:10],
            short(each.kind.last_seen),
        )
        for each in found
    ]
    if is_piped():
        told = ("meaning", "what to do", "replay")
        print_table(
            "",
            (*columns, *told),
            (
                (*row, each.words.meaning, each.cure, each.replay(in_meltano=in_meltano))
                for row, each in zip(rows, found, strict=True)
            ),
        )
        return
    total = sum(each.kind.records for each in found)
    print_table(f"{counted(total, 'record')} of {counted(len(found), 'kind')} (UTC)", columns, rows)
    screen = console()
    told_of: set[tuple[str, str]] = set()
    for each in found:
        once = (each.kind.code, each.cure)
        if once in told_of:
            continue
        told_of.add(once)
        screen.print(f"\n{plain(each.kind.code)}: {each.words.meaning}", markup=False, style="bold")
        screen.print(f"  {plain(each.cure)}", markup=False)
        if command := each.replay(in_meltano=in_meltano):
            screen.print(f"  {command}", markup=False, soft_wrap=True, style="cyan")
    screen.print(
        f"\nThe entries of a kind: marketo-ops errors {plain(found[0].kind.name)}", markup=False
    )


@dataclass(frozen=True)
class _Told:
    """A kind with what is to be said of it."""

    kind: Kind
    words: Explained
    outlook: Outlook

    @classmethod
    def of(cls, kind: Kind, judge: Judge, wanted: Filter) -> _Told:
        own = Filter(wanted.instance, (kind.code,), kind.field, kind.stream, wanted.since)
        return cls(kind, explained(kind.code, kind.advice, kind.part), judge.of_kind(own))

    @property
    def cure(self) -> str:
        return self.outlook.cure(self.words)

    def replay(self, *, in_meltano: bool) -> str:
        helps = self.outlook is not Outlook.SAME_AGAIN
        return replay_command(self.kind.code, in_meltano=in_meltano) if helps else ""

    def as_dict(self, *, in_meltano: bool) -> dict[str, Any]:
        return {
            "kind": self.kind.name,
            **asdict(self.kind),
            "meaning": self.words.meaning,
            "cure": self.cure,
            "outlook": self.outlook,
            "replay": self.replay(in_meltano=in_meltano),
        }


def show_list(database: Database, wanted: Filter, limit: int, *, as_json: bool) -> None:
    """Prints the newest entries."""
    found = entries.find(database, wanted, limit)
    if as_json:
        print_json([_as_dict(entry) for entry in found])
        return
    if not found:
        _say_none(wanted)
        return
    piped = is_piped()
    columns = ["ID #", "last seen", "stream", "code", "field", "who"]
    columns += ["state"] if wanted.resolved_too or piped else []
    columns += ["seen #", "what to do"] if piped else []

    def row(entry: LoggedError) -> dict[str, object]:
        return {
            "ID #": entry.id,
            "last seen": short(entry.last_seen),
            "seen #": entry.times_seen,
            "stream": entry.stream,
            "code": entry.code,
            "field": entry.field,
            "who": entry.who,
            "state": "open" if entry.is_open else "resolved",
            "what to do": explained(entry.code, entry.advice, entry.part).cure,
        }

    print_table(
        f"{counted(len(found), 'rejected record')}, last seen first (UTC)",
        columns,
        ([row(entry)[name] for name in columns] for entry in found),
    )
    if piped:
        return
    screen = console()
    kinds = {(each.code, each.advice, each.part.partition("#")[0]) for each in found}
    for code, advice, part in sorted(kinds):
        words = explained(code, advice, part)
        screen.print(f"\n{plain(code)}: {words.meaning}", markup=False, style="bold")
        screen.print(f"  {words.cure}", markup=False)
    screen.print(f"\nOne of them: marketo-ops errors show {found[0].id}", markup=False)


def _say_none(wanted: Filter) -> None:
    narrowed = wanted.codes or wanted.stream or wanted.since or wanted.field
    told = "No rejected records" if wanted.resolved_too else "No open errors"
    output = sys.stderr if is_piped() else sys.stdout
    output.write(f"{told} of that kind.\n" if narrowed else f"{told}.\n")


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
    words = explained(entry.code, entry.advice, entry.part)
    where = f"request {entry.request_id}, position {entry.position}" if entry.request_id else ""
    rows = (
        ("what happened", f"{entry.code}: {words.meaning}"),
        ("what to do", words.cure),
        ("who", f"{entry.who} ({entry.key_hash[:12]})"),
        ("where", ", ".join(filter(None, (entry.stream, _part(entry), entry.field, where)))),
        ("seen", f"{entry.times_seen}x, {short(entry.first_seen)} to {short(entry.last_seen)} UTC"),
        ("run", entry.run),
        ("resolved", short(entry.resolved_at) or "no"),
    )
    print_table(f"Entry {entry.id}", ("", ""), rows)
    title = "The record" if reveal else "The record's shape (--reveal shows its values)"
    print_table(title, ("property", "value"), ((name, plain(each)) for name, each in shown.items()))


def _part(entry: LoggedError) -> str:
    """What of the record it is, unless that is its person or a field, which stands beside it."""
    return "" if family_of(entry.part) is Family.PEOPLE else entry.part


def _as_dict(entry: LoggedError) -> dict[str, Any]:
    words = explained(entry.code, entry.advice, entry.part)
    return asdict(entry) | {"key_masked": entry.who, "meaning": words.meaning, "cure": words.cure}
