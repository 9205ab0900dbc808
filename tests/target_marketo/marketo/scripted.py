"""A Marketo that answers as a test says, and its codes by what is to come of each."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import requests
from urllib3 import HTTPResponse

from target_marketo.governor import Limits, Outcome
from target_marketo.mapping.field_types import Field
from target_marketo.marketo.auth import Token
from target_marketo.marketo.client import Marketo
from tests.target_marketo.fake_marketo import FakeMarketo
from tests.target_marketo.governor.counted import CountedGovernor
from tests.target_marketo.governor.memory_leases import MemoryLeases

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.target_marketo.governor.scripted import ScriptedClock


def codes(text: str) -> list[str]:
    return text.split()


# In `errors`, or as HTTP status.
WAITED = codes("608 614")
EVERYBODY_WAITED = {"429": Outcome.RATE_LIMITED, "606": Outcome.RATE_LIMITED}
FEWER_AT_ONCE = {"615": Outcome.CONCURRENCY_LIMITED}
TOKEN_RENEWED = codes("600 601 602")
LOOKED_UP_AGAIN = codes("401 403 404 407 500 502 503 504 604 611 713 719")
SPLIT = codes("413 609")
# Nobody says that these were not executed: a person is looked up, and then alone in its call.
LOOKED_UP_AND_SPLIT = codes("712 714 718")
NOTHING_FOUND = ["702"]
STOPPED = codes("414 603 605 610 612 613 616 701 703 704 709 710 711")
STOPPED_UNTIL_MIDNIGHT = ["607"]
# In a row's `reasons`.
ROW_LOGGED = codes(
    "1001 1002 1003 1006 1008 1010 1012 1013 1014 1015 1017 1020 1021 1022 1036 1037 1049 1076 "
    "1077 1078 1079"
)
ROW_STOPPED = codes("1009 1011 1018 1025 1026 1027 1028 1035 1042 1048 1080")
ROW_LOOKED_UP_AGAIN = codes("1004 1005 1007")
ROW_WAITED = codes("1016 1019 1029")
EVERY_ROW = [*ROW_LOGGED, *ROW_STOPPED, *ROW_LOOKED_UP_AGAIN, *ROW_WAITED]
# Codes of rows that refuse a whole request: these have another meaning there, the others stop.
REQUEST_SPLIT = codes("1001 1002 1003")
REQUEST_WAITED = ROW_WAITED
STOPPING = [
    *(*STOPPED, *STOPPED_UNTIL_MIDNIGHT),
    *sorted({*EVERY_ROW} - {*REQUEST_SPLIT, *REQUEST_WAITED}),
]
UNKNOWN_TO_ALL = ("699", "799", "9999")
FIELDS = [
    Field("id", "integer", searchable=True),
    Field("email", "email", 255, searchable=True),
    Field("firstName", "string", 255),
]
REQUEST_ID = "a1b2#18f"
TIMEOUT = 120.0


def refusal(code: str) -> tuple[int, Any]:
    """A reply that refuses the request; codes below 600 are HTTP's."""
    if int(code) < 600:
        return int(code), None
    error = {"code": code, "message": "see the code"}
    return 200, {"requestId": REQUEST_ID, "success": False, "errors": [error]}


def skipping(code: str) -> tuple[int, Any]:
    """A reply that skips the one row of the request."""
    row = {"status": "skipped", "reasons": [{"code": code, "message": "see the code"}]}
    return 200, {"requestId": REQUEST_ID, "success": True, "result": [row]}


def http(status: int, body: Any) -> requests.Response:
    reply = requests.Response()
    reply.status_code = status
    content = b"" if body is None else json.dumps(body).encode()
    reply.raw = HTTPResponse(io.BytesIO(content), preload_content=False)
    return reply


@dataclass
class Trouble:
    """What becomes of the next call of a kind: a reply, or an exception in its place."""

    kind: str
    answer: tuple[int, Any] | Exception
    applied: bool = False


