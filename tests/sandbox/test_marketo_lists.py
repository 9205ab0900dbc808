"""The Marketo sandbox keeps static lists and folders, and programs with the steps of a channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.faults import Fault
from tests.sandbox.marketo_api import at_once, code_of
from tests.sandbox.marketo_examples import EXAMPLES
from tests.sandbox.object_api import ObjectApi, outcomes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox.marketo import MarketoSandbox

A, B, C = 1001, 1002, 1003
NOBODY = 9
VISITORS = "LiveChat visitors"
FOLDER = '{"type":"Folder","id":12}'
NOTHING = {"errors": [], "warnings": ["No assets found for the given search criteria."]}


@pytest.fixture
def api(marketo: MarketoSandbox) -> Iterator[ObjectApi]:
    """A client of a Marketo with three people, two lists, and a program."""
    marketo.reset(**EXAMPLES)
    marketo.seed({"email": f"{name}@example.com", "firstName": name} for name in "abc")
    with ObjectApi(marketo) as client:
        client.log_in()
        yield client


def got(api: ObjectApi, path: str, **parameters: Any) -> list[Any]:
    reply = api.call("GET", path, params=parameters)
    assert reply["success"], reply
    return list(reply["result"])


def asset(api: ObjectApi, path: str, **parameters: Any) -> Any:
    """An asset reply without what every reply has."""
    reply = api.call("GET", f"/asset/v1/{path}", params=parameters)
    assert reply.pop("success")
    del reply["requestId"]
    return reply


def create(api: ObjectApi, name: str, folder: str = FOLDER) -> Any:
    return api.call("POST", "/asset/v1/staticLists.json", data={"name": name, "folder": folder})


# --- lists: found and made -----------------------------------------------------------------------


def test_a_list_is_found_by_name_with_leave_to_read_leads(
    marketo: MarketoSandbox, api: ObjectApi
) -> None:
    marketo.set_options(denied_permissions=["Read-Only Asset", "Read-Write Asset"])
    (found,) = got(api, "/v1/lists.json", name=VISITORS)
    assert (found["id"], found["name"], found["workspaceName"]) == (1001, VISITORS, "Default")
    assert [each["id"] for each in got(api, "/v1/lists.json", programName="LiveChat")] == [1002]
    assert [each["id"] for each in got(api, "/v1/lists.json", id="1002,1001,7")] == [1001, 1002]
    assert got(api, "/v1/lists.json", name="Nobody's") == []
    assert got(api, "/v1/lists/1002.json")[0]["programName"] == "LiveChat"
    assert code_of(api.call("GET", "/v1/lists/7.json")) == "1013"
    byname = api.call("GET", "/asset/v1/staticList/byName.json", params={"name": VISITORS})
    assert code_of(byname) == "603"


def test_lists_come_in_pages(api: ObjectApi) -> None:
    first = api.call("GET", "/v1/lists.json", params={"batchSize": 1})
    token = first["nextPageToken"]
    second = api.call("GET", "/v1/lists.json", params={"batchSize": 1, "nextPageToken": token})
    assert [each["id"] for each in (*first["result"], *second["result"])] == [1001, 1002]
    assert "nextPageToken" not in second


def test_a_name_finds_no_list_or_one_or_two(api: ObjectApi) -> None:
    def ids(name: str) -> list[int]:
        found = asset(api, "staticList/byName.json", name=name)
        return [each["id"] for each in found.get("result", [])]

    assert asset(api, "staticList/byName.json", name="New") == NOTHING
    assert create(api, "New")["success"]
    assert ids("New") == [1003]
    assert create(api, "New", "{'id': 1001, 'type': Program}")["success"]  # as others write it
    assert ids("New") == [1003, 1004]
    assert ids("new") == []


def test_a_new_list_is_answered_as_recorded(api: ObjectApi) -> None:
    (made,) = create(api, "(test) High Value")["result"]
    assert (made["id"], made["name"], made["workspace"]) == (1003, "(test) High Value", "Default")
    assert made["folder"] == {"id": 12, "type": "Folder"}
    assert made["createdAt"].endswith("Z+0000")
    assert asset(api, "staticList/1003.json")["result"] == [made]


def test_a_list_needs_a_folder_and_a_name_of_its_own(api: ObjectApi) -> None:
    assert code_of(create(api, VISITORS)) == "709"
    assert code_of(create(api, "New", '{"type":"Folder","id":77}')) == "710"
    assert code_of(create(api, "New", '{"type":"Program","id":77}')) == "710"
    assert code_of(create(api, "New", "12")) == "1001"
    assert code_of(create(api, "")) == "1002"


def test_a_list_is_renamed_and_deleted(api: ObjectApi) -> None:
    path = "/asset/v1/staticList/1001"
    assert api.call("POST", f"{path}.json", data={"name": "Visitors"})["success"]
    assert [each["id"] for each in got(api, "/v1/lists.json", name="Visitors")] == [1001, 1002]
    assert api.call("POST", f"{path}/delete.json")["result"] == [{"id": 1001}]
    assert code_of(api.add_to_list(1001, A)) == "1013"
    assert code_of(api.call("POST", f"{path}/delete.json")) == "702"


def test_folders_are_found_and_made(api: ObjectApi) -> None:
    (found,) = asset(api, "folder/byName.json", name="Group Lists")["result"]
    assert found["folderId"] == {"id": 12, "type": "Folder"}
    assert found["path"] == "/Lead Database/Default/Group Lists"
    assert asset(api, "folder/byName.json", name="LiveChat") == NOTHING
    form = {"name": "LiveChat", "parent": FOLDER}
    (made,) = api.call("POST", "/asset/v1/folders.json", data=form)["result"]
    assert asset(api, f"folder/{made['id']}.json", type="Folder")["result"] == [made]
    assert code_of(api.call("POST", "/asset/v1/folders.json", data=form)) == "709"


# --- members of lists ----------------------------------------------------------------------------


def test_who_is_added_is_answered_by_id(marketo: MarketoSandbox, api: ObjectApi) -> None:
    reply = api.add_to_list(1001, A, NOBODY, B)
    gone = [{"code": "1004", "message": "Lead not found"}]
    assert reply["result"] == [
        {"id": A, "status": "added"},
        {"status": "skipped", "reasons": gone, "id": NOBODY},
        {"id": B, "status": "added"},
    ]
    assert marketo.list_members(VISITORS) == [A, B]


def test_ids_may_stand_in_the_address(marketo: MarketoSandbox, api: ObjectApi) -> None:
    assert outcomes(api.call("POST", f"/v1/lists/1001/leads.json?id={A}&id={B},{C}")) == [
        *("added", "added", "added")
    ]
    removed = api.call("DELETE", f"/v1/lists/1001/leads.json?id={A}&id={NOBODY}")
    assert outcomes(removed) == ["removed", "1004"]
    body = {"input": [{"id": A}, {"id": B}]}
    removed = api.call("POST", "/v1/lists/1001/leads.json?_method=DELETE", json=body)
    assert outcomes(removed) == ["1015", "removed"]
    assert marketo.list_members(VISITORS) == [C]


def test_membership_is_asked_for(api: ObjectApi) -> None:
    api.add_to_list(1001, A)
    path = "/v1/lists/1001/leads/ismember.json"
    asked = {"id": f"{A},{B},{NOBODY}"}
    assert outcomes(api.call("GET", path, params=asked)) == ["memberof", "notmemberof", "1004"]
    body = {"input": [{"id": A}]}
    assert outcomes(api.call("POST", f"{path}?_method=GET", json=body)) == ["memberof"]
    assert [each["listId"] for each in got(api, f"/v1/leads/{A}/listMembership.json")] == [1001]


def test_members_are_read_as_recorded(api: ObjectApi) -> None:
    api.add_to_list(1001, A, B)
    form = {"listId": 1001, "_method": "GET", "fields": "email"}
    reply = api.call("POST", "/v1/list/1001/leads.json", data=form)
    assert reply["result"] == [
        {"id": A, "email": "a@example.com"},
        {"id": B, "email": "b@example.com"},
    ]
    first = api.call("GET", "/v1/lists/1001/leads.json", params={"batchSize": 1})
    assert [each["id"] for each in first["result"]] == [A]
    assert first["nextPageToken"]


def test_a_call_to_a_list_has_1_to_300_people(api: ObjectApi) -> None:
    assert code_of(api.add_to_list(1001)) == "1002"
    assert code_of(api.add_to_list(1001, *range(301))) == "1003"
    assert code_of(api.add_to_list(77, A)) == "1013"


def test_a_list_that_goes_while_a_call_is_under_way_takes_nobody(
    marketo: MarketoSandbox, api: ObjectApi
) -> None:
    marketo.set_faults([Fault(what="late", seconds=0.3, calls=("add_to_list",))])

    def delete() -> Any:
        while not any(each.kind == "add_to_list" for each in marketo.journal()):
            pass
        return api.call("POST", "/asset/v1/staticList/1001/delete.json")

    added, deleted = at_once([lambda: api.add_to_list(1001, A), delete])
    assert deleted["success"]
    assert code_of(added) == "1013"


def test_a_part_can_be_carried_out_before_the_reply_is_lost(
    marketo: MarketoSandbox, api: ObjectApi
) -> None:
    marketo.set_faults([Fault(what="partly", code="502", share=0.67, calls=("add_to_list",))])
    assert code_of(api.add_to_list(1001, A, B, C)) == "502"
    assert marketo.list_members(VISITORS) == [A, B]


def test_memberships_of_a_merged_person_move(marketo: MarketoSandbox, api: ObjectApi) -> None:
    api.add_to_list(1001, B)
    api.set_status("Engaged", B)
    api.set_status("Visited", A, C)
    marketo.merge_leads(A, B)
    marketo.delete_leads(C)
    assert marketo.list_members(VISITORS) == [A]
    assert marketo.program_members("LiveChat") == {A: "Engaged"}
    assert outcomes(api.add_to_list(1001, A, B, C)) == ["added", "1004", "1004"]
    assert outcomes(api.set_status("Engaged", A, B)) == ["1037", "1004"]


# --- programs ------------------------------------------------------------------------------------


def test_a_program_is_found_with_the_steps_of_its_channel(api: ObjectApi) -> None:
    (found,) = asset(api, "program/byName.json", name="LiveChat")["result"]
    assert (found["id"], found["channel"]) == (1001, "Live Chat")
    assert asset(api, "program/1001.json")["result"] == [found]
    assert asset(api, "program/byName.json", name="livechat") == NOTHING
    (channel,) = asset(api, "channel/byName.json", name="Live Chat")["result"]
    steps = {each["name"]: each["step"] for each in channel["progressionStatuses"]}
    assert steps == {
        "Not in Program": 0,
        "Visited": 10,
        "Chatted": 20,
        "Declined": 20,
        "Engaged": 30,
        "Archived": 40,
    }
    assert asset(api, "channels.json")["result"] == [channel]


def test_a_status_never_goes_back(marketo: MarketoSandbox, api: ObjectApi) -> None:
    rows = api.set_status("Chatted", A, NOBODY, B)["result"]
    assert rows == [
        {"seq": 0, "status": "created", "leadId": A},
        {
            "seq": 1,
            "status": "skipped",
            "reasons": [{"code": "1004", "message": "Lead not found"}],
        },
        {"seq": 2, "status": "created", "leadId": B},
    ]
    assert outcomes(api.set_status("Engaged", A)) == ["updated"]
    assert outcomes(api.set_status("Visited", A, B, C)) == ["1037", "1037", "created"]
    assert outcomes(api.set_status("Engaged", A, B)) == ["1037", "updated"]
    assert marketo.program_members("LiveChat") == {A: "Engaged", B: "Engaged", C: "Visited"}


def test_only_a_status_of_the_channel_can_be_chosen(api: ObjectApi) -> None:
    assert code_of(api.set_status("engaged", A)) == "1025"
    assert code_of(api.set_status("Archived", A)) == "1025"  # a hidden one
    assert code_of(api.set_status("", A)) == "1002"
    assert code_of(api.set_status("Engaged")) == "1002"
    assert code_of(api.set_status("Engaged", *range(301))) == "1003"


def test_members_have_fields_of_their_own(api: ObjectApi) -> None:
    path = "/v1/programs/1001/members"
    row = {"leadId": A, "registrationCode": "R1"}
    body = {"input": [row]}
    assert outcomes(api.call("POST", f"{path}.json", json=body)) == ["1013"]
    api.set_status("Visited", A)
    assert outcomes(api.call("POST", f"{path}.json", json=body)) == ["updated"]
    asked = {"filterType": "leadId", "filterValues": f"{A},{B}", "fields": "statusName"}
    (read,) = got(api, f"{path}.json", **asked)
    assert (read["leadId"], read["statusName"]) == (A, "Visited")
    assert outcomes(api.call("POST", f"{path}/delete.json", json=body)) == ["deleted"]
    assert outcomes(api.call("POST", f"{path}/delete.json", json=body)) == ["1037"]


def test_programs_of_one_person_are_read(api: ObjectApi) -> None:
    api.set_status("Engaged", A)
    (found,) = got(api, f"/v1/leads/{A}/programMembership.json")
    assert (found["progressionStatus"], found["reachedSuccess"]) == ("Engaged", True)


def test_assets_and_leads_have_permissions_of_their_own(
    marketo: MarketoSandbox, api: ObjectApi
) -> None:
    marketo.set_options(denied_permissions=["Read-Write Lead"])
    assert code_of(api.set_status("Engaged", A)) == "603"
    assert code_of(api.add_to_list(1001, A)) == "603"
    assert got(api, "/v1/lists.json")
    marketo.set_options(denied_permissions=["Read-Write Asset"])
    assert code_of(create(api, "New")) == "603"
    assert asset(api, "program/1001.json")["result"]
    marketo.set_options(denied_permissions=[], missing_features={"programs": "703"})
    assert code_of(api.set_status("Engaged", A)) == "703"


def test_a_wrong_method_is_told_from_a_wrong_path(api: ObjectApi) -> None:
    assert code_of(api.call("DELETE", "/v1/programs/1001/members.json")) == "605"
    assert code_of(api.call("GET", "/v1/programs/1001/nothing.json")) == "610"
