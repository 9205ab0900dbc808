"""`marketo-ops` in this process, a store with entries, and a mail server."""

from __future__ import annotations

import json
import os
import ssl
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import trustme
from aiosmtpd.controller import Controller
from click.testing import CliRunner

from target_marketo.ops.command import commands
from target_marketo.store.database import open_database
from target_marketo.store.error_log import Delivery, ErrorLog, Failure, mapping_digest
from tests.sandbox.livechat.client import LiveChatSandbox
from tests.sandbox.mailbox import Mailbox, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

    from target_marketo.store.database import Database
    from tests.sandbox.marketo.client import MarketoSandbox

EMAILS = ("jane.doe@planted.example", "bad.address@", "max@planted.example")


def failure(email: str = EMAILS[0], code: str = "1003", **values: Any) -> Failure:
    """A rejection of a visitor with this address."""
    given: dict[str, Any] = {
        "kind": "permanent",
        "field": "",
        "advice": "correct the value",
        "request_id": "a#1",
    }
    given |= {name: values.pop(name) for name in list(values) if name in Failure._fields}
    record = given.pop("record", {"email": email, **values})
    return Failure(stream="visitors", code=code, key=email, record=record, position=3, **given)


def delivery(log: ErrorLog, failure: Failure, number: int = 1) -> Delivery:
    """The failure's person arrived after all, with this record."""
    records = ((number, log.record_hash(failure.record)),)
    return Delivery(failure.stream, log.hash(failure.key), records)


class Store:
    """The store of one test."""

    def __init__(self, folder: Path, instance: str = "") -> None:
        self.instance = instance
        self.path = folder / "store.sqlite"
        self.url = f"sqlite:///{self.path}"

    def open(self) -> Database:
        return open_database(self.url)

    def add(self, *failures: Failure, run: str = "run-1", **options: Any) -> None:
        """Adds entries as a run would."""
        options = {"mapping": mapping_digest(None), "instance": self.instance} | options
        with closing(self.open()) as database:
            ErrorLog(database, run, **options).store(failures)

    def resolve(self, *failures: Failure) -> None:
        """Their people were delivered."""
        with closing(self.open()) as database:
            log = ErrorLog(database, "run-2", instance=self.instance)
            log.store([], [delivery(log, each) for each in failures])

    def count(self) -> int:
        with closing(self.open()) as database:
            return ErrorLog(database).count()


class Ops:
    """Runs commands with an environment of their own."""

    def __init__(self, store: Store, marketo: MarketoSandbox) -> None:
        self.environment: dict[str, str | None] = {
            name: None
            for name in os.environ
            if name.startswith(("TARGET_", "TAP_", "MELTANO", "MARKETO_OPS_"))
        }
        self.environment |= {
            "TARGET_MARKETO_ENDPOINT": marketo.endpoint,
            "TARGET_MARKETO_IDENTITY": marketo.identity,
            "TARGET_MARKETO_CLIENT_ID": marketo.client_id,
            "TARGET_MARKETO_CLIENT_SECRET": marketo.client_secret,
            "TARGET_MARKETO_STORE_URL": store.url,
        }

    def __call__(self, *arguments: str, input: str | None = None, **variables: str) -> Result:  # noqa: A002 - as the runner calls it
        result = CliRunner().invoke(
            commands, arguments, input=input, env=self.environment | variables
        )
        unexpected = result.exception
        if unexpected is not None and not isinstance(unexpected, SystemExit):
            raise unexpected
        return result

    def json(self, *arguments: str, **variables: str) -> Any:
        """What the command prints with --json."""
        result = self(*arguments, "--json", **variables)
        return json.loads(result.stdout)


@pytest.fixture
def store(tmp_path: Path, marketo: MarketoSandbox) -> Store:
    return Store(tmp_path, urlsplit(marketo.endpoint).netloc)


@pytest.fixture
def ops(
    store: Store, marketo: MarketoSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Ops:
    """The commands, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    return Ops(store, marketo)


class MailServer:
    """aiosmtpd in a thread, with STARTTLS, TLS or neither."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._authority = trustme.CA()
        path = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(str(path))
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
        self._running: list[Controller] = []

    def start(self, security: str = "starttls", name: str = "localhost", port: int = 0) -> Mailbox:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._authority.issue_cert(name).configure_cert(context)
        mailbox = Mailbox(port or free_port())
        options: dict[str, Any] = {"hostname": "127.0.0.1", "port": mailbox.port}
        if security == "starttls":
            options |= {"tls_context": context, "require_starttls": True}
        elif security == "tls":
            options |= {"ssl_context": context}
        controller = Controller(mailbox, **options)
        controller.start()
        self._running.append(controller)
        return mailbox

    def stop(self) -> None:
        while self._running:
            self._running.pop().stop()


@pytest.fixture
def mail_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    server = MailServer(tmp_path, monkeypatch)
    yield server
    server.stop()


def mail_variables(mailbox: Mailbox, security: str = "starttls", **more: str) -> dict[str, str]:
    """The settings that lead to a mailbox."""
    return {
        "MARKETO_OPS_SMTP_HOST": "localhost",
        "MARKETO_OPS_SMTP_PORT": str(mailbox.port),
        "MARKETO_OPS_SMTP_SECURITY": security,
        "MARKETO_OPS_MAIL_FROM": "sync@ops.test",
        "MARKETO_OPS_MAIL_TO": "ann@ops.test, bob@ops.test",
        **more,
    }


@pytest.fixture(scope="module")
def livechat_account() -> Iterator[LiveChatSandbox]:
    with LiveChatSandbox(visitors=5) as account:
        yield account
