"""Streams that attach something to people, and what of it is in Marketo."""

from __future__ import annotations

import io
import json
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from target_marketo.ops.errors_log import replay
from target_marketo.ops.errors_log.entries import Filter
from target_marketo.store.database import open_database
from tests.target_marketo.conftest import record, schema, state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.sandbox.marketo.client import MarketoSandbox
    from tests.target_marketo.in_process import InProcess

OBJECT = {
    "name": "livechatChat_c",
    "dedupe": "threadId",
    "link": "leadId",
    "fields": {"threadId": "thread_id", "rating": "rating"},
}
PROPERTIES = ("email", "first_name", "thread_id", "rating")
PEOPLE = [f"p{number}" for number in range(12)]
FIELDS = {"email": "email", "firstName": "first_name"}


@dataclass(frozen=True)
class Kept:
    """A kind: how `streams` asks for it, the sandbox's call, whom it holds, and its part."""

    name: str
    entry: dict[str, Any]
    call: str
    held: Callable[[MarketoSandbox], list[int]]
    part: str

    def __str__(self) -> str:
        return self.name

    def streams(self, **more: Any) -> dict[str, Any]:
        return {"visitors": {"key": "email", "fields": FIELDS, **self.entry, **more}}


def _linked(marketo: MarketoSandbox) -> list[int]:
    return sorted(each["linked"]["leadId"] for each in marketo.custom_objects("livechatChat_c"))


LIST = Kept(
    "static_lists",
    {"lists": ["LiveChat visitors"]},
    "add_to_list",
    lambda marketo: marketo.list_members("LiveChat visitors"),
    "list:LiveChat visitors",
)
PROGRAM = Kept(
    "program_members",
    {"programs": {"LiveChat": "Engaged"}},
    "member_status",
    lambda marketo: sorted(marketo.program_members("LiveChat")),
    "program:LiveChat",
)
THING = Kept("custom_objects", {"object": OBJECT}, "sync_objects", _linked, "object:livechatChat_c")
KINDS = (LIST, PROGRAM, THING)


def visitor(name: str, stream: str = "visitors", **values: Any) -> dict[str, Any]:
    return record(
        f"{name}@example.com", stream, **{"first_name": name, "thread_id": f"T-{name}"} | values
    )


def messages(
    records: Iterable[dict[str, Any]], streams: Iterable[str] = ("visitors",)
) -> list[dict[str, Any]]:
    """A SCHEMA each, and a STATE at the end."""
    return [*(schema(each, PROPERTIES) for each in streams), *records, state({"done": 1})]


def everybody() -> list[dict[str, Any]]:
    """A record of each of `PEOPLE`."""
    return messages(visitor(name) for name in PEOPLE)


def ids(marketo: MarketoSandbox, *names: str) -> list[int]:
    """The leads of these people."""
    by_email = {lead["email"]: int(lead["id"]) for lead in marketo.leads()}
    return sorted(by_email[f"{name}@example.com"] for name in names)


def replayed(target: InProcess, streams: dict[str, Any]) -> list[dict[str, Any]]:
    """What `replay` writes of the error log."""
    output = io.StringIO()
    with closing(open_database(str(target.config["store_url"]))) as database:
        config = target.config | {"streams": streams}
        chosen = replay.plan(database, config, Filter(None), force=True)
        replay.write(chosen, output)
    return [json.loads(line) for line in output.getvalue().splitlines()]
