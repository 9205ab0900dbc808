"""What a row of `chats` tells of people: who asked, who answered, and about what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tap_livechat.records import thread
from tests.sandbox.crowd import AGENTS, BOTS, GROUPS
from tests.tap_livechat.records.chats import chat, filled_form, row_of

if TYPE_CHECKING:
    from tests.sandbox.livechat.client import LiveChatSandbox
    from tests.tap_livechat.conftest import Tap

NAMES = {agent.login: agent.name for agent in AGENTS} | {bot.id: bot.name for bot in BOTS}
GROUP_NAMES = {group.id: group.name for group in GROUPS}


def chat_row(payload: dict[str, Any], **names: Any) -> dict[str, Any]:
    row = row_of(payload)
    record: dict[str, Any] = thread.chat_record(row, **names)
    return record


def started_on(url: object) -> dict[str, Any]:
    payload: dict[str, Any] = chat(properties={"routing": {"start_url": url}})
    return payload


def test_a_chat_has_the_email_and_the_name_of_its_visitor(
    tap: Tap, livechat: LiveChatSandbox
) -> None:
    run = tap.run(streams=["chats", "visitors"])

    people = {row["visitor_id"]: row for row in run.records["visitors"]}
    assert any(row["email"] for row in run.records["chats"])
    profiles = {key for key, found in livechat.expected()["emails"].items()}
    assert {row["visitor_id"] for row in run.records["chats"] if row["email"]} == profiles
    chats = [(row, people[row["visitor_id"]]) for row in run.records["chats"]]
    of_profiles = [each for each in chats if each[0]["email_source"] == "profile"]
    named = [each for each in chats if each[0]["visitor_name"]]
    assert of_profiles
    assert named
    assert all(chat["email"] == visitor["email"] for chat, visitor in of_profiles)
    assert all(chat["visitor_name"] == visitor["name"] for chat, visitor in named)


def test_an_email_of_a_form_says_of_which_kind() -> None:
    form = filled_form({"type": "email", "answer": "a@example.com"}, form_type="postchat")

    record = chat_row(chat(form, customer={"name": "Client"}))

    assert (record["email"], record["email_source"]) == ("a@example.com", "postchat")
    assert record["visitor_name"] is None


@pytest.mark.parametrize(
    ("url", "utm"),
    [
        (
            "https://x.example/?utm_source=google&utm_medium=cpc&utm_campaign=spring",
            "google / cpc / spring",
        ),
        ("https://x.example/a?b=1&utm_campaign=a%20b&utm_source=news", "news / - / a b"),
        ("https://x.example/?utm_source=", None),
        ("https://x.example/?source=google", None),
        ("https://[x/?utm_source=google", None),
        ("/pricing?utm_medium=mail", "- / mail / -"),
        (None, None),
        (7, None),
    ],
)
def test_utm_is_that_of_the_start_page(url: object, utm: str | None) -> None:
    assert chat_row(started_on(url))["utm"] == utm


@pytest.mark.parametrize(
    ("tags", "groups", "topic"),
    [
        (["pricing", "vip"], {1: "Sales"}, "pricing"),
        (None, {1: "Sales"}, "Sales"),
        (None, {2: "Support"}, None),
        (None, None, None),
    ],
)
def test_the_topic_is_the_first_tag_or_else_the_group(
    tags: list[str] | None, groups: dict[int, str] | None, topic: str | None
) -> None:
    record = chat_row(chat(tags=tags, access={"group_ids": [1]}), group_names=groups)

    assert record["topic"] == topic


def test_names_of_agents_and_groups_are_null_where_nobody_knows_them() -> None:
    record = chat_row(chat(access={"group_ids": [1]}))

    assert record["agents"] == ["smith@example.com"]
    assert (record["agent_names"], record["group_names"]) == (None, None)


def test_names_of_agents_and_groups_are_not_selected_by_default_and_cost_nothing(
    tap: Tap, livechat: LiveChatSandbox
) -> None:
    run = tap.run(streams=["chats"])

    assert run.code == 0
    assert not {"agent_names", "group_names"} & run.schemas["chats"]["schema"]["properties"].keys()
    seen = set().union(*run.records["chats"])
    assert "thread_id" in seen
    assert not {"agent_names", "group_names"} & seen
    assert set(livechat.counts()["requests"]) == {"list_archives", "list_chats"}


def test_names_of_groups_cost_one_request_and_those_of_agents_none(
    tap: Tap, livechat: LiveChatSandbox
) -> None:
    tap.fields = {("chats", "agent_names"): True, ("chats", "group_names"): True}

    run = tap.run(streams=["chats", "groups"])

    assert run.code == 0
    requests = livechat.counts()["requests"]
    assert requests["list_groups"] == 1, "shared with the stream `groups`"
    assert "list_agents" not in requests, "a chat names its agents"
    for row in run.records["chats"]:
        assert row["agent_names"] == [NAMES[agent] for agent in row["agents"]]
        assert row["group_names"] == [GROUP_NAMES[group] for group in row["group_ids"]]
        assert row["topic"] == (row["tags"] or row["group_names"])[0]


def test_without_the_scope_names_of_groups_are_null_and_that_is_reported_once(
    tap: Tap, livechat: LiveChatSandbox
) -> None:
    livechat.change(scopes=["chats--all:ro"])
    tap.fields = {("chats", "group_names"): True}

    run = tap.run(streams=["chats"], page_size=25)

    assert run.code == 0
    assert {row["group_names"] is None for row in run.records["chats"]} == {True}
    assert run.log.count("groups--all:ro") == 1
    assert livechat.counts()["requests"]["list_groups"] == 1
