"""The target within this process: the same code below the command line, a tenth of the time.

A process takes half a second to load before it does anything. Tests of many short runs start the
target here instead, with its waits shortened, and map its end to an exit code as `invoke` does.
"""

from __future__ import annotations

import contextlib
import io
import json
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from target_marketo import assembly
from target_marketo.delivery.interface import DeliveryError
from target_marketo.governor import GovernorError
from target_marketo.marketo.errors import MarketoError
from target_marketo.problems import SettingError
from target_marketo.singer.run_end import EXIT_FAILED, Stop
from target_marketo.store.errors import StoreError
from target_marketo.target import TargetMarketo
from tests.faults.launch import hurry_target
from tests.target_marketo.conftest import lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tests.sandbox.marketo.client import MarketoSandbox


@dataclass(frozen=True)
class Ended:
    """The exit code, the STATE values, and the one line that an end before its time leaves."""

    code: int
    states: list[Any]
    said: str


@dataclass(frozen=True)
class Logged:
    """A line of the error log."""

    code: str
    advice: str
    request_id: str
    position: int | None


@dataclass(frozen=True)
class LoggedPart:
    """The same, of one part of a record, such as `list:Customers`."""

    email: str
    part: str
    code: str
    advice: str
    kind: str
    resolved: bool


class InProcess:
    """The target, with a store of its own; `put` is the test's `monkeypatch.setattr`."""

    def __init__(
        self, marketo: MarketoSandbox, folder: Path, put: Callable[[Any, str, Any], None]
    ) -> None:
        self._store = folder / "store.sqlite"
        self.config: dict[str, Any] = {
            "endpoint": marketo.endpoint,
            "identity": marketo.identity,
            "client_id": marketo.client_id,
            "client_secret": marketo.client_secret,
            "store_url": f"sqlite:///{self._store}",
        }
        self._put = put
        hurry_target(put)

    def hold_for(self, grace_seconds: float) -> None:
        """How long a call may be at work beyond its time-out."""
        self._put(assembly, "_LEASE_GRACE_SECONDS", grace_seconds)

    def run(self, messages: Iterable[dict[str, Any] | str], **config: Any) -> Ended:
        """A run over these messages to its end."""
        output = io.StringIO()
        code, said = 0, ""
        with contextlib.redirect_stdout(output):
            try:
                target = TargetMarketo(config=self.config | config)
                target._consume(io.BytesIO(lines(messages).encode()))
            except Stop as stop:
                code, said = stop.code, str(stop)
            except (SettingError, MarketoError, GovernorError, StoreError, DeliveryError) as error:
                code, said = EXIT_FAILED, str(error)
        return Ended(code, [json.loads(line) for line in output.getvalue().splitlines()], said)

    def logged(self) -> dict[str, Logged]:
        """The error log by the e-mail of each record."""
        with contextlib.closing(sqlite3.connect(self._store)) as connection:
            rows = connection.execute(
                "SELECT record, code, advice, request_id, position FROM errors"
            ).fetchall()
        return {json.loads(record)["email"]: Logged(*rest) for record, *rest in rows}

    def entries(self) -> list[LoggedPart]:
        """All lines of the error log."""
        with contextlib.closing(sqlite3.connect(self._store)) as connection:
            rows = connection.execute(
                "SELECT record, part, code, advice, class, resolved_at FROM errors ORDER BY id"
            ).fetchall()
        return [
            LoggedPart(json.loads(record)["email"], part, code, advice, kind, resolved is not None)
            for record, part, code, advice, kind, resolved in rows
        ]

    def attachments(self) -> dict[str, int]:
        """By kind, what the newest run's row counts."""
        with contextlib.closing(sqlite3.connect(self._store)) as connection:
            (counts,) = connection.execute(
                "SELECT attachments FROM target_runs ORDER BY rowid DESC LIMIT 1"
            ).fetchone()
        return dict(json.loads(counts))
