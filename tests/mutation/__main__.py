"""`uv run python -m tests.mutation`: how many small faults the tests notice, module by module.

Each mutant is tried by those tests of its row in `rooms.py` that come by the changed line, the
quickest first, some 40 seconds of them. Exit code 1 if the unchanged modules do not pass them.
"""

from __future__ import annotations

import argparse
import ast
import sys
from itertools import accumulate, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from tests.mutation import trial
from tests.mutation.by_hand import FAULTS
from tests.mutation.mutants import mutants, sample
from tests.mutation.rooms import ROOMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.mutation.mutants import Mutant
    from tests.mutation.rooms import Room

_ROOT = Path(__file__).resolve().parents[2]
_LONG = 300.0  # seconds for tests that nothing is known of yet
_ENOUGH = 40.0  # seconds of tests for a mutant that survives them


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="modules with this in their path"
    )
    parser.add_argument("--most", type=int, default=60, metavar="N", help="mutants a module")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the drawing")
    parser.add_argument(
        "--by-hand", action="store_true", help="the faults of by_hand.py instead; all are noticed"
    )
    options = parser.parse_args(arguments)
    if options.by_hand:
        return _try_by_hand(options.only)
    lines = []
    parts = options.only.split(",")
    for room in [each for each in ROOMS if any(part in each.module for part in parts)]:
        missing = [each for each in room.tests if not (_ROOT / each.partition("::")[0]).exists()]
        if missing:
            print(f"no test file {', '.join(missing)}")
            return 1
        line = _try(room, options)
        if line is None:
            return 1
        lines.append(line)
    print("\n| module | changes possible | tried | noticed | survived |\n|---|--:|--:|--:|--:|")
    print("\n".join(lines))
    return 0


def _try(room: Room, options: argparse.Namespace) -> str | None:
    """A line of the table; None if the tests fail as things are."""
    module = _ROOT / room.module
    possible = mutants(module.read_text())
    chosen = sample(possible, options.most, options.seed)
    seen = trial.passing(module, room.tests)
    if seen is None or _notice(module, module.read_text(), _quickest(seen.seconds, seen), _LONG):
        print(f"{room.module}: its tests fail as things are")
        return None
    survivors = [each for each in chosen if not _is_noticed(module, each, seen)]
    numbers = (len(possible), len(chosen), len(chosen) - len(survivors), len(survivors))
    line = f"| {room.module.partition('/')[2]} | {' | '.join(map(str, numbers))} |"
    print(line, flush=True)
    return line


def _try_by_hand(only: str) -> int:
    """1 if a fault is not noticed, or nothing can be told of it."""
    faults = [each for each in FAULTS if only in each.promise]
    passed: dict[tuple[str, ...], bool] = {}
    missed = 0
    for each in faults:
        try:
            module = each.module()
        except LookupError as error:
            missed += 1
            print(f"{error}: to be written anew")
            continue
        if each.tests not in passed:
            passed[each.tests] = not _notice(module, module.read_text(), each.tests, _LONG)
        said = "" if passed[each.tests] else "its tests fail as things are"
        if not said and not _notice(module, each.source(), each.tests, _LONG):
            said = "not noticed"
        if said:
            missed += 1
            print(f"{module.stem}: {each.promise}: {said}", flush=True)
    print(f"{len(faults) - missed} of {len(faults)} faults by hand are noticed")
    return int(missed > 0)


def _is_noticed(module: Path, mutant: Mutant, seen: trial.Passing) -> bool:
    """Says so, where it is not."""
    tests = _quickest(seen.seconds, seen)
    if mutant.is_in_function:
        by_the_line = [seen.tests_of.get(line, frozenset()) for line in mutant.lines]
        tests = _quickest(frozenset[str]().union(*by_the_line), seen)
    if tests and _notice(module, mutant.source, tests, _limit(seen, tests)):
        return True
    whole = ast.unparse(ast.parse(module.read_text())).splitlines()
    pairs = zip_longest(whole, mutant.source.splitlines(), fillvalue="")
    before, after = next((pair for pair in pairs if pair[0] != pair[1]), ("", ""))
    changed = (after if after.strip() != "pass" else before).strip()
    nobody = "" if tests else " (no test comes by)"
    where = ".".join((module.stem, *_around(module.read_text(), mutant.line)))
    print(f"{where}: {mutant.words}{nobody} survived: {changed}", flush=True)
    return False


def _around(source: str, line: int) -> list[str]:
    """The class and functions that a line is in, outermost first: lines move, names stay."""
    named = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return [
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, named) and node.lineno <= line <= (node.end_lineno or line)
    ]


def _quickest(tests: Iterable[str], seen: trial.Passing) -> list[str]:
    """As many as are enough, the quickest first; one at least, if there is any."""
    found = sorted(tests, key=seen.seconds.__getitem__)
    after = list(accumulate(seen.seconds[each] for each in found))
    return found[: max(1, sum(seconds <= _ENOUGH for seconds in after))]


def _limit(seen: trial.Passing, tests: Sequence[str]) -> float:
    """A mutant may loop for ever; so, much longer than usual is noticed, too."""
    return 20.0 + 5 * sum(seen.seconds[each] for each in tests)


def _notice(module: Path, source: str, tests: Sequence[str], limit: float) -> bool:
    name = ".".join(module.relative_to(_ROOT).with_suffix("").parts[1:])
    return trial.notices(name, module, source, tests, limit)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
