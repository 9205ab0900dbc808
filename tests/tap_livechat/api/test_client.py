"""One call: what is tried again, what is final, and what a message may say."""

from __future__ import annotations

import gc
import gzip
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from urllib3.connection import HTTPConnection

from tap_livechat.api import auth, retries
from tap_livechat.api.methods import LIST_ARCHIVES, LIST_CDP_CUSTOMERS
from tap_livechat.api.retries import Verdict
from tap_livechat.errors import (
    AuthenticationError,
    LiveChatError,
    RefusedError,
    ScopeError,
    UnavailableError,
)
from tests.tap_livechat.api.scripted import (
    OK,
    PERSONAL,
    RESET,
    SECRET,
    client,
    decode,
    error,
    reply,
    scripted,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits that were asked for, none of them waited."""
    asked: list[float] = []
    monkeypatch.setattr("time.sleep", asked.append)
    return asked


@pytest.mark.parametrize(
    ("status", "error_type", "judged"),
    [
        (429, "too_many_requests", Verdict.THROTTLED),
        (400, "too_many_requests", Verdict.THROTTLED),  # the type goes before the status
        (500, "internal", Verdict.RETRY),
        (504, "request_timeout", Verdict.RETRY),
        (503, "service_unavailable", Verdict.RETRY),
        (429, None, Verdict.THROTTLED),
        (408, None, Verdict.RETRY),
        (502, None, Verdict.RETRY),
        (401, "authentication", Verdict.RENEW),
        (401, None, Verdict.RENEW),
        (403, "authorization", Verdict.SCOPE),
        (500, "authorization", Verdict.SCOPE),
        (403, None, Verdict.SCOPE),
        (421, "misdirected_request", Verdict.REDIRECT),
        (400, "validation", Verdict.REFUSED),
        (503, "license_expired", Verdict.REFUSED),
        (404, None, Verdict.REFUSED),
        (400, "something_new", Verdict.REFUSED),
        (500, "something_new", Verdict.RETRY),
    ],
)
def test_replies_are_judged_by_type_first_and_status_second(
    status: int, error_type: str | None, judged: Verdict
) -> None:
    assert retries.verdict(status, error_type) is judged


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3.0),
        ("0.5", 0.5),
        ("Thu, 01 Jan 2026 00:00:10 GMT", 10.0),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0.0),
        ("soon", None),
        ("Thu, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Thu, 01 Jan 2026 00:00:10 -0000", 10.0),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)

    assert retries.retry_after_seconds(header, now) == seconds


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(error(429, "too_many_requests"), id="too many requests"),
        pytest.param(error(500, "internal"), id="internal"),
        pytest.param(error(504, "request_timeout"), id="the server's own time-out"),
        pytest.param(reply(502, "<html>Bad gateway</html>"), id="HTML from a gateway"),
        pytest.param(reply(200, "<html>Welcome</html>"), id="HTML that says it is fine"),
        pytest.param(reply(200, '{"chats": [{"id": "AB'), id="JSON cut short"),
        pytest.param(reply(502, b'{"error":"Passerelle d\xe9faillante"}'), id="not in UTF-8"),
        pytest.param(reply(200, b'{"chats": "caf\xe9"}'), id="text that is not in UTF-8"),
        pytest.param(reply(200, b'["chats"]'), id="JSON of another form"),
        pytest.param(RESET, id="a reset"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\nConnection: close\r\n\r\n{}",
            id="a body cut short",
        ),
    ],
)
def test_trouble_that_passes_is_waited_out_and_each_try_is_told_once(
    trouble: bytes | None, sleeps: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    with scripted(trouble, trouble, OK) as server, client(server.url) as livechat:
        assert livechat.call(LIST_ARCHIVES, {}, decode) == {"chats": []}

    assert len(sleeps) == 2
    assert 0.5 <= sleeps[0] <= 1.0 <= sleeps[1] <= 2.0
    assert livechat.count.total == 3
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2


@pytest.mark.parametrize(
    ("kind", "failure"),
    [("authentication", AuthenticationError), ("authorization", ScopeError)],
)
def test_an_error_is_known_by_its_type_whatever_the_status(
    kind: str, failure: type[LiveChatError], sleeps: list[float]
) -> None:
    def whole(body: bytes) -> object:
        raise msgspec.ValidationError("no list")

    with (
        scripted(error(200, kind)) as server,
        client(server.url) as livechat,
        pytest.raises(failure, match="list_archives"),
    ):
        livechat.call(LIST_ARCHIVES, {}, whole)

    assert not sleeps


def test_a_netrc_file_does_not_replace_the_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))

    with scripted(OK, OK) as server, client(server.url) as livechat:
        livechat.call(LIST_ARCHIVES, {"limit": 1}, decode)
        livechat.call(LIST_ARCHIVES, {"limit": 25}, decode)

    assert [headers["Authorization"] for headers in server.headers] == [f"Bearer {SECRET}"] * 2
    assert server.bodies == [b'{"limit":1}', b'{"limit":25}']


def test_broken_connections_do_not_stay_in_memory(sleeps: list[float]) -> None:
    gc.collect()
    gc.disable()  # as good as: a run hardly ever looks for cycles
    try:
        with scripted(*[RESET, RESET, OK] * 5) as server, client(server.url) as livechat:
            for _ in range(5):
                livechat.call(LIST_ARCHIVES, {}, decode)
            everybodys = [each for each in gc.get_objects() if isinstance(each, HTTPConnection)]
            left = [each for each in everybodys if server.url.endswith(f":{each.port}")]
    finally:
        gc.enable()

    assert len(sleeps) == 10
    assert 1 <= len(left) <= 2, "the one in use, and the one that failed last"


@pytest.mark.parametrize("is_compressed", [False, True])
def test_a_reply_of_several_megabytes_comes_whole(is_compressed: bool) -> None:  # noqa: FBT001 - a parameter
    body = json.dumps({"chats": [{"text": str(number) * 20} for number in range(40_000)]}).encode()
    sent = gzip.compress(body) if is_compressed else body
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" % len(sent)
    head += b"Content-Encoding: gzip\r\n\r\n" if is_compressed else b"\r\n"

    with scripted(head + sent, OK) as server, client(server.url) as livechat:
        assert livechat.call(LIST_ARCHIVES, {}, lambda reply: reply) == body
        assert livechat.call(LIST_ARCHIVES, {}, decode) == {"chats": []}


def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(OK, OK) as proxy, client("http://livechat.invalid") as livechat:
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        for _ in range(2):
            assert livechat.call(LIST_ARCHIVES, {}, decode) == {"chats": []}

    assert [headers["Host"] for headers in proxy.headers] == ["livechat.invalid"] * 2


def test_retries_are_bounded_and_the_message_says_what_happened(sleeps: list[float]) -> None:
    trouble = [error(503, "service_unavailable")] * 20
    with (
        scripted(*trouble) as server,
        client(server.url) as livechat,
        pytest.raises(UnavailableError, match=r"list_archives: .*service_unavailable.*6 tries"),
    ):
        livechat.call(LIST_ARCHIVES, {}, decode)

    assert livechat.count.total == retries.MAX_TRIES


def test_retry_after_is_honoured(sleeps: list[float]) -> None:
    busy = reply(429, {"error": {"type": "too_many_requests"}}, Retry_After="7")
    with scripted(busy, OK) as server, client(server.url) as livechat:
        livechat.call(LIST_ARCHIVES, {}, decode)

    assert len(sleeps) == 1
    assert 7.0 <= sleeps[0] <= 7.25


@pytest.mark.parametrize("day", ["01", "14", "28"])
def test_a_date_to_retry_after_is_one_of_livechats_clock(day: str, sleeps: list[float]) -> None:
    """Whatever the host's says: years lie between the two here."""
    busy = reply(
        429,
        {"error": {"type": "too_many_requests"}},
        Date=f"Thu, {day} Jan 2099 00:00:00 GMT",
        Retry_After=f"Thu, {day} Jan 2099 00:00:30 GMT",
    )
    with scripted(busy, OK) as server, client(server.url) as livechat:
        livechat.call(LIST_ARCHIVES, {}, decode)

    assert len(sleeps) == 1
    assert 30.0 <= sleeps[0] <= 30.25


def test_a_wait_of_an_hour_is_left_to_the_next_run(sleeps: list[float]) -> None:
    busy = reply(429, {"error": {"type": "too_many_requests"}}, Retry_After="3600")
    with (
        scripted(busy) as server,
        client(server.url) as livechat,
        pytest.raises(UnavailableError, match="3600 s"),
    ):
        livechat.call(LIST_ARCHIVES, {}, decode)

    assert sleeps == []


def test_a_misdirected_request_is_sent_once_more_to_the_region_that_was_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    elsewhere = error(421, "misdirected_request", region="fra")
    with scripted(elsewhere, OK, OK) as server, client(server.url) as livechat:
        livechat.call(LIST_ARCHIVES, {}, decode)
        livechat.call(LIST_ARCHIVES, {}, decode)

    assert [headers.get("X-Region") for headers in server.headers] == [None, "fra", "fra"]
    assert "region 'fra'" in caplog.text


def test_being_sent_from_region_to_region_is_final() -> None:
    script = [error(421, "misdirected_request", region=name) for name in ("fra", "dal", "fra")]
    with (
        scripted(*script) as server,
        client(server.url) as livechat,
        pytest.raises(RefusedError, match=r"region to region \(dal\)"),
    ):
        livechat.call(LIST_ARCHIVES, {}, decode)

    assert livechat.count.total == 2


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (error(403, "authorization"), ScopeError, "chats--all:ro"),
        (error(403, "missing_access"), ScopeError, "chats--all:ro"),
        (error(401, "authentication"), AuthenticationError, "personal_access_token"),
        (error(403, "license_expired"), RefusedError, "subscription"),
        (error(400, "unsupported_version"), RefusedError, "api_version"),
        (error(400, "validation"), RefusedError, "start_date"),
        (reply(404, "<html>no</html>"), RefusedError, "api_url"),
        (reply(302, "", Location="https://example.com"), RefusedError, "HTTP 302"),
    ],
)
def test_final_errors_say_what_to_do_and_nothing_personal(
    answer: bytes, kind: type[LiveChatError], says: str
) -> None:
    with (
        scripted(answer, OK) as server,
        client(server.url) as livechat,
        pytest.raises(kind, match=says) as raised,
    ):
        livechat.call(LIST_ARCHIVES, {}, decode)

    message = str(raised.value)
    assert "list_archives" in message
    assert SECRET not in message
    assert PERSONAL not in message
    assert livechat.count.total == 1, "final errors are not paid for twice"


