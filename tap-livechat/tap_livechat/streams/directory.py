"""Agents, groups and tags: short lists, one request each, read in full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from tap_livechat.api.methods import LIST_AGENTS, LIST_GROUPS, LIST_TAGS, Method
from tap_livechat.records import schemas
from tap_livechat.streams.stream import Batch, LiveChatStream
from tap_livechat.timestamps import normalise

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_decode = msgspec.json.Decoder(list[dict[str, Any]]).decode


class DirectoryStream(LiveChatStream):
    method: ClassVar[Method]
    payload: ClassVar[dict[str, Any]] = {}
    _rows: Sequence[dict[str, Any]] = ()

    def prepare(self) -> None:
        """Asks before the SCHEMA: a token that may not see the list leaves no trace of it."""
        if self.selected:
            self._rows = self.session.client.call(self.method, self.payload, _decode)

    def batches(self) -> Iterator[Batch]:
        yield Batch([self.record(row) for row in self._rows])

    @classmethod
    def record(cls, row: dict[str, Any]) -> dict[str, Any]:
        record = {name: row.get(name) for name in cls.fields}
        for name, (kind, _) in cls.fields.items():
            if kind is schemas.MOMENT:
                record[name] = normalise(record[name])
        return record


class Agents(DirectoryStream):
    name = "agents"
    primary_keys = ("id",)
    fields: ClassVar[schemas.Fields] = schemas.AGENT
    method = LIST_AGENTS
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
    method = LIST_GROUPS
    payload: ClassVar[dict[str, Any]] = {"fields": ["agent_priorities", "routing_status"]}


class Tags(DirectoryStream):
    name = "tags"
    primary_keys = ("name",)
    fields: ClassVar[schemas.Fields] = schemas.TAG
    method = LIST_TAGS
