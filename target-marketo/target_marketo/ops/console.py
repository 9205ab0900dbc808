"""Tables for people, JSON for programs. Neither shows control characters of a foreign text."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

_WIDTH_OF_A_PIPE = 140


def plain(text: object) -> str:
    """One line without control characters: a name may come from another system."""
    return "".join(each if each.isprintable() else " " for each in str(text))


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=_as_json) + "\n")


def console(*, to_stderr: bool = False) -> Console:
    """Where people read."""
    from rich.console import Console  # noqa: PLC0415 - not needed for JSON

    found = Console(stderr=to_stderr, highlight=False)
    if not found.is_terminal:
        found.width = _WIDTH_OF_A_PIPE
    return found


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table; columns whose name ends in `#` are numbers."""
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415

    screen = console()
    screen.print(Text(title, style="bold"))
    table = Table(header_style="bold", show_header=any(columns))
    for name in columns:
        number = name.endswith("#")
        table.add_column(name.rstrip(" #"), justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    screen.print(table)


def short(at: datetime | str | None) -> str:
    """A time for a table, in UTC."""
    if at is None or at == "":
        return ""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def _as_json(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} is no JSON")