def test_an_error_of_the_customer_data_platform_is_text_and_not_shown() -> None:
    answer = reply(400, {"error": f"validation error: {PERSONAL}"})
    with (
        scripted(answer) as server,
        client(server.url) as livechat,
        pytest.raises(RefusedError, match="HTTP 400") as raised,
    ):
        livechat.call(LIST_CDP_CUSTOMERS, {}, decode)

    assert PERSONAL not in str(raised.value)


@pytest.mark.parametrize("header", ["Legacy", "Deprecation"])
def test_the_end_of_a_version_is_announced_once(
    header: str, caplog: pytest.LogCaptureFixture
) -> None:
    announced = reply(200, {}, **{header: "2027-02-13"})
    with scripted(announced, announced) as server, client(server.url) as livechat:
        livechat.call(LIST_ARCHIVES, {}, decode)
        livechat.call(LIST_ARCHIVES, {}, decode)

    assert caplog.text.count("2027-02-13") == 1


def test_an_internal_error_is_made_but_not_billed(sleeps: list[float]) -> None:
    with scripted(error(500, "internal"), OK) as server, client(server.url) as livechat:
        livechat.call(LIST_ARCHIVES, {}, decode)

    assert livechat.count.total == 2
    assert livechat.count.dollars == pytest.approx(0.27 / 1000)


