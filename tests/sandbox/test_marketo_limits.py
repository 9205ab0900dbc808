"""The Marketo sandbox lets nobody call it without a token, too fast, or too often."""

from __future__ import annotations

import socket
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.sandbox.marketo_api import ADA, at_once, code_of

if TYPE_CHECKING:
    from tests.sandbox.marketo import MarketoSandbox
    from tests.sandbox.marketo_api import MarketoApi


# --- identity ------------------------------------------------------------------------------------


def test_the_same_token_is_given_until_it_expires(marketo: MarketoSandbox, api: MarketoApi) -> None:
    first = api.ask_token()
    marketo.advance_clock(1000)
    second = api.ask_token().json()
    assert first.json()["token_type"] == "bearer"
    assert first.headers["Cache-Control"] == "no-store"
    assert second["access_token"] == first.json()["access_token"]
    assert 2590 <= second["expires_in"] <= 2600
    marketo.advance_clock(2601)
    assert api.ask_token().json()["access_token"] != second["access_token"]


def test_a_token_may_be_asked_for_by_get(marketo: MarketoSandbox, api: MarketoApi) -> None:
    reply = api.session.get(
        f"{marketo.identity}/oauth/token",
        params={
            "grant_type": "client_credentials",
            "client_id": marketo.client_id,
            "client_secret": marketo.client_secret,
        },
    )
    assert reply.json().keys() == {"access_token", "token_type", "expires_in", "scope"}


@pytest.mark.parametrize(
    ("wrong", "error"), [("client_id", "unauthorized"), ("client_secret", "invalid_client")]
)
def test_wrong_credentials_are_answered_with_http_401(
    api: MarketoApi, wrong: str, error: str
) -> None:
    reply = api.ask_token(**{wrong: "wrong"})
    assert reply.status_code == 401
    assert reply.json().keys() == {"error", "error_description"}
    assert reply.json()["error"] == error


def test_identity_calls_use_no_quota(marketo: MarketoSandbox, api: MarketoApi) -> None:
    marketo.set_options(rate_calls=1, daily_quota=1)
    for _ in range(5):
        assert api.ask_token().status_code == 200
    assert marketo.counts().calls_today == 0


def test_an_expired_token_is_602_once_and_then_601(
    marketo: MarketoSandbox, api: MarketoApi
) -> None:
    marketo.advance_clock(3601)
    assert [code_of(api.lookup("a@example.com")) for _ in range(3)] == ["602", "601", "601"]
    api.log_in()
    assert api.lookup("a@example.com")["success"]


def test_a_token_can_be_made_to_expire_or_to_have_never_been(
    marketo: MarketoSandbox, api: MarketoApi
) -> None:
    marketo.expire_token()
    assert code_of(api.lookup("a@example.com")) == "602"
    api.log_in()
    marketo.revoke_token()
    assert code_of(api.lookup("a@example.com")) == "601"


def test_a_token_in_the_query_is_no_longer_looked_at(
    marketo: MarketoSandbox, api: MarketoApi
) -> None:
    token = api.log_in()
    del api.session.headers["Authorization"]
    path = f"/v1/leads/partitions.json?access_token={token}"
    assert code_of(api.call("GET", path)) == "600"
    marketo.set_options(query_token="accept")
    assert api.call("GET", path)["success"]


def test_calls_refused_for_their_token_or_method_use_no_quota(
    marketo: MarketoSandbox, api: MarketoApi
) -> None:
    marketo.set_options(daily_quota=1)
    assert code_of(api.call("PUT", "/v1/leads.json")) == "605"
    marketo.revoke_token()
    assert code_of(api.lookup("a@example.com")) == "601"
    api.log_in()
    assert api.lookup("a@example.com")["success"]
    assert marketo.counts().rejected == {"605": 1, "601": 1}


def test_a_call_that_the_role_does_not_allow_is_603(
    marketo: MarketoSandbox, api: MarketoApi
) -> None:
    marketo.set_options(denied_calls=["sync"])
    assert code_of(api.sync(ADA)) == "603"
    assert api.lookup("ada@example.com")["result"] == []


