"""Notes what tests let anybody see: what commands print, and the mails that arrive.

`watch` lays a hand on the few places that all of it passes: processes, click's runner, pytest's
own captures, the mailbox. Nobody has to remember to ask, and a new helper is watched like the old.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Self

import pytest
from click.testing import CliRunner

from tests import planted
from tests.sandbox.mailbox import Mailbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WRITTEN = frozenset({".log", ".txt", ".html", ".eml", ".err"})
_INSTALLED = frozenset({"venv", ".venv", "site-packages", "node_modules"})
# Whom the mail is from and for, and its own ids.
_OUR_HEADERS = frozenset({"from", "to", "message-id", "references", "in-reply-to", "list-id"})


class Seen(NamedTuple):
    """A text, and where: "stderr of target-marketo --config …"."""

    where: str
    text: str


class Witness:
    """What was seen since it was last asked."""

    def __init__(self) -> None:
        self._seen: list[Seen] = []

    def note(self, where: str, text: str | bytes | None) -> None:
        if text and not planted.is_exempt(where):
            readable = text.decode(errors="replace") if isinstance(text, bytes) else text
            self._seen.append(Seen(where, readable))

    def take(self) -> list[Seen]:
        """All of it; from now on it counts again from zero."""
        taken, self._seen = self._seen, []
        return taken


WITNESS = Witness()


def watch(patch: pytest.MonkeyPatch) -> None:
    """From now on everything is noted, until `patch` is undone."""
    patch.setattr(subprocess, "Popen", _Popen)
    _watch_captures(patch)
    _watch_runner(patch)
    _watch_mailbox(patch)


def _watch_captures(patch: pytest.MonkeyPatch) -> None:
    """What a test takes out of its capture is in no report."""
    read = pytest.CaptureFixture.readouterr

    def watched(self: pytest.CaptureFixture[Any]) -> Any:
        taken = read(self)
        WITNESS.note("Captured stdout", taken.out)
        WITNESS.note("Captured stderr", taken.err)
        return taken

    patch.setattr(pytest.CaptureFixture, "readouterr", watched)


def _watch_runner(patch: pytest.MonkeyPatch) -> None:
    invoke = CliRunner.invoke

    def watched(self: CliRunner, cli: Any, args: Any = None, *rest: Any, **options: Any) -> Any:
        result = invoke(self, cli, args, *rest, **options)
        words = shlex.split(args) if isinstance(args, str) else list(args or ())
        command = " ".join([_name_of(cli), *map(str, words)])
        WITNESS.note(f"stdout of {command}", result.stdout)
        WITNESS.note(f"stderr of {command}", result.stderr)
        return result

    patch.setattr(CliRunner, "invoke", watched)


def _name_of(cli: Any) -> str:
    module = str(getattr(cli.callback, "__module__", ""))
    return "marketo-ops" if module.startswith("target_marketo.ops") else module


def _watch_mailbox(patch: pytest.MonkeyPatch) -> None:
    handle = Mailbox.handle_DATA

    async def watched(self: Mailbox, server: Any, session: Any, envelope: Any) -> str:
        answer = await handle(self, server, session, envelope)
        if answer.startswith("250"):
            mail = self.messages[-1]
            lines = [f"{k}: {v}" for k, v in mail.items() if k.lower() not in _OUR_HEADERS]
            lines += [str(part.get_content()) for part in mail.walk() if not part.is_multipart()]
            WITNESS.note("a mail", "\n".join(lines))
        return answer

    patch.setattr(Mailbox, "handle_DATA", watched)


class _Popen(subprocess.Popen[Any]):
    """A process whose output is noted as it is read, in whichever way."""

    def __init__(self, args: Any, *rest: Any, **options: Any) -> None:
        super().__init__(args, *rest, **options)
        command = _command(args)
        self._places = (f"stdout of {command}", f"stderr of {command}")
        for name, where in zip(("stdout", "stderr"), self._places, strict=True):
            pipe = getattr(self, name)
            if pipe is not None and not planted.is_exempt(where):
                setattr(self, name, _Pipe(pipe, where))

    def communicate(self, *args: Any, **options: Any) -> tuple[Any, Any]:
        read = super().communicate(*args, **options)  # reads the descriptors beside the pipes
        for where, text in zip(self._places, read, strict=True):
            WITNESS.note(where, text)
        return read


def note_process(command: Sequence[str], out: str, err: str) -> None:
    """What a process has written that was started in another way."""
    WITNESS.note(f"stdout of {_command(command)}", out)
    WITNESS.note(f"stderr of {_command(command)}", err)


class _Pipe:
    """A pipe's file object; all but reading is its own."""

    def __init__(self, pipe: IO[Any], where: str) -> None:
        self._pipe = pipe
        self._where = where

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pipe, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._pipe.close()

    def read(self, *size: int) -> Any:
        return self._noted(self._pipe.read(*size))

    def readline(self, *size: int) -> Any:
        return self._noted(self._pipe.readline(*size))

    def __iter__(self) -> Iterator[Any]:
        return (self._noted(line) for line in self._pipe)

    def _noted(self, text: Any) -> Any:
        WITNESS.note(self._where, text)
        return text


def _command(args: str | Sequence[str | os.PathLike[str]]) -> str:
    """The command line, its program without the folder, and without this interpreter before it."""
    words = [args] if isinstance(args, (str, os.PathLike)) else [os.fspath(each) for each in args]
    named = [Path(word).name if "/" in word else word for word in map(str, words)]
    return " ".join(named)


def written_in(folder: Path) -> Iterator[Seen]:
    """The logs, mails and pages under a folder, but for installed packages."""
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in _INSTALLED]
        for name in files:
            path = Path(parent, name)
            if path.suffix in _WRITTEN and path.is_file():
                where = f"file {path.relative_to(folder)}"
                yield Seen(where, path.read_text(errors="replace"))
