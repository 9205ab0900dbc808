"""What stands in two places says the same in both."""

from __future__ import annotations

import re
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest
import yaml

from tap_livechat.records.schemas import CHAT, VISITOR, to_schema
from tap_livechat.tap import TapLiveChat
from target_marketo.mapping import streams_setting
from target_marketo.mapping.default_streams import DEFAULT_STREAMS
from target_marketo.mapping.field_types import Field
from target_marketo.mapping.mapper import Mapper
from target_marketo.mapping.schema_check import StreamSchema
from target_marketo.ops.digest import mail
from target_marketo.ops.setup.data_types import data_type
from target_marketo.settings import SCHEMA

ROOT = Path(__file__).resolve().parents[2]
MELTANO: dict[str, Any] = yaml.safe_load((ROOT / "meltano.yml").read_text())
TAP, TARGET = MELTANO["plugins"]["extractors"][0], MELTANO["plugins"]["loaders"][0]
TapLiveChat.append_builtin_config(TapLiveChat.config_jsonschema)
TAP_SETTINGS = TapLiveChat.config_jsonschema["properties"]
KINDS = {
    "string": {"string", "options", "date_iso8601"},
    "integer": {"integer"},
    "boolean": {"boolean"},
    "array": {"array"},
    "object": {"object"},
}


@pytest.mark.parametrize(
    ("plugin", "settings"), [(TAP, TAP_SETTINGS), (TARGET, SCHEMA["properties"])]
)
def test_meltano_knows_every_setting_its_kind_and_which_are_secret(
    plugin: dict[str, Any], settings: dict[str, Any]
) -> None:
    listed = {each["name"]: each for each in plugin["settings"]}

    assert list(listed) == list(settings)
    for name, schema in settings.items():
        types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        (kind,) = {each for each in types if each != "null"}
        assert listed[name]["kind"] in KINDS[kind], name
        assert listed[name].get("sensitive", False) is schema.get("secret", False), name


def test_meltanos_streams_are_the_default_ones() -> None:
    def written_out(spec: Any) -> Any:
        return {"from": spec} if isinstance(spec, str) else spec

    def fields(streams: dict[str, Any]) -> dict[str, Any]:
        return {name: written_out(spec) for name, spec in streams["visitors"]["fields"].items()}

    assert fields(TARGET["config"]["streams"]) == fields(DEFAULT_STREAMS)


@pytest.mark.parametrize(
    ("prefix", "settings"),
    [("TAP_LIVECHAT_", TAP_SETTINGS), ("TARGET_MARKETO_", SCHEMA["properties"])],
)
def test_env_example_explains_every_setting_with_its_default(
    prefix: str, settings: dict[str, Any]
) -> None:
    text = (ROOT / ".env.example").read_text()
    given = dict(re.findall(rf"^#? ?{prefix}(\w+)=(.*)$", text, re.MULTILINE))

    assert set(given) == {name.upper() for name in settings}
    for name, schema in settings.items():
        default = schema.get("default")
        if default is not None:
            shown = str(default).lower() if isinstance(default, bool) else str(default)
            assert given[name.upper()] == shown, name


def test_what_env_example_shows_as_an_example_is_refused_where_it_is_left_as_it_is() -> None:
    text = (ROOT / ".env.example").read_text()
    given = dict(re.findall(r"^#? ?MARKETO_OPS_(\w+)=(.*)$", text, re.MULTILINE))

    assert {name: given[name] for name in mail._REQUIRED} == mail._REQUIRED
    for name in ("ENDPOINT", "IDENTITY", "MUNCHKIN_ID"):
        assert re.search(rf"^#? ?TARGET_MARKETO_{name}=$", text, re.MULTILINE), name


