"""target-marketo beside a stock SDK target: speed, calls inside the limits, memory.

    python -m tests.benchmarks.target_marketo [--long] [--only PART ...]

Each line of the tables is a process of its own that reads visitors of tap-livechat from a pipe. The
stock target (`stock_target.py`) speaks to the same server in the same run.

instant    a Marketo that answers at once: visitors a second, and peak memory
limits     the sandbox at Marketo's limits: which part of the allowed calls a run makes use of.
           Without --long its window and its latencies are a tenth of the real ones
calls      the sandbox without latency: calls for 1,000 people
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean, median
from typing import TYPE_CHECKING, Any

from tests.benchmarks import visitors
from tests.benchmarks.figures import Figure, note
from tests.benchmarks.table import Measured, Table, measure
from tests.sandbox.marketo.client import MarketoSandbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

OURS, STOCK = "target-marketo", "stock BatchSink"
ROUNDS = 3
CALLS, SLOTS = 100, 10  # what Marketo allows an instance in 20 s, and at once
# Slow calls begin in a burst that has to wait for slots, one window after the other, until it has
# spread: what lasts is seen later.
WINDOWS, WINDOWS_OF_SLOW_CALLS = 7, 28

_UNLIMITED = """
import gc
gc.disable()  # as the command does while it loads
import functools
import sys
from target_marketo import assembly
from target_marketo.settings import SCHEMA
from tests.target_marketo.governor.memory_leases import MemoryLeases
from target_marketo.target import TargetMarketo
# The setting's maximum is Marketo's own limit: 100 calls, here in a second, would be the measure.
del SCHEMA["properties"]["rate_limit_calls"]["maximum"]
assembly.Limits = functools.partial(assembly.Limits, ceiling=1_000_000)
if sys.argv.pop(1) == "memory":
    assembly.DatabaseLeases = lambda _: MemoryLeases()
