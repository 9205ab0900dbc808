"""A Marketo to write to, and the target as a command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests import warm
from tests.faults import launch
from tests.sandbox.marketo.client import MarketoSandbox
from tests.target_marketo.governor.postgresql import PostgreSQL, running_server

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

COMMAND = str(Path(sys.executable).with_name("target-marketo"))
PROPERTIES = (
    "email",
    "first_name",
    "last_name",
    "phone",
    "city",
    "region",
    "country",
    "postal_code",
    "last_activity_at",
)


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def states(self) -> list[Any]:
        """The STATE lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error_lines(self) -> list[str]:
        """What the command said at the level ERROR."""
        return [line for line in self.err.splitlines() if " ERROR " in line]


def schema(stream: str = "visitors", properties: Iterable[str] = PROPERTIES) -> dict[str, Any]:
    """A SCHEMA message."""
    kinds = {name: {"type": ["string", "null"]} for name in properties}
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {"type": "object", "properties": kinds},
        "key_properties": [],
    }


def record(email: str | None, stream: str = "visitors", **values: Any) -> dict[str, Any]:
    """A RECORD message."""
    return {"type": "RECORD", "stream": stream, "record": {"email": email, **values}}


def state(value: Any) -> dict[str, Any]:
    """A STATE message."""
    return {"type": "STATE", "value": value}


def lines(messages: Iterable[dict[str, Any] | str]) -> str:
    """Messages, or lines that are none, as the target reads them."""
    return "".join(
        (each if isinstance(each, str) else json.dumps(each)) + "\n" for each in messages
    )


class Target:
    """`target-marketo` with a configuration and a store of its own."""

    def __init__(self, marketo: MarketoSandbox, folder: Path) -> None:
        self.marketo = marketo
        self.folder = folder
        self.config: dict[str, Any] = {
            "endpoint": marketo.endpoint,
            "identity": marketo.identity,
            "client_id": marketo.client_id,
            "client_secret": marketo.client_secret,
            "store_url": f"sqlite:///{folder / 'store.sqlite'}",
        }

    @property
    def _plan(self) -> launch.Plan:
        return launch.Plan(stamps=str(self.folder / "stamps.jsonl"))

    def start(self, *, hurried: bool = False, **config: Any) -> subprocess.Popen[str]:
        """Starts the command; a setting of None is left out. Hurried, its own waits are a tenth."""
        path = self._written(config)
        command, environment = [COMMAND], self.environment()
        if hurried:
            command = launch.command("target-marketo")
            environment = launch.environment(self._plan, environment)
        return subprocess.Popen(
            [*command, "--config", path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=self.folder,
        )

    def _written(self, config: dict[str, Any]) -> str:
        given = {name: value for name, value in (self.config | config).items() if value is not None}
        path = self.folder / "config.json"
        path.write_text(json.dumps(given))
        return str(path)

    def run(
        self, messages: Iterable[dict[str, Any] | str], *, hurried: bool = False, **config: Any
    ) -> Ended:
        """Runs the command on the messages to its end."""
        environment = self.environment()
        if hurried:
            environment[launch.VARIABLE] = launch.encoded(self._plan)
        done = warm.run(
            [COMMAND, "--config", self._written(config)],
            given=lines(messages),
            env=environment,
            cwd=self.folder,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def environment(self) -> dict[str, str]:
        """The environment without settings of the person who runs the tests."""
        return {name: value for name, value in os.environ.items() if not name.startswith("TARGET_")}


@pytest.fixture(scope="session")
def marketo_instance() -> Iterator[MarketoSandbox]:
    """One instance for all tests; see `marketo`."""
    with MarketoSandbox() as instance:
        yield instance


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """One server for all tests; they take a database of their own, or rows of their own."""
    with running_server() as server:
        yield server


@pytest.fixture
def marketo(marketo_instance: MarketoSandbox) -> MarketoSandbox:
    """A Marketo in which nobody is, with all limits fresh."""
    marketo_instance.reset()
    return marketo_instance


@pytest.fixture
def target(marketo: MarketoSandbox, tmp_path: Path) -> Target:
    """The target, pointed at that Marketo."""
    return Target(marketo, tmp_path)
