"""Where STATE goes: standard output, as long as somebody takes it."""

from __future__ import annotations

from typing import IO


class StateOutput:
    """Lines of STATE. `is_gone` if nobody keeps our bookmark, or a disk is full.

    The next run then begins at an older one.
    """

    def __init__(self, output: IO[str] | None) -> None:
        """`output` is None where the descriptor was closed."""
        self._output = output
        self.is_gone = False
        self.last: bytes | None = None  # the STATE that was written last

    def write(self, state: bytes) -> None:
        """Writes one STATE, or finds out that it cannot be."""
        if self._output is None:
            self.is_gone = True
            return
        line = state + b"\n"
        try:
            # Past the text layer: the bookmark is the tap's, in whatever bytes it came, and no
            # encoding of the terminal's may change or refuse it.
            binary = getattr(self._output, "buffer", None)
            if binary is None:  # a test's string buffer
                self._output.write(line.decode(errors="surrogateescape"))
            else:
                binary.write(line)
            self._output.flush()
        except (OSError, ValueError):
            self.is_gone = True
        else:
            self.last = state
