"""Runs the target from its last STATE until it is done, as a scheduler would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from tests.faults.launch import Jump, Plan, Stamp, command, environment
from tests.faults.people import streams_setting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tests.faults.people import People
    from tests.sandbox.marketo.client import MarketoSandbox

# The target's settings, in the sandbox's times: what takes 20 s there takes 2 s here.
RATE_CALLS, RATE_SECONDS, SLOTS, TIMEOUT_SECONDS, ROWS_A_CALL = 40, 2, 5, 1, 20
MAX_ATTEMPTS = 25
PATIENCE_SECONDS = 90.0
BUDGET_SPENT = 75
_DAY_SECONDS = 86_400.0


@dataclass(frozen=True)
class Blow:
    """What happens to the process of one attempt: a kill at a point, or a signal after a time."""

    kill_at: str = ""
    occurrence: int = 1
    delay: float = 0.0
    signal_after: float | None = None
    number: int = signal.SIGKILL
    max_file_bytes: int | None = None

    @property
    def kills(self) -> bool:
        return bool(self.kill_at) or (
            self.signal_after is not None and self.number == signal.SIGKILL
        )


NO_BLOW = Blow()


@dataclass(frozen=True)
class Attempt:
    """One process: where it began, how it ended, what it said, and when."""

    start: int  # records that an earlier STATE had covered
    code: int  # as a shell tells it: 128 + n for signal n
    killed: bool
    states: list[tuple[float, int]]  # when each STATE was written, and the records it covers
    # When which part of which records was in the error log.
    logged: list[tuple[float, list[tuple[int, str]]]]
    err: str
    seconds: float
    # From the signal to the end; None if there was none.
    wound_up: float | None = None
    # MB that it held at its most; 0 of one that was killed.
    peak: float = 0.0


@dataclass
class Evidence:
    """All attempts of a round. `done`: the last one ended with exit code 0."""

    attempts: list[Attempt] = field(default_factory=list)

    @property
    def done(self) -> bool:
        return bool(self.attempts) and self.attempts[-1].code == 0

    @property
    def broken_off(self) -> int:
        return sum(attempt.code != 0 for attempt in self.attempts)

    @property
    def peak(self) -> float:
        """MB that one of the processes held at its most."""
        return max((attempt.peak for attempt in self.attempts), default=0.0)

    def logged_at(self, part: str) -> dict[int, float]:
        """Since when this part of each record was in the error log."""
        found: dict[int, float] = {}
        for attempt in self.attempts:
            for at, entries in attempt.logged:
                for serial, which in entries:
                    if which == part:
                        found.setdefault(serial, at)
        return found


class Job:
    """`target-marketo` with a store and settings of its own.

    `clock` is the host's, as `Jump` tells; `tomorrow` is when it tries again whose quota is spent.
    """

    def __init__(
        self,
        marketo: MarketoSandbox,
        folder: Path,
        *,
        clock: tuple[Jump, ...] = (),
        tomorrow: float = _DAY_SECONDS,
        **settings: Any,
    ) -> None:
        self.marketo = marketo
        self.folder = folder
        self.clock = clock
        self.tomorrow = tomorrow
        self.store = folder / "store.sqlite"
        self.settings: dict[str, Any] = {
            "endpoint": marketo.endpoint,
            "identity": marketo.identity,
            "client_id": marketo.client_id,
            "client_secret": marketo.client_secret,
            "store_url": f"sqlite:///{self.store}",
            "streams": streams_setting(),
            "rate_limit_calls": RATE_CALLS,
            "rate_limit_seconds": RATE_SECONDS,
            "max_concurrent_calls": SLOTS,
            "batch_size_rows": ROWS_A_CALL,
            "max_batch_age_seconds": 1,
            "request_timeout_seconds": TIMEOUT_SECONDS,
            **settings,
        }

    def run_until_done(
        self,
        people: People,
        blow: Callable[[int], Blow] = lambda _: NO_BLOW,
        turn: Callable[[], None] = lambda: None,
    ) -> Evidence:
        """Attempt after attempt, each from the last STATE; `blow` says what befalls which, and
        `turn` lets the time pass until the next one after a spent quota.
        """
        return self.run_until_done_from(people, 0, blow, turn)

    def run_until_done_from(
        self,
        people: People,
        position: int,
        blow: Callable[[int], Blow] = lambda _: NO_BLOW,
        turn: Callable[[], None] = lambda: None,
    ) -> Evidence:
        """As `run_until_done`, from a STATE."""
        evidence = Evidence()
        days_later = 0
        for number in range(MAX_ATTEMPTS):
            later = days_later * self.tomorrow
            attempt = self.attempt(people.lines(position), position, blow(number), later)
            evidence.attempts.append(attempt)
            position = attempt.states[-1][1] if attempt.states else position
            if attempt.code == 0:
                break
            if attempt.code == BUDGET_SPENT:
                days_later += 1  # the next try is tomorrow's
                turn()
        return evidence

    def attempt(
        self, lines: Iterable[str], start: int, blow: Blow = NO_BLOW, seconds_later: float = 0.0
    ) -> Attempt:
        """One process on these lines; its wall clock may be ahead."""
        stamps = self.folder / "stamps.jsonl"
        stamps.unlink(missing_ok=True)
        plan = Plan(
            stamps=str(stamps),
            kill_at=blow.kill_at,
            occurrence=blow.occurrence,
            delay=blow.delay,
            clock=self._clock(seconds_later),
            max_file_bytes=blow.max_file_bytes,
        )
        began = time.monotonic()
        process = self._start(plan)
        signalled: list[float] = []
        timer = _timer(process, blow, signalled)
        text = "".join(f"{line}\n" for line in lines)
        try:
            out, err = process.communicate(text, timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            err += f"\nHARNESS: no end within {PATIENCE_SECONDS:g} s"
        finally:
            timer.cancel()
        ended = time.monotonic()
        code = process.returncode
        return Attempt(
            start=start,
            code=128 - code if code < 0 else code,
            killed=code == -signal.SIGKILL,
            states=_states(out, stamps),
            logged=[(stamp.at, stamp.logged) for stamp in stamps_of(stamps) if stamp.logged],
            err=err,
            seconds=ended - began,
            wound_up=ended - signalled[0] if signalled else None,
            peak=max((stamp.peak for stamp in stamps_of(stamps)), default=0.0),
        )

    def _clock(self, later: float) -> tuple[Jump, ...]:
        if not later:
            return self.clock
        return tuple(Jump(each.after, each.ahead + later) for each in self.clock or (Jump(0, 0),))

    def _start(self, plan: Plan) -> subprocess.Popen[str]:
        config = self.folder / "config.json"
        config.write_text(json.dumps(self.settings))
        return subprocess.Popen(
            command("target-marketo", "--config", str(config)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(plan, own_environment()),
            cwd=self.folder,
        )


def own_environment() -> dict[str, str]:
    """The environment without settings of the person who runs this."""
    ours = ("TARGET_", "TAP_", "MELTANO_", "MARKETO_OPS_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def _timer(process: subprocess.Popen[str], blow: Blow, signalled: list[float]) -> threading.Timer:
    def strike() -> None:
        if process.poll() is None:
            signalled.append(time.monotonic())
            process.send_signal(blow.number)

    seconds = PATIENCE_SECONDS * 2 if blow.signal_after is None else blow.signal_after
    timer = threading.Timer(seconds, strike)
    timer.daemon = True
    timer.start()
    return timer


def stamps_of(path: Path) -> list[Stamp]:
    """What a process has stamped."""
    if not path.exists():
        return []
    return [msgspec.json.decode(line, type=Stamp) for line in path.read_bytes().splitlines()]


def _states(out: str, stamps: Path) -> list[tuple[float, int]]:
    """The complete STATE lines; a stamp whose line a kill has swallowed is passed over."""
    times = [stamp.at for stamp in stamps_of(stamps) if stamp.state]
    lines = [line for line in out.splitlines(keepends=True) if line.endswith("\n")]
    positions = [int(json.loads(line)["position"]) for line in lines]
    return list(zip(times, positions, strict=False))
