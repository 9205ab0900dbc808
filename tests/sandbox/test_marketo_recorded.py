"""The Marketo sandbox answers as a live instance did in November 2021.

The recordings are of the Grouparoo project (MIT), credentials blanked. They are replayed in order;
ids, tokens and times are the sandbox's own, and mapped from the recorded ones on the way.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

from tests.sandbox.marketo import MarketoSandbox
from tests.sandbox.marketo.call import FORM
from tests.sandbox.marketo_api import MarketoApi
from tests.sandbox.process import REPOSITORY_ROOT

if TYPE_CHECKING:
    import requests

RECORDED = REPOSITORY_ROOT.parent / "shared" / "specs" / "marketo-exchanges-recorded-2021.json"
RECORDED_TYPES = {
    "textarea_field": "text",
    "boolean_field": "boolean",
    "email_field": "email",
    "integer_field": "integer",
    "float_field": "float",
    "datetime_field": "datetime",
    "date_field": "date",
    "score_field": "integer",
    "percent_field": "percent",
    "currency_field": "currency",
}
REPLAYED = {"token": 21, "lookup": 64, "sync": 19, "delete": 2, "list": 47}
# What is another's in every instance.
OWN = ("createdAt", "updatedAt", "computedUrl")
LIST_ID = re.compile(r"/\d+")


class Replay:
    """Sends the recorded requests and keeps which live id stands for which recorded one."""

    def __init__(self, api: MarketoApi) -> None:
        self.api = api
        self.ids: dict[int, int] = {}

    def kind(self, exchange: dict[str, Any]) -> str:
        if exchange["path"] == "/identity/oauth/token":
            return "token"
        if exchange["path"] != "/rest/v1/leads.json":
            return "list"
        if exchange["method"] == "GET":
            return "lookup"
        return "delete" if exchange.get("query") else "sync"

    def send(self, exchange: dict[str, Any], kind: str) -> requests.Response:
        if kind == "token":
            self.api.log_in()
            return self.api.ask_token()
        if kind == "list":
            return self._send_list(exchange)
        query = {name: unquote(value) for name, value in exchange.get("query", {}).items()}
        if query.get("filterType") == "id":
            # An id that is gone stands for itself.
            number = int(query["filterValues"])
            query["filterValues"] = str(self.ids.get(number, number))
        body = exchange.get("body")
        if body is not None:
            rows = [self._with_live_id(row) for row in body["input"]]
            body = {**body, "input": rows}
        return self.api.send(exchange["method"], "/v1/leads.json", params=query, json=body)

    def _send_list(self, exchange: dict[str, Any]) -> requests.Response:
        path = exchange["path"].removeprefix("/rest")
        path = LIST_ID.sub(lambda found: f"/{self.ids[int(found[0][1:])]}", path)
        query = exchange.get("query") or {}
        if "id" in query:
            recorded = query["id"] if isinstance(query["id"], list) else [query["id"]]
            query = {"id": [self.ids[int(number)] for number in recorded]}
        else:
            query = {name: unquote(value) for name, value in query.items()}
        body = exchange.get("body")
        content: dict[str, Any] = {}
        if isinstance(body, dict):
            content["json"] = {"input": [self._with_live_id(row) for row in body["input"]]}
        elif body is not None:
            content = {"data": body, "headers": {"Content-Type": FORM}}
        return self.api.send(exchange["method"], path, params=query, **content)

    def _with_live_id(self, row: dict[str, Any]) -> dict[str, Any]:
        return {**row, "id": self.ids[row["id"]]} if "id" in row else row

    def learn_ids(self, recorded: dict[str, Any], live: dict[str, Any]) -> None:
        rows = zip(recorded.get("result", ()), live.get("result", ()), strict=True)
        for theirs, ours in rows:
            if "id" in theirs and theirs["id"] not in self.ids:
                self.ids[theirs["id"]] = ours["id"]


def shape(value: Any) -> Any:
    """Keys in their order, and JSON types; values are left out."""
    if isinstance(value, dict):
        return {key: shape(part) for key, part in value.items()}
    if isinstance(value, list):
        return [shape(part) for part in value]
    return type(value).__name__


def meaning(reply: dict[str, Any], ids: dict[int, int]) -> Any:
    """What a reply says, but for its own id and times: rows, values, statuses, codes."""
    return [
        {
            name: ids.get(value, value) if name == "id" else value
            for name, value in row.items()
            if name not in OWN
        }
        for row in reply.get("result", ())
    ]


@pytest.mark.skipif(not RECORDED.exists(), reason="the recordings are not in ../shared/specs")
def test_recorded_exchanges_are_answered_alike() -> None:
    exchanges = json.loads(RECORDED.read_text())
    custom = [{"name": name, "data_type": kind} for name, kind in RECORDED_TYPES.items()]
    replayed: Counter[str] = Counter()
    with (
        MarketoSandbox(custom_fields=custom, rate_calls=1000) as marketo,
        MarketoApi(marketo) as api,
    ):
        replay = Replay(api)
        for number, exchange in enumerate(exchanges):
            kind = replay.kind(exchange)
            response = replay.send(exchange, kind)
            recorded, live = exchange["response"], response.json()
            headers = exchange["headers"]
            content_type = headers[headers.index("Content-Type") + 1]
            assert response.status_code == exchange["status"], number
            assert response.headers["Content-Type"] == content_type, number
            assert shape(live) == shape(recorded), number
            if kind != "token":
                replay.learn_ids(recorded, live)
                assert meaning(live, {}) == meaning(recorded, replay.ids), number
            replayed[kind] += 1
    assert len(exchanges) == 153
    assert replayed == REPLAYED
