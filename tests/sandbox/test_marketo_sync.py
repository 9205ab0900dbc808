"""The Marketo sandbox takes leads, or refuses them, as Marketo does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.marketo_api import ADA, code_of, emails

if TYPE_CHECKING:
    from tests.sandbox.marketo import MarketoSandbox
    from tests.sandbox.marketo_api import MarketoApi


# --- sync ----------------------------------------------------------------------------------------


def test_rows_are_answered_by_position(marketo: MarketoSandbox, api: MarketoApi) -> None:
    marketo.seed([{"email": "old@example.com"}])
    rows = [
        {"email": "new@example.com"},
        {"email": "not an address"},
        {"email": "OLD@example.com", "city": "Lyon"},
        {"firstName": "Nobody"},
    ]
    assert api.synced(*rows) == ["created", "1003", "updated", "1003"]
    counts = marketo.counts()
    assert (counts.rows_created, counts.rows_updated) == (1, 1)
    assert counts.rows_skipped == {"1003": 2}


def test_the_four_actions(marketo: MarketoSandbox, api: MarketoApi) -> None:
    marketo.seed([ADA])
    new = {"email": "new@example.com"}
    assert api.synced(ADA, new, action="createOnly") == ["1005", "created"]
    unknown = {"email": "unknown@example.com"}
    assert api.synced(ADA, unknown, action="updateOnly") == ["updated", "1004"]
    assert api.synced(ADA, unknown, action="createOrUpdate") == ["updated", "created"]
    assert api.synced(ADA, action="createDuplicate") == ["created"]
    assert len(marketo.leads_by_email("ada@example.com")) == 2
    assert code_of(api.sync(ADA, action="upsert")) == "1003"


def test_two_leads_of_one_email_can_be_updated_by_id_only(
    marketo: MarketoSandbox, api: MarketoApi
) -> None:
    first, _ = marketo.seed([ADA, ADA])
    assert api.synced({**ADA, "city": "Lyon"}) == ["1007"]
    row = {"id": first, "city": "Lyon"}
    assert api.synced(row, action="updateOnly", lookupField="id") == ["updated"]
    assert [lead.get("city") for lead in marketo.leads()] == ["Lyon", None]


def test_ids_are_for_update_only(marketo: MarketoSandbox, api: MarketoApi) -> None:
    (number,) = marketo.seed([ADA])
    row = {"id": number, "city": "Lyon"}
    assert api.synced(row, action="createOrUpdate", lookupField="id") == ["1003"]
    assert api.synced({**row, **ADA}, action="createOnly") == ["1003"]
    assert api.synced({"id": 999_999}, action="updateOnly", lookupField="id") == ["1004"]


def test_the_lookup_field_must_exist_and_be_searchable(api: MarketoApi) -> None:
    reply = api.sync(ADA, lookupField="userId")
    assert reply["errors"] == [{"code": "1006", "message": "Lookup field 'userId' not found"}]
    assert code_of(api.sync(ADA, lookupField="firstName")) == "1011"
    keyed = {"liveChatExternalKey": "K-7", "firstName": "Ada"}
    by_key = {"lookupField": "liveChatExternalKey"}
    assert api.synced(keyed, **by_key) == ["created"]
    assert api.synced(keyed, **by_key) == ["updated"]
    assert api.synced({"firstName": "Ada"}, **by_key) == ["1003"]


def test_an_email_can_be_changed_by_id(marketo: MarketoSandbox, api: MarketoApi) -> None:
    (number,) = marketo.seed([ADA])
    row = {"id": number, "email": "countess@example.com"}
    api.sync(row, action="updateOnly", lookupField="id")
    assert api.found("ada@example.com") == []
    assert api.found("countess@example.com")[0]["id"] == number


def test_a_call_has_1_to_300_rows_and_1_mb(marketo: MarketoSandbox, api: MarketoApi) -> None:
    rows = [{"email": email} for email in emails(301)]
    assert code_of(api.sync(*rows)) == "1003"
    assert code_of(api.sync()) == "1002"
    assert set(api.synced(*rows[:300])) == {"created"}
    large = {"email": "ada@example.com", "liveChatTags": "x" * 1_000_000}
    body = {"input": [large]}
    assert api.send("POST", "/v1/leads.json", json=body).status_code == 413
    assert marketo.counts().rejected == {"1003": 1, "1002": 1, "413": 1}


@pytest.mark.parametrize(
    ("field", "sent", "read"),
    [
        ("city", "Kraków", "Kraków"),
        ("city", 12, "12"),
        ("liveChatTags", "sales, 日本語", "sales, 日本語"),
        ("liveChatChatsCount", "5", 5),
        ("liveChatChatsCount", 5.0, 5),
        ("liveChatSentiment", 5.4, 5.4),
        ("liveChatRevenue", 34.66, 34.66),
        ("liveChatSatisfaction", 99, 99),
        ("liveChatOptIn", True, True),
        ("liveChatOptIn", "false", False),
        ("liveChatFirstChatDate", "2020-08-30", "2020-08-30"),
        ("liveChatLastChatAt", "2020-08-30T05:49:48.000Z", "2020-08-30T05:49:48Z"),
        ("liveChatLastChatAt", "2020-08-30T07:49:48+02:00", "2020-08-30T05:49:48Z"),
        ("liveChatSecondEmail", "Ada@example.org", "Ada@example.org"),
        ("liveChatTags", "é" * 15_000, "é" * 15_000),
    ],
)
def test_values_read_back_normalised(api: MarketoApi, field: str, sent: Any, read: Any) -> None:
    assert api.synced({**ADA, field: sent}) == ["created"]
    assert api.found("ada@example.com", fields=field)[0][field] == read


@pytest.mark.parametrize(
    ("field", "sent"),
    [
        ("city", ["Lyon"]),
        ("city", "x" * 256),
        ("liveChatTags", "é" * 15_001),
        ("liveChatChatsCount", 14.1),
        ("liveChatChatsCount", 2**31),
        ("liveChatChatsCount", True),
        ("liveChatSentiment", "14c"),
        ("liveChatRevenue", "12 EUR"),
        ("liveChatSatisfaction", "100%"),
        ("liveChatOptIn", "other"),
        ("liveChatFirstChatDate", "2020-02-30"),
        ("liveChatLastChatAt", "yesterday"),
        ("liveChatLastChatAt", "2020-13-30T05:49:48Z"),
        ("liveChatLastChatAt", "2020-08-30T05:49:48.123456Z"),
        ("liveChatSecondEmail", "bademail"),
        ("email", "zoë@example.com"),
        ("email", "a..b@example.com"),
        ("email", "a@localhost"),
        ("email", f"{'a' * 250}@example.com"),
        ("createdAt", "2020-08-30T05:49:48Z"),
        ("liveChatGreeting", "hello"),
    ],
)
def test_one_impossible_value_skips_its_row_only(
    marketo: MarketoSandbox, api: MarketoApi, field: str, sent: Any
) -> None:
    bob = {"email": "bob@example.com"}
    assert api.synced({**ADA, field: sent}, bob) == ["1003", "created"]
    assert [lead["email"] for lead in marketo.leads()] == ["bob@example.com"]


def test_company_fields_and_unknown_fields_have_codes_of_their_own(api: MarketoApi) -> None:
    rows = [{**ADA, "company": "ACME"}, {**ADA, "billingCity": "Lyon"}, {**ADA, "zip": "69001"}]
    assert api.synced(*rows) == ["1021", "1021", "1006"]
    assert api.synced({**ADA, "liveChatLegacyId": "7"}) == ["1006"]


def test_null_clears_and_an_absent_field_stays(marketo: MarketoSandbox, api: MarketoApi) -> None:
    api.sync({**ADA, "city": "Lyon", "country": "France", "liveChatOptIn": True})
    api.sync({**ADA, "city": None, "liveChatOptIn": None})
    (lead,) = api.found("ada@example.com", fields="city,country,liveChatOptIn")
    assert (lead["city"], lead["country"], lead["liveChatOptIn"]) == (None, "France", False)
    assert marketo.counts().cleared == {"city": 1, "liveChatOptIn": 1}


def test_an_update_that_changes_nothing_says_updated_and_keeps_updated_at(
    marketo: MarketoSandbox, api: MarketoApi
) -> None:
    api.sync({**ADA, "liveChatOptIn": False})
    (before,) = api.found("ada@example.com")
    marketo.advance_clock(60)
    assert api.synced({**ADA, "lastName": None, "unsubscribed": False}) == ["updated"]
    assert api.found("ada@example.com") == [before]
    assert marketo.counts().rows_unchanged == 1
    api.sync({**ADA, "email": "ADA@example.com"})
    (after,) = api.found("ada@example.com")
    assert after["email"] == "ADA@example.com"
    assert after["updatedAt"] > before["updatedAt"]
    assert after["createdAt"] == before["createdAt"]


def test_overwritten_values_are_counted_by_field(marketo: MarketoSandbox, api: MarketoApi) -> None:
    marketo.seed([{**ADA, "city": "Lyon"}])
    api.sync({**ADA, "city": "Paris", "country": "France"})
    api.sync({**ADA, "city": "Paris", "firstName": "Augusta"})
    assert marketo.counts().overwritten == {"city": 1, "firstName": 1}


def test_partitions_are_respected(marketo: MarketoSandbox, api: MarketoApi) -> None:
    marketo.set_options(partitions=[{"id": 1, "name": "Default"}, {"id": 2, "name": "EU"}])
    assert [row["name"] for row in api.call("GET", "/v1/leads/partitions.json")["result"]] == [
        "Default",
        "EU",
    ]
    assert api.synced(ADA, partitionName="EU") == ["created"]
    (lead,) = api.found("ada@example.com", fields="leadPartitionId")
    assert lead["leadPartitionId"] == 2
    assert api.synced(ADA, partitionName="Default") == ["1010"]
    assert api.synced(ADA, partitionName="Moon") == ["1008"]
    move = {"input": [{"id": lead["id"], "partitionName": "Default"}, {"id": 0}]}
    moved = api.call("POST", "/v1/leads/partitions.json", json=move)["result"]
    assert [row["status"] for row in moved] == ["updated", "skipped"]
    assert api.synced(ADA, partitionName="Default") == ["updated"]


@pytest.mark.parametrize("form", ["query", "verb", "path"])
def test_leads_are_deleted_by_id(marketo: MarketoSandbox, api: MarketoApi, form: str) -> None:
    (number,) = marketo.seed([ADA])
    body = {"input": [{"id": number}, {"id": 999_999}]}
    method, path = {
        "query": ("POST", "/v1/leads.json?_method=DELETE"),
        "verb": ("DELETE", "/v1/leads.json"),
        "path": ("POST", "/v1/leads/delete.json"),
    }[form]
    first, second = api.call(method, path, json=body)["result"]
    assert first == {"id": number, "status": "deleted"}
    assert (second["status"], second["reasons"][0]["code"]) == ("skipped", "1004")
    assert api.found("ada@example.com") == []


# --- what no document answers --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "statuses", "names"),
    [
        ("create_twice", ["created", "created"], ["Ada", "Augusta"]),
        ("last_wins", ["created", "updated"], ["Augusta"]),
        ("error_1036", ["created", "1036"], ["Ada"]),
    ],
)
def test_one_key_twice_in_a_call(
    marketo: MarketoSandbox, api: MarketoApi, answer: str, statuses: list[str], names: list[str]
) -> None:
    marketo.set_options(same_key_twice=answer)
    assert api.synced(ADA, {"email": "ADA@example.com", "firstName": "Augusta"}) == statuses
    assert [lead["firstName"] for lead in marketo.leads()] == names
    assert marketo.counts().duplicates_created == len(names) - 1


def test_an_unknown_field_may_refuse_the_whole_call(
    marketo: MarketoSandbox, api: MarketoApi
) -> None:
    marketo.set_options(unknown_field_level="response")
    reply = api.sync({"email": "bob@example.com"}, {**ADA, "zip": "69001"})
    assert reply["errors"] == [{"code": "1006", "message": "Field 'zip' not found"}]
    assert marketo.leads() == []


@pytest.mark.parametrize(("answer", "status"), [("1077", "1077"), ("truncate", "created")])
def test_too_long_values(
    marketo: MarketoSandbox, api: MarketoApi, answer: str, status: str
) -> None:
    marketo.set_options(too_long=answer)
    row = {**ADA, "city": "x" * 300, "liveChatTags": "é" * 16_000}
    assert api.synced(row) == [status]
    lengths = [(len(lead["city"]), len(lead["liveChatTags"])) for lead in marketo.leads()]
    assert lengths == ([(255, 15_000)] if status == "created" else [])


def test_read_only_fields_may_be_ignored(marketo: MarketoSandbox, api: MarketoApi) -> None:
    marketo.set_options(read_only_field="ignore")
    assert api.synced({**ADA, "createdAt": "2020-08-30T05:49:48Z"}) == ["created"]
    assert marketo.leads()[0]["createdAt"] > "2020-08-31"


def test_an_empty_string_clears_or_is_stored(marketo: MarketoSandbox, api: MarketoApi) -> None:
    api.sync({**ADA, "city": "Lyon"})
    api.sync({**ADA, "city": ""})
    assert api.found("ada@example.com", fields="city")[0]["city"] is None
    marketo.set_options(empty_string="stores")
    api.sync({**ADA, "city": ""})
    assert api.found("ada@example.com", fields="city")[0]["city"] == ""
    assert api.synced({**ADA, "liveChatScore": ""}) == ["1003"]


def test_blocked_fields_silently_keep_what_they_hold(
    marketo: MarketoSandbox, api: MarketoApi
) -> None:
    marketo.set_options(blocked_fields=["city", "country"])
    marketo.seed([{**ADA, "city": "Lyon"}])
    assert api.synced({**ADA, "city": "Paris", "country": "France"}) == ["updated"]
    (lead,) = marketo.leads()
    assert (lead["city"], lead["country"]) == ("Lyon", "France")
