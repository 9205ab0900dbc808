"""Agents, groups and tags, whatever LiveChat makes of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import jsonschema

from tests.tap_livechat.answers import Answers

if TYPE_CHECKING:
    from tests.tap_livechat.conftest import Tap

REPLIES = {
    "list_agents": rb"""[
        {"id": "a@example.com", "account_id": "u1", "name": "Ann \u0000X", "role": "owner",
         "max_chats_count": "6", "last_logout": "2026-11-20T10:00:00+01:00", "suspended": false,
         "groups": [{"id": 0, "priority": "first"}], "job_title": null},
        {"id": "b@example.com", "name": "Bob \ud83d", "groups": null, "max_chats_count": 6.0,
         "suspended": "no", "last_logout": "yesterday", "awaiting_approval": 1}
    ]""",
    "list_groups": json.dumps(
        [
            {"id": "3", "name": "Sales", "agent_priorities": {"a@example.com": "first"}},
            {"id": 0, "name": "General", "agent_priorities": {"a@example.com": 1, "b": None}},
            {"id": 1, "name": 7, "agent_priorities": "all"},
        ]
    ).encode(),
    "list_tags": json.dumps(
        [
            {"name": "vip", "group_ids": ["0"], "created_at": "2017-11-13T15:37:36.000000+01:00"},
            {"name": None, "group_ids": None},
            "odd",
        ]
    ).encode(),
}
STREAMS = ["agents", "groups", "tags"]


def test_what_no_database_holds_and_what_no_schema_allows_stays_inside(tap: Tap) -> None:
    with Answers(REPLIES) as answers:
        run = tap.run(STREAMS, api_url=answers.url)

    assert run.code == 0
    assert run.values("agents", "name") == ["Ann X", "Bob \ufffd"]
    assert run.values("agents", "max_chats_count") == [6, 6]
    assert run.values("agents", "suspended") == [False, None]
    assert run.values("agents", "last_logout") == ["2026-11-20T09:00:00.000000Z", None]
    assert run.values("groups", "id") == [3, 0, 1]
    assert run.values("groups", "name") == ["Sales", "General", "7"]
    assert run.values("groups", "agent_priorities")[1:] == [{"a@example.com": "1"}, None]
    assert run.values("tags", "group_ids") == [[0]]
    for stream, records in run.records.items():
        for record in records:
            jsonschema.validate(record, run.schemas[stream]["schema"])


def test_a_row_without_its_key_is_left_out_and_that_is_reported(tap: Tap) -> None:
    with Answers(REPLIES) as answers:
        run = tap.run(["tags"], api_url=answers.url)

    assert run.values("tags", "name") == ["vip"]
    assert "tags: rows without name are left out: 1" in run.log
