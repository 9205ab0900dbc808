"""What all streams share: where they go on, what of a record leaves, and what ends a run."""

from __future__ import annotations

import io
import json
import logging
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest

from tap_livechat.api.methods import LIST_AGENTS, LIST_ARCHIVES
from tap_livechat.errors import LiveChatError, ScopeError, SettingsError, StateError
from tap_livechat.tap import TapLiveChat
from tap_livechat.timestamps import render
from tests.tap_livechat.streams.archive import NOW, Archive, Row

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_livechat.api.client import Client
    from tap_livechat.api.methods import Method

MINUTE = timedelta(minutes=1)
MICROSECOND = timedelta(microseconds=1)
ROWS = [Row(n, n, n + 1, n) for n in range(12)]
PEOPLE = ("visitors", "chats")


def a_tap(
    archive: Archive,
    *,
    state: dict[str, Any] | None = None,
    catalog: dict[str, Any] | None = None,
    limit: int | None = None,
    **config: Any,
) -> TapLiveChat:
    config = {"access_token": "test", "page_size": 5, **config}
    tap = TapLiveChat(config=config, state=state or {}, catalog=catalog, limit=limit)
    tap.session().client = cast("Client", archive)
    if catalog is None:
        for name, stream in tap.streams.items():
            stream.selected = name in PEOPLE
    return tap


def messages(tap: TapLiveChat) -> list[dict[str, Any]]:
    written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(written):
        tap.sync_all()
        written.flush()
    written.seek(0)
    return [json.loads(line) for line in written]


def records(found: list[dict[str, Any]], stream: str) -> list[dict[str, Any]]:
    return [
        each["record"] for each in found if each["type"] == "RECORD" and each["stream"] == stream
    ]


def bookmark(moment: str, **more: Any) -> dict[str, Any]:
    kept = {"replication_key": "last_activity_at", "replication_key_value": moment, **more}
    return {"bookmarks": {name: dict(kept) for name in PEOPLE}}


