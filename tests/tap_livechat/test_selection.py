"""Which streams a run reads: a catalog's, meltano.yml's, or all that the token may see."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from meltano.core.plugin.singer.catalog import SelectExecutor, visit

from tap_livechat import selection
from tap_livechat.tap import TapLiveChat
from tests import warm
from tests.sandbox.livechat.client import LiveChatSandbox
from tests.tap_livechat.conftest import TAP, Output, Tap

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATTERNS = [
    ["visitors.*"],
    ["visitors"],
    ["*.*"],
    ["*"],
    ["!*.*"],
    [],
    ["visitors.*", "!visitors.email"],
    ["!visitors.email", "visitors.*"],
    ["visitors.email", "visitors.name*"],
    ["chat*.*", "!chat_events"],
    ["*.*", "!tags.*"],
    ["visitors.form_answers.role", "!agents.id"],
    ["vis?tors.[a-e]*"],
]


def chosen(catalog: dict[str, Any]) -> set[tuple[str, str]]:
    """Each stream, and each of its properties, that would be read."""
    return {
        (stream["tap_stream_id"], ".".join(item["breadcrumb"][1::2]))
        for stream in catalog["streams"]
        for item in stream["metadata"]
        if item["metadata"].get("selected")
    }


@pytest.mark.parametrize("patterns", PATTERNS)
def test_patterns_select_what_meltano_selects(patterns: list[str]) -> None:
    def catalog() -> dict[str, Any]:
        found = TapLiveChat(config={}, validate_config=False).catalog_dict
        copied: dict[str, Any] = json.loads(json.dumps(found))
        return copied

    of_meltano = catalog()
    # As Meltano does: nothing first, and then what the patterns say.
    visit(of_meltano, SelectExecutor(["!*.*"]))
    visit(of_meltano, SelectExecutor(patterns))

    assert chosen(selection.select(catalog(), patterns)) == chosen(of_meltano)


@pytest.fixture(scope="module")
def narrow() -> Iterator[LiveChatSandbox]:
    """An account whose token has the one scope that the README names."""
    with LiveChatSandbox(visitors=40, scopes=["chats--all:ro"]) as sandbox:
        yield sandbox


def run(tap: Tap, *arguments: str) -> Output:
    """The tap as a person starts it in a project's folder, with its settings in `.env`."""
    lines = [f"TAP_LIVECHAT_{name.upper()}={value}\n" for name, value in tap.settings.items()]
    (tap.folder / ".env").write_text("".join(lines))
    done = warm.run([TAP, *arguments], cwd=tap.folder, env=tap.environment)
    return Output(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("arguments", [(), ("--config=ENV",)])
def test_without_a_selection_what_the_token_may_not_see_is_left_out_and_reported(
    tmp_path: Path, narrow: LiveChatSandbox, arguments: tuple[str, ...]
) -> None:
    narrow.reset()

    done = run(Tap(tmp_path, narrow), *arguments)

    assert done.code == 0, done.log
    assert set(done.schemas) == {"visitors", "chats", "chat_events"}
    assert done.records["visitors"]
    left_out = [line for line in done.log.splitlines() if "is left out" in line]
    assert len(left_out) == 3
    for stream, line in zip(("agents", "groups", "tags"), left_out, strict=True):
        assert f"Stream {stream} is left out" in line
        assert f"{stream}--all:ro" in line
    assert narrow.counts()["requests"]["list_agents"] == 1


def test_what_was_selected_is_never_left_out(tmp_path: Path, narrow: LiveChatSandbox) -> None:
    tap = Tap(tmp_path, narrow)
    (tmp_path / "meltano.yml").write_text(
        "plugins: {extractors: [{name: tap-livechat, select: [visitors.*, agents.*]}]}"
    )

    of_catalog = tap.run(["agents"])
    of_meltano = run(tap)

    for done in (of_catalog, of_meltano):
        assert done.code == 1
        assert "agents--all:ro" in done.errors[0]


def test_a_token_that_may_see_nothing_ends_the_run(tmp_path: Path) -> None:
    with LiveChatSandbox(visitors=5, scopes=["customers:ro"]) as account:
        done = run(Tap(tmp_path, account))

    assert done.code == 1
    [line] = done.errors
    assert "scope" in line


def test_by_hand_meltano_ymls_selection_applies_and_a_variable_beats_it(
    tap: Tap, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tap.folder / "meltano.yml").write_text(
        "plugins: {extractors: [{name: tap-livechat, select: [visitors.*, '!visitors.email']}]}"
    )

    of_file = run(tap)
    monkeypatch.setenv("TAP_LIVECHAT__SELECT", '["tags.*"]')
    variable = {"TAP_LIVECHAT__SELECT": '["tags.*"]'}
    of_variable = warm.run([TAP], cwd=tap.folder, env=tap.environment | variable)

    assert set(of_file.schemas) == {"visitors"}
    assert "email" not in of_file.records["visitors"][0]
    assert set(Output(0, of_variable.stdout, "").schemas) == {"tags"}


def test_a_file_of_settings_leaves_the_selection_to_the_catalog(tap: Tap) -> None:
    (tap.folder / "meltano.yml").write_text(
        "plugins: {extractors: [{name: tap-livechat, select: [tags.*]}]}"
    )

    done = run(tap, *tap.command(streams=None)[1:])

    assert {"visitors", "agents", "tags"} <= set(done.schemas)


@pytest.mark.parametrize(
    ("select", "said"),
    [
        ("select: visitors", "`select` in meltano.yml is a list of patterns"),
        ("select: [1]", "`select` in meltano.yml is a list of patterns"),
        ("metadata: {visitors: {replication-method: FULL_TABLE}}", "works through Meltano alone"),
    ],
)
def test_a_selection_that_cannot_be_followed_is_one_line(tap: Tap, select: str, said: str) -> None:
    (tap.folder / "meltano.yml").write_text(
        f"plugins: {{extractors: [{{name: tap-livechat, {select}}}]}}"
    )

    done = run(tap)

    assert done.code == 1
    [line] = done.errors
    assert said in line
