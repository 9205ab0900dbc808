"""A client that we did not write completes its calls against the sandbox."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from livechat.agent import AgentWeb
from livechat.configuration import ConfigurationApi

from tests.sandbox.livechat.client import LiveChatSandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="module")
def livechat() -> Iterator[LiveChatSandbox]:
    with LiveChatSandbox(visitors=130, end="2026-01-31T00:00:00Z") as sandbox:
        yield sandbox


@contextmanager
def agent_client(livechat: LiveChatSandbox, version: str) -> Iterator[Any]:
    client = AgentWeb.get_client(livechat.authorization, version=version, disable_logging=True)
    client.api_url = f"{livechat.api_url}/v{version}/agent/action"
    with client.session:
        yield client


def pages(call: Callable[..., httpx.Response], rows: str, **first: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    parameters = first
    while True:
        response = call(**parameters)
        assert response.status_code == httpx.codes.OK, response.text
        page = response.json()
        found += page[rows]
        if "next_page_id" not in page:
            return found
        parameters = {"page_id": page["next_page_id"]}


def test_list_archives_of_version_3_6(livechat: LiveChatSandbox) -> None:
    with agent_client(livechat, "3.6") as client:
        chats = pages(client.list_archives, "chats", limit=50, sort_order="asc", filters={})
    expected = livechat.expected()
    assert [chat["thread"]["id"] for chat in chats] == expected["threads"]
    assert len(chats) > 100


def test_list_customers_of_version_3_5(livechat: LiveChatSandbox) -> None:
    with agent_client(livechat, "3.5") as client:
        customers = pages(client.list_customers, "customers", limit=40, sort_order="asc")
    assert {customer["id"] for customer in customers} == {
        visitor.id for visitor in livechat.crowd().visitors
    }
    assert len(customers) == 130


def test_the_other_calls_of_chats(livechat: LiveChatSandbox) -> None:
    with agent_client(livechat, "3.6") as client:
        chats = client.list_chats(limit=100, filters={"active": True}).json()["chats_summary"]
        assert chats
        chat_id = chats[0]["id"]
        assert client.get_chat(chat_id=chat_id).json()["thread"]["active"] is True
        assert client.list_threads(chat_id=chat_id).json()["threads"][0]["active"] is True
        customer = next(user for user in chats[0]["users"] if user["type"] == "customer")
        assert client.get_customer(id=customer["id"]).json()["chat_ids"] == [chat_id]


def test_the_licence_of_version_3_5(livechat: LiveChatSandbox) -> None:
    with agent_client(livechat, "3.5") as client:
        assert client.get_license_info().json()["in_trial"] is False


def test_the_configuration(livechat: LiveChatSandbox) -> None:
    client: Any = ConfigurationApi.get_client(livechat.authorization, disable_logging=True)
    client.api_url = f"{livechat.api_url}/v3.6/configuration/action"
    with client.session:
        assert len(client.list_agents(fields=["groups", "job_title"]).json()) == 4
        assert len(client.list_groups().json()) == 4
        assert len(client.list_tags().json()) == 5
        assert len(client.list_bots(all=True).json()) == 2
