"""Other people's readers of Marketo, unchanged, read from the sandbox what was written to it."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.environments import installed
from tests.sandbox.marketo import MarketoSandbox
from tests.sandbox.marketo_examples import CHAT_ID, EXAMPLES, chat
from tests.sandbox.object_api import ObjectApi, outcomes
from tests.sandbox.tls_front import TlsFront

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.installs

NOW = datetime.now(UTC).replace(microsecond=0)  # the readers know no other clock
CHATTED = f"{NOW - timedelta(hours=3):%Y-%m-%dT%H:%M:%SZ}"
START = f"{NOW - timedelta(days=2):%Y-%m-%dT%H:%M:%SZ}"
MUNCHKIN_HOST = "000-aaa-000.mktorest.com"
SINGER = "tap-marketo==2.9.4"
AIRBYTE = "airbyte-source-marketo==2.1.3"
# How the readers' environment, and nobody else's, is told whom to trust: certifi has no variable.
TRUST = 'import os, certifi; certifi.where = lambda: os.environ["REQUESTS_CA_BUNDLE"]\n'
PEOPLE: list[dict[str, Any]] = [
    {"email": "ada@example.com", "firstName": "Ada", "liveChatTags": 'sales, "new", ü'},
    {"email": "bea@example.com", "liveChatChatsCount": 3},
]
A, B = 1001, 1002
CHATS = {A: "T1", B: "T2"}  # a thread for each lead


@pytest.fixture(scope="module")
def marketo() -> Iterator[MarketoSandbox]:
    """A Marketo to which people, chats, a member of a list and of a program were written."""
    with (
        MarketoSandbox(**EXAMPLES, campaigns=["Alert sales"]) as sandbox,
        ObjectApi(sandbox) as api,
    ):
        api.log_in()
        assert api.synced(*PEOPLE) == ["created", "created"]
        rows = [chat(lead, thread, activityDate=CHATTED) for lead, thread in CHATS.items()]
        assert outcomes(api.add(*rows)) == ["added", "added"]
        assert outcomes(api.add_to_list(1001, A)) == ["added"]
        assert outcomes(api.set_status("Engaged", B)) == ["created"]
        yield sandbox


@pytest.fixture
def environments(request: pytest.FixtureRequest, package_index: None) -> Path:
    return Path(request.config.cache.mkdir("readers"))


def _lines(command: list[str], folder: Path, **environment: str) -> list[dict[str, Any]]:
    """The JSON lines of a command that must succeed."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, **environment},
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def _write(path: Path, content: Any) -> str:
    path.write_text(json.dumps(content))
    return str(path)


def _check_people(records: list[dict[str, Any]]) -> None:
    wanted = {A: PEOPLE[0], B: PEOPLE[1]}
    assert {int(each["id"]) for each in records} == wanted.keys()
    for each in records:
        for name, value in wanted[int(each["id"])].items():
            assert str(each[name]) == str(value)


def test_tap_marketo_reads_people_chats_lists_and_programs(
    marketo: MarketoSandbox, environments: Path, tmp_path: Path
) -> None:
    tap = installed(environments, SINGER, "tap-marketo")
    for packages in Path(tap).parents[1].glob("lib/python*/site-packages"):
        (packages / "trust.pth").write_text(TRUST)
    address = f"https://{MUNCHKIN_HOST}"
    config = {
        "endpoint": f"{address}/rest",
        "identity": f"{address}/identity",
        "client_id": marketo.client_id,
        "client_secret": marketo.client_secret,
        "start_date": START,
        "poll_interval": 1,
    }
    command = [tap, "--config", _write(tmp_path / "config.json", config)]
    wanted = {"leads", "activities_chat_on_livechat", "lists", "programs", "campaigns"}

    with TlsFront(marketo.port, MUNCHKIN_HOST) as front:
        (tmp_path / "authority.pem").write_bytes(front.authority)
        through = {
            "HTTPS_PROXY": front.proxy,
            "REQUESTS_CA_BUNDLE": str(tmp_path / "authority.pem"),
        }
        found = subprocess.run(
            [*command, "--discover"],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, **through},
        )
        catalog = json.loads(found.stdout)
        for stream in catalog["streams"]:
            for each in stream["metadata"]:
                each["metadata"]["selected"] = stream["tap_stream_id"] in wanted
        chosen = _write(tmp_path / "catalog.json", catalog)
        lines = _lines([*command, "--properties", chosen], tmp_path, **through)

    records: dict[str, list[dict[str, Any]]] = {name: [] for name in wanted}
    for line in lines:
        if line["type"] == "RECORD":
            records[line["stream"]].append(line["record"])
    _check_people(records["leads"])
    chats = records["activities_chat_on_livechat"]
    assert {each["leadId"]: each["thread_id"] for each in chats} == CHATS
    assert {each["activityDate"] for each in chats} == {CHATTED.replace("Z", "+00:00")}
    assert {each["duration"] for each in chats} == {312}
    assert {each["name"] for each in records["lists"]} == {"LiveChat visitors", "Visitors"}
    assert [each["name"] for each in records["programs"]] == ["LiveChat"]
    assert [each["name"] for each in records["campaigns"]] == ["Alert sales"]
    assert not marketo.counts().rejected


def test_the_marketo_source_of_airbyte_reads_people_and_chats(
    marketo: MarketoSandbox, environments: Path, tmp_path: Path
) -> None:
    """It asks once a minute whether a file is ready, and cannot be told otherwise."""
    source = installed(environments, AIRBYTE, "source-marketo")
    config = {
        "domain_url": marketo.url,
        "client_id": marketo.client_id,
        "client_secret": marketo.client_secret,
        "start_date": START,
    }
    with_config = ["--config", _write(tmp_path / "config.json", config)]

    (checked,) = [
        line["connectionStatus"]["status"]
        for line in _lines([source, "check", *with_config], tmp_path)
        if line["type"] == "CONNECTION_STATUS"
    ]
    assert checked == "SUCCEEDED"
    (catalog,) = [
        line["catalog"]
        for line in _lines([source, "discover", *with_config], tmp_path)
        if line["type"] == "CATALOG"
    ]
    chat_stream = "activities_chaton_live_chat"
    streams = [
        {"stream": each, "sync_mode": "full_refresh", "destination_sync_mode": "append"}
        for each in catalog["streams"]
        if each["name"] in {"leads", "lists", "programs", chat_stream}
    ]
    chosen = ["--catalog", _write(tmp_path / "catalog.json", {"streams": streams})]

    records: dict[str, list[dict[str, Any]]] = {each["stream"]["name"]: [] for each in streams}
    for line in _lines([source, "read", *with_config, *chosen], tmp_path):
        if line["type"] == "RECORD":
            records[line["record"]["stream"]].append(line["record"]["data"])

    _check_people(records["leads"])
    chats = records[chat_stream]
    assert {int(each["leadId"]) for each in chats} == CHATS.keys()
    assert {int(each["activityTypeId"]) for each in chats} == {CHAT_ID}
    assert {each["thread_id"] for each in chats} == set(CHATS.values())
    assert {each["name"] for each in records["lists"]} == {"LiveChat visitors", "Visitors"}
    assert [each["channel"] for each in records["programs"]] == ["Live Chat"]
    assert not marketo.counts().rejected
