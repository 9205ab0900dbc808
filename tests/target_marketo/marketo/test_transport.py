"""Replies take bounded time and memory, whatever comes over the wire."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING, Any

import pytest

from target_marketo.marketo import transport
from target_marketo.marketo.connections import pooled_session
from target_marketo.marketo.transport import (
    Broken,
    NotSent,
    Reply,
    TimedOut,
    exchange,
    prepare,
)
from tests.sandbox.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from tests.sandbox.marketo.client import MarketoSandbox

TIMEOUT = 0.5


@pytest.fixture
def session(marketo: MarketoSandbox) -> Iterator[requests.Session]:
    with pooled_session(1, marketo.endpoint) as opened:
        yield opened


def get(session: requests.Session, address: str, timeout: float = TIMEOUT) -> Reply:
    return exchange(session, prepare(session, "GET", address), timeout=timeout)


def ask(session: requests.Session, marketo: MarketoSandbox) -> Reply:
    return get(session, f"{marketo.endpoint}/v1/leads/describe.json")


def test_a_whole_reply_comes_with_its_status(
    session: requests.Session, marketo: MarketoSandbox
) -> None:
    reply = ask(session, marketo)
    assert reply.status == 200
    assert b'"code":"600"' in reply.content, "there was no token"


def test_a_reply_that_drips_is_given_up_in_time(
    session: requests.Session, marketo: MarketoSandbox
) -> None:
    marketo.set_faults([Fault(what="drip", seconds=60)])
    began = time.monotonic()
    with pytest.raises(TimedOut):
        ask(session, marketo)
    assert TIMEOUT <= time.monotonic() - began < 2 * TIMEOUT


@pytest.mark.parametrize("what", ["oversized", "gzip_bomb", "cut"])
def test_a_reply_without_end_or_cut_short_is_broken(
    session: requests.Session, marketo: MarketoSandbox, what: Any
) -> None:
    marketo.set_faults([Fault(what=what)])
    with pytest.raises((Broken, TimedOut)):
        get(session, f"{marketo.endpoint}/v1/leads/describe.json", timeout=30)


def test_of_replies_larger_than_any_one_is_read_at_a_time_and_the_others_end_in_time(
    session: requests.Session, marketo: MarketoSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = Lock()
    monkeypatch.setattr(transport, "_LARGE", elsewhere)
    marketo.set_faults([Fault(what="oversized", at=(1, 3))])
    with elsewhere:
        with pytest.raises(TimedOut):
            ask(session, marketo)
        assert ask(session, marketo).status == 200, "what is not large waits for nobody"
    with pytest.raises(Broken):
        get(session, f"{marketo.endpoint}/v1/leads/describe.json", timeout=30)
    assert not elsewhere.locked()


def test_a_reset_is_no_connection_that_was_never_made(
    session: requests.Session, marketo: MarketoSandbox
) -> None:
    marketo.set_faults([Fault(what="reset")])
    with pytest.raises(Broken):
        ask(session, marketo)
    with pytest.raises(NotSent):
        get(session, "http://127.0.0.1:9/")


def test_no_error_shows_the_address(session: requests.Session, marketo: MarketoSandbox) -> None:
    marketo.set_faults([Fault(what="reset")])
    with pytest.raises(Broken) as caught:
        ask(session, marketo)
    assert "127.0.0.1" not in str(caught.value)
    assert caught.value.__cause__ is None
