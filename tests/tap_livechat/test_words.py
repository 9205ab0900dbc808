"""What a user can get wrong ends in one line that says where."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests import warm
from tests.tap_livechat.conftest import Output

if TYPE_CHECKING:
    from tests.sandbox.livechat.client import LiveChatSandbox
    from tests.tap_livechat.conftest import Tap

README = Path(__file__).resolve().parents[2] / "tap-livechat" / "README.md"
EMAIL = re.compile(r"[^@\s\"]+@[^@\s\"]+\.[a-z]+")


@pytest.mark.parametrize(
    ("maps", "words"),
    [
        ({"email": "md5(emial)"}, "visitors: email: 'md5(emial)': there is no emial"),
        ({"email": "mad5(email)"}, "visitors: email: 'mad5(email)': there is no mad5"),
        ({"email": "md5(email"}, "visitors: email: 'md5(email': it is not an expression"),
        ({"n": "int(ip)"}, "visitors: n: 'int(ip)': it fails for a record (ValueError)"),
        ({"n": "ip + 1"}, "visitors: n: 'ip + 1': it fails for a record (TypeError)"),
        ({"__filter__": "emial"}, "visitors: __filter__: 'emial': there is no emial"),
        ({"email": 5}, "visitors.email: it must be an expression, or null"),
        ({"visitor_id": "__NULL__"}, "Removing key property 'visitor_id' is not permitted"),
    ],
)
def test_a_mistake_in_a_stream_map_names_the_stream_and_the_expression(
    tap: Tap, maps: dict[str, Any], words: str
) -> None:
    run = tap.run(["visitors"], stream_maps={"visitors": maps})

    assert run.code == 1
    [line] = run.errors
    assert "stream_maps: " in line
    assert words in line


@pytest.mark.parametrize(
    ("maps", "words"),
    [
        (
            {"visitor": {"email": "__NULL__"}},
            "there is no stream visitor; did you mean visitors?",
        ),
        ({"vsit*": {"email": "__NULL__"}}, "there is no stream vsit*"),
        ({"copy": {"__source__": "chat", "e": "email"}}, "there is no stream chat; did you mean"),
        ({"visitors": {"emial": "__NULL__"}}, "visitors has no emial to take out; did you mean"),
        ({"visitors": {"text": "__NULL__"}}, "visitors has no text to take out"),
        ({"vis*": {"text": "__NULL__"}}, "vis* has no text to take out"),
        ({"visitors": {"email": "email", "__else__": "drop"}}, "visitors: __else__ can be null"),
        ({"visitors": {"email": "email"}, "__else__": 5}, "__else__ can be null alone"),
    ],
    ids=["stream", "pattern", "source", "field", "other's", "of a pattern", "else", "else of all"],
)
def test_a_map_of_what_does_not_exist_is_a_mistake(
    tap: Tap, livechat: LiveChatSandbox, maps: dict[str, Any], words: str
) -> None:
    """Or nothing would be mapped, and what was to be taken out would leave."""
    run = tap.run(["visitors"], stream_maps=maps)

    assert run.code == 1
    [line] = run.errors
    assert "stream_maps: " in line
    assert words in line
    assert livechat.counts()["requests_total"] == 0


def test_a_map_of_a_stream_that_nobody_selected_does_no_harm(tap: Tap) -> None:
    maps = {"chat_events": {"text": "__NULL__"}, "*s": {"properties": "__NULL__"}}

    run = tap.run(["visitors", "chats"], stream_maps=maps)

    assert run.code == 0
    assert run.records["visitors"]
    assert run.records["chats"]
    assert not any("properties" in record for record in run.records["chats"])


@pytest.mark.parametrize(
    "content",
    ["{}", "[]", "7", '{"streams": {"a": 1}}', '{"streams": [{"stream": "visitors"}]}'],
)
def test_something_that_is_not_a_catalog_is_not_taken_for_all(
    tap: Tap, livechat: LiveChatSandbox, content: str
) -> None:
    command = tap.command(["visitors"])
    Path(command[command.index("--catalog") + 1]).write_text(content)
    done = warm.run(command, env=tap.environment)
    run = Output(done.returncode, done.stdout, done.stderr)

    assert run.code == 1
    [line] = run.errors
    assert "--catalog: it is not of the form" in line
    assert livechat.counts()["requests_total"] == 0


@pytest.mark.parametrize("option", ["--catalog", "--state"])
@pytest.mark.parametrize("content", ["null", '"visitors"', '{"a":' * 3000 + "1" + "}" * 3000])
def test_a_file_without_an_object_is_not_taken_for_none(
    tap: Tap, livechat: LiveChatSandbox, option: str, content: str
) -> None:
    command = tap.command(["visitors"], {})
    Path(command[command.index(option) + 1]).write_text(content)
    done = warm.run(command, env=tap.environment)
    run = Output(done.returncode, done.stdout, done.stderr)

    assert run.code == 1
    [line] = run.errors
    assert f"{option}: the file " in line
    assert livechat.counts()["requests_total"] == 0


@pytest.mark.parametrize("content", ["[]", "0", "false"])
def test_something_that_is_not_a_state_is_not_taken_for_none(
    tap: Tap, livechat: LiveChatSandbox, content: str
) -> None:
    command = tap.command(["visitors"], {})
    Path(command[command.index("--state") + 1]).write_text(content)
    done = warm.run(command, env=tap.environment)
    run = Output(done.returncode, done.stdout, done.stderr)

    assert run.code == 1
    [line] = run.errors
    assert "the state is not of the form" in line
    assert livechat.counts()["requests_total"] == 0


def test_a_selection_that_selects_nothing_is_a_mistake(tap: Tap) -> None:
    run = tap.run([])

    assert run.code == 1
    [line] = run.errors
    assert "no stream is selected" in line


def test_a_setting_that_there_is_not_is_named_with_the_nearest_one(tap: Tap) -> None:
    run = tap.run(["tags"], page_sizes=10)

    assert run.code == 0
    assert run.log.count("there is no setting page_sizes; did you mean page_size?") == 1


def test_a_bundle_of_certificates_that_is_not_there_is_named(
    tap: Tap, livechat: LiveChatSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")

    run = tap.run(["visitors"])

    assert run.code == 1
    [line] = run.errors
    assert "REQUESTS_CA_BUNDLE" in line
    assert "there is no file /nowhere/ca.pem" in line
    assert livechat.counts()["requests_total"] == 0


def test_the_maps_of_the_readme_leave_no_email(tap: Tap) -> None:
    [maps] = re.findall(r"```json\n(\{\"stream_maps\".*?)```", README.read_text(), re.DOTALL)

    open_run = tap.run(["visitors", "chats"])
    run = tap.run(["visitors", "chats"], **json.loads(maps))

    assert run.code == 0
    people = [
        json.dumps({name: value for name, value in row.items() if name != "agents"})
        for stream in ("visitors", "chats")
        for row in run.records[stream]
    ]
    assert any(EMAIL.search(str(row["form_answers"])) for row in open_run.records["visitors"])
    assert not any(EMAIL.search(text) for text in people)
