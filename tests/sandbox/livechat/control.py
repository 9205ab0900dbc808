"""`/_sandbox/…`: what a test asks the server, and tells it. Neither counted nor billed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from tests.sandbox.crowd import microseconds
from tests.sandbox.faults import Script
from tests.sandbox.livechat import wire
from tests.sandbox.livechat.errors import KINDS
from tests.sandbox.livechat.expected import expected
from tests.sandbox.livechat.journal import Journal
from tests.sandbox.livechat.options import changed, moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from tests.sandbox.livechat.server import Server

_UNPROCESSABLE = 422


class Control:
    def __init__(self, server: Server) -> None:
        self._server = server

    def routes(self) -> list[Route]:
        return [
            self._route("GET", "counts", lambda _: self._counts()),
            self._route("GET", "requests", lambda _: self._server.journal.entries()),
            self._route("GET", "expected", self._expected),
            self._route("GET", "options", lambda _: self._server.options),
            self._route("POST", "options", self._change_options),
            self._route("GET", "clock", lambda _: self._clock()),
            self._route("POST", "clock", self._set_clock),
            self._route("POST", "refuse", self._refuse),
            self._route("POST", "tokens/expire", lambda _: self._expire_tokens()),
            self._route("POST", "reset", lambda _: self._reset()),
        ]

    def _route(self, method: str, name: str, answer: Callable[[dict[str, Any]], Any]) -> Route:
        async def endpoint(request: Request) -> Response:
            body = await request.body()
            try:
                asked = msgspec.json.decode(body, type=dict[str, Any]) if body else {}
                content, status = answer(dict(request.query_params) | asked), 200
            except (ValueError, KeyError, TypeError) as error:
                content, status = {"error": str(error)}, _UNPROCESSABLE
            return Response(msgspec.json.encode(content), status, media_type="application/json")

        return Route(f"/_sandbox/{name}", endpoint, methods=[method])

    def _counts(self) -> dict[str, Any]:
        return self._server.journal.counts() | {"faults": self._server.script.strikes}

    def _expected(self, asked: dict[str, Any]) -> dict[str, Any]:
        """`from` (inclusive) and `to` (exclusive), both optional, of threads' created_at."""
        crowd = self._server.crowd
        low = microseconds(moment(asked["from"])) if "from" in asked else crowd.created[0]
        high = microseconds(moment(asked["to"])) if "to" in asked else crowd.created[-1] + 1
        return expected(self._server.store, low, high, self._server.clock.now())

    def _change_options(self, asked: dict[str, Any]) -> Any:
        self._server.options = changed(self._server.options, asked)
        if "faults" in asked:
            self._server.script = Script(self._server.options.faults, self._server.options.seed)
        return self._server.options

    def _clock(self) -> dict[str, str]:
        return {"now": wire.stamp(wire.instant(self._server.clock.now()))}

    def _set_clock(self, asked: dict[str, Any]) -> dict[str, str]:
        """`{"advance_seconds": 60}` or `{"now": "2026-01-31T00:00:00Z"}`."""
        if "now" in asked:
            self._server.clock.set(microseconds(moment(asked["now"])))
        self._server.clock.advance(float(asked.get("advance_seconds", 0)))
        return self._clock()

    def _refuse(self, asked: dict[str, Any]) -> dict[str, int]:
        """`{"requests": 3, "type": "too_many_requests", "retry_after_seconds": 0.5}`."""
        kind = asked.get("type", "too_many_requests")
        if kind not in KINDS:
            raise ValueError(f"no such type of error: {kind}")
        count = int(asked["requests"])
        self._server.refusals.refuse(count, kind, asked.get("retry_after_seconds"))
        return {"requests": count}

    def _expire_tokens(self) -> dict[str, Any]:
        self._server.tokens.expire_access_tokens()
        return {}

    def _reset(self) -> dict[str, Any]:
        """Forget what was counted so far."""
        self._server.journal = Journal()
        return {}
