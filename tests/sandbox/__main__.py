"""`python -m tests.sandbox [options] -- COMMAND…`: run COMMAND against the sandbox, then report.

COMMAND finds the sandbox's addresses and credentials in its environment. The exit code is its own;
128+n if signal n ended it.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tests.sandbox.environment import Sandbox
from tests.sandbox.report import report

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

PATIENCE_SECONDS = 10.0
NOT_FOUND = 127


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    if not options.command:
        _parser().error("which COMMAND? For example: python -m tests.sandbox -- env")
    with Sandbox(_livechat_options(options), _marketo_options(options)) as sandbox:
        # The bookmarks of a sandbox are no bookmarks of the project that COMMAND runs in.
        meltano = {
            "MELTANO_DATABASE_URI": f"sqlite:///{sandbox.folder / 'meltano.db'}",
            "MELTANO_STATE_BACKEND_URI": "systemdb",
        }
        code = _run(options.command, os.environ | meltano | sandbox.environment)
        # To stderr: COMMAND's own output may be going into a file or a pipe.
        print(report(sandbox), file=sys.stderr, flush=True)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.sandbox",
        usage="python -m tests.sandbox [options] -- COMMAND...",
        description="Runs COMMAND with the addresses and credentials of a LiveChat account and a "
        "Marketo instance on loopback in its environment, then prints what the two saw.",
    )
    parser.add_argument("--visitors", type=int, default=200, metavar="N", help="default: 200")
    parser.add_argument(
        "--light-threads",
        type=int,
        default=0,
        metavar="N",
        help="instead of visitors: so many small threads, for measurements",
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="default: 1")
    parser.add_argument(
        "--latency",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="median time that either server takes to answer (default: 0)",
    )
    limits = parser.add_argument_group("Marketo's limits")
    limits.add_argument("--rate-calls", type=int, default=100, metavar="N", help="default: 100")
    limits.add_argument(
        "--rate-seconds", type=float, default=20.0, metavar="SECONDS", help="default: 20"
    )
    limits.add_argument(
        "--slots", type=int, default=10, metavar="N", help="calls in flight (default: 10)"
    )
    limits.add_argument(
        "--daily-quota", type=int, default=50_000, metavar="N", help="default: 50000"
    )
    parser.add_argument("command", nargs="*", metavar="COMMAND", help=argparse.SUPPRESS)
    return parser


def _livechat_options(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "visitors": options.visitors,
        "light_threads": options.light_threads,
        "seed": options.seed,
        "latency_seconds": options.latency,
    }


def _marketo_options(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "seed": options.seed,
        "latency_median": options.latency,
        "rate_calls": options.rate_calls,
        "rate_seconds": options.rate_seconds,
        "slots": options.slots,
        "daily_quota": options.daily_quota,
    }


def _run(command: Sequence[str], environment: dict[str, str]) -> int:
    children: list[subprocess.Popen[bytes]] = []

    def kill() -> None:
        for child in children:
            child.kill()

    last_resort = threading.Timer(PATIENCE_SECONDS, kill)
    last_resort.daemon = True

    def interrupted(_number: int, _frame: FrameType | None) -> None:
        # Ctrl-C reached the command too: it may wind up, but not for ever.
        with suppress(RuntimeError):  # the second Ctrl-C: the timer runs already
            last_resort.start()

    def pass_on(number: int, _frame: FrameType | None) -> None:
        for child in children:
            child.send_signal(number)

    # No exception must come out of `wait`: it may have the exit code, and lose it.
    previous = {
        number: signal.signal(number, handler)
        for number, handler in ((signal.SIGINT, interrupted), (signal.SIGTERM, pass_on))
    }
    try:
        children.append(subprocess.Popen(command, env=environment))
        code = children[0].wait()
    except OSError as error:
        print(f"cannot run {command[0]}: {error.strerror}", file=sys.stderr)
        return NOT_FOUND
    finally:
        last_resort.cancel()
        for number, handler in previous.items():
            signal.signal(number, handler)
    return 128 - code if code < 0 else code


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:  # before COMMAND was there, or after
        sys.exit(128 + signal.SIGINT)
