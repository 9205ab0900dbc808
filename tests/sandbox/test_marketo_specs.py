"""What the sandbox answers about objects has the names and types of Adobe's specification.

Which keys a reply must have the specification tells wrongly (rows that are skipped have no id), so
that is not asked of it.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from tests.sandbox.marketo import MarketoSandbox
from tests.sandbox.marketo_api import ADA
from tests.sandbox.marketo_examples import CHAT_ID, EXAMPLES, chat
from tests.sandbox.object_api import ObjectApi
from tests.sandbox.process import REPOSITORY_ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

SPECS = REPOSITORY_ROOT.parent / "shared" / "specs"
FILES = ("marketo-swagger-mapi.json", "marketo-swagger-asset.json")
A = 1001
TYPE = "/rest/v1/activities/external/type"
NEW_TYPE = {
    "apiName": "new",
    "name": "New",
    "triggerName": "News",
    "filterName": "Newed",
    "primaryAttribute": {"apiName": "topic", "name": "Topic"},
}
NEW_FIELD = {"name": "chatNotes", "displayName": "Chat Notes", "dataType": "string"}
NOVEMBER = {"startAt": "2026-11-01T00:00:00Z", "endAt": "2026-12-01T00:00:00Z"}
SCHEMA = "/rest/v1/customobjects/schema"
KEY = {"name": "key", "displayName": "Key", "dataType": "string", "isDedupeField": True}
LISTED = {"input": [{"id": A}, {"id": 9}]}
FOLDER = '{"id":12,"type":"Folder"}'
Call = tuple[str, str, dict[str, Any]]
# Each call once, as specified: method, path, and what is sent; in stories, of which each call may
# need those before it.
STORIES: dict[str, tuple[Call, ...]] = {
    "types": (
        ("GET", "/rest/v1/activities/external/types.json", {}),
        ("GET", f"{TYPE}/livechatChat/describe.json", {}),
        ("GET", "/rest/v1/activities/types.json", {}),
    ),
    "a new type": (
        ("POST", f"{TYPE}.json", {"json": NEW_TYPE}),
        ("POST", f"{TYPE}/new.json", {"json": {"description": "Newer"}}),
        (
            "POST",
            f"{TYPE}/new/attributes/create.json",
            {"json": {"attributes": [{"apiName": "a", "name": "A"}]}},
        ),
        ("POST", f"{TYPE}/new/approve.json", {}),
        ("POST", f"{TYPE}/new/delete.json", {}),
    ),
    "activities": (
        ("POST", "/rest/v1/activities/external.json", {"json": {"input": [chat(A), chat(9)]}}),
        (
            "GET",
            "/rest/v1/activities/pagingtoken.json",
            {"params": {"sinceDatetime": NOVEMBER["startAt"]}},
        ),
    ),
    "lists": (
        ("GET", "/rest/v1/lists.json", {}),
        ("GET", "/rest/v1/lists/1002.json", {}),
        ("POST", "/rest/v1/lists/1001/leads.json", {"json": LISTED}),
        ("GET", "/rest/v1/lists/1001/leads/ismember.json", {"params": {"id": [A, 9]}}),
        ("GET", f"/rest/v1/leads/{A}/listMembership.json", {}),
        ("DELETE", "/rest/v1/lists/1001/leads.json", {"json": LISTED}),
    ),
    "a new list": (
        ("GET", "/rest/asset/v1/staticList/byName.json", {"params": {"name": "Visitors"}}),
        ("POST", "/rest/asset/v1/staticLists.json", {"data": {"name": "New", "folder": FOLDER}}),
        ("GET", "/rest/asset/v1/staticLists.json", {}),
        ("POST", "/rest/asset/v1/staticList/1003/delete.json", {}),
    ),
    "folders and channels": (
        ("GET", "/rest/asset/v1/folder/byName.json", {"params": {"name": "Group Lists"}}),
        ("POST", "/rest/asset/v1/folders.json", {"data": {"name": "New", "parent": FOLDER}}),
        ("GET", "/rest/asset/v1/channel/byName.json", {"params": {"name": "Live Chat"}}),
        ("GET", "/rest/v1/campaigns.json", {}),
    ),
    "programs": (
        (
            "POST",
            "/rest/v1/programs/1001/members/status.json",
            {"json": {"statusName": "Engaged", "input": [{"leadId": A}, {"leadId": 9}]}},
        ),
        ("POST", "/rest/v1/programs/1001/members.json", {"json": {"input": [{"leadId": A}]}}),
        ("GET", "/rest/v1/programs/members/describe.json", {}),
        (
            "GET",
            "/rest/v1/programs/1001/members.json",
            {"params": {"filterType": "leadId", "filterValues": A}},
        ),
        ("GET", f"/rest/v1/leads/{A}/programMembership.json", {}),
        (
            "POST",
            "/rest/v1/programs/1001/members/delete.json",
            {"json": {"input": [{"leadId": A}]}},
        ),
    ),
    "fields": (
        ("GET", "/rest/v1/leads/schema/fields.json", {}),
        ("GET", "/rest/v1/leads/schema/fields/email.json", {}),
        ("POST", "/rest/v1/leads/schema/fields.json", {"json": {"input": [NEW_FIELD]}}),
    ),
    "a new object": (
        ("GET", f"{SCHEMA}/fieldDataTypes.json", {}),
        ("GET", f"{SCHEMA}/linkableObjects.json", {}),
        ("POST", f"{SCHEMA}.json", {"json": {"apiName": "new", "displayName": "New"}}),
        ("POST", f"{SCHEMA}/new/addField.json", {"json": {"input": [KEY]}}),
        ("POST", f"{SCHEMA}/new/approve.json", {}),
        ("GET", f"{SCHEMA}/new/describe.json", {}),
        ("GET", f"{SCHEMA}.json", {}),
    ),
    "objects": (
        ("GET", "/rest/v1/customobjects/livechatChat_c/describe.json", {}),
        (
            "POST",
            "/rest/v1/customobjects/livechatChat_c.json",
            {"json": {"input": [{"threadId": "T1"}, {"rating": "good"}]}},
        ),
    ),
    "extracts": (
        (
            "POST",
            "/bulk/v1/leads/export/create.json",
            {"json": {"fields": ["id"], "filter": {"createdAt": NOVEMBER}}},
        ),
        ("GET", "/bulk/v1/leads/export.json", {}),
        (
            "POST",
            "/bulk/v1/activities/export/create.json",
            {"json": {"filter": {"createdAt": NOVEMBER}}},
        ),
    ),
}
# Where recorded traffic, or the page that explains a call, shows more than the specification says.
AMENDED: dict[str, dict[str, Any]] = {
    "Attribute": {"value": {}},  # "object" stands for any JSON value
    "CustomObject": {"status": {"enum": ["created", "updated", "deleted", "skipped"]}},
    "FolderResponse": {"folderType": {"type": "string"}},  # "List" was recorded
    "ProgramMemberStatusResponse": {"status": {"enum": ["created", "updated", "skipped"]}},
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[MarketoSandbox]:
    options = EXAMPLES | {"campaigns": ["Alert sales"], "clock_start": "2026-11-28T12:00:00Z"}
    with MarketoSandbox(**options) as sandbox:
        yield sandbox


@pytest.fixture
def api(sandbox: MarketoSandbox) -> Iterator[ObjectApi]:
    sandbox.reset()
    sandbox.seed([ADA])
    with ObjectApi(sandbox) as client:
        client.log_in()
        yield client


@pytest.fixture(scope="module")
def operations() -> dict[tuple[str, str], tuple[dict[str, Any], dict[str, Any]]]:
    """By method and path: the reply's schema, and the definitions that it refers to."""
    if not all((SPECS / name).exists() for name in FILES):
        pytest.skip("the specifications are not in ../shared/specs")
    found = {}
    for name in FILES:
        spec = json.loads((SPECS / name).read_text())
        definitions = {name: _closed(name, part) for name, part in spec["definitions"].items()}
        # What is written out goes before names.
        for path, methods in sorted(spec["paths"].items(), key=lambda item: item[0].count("{")):
            for method, operation in methods.items():
                reply = operation["responses"]["200"].get("schema", {})
                found[method.upper(), path] = (reply, definitions)
    return found