def catalog_of(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """The catalog with the two streams selected, and each of them changed."""
    found: dict[str, Any] = json.loads(
        json.dumps(TapLiveChat(config={"access_token": "test"}).catalog_dict)
    )
    for stream in found["streams"]:
        is_ours = stream["tap_stream_id"] in PEOPLE
        for item in stream["metadata"]:
            if not item["breadcrumb"]:
                item["metadata"]["selected"] = is_ours
        if is_ours:
            change(stream)
    return found


# Where a stream goes on


@pytest.mark.parametrize(
    ("state", "config"),
    [
        (bookmark(render(NOW + MINUTE)), {}),
        ({}, {"start_date": render(NOW + MINUTE)}),
        (
            bookmark(render(NOW - 60 * MINUTE)),
            {"end_date": render(NOW - 60 * MINUTE), "lookback_minutes": 0},
        ),
    ],
)
def test_clocks_may_differ_by_a_minute_and_a_run_may_have_nothing_to_read(
    state: dict[str, Any], config: dict[str, Any]
) -> None:
    assert records(messages(a_tap(Archive([]), state=state, **config)), "chats") == []


@pytest.mark.parametrize(
    ("state", "config", "said"),
    [
        (bookmark(render(NOW + MINUTE + MICROSECOND)), {}, "lies in the future"),
        ({}, {"start_date": render(NOW + MINUTE + MICROSECOND)}, "start_date: .* in the future"),
        (
            bookmark(render(NOW - 60 * MINUTE)),
            {"end_date": render(NOW - 60 * MINUTE - MICROSECOND), "lookback_minutes": 0},
            "which is after the setting end_date",
        ),
        (bookmark("soon"), {}, "replication_key_value is not a time"),
        (bookmark("1969-12-31T23:59:59Z"), {}, "replication_key_value is not a time"),
        (bookmark(render(NOW), open_threads={"T": "C"}), {}, "open_threads is of another form"),
    ],
)
def test_a_run_that_would_read_nothing_or_the_wrong_ends_before_it_reads(
    state: dict[str, Any], config: dict[str, Any], said: str
) -> None:
    archive = Archive(ROWS)

    with pytest.raises((StateError, SettingsError), match=said):
        messages(a_tap(archive, state=state, **config))

    assert archive.requests in ([], ["list_chats"])


@pytest.mark.parametrize(
    ("belongs_to", "is_read"),
    [
        (None, True),  # version 0.1 did not say
        ({}, True),
        ({"group_ids": [1, 2]}, True),
        ({"group_ids": [1, 2], "of a later version": 7}, True),
        ({"group_ids": [1]}, False),
    ],
)
def test_a_state_is_of_the_settings_it_was_made_with(
    belongs_to: dict[str, Any] | None, *, is_read: bool
) -> None:
    state = bookmark(render(NOW - 60 * MINUTE), belongs_to=belongs_to)
    tap = a_tap(Archive(ROWS), state=state, group_ids=[2, 1])
    if is_read:
        assert messages(tap)[-1]["type"] == "STATE"
        return
    with pytest.raises(StateError, match="made with another group_ids"):
        messages(tap)


def test_a_stream_that_is_to_be_read_in_full_has_no_bookmark_and_keeps_none() -> None:
    def in_full(stream: dict[str, Any]) -> None:
        stream["replication_method"] = "FULL_TABLE"

    state = bookmark(render(NOW), open_threads={"T": "of another form"}, belongs_to={"x": 1})
    found = messages(a_tap(Archive(ROWS), state=state, catalog=catalog_of(in_full)))

    assert len(records(found, "chats")) == len(ROWS)
    assert all(
        each["value"]["bookmarks"][name].get("replication_key_value") == render(NOW)
        for each in found
        if each["type"] == "STATE"
        for name in PEOPLE
    )


def test_a_bookmark_tells_where_it_is_and_what_it_belongs_to() -> None:
    held = render(NOW - 30 * MINUTE)  # by version 0.1, for a chat that was open then
    state = bookmark(render(NOW - 60 * MINUTE), open_since=held)
    found = messages(a_tap(Archive([]), state=state, group_ids=[2, 1]))

    last = found[-1]["value"]["bookmarks"]["chats"]
    assert last["belongs_to"] == {"group_ids": [1, 2]}
    assert last["replication_key"] == "last_activity_at"
    assert last["replication_key_value"] == held
    assert set(last) == {"replication_key", "replication_key_value", "belongs_to"}


# What of a record leaves


def test_what_the_catalog_deselects_or_lacks_never_leaves(caplog: pytest.LogCaptureFixture) -> None:
    def without(stream: dict[str, Any]) -> None:
        stream["schema"]["properties"].pop("tags")
        for item in stream["metadata"]:
            if item["breadcrumb"] == ["properties", "created_at"]:
                item["metadata"]["selected"] = False

    caplog.set_level(logging.INFO)
    found = messages(a_tap(Archive(ROWS), catalog=catalog_of(without)))

    for stream in PEOPLE:
        assert records(found, stream)
        assert not any({"tags", "created_at"} & row.keys() for row in records(found, stream))
        told = f"{stream}: not in the catalog, and so left out: tags"
        assert [r.getMessage() for r in caplog.records].count(told) == 1
        schemas = [each for each in found if each["type"] == "SCHEMA" and each["stream"] == stream]
        assert len(schemas) == 1


def test_fields_that_cost_a_request_are_not_selected_by_default() -> None:
    (chats,) = [
        each
        for each in TapLiveChat(config={"access_token": "test"}).catalog_dict["streams"]
        if each["stream"] == "chats"
    ]
    chosen = {
        item["breadcrumb"][1]: item["metadata"].get("selected-by-default")
        for item in chats["metadata"]
        if item["breadcrumb"]
    }
    assert (chosen["agent_names"], chosen["group_names"]) == (False, False)
    assert chosen["topic"] is not False


def test_maps_change_rename_and_leave_out_records() -> None:
    maps = {
        "chats": {
            "__filter__": "thread_id != 'thread-3'",
            "__alias__": "talks",
            "topic": "'t'",
        }
    }
    found = messages(a_tap(Archive(ROWS), stream_maps=maps))

    talks = records(found, "talks")
    assert len(talks) == len(ROWS) - 1
    assert {row["topic"] for row in talks} == {"t"}
    assert records(found, "chats") == []
    assert len(records(found, "visitors")) == len(ROWS)


def test_nested_fields_are_flattened_where_that_is_set() -> None:
    found = messages(a_tap(Archive(ROWS), flattening_enabled=True, flattening_max_depth=1))

    assert records(found, "visitors")
    assert not any(
        isinstance(value, dict) for row in records(found, "visitors") for value in row.values()
    )


# What a token may not read


class Refused(Archive):
    """The token may not read the archives."""

    def call(self, method: Method, payload: dict[str, Any], decode: Callable[[bytes], Any]) -> Any:
        if method.name.startswith("list_"):
            raise ScopeError("list_archives: the token lacks a scope")
        return super().call(method, payload, decode)


@pytest.mark.parametrize("is_selected", [True, False])
def test_what_the_token_may_not_read_is_left_out_unless_it_was_selected(
    caplog: pytest.LogCaptureFixture, *, is_selected: bool
) -> None:
    catalog = catalog_of(lambda _: None) if is_selected else None
    tap = a_tap(Refused(ROWS), catalog=catalog)

    with pytest.raises(LiveChatError, match="lacks a scope"):
        messages(tap)

    warned = [record for record in caplog.records if "is left out" in record.getMessage()]
    assert bool(warned) is not is_selected
    assert bool(tap.left_out) is not is_selected


# What a chat lacks, and a list of the account has


@dataclass
class Answered(Archive):
    """An agent answers each chat, which may leave out the agent's name."""

    name: str | None = None

    def call(self, method: Method, payload: dict[str, Any], decode: Callable[[bytes], Any]) -> Any:
        if method.name == "list_agents":
            self.requests.append(method.name)
            return decode(b'[{"id": "smith@example.com", "name": "Ann Smith"}]')
        return super().call(method, payload, decode)

    def _chat(self, row: Row) -> dict[str, Any]:
        chat = super()._chat(row)
        agent = {"id": "smith@example.com", "type": "agent", "name": self.name}
        chat["users"].append({key: value for key, value in agent.items() if value is not None})
        chat["thread"]["user_ids"] = [each["id"] for each in chat["users"]]
        return chat


@pytest.mark.parametrize(("name", "lists"), [("Ann S.", 0), (None, 1)])
def test_agents_are_asked_for_where_a_chat_does_not_name_them(name: str | None, lists: int) -> None:
    def with_names(stream: dict[str, Any]) -> None:
        for item in stream["metadata"]:
            if item["breadcrumb"] == ["properties", "agent_names"]:
                item["metadata"]["selected"] = True

    archive = Answered(ROWS, name=name)
    found = messages(a_tap(archive, catalog=catalog_of(with_names)))

    assert {tuple(row["agent_names"]) for row in records(found, "chats")} == {
        (name or "Ann Smith",)
    }
    assert archive.requests.count("list_agents") == lists


def test_a_trial_run_counts_visitors_and_shows_the_lists_of_the_account_whole() -> None:
    class Three(Archive):
        def call(
            self, method: Method, payload: dict[str, Any], decode: Callable[[bytes], Any]
        ) -> Any:
            return decode(msgspec.json.encode([{"id": name} for name in "abc"]))

    tap = a_tap(Three([]), limit=1)
    for name, stream in tap.streams.items():
        stream.selected = name == "agents"

    assert [row["id"] for row in records(messages(tap), "agents")] == ["a", "b", "c"]


def test_what_calls_which_method_is_known_before_anything_is_asked() -> None:
    streams = cast("dict[str, Any]", TapLiveChat(config={"access_token": "test"}).streams)

    assert streams["agents"].needs == {"agents": LIST_AGENTS}
    assert streams["chats"].needs == {"chats": LIST_ARCHIVES}, "names are not selected by default"
