"""The sandbox's Reports API and list of bans, as strict as the rest. [facts 2.6, 2.7]"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.sandbox.livechat.client import LiveChatSandbox
from tests.sandbox.livechat.reports import LEFT_PER_PAGE, left_the_queue

if TYPE_CHECKING:
    from collections.abc import Iterator

ALL_TIME = {"from": "2002-01-01T00:00:00.000000Z", "to": "2100-01-01T00:00:00Z"}


@pytest.fixture(scope="module")
def livechat() -> Iterator[LiveChatSandbox]:
    with LiveChatSandbox(visitors=120) as sandbox:
        yield sandbox


def ask(
    livechat: LiveChatSandbox, report: str, version: str = "3.6", **body: Any
) -> tuple[int, dict[str, Any]]:
    reply = requests.post(
        f"{livechat.api_url}/v{version}/reports/{report}",
        json=body,
        headers={"Authorization": livechat.authorization},
        timeout=10,
    )
    return reply.status_code, reply.json()


@pytest.mark.parametrize(
    "body",
    [
        {"filters": {}},
        {"filters": {"from": ALL_TIME["from"]}},
        {"filters": {**ALL_TIME, "group_ids": [0]}},
        {"distribution": "week"},
        {"page_id": "2"},
    ],
)
def test_what_the_documentation_does_not_name_is_refused(
    livechat: LiveChatSandbox, body: dict[str, Any]
) -> None:
    status, reply = ask(livechat, "chats/queued_visitors_left", **body)

    assert (status, reply["error"]["type"]) == (400, "validation")


def test_pages_are_numbered_and_hold_every_visitor_who_left_once(livechat: LiveChatSandbox) -> None:
    found: list[str] = []
    _, first = ask(livechat, "chats/queued_visitors_left", filters=ALL_TIME)
    for page in range(1, first["summary"]["total_pages"] + 1):
        _, reply = ask(livechat, "chats/queued_visitors_left", filters=ALL_TIME, page=page)
        assert len(reply["records"]) <= LEFT_PER_PAGE
        found += [row["visitor"]["id"] for row in reply["records"].values()]

    assert sorted(found) == sorted(each.id for each in left_the_queue(livechat.crowd().visitors))


def test_days_without_chats_are_empty(livechat: LiveChatSandbox) -> None:
    days = {"from": "2002-01-01T00:00:00Z", "to": "2002-01-03T00:00:00Z"}

    status, reply = ask(livechat, "chats/total_chats", filters=days)

    assert status == 200
    assert reply["records"] == {"2002-01-01": {}, "2002-01-02": {}, "2002-01-03": {}}


def test_the_report_is_not_in_version_3_5(livechat: LiveChatSandbox) -> None:
    status, _ = ask(livechat, "chats/queued_visitors_left", "3.5")

    assert status == 404


def test_reports_and_bans_need_their_scopes(livechat: LiveChatSandbox) -> None:
    scopes = livechat.settings.scopes
    livechat.change(scopes=["chats--all:ro"])
    try:
        report, _ = ask(livechat, "chats/total_chats")
        bans = requests.post(
            f"{livechat.api_url}/v3.6/configuration/action/list_customer_bans",
            json={},
            headers={"Authorization": livechat.authorization},
            timeout=10,
        )
    finally:
        livechat.change(scopes=scopes)

    assert report == bans.status_code == 403