TargetMarketo.cli()
"""
_COMMANDS = {
    OURS: (str(Path(sys.executable).with_name("target-marketo")),),
    STOCK: (sys.executable, "-m", "tests.benchmarks.stock_target"),
}


class Bench:
    """Runs targets against one server, each run with a new store."""

    def __init__(self, folder: Path, server: Mapping[str, str]) -> None:
        self._folder = folder
        self._server = dict(server)
        self._runs = 0

    def run(
        self,
        target: str,
        feed: Sequence[str],
        settings: Mapping[str, Any] | None = None,
        command: Sequence[str] = (),
    ) -> Measured:
        self._runs += 1
        config: dict[str, Any] = dict(self._server)
        if target == OURS:
            config["store_url"] = f"sqlite:///{self._folder / f'{self._runs}.sqlite'}"
            config |= settings or {}
        path = self._folder / "config.json"
        path.write_text(json.dumps(config))
        names = [name for name in os.environ if not name.startswith("TARGET_")]
        return measure(
            [*(command or _COMMANDS[target]), "--config", str(path)],
            feed=feed,
            env={name: os.environ[name] for name in names},
        )


@contextlib.contextmanager
def instant_marketo() -> Iterator[dict[str, str]]:
    """Starts the instant Marketo; gives the settings that reach it."""
    command = [sys.executable, "-m", "tests.benchmarks.instant_marketo"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}"
        yield {
            "endpoint": f"{url}/rest",
            "identity": f"{url}/identity",
            "client_id": "benchmark",
            "client_secret": "benchmark",
        }


def settings_of(marketo: MarketoSandbox) -> dict[str, str]:
    return {
        "endpoint": marketo.endpoint,
        "identity": marketo.identity,
        "client_id": marketo.client_id,
        "client_secret": marketo.client_secret,
    }


def lines_of(path: Path, rows: int) -> list[str]:
    """A command that writes that many rows and the messages between them."""
    return ["head", "-n", str(1 + rows + rows // visitors.STATE_EVERY), str(path)]


# The parts


def instant(folder: Path, *, long: bool) -> None:
    few, many = (100_000, 1_000_000) if long else (30_000, 300_000)
    path = folder / "visitors.jsonl"
    with path.open("w", encoding="utf-8") as file:
        visitors.write(file, many)
    size = path.stat().st_size / many
    print(f"\nAn instant Marketo; everybody is new; {size:.0f} bytes a visitor")
    table = Table("visitors", "s", "visitors/s", "CPU s", "peak MiB")

    def row(name: str, rows: int, run: Measured, note: str = "") -> None:
        table.row(
            name,
            f"{rows:,}",
            f"{run.seconds:.2f}",
            f"{rows / run.seconds:,.0f}",
            f"{run.cpu_seconds:.2f}",
            f"{run.mebibytes:.1f}",
            note=note,
        )

    with instant_marketo() as server:
        bench = Bench(folder, server)
        unlimited: dict[str, Any] = {
            "rate_limit_calls": 1_000_000,
            "rate_limit_seconds": 1,
            "max_daily_calls": 1_000_000_000,
        }
        command = (sys.executable, "-c", _UNLIMITED, "store")
        # The store's disk has a part in each of a hundred calls a second; Marketo allows five.
        in_memory = (sys.executable, "-c", _UNLIMITED, "memory")
        ours, memory, stock = [], [], []
        for _ in range(ROUNDS):  # in turn, so that a busy machine is busy for both
            ours.append(bench.run(OURS, lines_of(path, few), unlimited, command))
            memory.append(bench.run(OURS, lines_of(path, few), unlimited, in_memory))
            stock.append(bench.run(STOCK, lines_of(path, few)))
        for name, runs in ((OURS, ours), (f"{OURS}, budget in memory", memory), (STOCK, stock)):
            ratio = median(b.seconds / a.seconds for a, b in zip(runs, stock, strict=True))
            row(name, few, _middle(runs), f"{ratio:.1f} times stock")
            if runs is not stock:
                note(
                    Figure(
                        what=f"visitors a second, instant Marketo, {few:,} visitors ({name})",
                        ours=f"{few / _middle(runs).seconds:,.0f}",
                        beside=f"{few / _middle(stock).seconds:,.0f} ({STOCK})",
                        ratio=ratio,
                        goal="25,000 and 3 times",
                    )
                )
        large = bench.run(OURS, lines_of(path, many), unlimited, command)
        growth = 100 * (large.mebibytes / _middle(ours).mebibytes - 1)
        row(OURS, many, large, f"peak memory {growth:+.1f} %")
        note(
            Figure(
                what=f"visitors a second, instant Marketo, {many:,} visitors ({OURS})",
                ours=f"{many / large.seconds:,.0f}",
                goal="25,000",
            )
        )
        note(
            Figure(
                what=f"peak memory, {many:,} visitors ({few:,} visitors)",
                ours=f"{large.mebibytes:.0f} MiB ({growth:+.1f} %)",
                beside=f"{_middle(stock).mebibytes:.0f} MiB ({STOCK}, {few:,})",
                goal="120 MiB, +5 %",
            )
        )
        row(
            f"{OURS}, budget in memory",
            many,
            bench.run(OURS, lines_of(path, many), unlimited, in_memory),
        )


def _middle(runs: list[Measured]) -> Measured:
    return sorted(runs, key=lambda run: run.seconds)[len(runs) // 2]


def limits(folder: Path, *, long: bool) -> None:
    scale = 1.0 if long else 0.1
    window = round(20 * scale)
    batch = 300 if long else 30  # calls are what is measured: the sandbox looks at each row
    print(f"\nThe sandbox at {CALLS} calls in {window} s and {SLOTS} slots")
    table = Table("calls", "s", "of ceiling", "refused", "peak MiB")
    for mean_seconds, middle, windows, goal in (
        (0.24, 0.2, WINDOWS, "98 %"),
        (1.2, 1.0, WINDOWS_OF_SLOW_CALLS, "94 %"),
    ):
        people = windows * CALLS * batch // 2  # everybody is new: looked up and created
        options = {
            "rate_calls": CALLS,
            "rate_seconds": float(window),
            "slots": SLOTS,
            "latency_median": middle * scale,
            "latency_sigma": 0.6,
            "latency_min": middle * scale / 4,
            "latency_max": middle * scale * 4,
            # Calls overtake each other on the way, which a log of send times does not see.
            "arrival_fraction_min": 0.05,
            "arrival_fraction_max": 0.5,
        }
        settings = {
            "rate_limit_calls": CALLS,
            "rate_limit_seconds": window,
            "max_concurrent_calls": SLOTS,
            "batch_size_rows": batch,
        }
        path = folder / "limits.jsonl"
        shares: dict[str, float] = {}
        refused: dict[str, int] = {}
        for target, rows in ((OURS, people), (STOCK, WINDOWS * 300 * CALLS // 20)):
            with path.open("w", encoding="utf-8") as file:
                visitors.write(file, rows)
            with MarketoSandbox(**options) as marketo:
                bench = Bench(folder, settings_of(marketo))
                run = bench.run(target, ["cat", str(path)], settings)
                counts, journal = marketo.counts(), marketo.journal()
            arrivals = sorted(call.arrival for call in journal)
            shares[target] = share_of_ceiling(arrivals, window)
            refused[target] = sum(counts.rejected.values())
            table.row(
                f"{target}, mean latency {mean_seconds * scale:g} s",
                f"{len(arrivals):,}",
                f"{run.seconds:.1f}",
                f"{shares[target]:.1%}",
                f"{refused[target]}",
                f"{run.mebibytes:.1f}",
                note=f"at most {counts.worst_in_window} in a window, "
                f"{counts.worst_in_flight} in flight",
            )
        note(
            Figure(
                what=f"share of the allowed calls, mean latency {mean_seconds * scale:g} s",
                ours=f"{shares[OURS]:.1%}, {refused[OURS]} refused",
                beside=f"{shares[STOCK]:.1%}, {refused[STOCK]} refused ({STOCK})",
                ratio=shares[OURS] / shares[STOCK],
                goal=f"{goal}, 0 refused",
            )
        )


def share_of_ceiling(arrivals: list[float], window: float) -> float:
    """How much of the calls that are allowed were made, in the long run.

    A burst of all the calls of a window at its beginning would pass for more than can last. So each
    call is compared with the one that came whole windows of calls later.
    """
    turns = len(arrivals) // CALLS - 1
    if turns < 1:  # fewer calls than that: as many as came in the time that they took
        return (len(arrivals) - 1) / (arrivals[-1] - arrivals[0]) * window / CALLS
    later = arrivals[turns * CALLS :]
    return window * turns / mean(end - start for start, end in zip(arrivals, later, strict=False))


_GEOGRAPHY = {"city": "Wroclaw", "state": "Dolnoslaskie", "country": "Poland"}
_SAME = {"firstName": "Thomas", "lastName": "Anderson", **_GEOGRAPHY}
_OTHER = {"city": "Berlin", "state": "Berlin", "country": "Germany"}  # and no name yet


def calls(folder: Path, *, long: bool) -> None:
    del long  # there is nothing to scale
    people = 3_000
    print(f"\n{people:,} people; calls beside those for the description and the usage of the day")
    table = Table("records", "calls", "for 1,000", "overwritten")
    # Who is there, how often each person comes, and whether everybody else comes in between.
    scenarios: dict[str, tuple[list[dict[str, str]], int, bool]] = {
        "all new": ([], 1, False),
        "all changed": ([_OTHER] * people, 1, False),
        "half unchanged": ([_SAME, _OTHER] * (people // 2), 1, False),
        "five times in a row": ([], 5, False),
        "five times, all others in between": ([], 5, True),
    }
    path = folder / "calls.jsonl"
    with MarketoSandbox(rate_calls=100, rate_seconds=1.0) as marketo:
        bench = Bench(folder, settings_of(marketo))
        for name, (there, visits, apart) in scenarios.items():
            with path.open("w", encoding="utf-8") as file:
                visitors.write(file, people, visits=visits, apart=apart)
            made: dict[str, float] = {}
            for target in (OURS, STOCK):
                marketo.reset()
                marketo.seed(
                    {"email": f"visitor{number:07}@example.com", **fields}
                    for number, fields in enumerate(there)
                )
                quick = {"rate_limit_calls": 100, "rate_limit_seconds": 1}
                bench.run(target, ["cat", str(path)], quick)
                counts = marketo.counts()
                total = counts.calls.get("lookup", 0) + counts.calls["sync"]
                made[target] = 1000 * total / people
                table.row(
                    f"{target}, {name}",
                    f"{people * visits:,}",
                    f"{total}",
                    f"{made[target]:.1f}",
                    f"{sum(counts.overwritten.values()):,}",
                )
            note(
                Figure(
                    what=f"calls for 1,000 people, {name}",
                    ours=f"{made[OURS]:.1f}",
                    beside=f"{made[STOCK]:.1f} ({STOCK}, which never looks)",
                    ratio=made[STOCK] / made[OURS],
                )
            )


_PARTS = {"instant": instant, "limits": limits, "calls": calls}


def main() -> None:
    parser = argparse.ArgumentParser(description="Benchmarks of target-marketo.")
    parser.add_argument("--long", action="store_true", help="at Marketo's own scale; 30 minutes")
    parser.add_argument("--only", nargs="+", choices=_PARTS, default=list(_PARTS))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.only:
            _PARTS[name](Path(folder), long=arguments.long)


if __name__ == "__main__":
    main()
