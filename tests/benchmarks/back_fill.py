"""A million threads in periods side by side, as the tap's README has it: each once, for its pages.

    uv run python -m tests.benchmarks.back_fill [--threads 1000000] [--periods 4]

Each period is a process of its own, all against one sandbox, which honours `from` and `to` to the
microsecond.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import subprocess
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tests.benchmarks.table import Table, peak_mebibytes
from tests.benchmarks.tap_livechat import tap_command
from tests.sandbox.livechat.client import LiveChatSandbox

if TYPE_CHECKING:
    from datetime import datetime

PAGE = 100
_MADE = re.compile(r"LiveChat requests: (\d+) ")
_LOOK_EVERY = 2000


@dataclass(frozen=True, slots=True)
class Period:
    """What one run has read, and what it took."""

    threads: list[str]
    requests: int
    mebibytes: float

    @property
    def bound(self) -> int:
        return math.ceil(len(self.threads) / PAGE) + 2


@dataclass(frozen=True, slots=True)
class BackFill:
    """All periods, and how many requests the server saw."""

    periods: list[Period]
    requests: int
    seconds: float

    @property
    def times_read(self) -> Counter[str]:
        """How often each thread came."""
        return Counter(thread for period in self.periods for thread in period.threads)


def back_fill(threads: int, periods: int, folder: Path) -> BackFill:
    with LiveChatSandbox(light_threads=threads, max_lifetime_seconds=3600) as livechat:
        whole = livechat.end - livechat.start
        edges = [livechat.start + whole / periods * number for number in range(periods + 1)]
        token = livechat.settings.access_token

        def command(start: datetime, end: datetime) -> list[str]:
            own = folder / f"{start:%Y%m%d%H%M%S}"
            own.mkdir()
            period = {"start_date": start.isoformat(), "end_date": end.isoformat()}
            return tap_command(own, livechat.api_url, ("chats",), access_token=token, **period)

        commands = [command(start, end) for start, end in pairwise(edges)]
        began = time.perf_counter()
        with ThreadPoolExecutor(periods) as together:
            runs = list(together.map(_run, commands))
        seconds = time.perf_counter() - began
        return BackFill(runs, livechat.counts()["requests_total"], seconds)


class _Thread(msgspec.Struct):
    thread_id: str


class _Line(msgspec.Struct):
    type: str
    record: _Thread | None = None


def _run(command: list[str]) -> Period:
    decode = msgspec.json.Decoder(_Line).decode
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log) as process,
    ):
        assert process.stdout is not None
        threads, peak = [], 0.0
        for number, line in enumerate(process.stdout):
            if (record := decode(line).record) is not None:
                threads.append(record.thread_id)
            if number % _LOOK_EVERY == 0:
                peak = max(peak, peak_mebibytes(process.pid))
        code = process.wait()
        log.seek(0)
        said = log.read()
    if code:
        raise RuntimeError(said[-2000:])
    made = _MADE.search(said)
    assert made is not None
    return Period(threads, int(made[1]), peak)


def main() -> None:
    parser = argparse.ArgumentParser(description="Periods of a back-fill side by side.")
    parser.add_argument("--threads", type=int, default=1_000_000)
    parser.add_argument("--periods", type=int, default=4)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        done = back_fill(asked.threads, asked.periods, Path(folder))
    table = Table("threads", "requests", "bound", "peak MiB")
    for number, period in enumerate(done.periods, 1):
        cells = (f"{len(period.threads):,}", f"{period.requests:,}", f"{period.bound:,}")
        table.row(f"period {number}", *cells, f"{period.mebibytes:.0f}")
    often = Counter(done.times_read.values())
    pace = asked.threads / done.seconds
    print(
        f"{len(done.times_read):,} of {asked.threads:,} threads, times read {json.dumps(often)}, "
        f"{done.requests:,} requests, {done.seconds:.0f} s, {pace:,.0f} threads a second"
    )


if __name__ == "__main__":
    main()
