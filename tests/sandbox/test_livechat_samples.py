"""What the sandbox serves has the keys and types of the vendor's own sample payloads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.sandbox.livechat.client import LiveChatSandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "specs" / "livechat-samples"

# Where in the served data a sample's like is to be found.
PLACES = {
    "agent-chat-v3.5-customer": "customers_3.5",
    "agent-chat-v3.6-customer": "customers",
    "agent-chat-v3.6-agent": "agents_in_chats",
    "agent-chat-v3.6-chatSummary": "chat_summaries",
    "agent-chat-v3.6-thread": "threads",
    "agent-chat-v3.6-message": "events.message",
    "agent-chat-v3.6-deletedEvent": "events.deleted",
    "agent-chat-v3.6-file": "events.file",
    "agent-chat-v3.6-filledForm": "events.filled_form",
    "agent-chat-v3.6-form": "events.form",
    "agent-chat-v3.6-richMessage": "events.rich_message",
    "agent-chat-v3.6-custom": "events.custom",
    "agent-chat-v3.6-system": "events.system",
    "agent-chat-v3.6-systemMessage": "events.system_message",
    "agent-chat-v3.6-cart": "carts",
    "agent-chat-v3.6-cartItem": "cart_items",
    "configuration-v3.6-listAgents": "agents",
    "configuration-v3.6-listBots": "bots",
    "configuration-v3.6-listGroups": "groups",
    "configuration-v3.6-listTags": "tags",
}
# Keys whose names are the account's own, not the API's.
OPEN = {"properties", "session_fields", "text_vars", "content", "last_event_per_type", "twilio"}
MISSPELT = ".properites"  # in two of the samples


def shapes(value: Any, path: str = "") -> set[tuple[str, str]]:
    """Every path in a value with the type that is there; lists are one place."""
    if isinstance(value, dict):
        found = {(path, "object")}
        for key, each in value.items():
            found |= (
                {(f"{path}.{key}", _kind(each))} if key in OPEN else shapes(each, f"{path}.{key}")
            )
        return found
    if isinstance(value, list):
        return {(path, "array")}.union(*(shapes(each, f"{path}[]") for each in value))
    return {(path, _kind(value))}


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


@pytest.fixture(scope="module")
def served() -> Iterator[dict[str, list[Any]]]:
    with (
        LiveChatSandbox(visitors=200, end="2026-01-31T00:00:00Z") as livechat,
        requests.Session() as session,
    ):
        session.headers["Authorization"] = livechat.authorization

        def call(path: str, **body: Any) -> Any:
            response = session.post(f"{livechat.api_url}/{path}", json=body, timeout=10)
            response.raise_for_status()
            return response.json()

        def pages(path: str, rows: str) -> list[Any]:
            page = call(path, limit=100)
            found = page[rows]
            while "next_page_id" in page:
                page = call(path, page_id=page["next_page_id"])
                found += page[rows]
            return list(found)

        chats = pages("v3.6/agent/action/list_archives", "chats")
        summaries = pages("v3.6/agent/action/list_chats", "chats_summary")
        users = [user for chat in chats for user in chat["users"]]
        ids = [user["id"] for user in users if user["type"] == "customer"]
        threads = [chat["thread"] for chat in chats]
        threads += [
            call("v3.6/agent/action/get_chat", chat_id=each["id"])["thread"]
            for each in summaries
            if each["last_thread_summary"]["active"]
        ]
        customers = [user for user in users if user["type"] == "customer"]
        customers += [call("v3.6/agent/action/get_customer", id=each) for each in ids]
        old = pages("v3.5/agent/action/list_archives", "chats")
        data = {
            "threads": threads,
            "chat_summaries": summaries,
            "customers": customers,
            "customers_3.5": [
                *pages("v3.5/agent/action/list_customers", "customers"),
                *(user for chat in old for user in chat["users"] if user["type"] == "customer"),
            ],
            "agents_in_chats": [user for user in users if user["type"] == "agent"],
            "carts": [cart for each in customers for cart in each.get("carts", ())],
            "agents": call(
                "v3.6/configuration/action/list_agents",
                fields=["job_title", "max_chats_count", "last_logout", "email_subscriptions"],
            ),
            "bots": call("v3.6/configuration/action/list_bots", all=True),
            "groups": call("v3.6/configuration/action/list_groups", fields=["routing_status"]),
            "tags": call("v3.6/configuration/action/list_tags"),
        }
        data["cart_items"] = [item for cart in data["carts"] for item in cart["items"]]
        for thread in threads:
            for event in thread.get("events", ()):
                kind = "deleted" if event.get("deleted") else event["type"]
                data.setdefault(f"events.{kind}", []).append(event)
        yield data


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the vendor's samples are not in ../shared/specs")
@pytest.mark.parametrize("name", sorted(PLACES))
def test_the_sandbox_serves_what_the_sample_shows(name: str, served: dict[str, list[Any]]) -> None:
    sample = json.loads((SAMPLES / f"{name}.json").read_text())
    rows = sample if isinstance(sample, list) else [sample]
    shown: set[tuple[str, str]] = set().union(*(shapes(row) for row in rows))
    here: set[tuple[str, str]] = set().union(*(shapes(row) for row in served[PLACES[name]]))
    assert {each for each in shown - here if not each[0].startswith(MISSPELT)} == set()


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the vendor's samples are not in ../shared/specs")
def test_every_sample_has_its_place_or_its_reason() -> None:
    without_a_place = {
        "agent-chat-v3.6-access",  # a part of threads and chats
        "agent-chat-v3.6-chat",  # holds `threads`, which no method here answers
        "agent-chat-v3.6-filledFormFields",  # a part of filledForm
        "agent-chat-v3.6-formFields",  # as above, and its fields have no `answer`
        "agent-chat-v3.6-myProfile",  # of the login of the real-time API
        "agent-chat-v3.6-properties",  # keys of the account's own
        "configuration-v3.6-listCustomerBans",  # the tap does not call it
    }
    assert {path.stem for path in SAMPLES.glob("*.json")} == without_a_place | set(PLACES)
