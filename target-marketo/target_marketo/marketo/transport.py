"""One request and the whole of its reply, in bounded time and memory. Knows no token and no code.

The time-out of `requests` is for each read alone: a reply that drips in a byte at a time would
hold a call, and its place in flight, for ever. And a reply may be of any size, packed or not.

    TransportError    the text is safe to show: it holds no address
    ├── NotSent       nothing reached the server
    ├── TimedOut      the server may still be at work
    └── Broken        the reply is not whole; the request may have been carried out
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import requests
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_REPLY_BYTES = 32_000_000
"""Far above the largest that Marketo sends: 300 people with all their fields."""

_BLOCK_BYTES = 1 << 16
_NOT_SENT = (ConnectTimeoutError, NameResolutionError, NewConnectionError, SSLError)


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
        raise NotSent("no such address") from None


def exchange(
    session: requests.Session,
    request: requests.PreparedRequest,
    *,
    timeout: float,
    now: Callable[[], float] = time.monotonic,
) -> Reply:
    """Sends a request and reads its reply, within `timeout` seconds from the send.

    Raises:
        NotSent, TimedOut, Broken: See the module's table.
    """
    give_up_at = now() + timeout
    try:
        reply = session.send(
            request,
            timeout=timeout,
            allow_redirects=False,
            stream=True,
            proxies=session.proxies,
            verify=session.verify,
        )
        with reply:
            return Reply(reply.status_code, _content(reply, give_up_at, now))
    except requests.ConnectTimeout:
        raise NotSent("no connection") from None
    except (requests.Timeout, ReadTimeoutError):
        raise TimedOut(f"no answer within {timeout:g} s") from None
    except (requests.RequestException, HTTPError) as error:
        # Never chained and never shown: its text holds the address.
        if isinstance(error, requests.RequestException) and _was_not_sent(error):
            raise NotSent("no connection") from None
        raise Broken("the connection broke before the answer was whole") from None


def _content(reply: requests.Response, give_up_at: float, now: Callable[[], float]) -> bytes:
    blocks = []
    size = 0
    # `read1` returns what is there: `read` would wait for a block to fill.
    while block := reply.raw.read1(_BLOCK_BYTES, decode_content=True):
        blocks.append(block)
        size += len(block)
        left = give_up_at - now()
        if left <= 0:
            raise requests.Timeout
        if size > MAX_REPLY_BYTES:
            raise Broken("the answer is larger than any answer of Marketo")
        _wait_no_longer_than(left, reply)
    return b"".join(blocks)


def _wait_no_longer_than(seconds: float, reply: requests.Response) -> None:
    sock = getattr(getattr(reply.raw, "connection", None), "sock", None)
    if sock is not None:
        sock.settimeout(seconds)


def _was_not_sent(error: requests.RequestException) -> bool:
    cause = error.args[0] if error.args else None
    if isinstance(cause, MaxRetryError):
        cause = cause.reason
    return isinstance(error, requests.exceptions.SSLError) or isinstance(cause, _NOT_SENT)
