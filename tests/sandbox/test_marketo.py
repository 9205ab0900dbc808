"""The Marketo sandbox answers lookups and describes itself as Marketo does."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest
import requests

from tests.sandbox.marketo_api import ADA, code_of, emails

if TYPE_CHECKING:
    from tests.sandbox.marketo import MarketoSandbox
    from tests.sandbox.marketo_api import MarketoApi


# --- envelope ------------------------------------------------------------------------------------


def test_replies_carry_a_request_id_with_the_time(api: MarketoApi) -> None:
    response = api.send("GET", "/v1/leads/partitions.json")
    assert response.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert re.fullmatch(r"[0-9a-f]+#[0-9a-f]{11}", response.json()["requestId"])


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/v1/no/such.json", "610"),
        ("GET", "//v1/leads.json", "610"),
        ("PUT", "/v1/leads.json", "605"),
        ("POST", "/v1/leads/describe.json", "605"),
    ],
)
def test_wrong_paths_and_methods_are_refused_with_http_200(
    api: MarketoApi, method: str, path: str, code: str
) -> None:
    assert code_of(api.call(method, path)) == code


def test_wrong_bodies_are_refused_with_http_200(api: MarketoApi) -> None:
    as_json = {"Content-Type": "application/json; charset=utf-8"}
    sync = "/v1/leads.json"
    assert code_of(api.call("POST", sync, data='{"input":[', headers=as_json)) == "609"
    assert code_of(api.call("POST", sync, data="[]", headers=as_json)) == "609"
    assert code_of(api.call("POST", sync, data={"a": "b"})) == "612"
    assert code_of(api.call("POST", f"{sync}?_method=GET", json={})) == "612"


# --- lookup --------------------------------------------------------------------------------------


def test_an_email_is_found_in_any_case_and_comes_back_as_it_was_sent(
    marketo: MarketoSandbox, api: MarketoApi
) -> None:
    marketo.seed([{"email": "Ada@Example.com"}])
    found = api.found("aDA@example.COM", "nobody@example.com")
    assert [lead["email"] for lead in found] == ["Ada@Example.com"]


def test_a_lookup_works_by_get_and_by_form_with_the_method_in_query_or_body(
    marketo: MarketoSandbox, api: MarketoApi
) -> None:
    marketo.seed([ADA])
    form = {"filterType": "email", "filterValues": "ada@example.com"}
    replies = [
        api.call("GET", "/v1/leads.json", params=form),
        api.call("POST", "/v1/leads.json?_method=GET", data=form),
        api.call("POST", "/v1/leads.json", data={"_method": "GET", **form}),
    ]
    assert [reply["result"][0]["firstName"] for reply in replies] == ["Ada"] * 3
    assert marketo.counts().calls == {"identity": 1, "lookup": 3}


def test_without_fields_six_are_answered(marketo: MarketoSandbox, api: MarketoApi) -> None:
    marketo.seed([ADA])
    (lead,) = api.found("ada@example.com")
    assert list(lead) == ["id", "firstName", "lastName", "email", "updatedAt", "createdAt"]


def test_empty_fields_come_back_as_null_and_unset_booleans_as_false(
    marketo: MarketoSandbox, api: MarketoApi
) -> None:
    marketo.seed([{"email": "ada@example.com"}])
    (lead,) = api.found("ada@example.com", fields="city,liveChatScore,liveChatOptIn,unsubscribed")
    del lead["id"]
    assert lead == {
        "city": None,
        "liveChatScore": None,
        "liveChatOptIn": False,
        "unsubscribed": False,
    }


def test_several_leads_of_one_email_are_all_answered(
    marketo: MarketoSandbox, api: MarketoApi
) -> None:
    ids = marketo.seed([ADA, {**ADA, "email": "ADA@example.com"}])
    assert [lead["id"] for lead in api.found("ada@example.com")] == ids


def test_leads_are_found_by_id_and_by_a_custom_string_field(
    marketo: MarketoSandbox, api: MarketoApi
) -> None:
    first, second = marketo.seed([ADA, {"liveChatExternalKey": "K-1"}])
    assert [lead["id"] for lead in api.found(str(first), "999999", "x", by="id")] == [first]
    assert [lead["id"] for lead in api.found("k-1", by="liveChatExternalKey")] == [second]
    api.sync({"id": first, "liveChatExternalKey": "K-1"}, action="updateOnly", lookupField="id")
    assert len(api.found("k-1", by="liveChatExternalKey")) == 2


def test_pages_are_of_300_leads_at_most(marketo: MarketoSandbox, api: MarketoApi) -> None:
    marketo.seed({"email": f"person{n % 290}@example.com"} for n in range(700))
    asked = emails(290)
    pages: list[list[int]] = []
    token: dict[str, str] = {}
    while True:
        reply = api.lookup(*asked, batchSize="1000", **token)
        pages.append([lead["id"] for lead in reply["result"]])
        if "nextPageToken" not in reply:
            assert "moreResult" not in reply
            break
        assert reply["moreResult"] is True
        token = {"nextPageToken": reply["nextPageToken"]}
    assert [len(page) for page in pages] == [300, 300, 100]
    assert len({number for page in pages for number in page}) == 700


def test_a_page_token_belongs_to_its_lookup(marketo: MarketoSandbox, api: MarketoApi) -> None:
    marketo.seed([ADA, ADA])
    token = api.lookup("ada@example.com", batchSize=1)["nextPageToken"]
    assert code_of(api.lookup("bob@example.com", nextPageToken=token)) == "1003"
    assert code_of(api.lookup("ada@example.com", nextPageToken="nonsense")) == "1003"


def test_more_than_1000_matches_are_refused(marketo: MarketoSandbox, api: MarketoApi) -> None:
    marketo.seed([ADA] * 1001)
    reply = api.lookup("ada@example.com")
    assert reply["errors"] == [{"code": "1003", "message": "Too many results match the filter"}]


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"filterValues": "a@example.com"}, "1003"),
        ({"filterType": "email"}, "1003"),
        ({"filterType": "email", "filterValues": ","}, "1003"),
        ({"filterType": "brand", "filterValues": "x"}, "1003"),
        ({"filterType": "firstName", "filterValues": "Ada"}, "1011"),
        ({"filterType": "email", "filterValues": "a@example.com", "fields": "no,id"}, "1003"),
        ({"filterType": "email", "filterValues": "a", "fields": "liveChatLegacyId"}, "1003"),
        ({"filterType": "email", "filterValues": "a", "batchSize": "many"}, "1001"),
        ({"filterType": "email", "filterValues": ",".join(emails(301))}, "1003"),
    ],
)
def test_an_impossible_lookup_is_refused_as_a_whole(
    api: MarketoApi, form: dict[str, str], code: str
) -> None:
    reply = api.call("POST", "/v1/leads.json?_method=GET", data=form)
    assert code_of(reply) == code
    assert "result" not in reply


def test_300_emails_do_not_fit_into_a_uri_but_into_a_form(
    marketo: MarketoSandbox, api: MarketoApi
) -> None:
    form = {"filterType": "email", "filterValues": ",".join(f"long.name.{e}" for e in emails(300))}
    refused = api.send("GET", "/v1/leads.json", params=form)
    assert refused.status_code == 414
    assert refused.headers["Content-Type"].startswith("text/html")
    assert api.call("POST", "/v1/leads.json?_method=GET", data=form)["success"]
    assert marketo.counts().calls_today == 1


# --- schema --------------------------------------------------------------------------------------


def test_describe_lists_about_a_hundred_fields_some_of_them_without_rest(api: MarketoApi) -> None:
    fields = api.call("GET", "/v1/leads/describe.json")["result"]
    usable = {field["rest"]["name"]: field for field in fields if "rest" in field}
    assert len(fields) > len(usable) >= 100
    assert usable["email"] == {
        "id": 56,
        "displayName": "Email Address",
        "dataType": "email",
        "length": 255,
        "rest": {"name": "email", "readOnly": False},
    }
    assert usable["createdAt"]["rest"]["readOnly"] is True
    assert "length" not in usable["liveChatTags"]
    assert {field["dataType"] for field in fields} == {
        *("string", "text", "integer", "float", "boolean", "date", "datetime", "email", "phone"),
        *("url", "currency", "percent", "reference", "formula"),
    }


def test_describe2_lists_searchable_fields(api: MarketoApi) -> None:
    (described,) = api.call("GET", "/v1/leads/describe2.json")["result"]
    assert ["email"] in described["searchableFields"]
    assert ["liveChatExternalKey"] in described["searchableFields"]
    assert ["firstName"] not in described["searchableFields"]
    (created,) = [field for field in described["fields"] if field["name"] == "createdAt"]
    assert (created["updateable"], created["crmManaged"]) == (False, False)


def test_fields_can_be_added(marketo: MarketoSandbox, api: MarketoApi) -> None:
    marketo.set_options(custom_fields=[{"name": "shoeSize", "data_type": "float"}])
    assert api.synced({**ADA, "shoeSize": 38.5}) == ["created"]


# --- control -------------------------------------------------------------------------------------


def test_the_journal_tells_every_call_in_order(marketo: MarketoSandbox, api: MarketoApi) -> None:
    api.lookup("ada@example.com", "bob@example.com")
    api.sync(ADA, {"email": "wrong"})
    api.call("GET", "/v1/no/such.json")
    identity, lookup, sync, unknown = marketo.journal()
    kinds = [entry.kind for entry in (identity, lookup, sync, unknown)]
    assert kinds == ["identity", "lookup", "sync", "unknown"]
    assert (lookup.values, lookup.found) == (2, 0)
    assert [(row.status, row.key, row.codes) for row in sync.rows] == [
        ("created", "ada@example.com", ()),
        ("skipped", "wrong", ("1003",)),
    ]
    assert unknown.code == "610"
    assert lookup.arrival <= lookup.reply <= sync.arrival <= sync.reply


def test_counts_can_be_begun_again_while_leads_and_quota_stay(
    marketo: MarketoSandbox, api: MarketoApi
) -> None:
    api.sync(ADA)
    marketo.reset_counts()
    counts = marketo.counts()
    assert (counts.calls, counts.rows_created, counts.calls_today) == ({}, 0, 1)
    assert marketo.journal() == []
    assert len(marketo.leads()) == 1


def test_people_of_the_crowd_can_be_there_from_the_start(marketo: MarketoSandbox) -> None:
    marketo.reset(seed_leads=250)
    leads = marketo.leads()
    assert len(leads) == 250
    assert {lead["email"].rpartition("@")[2].lower() for lead in leads} <= {
        *("example.com", "example.org", "example.net"),
    }


def test_mistakes_of_a_test_are_told_to_it(marketo: MarketoSandbox) -> None:
    with pytest.raises(RuntimeError, match="zip"):
        marketo.seed([{"zip": "69001"}])
    with pytest.raises(RuntimeError, match="too_long"):
        marketo.set_options(too_long="sometimes")
    with pytest.raises(RuntimeError, match="no_such_option"):
        marketo.set_options(no_such_option=1)


def test_it_serves_300_rows_faster_than_marketo_may_be_asked(
    marketo: MarketoSandbox, api: MarketoApi
) -> None:
    marketo.set_options(rate_calls=10_000, daily_quota=10**9)
    rows = [{"email": email, "firstName": "Ada", "city": "Lyon"} for email in emails(300)]
    started = time.monotonic()
    for _ in range(20):
        api.sync(*rows)
        api.lookup(*emails(300), fields="email,firstName,city")
    # The real limit is 5 calls a second. The sandbox does 150 and more.
    assert time.monotonic() - started < 40 / 5


def test_replies_say_when_it_is_at_marketo(marketo: MarketoSandbox) -> None:
    marketo.reset(clock_start="2026-07-15T17:00:00Z")
    reply = requests.get(f"{marketo.endpoint}/v1/stats/usage.json", timeout=5)

    assert reply.headers["Date"].startswith("Wed, 15 Jul 2026 17:00:")
