"""`MarketoApi` for the objects around a person: plain calls, replies as they come."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.sandbox.marketo_api import MarketoApi

if TYPE_CHECKING:
    from collections.abc import Iterable


class ObjectApi(MarketoApi):
    def add(self, *rows: dict[str, Any]) -> Any:
        return self.call("POST", "/v1/activities/external.json", json={"input": list(rows)})

    def token(self, since: str) -> str:
        reply = self.call("GET", "/v1/activities/pagingtoken.json", params={"sinceDatetime": since})
        return str(reply["nextPageToken"])

    def page(self, token: str, **parameters: Any) -> Any:
        asked = {"nextPageToken": token, **parameters}
        return self.call("GET", "/v1/activities.json", params=asked)

    def read(self, since: str, **parameters: Any) -> list[dict[str, Any]]:
        """All activities since then, page by page."""
        token, found, more = self.token(since), [], True
        while more:
            reply = self.page(token, **parameters)
            assert reply["success"], reply
            found += reply.get("result", [])
            token, more = reply["nextPageToken"], reply["moreResult"]
        return found

    def type_call(self, name: str, act: str, body: Any = None) -> Any:
        path = f"/v1/activities/external/type/{name}{act}.json"
        return self.call("POST", path, json=body)

    def add_to_list(self, number: int, *leads: int) -> Any:
        body = {"input": [{"id": lead} for lead in leads]}
        return self.call("POST", f"/v1/lists/{number}/leads.json", json=body)

    def set_status(self, status: str, *leads: int, program: int = 1001) -> Any:
        body = {"statusName": status, "input": [{"leadId": lead} for lead in leads]}
        return self.call("POST", f"/v1/programs/{program}/members/status.json", json=body)

    def sync_objects(self, *rows: dict[str, Any], name: str = "livechatChat_c", **body: Any) -> Any:
        return self.call("POST", f"/v1/customobjects/{name}.json", json={"input": rows, **body})


def make_type(api: MarketoApi, name: str, *attributes: str) -> None:
    """An approved activity type, with attributes that are strings."""
    path = "/v1/activities/external/type"
    names = {each: f"{name} {each}" for each in ("name", "triggerName", "filterName")}
    primary = {"apiName": "topic", "name": "Topic"}
    made = api.call(
        "POST", f"{path}.json", json={"apiName": name, **names, "primaryAttribute": primary}
    )
    assert made["success"], made
    if attributes:
        rows = [{"apiName": each, "name": each, "dataType": "string"} for each in attributes]
        api.call("POST", f"{path}/{name}/attributes/create.json", json={"attributes": rows})
    approved = api.call("POST", f"{path}/{name}/approve.json")
    assert approved["success"], approved


def make_list(api: MarketoApi, name: str) -> None:
    """A static list in Group Lists."""
    found = api.call("GET", "/asset/v1/folder/byName.json?name=Group Lists&type=Folder")
    folder = json.dumps({"id": found["result"][0]["id"], "type": "Folder"})
    made = api.call("POST", "/asset/v1/staticLists.json", data={"name": name, "folder": folder})
    assert made["success"], made


def outcomes(reply: Any) -> list[str]:
    """What became of each row: its status, or the code it was skipped for."""
    assert reply["success"], reply
    return [
        row["status"]
        if row["status"] != "skipped"
        else next((str(r["code"]) for r in _reasons(row)), "skipped")
        for row in reply["result"]
    ]


def _reasons(row: dict[str, Any]) -> Iterable[dict[str, Any]]:
    return row.get("reasons") or row.get("errors") or ()
