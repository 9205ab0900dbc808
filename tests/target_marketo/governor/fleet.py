"""Real processes that share a store, against the checker server."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.target_marketo.governor.checker import OK

if TYPE_CHECKING:
    from types import TracebackType

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Seen:
    """What the server saw: when it served calls, and of which process."""

    served: list[tuple[float, int]]
    verdicts: dict[int, int]
    most_in_window: int
    most_in_flight: int

    @property
    def refused(self) -> int:
        return sum(self.verdicts.values()) - self.verdicts.get(OK, 0)

    @property
    def processes(self) -> set[int]:
        return {number for _, number in self.served}

    def shares(self) -> list[int]:
        """Calls of each process, least first, while all of them were there."""
        times = {
            number: [at for at, who in self.served if who == number] for number in self.processes
        }
        since = max(own[0] for own in times.values())
        until = min(own[-1] for own in times.values())
        return sorted(sum(since <= at <= until for at in own) for own in times.values())

    def steady(self, window: float) -> float:
        """As Figures.steady of simulation.py."""
        times = [at for at, _ in self.served]
        bursts = (len(times) - 1) // 100 - 1
        return bursts * window / (times[100 * (bursts + 1)] - times[100])


class Fleet:
    """The server and its workers. All of them end by themselves, and with this object."""

    def __init__(self, store: str, *, scale: float, seed: int) -> None:
        self._store, self._scale = store, scale
        options = ["--scale", str(scale), "--seed", str(seed)]
        self._server = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.checker_server", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self._server.stdout
        self.port = int(self._server.stdout.readline())
        self._started = time.monotonic()
        self.workers: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for worker in self.workers:
            worker.kill()
            worker.communicate()
        self._server.communicate(timeout=10)

    @property
    def elapsed(self) -> float:
        """Seconds since the server started, as in `Seen.served`."""
        return time.monotonic() - self._started

    def start(self, number: int, seconds: float, *, ahead: float = 0.0) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", f"{__package__}.worker"]
        command += ["--store", self._store, "--port", str(self.port), "--number", str(number)]
        command += ["--scale", str(self._scale), "--seconds", str(seconds), "--ahead", str(ahead)]
        worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        self.workers.append(worker)
        return worker

    def wait_for(self, processes: int, since: float = 0.0) -> None:
        """Until so many were served since then: on a busy machine that takes seconds."""
        deadline = time.monotonic() + 60.0
        while len({number for at, number in self.seen().served if at > since}) < processes:
            assert time.monotonic() < deadline, f"{processes} processes are not served"
            time.sleep(0.1)

    def stop(self) -> None:
        """Tell those that still run that it is enough."""
        for worker in self.workers:
            worker.terminate()

    def finish(self) -> list[dict[str, Any]]:
        """Wait for all that were not killed; what they say of themselves."""
        said = []
        for worker in self.workers:
            output, _ = worker.communicate(timeout=300)
            if worker.returncode != -signal.SIGKILL:
                assert worker.returncode == 0
                said.append(json.loads(output))
        return said

    def seen(self) -> Seen:
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(b"figures\n")
            answer = json.loads(connection.makefile("r").readline())
        return Seen(
            served=[(at, number) for at, number in answer["served"]],
            verdicts={int(verdict): count for verdict, count in answer["verdicts"].items()},
            most_in_window=answer["most_in_window"],
            most_in_flight=answer["most_in_flight"],
        )
