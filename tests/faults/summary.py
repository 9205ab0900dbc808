"""`python -m tests.faults.summary`: the dozen lines of the README, summed from the long table.

A line of the long table belongs to the first group whose pattern its name matches.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from tests.faults.table import COLUMNS, markdown

ROOT = Path(__file__).resolve().parents[2]
LONG = Path(__file__).with_name("README.md")
SHORT = ROOT / "README.md"
BLOCK = re.compile(r"(<!-- faults -->\n).*?(<!-- end of faults -->)", re.DOTALL)
GROUPS = {
    "nothing goes wrong": r"none|LiveChat: no fault",
    "one call in a hundred goes wrong, in any way": r"1 % of everything",
    "LiveChat moves while it is read": r"LiveChat: moves",
    "LiveChat answers with an error, a broken reply, or not at all": r"LiveChat: ",
    "killed at any instant (SIGKILL)": r"SIGKILL",
    "told to stop (SIGTERM, SIGINT)": r"SIG",
    "disk full, store torn or out of reach": r"disk|store",
    "Marketo refuses people": r"row \d+",
    "Marketo refuses a call: limits, tokens, permissions": (
        r"6\d\d (?:at random|once|in the middle)|7\d\d |HTTP 4(?!03)|token|a code|identity"
    ),
    "connections lost, replies late": r".*reset|.*late",
    "replies cut, garbled or endless": r"reply|result",
    "Marketo fails, whether it carried the call out or not": r"[56]\d\d|HTTP|one row",
    "all else": r"",
}


_HEAD = (
    *("what goes wrong", "rounds", "records", "faults struck", "runs begun again"),
    *("lost", "written twice", "violations"),
)


class Long(NamedTuple):
    """The long table: who made it and when, its lines by fault, and their sum."""

    made: str
    lines: dict[str, list[int]]
    total: list[int]


def long_table() -> Long:
    text = LONG.read_text(encoding="utf-8")
    above, table = re.split(r"<!-- table -->\n", text)
    made = above.strip().rsplit("\n\n", 1)[1].rstrip(":").replace("\n", " ")
    rows = [
        [cell.strip() for cell in line.strip("| ").split(" | ")]
        for line in table.split("<!-- end of table -->")[0].strip().splitlines()
    ]
    head, _, *body = rows
    if tuple(head) != COLUMNS:
        raise ValueError(f"{LONG}: its columns are not those of the harness")
    lines = {name: [int(each.replace(",", "")) for each in numbers] for name, *numbers in body}
    total = lines.pop("all")
    return Long(made, lines, total)


def short_table(long: Long) -> str:
    sums = {name: [0] * (len(COLUMNS) - 1) for name in GROUPS}
    for fault, numbers in long.lines.items():
        group = next(name for name, pattern in GROUPS.items() if re.match(pattern, fault))
        sums[group] = [a + b for a, b in zip(sums[group], numbers, strict=True)]
    sums["**all**"] = long.total
    rows = [[name, *map("{:,}".format, numbers)] for name, numbers in sums.items() if numbers[0]]
    return markdown([_HEAD, *rows])


def block() -> str:
    """What stands in the README between the two marks."""
    long = long_table()
    return f"{long.made}:\n\n{short_table(long)}\n"


def main() -> None:
    text = SHORT.read_text(encoding="utf-8")
    SHORT.write_text(BLOCK.sub(lambda found: found[1] + block() + found[2], text), encoding="utf-8")


if __name__ == "__main__":
    main()