def _closed(name: str, definition: dict[str, Any]) -> dict[str, Any]:
    """A definition that allows no other keys, and asks for none; empty values may be null."""
    closed = {key: part for key, part in definition.items() if key != "required"}
    if "properties" in closed:
        properties = closed["properties"] | AMENDED.get(name, {})
        closed["additionalProperties"] = False
        closed["properties"] = {
            key: {"anyOf": [part, {"type": "null"}]} for key, part in properties.items()
        }
    return closed


def _specified(path: str, operations: Any, method: str) -> str:
    """The path as the specification writes it."""
    for known, specified in operations:
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(specified))
        if known == method and re.fullmatch(pattern, path):
            return str(specified)
    raise AssertionError(f"{method} {path} is not specified")


@pytest.mark.parametrize("story", STORIES)
def test_replies_are_as_specified(api: ObjectApi, operations: Any, story: str) -> None:
    for method, path, content in STORIES[story]:
        reply = api.session.request(method, f"{api.sandbox.url}{path}", **content).json()
        assert reply["success"], (method, path, reply)
        check(reply, operations[method, _specified(path, operations, method)])


def check(reply: Any, operation: Any) -> None:
    schema, definitions = operation
    validator = jsonschema.Draft4Validator({**schema, "definitions": definitions})
    wrong = jsonschema.exceptions.best_match(validator.iter_errors(reply))
    assert wrong is None, f"{wrong.json_path}: {wrong.message}"


def test_a_reading_is_as_specified(api: ObjectApi, operations: Any) -> None:
    api.add(chat(A))
    reply = api.page(api.token(NOVEMBER["startAt"]), activityTypeIds=CHAT_ID)
    assert reply["result"]
    check(reply, operations["GET", "/rest/v1/activities.json"])
