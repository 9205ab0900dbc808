"""Singer messages from a pipe, without ever waiting for them on the thread that works.

A thread reads what has arrived, cuts it into lines and puts them into the inbox in bundles; a few
bundles ahead at most, so that a fast tap waits in its pipe and not in our memory.
"""

from __future__ import annotations

import codecs
import io
import os
import threading
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from queue import SimpleQueue

_BLOCK_BYTES = 1 << 16
_BUNDLES_AHEAD = 4


class Malformed(ValueError):
    """A line that is not what Singer allows. The text never repeats the line."""


class Message(msgspec.Struct, frozen=True):
    """The members of any Singer message that the target looks at.

    The value of a STATE stays as it was written: it is the tap's, and is handed back untouched. A
    record is not read here: the plan of its stream reads the few properties that it needs.

    `part` is of a SCHEMA that `marketo-ops replay` writes: what of the records is to be delivered.
    """

    type: str
    stream: str | None = None
    schema: dict[str, Any] | None = None
    key_properties: list[str] | None = None
    value: msgspec.Raw = msgspec.Raw()
    part: str | None = None


class Lines(NamedTuple):
    """Complete lines as they arrived."""

    lines: list[bytes]


class InputEnded(NamedTuple):
    """The last line was read; `error` says why if it was not the end of the pipe."""

    error: str = ""


_decoder = msgspec.json.Decoder(Message)


def parse(line: bytes) -> Message:
    """One line as a message.

    Raises:
        Malformed: It is none.
    """
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Malformed("is not a Singer message") from None
    except RecursionError:
        raise Malformed("is nested too deeply") from None


class Feed:
    """Reads a pipe or file into the inbox, on a thread of its own."""

    def __init__(self, source: IO[Any], inbox: SimpleQueue[Any]) -> None:
        self._source = source
        self._inbox = inbox
        self._ahead = threading.Semaphore(_BUNDLES_AHEAD)

    def start(self) -> None:
        """Begins to read. The thread is a daemon: a silent pipe must not keep the process."""
        threading.Thread(target=self._run, name="input", daemon=True).start()

    def consumed(self) -> None:
        """One bundle was worked off: another may be read."""
        self._ahead.release()

    def _run(self) -> None:
        mark = codecs.BOM_UTF8
        try:
            for lines in self._bundles():
                lines[0], mark = lines[0].removeprefix(mark), b""
                self._ahead.acquire()
                self._inbox.put(Lines(lines))
        except Exception as error:  # noqa: BLE001 - a run whose input has died waits for ever
            self._inbox.put(InputEnded(f"the input cannot be read ({type(error).__name__})"))
        else:
            self._inbox.put(InputEnded())

    def _bundles(self) -> Iterator[list[bytes]]:
        rest: list[bytes] = []
        for block in self._blocks():
            lines = io.BytesIO(block).readlines()  # a tenth of what `split` takes
            last = [] if block.endswith(b"\n") else [lines.pop()]
            if lines:
                lines[0] = b"".join([*rest, lines[0]])
                rest = []
                yield lines
            rest += last
        if rest:
            yield [b"".join(rest)]

    def _blocks(self) -> Iterator[bytes]:
        try:
            descriptor = self._source.fileno()
        except (AttributeError, io.UnsupportedOperation):
            for line in self._source:  # a test's string buffer
                yield line.encode() if isinstance(line, str) else line
            return
        # Not through the buffered reader: its lock, held by a waiting thread, stops the interpreter
        # from ending.
        while block := os.read(descriptor, _BLOCK_BYTES):
            yield block