def test_constraints_hold_the_version_of_every_package_that_tests_run_with() -> None:
    text = (ROOT / "constraints.txt").read_text()
    held = set(re.findall(r"^([\w.-]+)==(\S+)$", text, re.MULTILINE))
    ours = {"livechat-to-marketo", "tap-livechat", "target-marketo"}

    installed = {
        (name, each.version)
        for each in distributions()
        if (name := each.name.lower().replace("_", "-").replace(".", "-")) not in ours
    }

    assert installed - held == set(), "uv pip freeze --exclude-editable shows what to add"


def test_no_text_recommends_the_log_format_that_hides_why_a_run_failed() -> None:
    pages = (*ROOT.glob("*.md"), *ROOT.glob("t*/**/*.md"))
    assert len(pages) > 6
    for path in (*pages, *ROOT.glob("tests/**/*.py")):
        assert "log-format=" + "plain" not in path.read_text(), path


def test_every_file_of_python_is_free_of_the_package_that_breaks_the_sdk() -> None:
    paths = list(ROOT.glob("*/pyproject.toml"))
    assert len(paths) == 2
    for path in paths:
        wanted = re.findall(r'^\s+"(backoff)\b', path.read_text(), re.MULTILINE)
        assert wanted == [], path


def test_the_targets_readme_lists_every_setting_as_about_does() -> None:
    text = (ROOT / "target-marketo" / "README.md").read_text()

    for name, schema in SCHEMA["properties"].items():
        assert re.search(
            rf"^\| `{name}`.*{re.escape(schema['description'])} \|$", text, re.MULTILINE
        ), name


def test_the_tap_sends_all_that_meltanos_streams_take_and_no_more_of_chats() -> None:
    entries, _ = streams_setting.read(TARGET["config"]["streams"])
    wanted = {f"chats.{source.split('.')[0]}" for source in entries["chats"].sources}
    # The person, and the bookmark.
    wanted |= {"chats.email", "chats.last_activity_at"}

    assert set(TAP["select"]) - {"visitors.*"} == wanted


def test_what_meltanos_streams_have_as_comments_works_when_it_is_uncommented() -> None:
    text = (ROOT / "meltano.yml").read_text()
    start, end = text.index("      streams:\n"), text.index("  utilities:")
    lines = text[start:end].splitlines()
    # Comments that are settings, and not sentences.
    lines = [re.sub(r"^( +)# ( *[\w.]+:( .*)?)$", r"\1\2", line) for line in lines]
    streams = yaml.safe_load("\n".join(lines))["streams"]
    fields = streams["visitors"]["fields"] | streams["chats"]["fields"]
    types = {
        name: spec.get("type", "string") for name, spec in fields.items() if isinstance(spec, dict)
    }

    entries, _ = streams_setting.read(streams)

    assert {"liveChatFirstChatAt", "liveChatLastTopic", "liveChatTags"} <= set(types)
    assert (entries["visitors"].lists, dict(entries["chats"].programs)) == (
        ("LiveChat visitors",),
        {"LiveChat": "Engaged"},
    )
    assert entries["chats"].object is not None
    described = [Field("email", "email", 255, searchable=True)]
    described += [Field(name, kind, 255) for name, kind in types.items()]
    described += [Field(name, "string", 255) for name in fields.keys() - types - {"email"}]
    mapper = Mapper(streams, described)
    for stream, schema in (("visitors", VISITOR), ("chats", CHAT)):
        plan = mapper.plan(stream, to_schema(schema, ())["properties"])
        assert plan.warnings == (), stream


def test_the_default_activity_is_what_setup_makes_in_full() -> None:
    (activity,) = [
        entry.activity
        for entry in streams_setting.read(TARGET["config"]["streams"])[0].values()
        if entry.activity
    ]

    assert activity.skip_if_missing, "without the type the job runs as it did before"
    assert len(activity.attributes) <= 20
    seen, unseen = StreamSchema.of(to_schema(CHAT, ())), StreamSchema()
    for name, source in activity.attributes.items():
        made = [data_type(schema, source.path, source.type).name for schema in (unseen, seen)]
        assert made[0] == made[1], f"{name} is made alike before a first run and after it"
    assert activity.once in {source.path for source in activity.attributes.values()}
