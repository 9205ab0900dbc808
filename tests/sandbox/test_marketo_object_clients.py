"""A client that we did not write is content with the sandbox's lists, programs and activities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from marketorestpython.client import MarketoClient

from tests.sandbox.marketo import MarketoSandbox
from tests.sandbox.marketo_examples import CHAT_DATE, CHAT_ID, EXAMPLES, chat

if TYPE_CHECKING:
    from collections.abc import Iterator

A, B = 1001, 1002


@pytest.fixture(scope="module")
def marketo() -> Iterator[MarketoSandbox]:
    with MarketoSandbox(**EXAMPLES) as sandbox:
        sandbox.seed([{"email": "ada@example.com"}, {"email": "bea@example.com"}])
        yield sandbox


@pytest.fixture(scope="module")
def client(marketo: MarketoSandbox) -> MarketoClient:
    client = MarketoClient("000-AAA-000", marketo.client_id, marketo.client_secret)
    client.host = marketo.url  # it knows Marketo's own hosts only
    return client


def do(client: MarketoClient, method: str, **arguments: Any) -> Any:
    return client.execute(method, **arguments)


def test_marketorestpython_makes_a_type_of_activity(client: MarketoClient) -> None:
    names = {
        "apiName": "mrpChat",
        "name": "Chat",
        "triggerName": "Chats",
        "filterName": "Chatted",
        "primaryAttributeApiName": "topic",
        "primaryAttributeName": "Topic",
    }
    (made,) = do(client, "create_custom_activity_type", **names)
    assert made["status"] == "draft"
    attributes = [{"apiName": "threadId", "name": "Thread ID", "dataType": "string"}]
    do(client, "create_custom_activity_type_attribute", apiName="mrpChat", attributes=attributes)
    (approved,) = do(client, "approve_custom_activity_type", apiName="mrpChat")
    assert approved["id"] == CHAT_ID + 1
    (described,) = do(client, "describe_custom_activity_type", apiName="mrpChat")
    assert described["attributes"] == attributes
    known = {each["apiName"] for each in do(client, "get_custom_activity_types")}
    assert known == {"livechatChat", "livechatDraft", "mrpChat"}
    assert CHAT_ID in {each["id"] for each in do(client, "get_activity_types")}


def test_marketorestpython_adds_activities_and_reads_them_back(client: MarketoClient) -> None:
    added, skipped = do(client, "add_custom_activities", input=[chat(A), chat(9)])
    assert (added["status"], skipped["errors"][0]["code"]) == ("added", "1004")
    (found,) = do(
        client,
        "get_lead_activities",
        activityTypeIds=[str(CHAT_ID)],
        sinceDatetime=CHAT_DATE,
        leadIds=[A],
    )
    assert found["attributes"][0] == {"name": "Thread ID", "value": "T1"}


def test_marketorestpython_finds_makes_and_fills_a_list(
    marketo: MarketoSandbox, client: MarketoClient
) -> None:
    (folder,) = do(client, "get_folder_by_name", name="Group Lists", type="Folder")
    (made,) = do(client, "create_list", name="MRP", folderId=folder["id"], folderType="Folder")
    (found,) = do(client, "get_multiple_lists", name="MRP")
    assert found["id"] == made["id"]
    assert do(client, "get_list_by_name", name="MRP") == [made]
    added = do(client, "add_leads_to_list", listId=made["id"], id=[A, B])
    assert [each["status"] for each in added] == ["added", "added"]
    (member,) = do(client, "member_of_list", listId=made["id"], id=[A])
    assert member["status"] == "memberof"
    removed = do(client, "remove_leads_from_list", listId=made["id"], id=[B])
    assert removed == [{"id": B, "status": "removed"}]
    (read,) = do(client, "get_multiple_leads_by_list_id", listId=str(made["id"]), fields="email")
    assert read == {"id": A, "email": "ada@example.com"}
    assert marketo.list_members("MRP") == [A]


def test_marketorestpython_changes_a_status(marketo: MarketoSandbox, client: MarketoClient) -> None:
    (program,) = do(client, "get_program_by_name", name="LiveChat")
    (channel,) = do(client, "get_channel_by_name", name=program["channel"])
    assert {"name": "Engaged", "step": 30}.items() <= channel["progressionStatuses"][4].items()
    number = program["id"]
    change = {"id": number, "leadIds": [A, B], "status": "Engaged"}
    made = do(client, "change_lead_program_status", **change)
    assert [each["status"] for each in made] == ["created", "created"]
    assert marketo.program_members("LiveChat") == {A: "Engaged", B: "Engaged"}
    row = {"leadId": A, "registrationCode": "R"}
    assert do(client, "sync_program_member_data", id=number, input=[row])[0]["status"] == "updated"
    (described,) = do(client, "describe_program_member")
    assert described["dedupeFields"] == ["leadId", "programId"]
    members = do(client, "get_multiple_leads_by_program_id", programId=number, fields="email")
    assert {each["membership"]["progressionStatus"] for each in members} == {"Engaged"}


def test_marketorestpython_upserts_custom_objects(client: MarketoClient) -> None:
    (described,) = do(client, "describe_custom_object", name="livechatChat_c")
    assert described["dedupeFields"] == ["threadId"]
    record = {"threadId": "T1", "leadId": A, "rating": "good"}
    (row,) = do(client, "create_update_custom_objects", name="livechatChat_c", input=[record])
    assert row["status"] == "created"
    (found,) = do(
        client,
        "get_custom_objects",
        name="livechatChat_c",
        filterType="dedupeFields",
        input=[{"threadId": "T1"}],
        fields=["threadId", "leadId", "rating"],
    )
    assert record.items() <= found.items()
    keys = [{"threadId": "T1"}]
    deleted = do(client, "delete_custom_objects", name="livechatChat_c", input=keys)
    assert deleted[0]["status"] == "deleted"


def test_marketorestpython_makes_a_type_of_custom_object(client: MarketoClient) -> None:
    do(client, "create_update_custom_object_type", apiName="mrpObject", displayName="MRP")
    fields = [{"name": "key", "displayName": "Key", "dataType": "string", "isDedupeField": True}]
    do(client, "add_field_custom_object_type", apiName="mrpObject", fields=fields)
    do(client, "approve_custom_object_type", apiName="mrpObject")
    (described,) = do(client, "describe_custom_object_type", apiName="mrpObject")
    assert described["state"] == "approved"
    (row,) = do(client, "create_update_custom_objects", name="mrpObject", input=[{"key": "K"}])
    assert row["status"] == "created"


def test_marketorestpython_merges_people_and_learns_who_went(
    marketo: MarketoSandbox, client: MarketoClient
) -> None:
    winner, loser = marketo.seed([{"email": "winner@example.com"}, {"email": "loser@example.com"}])
    do(client, "add_custom_activities", input=[chat(loser, "T9")])
    assert do(client, "merge_lead", id=winner, leadIds=[loser])
    assert marketo.activities()[-2]["leadId"] == winner
    do(client, "delete_lead", id=[winner])
    gone = do(client, "get_deleted_leads", sinceDatetime="2020-01-01T00:00:00Z")
    assert [each["leadId"] for each in gone] == [winner]
