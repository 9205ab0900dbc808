"""The dead-man switch: an address that expects to be called, and raises alarm when it is not."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from target_marketo.ops.errors import OpsError

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "MARKETO_OPS_PING_URL"

_TIMEOUT_SECONDS = 10.0
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Signal(StrEnum):
    """What is appended to the address; success is the address itself."""

    START = "/start"
    SUCCESS = ""
    FAILURE = "/fail"


class Switch:
    """Calls the address of the setting; without one, nothing happens.

    The address is a secret: whoever has it can silence the alarm. It is never shown.
    """

    def __init__(self, variables: Mapping[str, str], variable: str = VARIABLE) -> None:
        self._url = variables.get(variable, "").strip().rstrip("/")
        self.missed: list[str] = []
        if not self._url:
            return
        parts = urlsplit(self._url)
        local = parts.scheme == "http" and parts.hostname in _LOOPBACK
        if not parts.hostname or not (parts.scheme == "https" or local):
            raise OpsError(f"`{variable}` must start with https://")

    @property
    def is_set(self) -> bool:
        """Whether there is an address."""
        return bool(self._url)

    def call(self, signal: Signal) -> None:
        """Calls; a switch that cannot be reached is noted, and stops nothing."""
        if not self._url:
            return
        import requests  # noqa: PLC0415 - most have no such address

        try:
            reply = requests.get(
                self._url + signal, timeout=_TIMEOUT_SECONDS, allow_redirects=False
            )
        except requests.RequestException as error:
            self.missed.append(f"the ping address does not answer ({type(error).__name__})")
            return
        if not reply.ok:
            self.missed.append(f"the ping address answers HTTP {reply.status_code}")
