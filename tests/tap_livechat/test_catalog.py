"""What a catalog leaves out never leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests import warm
from tests.tap_livechat.conftest import Output

if TYPE_CHECKING:
    from tests.sandbox.livechat.client import LiveChatSandbox
    from tests.tap_livechat.conftest import Tap

PERSONAL = [("visitors", name) for name in ("email", "ip", "phone", "user_agent")] + [
    ("chat_events", "text")
]


def test_a_column_that_somebody_took_out_of_a_catalog_never_leaves(tap: Tap) -> None:
    tap.fields = dict.fromkeys(PERSONAL)

    run = tap.run(["visitors", "chat_events"])

    assert run.code == 0
    for stream, name in PERSONAL:
        assert run.records[stream]
        assert name not in run.schemas[stream]["schema"]["properties"]
        assert not any(name in record for record in run.records[stream])
        assert run.log.count(f"{stream}: not in the catalog, and so left out:") == 1


def test_a_catalog_without_a_key_ends_the_run_in_one_line(tap: Tap) -> None:
    tap.fields = {("visitors", "visitor_id"): None}

    run = tap.run(["visitors"])

    assert run.code == 1
    [line] = run.errors
    assert "--catalog: the schema of visitors lacks its key, visitor_id" in line


Change = Callable[[dict[str, Any]], object]


def run_with(tap: Tap, change: Change, state: dict[str, Any] | None = None) -> Output:
    """A run with a catalog of which each entry was changed."""
    command = tap.command(["visitors", "chats"], state)
    path = Path(command[command.index("--catalog") + 1])
    catalog = json.loads(path.read_text())
    for entry in catalog["streams"]:
        change(entry)
    path.write_text(json.dumps(catalog))
    done = warm.run(command, env=tap.environment)
    return Output(done.returncode, done.stdout, done.stderr)


def without_keys(entry: dict[str, Any]) -> None:
    for name in ("key_properties", "replication_key", "replication_method"):
        entry.pop(name, None)
    for item in entry["metadata"]:
        if not item["breadcrumb"]:
            item["metadata"] = {"selected": item["metadata"]["selected"]}


def test_a_catalog_that_names_no_keys_has_those_of_the_tap(
    tap: Tap, livechat: LiveChatSandbox
) -> None:
    """Nor is everything read, and billed, in each run."""
    first = run_with(tap, without_keys)
    livechat.reset()
    second = run_with(tap, without_keys, first.states[-1])

    assert first.schemas["visitors"]["key_properties"] == ["visitor_id"]
    assert first.schemas["chats"]["key_properties"] == ["thread_id"]
    assert len(second.records["chats"]) < len(first.records["chats"]) / 4
    assert livechat.counts()["requests_total"] <= 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda entry: entry.update(metadata=[None]), "it is not of the form"),
        (lambda entry: entry.update(metadata=[{"metadata": {}}]), "it is not of the form"),
        (lambda entry: entry["metadata"][0].update(breadcrumb=None), "it is not of the form"),
        (lambda entry: entry["metadata"][0].update(metadata=None), "it is not of the form"),
        (lambda entry: entry["schema"].update(properties=[]), "it is not of the form"),
        (lambda entry: entry["schema"]["properties"].update(x=None), "it is not of the form"),
        (lambda entry: entry.update(stream="people"), "is called people"),
        (
            lambda entry: entry.update(tap_stream_id="chatz", stream="chatz"),
            "there is no stream chatz; did you mean chats?",
        ),
    ],
    ids=["items", "place", "path", "metadata", "properties", "property", "renamed", "misspelt"],
)
def test_a_catalog_with_a_mistake_ends_the_run_in_one_line(
    tap: Tap, livechat: LiveChatSandbox, change: Change, said: str
) -> None:
    run = run_with(tap, change)

    assert run.code == 1
    [line] = run.errors
    assert "--catalog: " in line
    assert said in line
    assert livechat.counts()["requests_total"] == 0