OAUTH = {
    "access_token": None,
    "client_id": "client",
    "client_secret": "client-secret",
    "refresh_token": "first-refresh",
}


def granted(token: str, refresh_token: str | None = None, **of: Any) -> bytes:
    return reply(
        200,
        {
            "access_token": token,
            "refresh_token": refresh_token or "first-refresh",
            "expires_in": 28800,
            "scope": "chats--all:ro,customers:ro",
            **of,
        },
    )


@pytest.fixture
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("state_folder")
def test_an_access_token_that_ended_is_renewed_and_the_call_goes_on() -> None:
    script = (granted("one"), error(401, "authentication"), granted("two"), OK)
    with scripted(*script) as server, client(server.url, **OAUTH) as livechat:
        livechat.call(LIST_ARCHIVES, {}, decode)

    sent = [headers.get("Authorization") for headers in server.headers]
    assert sent == [None, "Bearer one", None, "Bearer two"]
    grant = livechat.authenticator.grant
    assert grant is not None
    assert grant.scopes == {"chats--all:ro", "customers:ro"}
    assert livechat.count.total == 2, "only calls of the Web API are billed"


def test_a_rotated_refresh_token_is_kept_for_the_next_run(state_folder: Path) -> None:
    with (
        scripted(granted("one", "second-refresh"), OK) as server,
        client(server.url, **OAUTH) as livechat,
    ):
        livechat.call(LIST_ARCHIVES, {}, decode)
    with (
        scripted(granted("two", "second-refresh"), OK) as server,
        client(server.url, **OAUTH) as livechat,
    ):
        livechat.call(LIST_ARCHIVES, {}, decode)

    assert b"refresh_token=second-refresh" in server.bodies[0]
    [kept] = (state_folder / "tap-livechat").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("state_folder")
