"""Tables for people, tab-separated lines for pipes, JSON for programs.

None of them shows control characters of a foreign text.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console
    from rich.text import Text

_WIDTH_OF_A_PIPE = 140
_KEPT_WHOLE = 18  # characters: a time, a number or a masked address is not broken


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


def is_piped() -> bool:
    """Whether a program reads stdout, and not a person."""
    return not console().is_terminal


def print_line(*parts: str | tuple[str, str], to_stderr: bool = False) -> None:
    """A line, of texts or (text, style): broken between words by a terminal, whole in a pipe."""
    screen = console(to_stderr=to_stderr)
    screen.print(_styled(parts), soft_wrap=not screen.is_terminal)


def print_item(mark: tuple[str, str], *parts: str | tuple[str, str]) -> None:
    """As `print_line`, behind a mark, under which no terminal goes on."""
    from rich.table import Table  # noqa: PLC0415 - as above

    screen = console()
    if not screen.is_terminal:
        print_line(mark, *parts)
        return
    grid = Table.grid()
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(_styled([mark]), _styled(parts))
    screen.print(grid)


def _styled(parts: Iterable[str | tuple[str, str]]) -> Text:
    from rich.text import Text  # noqa: PLC0415 - as above

    return Text.assemble(
        *(plain(part) if isinstance(part, str) else (plain(part[0]), part[1]) for part in parts)
    )


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table that fits the terminal; columns whose name ends in `#` are numbers.

    In a pipe it is a line a row, columns separated by tabs, without the title.
    """
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415

    screen = console()
    names = [name.rstrip(" #") for name in columns]
    if not screen.is_terminal:
        header = [names] if any(names) else []
        lines = ("\t".join(plain(cell) for cell in row) for row in (*header, *rows))
        sys.stdout.writelines(f"{line}\n" for line in lines)
        return
    cells = [[plain(cell) for cell in row] for row in rows]
    if title:
        screen.print(Text(title, style="bold"))
    table = Table(
        box=None, header_style="dim", show_header=any(columns), pad_edge=False, padding=(0, 2, 0, 0)
    )
    for place, (name, given) in enumerate(zip(names, columns, strict=True)):
        longest = max((len(row[place]) for row in cells), default=0)
        table.add_column(
            name,
            justify="right" if given.endswith("#") else "left",
            no_wrap=longest <= _KEPT_WHOLE,
            overflow="fold",
            style="" if any(columns) or table.columns else "dim",
        )
    for row in cells:
        table.add_row(*map(Text, row))
    screen.print(table)


def short(at: datetime | str | None) -> str:
    """A time for a table, in UTC."""
    if at is None or at == "":
        return ""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def span(length: timedelta) -> str:
    """A length of time, in its two greatest units: `40 s`, `3 min`, `2 h 5 min`, `4 d 1 h`."""
    seconds = max(0, int(length.total_seconds()))
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds} s"
    minutes = seconds // 60
    hours, days = minutes // 60, minutes // 1440
    if days:
        return f"{days} d {hours % 24} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def counted(number: int, noun: str, several: str = "") -> str:
    """`1 person`, `2 people`, `1,000 records`."""
    return f"{number:,} {noun if number == 1 else several or noun + 's'}"


def _as_json(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} is not JSON")
