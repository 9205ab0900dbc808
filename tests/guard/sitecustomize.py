"""Keeps a Python process on this machine: what leads to another one is refused, and noted.

Python imports this by itself where it is on PYTHONPATH, so whatever a test, the demo, a benchmark
or the sandbox starts is kept as well. An audit hook sees each socket of Python code, however it was
made, and nobody can take it away again. Other programs are not seen: uv is all that we start, and
tests tell it to stay offline.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from typing import Any

# The file that refusals are noted in: whoever swallows the error is found all the same.
VARIABLE = "ONLY_LOOPBACK_LOG"
_NAMES = frozenset({"", "localhost", "localhost.localdomain", os.uname().nodename.lower()})
_ADDRESS_FIRST = frozenset(
    {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"}
)
_ADDRESS_SECOND = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})


class LeavesTheMachineError(OSError):
    """A test, or what it started, tried to reach another machine."""


def is_here(host: Any) -> bool:
    """Whether a host, as sockets take it, is this machine."""
    name = host.decode(errors="replace") if isinstance(host, bytes) else str(host or "")
    if name.lower() in _NAMES:
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """The audit hook."""
    if event in _ADDRESS_FIRST:
        host = arguments[0]
        host = host[0] if isinstance(host, tuple) else host
    elif event in _ADDRESS_SECOND and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return  # nothing of the network, a socket in the file system, or one that is connected
    name = host.decode(errors="replace") if isinstance(host, bytes) else str(host)
    if event == "socket.getaddrinfo" and name.endswith(".invalid"):
        # A name that no machine has (RFC 2606), and which no resolver needs to be asked for.
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    if not is_here(host):
        text = f"{event} {host!r} by {' '.join(sys.argv)[:200] or sys.executable}"
        note(text)
        raise LeavesTheMachineError(f"only loopback may be reached from here: {text}")


def note(text: str) -> None:
    path = os.environ.get(VARIABLE)
    if path:
        with open(path, "a", encoding="utf-8") as log:  # noqa: PTH123 - in every child, so little is loaded
            log.write(text + "\n")


if not getattr(sys, "_kept_on_loopback", False):
    sys._kept_on_loopback = True  # type: ignore[attr-defined]
    sys.addaudithook(watch)
