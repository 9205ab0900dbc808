"""The methods of LiveChat's APIs that we call, and the scope that each asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Method:
    """One method of the API, and the scopes of which LiveChat asks one for it, the best first."""

    name: str
    api: Literal["agent/action", "configuration/action", "reports", "cdp"]
    scopes: tuple[str, ...]
    version: str | None = None  # where only one version has it

    def url(self, config: Mapping[str, Any]) -> str:
        """The address at which it is called."""
        base = config["cdp_url" if self.api == "cdp" else "api_url"].rstrip("/")
        folder = "" if self.api == "cdp" else f"{self.api}/"
        return f"{base}/v{self.version or config['api_version']}/{folder}{self.name}"

    @property
    def scope(self) -> str:
        first, *others = self.scopes
        return f"{first} (or {', '.join(others)})" if others else first

    def is_allowed(self, granted: frozenset[str]) -> bool:
        """Whether a token with these scopes may call it; to write contains to read."""
        read = {f"{scope[:-3]}:ro" for scope in granted if scope.endswith(":rw")}
        return not (granted | read).isdisjoint(self.scopes)


_CHATS = ("chats--all:ro", "chats--access:ro")
LIST_ARCHIVES = Method("list_archives", "agent/action", _CHATS)
LIST_CHATS = Method("list_chats", "agent/action", _CHATS)
LIST_CUSTOMERS = Method("list_customers", "agent/action", ("customers:ro",), version="3.5")
LIST_CDP_CUSTOMERS = Method("list_customers", "cdp", ("customers:ro",), version="1")
LIST_AGENTS = Method("list_agents", "configuration/action", ("agents--all:ro",))
LIST_GROUPS = Method("list_groups", "configuration/action", ("groups--all:ro",))
LIST_TAGS = Method("list_tags", "configuration/action", ("tags--all:ro", "tags--groups:ro"))
LIST_BOTS = Method("list_bots", "configuration/action", ("agents-bot--all:ro", "agents-bot--my:ro"))
LIST_CUSTOMER_BANS = Method("list_customer_bans", "configuration/action", ("banlist_read",))
_REPORTS = ("reports_read",)
QUEUED_VISITORS_LEFT = Method("chats/queued_visitors_left", "reports", _REPORTS)
DAILY_REPORTS = tuple(
    Method(f"chats/{name}", "reports", _REPORTS)
    for name in (
        "total_chats",
        "ratings",
        "duration",
        "engagement",
        "response_time",
        "first_response_time",
        "queued_visitors",
    )
)
