"""Connections that keep a deadline: made, written to and read from before it, or given up.

The time-out of `requests` is for each address of a host and for each read alone: many addresses, or
a reply whose headers drip in a byte at a time, would hold a call, and its place in flight, for
longer than its lease.
"""

from __future__ import annotations

import io
import os
import socket
import time
from contextlib import contextmanager
from contextvars import ContextVar
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PIECE_BYTES = 1 << 16


class Deadline:
    """When a call is given up, on a clock that never jumps.

    `sent` is whether any of the request has left; None: no connection was asked for.
    """

    def __init__(self, at: float, now: Callable[[], float]) -> None:
        self._at, self._now = at, now
        self.sent: bool | None = None

    def left(self) -> float:
        """Seconds.

        Raises:
            TimeoutError: None is left.
        """
        left = self._at - self._now()
        if left <= 0:
            raise TimeoutError
        return left


# Of the call that this thread makes: between `requests` and a connection there is no other way.
_DEADLINE: ContextVar[Deadline] = ContextVar("deadline")


@contextmanager
def deadline(at: float, now: Callable[[], float] = time.monotonic) -> Iterator[Deadline]:
    """Whatever this thread's connections do inside the block ends by `at`."""
    until = Deadline(at, now)
    token = _DEADLINE.set(until)
    try:
        yield until
    finally:
        _DEADLINE.reset(token)


class _Reader(io.RawIOBase):
    """Reads a socket, whose time-out is each time what is left."""

    def __init__(self, sock: socket.socket, until: Deadline) -> None:
        self._sock, self._until = sock, until
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._until.left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp.close()
        self.fp = io.BufferedReader(_Reader(sock, _DEADLINE.get()))


class _InTime(HTTPConnection):
    response_class = _Response
    _is_connecting = False

    def connect(self) -> None:
        _DEADLINE.get().sent = False
        self._is_connecting = True  # what is sent meanwhile is for a proxy
        try:
            super().connect()
        finally:
            self._is_connecting = False

    def _new_conn(self) -> socket.socket:
        """As urllib3's, but all addresses together have the time that is left."""
        until = _DEADLINE.get()
        try:
            found = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise NameResolutionError(self.host, self, socket.gaierror(str(error))) from None
        failure: OSError = OSError("no address")
        for number, (family, kind, protocol, _, address) in enumerate(found):
            sock = socket.socket(family, kind, protocol)
            try:
                for option in self.socket_options or ():
                    sock.setsockopt(*option)
                sock.settimeout(until.left() / (len(found) - number))
                sock.connect(address)
            except OSError as error:
                sock.close()
                failure = error
                continue
            sock.settimeout(until.left())  # a TLS handshake is next
            return sock
        if isinstance(failure, TimeoutError):
            raise ConnectTimeoutError(self, "no connection in time")
        raise NewConnectionError(self, "no connection") from None

    def send(self, data: Any) -> None:
        """In pieces: a peer that takes them slowly gets no more than the time that is left."""
        if self.sock is None:
            self.connect()
        if not isinstance(data, bytes):
            data = data.encode() if isinstance(data, str) else bytes(data)
        until = _DEADLINE.get()
        for start in range(0, len(data), _PIECE_BYTES):
            self.sock.settimeout(until.left())
            until.sent = not self._is_connecting
            self.sock.sendall(data[start : start + _PIECE_BYTES])


class _Https(_InTime, HTTPSConnection):
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _InTime


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


_POOLS = {"http": _HttpPool, "https": _HttpsPool}


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager


def pooled_session(connections: int, url: str) -> requests.Session:
    """A session that keeps one connection per call that may be in flight, and retries nothing.

    The environment's proxies and certificates for `url` are looked up once: for every call it costs
    as much as the call itself.
    """
    session = requests.Session()
    found = session.merge_environment_settings(url, {}, None, None, None)
    session.proxies, session.verify = dict(found["proxies"]), found["verify"]
    if session.verify is True and os.environ.get("SSL_CERT_FILE"):  # as OpenSSL itself has it
        session.verify = os.environ["SSL_CERT_FILE"]
    session.trust_env = False
    adapter = _Adapter(pool_connections=1, pool_maxsize=connections, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session
