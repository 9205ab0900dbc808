"""What every benchmark prints, and how a command is measured."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


_LOOK_SECONDS = 0.01


@dataclass(frozen=True)
class Measured:
    """One run of a command: wall and processor seconds, and its largest resident memory."""

    seconds: float
    cpu_seconds: float
    mebibytes: float


class Table:
    """Rows under a head, printed as they come."""

    def __init__(self, *columns: str, first: int = 44) -> None:
        self._first = first
        self._widths = [max(len(name) + 2, 9) for name in columns]
        self._print("", columns)

    def row(self, name: str, *values: str, note: str = "") -> None:
        self._print(name, values, note)

    def _print(self, name: str, values: Sequence[str], note: str = "") -> None:
        cells = (value.rjust(width) for value, width in zip(values, self._widths, strict=True))
        print(name.ljust(self._first) + "".join(cells) + f"  {note}".rstrip(), flush=True)


def measure(command: Sequence[str], *, feed: Sequence[str], env: dict[str, str]) -> Measured:
    """Runs the command to its end, the output of `feed` on its standard input.

    Raises:
        RuntimeError: It failed; with the end of what it said.
    """
    with tempfile.TemporaryFile() as said:
        feeder = subprocess.Popen(feed, stdout=subprocess.PIPE)
        started = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=feeder.stdout, stdout=subprocess.DEVNULL, stderr=said, env=env
        )
        assert feeder.stdout is not None
        feeder.stdout.close()  # so that the feeder sees when its reader has gone
        # Not ru_maxrss, in which Linux counts what this process held when it started the other.
        peak, pid = 0.0, 0
        while not pid:
            peak = max(peak, peak_mebibytes(process.pid))
            time.sleep(_LOOK_SECONDS)
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        feeder.wait()
        if process.returncode:
            said.seek(0)
            raise RuntimeError(said.read().decode()[-2000:])
    return Measured(seconds, usage.ru_utime + usage.ru_stime, peak)


def peak_mebibytes(pid: int) -> float:
    """The most memory that a process has held so far, in MiB; 0 if it is over."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    lines = (line.split() for line in status.splitlines())
    return next((int(words[1]) / 1024 for words in lines if words[0] == "VmHWM:"), 0.0)
