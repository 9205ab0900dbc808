"""`uv run python -m tests.benchmarks`: every benchmark, one after the other, and one table.

Each is a command of its own, `python -m tests.benchmarks.NAME`, which prints how it comes by its
figures. They never run side by side: a benchmark that shares its processors measures the other.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from tests.benchmarks.figures import VARIABLE, Figure, markdown, noted, table

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Benchmark:
    """A command that notes figures, and what is added to it for its short form."""

    name: str
    command: tuple[str, ...]
    full: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()


def _module(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"tests.benchmarks.{name}")


BENCHMARKS = (
    Benchmark("tap-livechat", _module("tap_livechat"), quick=("--quick",)),
    Benchmark("target-marketo", _module("target_marketo"), full=("--long",)),
    Benchmark("chats", _module("chats")),
    Benchmark("governor", _module("governor"), quick=("--seconds", "15", "--scale", "0.1")),
)


def main(arguments: Sequence[str], benchmarks: Sequence[Benchmark] = BENCHMARKS) -> int:
    """The exit code: 1 if a benchmark failed or had nothing to show."""
    options = _parser(benchmarks).parse_args(arguments)
    figures: list[Figure] = []
    failed: list[str] = []
    for benchmark in benchmarks:
        if options.only and benchmark.name not in options.only:
            continue
        found, code = _run(benchmark, quick=options.quick)
        figures += found
        if code or not found:
            failed.append(f"{benchmark.name}: exit code {code}, {len(found)} figures")
    title = " ".join(["python -m tests.benchmarks", *arguments])
    title += f" ({os.cpu_count()} processors, Python {platform.python_version()})"
    if options.markdown:
        print(markdown(figures, title))
    else:
        Console(width=None if sys.stdout.isatty() else 140).print(table(figures, title))
    for line in failed:
        print(line, file=sys.stderr)
    return 1 if failed else 0


def _parser(benchmarks: Sequence[Benchmark]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Runs every benchmark, one after the other, and prints one table.",
    )
    parser.add_argument("--quick", action="store_true", help="the short forms: about 5 minutes")
    parser.add_argument("--markdown", action="store_true", help="the table as its README has it")
    parser.add_argument(
        "--only", nargs="+", choices=[benchmark.name for benchmark in benchmarks], metavar="NAME"
    )
    return parser


def _run(benchmark: Benchmark, *, quick: bool) -> tuple[list[Figure], int]:
    """What it noted, and its exit code; what it prints goes to standard error as it comes."""
    command = [*benchmark.command, *(benchmark.quick if quick else benchmark.full)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figures.jsonl"
        environment = {**os.environ, VARIABLE: str(path)}
        done = subprocess.run(command, stdout=sys.stderr.fileno(), env=environment, check=False)
        return noted(path, benchmark.name), done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