@pytest.mark.parametrize("organization", ["390e44e6", None, 7])
def test_an_app_tells_whose_data_it_reads(organization: object) -> None:
    with (
        scripted(granted("one", organization_id=organization), OK) as server,
        client(server.url, **OAUTH) as livechat,
    ):
        whose = livechat.authenticator.identity()

    assert whose == ({"organization_id": organization} if organization == "390e44e6" else {})


@pytest.mark.usefixtures("state_folder")
def test_a_refused_refresh_token_is_final_and_is_not_shown() -> None:
    refused = reply(400, {"error": "invalid_grant", "error_description": "first-refresh"})
    with (
        scripted(refused) as server,
        client(server.url, **OAUTH) as livechat,
        pytest.raises(AuthenticationError, match="refresh_token") as raised,
    ):
        livechat.call(LIST_ARCHIVES, {}, decode)

    assert "first-refresh" not in str(raised.value)


@pytest.mark.parametrize(
    ("config", "header"),
    [
        ({"account_id": "a", "personal_access_token": "b"}, "Basic YTpi"),
        ({"access_token": "dal%3Atoken"}, "Bearer dal:token"),
        ({"access_token": "dal%3atoken"}, "Bearer dal:token"),
        ({"account_id": "", "personal_access_token": "", "access_token": "t"}, "Bearer t"),
    ],
)
def test_credentials_become_a_header(config: dict[str, str], header: str) -> None:
    assert auth.authenticator(config).authorization() == header


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({}, "no credentials"),
        ({"account_id": "a"}, "personal_access_token is missing"),
        ({"client_id": "a", "refresh_token": "b"}, "client_secret is missing"),
        (
            {"account_id": "a", "personal_access_token": "b", "access_token": "c"},
            "set, account_id/personal_access_token and access_token: leave one",
        ),
        ({"account_id": "a", "access_token": "c"}, "set, account_id and access_token: leave one"),
        ({"access_token": "c", "refresh_token": "b"}, "more than one way to sign in"),
    ],
)
def test_missing_credentials_are_named(config: dict[str, str], problem: str) -> None:
    assert problem in (auth.check_credentials(config) or "")
