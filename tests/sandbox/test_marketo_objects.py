"""The Marketo sandbox keeps custom objects, by a key of their own, linked to people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.marketo_api import ADA, code_of
from tests.sandbox.marketo_examples import EXAMPLES
from tests.sandbox.object_api import ObjectApi, outcomes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox.marketo import MarketoSandbox

NAME = "livechatChat_c"
SCHEMA = "/v1/customobjects/schema"
LINK = {
    "name": "leadId",
    "displayName": "Lead ID",
    "dataType": "link",
    "relatedTo": {"name": "lead", "field": "id"},
}
KEY = {"name": "threadId", "displayName": "Thread", "dataType": "string", "isDedupeField": True}


@pytest.fixture
def lead(marketo: MarketoSandbox) -> int:
    marketo.reset(**EXAMPLES)
    (number,) = marketo.seed([ADA])
    return number


@pytest.fixture
def api(marketo: MarketoSandbox, lead: int) -> Iterator[ObjectApi]:
    with ObjectApi(marketo) as client:
        client.log_in()
        yield client


def query(api: ObjectApi, **parameters: Any) -> Any:
    return api.call("GET", f"/v1/customobjects/{NAME}.json", params=parameters)


# --- records -------------------------------------------------------------------------------------


def test_a_record_is_kept_once_by_its_key(
    marketo: MarketoSandbox, api: ObjectApi, lead: int
) -> None:
    first = api.sync_objects({"threadId": "T1", "leadId": lead, "rating": "good"})
    second = api.sync_objects({"threadId": "t1", "rating": "bad"}, {"threadId": "T2"})

    assert [row["seq"] for row in second["result"]] == [0, 1]
    assert (outcomes(first), outcomes(second)) == (["created"], ["updated", "created"])
    assert first["result"][0]["marketoGUID"] == second["result"][0]["marketoGUID"]
    kept, other = marketo.custom_objects(NAME)
    assert (kept["rating"], kept["leadId"], kept["linked"]) == ("bad", lead, {"leadId": lead})
    assert other["linked"] == {}


def test_null_and_nothing_clear_a_field(marketo: MarketoSandbox, api: ObjectApi) -> None:
    api.sync_objects({"threadId": "T1", "rating": "good", "durationSeconds": 5})
    api.sync_objects({"threadId": "T1", "rating": ""})
    (kept,) = marketo.custom_objects(NAME)
    assert (kept["rating"], kept["durationSeconds"]) == (None, 5)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"threadId": "T1", "leadId": 9}, "1004"),
        ({"threadId": "T1", "leadEmail": "nobody@example.com"}, "1004"),
        ({"rating": "good"}, "1003"),
        ({"threadId": "T1", "colour": "red"}, "1006"),
        ({"threadId": "T1", "durationSeconds": "long"}, "1003"),
        ({"threadId": "T1", "rating": "x" * 256}, "1003"),
        ({"threadId": "T1", "marketoGUID": "g"}, "1003"),
    ],
)
def test_a_row_is_skipped_for_a_reason(api: ObjectApi, row: dict[str, Any], code: str) -> None:
    assert outcomes(api.sync_objects({"threadId": "T0"}, row)) == ["created", code]


def test_one_key_twice_in_a_call_is_refused(api: ObjectApi) -> None:
    assert outcomes(api.sync_objects({"threadId": "T1"}, {"threadId": "T1"})) == [
        *("created", "1036")
    ]


def test_the_actions(api: ObjectApi) -> None:
    def outcome(action: str, **changes: Any) -> Any:
        reply = api.sync_objects({"threadId": "T1"} | changes, action=action)
        return code_of(reply) or outcomes(reply)[0]

    assert outcome("updateOnly") == "1013"
    assert outcome("createOnly") == "created"
    assert outcome("createOnly") == "1017"
    assert outcome("updateOnly") == "updated"
    assert outcome("upsert") == "1003"


def test_a_record_can_be_updated_by_its_guid(api: ObjectApi) -> None:
    guid = api.sync_objects({"threadId": "T1"})["result"][0]["marketoGUID"]
    row = {"marketoGUID": guid, "rating": "good"}
    assert code_of(api.sync_objects(row, dedupeBy="idField")) == "1003"
    assert outcomes(api.sync_objects(row, dedupeBy="idField", action="updateOnly")) == ["updated"]
    assert code_of(api.sync_objects(row, dedupeBy="id")) == "1003"


def test_a_call_has_1_to_300_records(api: ObjectApi) -> None:
    assert code_of(api.sync_objects()) == "1002"
    rows = [{"threadId": f"T{number}"} for number in range(301)]
    assert code_of(api.sync_objects(*rows)) == "1003"
    assert set(outcomes(api.sync_objects(*rows[:300]))) == {"created"}
    first = query(api, filterType="threadId", filterValues="T1,T2,T7", batchSize=2)
    assert (len(first["result"]), first["moreResult"]) == (2, True)
    asked = {"filterType": "threadId", "filterValues": "T1,T2,T7", "batchSize": 2}
    rest = query(api, **asked, nextPageToken=first["nextPageToken"])
    assert [each["threadId"] for each in rest["result"]] == ["T7"]


def test_records_are_found_by_what_can_be_searched(api: ObjectApi, lead: int) -> None:
    api.sync_objects({"threadId": "T1", "leadId": lead, "rating": "good"}, {"threadId": "T2"})
    found = query(api, filterType="leadId", filterValues=lead, fields="threadId,rating")
    assert [(each["threadId"], each["rating"]) for each in found["result"]] == [("T1", "good")]
    body = {"filterType": "dedupeFields", "fields": ["threadId"], "input": [{"threadId": "t2"}]}
    found = api.call("POST", f"/v1/customobjects/{NAME}.json?_method=GET", json=body)
    assert [each["threadId"] for each in found["result"]] == ["T2"]
    assert code_of(query(api, filterType="rating", filterValues="good")) == "1003"
    assert code_of(query(api, filterValues="good")) == "1003"
    assert code_of(query(api, filterType="threadId")) == "1003"
    assert code_of(query(api, filterType="threadId", filterValues="1", fields="x")) == "1003"


def test_records_are_deleted_by_key(marketo: MarketoSandbox, api: ObjectApi) -> None:
    api.sync_objects({"threadId": "T1"})
    body = {"deleteBy": "dedupeFields", "input": [{"threadId": "T1"}, {"threadId": "T2"}]}
    reply = api.call("POST", f"/v1/customobjects/{NAME}/delete.json", json=body)
    assert outcomes(reply) == ["deleted", "1013"]
    assert marketo.custom_objects(NAME) == []


def test_links_of_a_merged_person_move(marketo: MarketoSandbox, api: ObjectApi, lead: int) -> None:
    (winner,) = marketo.seed([{"email": "winner@example.com"}])
    api.sync_objects({"threadId": "T1", "leadId": lead})
    marketo.merge_leads(winner, lead)
    (kept,) = marketo.custom_objects(NAME)
    assert (kept["leadId"], kept["linked"]) == (winner, {"leadId": winner})
    assert outcomes(api.sync_objects({"threadId": "T1", "leadId": lead})) == ["1004"]


# --- types ---------------------------------------------------------------------------------------


def test_an_object_is_described(api: ObjectApi) -> None:
    (found,) = api.call("GET", f"/v1/customobjects/{NAME}/describe.json")["result"]
    assert (found["idField"], found["dedupeFields"]) == ("marketoGUID", ["threadId"])
    assert ["leadId"] in found["searchableFields"]
    assert found["relationships"][0] == {
        "field": "leadId",
        "type": "child",
        "relatedTo": {"name": "Lead", "field": "id"},
    }
    types = {each["name"]: (each["dataType"], each["updateable"]) for each in found["fields"]}
    assert types["leadId"] == ("integer", True)
    assert types["createdAt"] == ("datetime", False)
    listed = api.call("GET", "/v1/customobjects.json")["result"]
    assert [each["apiName"] for each in listed] == [NAME]


def test_a_type_is_made_step_by_step(api: ObjectApi, lead: int) -> None:
    names = {"apiName": "rating", "displayName": "Rating", "action": "createOnly"}
    assert api.call("POST", f"{SCHEMA}.json", json=names)["result"] == []
    row = {"threadId": "T1", "leadId": lead}
    assert code_of(api.sync_objects(row, name="rating")) == "1013"

    def act(name: str, body: Any = None) -> Any:
        return code_of(api.call("POST", f"{SCHEMA}/rating/{name}.json", json=body))

    assert act("approve") == "1003"  # no dedupe field
    assert act("addField", {"input": [LINK, KEY]}) is None
    assert act("approve") is None
    assert outcomes(api.sync_objects(row, name="rating")) == ["created"]
    assert act("addField", {"input": [{**KEY, "name": "second"}]}) == "1003"
    assert act("addField", {"input": [{**LINK, "relatedTo": None, "name": "half"}]}) == "1003"
    assert act("addField", {"input": [{"name": "note", "dataType": "text"}]}) is None
    assert act("discardDraft") is None
    assert act("discardDraft") == "1048"
    (found,) = api.call("GET", f"{SCHEMA}/rating/describe.json")["result"]
    assert (found["state"], found["dedupeFields"]) == ("approved", ["threadId"])
    assert code_of(api.call("POST", f"{SCHEMA}.json", json=names)) == "1017"


def test_types_and_records_have_permissions_of_their_own(
    marketo: MarketoSandbox, api: ObjectApi
) -> None:
    of_types = ["Read-Only Custom Object Type", "Read-Write Custom Object Type"]
    marketo.set_options(denied_permissions=of_types)
    assert code_of(api.call("GET", f"{SCHEMA}.json")) == "603"
    assert outcomes(api.sync_objects({"threadId": "T1"})) == ["created"]
    marketo.set_options(denied_permissions=["Read-Write Custom Object"])
    assert code_of(api.sync_objects({"threadId": "T1"})) == "603"
    assert query(api, filterType="threadId", filterValues="T1")["result"]
    marketo.set_options(denied_permissions=[], missing_features={"custom_objects": "1026"})
    assert code_of(api.sync_objects({"threadId": "T1"})) == "1026"
