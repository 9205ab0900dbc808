"""`python -m tests.faults.launch COMMAND ARGUMENT…`: a real command, observed and made impatient.

The command is the one that its console script starts. Around it, from the outside:

- its waits are shortened as the sandbox's times are (a lease's grace, back-off, a lost reply's
  hold), so that a round takes seconds;
- each STATE line, and each commit of the error log, is stamped with the time just before the line
  is written and just after the commit is done;
- at one of `POINTS`, the n-th time it is passed, the process is killed as `kill -9` does it;
- the wall clock may be ahead, for the run that comes after a spent quota, behind, or jump.

What to do is read from the variable FAULTS_PLAN, which no product code knows.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import re
import resource
import signal
import sys
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import msgspec

from tests.faults.kinds import part_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import tzinfo

VARIABLE = "FAULTS_PLAN"
TIME_SCALE = 0.1
_true_time = time.time


class Jump(msgspec.Struct, frozen=True):
    """From so many seconds after the start on, the wall clock is so many seconds ahead (or < 0)."""

    after: float
    ahead: float


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a process is to go through."""

    stamps: str
    kill_at: str = ""
    occurrence: int = 1
    delay: float = 0.0  # seconds from the point to the kill
    clock: tuple[Jump, ...] = ()
    # RLIMIT_FSIZE: a disk that is full as far as this process is concerned.
    max_file_bytes: int | None = None


class Stamp(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A STATE that is about to be written; what a commit of the error log held, that is the number
    of each record, and the part of it that was refused; or the MB that a process held at its most.
    """

    at: float
    state: str = ""
    logged: list[tuple[int, str]] = []
    peak: float = 0.0


class Point(NamedTuple):
    """A function, whether the point lies after it, and how often a small run passes it at least."""

    module: str
    function: str
    after: bool = False
    passes: int = 5


_ACTIVITIES = "target_marketo.store.activity_ledger"
_REPEATABLE = "target_marketo.writes.repeatable"
POINTS = {
    "before the fields are cached": Point("target_marketo.store.cache", "Cache.put", passes=1),
    "after the run's row is written": Point(
        "target_marketo.store.run_ledger", "RunLedger.started", after=True, passes=1
    ),
    "before a lease": Point("target_marketo.governor.governor", "Governor.acquire"),
    "after a lease": Point("target_marketo.governor.governor", "Governor.acquire", after=True),
    "before a lookup": Point("target_marketo.marketo.leads", "Leads.lookup"),
    "after a lookup": Point("target_marketo.marketo.leads", "Leads.lookup", after=True),
    "before a write": Point("target_marketo.marketo.leads", "Leads.sync"),
    "after a write": Point("target_marketo.marketo.leads", "Leads.sync", after=True),
    "before a lease ends": Point("target_marketo.governor.governor", "Governor.release"),
    "before a write is noted": Point("target_marketo.delivery.engine", "Engine._end"),
    "before the error log": Point("target_marketo.store.error_log", "ErrorLog.store"),
    "after the error log": Point("target_marketo.store.error_log", "ErrorLog.store", after=True),
    "before STATE": Point("", "write", passes=2),
    "after STATE": Point("", "flush", after=True, passes=2),
    "before the run's row ends": Point(
        "target_marketo.store.run_ledger", "RunLedger.ended", passes=1
    ),
    "before activities are claimed": Point(_ACTIVITIES, "ActivityLedger.claim"),
    "after activities are claimed": Point(_ACTIVITIES, "ActivityLedger.claim", after=True),
    "before activities are noted": Point(_ACTIVITIES, "ActivityLedger.settle"),
    "after activities are noted": Point(_ACTIVITIES, "ActivityLedger.settle", after=True),
    "before attachments are sent": Point(_REPEATABLE, "Repeatable.send"),
    "after attachments are sent": Point(_REPEATABLE, "Repeatable.send", after=True),
}
"""Where a process can be killed. The two without a module are points of its standard output."""

POINTS_OF_ATTACHMENTS = tuple(
    name for name, point in POINTS.items() if point.module in {_ACTIVITIES, _REPEATABLE}
)
"""Those that only what is attached to people comes by."""


class Observer:
    """Stamps what a process does, and ends it where the plan says."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._left = plan.occurrence
        self._stamps = os.open(plan.stamps, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._guards_left = threading.Lock()

    def passed(self, point: str) -> None:
        """A point was reached."""
        if point != self._plan.kill_at:
            return
        with self._guards_left:
            self._left -= 1
            if self._left:
                return
        if self._plan.delay:
            threading.Timer(self._plan.delay, _kill).start()
        else:
            _kill()

    def stamp(self, **what: Any) -> None:
        """One line, in one write: a kill does not tear it. No disk is full for it."""
        line = msgspec.json.encode(Stamp(at=_true_time(), **what)) + b"\n"
        with _unlimited_files():
            os.write(self._stamps, line)


@contextlib.contextmanager
def _unlimited_files() -> Iterator[None]:
    limit, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class StampedOutput:
    """Standard output: Singer's lines as they are, each stamped before it goes out.

    It is its own `buffer`: the target writes bytes.
    """

    def __init__(self, output: IO[str], observer: Observer) -> None:
        self._output = output
        self._binary: Any = getattr(output, "buffer", None)
        self._observer = observer
        self.buffer = self

    def write(self, line: bytes) -> int:
        self._observer.stamp(state=line.decode().strip())
        self._observer.passed("before STATE")
        return int(self._binary.write(line))

    def flush(self) -> None:
        self._output.flush()
        self._observer.passed("after STATE")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._output, name)


def main(arguments: list[str]) -> None:
    """Starts the command; its exit code is the process's."""
    command, *rest = arguments
    observer = Observer(msgspec.json.decode(os.environ[VARIABLE], type=Plan))
    plan = observer._plan
    sys.argv = [command, *rest]
    if command == "target-marketo":
        hurry_target()
        _watch(observer)
        if plan.clock:
            _set_clock(plan.clock)
        stdout: Any = StampedOutput(sys.stdout, observer)
        sys.stdout = stdout
    else:
        _hurry_tap()
    if plan.max_file_bytes is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # an error of the write, as on a full disk
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (plan.max_file_bytes, most))
    try:
        _entry_point(command)()
    finally:
        observer.stamp(peak=_peak())


