"""Whom `explain` is asked about, and the messages that follow on standard input."""

from __future__ import annotations

from itertools import chain
from typing import IO, TYPE_CHECKING

from target_marketo.ops.errors import OpsError

if TYPE_CHECKING:
    from collections.abc import Iterable

_HOW = "pipe a tap's messages in: tap-livechat --limit 20 | marketo-ops explain --limit 5"


def whom(address: str, limit: int | None, source: IO[bytes]) -> tuple[str, Iterable[bytes]]:
    """The address (empty with a limit), and the lines of the messages.

    `-` takes the address from the terminal or, where there is none, from the first line of the
    input, so that no shell remembers it.

    Raises:
        OpsError: Nobody is named, or nothing is piped in.
    """
    if bool(address) == (limit is not None):
        raise OpsError("name one person (an address, or -), or give --limit N for the first N")
    if source.isatty():
        raise OpsError(_HOW)
    if address != "-":
        return address.strip(), source
    first = source.readline()
    if not first.lstrip().startswith(b"{"):
        return _checked(first.decode(errors="replace")), source
    return _checked(_asked_on_the_terminal()), chain([first], source)


def _asked_on_the_terminal() -> str:
    try:
        with open("/dev/tty", "r+", encoding="utf-8") as terminal:  # noqa: PTH123 - a device
            terminal.write("Address: ")
            terminal.flush()
            return terminal.readline()
    except OSError:
        raise OpsError("`-` takes the address from the first line of the input") from None


def _checked(address: str) -> str:
    if not address.strip():
        raise OpsError("`-` takes the address from the first line of the input, which is empty")
    return address.strip()
