"""The account's own lists (agents, groups, tags, bots, bans): one request each, read in full.

Asked for once a run, whoever needs them: their own streams, or `chats` for its names.
"""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from tap_livechat.api import methods, payloads, replies
from tap_livechat.errors import ScopeError
from tap_livechat.records import schemas
from tap_livechat.streams.stream import Batch, LiveChatStream, Record
from tap_livechat.timestamps import render

if TYPE_CHECKING:
    from collections.abc import Iterator


class DirectoryStream(LiveChatStream):
    payload: ClassVar[dict[str, Any]] = {}

    def write_schema_once(self) -> None:
        """Asks first: a token that may not see the list leaves no trace of it."""
        self.listed()
        super().write_schema_once()

    def batches(self) -> Iterator[Batch]:
        yield Batch([record.copy() for record in self.listed()])

    def listed(self) -> list[Record]:
        """The whole list.

        Raises:
            ScopeError: the token does not show it; also when it is asked for again.
        """
        if isinstance(self._found, ScopeError):
            raise self._found
        return self._found

    @cached_property
    def _found(self) -> list[Record] | ScopeError:
        """A record per row that has its key."""
        try:
            rows = self.session.client.call(self.method, self.payload, replies.listed)
        except ScopeError as error:
            return error
        records = map(self.record, rows)
        keys = self.primary_keys
        whole = [record for record in records if None not in map(record.get, keys)]
        if lost := len(rows) - len(whole):
            self.session.client.warn(
                f"{self.name}: rows without {' and '.join(keys)} are left out: {lost}"
            )
        return whole

    @cached_property
    def names(self) -> dict[Any, str]:
        """Name by id; empty if the token does not show the list, which is logged once."""
        try:
            records = self.listed()
        except ScopeError as error:
            records = []
            if not self.selected:  # else the stream tells it
                self.session.client.warn(f"chats have no names of {self.name}: {error}")
        return {each["id"]: each["name"] for each in records if each["name"]}

    @classmethod
    def record(cls, row: payloads.Object) -> Record:
        """The fields are called as LiveChat calls them."""
        record = {}
        for name, (kind, _) in cls.fields.items():
            value = payloads.mended(row.get(name), kind.payload)
            record[name] = render(value) if isinstance(value, datetime) else value
        return record


class Agents(DirectoryStream):
    name = "agents"
    primary_keys = ("id",)
    fields: ClassVar[schemas.Fields] = schemas.AGENT
    method = methods.LIST_AGENTS
    # LiveChat leaves these out unless they are asked for.
    payload: ClassVar[dict[str, Any]] = {
        "fields": [
            "groups",
            "job_title",
            "max_chats_count",
            "suspended",
            "awaiting_approval",
            "last_logout",
        ]
    }


class Groups(DirectoryStream):
    name = "groups"
    primary_keys = ("id",)
    fields: ClassVar[schemas.Fields] = schemas.GROUP
    method = methods.LIST_GROUPS
    payload: ClassVar[dict[str, Any]] = {"fields": ["agent_priorities", "routing_status"]}


class Tags(DirectoryStream):
    name = "tags"
    primary_keys = ("name",)
    fields: ClassVar[schemas.Fields] = schemas.TAG
    method = methods.LIST_TAGS


class Bots(DirectoryStream):
    name = "bots"
    primary_keys = ("id",)
    fields: ClassVar[schemas.Fields] = schemas.BOT
    method = methods.LIST_BOTS
    payload: ClassVar[dict[str, Any]] = {
        "all": True,
        "fields": ["groups", "job_title", "max_chats_count", "timezone"],
    }
    selected_by_default = False


class CustomerBans(DirectoryStream):
    """Those in force; one that is over is not listed any more."""

    name = "customer_bans"
    primary_keys = ("ip", "created_at")
    fields: ClassVar[schemas.Fields] = schemas.CUSTOMER_BAN
    method = methods.LIST_CUSTOMER_BANS
    selected_by_default = False
