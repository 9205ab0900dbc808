"""A plain client of Marketo's REST API, for the tests of the sandbox."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from tests.sandbox.marketo import MarketoSandbox

ADA = {"email": "ada@example.com", "firstName": "Ada"}


def emails(count: int) -> list[str]:
    return [f"person{number}@example.com" for number in range(count)]


class MarketoApi:
    """Calls as they go over the wire; replies as they come, errors included."""

    def __init__(self, sandbox: MarketoSandbox) -> None:
        self.sandbox = sandbox
        self.session = requests.Session()
        self.session.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.session.close()

    def ask_token(self, **changes: str) -> requests.Response:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.sandbox.client_id,
            "client_secret": self.sandbox.client_secret,
        }
        url = f"{self.sandbox.identity}/oauth/token"
        return self.session.post(url, data=form | changes)

    def log_in(self) -> str:
        """Use the sandbox's present token from now on."""
        token = str(self.ask_token().json()["access_token"])
        self.session.headers["Authorization"] = f"Bearer {token}"
        return token

    def send(self, method: str, path: str, **content: Any) -> requests.Response:
        return self.session.request(method, f"{self.sandbox.endpoint}{path}", **content)

    def call(self, method: str, path: str, **content: Any) -> Any:
        response = self.send(method, path, **content)
        assert response.status_code == 200, response.status_code
        return response.json()

    def lookup(self, *values: str, by: str = "email", **parameters: Any) -> Any:
        form = {"filterType": by, "filterValues": ",".join(values), **parameters}
        return self.call("POST", "/v1/leads.json?_method=GET", data=form)

    def found(self, *values: str, by: str = "email", **parameters: Any) -> list[dict[str, Any]]:
        reply = self.lookup(*values, by=by, **parameters)
        assert reply["success"], reply
        return list(reply["result"])

    def sync(self, *rows: dict[str, Any], action: str = "createOrUpdate", **body: Any) -> Any:
        content = {"action": action, "input": list(rows), **body}
        return self.call("POST", "/v1/leads.json", json=content)

    def synced(self, *rows: dict[str, Any], **body: Any) -> list[Any]:
        """What became of each row: its status, or the code it was skipped for."""
        reply = self.sync(*rows, **body)
        assert reply["success"], reply
        return [outcome(row) for row in reply["result"]]


def outcome(row: dict[str, Any]) -> str:
    if row["status"] != "skipped":
        return str(row["status"])
    assert "id" not in row
    return str(row["reasons"][0]["code"])


def code_of(reply: Any) -> str | None:
    """The response-level error code of a reply, or None."""
    return None if reply["success"] else str(reply["errors"][0]["code"])


def at_once(calls: Iterable[Callable[[], Any]]) -> list[Any]:
    """Make the calls at the same time; their replies, in order."""
    steps = list(calls)
    with ThreadPoolExecutor(len(steps)) as pool:
        return [future.result() for future in [pool.submit(step) for step in steps]]
