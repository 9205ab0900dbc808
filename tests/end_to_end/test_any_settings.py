"""Whatever the settings hold: the command runs, or says in one line what is wrong.

A failure prints its seed; `--hypothesis-seed=N` repeats it.
"""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from singer_sdk.exceptions import ConfigValidationError

import tap_livechat.configuration
import target_marketo.configuration
from tap_livechat.errors import LiveChatError
from tap_livechat.tap import TapLiveChat
from target_marketo.mapping import streams_setting
from target_marketo.problems import SettingError
from target_marketo.settings import SCHEMA, Settings
from target_marketo.store.database import open_database
from target_marketo.store.error_log import mapping_digest
from target_marketo.store.errors import StoreError
from target_marketo.target import TargetMarketo
from tests.damaged_replies import JSON, changed, torn

if TYPE_CHECKING:
    from collections.abc import Iterator

TapLiveChat.append_builtin_config(TapLiveChat.config_jsonschema)
STREAMS: dict[str, Any] = {
    "visitors": {
        "key": "email",
        "fields": {
            "email": "email",
            "city": {"from": "city", "write": "if_empty", "group": "geography"},
            "leadSource": {"value": "LiveChat", "write": "on_create"},
        },
        "lists": ["LiveChat visitors", 1001],
        "programs": {"LiveChat": "Engaged"},
        "only_if": {"active": [False, 1]},
    },
    "chats": {
        "create": False,
        "activity": {
            "type": "livechatChat",
            "once": "thread_id",
            "since": "2026-01-01",
            "date": "created_at",
            "primary": {"from": "topic", "otherwise": "Chat"},
            "attributes": {"threadId": "thread_id"},
        },
        "object": {
            "name": "livechatChat_c",
            "dedupe": "threadId",
            "link": "leadId",
            "fields": {"threadId": "thread_id"},
        },
    },
    "*": "by_names",
}
NEEDED: dict[str, dict[str, Any]] = {
    "tap-livechat": {"access_token": "x"},
    "target-marketo": {
        "endpoint": "http://127.0.0.1:9",
        "client_id": "x",
        "client_secret": "y",
        "streams": STREAMS,
    },
}
KNOWN: dict[str, Any] = {
    "tap-livechat": TapLiveChat.config_jsonschema["properties"],
    "target-marketo": SCHEMA["properties"],
}
FAST = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
COMMANDS = pytest.mark.parametrize("plugin", KNOWN)
VARIABLES = {
    plugin: st.sampled_from(
        [target_marketo.configuration.prefix(plugin) + each.upper() for each in known]
    )
    for plugin, known in KNOWN.items()
}
WRITTEN = {
    ".env": b'TARGET_MARKETO_STREAMS=\'{"a": 1}\'\nTAP_LIVECHAT_GROUP_IDS=[1]\nexport X="${Y}"\n',
    "meltano.yml": yaml.safe_dump(
        {
            "default_environment": "prod",
            "environments": [{"name": "prod", "config": {"plugins": {}}}],
            "plugins": {
                "extractors": [{"name": "tap-livechat", "config": {"page_size": 10}}],
                "loaders": [
                    {"name": "target-marketo", "inherit_from": "x", "config": {"streams": STREAMS}}
                ],
            },
        }
    ).encode(),
    "config.json": json.dumps({"streams": STREAMS, "page_size": 7, "group_ids": [1]}).encode(),
}
TEXTS = JSON.map(json.dumps) | st.text(st.characters(exclude_characters="\0"), max_size=30).filter(
    lambda text: text.encode("utf-8", "ignore").decode() == text
)


@pytest.fixture(autouse=True)
def _a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def start(plugin: str, *files: str) -> None:
    """Reads the settings as a run does before its first request; one line may end it."""
    try:
        if plugin == "tap-livechat":
            found = tap_livechat.configuration.read(plugin, KNOWN[plugin], files).values
            TapLiveChat(config=NEEDED[plugin] | found).session()
        else:
            found = target_marketo.configuration.read(plugin, KNOWN[plugin], files).values
            config = TargetMarketo(config=NEEDED[plugin] | found).config
            checked = Settings.of(config)
            open_database(checked.store_url, checked.store_key).close()
            mapping_digest(checked.streams)
            streams_setting.read(checked.streams or {})
    except ConfigValidationError as error:
        said = "; ".join(error.errors)
    except (LiveChatError, SettingError, StoreError) as error:
        said = str(error)
    else:
        return
    assert said
    assert "\n" not in said


@pytest.fixture(autouse=True)
def _signals_are_kept() -> Iterator[None]:
    """A plugin of the SDK takes over the signals of its process, which here is pytest's."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@COMMANDS
@FAST
@given(data=st.data())
def test_any_json_value_of_any_setting(plugin: str, data: st.DataObject) -> None:
    names = st.sampled_from(list(KNOWN[plugin]))
    given = data.draw(st.dictionaries(names, JSON, min_size=1, max_size=3))
    Path("config.json").write_text(json.dumps(given))
    start(plugin, "config.json")


@FAST
@given(config=changed({"streams": STREAMS}))
def test_any_json_value_of_any_part_of_streams(config: dict[str, Any]) -> None:
    Path("config.json").write_text(json.dumps(config))
    start("target-marketo", "config.json")


@COMMANDS
@FAST
@given(data=st.data())
def test_any_text_of_the_environment(plugin: str, data: st.DataObject) -> None:
    texts = data.draw(st.dictionaries(VARIABLES[plugin], TEXTS, min_size=1, max_size=3))
    with pytest.MonkeyPatch.context() as patch:
        for name, text in texts.items():
            patch.setenv(name, text)
        start(plugin)


@COMMANDS
@FAST
@given(data=st.data())
def test_any_bytes_of_env_meltano_yml_and_a_config_file(plugin: str, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([".env", "meltano.yml", "config.json"]))
    Path(name).write_bytes(data.draw(torn(WRITTEN[name]) | st.binary(max_size=60)))
    start(plugin, *([name] if name == "config.json" else []))
    Path(name).unlink()
