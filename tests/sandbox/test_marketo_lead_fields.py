"""Fields of leads made through the API: checked as Adobe says, and there at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.marketo_api import ADA, MarketoApi, code_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox.marketo import MarketoSandbox

PATH = "/v1/leads/schema/fields.json"
NOTES = {"name": "chatNotes", "displayName": "Chat Notes", "dataType": "string"}


@pytest.fixture
def api(marketo: MarketoSandbox) -> Iterator[MarketoApi]:
    marketo.reset()
    with MarketoApi(marketo) as client:
        client.log_in()
        yield client


def make(api: MarketoApi, **changes: Any) -> Any:
    return api.call("POST", PATH, json={"input": [NOTES | changes]})


def test_a_field_that_was_made_is_described_listed_and_written(api: MarketoApi) -> None:
    assert make(api)["result"] == [{"name": "chatNotes", "status": "created"}]

    described = api.call("GET", "/v1/leads/describe2.json")["result"][0]["fields"]
    assert [each["dataType"] for each in described if each["name"] == "chatNotes"] == ["string"]
    (one,) = api.call("GET", "/v1/leads/schema/fields/chatNotes.json")["result"]
    assert (one["isCustom"], one["isApiCreated"], one["length"]) == (True, True, 255)
    assert api.synced(ADA | {"chatNotes": "asked for prices"}) == ["created"]


def test_fields_are_listed_page_by_page(api: MarketoApi) -> None:
    first = api.call("GET", PATH, params={"batchSize": 10})
    rest = api.call("GET", PATH, params={"nextPageToken": first["nextPageToken"]})

    assert (len(first["result"]), first["moreResult"], rest["moreResult"]) == (10, True, False)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": "1st"}, "1003"),
        ({"name": "with blank"}, "1003"),
        ({"name": None}, "1002"),
        ({"displayName": "Chat: Notes"}, "1003"),
        ({"dataType": "text"}, "1003"),
        ({"dataType": None}, "1002"),
        ({"name": "Email"}, "1017"),
        ({"displayName": "Email Address"}, "1017"),
    ],
)
def test_what_cannot_be_made_is_refused(
    api: MarketoApi, changes: dict[str, Any], code: str
) -> None:
    assert code_of(make(api, **changes)) == code


def test_making_fields_has_a_permission_of_its_own(
    api: MarketoApi, marketo: MarketoSandbox
) -> None:
    marketo.set_options(denied_permissions=["Read-Write Schema Custom Field"])

    assert code_of(make(api)) == "603"
    assert api.call("GET", PATH)["success"]


def test_more_than_a_hundred_are_not_made(api: MarketoApi) -> None:
    many = [
        {"name": f"chat{n}", "displayName": f"Chat {n}", "dataType": "integer"} for n in range(101)
    ]

    rows = api.call("POST", PATH, json={"input": many})["result"]

    assert [row["status"] for row in rows].count("created") == 100
    assert rows[-1]["reasons"][0]["code"] == "1003"
