"""`uv run python -m tests.mutation`: how many small faults the tests notice, module by module.

Each mutant is tried in a copy of the two packages, by the tests that `rooms.py` names. Exit code 1
if the unchanged modules do not pass them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.mutation.mutants import mutants, sample
from tests.mutation.rooms import ROOMS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.mutation.mutants import Mutant
    from tests.mutation.rooms import Room

_ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = ("target-marketo", "tap-livechat")


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="modules with this in their path"
    )
    parser.add_argument("--most", type=int, default=60, metavar="N", help="mutants a module")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the drawing")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="mutants at a time")
    options = parser.parse_args(arguments)
    lines = []
    parts = options.only.split(",")
    for room in [each for each in ROOMS if any(part in each.module for part in parts)]:
        missing = [path for path in room.tests if not (_ROOT / path).exists()]
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
    source = (_ROOT / room.module).read_text()
    possible = mutants(source)
    chosen = sample(possible, options.most, options.seed)
    began = time.monotonic()
    if _notices(room, source, limit=300.0):
        print(f"{room.module}: its tests fail as things are")
        return None
    # A mutant may loop for ever; so much longer than usual is noticed, too.
    limit = 20.0 + 4 * (time.monotonic() - began)
    with ThreadPoolExecutor(options.jobs) as pool:
        noticed = list(pool.map(partial(_is_noticed, room, limit), chosen))
    survivors = [each for each, was in zip(chosen, noticed, strict=True) if not was]
    for each in survivors:
        print(f"{room.module}:{each.line}: {each.words} survived", flush=True)
    numbers = (len(possible), len(chosen), sum(noticed), len(survivors))
    line = f"| {room.module.partition('/')[2]} | {' | '.join(map(str, numbers))} |"
    print(line, flush=True)
    return line


def _is_noticed(room: Room, limit: float, mutant: Mutant) -> bool:
    return _notices(room, mutant.source, limit)


def _notices(room: Room, source: str, limit: float) -> bool:
    """Whether the tests fail, or do not end, with the module so."""
    package = next(each for each in _PACKAGES if room.module.startswith(each))
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        name = next(path.parent.name for path in (_ROOT / package).glob("*/__init__.py"))
        copied = Path(folder) / name
        shutil.copytree(_ROOT / package / name, copied)
        (copied / Path(room.module).relative_to(Path(package) / name)).write_text(source)
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider"),
                *room.tests,
            ],
            cwd=_ROOT,
            env=os.environ | {"PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            return process.wait(limit) != 0
        except subprocess.TimeoutExpired:
            return True
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
