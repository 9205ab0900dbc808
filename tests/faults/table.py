"""The one table: a fault in a line, how often it was played, what came of each kind of write."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.table import Table

from tests.faults.kinds import Kind, Toll

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS = ("fault", "runs", "rows", "strikes", "restarts", "MB", *Kind, "violations")
"""A kind's cell is `lost/twice`, and empty where nothing of it was written; MB is the most that a
process held.
"""
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
    peak: int = 0
    tolls: dict[Kind, Toll] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    @property
    def toll(self) -> Toll:
        """Of all kinds."""
        return sum(self.tolls.values(), Toll())

    def count(self, tolls: dict[Kind, Toll]) -> None:
        """Adds those of a round."""
        for kind, toll in tolls.items():
            self.tolls[kind] = self.tolls.get(kind, Toll()) + toll

    def cells(self) -> tuple[str, ...]:
        numbers = (self.rounds, self.rows, self.strikes, self.restarts)
        tolls = (str(self.tolls.get(kind, "")) for kind in Kind)
        peak = f"{self.peak}" if self.peak else ""
        return (
            *(self.name, *map("{:,}".format, numbers), peak),
            *(*tolls, f"{len(self.violations):,}"),
        )


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


def total(lines: list[Line], name: str = "all") -> Line:
    """Lines as one."""
    summed = Line(
        name=name,
        rounds=sum(line.rounds for line in lines),
        rows=sum(line.rows for line in lines),
        restarts=sum(line.restarts for line in lines),
        strikes=sum(line.strikes for line in lines),
        peak=max((line.peak for line in lines), default=0),
        violations=[sentence for line in lines for sentence in line.violations],
    )
    for line in lines:
        summed.count(line.tolls)
    return summed