def _peak() -> float:
    """MB that this process has held at its most; what it was forked from does not count."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def _entry_point(command: str) -> Callable[[], Any]:
    package = {"target-marketo": "target_marketo", "tap-livechat": "tap_livechat"}[command]
    main: Callable[[], Any] = importlib.import_module(f"{package}.main").main
    return main


def hurry_target(put: Callable[[Any, str, Any], None] = setattr) -> None:
    """Shortens the target's waits; `put` may be one that takes its changes back."""
    connect = _module("target_marketo.assembly")
    standstill = _module("target_marketo.delivery.standstill")
    known = _module("target_marketo.delivery.known")
    steps = _module("target_marketo.delivery.steps")
    breaker = _module("target_marketo.governor.breaker")
    client = _module("target_marketo.marketo.call")
    put(connect, "Limits", functools.partial(connect.Limits, grace_seconds=5 * TIME_SCALE))
    for module, name in (
        (connect, "_LEASE_GRACE_SECONDS"),
        (standstill, "AFTER_TRANSIENT_SECONDS"),
        (standstill, "REST_SECONDS"),
        (standstill, "LONGEST_REST_SECONDS"),
        (known, "_FRESH_SECONDS"),
        (steps, "_ASKED_AGAIN_SECONDS"),
        (breaker, "FIRST_PROBE_SECONDS"),
        (breaker, "PROBE_SECONDS"),
    ):
        put(module, name, getattr(module, name) * TIME_SCALE)
    jitter = client.full_jitter

    def shorter(attempt: int, **options: Any) -> float:
        return float(jitter(attempt, **options)) * TIME_SCALE

    put(client, "full_jitter", shorter)


def _hurry_tap() -> None:
    retries = _module("tap_livechat.api.retries")
    uniform = retries.random.uniform
    retries.random.uniform = lambda low, high: uniform(low, high) * TIME_SCALE


def _set_clock(jumps: tuple[Jump, ...]) -> None:
    """Every reading of the wall clock by the target's own modules is wrong by what is due."""
    began = time.monotonic()

    def ahead() -> float:
        due = [each.ahead for each in jumps if time.monotonic() - began >= each.after]
        return due[-1] if due else 0.0

    class Wrong(datetime, metaclass=_AnyDatetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # no `Self`
            return datetime.now(tz) + timedelta(seconds=ahead())

    time.time = lambda: _true_time() + ahead()
    importlib.import_module("target_marketo.main")
    for name, module in list(sys.modules.items()):
        if name.startswith("target_marketo") and vars(module).get("datetime") is datetime:
            vars(module)["datetime"] = Wrong


class _AnyDatetime(type):
    """What is a `datetime` is one of a class with another clock, too."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, datetime)


def _watch(observer: Observer) -> None:
    error_log = _module("target_marketo.store.error_log").ErrorLog
    store = error_log.store

    def stamped(log: Any, failures: Iterable[Any], *more: Any) -> None:
        kept = list(failures)
        store(log, kept, *more)
        if kept:
            told = [(int(each.record.get("serial", -1)), part_of(each.part)) for each in kept]
            observer.stamp(logged=told)

    error_log.store = stamped
    for name, point in POINTS.items():
        if point.module:
            _wrap(point, functools.partial(observer.passed, name))


def _module(name: str) -> Any:
    """A module whose names are going to be replaced; loaded only where its command runs."""
    return importlib.import_module(name)


def _wrap(point: Point, passed: Callable[[], None]) -> None:
    owner, _, name = point.function.partition(".")
    parent = getattr(importlib.import_module(point.module), owner)
    inner = getattr(parent, name)

    @functools.wraps(inner)
    def wrapper(*arguments: Any, **options: Any) -> Any:
        if not point.after:
            passed()
        result = inner(*arguments, **options)
        if point.after:
            passed()
        return result

    setattr(parent, name, wrapper)


def environment(plan: Plan, base: dict[str, str]) -> dict[str, str]:
    """The variables of a process that is to follow this plan."""
    root = str(Path(__file__).resolve().parents[2])
    return base | {VARIABLE: encoded(plan), "PYTHONPATH": root}


def encoded(plan: Plan) -> str:
    """The plan as `VARIABLE` has it."""
    return msgspec.json.encode(plan).decode()


def command(name: str, *arguments: str) -> list[str]:
    """The command line that starts a command so."""
    return [sys.executable, "-m", "tests.faults.launch", name, *arguments]


if __name__ == "__main__":
    main(sys.argv[1:])