# --- limits --------------------------------------------------------------------------------------


def test_more_calls_than_the_window_allows_are_606(
    marketo: MarketoSandbox, api: MarketoApi
) -> None:
    codes = [code_of(api.lookup("a@example.com")) for _ in range(102)]
    assert codes == [None] * 100 + ["606"] * 2
    message = api.lookup("a@example.com")["errors"][0]["message"]
    assert message == "Max rate limit '100' exceeded with in '20' secs"
    assert marketo.counts().worst_in_window == 103
    assert marketo.counts().rejected == {"606": 3}
    marketo.advance_clock(20)
    assert api.lookup("a@example.com")["success"]


@pytest.mark.parametrize("counted", [True, False])
def test_whether_refused_calls_count_is_an_option(
    marketo: MarketoSandbox, api: MarketoApi, *, counted: bool
) -> None:
    marketo.set_options(rate_calls=3, rejected_calls_count=counted)
    for _ in range(3):
        api.lookup("a@example.com")
    marketo.advance_clock(12)
    for _ in range(3):
        assert code_of(api.lookup("a@example.com")) == "606"
    assert marketo.counts().calls_today == (6 if counted else 3)
    marketo.advance_clock(12)
    assert code_of(api.lookup("a@example.com")) == ("606" if counted else None)


def test_more_calls_in_flight_than_slots_are_615(marketo: MarketoSandbox, api: MarketoApi) -> None:
    marketo.set_options(slots=3, latency_median=0.4, latency_sigma=0)
    replies = at_once([lambda: api.lookup("a@example.com")] * 5)
    assert sorted(code_of(reply) or "" for reply in replies) == ["", "", "", "615", "615"]
    counts = marketo.counts()
    assert counts.worst_in_flight == 3
    assert counts.rejected == {"615": 2}
    assert api.lookup("a@example.com")["success"]


def test_a_slot_is_held_though_the_client_hangs_up_and_the_write_is_done(
    marketo: MarketoSandbox, api: MarketoApi
) -> None:
    marketo.set_options(slots=1, latency_median=1.0, latency_sigma=0)
    body = {"input": [ADA]}
    with pytest.raises(OSError, match="timed out"):
        api.send("POST", "/v1/leads.json", json=body, timeout=0.2)
    assert code_of(api.lookup("ada@example.com")) == "615"
    _wait_for_leads(marketo, 1)
    assert api.lookup("ada@example.com")["success"]


def test_half_a_request_is_no_call(marketo: MarketoSandbox, api: MarketoApi) -> None:
    token = api.log_in()
    head = (
        "POST /rest/v1/leads.json HTTP/1.1\r\nHost: sandbox\r\nContent-Length: 100\r\n"
        f"Content-Type: application/json\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", marketo.port)) as connection:
        connection.sendall(head.encode() + b'{"input":[')
    assert api.lookup("a@example.com")["success"]
    assert marketo.counts().calls == {"identity": 2, "lookup": 1}


def _wait_for_leads(marketo: MarketoSandbox, count: int) -> None:
    deadline = time.monotonic() + 10
    while len(marketo.leads()) < count and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.1)


@pytest.mark.parametrize(
    ("start", "hours"),
    [("2026-01-15T18:00:00Z", 12), ("2026-07-15T18:00:00Z", 11)],
    ids=["winter", "summer"],
)
def test_the_daily_quota_is_reset_at_midnight_us_central(
    marketo: MarketoSandbox, api: MarketoApi, start: str, hours: int
) -> None:
    marketo.reset(clock_start=start, daily_quota=3, token_lifetime=1e6)
    api.log_in()
    codes = [code_of(api.lookup("a@example.com")) for _ in range(4)]
    assert codes == [None, None, None, "607"]
    marketo.advance_clock(hours * 3600 - 60)
    assert code_of(api.lookup("a@example.com")) == "607"
    marketo.advance_clock(60)
    assert api.lookup("a@example.com")["success"]


