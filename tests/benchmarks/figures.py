"""What the benchmarks have found, in one shape: each leaves its figures, one table shows them all.

A benchmark that runs by itself prints its own lines and `note` does nothing. Under
`python -m tests.benchmarks` a variable names the file where `note` leaves a figure.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable

VARIABLE = "BENCHMARK_FIGURES"
COLUMNS = ("benchmark", "figure", "ours", "beside", "ratio", "goal")


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One line. `ours` and `beside` are texts with their units, `ratio` how many times better ours
    is than what stands beside it, and `goal` what was to be reached.
    """

    what: str
    ours: str
    beside: str = ""
    ratio: float | None = None
    goal: str = ""
    benchmark: str = ""  # filled in by who collects

    def cells(self) -> tuple[str, ...]:
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return self.benchmark, self.what, self.ours, self.beside, ratio, self.goal


def note(figure: Figure) -> None:
    """Leaves a figure for the one table, if somebody collects."""
    path = os.environ.get(VARIABLE)
    if path:
        with Path(path).open("ab") as file:
            file.write(msgspec.json.encode(figure) + b"\n")


def noted(path: Path, benchmark: str) -> list[Figure]:
    """The figures that a benchmark has left."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    figures = (msgspec.json.decode(line, type=Figure) for line in lines)
    return [msgspec.structs.replace(figure, benchmark=benchmark) for figure in figures]


def table(figures: Iterable[Figure], title: str) -> Table:
    """For a terminal."""
    shown = Table(*COLUMNS, title=title, title_justify="left")
    for figure in figures:
        shown.add_row(*figure.cells())
    return shown


def markdown(figures: Iterable[Figure], title: str) -> str:
    """For README.md beside this."""
    rows = [COLUMNS, ("---",) * len(COLUMNS), *(figure.cells() for figure in figures)]
    return "\n".join([title, "", *("| " + " | ".join(row) + " |" for row in rows)])
