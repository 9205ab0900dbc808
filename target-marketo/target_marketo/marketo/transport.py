"""One request and the whole of its reply, in bounded time and memory. Knows no token and no code.

A reply may be of any size, packed or not; how the time is kept stands in connections.py.

    TransportError    the text is safe to show: it holds no address
    ├── NotSent       nothing reached the server
    ├── TimedOut      the server may still be at work
    └── Broken        the reply is not whole; the request may have been carried out
"""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import requests
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
)

from target_marketo.marketo.connections import deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_REPLY_BYTES = 32_000_000
"""Far above the largest that Marketo sends: 300 people with all their fields."""

_BLOCK_BYTES = 1 << 16
# Hardly a reply that Marketo sends in a run is as large. What is larger is read one at a time, so
# that several which are no replies at all do not fill the memory together.
_LARGE_BYTES = 1_000_000
_LARGE = threading.Lock()
_NOT_SENT = (ConnectTimeoutError, NameResolutionError, NewConnectionError, ProxyError)
_OTHER_NAME = "its certificate is for another host name: check `endpoint` and `identity`"

_NOT_TRUSTED = (
    "nobody this host trusts has signed its certificate: if a proxy intercepts TLS, set "
    "SSL_CERT_FILE to the file with the proxy's own"
)

# What the text of an error says, and what to tell; the first that is found counts. The texts of
# OpenSSL, Python and urllib3.
_SAYS: tuple[tuple[str, str], ...] = (
    (
        "407 ",
        "the proxy wants a user name and a password: put them into HTTPS_PROXY",
    ),
    ("Tunnel connection failed", "the proxy refuses to pass it on: let its administrator allow it"),
    ("ProxyError", "the proxy cannot be reached: check HTTPS_PROXY, or set NO_PROXY"),
    ("Hostname mismatch", _OTHER_NAME),
    ("IP address mismatch", _OTHER_NAME),
    ("doesn't match", _OTHER_NAME),
    ("certificate has expired", "its certificate has expired: is the clock of this host right?"),
    ("certificate is not yet valid", "its certificate is not valid yet: is the clock right?"),
    ("CERTIFICATE_VERIFY_FAILED", _NOT_TRUSTED),
    ("CA certificate bundle", "there is no file where SSL_CERT_FILE or REQUESTS_CA_BUNDLE points"),
    (
        "SSLError",
        "no TLS connection: check `endpoint` and `identity`, and the proxy if there is one",
    ),
    (
        "NameResolutionError",
        "its host name is not known: check `endpoint` and `identity`, or this host's DNS",
    ),
    (
        "ConnectTimeoutError",
        "no connection in time: check `endpoint` and `identity`, and this host's firewall",
    ),
)
_NO_CONNECTION = "no connection: check `endpoint` and `identity`, and this host's network"


class TransportError(Exception):
    """There is no whole reply."""


class NotSent(TransportError):
    """Nothing reached the server."""


class TimedOut(TransportError):
    """No whole reply in time; the server may still be at work."""


class Broken(TransportError):
    """The connection, or the reply, broke off."""


class Reply(NamedTuple):
    """A whole reply, unpacked."""

    status: int
    content: bytes
    date: str | None = None  # the header


def prepare(
    session: requests.Session, method: str, url: str, **options: Any
) -> requests.PreparedRequest:
    """A request as the session would send it; `options` are those of `requests.Request`.

    Raises:
        NotSent: There is no such address.
    """
    try:
        return session.prepare_request(requests.Request(method, url, **options))
    except requests.RequestException:
        raise NotSent("there is no such address: check `endpoint`") from None


def exchange(
    session: requests.Session,
    request: requests.PreparedRequest,
    *,
    timeout: float,
    now: Callable[[], float] = time.monotonic,
) -> Reply:
    """Sends a request and reads its reply, within `timeout` seconds, whatever the peer does.

    Raises:
        NotSent, TimedOut, Broken: See the module's table.
    """
    give_up_at = now() + timeout
    with deadline(give_up_at, now) as until:
        try:
            with session.send(
                request,
                timeout=timeout,
                allow_redirects=False,
                stream=True,
                proxies=session.proxies,
                verify=session.verify,
            ) as reply:
                content = _content(reply, lambda: give_up_at - now())
                return Reply(reply.status_code, content, reply.headers.get("Date"))
        except (OSError, HTTPError) as error:
            # Never chained and never shown: its text holds the address.
            raise _told(error, timeout, sent=until.sent, late=now() >= give_up_at) from None


def _told(error: Exception, timeout: float, *, sent: bool | None, late: bool) -> TransportError:
    """`sent` is whether any of the request has left, if a connection knows."""
    if sent is False or (sent is None and _was_not_sent(error)):
        return NotSent(_cure(error))
    if late or _is_timeout(error):
        return TimedOut(f"no answer within {timeout:g} s")
    return Broken(
        "the connection broke before the answer was whole; if it stays, see what stands between "
        "this host and Marketo"
    )


def _content(reply: requests.Response, seconds_left: Callable[[], float]) -> bytes:
    # One growing block goes back to the system as a whole, which many small ones do not.
    content = bytearray()
    with ExitStack() as one_at_a_time:
        # `read1` returns what is there: `read` would wait for a block to fill.
        while block := reply.raw.read1(_BLOCK_BYTES, decode_content=True):
            if len(content) <= _LARGE_BYTES < len(content) + len(block):
                if not _LARGE.acquire(timeout=max(0.0, seconds_left())):
                    raise TimeoutError
                one_at_a_time.callback(_LARGE.release)
            content += block
            if len(content) > MAX_REPLY_BYTES:
                content.clear()  # the error would keep it
                raise Broken("the answer is larger than any answer of Marketo: check `endpoint`")
        return bytes(content)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and those that it wraps, as requests and urllib3 do."""
    while error is not None:
        yield error
        inner = error.reason if isinstance(error, MaxRetryError) else None
        inner = inner or (error.args[0] if error.args else None)
        if isinstance(error, ProxyError):
            inner = error.original_error
        error = inner if isinstance(inner, BaseException) and inner is not error else None


def _was_not_sent(error: Exception) -> bool:
    """Whether it failed before there was a connection."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    if not isinstance(error, requests.RequestException | HTTPError):
        return "CA certificate bundle" in str(error)
    return any(isinstance(cause, _NOT_SENT) for cause in _causes(error))


def _is_timeout(error: Exception) -> bool:
    return isinstance(error, requests.Timeout) or any(
        isinstance(cause, TimeoutError) or type(cause).__name__ == "ReadTimeoutError"
        for cause in _causes(error)
    )


def _cure(error: Exception) -> str:
    said = " ".join(f"{type(cause).__name__} {cause}" for cause in _causes(error))
    return next((cure for text, cure in _SAYS if text in said), _NO_CONNECTION)
