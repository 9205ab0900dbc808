"""`python -m tests.faults.summary`: the dozen lines of the README, summed from the long table.

A line of the long table belongs to the first group whose pattern its name matches.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from tests.faults.kinds import Kind, Toll
from tests.faults.table import COLUMNS, Line, markdown, total

ROOT = Path(__file__).resolve().parents[2]
LONG = Path(__file__).with_name("README.md")
SHORT = ROOT / "README.md"
BLOCK = re.compile(r"(<!-- faults -->\n).*?(<!-- end of faults -->)", re.DOTALL)
GROUPS = {
    "nothing, or one call in a hundred in any way": r"none|LiveChat: no fault|1 % of",
    "LiveChat fails, or moves while it is read": r"LiveChat: ",
    "killed at any instant (SIGKILL)": r"SIGKILL",
    "told to stop (SIGTERM, SIGINT)": r"SIG",
    "disk full, store torn, two instances in it": r"disk|store|two instances",
    "Marketo refuses rows, or takes a field away": r"row \d|a field|an attribute",
    "limits, quotas, resets of the day, tokens, permissions": (
        r"6\d\d (?:at random|once|in the middle)|7\d\d |HTTP 4(?!03)|token|a code|identity|"
        r"a run|the quota"
    ),
    "writes fail for seconds, reads work": r"writes fail",
    "connections lost, commits late or in part": r".*reset|late|.*in part|a proxy",
    "replies cut, garbled or endless": r"reply|result",
    "clocks wrong, somebody else at work": r"the clock|somebody",
    "Marketo fails, whether it carried the call out or not": r"",
}
_WHOM = re.compile(r"(?:all kinds|attached|chats), ")
_HEAD = (
    *("what goes wrong", "rounds", "records", "faults struck", "runs begun again", "MB at most"),
    *Kind,
    "violations",
)


class Long(NamedTuple):
    """The long table: who made it and when, its lines, and their sum."""

    made: str
    lines: list[Line]
    total: Line


def long_table() -> Long:
    """As the README beside this has it."""
    text = LONG.read_text(encoding="utf-8")
    above, table = re.split(r"<!-- table -->\n", text)
    made = above.strip().rsplit("\n\n", 1)[1].rstrip(":").replace("\n", " ")
    rows = [
        [cell.strip() for cell in line.strip().removeprefix("| ").removesuffix(" |").split(" | ")]
        for line in table.split("<!-- end of table -->")[0].strip().splitlines()
    ]
    head, _, *body = rows
    if tuple(head) != COLUMNS:
        raise ValueError(f"{LONG}: its columns are not those of the harness")
    *lines, summed = map(_line, body)
    return Long(made, lines, summed)


def _line(cells: list[str]) -> Line:
    name, *rest = cells
    rounds, rows, strikes, restarts, peak = (int(each.replace(",", "") or "0") for each in rest[:5])
    tolls = {
        kind: Toll(*(int(number.replace(",", "")) for number in cell.split("/")))
        for kind, cell in zip(Kind, rest[5:-1], strict=True)
        if cell
    }
    return Line(name, rounds, rows, restarts, strikes, peak, tolls, [""] * int(rest[-1]))


def short_table(long: Long) -> str:
    """The groups, and their sum."""
    groups: dict[str, list[Line]] = {name: [] for name in GROUPS}
    for line in long.lines:
        groups[group_of(line.name)].append(line)
    sums = [total(lines, name) for name, lines in groups.items() if lines]
    return markdown([_HEAD, *(line.cells() for line in (*sums, total(long.lines, "**all**")))])


def group_of(fault: str) -> str:
    """Where a line belongs, whoever is struck."""
    what = _WHOM.sub("", fault)
    return next(name for name, pattern in GROUPS.items() if re.match(pattern, what))


def block() -> str:
    """What stands in the README between the two marks."""
    long = long_table()
    return f"{long.made}:\n\n{short_table(long)}\n"


def main() -> None:
    """Puts it there."""
    text = SHORT.read_text(encoding="utf-8")
    SHORT.write_text(BLOCK.sub(lambda found: found[1] + block() + found[2], text), encoding="utf-8")


if __name__ == "__main__":
    main()
