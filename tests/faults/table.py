"""The one table: fault, runs, rows, restarts, lost, duplicated, violations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS = ("fault", "runs", "rows", "strikes", "restarts", "lost", "duplicated", "violations")
# To the letter, for what is to be copied: neither wrapped nor coloured.
PLAIN: dict[str, Any] = {"highlight": False, "markup": False, "soft_wrap": True}


@dataclass
class Line:
    """What came of all rounds of one trouble."""

    name: str
    rounds: int = 0
    rows: int = 0
    restarts: int = 0
    strikes: int = 0
    lost: int = 0
    duplicated: int = 0
    violations: list[str] = field(default_factory=list)

    def cells(self) -> tuple[str, ...]:
        numbers = (
            *(self.rounds, self.rows, self.strikes, self.restarts),
            *(self.lost, self.duplicated, len(self.violations)),
        )
        return (self.name, *(f"{number:,}" for number in numbers))


def table(lines: list[Line], title: str) -> Table:
    """The lines, and their sum."""
    shown = Table(title=title, title_justify="left")
    for name in COLUMNS:
        shown.add_column(name, justify="left" if name == "fault" else "right")
    for line in [*lines, total(lines)]:
        shown.add_row(
            *line.cells(),
            style="bold red" if line.violations else None,
            end_section=bool(lines) and line is lines[-1],
        )
    return shown


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Rows, the first of which is the head, as a table for the README beside this."""
    head, *rest = rows
    return "\n".join(
        f"| {' | '.join(row)} |" for row in (head, ["---"] + ["--:"] * (len(head) - 1), *rest)
    )


def total(lines: list[Line]) -> Line:
    """All lines as one."""
    return Line(
        name="all",
        rounds=sum(line.rounds for line in lines),
        rows=sum(line.rows for line in lines),
        restarts=sum(line.restarts for line in lines),
        strikes=sum(line.strikes for line in lines),
        lost=sum(line.lost for line in lines),
        duplicated=sum(line.duplicated for line in lines),
        violations=[sentence for line in lines for sentence in line.violations],
    )
