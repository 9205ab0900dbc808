"""The strict checker as a server in a process of its own.

A client writes a line for each call (a process number) and reads a line with the verdict; latency
is drawn here, before the arrival and after it, so a call that was sent runs on when its client is
killed. `figures` is answered with a JSON line. The server ends when its standard input is closed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
import time
from collections import Counter
from random import Random
from typing import Any

from tests.target_marketo.governor.checker import OK, Checker


class Server:
    def __init__(self, checker: Checker, scale: float, seed: int) -> None:
        self._checker = checker
        self._scale = scale
        self._random = Random(seed)
        self._served: list[tuple[float, int]] = []
        self._verdicts: Counter[int] = Counter()
        self._started = time.monotonic()

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                if line == b"figures\n":
                    answer = json.dumps(self._figures())
                else:
                    answer = str(await asyncio.shield(self._call(int(line))))
                writer.write(f"{answer}\n".encode())
                await writer.drain()
        except (ConnectionError, ValueError):
            pass  # a client that was killed
        finally:
            writer.close()

    async def _call(self, process: int) -> int:
        # As in simulation.py: lognormal, clipped, 5-50 % of it before the arrival.
        drawn = self._random.lognormvariate(math.log(0.2), 0.6)
        latency = min(max(drawn, 0.05), 0.8) * self._scale
        before = latency * self._random.uniform(0.05, 0.5)
        await asyncio.sleep(before)
        verdict = self._checker.arrive(time.monotonic())
        self._verdicts[verdict] += 1
        if verdict == OK:
            self._served.append((time.monotonic() - self._started, process))
            await asyncio.sleep(latency - before)
            self._checker.depart()
        return verdict

    def _figures(self) -> dict[str, Any]:
        return {
            "served": self._served,
            "verdicts": {str(verdict): count for verdict, count in self._verdicts.items()},
            "most_in_window": self._checker.most_in_window,
            "most_in_flight": self._checker.most_in_flight,
        }


async def serve(options: argparse.Namespace) -> None:
    checker = Checker(options.calls, 20.0 * options.scale, options.concurrent)
    server = Server(checker, options.scale, options.seed)
    listening = await asyncio.start_server(server.connection, "127.0.0.1", 0, limit=2**24)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    listening.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--concurrent", type=int, default=10)
    parser.add_argument("--scale", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
