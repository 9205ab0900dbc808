"""The one table: fault, runs, rows, restarts, lost, duplicated, violations."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.table import Table


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


def table(lines: list[Line], title: str) -> Table:
    """The lines, and their sum."""
    shown = Table(title=title, title_justify="left")
    shown.add_column("fault")
    for name in ("runs", "rows", "strikes", "restarts", "lost", "duplicated", "violations"):
        shown.add_column(name, justify="right")
    for line in [*lines, total(lines)]:
        shown.add_row(
            line.name,
            *(
                f"{number:,}"
                for number in (
                    line.rounds,
                    line.rows,
                    line.strikes,
                    line.restarts,
                    line.lost,
                    line.duplicated,
                    len(line.violations),
                )
            ),
            style="bold red" if line.violations else None,
            end_section=bool(lines) and line is lines[-1],
        )
    return shown


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
