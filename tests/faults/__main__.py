"""`uv run python -m tests.faults`: breaks things on purpose, and prints what was left of the data.

Each round has a Marketo, a store and an input of its own, all made of its seed: `--only "reset
after" --seed 7 --runs 1` plays one again. Exit code 1 if an invariant was violated; which they are
stands in `__init__.py`.
"""

from __future__ import annotations

import argparse
import queue
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle
from typing import TYPE_CHECKING

from rich.console import Console

from tests.faults.instances import neighbours, play_neighbours
from tests.faults.kills import of_all_kinds, of_people
from tests.faults.matrix import matrix
from tests.faults.pairs import pairs, play_pair
from tests.faults.rounds import Trouble, marketo_options, play
from tests.faults.soak import soak
from tests.faults.storage import play_storage, storage
from tests.faults.table import COLUMNS, PLAIN, Line, markdown, table, total
from tests.sandbox.marketo.client import MarketoSandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.faults.instances import Neighbours
    from tests.faults.pairs import Pair
    from tests.faults.rounds import Round
    from tests.faults.storage import StorageFault

    Play = Callable[[MarketoSandbox], Round]
    Task = tuple[str, int, Play]

_SHORT_KILLS = 40
# In the short form: names that begin so, each once; the rest of the matrix is left to the long one.
_SHORT = (
    "1 % of everything, two streams",
    "606 at random",
    "token expires",
    "607 in",
    "HTTP 413",
    "HTTP 503",
    "reset before the write",
    "reset after the write",
    "late commit, after",
    "one row breaks",
    "reply: wrong type",
    "reply: no result",
    "reply: slow drip",
    "result reordered",
    "row 1003",
    "writes fail for 40 s, 604, three",
    "writes fail for 40 s, resets, three",
    "a proxy cuts, and the write is done 6 s later, one person",
    "somebody fills in places while writes are answered 503",
    "the clock jumps to and fro",
    "a field goes while the run is on, told by each record",
    "a field goes while the run is on, told to lookups by 1006",
    "a field goes while the run is on, while calls are halved",
    "chats, an attribute goes while the run is on, told by 1006",
    "all kinds, none",
    "all kinds, reset after",
    "all kinds, carried out in part, and",
    "all kinds, late commit, after",
    "all kinds, 611, carried out",
    "all kinds, result short",
    "two instances in one store, one",
    "disk",
    "store",
    "LiveChat: resets",
    "LiveChat: moves while it is read, pages",
)


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    options = _parser().parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 120)
    if options.soak:
        return soak(options.soak, options.seed, console)
    tasks = [task for task in _tasks(options) if options.only.lower() in task[0].lower()]
    if not tasks:
        console.print(f"no fault is called {options.only}")
        return 2
    began = time.monotonic()
    lines = _play(tasks, options.jobs, console)
    minutes = (time.monotonic() - began) / 60
    command = " ".join(["python -m tests.faults", *arguments])
    summed = total(lines)
    title = f"{command}: {minutes:.1f} minutes"
    if options.markdown:
        rows = [COLUMNS, *(line.cells() for line in (*lines, summed))]
        console.print(f"{title}\n\n{markdown(rows)}\n", **PLAIN)
    else:
        console.print(table(lines, title))
    for line in lines:
        for sentence in line.violations:
            console.print(f"{line.name}: {sentence}", style="red", markup=False)
    console.print(
        f"{summed.toll.lost} of {summed.rows:,} records lost, {summed.toll.twice} written twice, "
        f"{len(summed.violations)} violations in {summed.rounds} rounds"
    )
    return 1 if summed.violations or summed.toll.lost else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--runs", type=int, default=1, metavar="N", help="rounds of each fault")
    parser.add_argument(
        "--kills", type=int, default=0, metavar="N", help="in all, over instants and points"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the first round")
    parser.add_argument("--short", action="store_true", help="the most telling ones and 40 kills")
    parser.add_argument("--only", default="", metavar="TEXT", help="faults with this in their name")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="rounds at a time")
    parser.add_argument(
        "--soak", type=int, default=0, metavar="ROWS", help="one round of so many visitors instead"
    )
    parser.add_argument(
        "--markdown",
        action="store_true",
        help="the table as README.md beside this has it; a soak's always is",
    )
    return parser


