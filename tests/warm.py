"""Commands that run to their end, forked from a process that has loaded their modules already.

A command takes half a second to load before it does anything, and hundreds of tests start one. Here
it starts in a hundredth of that: the same entry point, in a process of its own, with its arguments,
environment, folder and standard streams. What is about the start itself, signals or kills starts
the real command.

`run` is `subprocess.run` for these; `python -m tests.warm` is the process that forks.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import select
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from tests.faults import launch
from tests.witness import note_process

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ENTRY_POINTS = {
    "tap-livechat": ("tap_livechat.main", "tap_livechat.tap"),
    "target-marketo": ("target_marketo.main", "target_marketo.target"),
    "marketo-ops": ("target_marketo.ops.command", "target_marketo.ops.errors_log.replay"),
    "meltano": ("meltano.cli", "meltano.cli"),
}
"""The module whose `main` a command is, and the one that it loads first."""

# What is looked at before a process's first line of Python: no fork can make up for it.
_EARLY = ("PYTHON", "LC_", "LANG")


def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    given: str = "",
    umask: int = -1,
    timeout: float = 120.0,
) -> subprocess.CompletedProcess[str]:
    """How a command ended, of which the path comes first; `given` is its standard input."""
    if _early(env) != _early(os.environ):
        return subprocess.run(
            command,
            input=given,
            env=env,
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
            umask=umask,
            timeout=timeout,
        )
    forks = _MELTANO if Path(command[0]).name == "meltano" else _OURS
    with tempfile.TemporaryDirectory(prefix="warm-") as name:
        folder = Path(name)
        (folder / "stdin").write_text(given)
        os.mkfifo(folder / "code")
        end = os.open(folder / "code", os.O_RDONLY | os.O_NONBLOCK)
        forks.start(
            {
                "folder": name,
                "command": list(command),
                "environment": dict(env),
                "cwd": str(cwd or Path.cwd()),
                "umask": umask,
                "timeout": timeout,
            }
        )
        while not select.select([end], [], [], 1.0)[0]:
            forks.need_to_live()
        code = int(os.read(end, 16))
        os.close(end)
        out, err = ((folder / each).read_text() for each in ("stdout", "stderr"))
    note_process(command, out, err)
    return subprocess.CompletedProcess(list(command), code, out, err)


def _early(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(_EARLY)}


class _Forks:
    """A process that forks these; it starts when it is first needed, and ends with this one."""

    def __init__(self, *names: str) -> None:
        self._names = names
        self._guards_process = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def start(self, wanted: dict[str, Any]) -> None:
        with self._guards_process:
            if self._process is None or self._process.poll() is not None:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "tests.warm", *self._names],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    text=True,
                )
                atexit.register(self._process.communicate)
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(wanted) + "\n")
            self._process.stdin.flush()

    def need_to_live(self) -> None:
        with self._guards_process:
            if self._process is None or self._process.poll() is not None:
                raise RuntimeError("the commands cannot be loaded: see standard error")


_OURS = _Forks("tap-livechat", "target-marketo", "marketo-ops")
_MELTANO = _Forks("meltano")  # takes over its process's logging as soon as it is loaded


def _serve() -> None:
    """Each line tells what to run. Its exit code goes into the pipe that lies in its folder."""
    for name in sys.argv[1:]:
        for module in _ENTRY_POINTS[name]:
            importlib.import_module(module)
    while line := sys.stdin.readline():
        if not os.fork():
            _look_after(json.loads(line))
        while _reaped():
            pass


def _reaped() -> bool:
    try:
        return os.waitpid(-1, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return False


def _look_after(wanted: dict[str, Any]) -> NoReturn:
    pid = os.fork()
    if not pid:
        _become(wanted)
    give_up = threading.Timer(wanted["timeout"], os.kill, (pid, 9))
    give_up.start()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    Path(wanted["folder"], "code").write_text(str(code))
    os._exit(0)


def _become(wanted: dict[str, Any]) -> NoReturn:
    """The command, as if it had been started just now."""
    os.environ.clear()
    os.environ.update(wanted["environment"])
    time.tzset()
    os.chdir(wanted["cwd"])
    if wanted["umask"] >= 0:
        os.umask(wanted["umask"])
    for number, (name, mode) in enumerate([("stdin", "r"), ("stdout", "w"), ("stderr", "w")]):
        with Path(wanted["folder"], name).open(mode) as file:
            os.dup2(file.fileno(), number)
    sys.stdin = os.fdopen(0)
    sys.stdout = os.fdopen(1, "w")
    sys.stderr = os.fdopen(2, "w", 1, errors="backslashreplace")
    sys.argv = wanted["command"]
    vars(sys.modules["__main__"])["__package__"] = None  # what click calls a program goes by it
    try:
        code = _code_of(Path(sys.argv[0]).name)
        threading._shutdown()  # type: ignore[attr-defined]  # what Python ends with
        atexit._run_exitfuncs()
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001 - Python's own last resort
        traceback.print_exc()
        code = 1
    sys.stderr.flush()
    os._exit(code)


def _code_of(name: str) -> int:
    try:
        if launch.VARIABLE in os.environ:
            launch.main([name, *sys.argv[1:]])
        else:
            importlib.import_module(_ENTRY_POINTS[name][0]).main()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    _serve()
