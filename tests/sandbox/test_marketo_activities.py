"""The Marketo sandbox keeps custom activity types, and a log that nothing takes anything out of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.faults import Fault
from tests.sandbox.marketo_api import ADA, code_of
from tests.sandbox.marketo_examples import CHAT_DATE, CHAT_ID, EXAMPLES, chat, with_attribute
from tests.sandbox.object_api import ObjectApi, outcomes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox.marketo import MarketoSandbox

SINCE = "2026-11-01T00:00:00Z"
NEW_TYPE = {
    "apiName": "docketChat",
    "name": "Chat on Docket",
    "triggerName": "Chats on Docket",
    "filterName": "Chatted on Docket",
    "description": "A chat",
    "primaryAttribute": {"apiName": "chatTopic", "name": "Chat Topic"},
}
THREAD = {"apiName": "threadId", "name": "Thread ID", "dataType": "string"}
DESCRIBE = "/v1/activities/external/type/{}/describe.json"


@pytest.fixture
def api(marketo: MarketoSandbox) -> Iterator[ObjectApi]:
    with ObjectApi(marketo) as client:
        client.log_in()
        yield client


@pytest.fixture
def lead(marketo: MarketoSandbox) -> int:
    """A person, in a Marketo with an approved type of activity."""
    marketo.reset(**EXAMPLES, clock_start="2026-11-28T12:00:00Z")
    (number,) = marketo.seed([ADA])
    return number


@pytest.fixture
def chatting(api: ObjectApi, lead: int) -> ObjectApi:
    api.log_in()
    return api


# --- types ---------------------------------------------------------------------------------------


def created(api: ObjectApi, **changes: Any) -> Any:
    return api.call("POST", "/v1/activities/external/type.json", json=NEW_TYPE | changes)


def described(api: ObjectApi, name: str = "docketChat", **parameters: Any) -> Any:
    reply = api.call("GET", DESCRIBE.format(name), params=parameters)
    assert reply["success"], reply
    return reply["result"][0]


def test_a_type_is_a_draft_until_it_is_approved(marketo: MarketoSandbox, api: ObjectApi) -> None:
    (lead,) = marketo.seed([ADA])
    draft = created(api)["result"][0]
    api.type_call("docketChat", "/attributes/create", {"attributes": [THREAD]})

    assert draft["status"] == "draft"
    assert "id" not in draft
    assert draft["primaryAttribute"]["dataType"] == "string"
    row = chat(lead, attributes=[{"apiName": "threadId", "value": "T1"}])
    assert outcomes(api.add(row)) == ["1003"]

    (approved,) = api.type_call("docketChat", "/approve")["result"]
    assert (approved["id"], approved["status"]) == (CHAT_ID, "approved")
    assert [each["apiName"] for each in approved["attributes"]] == ["threadId"]
    assert outcomes(api.add(row)) == ["added"]


def test_a_new_attribute_waits_for_approval(api: ObjectApi) -> None:
    created(api)
    api.type_call("docketChat", "/approve")
    rating = {"apiName": "rating", "name": "Rating", "dataType": "integer"}
    (draft,) = api.type_call("docketChat", "/attributes/create", {"attributes": [rating]})["result"]

    assert draft["status"] == "approved with draft"
    assert described(api)["attributes"] == []
    assert described(api, draft="true")["attributes"] == [rating]
    api.type_call("docketChat", "/discardDraft")
    assert described(api, draft="true")["attributes"] == []
    assert described(api)["status"] == "approved"


def test_attributes_are_changed_and_deleted_by_api_name(api: ObjectApi) -> None:
    created(api)
    api.type_call("docketChat", "/attributes/create", {"attributes": [THREAD]})
    renamed = {"attributes": [{"apiName": "threadId", "name": "Thread"}]}
    (draft,) = api.type_call("docketChat", "/attributes/update", renamed)["result"]
    assert draft["attributes"] == [THREAD | {"name": "Thread"}]
    unknown = {"attributes": [{"apiName": "topic"}]}
    assert code_of(api.type_call("docketChat", "/attributes/delete", unknown)) == "1013"
    (draft,) = api.type_call("docketChat", "/attributes/delete", renamed)["result"]
    assert draft["attributes"] == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"apiName": "docket_chat"}, "1003"),
        ({"apiName": "2026"}, "1003"),
        ({"apiName": None}, "1002"),
        ({"name": "Chat: Docket"}, "1003"),
        ({"filterName": None}, "1002"),
        ({"primaryAttribute": None}, "1002"),
        ({"primaryAttribute": {"apiName": "_topic", "name": "Topic"}}, "1003"),
        ({"primaryAttribute": {"apiName": "topic", "name": "T", "dataType": "list"}}, "1003"),
    ],
)
def test_names_of_types_have_rules(api: ObjectApi, changes: dict[str, Any], code: str) -> None:
    assert code_of(created(api, **changes)) == code


def test_names_are_taken_once(api: ObjectApi) -> None:
    created(api)
    assert code_of(created(api)) == "1017"
    assert code_of(created(api, apiName="other")) == "1017"
    other = {"apiName": "other", "name": "Other", "triggerName": "O", "filterName": "O"}
    assert created(api, **other)["success"]


def test_what_was_approved_keeps_its_names(api: ObjectApi) -> None:
    created(api)
    assert api.type_call("docketChat", "", {"name": "Docket"})["success"]
    api.type_call("docketChat", "/approve")
    assert code_of(api.type_call("docketChat", "", {"name": "Chat"})) == "1003"
    assert api.type_call("docketChat", "", {"description": "Chats"})["success"]


def test_ten_types_of_twenty_attributes(api: ObjectApi) -> None:
    for number in range(10):
        names = dict.fromkeys(("name", "triggerName", "filterName"), f"Type {number}")
        assert created(api, apiName=f"type{number}", **names)["success"]
    assert code_of(created(api)) == "1027"
    attributes = [{"apiName": f"a{n}", "name": f"A {n}"} for n in range(21)]
    create = "/attributes/create"
    assert code_of(api.type_call("type1", create, {"attributes": attributes})) == "1028"
    assert described(api, "type1", draft="true")["attributes"] == []
    assert api.type_call("type1", create, {"attributes": attributes[:20]})["success"]


def test_types_are_listed_without_attributes(chatting: ObjectApi) -> None:
    listed = chatting.call("GET", "/v1/activities/external/types.json")["result"]
    assert [(each["apiName"], each.get("id"), each["status"]) for each in listed] == [
        ("livechatChat", CHAT_ID, "approved"),
        ("livechatDraft", None, "draft"),
    ]
    assert "attributes" not in listed[0]
    known = chatting.call("GET", "/v1/activities/types.json")["result"]
    assert {12, 13, 37, CHAT_ID} <= {each["id"] for each in known}


def test_a_deleted_type_takes_no_more(chatting: ObjectApi, lead: int) -> None:
    assert chatting.type_call("livechatChat", "/delete")["success"]
    assert outcomes(chatting.add(chat(lead))) == ["1003"]
    assert code_of(chatting.call("GET", DESCRIBE.format("livechatChat"))) == "1013"


# --- adding --------------------------------------------------------------------------------------


def test_rows_are_answered_by_position_with_errors(chatting: ObjectApi, lead: int) -> None:
    reply = chatting.add(chat(lead, "T1"), chat(9), chat(lead, "T2"))

    assert reply["result"] == [
        {"id": 1, "marketoGUID": "1", "status": "added"},
        {"status": "skipped", "errors": [{"code": "1004", "message": "Lead not found"}]},
        {"id": 2, "marketoGUID": "2", "status": "added"},
    ]


def test_two_equal_rows_are_two_activities(
    marketo: MarketoSandbox, chatting: ObjectApi, lead: int
) -> None:
    assert outcomes(chatting.add(chat(lead), chat(lead))) == ["added", "added"]
    assert outcomes(chatting.add(chat(lead))) == ["added"]
    assert [each["attributes"]["threadId"] for each in marketo.activities()] == ["T1"] * 3
    assert marketo.counts().rows == {"add_activities": {"added": 3}}


@pytest.mark.parametrize(
    "missing", ["leadId", "activityDate", "activityTypeId", "primaryAttributeValue", "attributes"]
)
def test_five_keys_are_required(chatting: ObjectApi, lead: int, missing: str) -> None:
    row = chat(lead)
    del row[missing]
    assert outcomes(chatting.add(row)) == ["1002"]


def test_a_call_has_1_to_300_rows(chatting: ObjectApi, lead: int) -> None:
    assert code_of(chatting.add()) == "1002"
    assert code_of(chatting.add(*[chat(lead)] * 301)) == "1003"
    assert len(chatting.add(*[chat(lead)] * 300)["result"]) == 300


@pytest.mark.parametrize(
    ("name", "value", "outcome"),
    [
        ("rated", True, "added"),
        ("rated", "false", "added"),
        ("rated", 2, "1003"),
        ("durationSeconds", "12", "added"),
        ("durationSeconds", 12.5, "1003"),
        ("transcript", "x" * 30_000, "added"),
        ("transcript", "x" * 65_536, "1049"),
        ("threadId", {"id": 1}, "1003"),
    ],
)
def test_attributes_are_checked(
    chatting: ObjectApi, lead: int, name: str, value: Any, outcome: str
) -> None:
    assert outcomes(chatting.add(with_attribute(lead, name, value))) == [outcome]


def test_an_attribute_may_go_by_its_display_name(chatting: ObjectApi, lead: int) -> None:
    chatting.add(chat(lead, attributes=[{"name": "Thread ID", "value": "T7"}]))
    (found,) = chatting.read(SINCE, activityTypeIds=CHAT_ID)
    assert found["attributes"] == [{"name": "Thread ID", "value": "T7"}]


@pytest.mark.parametrize("date", ["yesterday", "2026-11-27", "2026-13-01T00:00:00Z", 7])
def test_a_date_is_a_w3c_time(chatting: ObjectApi, lead: int, date: Any) -> None:
    assert outcomes(chatting.add(chat(lead, activityDate=date))) == ["1003"]


def test_a_date_may_have_an_offset(chatting: ObjectApi, lead: int) -> None:
    chatting.add(chat(lead, activityDate="2026-11-27T17:15:00+07:00"))
    (found,) = chatting.read(SINCE, activityTypeIds=CHAT_ID)
    assert found["activityDate"] == CHAT_DATE


def test_a_part_of_the_rows_can_be_refused(
    marketo: MarketoSandbox, chatting: ObjectApi, lead: int
) -> None:
    marketo.set_faults([Fault(what="row", code="1014", holding="T2", calls=("add_activities",))])
    assert outcomes(chatting.add(chat(lead, "T1"), chat(lead, "T2"))) == ["added", "1014"]


# --- reading -------------------------------------------------------------------------------------


def test_an_activity_reads_back_under_display_names(chatting: ObjectApi, lead: int) -> None:
    chatting.add(with_attribute(lead, "rated", "true"))
    (found,) = chatting.read(SINCE, activityTypeIds=CHAT_ID, leadIds=lead)

    assert found == {
        "id": 1,
        "marketoGUID": "1",
        "leadId": lead,
        "activityDate": CHAT_DATE,
        "activityTypeId": CHAT_ID,
        "primaryAttributeValue": "Sales",
        "attributes": [
            {"name": "Thread ID", "value": "T1"},
            {"name": "Duration", "value": 312},
            {"name": "Was Rated", "value": True},
        ],
    }


def test_pages_go_on_until_there_is_no_more(chatting: ObjectApi, lead: int) -> None:
    chatting.add(*(chat(lead, f"T{number}") for number in range(7)))
    found = chatting.read(SINCE, activityTypeIds=CHAT_ID, batchSize=3)
    assert [each["attributes"][0]["value"] for each in found] == [f"T{n}" for n in range(7)]


def test_a_token_goes_on_with_what_comes_later(chatting: ObjectApi, lead: int) -> None:
    chatting.add(chat(lead, "T1"))
    first = chatting.page(chatting.token(SINCE), activityTypeIds=CHAT_ID)
    later = "2026-11-27T11:00:00Z"
    chatting.add(chat(lead, "T2", activityDate=later))
    second = chatting.page(first["nextPageToken"], activityTypeIds=CHAT_ID)
    assert [each["activityDate"] for each in second["result"]] == [later]


def test_a_reading_is_of_ten_types_and_thirty_leads(chatting: ObjectApi, lead: int) -> None:
    token = chatting.token(SINCE)

    def code(**parameters: Any) -> Any:
        return code_of(chatting.page(token, **parameters))

    def numbers(count: int) -> str:
        return ",".join(map(str, range(1, count + 1)))

    assert code(activityTypeIds=numbers(10), leadIds=numbers(30)) is None
    assert code(activityTypeIds=numbers(11)) == "1003"
    assert code(activityTypeIds=1, leadIds=numbers(31)) == "1003"
    assert code() == "1002"
    assert code(activityTypeIds="chat") == "1001"
    assert code_of(chatting.page("nonsense", activityTypeIds=1)) == "1003"
    assert code_of(chatting.page(token, activityTypeIds=1, listId=9)) == "1013"
    no_token = chatting.call("GET", "/v1/activities.json", params={"activityTypeIds": 1})
    assert code_of(no_token) == "1002"
    wrong = {"sinceDatetime": "soon"}
    assert code_of(chatting.call("GET", "/v1/activities/pagingtoken.json", params=wrong)) == "1003"


def test_list_and_status_leave_their_own_activities(chatting: ObjectApi, lead: int) -> None:
    for _ in range(2):
        chatting.add_to_list(1001, lead)
        chatting.set_status("Engaged", lead)
    found = chatting.read("2026-11-28T00:00:00Z", activityTypeIds="24,104")
    assert [(each["activityTypeId"], each["primaryAttributeValue"]) for each in found] == [
        (24, "LiveChat visitors"),
        (104, "LiveChat"),
    ]


# --- people who go -------------------------------------------------------------------------------


def test_activities_of_a_merged_person_move(
    marketo: MarketoSandbox, chatting: ObjectApi, lead: int
) -> None:
    (winner,) = marketo.seed([{"email": "winner@example.com"}])
    chatting.add(chat(lead))
    merged = chatting.call("POST", f"/v1/leads/{winner}/merge.json?leadIds={lead}")

    assert merged["success"]
    assert "result" not in merged
    assert outcomes(chatting.add(chat(lead), chat(winner))) == ["1004", "added"]
    found = chatting.read(SINCE, activityTypeIds=CHAT_ID, leadIds=winner)
    assert len(found) == 2
    assert marketo.leads()[0]["firstName"] == "Ada"  # the winner takes what it lacks


def test_deleted_people_are_reported_for_fourteen_days(
    marketo: MarketoSandbox, chatting: ObjectApi, lead: int
) -> None:
    token = chatting.token(SINCE)
    marketo.delete_leads(lead)

    def deleted() -> list[int]:
        asked = {"nextPageToken": token}
        reply = chatting.call("GET", "/v1/activities/deletedleads.json", params=asked)
        return [each["leadId"] for each in reply["result"]]

    assert outcomes(chatting.add(chat(lead))) == ["1004"]
    assert deleted() == [lead]
    marketo.advance_clock(15 * 86_400)
    chatting.log_in()
    assert deleted() == []


def test_a_merge_has_rules(marketo: MarketoSandbox, chatting: ObjectApi, lead: int) -> None:
    def code(losers: str) -> Any:
        return code_of(chatting.call("POST", f"/v1/leads/{lead}/merge.json?leadIds={losers}"))

    assert code("9") == "1004"
    assert code("") == "1002"
    assert code(str(lead)) == "1003"
    assert code(",".join(map(str, range(26)))) == "1080"


# --- who may -------------------------------------------------------------------------------------


def test_permissions_of_metadata_and_of_activities_are_apart(
    marketo: MarketoSandbox, chatting: ObjectApi, lead: int
) -> None:
    marketo.set_options(
        denied_permissions=["Read-Only Activity Metadata", "Read-Write Activity Metadata"]
    )
    assert code_of(chatting.call("GET", DESCRIBE.format("livechatChat"))) == "603"
    assert outcomes(chatting.add(chat(lead))) == ["added"]

    marketo.set_options(denied_permissions=["Read-Write Activity Metadata"])
    assert code_of(chatting.type_call("livechatChat", "/approve")) == "603"
    assert described(chatting, "livechatChat")["id"] == CHAT_ID

    marketo.set_options(denied_permissions=["Read-Write Activity"])
    assert code_of(chatting.add(chat(lead))) == "603"
    assert len(chatting.read(SINCE, activityTypeIds=CHAT_ID)) == 1


@pytest.mark.parametrize("code", ["616", "703"])
def test_an_instance_may_lack_custom_activities(
    marketo: MarketoSandbox, chatting: ObjectApi, lead: int, code: str
) -> None:
    marketo.set_options(missing_features={"activities": code})
    assert code_of(chatting.add(chat(lead))) == code
    assert outcomes(chatting.add_to_list(1001, lead)) == ["added"]