def _tasks(options: argparse.Namespace) -> list[Task]:
    seeds = range(options.seed, options.seed + options.runs)
    tasks: list[Task] = []
    for trouble in matrix():
        tasks += [(trouble.name, seed, _target(trouble, seed)) for seed in seeds]
    for fault in storage():
        tasks += [(fault.name, seed, partial(_storage, fault, seed)) for seed in seeds]
    for each in neighbours():
        tasks += [(each.name, seed, partial(_neighbours, each, seed)) for seed in seeds]
    for pair in pairs():
        tasks += [(pair.name, seed, partial(_pair, pair, seed)) for seed in seeds]
    if options.short:
        tasks = [task for task in tasks if task[0].startswith(_SHORT)]
    kills = of_people(), of_all_kinds()
    most = sum(map(len, kills)) * options.runs
    turns = [cycle(each) for each in kills]
    for number in range(options.kills or (_SHORT_KILLS if options.short else most)):
        # With activities, lists, status and objects: one of two, and in the long form two of five.
        is_of_all = number % 2 == 1 if options.short else number % 5 in {1, 3}
        trouble = next(turns[is_of_all])
        seed = options.seed + sum(task[0] == trouble.name for task in tasks)
        tasks.append((trouble.name, seed, _target(trouble, seed)))
    return tasks


def _target(trouble: Trouble, seed: int) -> Play:
    return lambda marketo: play(trouble, marketo, seed)


def _storage(fault: StorageFault, seed: int, marketo: MarketoSandbox) -> Round:
    return play_storage(fault, marketo, seed)


def _neighbours(pair: Neighbours, seed: int, marketo: MarketoSandbox) -> Round:
    return play_neighbours(pair, marketo, seed)


def _pair(pair: Pair, seed: int, marketo: MarketoSandbox) -> Round:
    return play_pair(pair, marketo, seed)


def _play(tasks: list[Task], jobs: int, console: Console) -> list[Line]:
    """Plays all rounds, so many at a time; each job has a Marketo to itself."""
    lines = {name: Line(name) for name, _, _ in tasks}
    free: queue.SimpleQueue[MarketoSandbox] = queue.SimpleQueue()
    guards_lines = threading.Lock()

    def one(task: Task) -> None:
        name, seed, play_round = task
        marketo = free.get()
        try:
            played = play_round(marketo)
        finally:
            free.put(marketo)
        with guards_lines:
            _note(lines[name], played)
            mark = "FAILED" if played.verdict.violations else "ok"
            console.print(
                f"{mark:6} {name}, seed {seed}: {played.rows} rows, {played.strikes} strikes, "
                f"{played.restarts} restarts, {played.peak:.0f} MB, {played.seconds:.1f} s",
                **PLAIN,
            )
            for sentence in played.verdict.violations:
                console.print(f"       {sentence}", style="red", markup=False)

    sandboxes = [
        MarketoSandbox(**marketo_options(), max_lifetime_seconds=86_400) for _ in range(jobs)
    ]
    try:
        for sandbox in sandboxes:
            free.put(sandbox.__enter__())
        with ThreadPoolExecutor(jobs) as pool:
            for future in [pool.submit(one, task) for task in tasks]:
                future.result()
    finally:
        for sandbox in sandboxes:
            sandbox.stop()
    return list(lines.values())


def _note(line: Line, played: Round) -> None:
    line.rounds += 1
    line.rows += played.rows
    line.restarts += played.restarts
    line.strikes += played.strikes
    line.peak = max(line.peak, round(played.peak))
    line.count(played.verdict.tolls)
    line.violations += (f"seed {played.seed}: {each}" for each in played.verdict.violations)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