def test_other_integrations_share_the_quota_and_the_window(
    marketo: MarketoSandbox, api: MarketoApi
) -> None:
    marketo.other_calls(49_999)
    assert api.lookup("a@example.com")["success"]
    assert code_of(api.lookup("a@example.com")) == "607"
    marketo.reset()
    api.log_in()
    marketo.other_calls(100, in_window=True)
    assert code_of(api.lookup("a@example.com")) == "606"


def test_usage_tells_calls_by_day_and_user(marketo: MarketoSandbox, api: MarketoApi) -> None:
    marketo.reset(clock_start="2026-03-10T12:00:00Z", token_lifetime=1e6)
    api.log_in()
    api.lookup("a@example.com")
    marketo.advance_clock(24 * 3600)
    marketo.other_calls(31_000)
    (today,) = api.call("GET", "/v1/stats/usage.json")["result"]
    assert (today["date"], today["total"]) == ("2026-03-11", 31_001)
    assert sorted(user["count"] for user in today["users"]) == [1, 31_000]
    week = api.call("GET", "/v1/stats/usage/last7days.json")["result"]
    assert [day["total"] for day in week] == [31_002, 1, 0, 0, 0, 0, 0]


def test_errors_are_reported_by_day_and_code(api: MarketoApi) -> None:
    api.call("GET", "/v1/no/such.json")
    api.sync(ADA, action="upsert")
    (today,) = api.call("GET", "/v1/stats/errors.json")["result"]
    assert today["total"] == 2
    assert {"errorCode": "610", "count": 1} in today["errors"]
    assert len(api.call("GET", "/v1/stats/errors/last7days.json")["result"]) == 7


# --- time ----------------------------------------------------------------------------------------


def test_two_creates_of_one_email_in_flight_make_two_leads(
    marketo: MarketoSandbox, api: MarketoApi
) -> None:
    marketo.set_options(latency_median=0.4, latency_sigma=0)
    replies = at_once([lambda: api.synced(ADA, action="createOnly")] * 2)
    assert replies == [["created"]] * 2
    assert len(marketo.leads_by_email("ada@example.com")) == 2
    counts = marketo.counts()
    assert (counts.duplicates_created, counts.overlapping_keys) == (1, 1)


def test_two_creates_of_one_email_one_after_the_other_make_one_lead(
    marketo: MarketoSandbox, api: MarketoApi
) -> None:
    assert [api.synced(ADA, action="createOnly") for _ in range(2)] == [["created"], ["1005"]]
    assert marketo.counts().overlapping_keys == 0


def test_calls_by_id_and_by_email_hold_the_same_key(
    marketo: MarketoSandbox, api: MarketoApi
) -> None:
    (number,) = marketo.seed([ADA])
    marketo.set_options(latency_median=0.4, latency_sigma=0)
    at_once(
        [
            lambda: api.sync({"id": number, "city": "x"}, action="updateOnly", lookupField="id"),
            lambda: api.sync({"email": "ADA@example.com", "city": "y"}),
        ]
    )
    assert marketo.counts().overlapping_keys == 1


def test_latency_is_clipped_and_partly_passes_before_arrival(
    marketo: MarketoSandbox, api: MarketoApi
) -> None:
    marketo.set_options(
        latency_median=9.0, latency_max=0.3, arrival_fraction_min=0.5, arrival_fraction_max=0.5
    )
    sent = marketo.now()
    api.lookup("a@example.com")
    entry = marketo.journal()[-1]
    assert entry.arrival - sent >= 0.14
    assert 0.14 <= entry.reply - entry.arrival < 1


def test_the_clock_starts_where_it_is_told_to(marketo: MarketoSandbox, api: MarketoApi) -> None:
    marketo.reset(clock_start="2020-02-02T00:00:00Z")
    api.log_in()
    api.sync(ADA)
    assert marketo.leads()[0]["createdAt"].startswith("2020-02-02T00:00:0")
    start = datetime(2020, 2, 2, tzinfo=UTC).timestamp()
    assert start <= marketo.now() < start + 30
