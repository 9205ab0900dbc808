"""One LiveChat sandbox for all of this folder's tests, and the tap as a command."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tap_livechat.tap import TapLiveChat
from tests import warm
from tests.sandbox.livechat.client import LiveChatSandbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TAP = str(Path(sys.executable).with_name("tap-livechat"))
ARCHIVES = ("visitors", "chats", "chat_events")


@dataclass
class Output:
    """What one run of the tap left behind."""

    code: int
    stdout: str
    log: str
    records: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    schemas: dict[str, dict[str, Any]] = field(default_factory=dict)
    states: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for line in self.stdout.splitlines():
            message = json.loads(line)
            if message["type"] == "RECORD":
                self.records[message["stream"]].append(message["record"])
            elif message["type"] == "SCHEMA":
                self.schemas[message["stream"]] = message
            else:
                self.states.append(message["value"])

    def values(self, stream: str, name: str) -> list[Any]:
        return [record[name] for record in self.records[stream]]

    @property
    def errors(self) -> list[str]:
        return [line for line in self.log.splitlines() if "| ERROR" in line]


class Tap:
    """The command, with settings that lead to a sandbox."""

    def __init__(self, folder: Path, livechat: LiveChatSandbox) -> None:
        self.folder = folder
        self.settings: dict[str, Any] = {
            "account_id": livechat.account_id,
            "personal_access_token": livechat.personal_access_token,
            "api_url": livechat.api_url,
            "cdp_url": livechat.cdp_url,
            "accounts_url": livechat.accounts_url,
        }
        # Fields that the catalog selects or deselects; None takes them out of it.
        self.fields: dict[tuple[str, str], bool | None] = {}

    def command(
        self,
        streams: Sequence[str] | None = ARCHIVES,
        state: dict[str, Any] | None = None,
        **settings: Any,
    ) -> list[str]:
        command = [TAP, "--config", self._file("config", self._config(settings))]
        if streams is not None:
            command += ["--catalog", self._file("catalog", self.catalog(streams))]
        if state is not None:
            command += ["--state", self._file("state", state)]
        return command

    def run(
        self,
        streams: Sequence[str] | None = ARCHIVES,
        state: dict[str, Any] | None = None,
        log_level: str = "INFO",
        **settings: Any,
    ) -> Output:
        done = warm.run(
            self.command(streams, state, **settings),
            env={**self.environment, "TAP_LIVECHAT_LOGLEVEL": log_level},
        )
        return Output(done.returncode, done.stdout, done.stderr)

    def run_here(
        self,
        streams: Sequence[str] = ARCHIVES,
        state: dict[str, Any] | None = None,
        **settings: Any,
    ) -> Output:
        """As `run`, within this process: for tests of many runs that come to a good end.

        A process takes a third of a second to load before it does anything.
        """
        output = io.BytesIO()
        with _signals_kept(), contextlib.redirect_stdout(io.TextIOWrapper(output)) as stdout:
            tap = TapLiveChat(
                config=self._config(settings),
                catalog=self.catalog(streams),
                state=json.loads(json.dumps(state)),
            )
            try:
                tap.sync_all()
            finally:
                tap.close()
            stdout.flush()
        return Output(0, output.getvalue().decode(), "")

    def _config(self, settings: dict[str, Any]) -> dict[str, Any]:
        chosen = {**self.settings, **settings}
        return {name: value for name, value in chosen.items() if value is not None}

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if "LIVECHAT" not in name}
        return {**kept, "XDG_STATE_HOME": str(self.folder / "state")}

    def catalog(self, streams: Sequence[str]) -> dict[str, Any]:
        catalog: dict[str, Any] = json.loads(_discovered())
        for stream in catalog["streams"]:
            name, properties = stream["stream"], stream["schema"]["properties"]
            for each in list(properties):
                if self.fields.get((name, each), True) is None:
                    del properties[each]
            kept = []
            for item in stream["metadata"]:
                each = item["breadcrumb"][1] if item["breadcrumb"] else None
                if each is None:
                    item["metadata"]["selected"] = name in streams
                elif (name, each) in self.fields:
                    item["metadata"]["selected"] = self.fields[name, each]
                if each is None or each in properties:
                    kept.append(item)
            stream["metadata"] = kept
        return catalog

    def _file(self, name: str, content: object) -> str:
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(content))
        return str(path)


@functools.cache
def _discovered() -> bytes:
    """The catalog, which no setting changes."""
    return subprocess.run([TAP, "--discover"], capture_output=True, check=True).stdout


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """A tap takes over the signals of its process, which here is pytest's."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.fixture(scope="session")
def running_livechat() -> Iterator[LiveChatSandbox]:
    with LiveChatSandbox(visitors=400) as sandbox:
        yield sandbox


@pytest.fixture
def livechat(running_livechat: LiveChatSandbox) -> Iterator[LiveChatSandbox]:
    """The sandbox as it was started, nothing counted yet."""
    running_livechat.reset()
    scopes = running_livechat.settings.scopes
    yield running_livechat
    running_livechat.refuse(0)
    running_livechat.change(scopes=scopes)


@pytest.fixture
def tap(tmp_path: Path, livechat: LiveChatSandbox) -> Tap:
    return Tap(tmp_path, livechat)
