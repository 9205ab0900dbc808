"""A call ends with its time-out, whatever the other side does; and what goes wrong has a cure."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING

import pytest
import trustme

from target_marketo.marketo.connections import pooled_session
from target_marketo.marketo.transport import (
    Broken,
    NotSent,
    TimedOut,
    exchange,
    prepare,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TIMEOUT = 0.6
LEEWAY = 0.6


class Peer:
    """A server on loopback that does with each connection what a test wants."""

    def __init__(self, behave: Callable[[socket.socket], None]) -> None:
        self._behave = behave
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            self._behave(connection)


@pytest.fixture
def start() -> Iterator[Callable[[Callable[[socket.socket], None]], Peer]]:
    peers: list[Peer] = []

    def begin(behave: Callable[[socket.socket], None]) -> Peer:
        peers.append(Peer(behave))
        return peers[-1]

    yield begin
    for peer in peers:
        peer.close()


@pytest.fixture(autouse=True)
def nothing_of_this_host(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def ask(url: str, body: bytes = b"", timeout: float = TIMEOUT) -> float:
    """Sends a request, and says how many seconds passed until it failed or was answered."""
    with pooled_session(1, url) as session:
        request = prepare(session, "POST", url, data=body)
        began = time.monotonic()
        try:
            exchange(session, request, timeout=timeout)
        finally:
            seconds = time.monotonic() - began
            assert seconds < timeout + LEEWAY
    return seconds


def drip(text: bytes) -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        connection.recv(65_536)
        for byte in text:
            connection.sendall(bytes([byte]))
            time.sleep(0.1)

    return behave


def test_dripped_headers_do_not_outlast_the_time_out(
    start: Callable[[Callable[[socket.socket], None]], Peer],
) -> None:
    peer = start(drip(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"))
    with pytest.raises(TimedOut, match=r"no answer within 0\.6 s"):
        ask(f"http://127.0.0.1:{peer.port}/rest")


def test_a_peer_that_takes_the_request_slowly_does_not_outlast_the_time_out(
    start: Callable[[Callable[[socket.socket], None]], Peer],
) -> None:
    def behave(connection: socket.socket) -> None:
        while connection.recv(4096):
            time.sleep(0.05)

    peer = start(behave)
    with pytest.raises(TimedOut):
        ask(f"http://127.0.0.1:{peer.port}/rest", b"x" * 40_000_000)


def test_many_addresses_of_a_host_share_the_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty addresses, none of which answers."""
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    port = full.getsockname()[1]
    fillers = []
    for _ in range(8):  # its queue is full: who connects now is not answered
        filler = socket.socket()
        filler.settimeout(0)
        filler.connect_ex(("127.0.0.1", port))
        fillers.append(filler)
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))] * 30
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(NotSent, match="no connection in time: check `endpoint`"):
        ask(f"http://localhost:{port}/rest")
    for each in (full, *fillers):
        each.close()


def test_a_connection_is_kept_for_the_next_call(
    start: Callable[[Callable[[socket.socket], None]], Peer],
) -> None:
    def behave(connection: socket.socket) -> None:
        while connection.recv(65_536):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    peer = start(behave)
    url = f"http://127.0.0.1:{peer.port}/rest"
    with pooled_session(1, url) as session:
        for _ in range(3):
            reply = exchange(session, prepare(session, "GET", url), timeout=5.0)
            assert (reply.status, reply.content) == (200, b"{}")
    assert peer.connections == 1


# Certificates


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def tls(
    authority: trustme.CA, name: str, then: Callable[[ssl.SSLSocket], None]
) -> Callable[[socket.socket], None]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)

    def behave(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as wrapped:
            then(wrapped)

    return behave


def answer(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


def break_off(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.shutdown(socket.SHUT_RDWR)


def trust(authority: trustme.CA, folder: Path, patch: pytest.MonkeyPatch) -> None:
    file = folder / "authority.pem"
    authority.cert_pem.write_to_path(file)
    patch.setenv("SSL_CERT_FILE", str(file))


def test_ssl_cert_file_names_whom_to_trust(
    start: Callable[[Callable[[socket.socket], None]], Peer],
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = f"https://localhost:{start(tls(authority, 'localhost', answer)).port}/rest"
    with pytest.raises(NotSent, match=r"nobody this host trusts .*SSL_CERT_FILE"):
        ask(url, timeout=5.0)
    trust(authority, tmp_path, monkeypatch)
    ask(url, timeout=5.0)


def test_a_certificate_for_another_host_is_reported_as_such(
    start: Callable[[Callable[[socket.socket], None]], Peer],
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trust(authority, tmp_path, monkeypatch)
    peer = start(tls(authority, "somewhere.example", answer))
    with pytest.raises(NotSent, match="for another host name: check `endpoint`"):
        ask(f"https://localhost:{peer.port}/rest", timeout=5.0)


def test_a_file_of_certificates_that_is_not_there_is_reported(
    start: Callable[[Callable[[socket.socket], None]], Peer],
    authority: trustme.CA,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/authority.pem")
    peer = start(tls(authority, "localhost", answer))
    with pytest.raises(NotSent, match="there is no file where SSL_CERT_FILE"):
        ask(f"https://localhost:{peer.port}/rest", timeout=5.0)


def test_what_breaks_off_after_the_request_was_sent_may_have_been_carried_out(
    start: Callable[[Callable[[socket.socket], None]], Peer],
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also over TLS, whose errors look like those of a handshake."""
    trust(authority, tmp_path, monkeypatch)
    peer = start(tls(authority, "localhost", break_off))
    with pytest.raises(Broken):
        ask(f"https://localhost:{peer.port}/rest", timeout=5.0)


# Proxies


def refusing(status: bytes) -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")

    return behave


@pytest.mark.parametrize(
    ("status", "cure"),
    [
        (b"407 Proxy Authentication Required", "a user name and a password: .*HTTPS_PROXY"),
        (b"403 Forbidden", "the proxy refuses to pass it on"),
    ],
)
def test_what_a_proxy_refuses_is_told_apart(
    start: Callable[[Callable[[socket.socket], None]], Peer],
    monkeypatch: pytest.MonkeyPatch,
    status: bytes,
    cure: str,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{start(refusing(status)).port}")
    with pytest.raises(NotSent, match=cure):
        ask("https://marketo.example/rest", timeout=5.0)


def test_a_proxy_that_is_not_there_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(NotSent, match="the proxy cannot be reached: check HTTPS_PROXY"):
        ask("https://marketo.example/rest", timeout=5.0)


def test_a_proxy_that_drips_does_not_outlast_the_time_out(
    start: Callable[[Callable[[socket.socket], None]], Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = start(drip(b"HTTP/1.1 200 Connection established\r\n\r\n"))
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{peer.port}")
    with pytest.raises(NotSent):
        ask("https://marketo.example/rest")


def test_a_name_that_nobody_knows_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(NotSent, match="its host name is not known: check `endpoint`"):
        ask("https://marketo.example/rest")


def test_nobody_listens_where_the_endpoint_points() -> None:
    with pytest.raises(NotSent, match="no connection: check `endpoint`"):
        ask("http://127.0.0.1:9/rest")
