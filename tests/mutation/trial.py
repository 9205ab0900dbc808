"""Runs tests in a copy of this process, with one module's source changed.

A copy (`os.fork`) has the other people's packages loaded already, and pytest's end is its own. What
the tests start as a command of its own sees the module unchanged, so rooms name tests that call it.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import pickle
import resource
import signal
import sys
import time
from contextlib import suppress
from importlib.machinery import SourceFileLoader
from typing import TYPE_CHECKING, NamedTuple

import coverage
import hypothesis
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from pathlib import Path
    from types import CodeType, ModuleType

# Loaded once for all copies.
for _name in ("jsonschema", "msgspec", "requests", "singer_sdk.target_base", "sqlalchemy"):
    importlib.import_module(_name)

_MEMORY = 3 << 30  # bytes, for a mutant that fills a list for ever
_OPTIONS = (
    *("-q", "-x", "-n", "0", "-p", "no:cacheprovider", "--hypothesis-profile=mutation"),
    *("-k", "not postgresql"),  # a server to start for each mutant; SQLite and memory see the same
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # it is loaded already
)
# No example is searched for twice, none is made small, and a slow machine is no fault.
hypothesis.settings.register_profile(
    "mutation",
    deadline=None,
    derandomize=True,
    phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
    suppress_health_check=list(hypothesis.HealthCheck),
)


class Passing(NamedTuple):
    """The tests as things are: who comes by each line, and how long each takes."""

    tests_of: Mapping[int, frozenset[str]]
    seconds: Mapping[str, float]


def passing(module: Path, tests: Sequence[str]) -> Passing | None:
    """What the tests come by; None if they fail as things are."""
    reading, writing = os.pipe()

    def run() -> int:
        watcher = _Watcher(module)
        code = int(pytest.main([*_OPTIONS, *tests], plugins=[watcher]))
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump(watcher.seen(), pipe)
        return code

    child = _copy(run)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        found = pipe.read()
    if _exit_code(child, limit=600.0) != 0:
        return None
    seen: Passing = pickle.loads(found)  # noqa: S301  our own copy wrote it
    return seen


def notices(name: str, module: Path, source: str, tests: Sequence[str], limit: float) -> bool:
    """Whether one of the tests fails, or does not end in time (seconds), with the module so."""

    def run() -> int:
        sys.meta_path.insert(0, _Changed(name, module, source))
        return int(pytest.main([*_OPTIONS, *tests]))

    return _exit_code(_copy(run), limit) != 0


def _copy(run: Callable[[], int]) -> int:
    """The process id of a copy that runs this, and says nothing."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)
        code = run()
    finally:
        os._exit(code)


def _exit_code(child: int, limit: float) -> int | None:
    """None if it does not end in time."""
    ends = time.monotonic() + limit
    try:
        while time.monotonic() < ends:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.01)
        return None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(child, 0)


class _Changed(SourceFileLoader):
    """Finds one module, and loads another source for it."""

    def __init__(self, name: str, module: Path, source: str) -> None:
        super().__init__(name, str(module))
        self._source = source

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.path, loader=self)

    def get_code(self, _fullname: str) -> CodeType:
        return compile(self._source, self.path, "exec")


class _Watcher:
    """A plugin of pytest: which test comes by which line of the module."""

    def __init__(self, module: Path) -> None:
        self._path = str(module)
        self._coverage = coverage.Coverage(
            data_file=None, include=[self._path], config_file=False, messages=False
        )
        self._coverage.start()
        self._seconds: dict[str, float] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._coverage.switch_context(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] = self._seconds.get(report.nodeid, 0.0) + report.duration

    def seen(self) -> Passing:
        self._coverage.stop()
        found = self._coverage.get_data().contexts_by_lineno(self._path)
        tests_of = {line: frozenset(names) - {""} for line, names in found.items()}
        return Passing(tests_of, self._seconds)
