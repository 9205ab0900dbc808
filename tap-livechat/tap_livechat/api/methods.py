"""The methods of LiveChat's APIs that we call, and the scope that each asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Method:
    """One method of the API, and the scope that LiveChat asks for it."""

    name: str
    api: Literal["agent", "configuration", "cdp"]
    scope: str
    version: str | None = None  # where only one version has it


LIST_ARCHIVES = Method("list_archives", "agent", "chats--all:ro (or chats--access:ro)")
LIST_CHATS = Method("list_chats", "agent", "chats--all:ro (or chats--access:ro)")
LIST_CUSTOMERS = Method("list_customers", "agent", "customers:ro", version="3.5")
LIST_CDP_CUSTOMERS = Method("list_customers", "cdp", "customers:ro", version="1")
LIST_AGENTS = Method("list_agents", "configuration", "agents--all:ro")
LIST_GROUPS = Method("list_groups", "configuration", "groups--all:ro")
LIST_TAGS = Method("list_tags", "configuration", "tags--all:ro (or tags--groups:ro)")
