"""The Configuration API: who answers, in which groups, with which tags. Lists are not paged."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from tests.sandbox.crowd import AGENTS, BOTS, GROUPS, TAGS
from tests.sandbox.livechat import parameters, wire

if TYPE_CHECKING:
    from tests.sandbox.crowd import Agent
    from tests.sandbox.livechat.call import Call, Reply

_BOT_OF_THE_CALLER = BOTS[:1]


def list_agents(call: Call) -> Reply:
    asked = call.decode(parameters.ListAgents)
    agents: list[Agent] = list(AGENTS)
    if isinstance(asked.filters, parameters.AgentFilters):
        if isinstance(groups := asked.filters.group_ids, list):
            agents = [each for each in agents if set(each.group_ids) & set(groups)]
        if asked.filters.suspended is True:  # nobody is
            agents = []
    return _list([_agent(each, set(asked.fields)) for each in agents])


def list_groups(call: Call) -> Reply:
    asked = call.decode(parameters.ListGroups)
    rows = []
    for group in GROUPS:
        row: wire.Json = {
            "id": group.id,
            "name": group.name,
            "language_code": group.language_code,
        }
        if "routing_status" in asked.fields:
            row["routing_status"] = "accepting chats" if group.id == 0 else "offline"
        if "agent_priorities" in asked.fields:
            row["agent_priorities"] = {
                each.login: "normal" for each in AGENTS if group.id in each.group_ids
            }
        rows.append(row)
    return _list(rows)


def list_tags(call: Call) -> Reply:
    asked = call.decode(parameters.ListTags)
    wanted: set[int] | None = None
    if isinstance(asked.filters, parameters.TagFilters):
        wanted = set(asked.filters.group_ids)
    if "tags--all:ro" not in call.grant.scopes:
        own = set(call.grant.access_group_ids)
        wanted = own if wanted is None else wanted & own
    return _list(
        [
            {
                "name": tag.name,
                "group_ids": tag.group_ids,
                "author_id": tag.author_id,
                # Tags that LiveChat made itself have another offset in the vendor's samples.
                "created_at": wire.stamp(tag.created_at, east=not tag.author_id),
            }
            for tag in TAGS
            if wanted is None or wanted & set(tag.group_ids)
        ]
    )


def list_bots(call: Call) -> Reply:
    asked = call.decode(parameters.ListBots)
    rows = []
    for bot in BOTS if asked.all else _BOT_OF_THE_CALLER:
        row: wire.Json = {
            "id": bot.id,
            "name": bot.name,
            "avatar_path": "cdn.example.com/avatars/bot.png",
        }
        extra: wire.Json = {
            "groups": [{"id": 0, "priority": "first"}],
            "work_scheduler": {"timezone": "Europe/Warsaw", "schedule": []},
            "job_title": "Chatbot",
            "max_chats_count": 100,
            "timezone": "Europe/Warsaw",
        }
        rows.append(row | {name: extra[name] for name in asked.fields})
    return _list(rows)


def list_customer_bans(call: Call) -> Reply:
    call.decode(parameters.ListCustomerBans)
    now = wire.instant(call.now)
    begun, ends = wire.stamp(now - timedelta(days=2)), wire.stamp(now + timedelta(days=5))
    of_all: wire.Json = {
        "ip": "192.0.2.81",
        "agent_id": AGENTS[0].login,
        "created_at": begun,
        "expires_at": ends,
    }
    of_one = of_all | {
        "ip": "192.0.2.82",
        "customer_id": "18405023-fdd0-4d67-b641-299e3823888c",
        "thread_id": "T00M0307QQ",
    }
    return _list([of_all, of_one])


def _agent(agent: Agent, fields: set[str]) -> wire.Json:
    row: wire.Json = {
        "id": agent.login,
        "account_id": agent.account_id,
        "name": agent.name,
        "role": agent.role,
        "avatar_path": "cdn.example.com/avatars/1.png",
        "login_status": "accepting chats" if agent.role == "viceowner" else "not accepting chats",
    }
    extra: wire.Json = {
        "groups": [{"id": group, "priority": "normal"} for group in agent.group_ids],
        "work_scheduler": {"timezone": "Europe/Warsaw", "schedule": []},
        "notifications": ["new_visitor", "incoming_chat"],
        "job_title": agent.job_title,
        "max_chats_count": 5,
        "suspended": False,
        "awaiting_approval": False,
        "last_logout": "2022-08-23T14:31:21.000000Z" if agent.role != "owner" else None,
    }
    row |= {name: extra[name] for name in fields if extra.get(name) is not None}
    if "email_subscriptions" in fields:
        row["summaries"] = ["daily_summary", "weekly_summary"]
    return row


def _list(rows: list[wire.Json]) -> Reply:
    return msgspec.json.encode(rows), len(rows)
