"""The access token: one for all threads, fetched once when it is needed.

Marketo hands out the same token until it expires, so a live token cannot be renewed early; the
first call after its end is answered 602 (Adobe: "Authentication") and brings a new one. Asking is
not counted against any limit. Secrets travel in the form body; the query form, which lands in
access logs, is only the fallback for an instance that refuses the body.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeGuard

import msgspec
import requests

from target_marketo.marketo.errors import NotAuthorized, Unavailable
from target_marketo.marketo.replies import UNREADABLE
from target_marketo.marketo.transport import TransportError, exchange, prepare

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_marketo.marketo.transport import Reply

_ENDING_SECONDS = 2.0  # a token that ends so soon is waited out
_LONGEST_SECONDS = 10.0**9
_ATTEMPTS = 2
_BAD_CREDENTIALS = (
    "Marketo refused `client_id` and `client_secret`: copy both again from the service"
)


def _is_token(found: object) -> TypeGuard[str]:
    """It can be sent in a header."""
    return isinstance(found, str) and found.isascii() and found.isprintable() and found != ""


def _is_lifetime(found: object) -> TypeGuard[float]:
    return isinstance(found, int | float) and 0 <= found <= _LONGEST_SECONDS


@dataclass
class Token:
    """Keeps the access token of one custom service.

    `get` may be called by any thread; only one of them asks Marketo.
    """

    session: requests.Session
    identity: str
    client_id: str
    client_secret: str = field(repr=False)
    timeout: float = 30.0
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        self._guards_token = threading.Lock()
        self._value: str | None = None
        self.user = ""
        """Ours, as Marketo's usage call names its users; empty if it does not tell."""
        self._ends = 0.0

    def get(self) -> str:
        """A token that has not expired as far as we know.

        Raises:
            NotAuthorized: The credentials are wrong.
            Unavailable: The identity service cannot be reached.
        """
        with self._guards_token:
            if self._value is None or self.now() >= self._ends:
                self._value = self._fetch()
            return self._value

    def refuse(self, value: str) -> None:
        """Marketo refused this token: the next `get` asks for a new one."""
        with self._guards_token:
            if self._value == value:
                self._value = None

    def _fetch(self) -> str:
        for attempt in range(_ATTEMPTS):
            reply = self._ask()
            token, seconds = reply.get("access_token"), reply.get("expires_in", 0)
            if not _is_token(token) or not _is_lifetime(seconds):
                raise Unavailable("the identity service sent no token: check `identity`")
            if seconds >= _ENDING_SECONDS or attempt == _ATTEMPTS - 1:
                self._ends = self.now() + float(seconds)
                user = reply.get("scope")
                self.user = user if isinstance(user, str) else ""
                return token
            self.sleep(float(seconds) + 1.0)  # about to end: the next one lasts an hour
        raise AssertionError("the loop returns")

    def _ask(self) -> dict[str, Any]:
        secrets = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }
        for attempt in range(_ATTEMPTS):
            try:
                reply = self._send("POST", data=secrets)
                if reply.status in (400, 401, 405, 415):
                    reply = self._send("GET", params=secrets)
            except TransportError as error:
                kind = str(error)
            else:
                if reply.status in (400, 401):
                    raise NotAuthorized(_BAD_CREDENTIALS)
                try:
                    body = msgspec.json.decode(reply.content)
                except UNREADABLE:
                    body = None
                if reply.status == requests.codes.ok and isinstance(body, dict):
                    return body
                kind = f"it answered HTTP {reply.status}; check `identity`"
            if attempt < _ATTEMPTS - 1:
                self.sleep(2.0**attempt)
        raise Unavailable(f"Marketo's identity service gives no access token: {kind}")

    def _send(self, method: str, **options: Any) -> Reply:
        request = prepare(self.session, method, f"{self.identity}/oauth/token", **options)
        return exchange(self.session, request, timeout=self.timeout)
