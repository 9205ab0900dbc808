"""The firm that the visitors talk to: the same agents, bots, groups and tags in every crowd."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.sandbox.crowd.model import Agent, Bot, Group, Tag

GROUPS = (
    Group(0, "General", "en"),
    Group(1, "Sales", "en"),
    Group(2, "Support: Zażółć", "pl"),
    Group(19, "Sport shoes", "de"),
)
AGENTS = (
    Agent(
        "smith@example.com",
        "d24fa41e-bc16-41b8-a15b-9ca45ff7e0cf",
        "Agent Smith",
        "owner",
        (0, 1, 2, 19),
        "Head of support",
    ),
    Agent(
        "jones@example.com",
        "2fca3315-f6b2-422f-8550-c84b649cef1a",
        "Jones",
        "viceowner",
        (0, 1),
        "Support hero (newbie)",
    ),
    Agent(
        "ewa.wisniewska@example.org",
        "6c0f1f6e-40f5-4e4c-9f1c-0a4d2b2f8a01",
        "Ewa Wiśniewska",
        "administrator",
        (0, 2),
        None,
    ),
    Agent(
        "marta@example.net",
        "0d3f3f6c-5a0e-4a41-8a0a-7b6f0f6f6a02",
        "Marta",
        "normal",
        (19,),
        None,
    ),
)
BOTS = (
    Bot("2c1b8da190222160e8f9e077af4c625b", "Welcome bot"),
    Bot("9f7d1c0be5a44b0fa2a6c7b9e0d1f234", "AI agent"),
)
TAGS = (
    Tag(
        "docs_feedback", (0, 19), "smith@example.com", datetime(2019, 12, 9, 12, 1, 18, tzinfo=UTC)
    ),
    Tag("positive feedback", (0,), "", datetime(2017, 11, 13, 14, 37, 36, tzinfo=UTC)),
    Tag("support", (0, 2), "", datetime(2017, 11, 13, 14, 37, 36, tzinfo=UTC)),
    Tag("sales", (0, 1), "", datetime(2017, 11, 13, 14, 37, 36, 500, tzinfo=UTC)),
    Tag("spam", (0,), "jones@example.com", datetime(2021, 2, 3, 4, 5, 6, 789012, tzinfo=UTC)),
)