class ScriptedSession(requests.Session):
    """Marketo's side of the connection."""

    def __init__(self, clock: ScriptedClock) -> None:
        super().__init__()
        self.clock = clock
        self.marketo = FakeMarketo()
        self.trouble: list[Trouble] = []
        self.poison: Callable[[list[Any]], tuple[int, Any] | None] = lambda _: None
        self.sent: list[str] = []
        self.tokens: list[str] = []

    def send(self, request: requests.PreparedRequest, **_options: Any) -> requests.Response:
        self.clock.now += 0.1
        path = str(request.url).partition(".com")[2].partition("?")[0]
        if path == "/identity/oauth/token":
            self.sent.append("token")
            if self.trouble and self.trouble[0].kind == "token":
                return self._answer(self.trouble.pop(0).answer)
            return http(200, {"access_token": f"t{self.sent.count('token')}", "expires_in": 3600})
        self.tokens.append(request.headers["Authorization"].removeprefix("Bearer "))
        if path != "/rest/v1/leads.json":
            return http(200, _CONFIGURATION[path])
        assert isinstance(request.body, bytes)
        data = request.body.decode()
        if "_method=GET" in data:
            return self._lookup(data)
        return self._sync(json.loads(data))

    def _lookup(self, data: str) -> requests.Response:
        self.sent.append("lookup")
        if self.trouble and self.trouble[0].kind == "lookup":
            return self._answer(self.trouble.pop(0).answer)
        form = parse_qs(data)
        values = form["filterValues"][0].split(",")
        found = self.marketo.lookup(form["filterType"][0], values, form["fields"][0].split(","))
        return http(200, {"requestId": REQUEST_ID, "success": True, "result": found})

    def _sync(self, body: Any) -> requests.Response:
        self.sent.append(body["action"])
        poisoned = self.poison(body["input"])
        if poisoned:
            return self._answer(poisoned)
        trouble = None
        if self.trouble and self.trouble[0].kind == "sync":
            trouble = self.trouble.pop(0)
            if not trouble.applied:
                return self._answer(trouble.answer)
        rows = [json.dumps(row).encode() for row in body["input"]]
        answer = self.marketo.sync(body["action"], body["lookupField"], rows)
        if trouble:
            return self._answer(trouble.answer)
        result = [{"id": row.lead_id, "status": row.status} for row in answer.rows]
        return http(200, {"requestId": REQUEST_ID, "success": True, "result": result})

    @staticmethod
    def _answer(answer: tuple[int, Any] | Exception) -> requests.Response:
        if isinstance(answer, Exception):
            raise answer
        return http(*answer)


_SUCCESS = {"requestId": REQUEST_ID, "success": True}
_CONFIGURATION: dict[str, Any] = {
    "/rest/v1/stats/usage.json": {**_SUCCESS, "result": [{"total": 1}]},
    "/rest/v1/leads/describe.json": {
        **_SUCCESS,
        "result": [
            {"dataType": each.data_type, "rest": {"name": each.name, "readOnly": False}}
            for each in FIELDS
        ],
    },
    "/rest/v1/leads/describe2.json": {
        **_SUCCESS,
        "result": [
            {
                "searchableFields": [["id"], ["email"]],
                "fields": [{"name": each.name} for each in FIELDS],
            }
        ],
    },
}


def connected(session: ScriptedSession) -> Marketo:
    clock = session.clock

    def sleep(seconds: float) -> None:
        clock.now += seconds

    return Marketo(
        endpoint="https://555-abc-555.example.com/rest",
        token=Token(
            session,
            "https://555-abc-555.example.com/identity",
            "client",
            "secret",
            now=clock.monotonic,
            sleep=sleep,
        ),
        session=session,
        governor=CountedGovernor(
            "123-abc-456",
            Limits(calls=50, seconds=20, concurrent=5, daily=1000, lease_seconds=TIMEOUT + 10),
            MemoryLeases(clock.monotonic),
            random=Random(1),
            clock=clock,
        ),
        timeout=TIMEOUT,
        now=clock.monotonic,
        sleep=sleep,
        random=Random(1),
    )
