"""`marketo-ops setup`: a plan, then the thing itself, and the second time nothing to do."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.faults import Fault
from tests.sandbox.marketo_examples import CHAT_OBJECT
from tests.sandbox.object_api import ObjectApi
from tests.target_marketo.in_process import InProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.sandbox.marketo.client import MarketoSandbox

    from .conftest import Ops

ACTIVITY: dict[str, Any] = {
    "type": "livechatChat",
    "once": "thread_id",
    "date": "created_at",
    "primary": {"from": "topic", "otherwise": "Chat"},
    "attributes": {
        "threadId": "thread_id",
        "durationSeconds": {"from": "duration_seconds", "type": "float"},
        "rating": "rating",
    },
}
STREAMS: dict[str, Any] = {
    "visitors": {
        "fields": {
            "email": "email",
            "supportLastChatAt": {"from": "last_at", "write": "greatest", "type": "datetime"},
            "supportTags": {"from": "tags", "write": "append"},
        },
        "lists": ["LiveChat visitors"],
    },
    "chats": {"create": False, "activity": ACTIVITY},
}
NEW = ["supportLastChatAt", "supportTags", "livechatChat", "chatTopic"]
NEW += ["threadId", "durationSeconds", "rating", "LiveChat visitors"]
ACTS = 6
WRITES = ("create_lead_fields", "change_activity_type", "create_list", "create_folder")


@pytest.fixture
def api(marketo: MarketoSandbox) -> Iterator[ObjectApi]:
    with ObjectApi(marketo) as client:
        client.log_in()
        yield client


def variables(streams: dict[str, Any] = STREAMS) -> dict[str, str]:
    return {"TARGET_MARKETO_STREAMS": json.dumps(streams)}


def setup(ops: Ops, *arguments: str, streams: dict[str, Any] = STREAMS) -> Any:
    return ops.json("setup", *arguments, **variables(streams))


def marks(planned: Any) -> dict[str, str]:
    return {row["name"]: row["mark"] for row in planned["rows"]}


def texts(planned: Any) -> dict[str, str]:
    return {row["name"]: row["text"] for row in planned["rows"]}


def writes(marketo: MarketoSandbox) -> int:
    return sum(marketo.counts().calls.get(kind, 0) for kind in WRITES)


def with_activity(**changes: Any) -> dict[str, Any]:
    return {"chats": {"create": False, "activity": ACTIVITY | changes}}


def test_from_an_empty_instance_to_nothing_to_do(ops: Ops, marketo: MarketoSandbox) -> None:
    planned = setup(ops)
    assert {name: marks(planned)[name] for name in NEW} == dict.fromkeys(NEW, "+")
    assert marks(planned)["email"] == "="
    assert writes(marketo) == 0, "a plan changes nothing"

    applied = setup(ops, "--apply")
    assert applied["ok"]
    assert [each["ok"] for each in applied["made"]] == [True] * ACTS

    again = setup(ops)
    assert set(marks(again).values()) == {"="}
    assert "Nothing to do" in ops("setup", "--apply", **variables()).output
    assert writes(marketo) == ACTS, "what is there is not touched"
    assert marketo.list_members("LiveChat visitors") == []
    assert ops("setup", **variables()).exit_code == 0


def test_what_was_made_is_what_was_planned(ops: Ops, api: ObjectApi) -> None:
    setup(ops, "--apply")

    (made,) = api.call("GET", "/v1/activities/external/type/livechatChat/describe.json")["result"]
    assert (made["status"], made["name"]) == ("approved", "Chat on LiveChat")
    assert (made["triggerName"], made["filterName"]) == ("Chats on LiveChat", "Chatted on LiveChat")
    assert made["primaryAttribute"]["apiName"] == "chatTopic"
    assert {each["apiName"]: each["dataType"] for each in made["attributes"]} == {
        "threadId": "string",
        "durationSeconds": "float",
        "rating": "string",
    }
    (field,) = api.call("GET", "/v1/leads/schema/fields/supportLastChatAt.json")["result"]
    assert (field["dataType"], field["displayName"]) == ("datetime", "Support Last Chat At")
    lists = api.call("GET", "/asset/v1/staticList/byName.json", params={"name": NEW[-1]})
    assert lists["result"][0]["folder"]["id"] == 12


def test_the_list_goes_into_the_folder_that_is_named(ops: Ops, api: ObjectApi) -> None:
    parent = '{"id":12,"type":"Folder"}'
    api.call("POST", "/asset/v1/folders.json", data={"name": "Chats", "parent": parent})

    setup(ops, "--apply", "--folder", "Chats")

    lists = api.call("GET", "/asset/v1/staticList/byName.json", params={"name": NEW[-1]})
    assert lists["result"][0]["folder"]["id"] == 100


def test_a_folder_that_is_not_there_is_reported_before_anything(
    ops: Ops, marketo: MarketoSandbox
) -> None:
    planned = setup(ops, "--folder", "Nowhere")

    assert marks(planned)["LiveChat visitors"] == "!"
    assert "no folder Nowhere: name one with --folder" in texts(planned)["LiveChat visitors"]
    assert writes(marketo) == 0


def test_types_come_from_the_schema_seen_last(
    ops: Ops, marketo: MarketoSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds: dict[str, Any] = {
        "email": {"type": "string"},
        "thread_id": {"type": "string"},
        "created_at": {"type": "string", "format": "date-time"},
        "topic": {"type": "string"},
        "duration_seconds": {"type": ["integer", "null"]},
        "active": {"type": ["boolean", "null"]},
        "tags": {"type": ["array", "null"], "items": {"type": "string"}},
    }
    target = InProcess(marketo, tmp_path, monkeypatch.setattr)
    head = {"type": "SCHEMA", "stream": "chats", "schema": {"properties": kinds}}
    target.run([head], streams={"chats": {"fields": {"email": "email"}}})
    attributes = {
        "threadId": "thread_id",
        "startedAt": "created_at",
        "durationSeconds": {"from": "duration_seconds", "type": "string"},
        "active": {"from": "active"},
        "tags": {"from": "tags", "type": "text"},
        "topic": {"from": "topic", "type": "text"},
    }

    told = texts(setup(ops, streams=with_activity(attributes=attributes)))

    assert told["startedAt"].startswith("datetime (by its SCHEMA)")
    assert told["durationSeconds"].startswith("integer (by its SCHEMA, not string)")
    assert told["active"].startswith("boolean (by its SCHEMA)")
    assert told["tags"].startswith("text (by `type`)")
    assert told["topic"].startswith("text (by `type`)"), "a text may be anything"
    assert told["threadId"].startswith("string: Thread Id")


@pytest.mark.parametrize(
    ("denied", "failed", "said"),
    [
        ("Read-Write Schema Custom Field", {"field supportLastChatAt", "field supportTags"}, 2),
        ("Read-Write Activity Metadata",
         {"activity type livechatChat, a draft", "3 attributes of livechatChat",
          "approval of livechatChat"}, 1),
        ("Read-Write Asset", {"list LiveChat visitors"}, 1),
    ],
)  # fmt: skip
def test_a_permission_that_lacks_is_named_and_the_rest_is_made(
    ops: Ops, marketo: MarketoSandbox, denied: str, failed: set[str], said: int
) -> None:
    marketo.set_options(denied_permissions=[denied])

    applied = setup(ops, "--apply")

    assert {each["what"] for each in applied["made"] if not each["ok"]} == failed
    assert sum(f"permission {denied} (603)" in each["text"] for each in applied["made"]) == said
    assert not applied["ok"]
    marketo.set_options(denied_permissions=[])
    assert setup(ops, "--apply")["ok"]
    assert set(marks(setup(ops)).values()) == {"="}


@pytest.mark.parametrize(
    ("denied", "what"),
    [
        (["Read-Only Activity Metadata", "Read-Write Activity Metadata"], "livechatChat"),
        (["Read-Only Lead", "Read-Write Lead"], "LiveChat visitors"),
        (["Read-Only Asset", "Read-Write Asset"], "LiveChat visitors"),
    ],
)
def test_what_may_not_be_looked_at_is_reported_and_the_rest_is_planned(
    ops: Ops, marketo: MarketoSandbox, denied: Any, what: str
) -> None:
    marketo.set_options(denied_permissions=denied)

    planned = setup(ops)

    assert marks(planned)[what] == "!"
    assert "lacks the permission Read-Only" in texts(planned)[what]
    assert marks(planned)["supportTags"] == "+"
    assert ops("setup", **variables()).exit_code == 1


def test_a_feature_that_was_not_bought_is_reported(ops: Ops, marketo: MarketoSandbox) -> None:
    marketo.set_options(missing_features={"activities": "703", "lists": "616"})

    planned = setup(ops)

    assert "not part of the subscription (703)" in texts(planned)["livechatChat"]
    assert "not part of the subscription (616)" in texts(planned)["LiveChat visitors"]


@pytest.mark.parametrize("after", range(ACTS))
@pytest.mark.parametrize("done", [True, False])
def test_a_crash_midway_is_mended_by_doing_it_again(
    ops: Ops, marketo: MarketoSandbox, after: int, *, done: bool
) -> None:
    kinds = [kind for kind, count in zip(WRITES, (2, 3, 1), strict=False) for _ in range(count)]
    earlier = kinds[:after].count(kinds[after])
    marketo.set_faults(
        [Fault(what="reset", calls=(kinds[after],), at=(earlier + 1,), applied=done)]
    )

    broken = setup(ops, "--apply")
    assert not broken["ok"]
    assert len(broken["made"]) == after + 1
    assert "run it again" in broken["made"][-1]["text"]

    marketo.set_faults([])
    assert setup(ops, "--apply")["ok"]
    assert set(marks(setup(ops)).values()) == {"="}
    assert setup(ops, "--apply")["made"] == []


@pytest.mark.parametrize(("given", "made"), [("float", "string"), ("integer", "integer")])
def test_the_attribute_by_which_an_activity_is_recognised_is_made_as_one_that_keeps_it(
    ops: Ops, given: str, made: str
) -> None:
    attributes = ACTIVITY["attributes"] | {"threadId": {"from": "thread_id", "type": given}}
    planned = setup(ops, streams=with_activity(attributes=attributes))
    assert texts(planned)["threadId"].startswith(f"{made} (by `once`)")


def test_one_that_is_there_and_would_not_keep_it_is_reported(
    ops: Ops, marketo: MarketoSandbox
) -> None:
    odd = {"api_name": "threadId", "name": "Thread", "data_type": "float"}
    marketo.reset(activity_types=({"api_name": "livechatChat", "attributes": (odd,)},))
    streams = with_activity(attributes={"threadId": "thread_id"})

    planned = setup(ops, streams=streams)
    assert (marks(planned)["threadId"], planned["ok"]) == ("!", False)
    assert "by which no activity is recognised" in texts(planned)["threadId"]


def test_attributes_that_are_new_in_the_mapping_are_added_to_the_type(
    ops: Ops, marketo: MarketoSandbox, api: ObjectApi
) -> None:
    setup(ops, "--apply")
    more = with_activity(attributes=ACTIVITY["attributes"] | {"startPage": "start_url"})

    applied = setup(ops, "--apply", streams=more)

    assert [each["what"] for each in applied["made"]] == [
        "1 attribute of livechatChat",
        "approval of livechatChat",
    ]
    (made,) = api.call("GET", "/v1/activities/external/type/livechatChat/describe.json")["result"]
    assert (made["status"], len(made["attributes"])) == ("approved", 4)
    del marketo


def test_a_draft_that_somebody_else_began_is_left_alone(
    ops: Ops, marketo: MarketoSandbox, api: ObjectApi
) -> None:
    setup(ops, "--apply")
    theirs = {"attributes": [{"apiName": "theirs", "name": "Theirs"}]}
    api.type_call("livechatChat", "/attributes/create", theirs)
    before = writes(marketo)
    assert set(marks(setup(ops)).values()) == {"="}, "nothing is missing, and nothing is approved"

    more = with_activity(attributes=ACTIVITY["attributes"] | {"startPage": "start_url"})
    planned = setup(ops, "--apply", streams=more)

    assert "begun a draft (it adds `theirs`)" in texts(planned)["livechatChat"]
    assert writes(marketo) == before


def test_programs_and_objects_are_reported_with_the_clicks(
    ops: Ops, marketo: MarketoSandbox
) -> None:
    streams = {
        "chats": {
            "programs": {"LiveChat": "Engaged"},
            "object": {
                "name": "livechatChat_c",
                "dedupe": "threadId",
                "link": "leadId",
                "fields": {"threadId": "thread_id", "rating": "rating"},
            },
        }
    }

    told = texts(setup(ops, streams=streams))

    assert "no API makes that" in told["LiveChat"]
    assert "New Program, with a channel that has the status `Engaged`" in told["LiveChat"]
    assert "Admin > Marketo Custom Objects" in told["livechatChat_c"]
    assert (
        "threadId (string, dedupe field), rating (string), and leadId, a link"
        in (told["livechatChat_c"])
    )
    marketo.reset(
        programs=[{"name": "LiveChat", "channel": "Live Chat"}], custom_objects=[CHAT_OBJECT]
    )
    assert set(marks(setup(ops, streams=streams)).values()) == {"="}


def test_a_status_that_the_channel_lacks_is_reported_with_those_it_has(
    ops: Ops, marketo: MarketoSandbox
) -> None:
    marketo.reset(programs=[{"name": "LiveChat", "channel": "Live Chat"}])

    told = texts(setup(ops, streams={"chats": {"programs": {"LiveChat": "Engagd"}}}))

    assert "did you mean `Engaged`?" in told["LiveChat"]
    assert "Admin > Tags > Channel" in told["LiveChat"]


@pytest.mark.parametrize(
    ("field", "spec", "said"),
    [
        ("chatAt", {"from": "at", "write": "greatest"}, "`greatest` needs a number or a date"),
        ("chatFlag", {"from": "f", "write": "if_empty", "type": "boolean"}, "is a boolean"),
        ("chatNotes", {"from": "notes", "type": "text"}, "the API makes no text: Admin > Field"),
        ("1st", "first", "begins with a letter"),
    ],
)
def test_a_field_that_the_mapping_could_not_use_is_not_made(
    ops: Ops, marketo: MarketoSandbox, field: str, spec: Any, said: str
) -> None:
    streams = {"visitors": {"fields": {"email": "email", field: spec}}}

    planned = setup(ops, "--apply", streams=streams)

    assert marks(planned)[field] == "!"
    assert said in texts(planned)[field]
    assert (planned["made"], writes(marketo)) == ([], 0)


def test_a_key_that_marketo_lacks_is_made_too(ops: Ops) -> None:
    streams = {"visitors": {"key": "crmNumber", "fields": {"email": "email"}}}

    assert setup(ops, "--apply", streams=streams)["ok"]
    assert marks(setup(ops, streams=streams)) == {"email": "="}


def test_what_is_wrong_with_the_mapping_otherwise_is_reported(ops: Ops) -> None:
    streams = {"visitors": {"fields": {"email": "email", "createdAt": "x"}, "lists": [1.5]}}

    planned = setup(ops, streams=streams)

    told = [row["text"] for row in planned["rows"] if row["what"] == "mapping"]
    assert any("read-only" in each for each in told)
    assert any("`streams.visitors.lists`" in each for each in told)
    assert not planned["ok"]


def test_what_is_wrong_with_the_setting_is_reported_where_fields_may_not_be_looked_at(
    ops: Ops, marketo: MarketoSandbox
) -> None:
    marketo.set_options(denied_calls=["describe"])

    planned = setup(ops, streams={"visitors": {"fields": {"email": "email"}, "lists": [1.5]}})

    texts = [row["text"] for row in planned["rows"]]
    assert any("lacks the permission Read-Only Person (603)" in each for each in texts)
    assert any("`streams.visitors.lists`" in each for each in texts)


def test_a_quota_that_is_used_up_midway_says_what_was_made_and_what_was_not(
    ops: Ops, marketo: MarketoSandbox
) -> None:
    marketo.set_faults([Fault(what="answer", code="607", calls=("change_activity_type",), at=(1,))])

    applied = setup(ops, "--apply")

    assert [each["ok"] for each in applied["made"]] == [True, True, False]
    assert "run it again" in applied["made"][-1]["text"]


def test_a_name_that_is_nearly_one_of_marketos_is_asked_about(ops: Ops) -> None:
    told = texts(setup(ops, streams={"visitors": {"fields": {"email": "email", "emial": "x"}}}))

    assert "is `email` meant?" in told["emial"]


@pytest.mark.parametrize("level", ["response_1017", "row_1017"])
def test_a_field_whose_name_is_taken_is_reported(
    ops: Ops, marketo: MarketoSandbox, level: str
) -> None:
    marketo.set_options(lead_field_taken=level)
    # REST does not see a field of this name, and yet it is there.
    streams = {"visitors": {"fields": {"email": "email", "liveChatLegacyId": "chat_id"}}}

    planned = setup(ops, "--apply", streams=streams)

    assert "is taken (1017): run it again, or take another" in planned["made"][0]["text"]
    assert not planned["ok"]


def test_the_plan_fits_eighty_columns_and_warns_before_it_is_made(
    ops: Ops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    streams = STREAMS | {"more": {"programs": {"LiveChat": "Engaged"}}}

    shown = ops("setup", **variables(streams), COLUMNS="80").output

    shown = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert max(map(len, shown.splitlines())) <= 80
    assert "never deleted" in " ".join(shown.split())
    assert "marketo-ops setup --apply" in " ".join(shown.split())


def test_in_a_pipe_the_plan_is_tab_separated_lines(ops: Ops) -> None:
    shown = ops("setup", **variables()).stdout.splitlines()

    assert shown[0] == "\twhat\tname\twhich"
    assert shown[1].split("\t")[:3] == ["=", "field", "email"]
