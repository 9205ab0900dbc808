"""Routes, and what every call passes: time, authentication, limits, scopes, billing, journal."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass
from email.utils import formatdate
from random import Random
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from tests.sandbox.crowd import microseconds
from tests.sandbox.faults import Script
from tests.sandbox.livechat import accounts, configuration, trouble, wire
from tests.sandbox.livechat.access import Tokens
from tests.sandbox.livechat.agent_chat import AgentChat
from tests.sandbox.livechat.call import Call
from tests.sandbox.livechat.cdp import CustomerDataPlatform
from tests.sandbox.livechat.clock import SECOND, Clock
from tests.sandbox.livechat.control import Control
from tests.sandbox.livechat.errors import KINDS, ApiError
from tests.sandbox.livechat.gates import Gate, RateLimit, Refusals
from tests.sandbox.livechat.journal import Journal
from tests.sandbox.livechat.options import moment, parse
from tests.sandbox.livechat.reports import Reports
from tests.sandbox.livechat.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from tests.sandbox.faults import Fault
    from tests.sandbox.livechat.access import Grant
    from tests.sandbox.livechat.call import Reply

_JSON = "application/json"
_STABLE = "3.6"
_BOTH = frozenset({"3.5", "3.6"})
_LEGACY = frozenset({"3.5"})
_STABLE_ALONE = frozenset({"3.6"})
_VERSIONS = _BOTH
_METHOD_NOT_ALLOWED = 405
_CDP_UNPROCESSABLE = 422


@dataclass(frozen=True, slots=True)
class Method:
    answer: Callable[[Call], Reply]
    scopes: tuple[str, ...]  # any of them
    versions: frozenset[str] = _BOTH


class Server:
    def __init__(self, values: dict[str, Any]) -> None:
        self.options = parse(values)
        self.crowd = self.options.crowd()
        start = moment(self.options.clock) if self.options.clock else self.crowd.end
        self.clock = Clock(microseconds(start), self.options.clock_speed)
        self._started = microseconds(start) / SECOND
        self.store = Store(self.crowd)
        self.tokens = Tokens(self.options)
        self.journal = Journal()
        self.refusals = Refusals()
        self.script = Script(self.options.faults, self.options.seed)
        self.gates: list[Gate] = [RateLimit(), self.refusals]
        self._latency = Random(self.options.seed)
        self._damage = Random(f"{self.options.seed}/damage")
        self._methods = _methods(AgentChat(self.store), Reports(self.store))
        self._cdp = _cdp_methods(CustomerDataPlatform(self.store))

    def app(self) -> ASGIApp:
        control = Control(self)
        every = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        return Starlette(
            routes=[
                *control.routes(),
                Route("/accounts/v2/{name}", self._accounts, methods=["GET", "POST", "DELETE"]),
                Route("/cdp/{name:path}", self._cdp_call, methods=every),
                Route("/v{version}/{api}/action/{action}", self._action, methods=every),
                Route("/{api}/action/{action}", self._action, methods=every),
                Route("/v{version}/{api}/{resource}/{report}", self._action, methods=every),
            ]
        )

    # Calls

    async def _action(self, request: Request) -> Response:
        version = request.path_params.get("version") or request.headers.get(
            "X-API-Version", _STABLE
        )
        params = request.path_params
        action = params.get("action") or f"{params['resource']}/{params['report']}"
        method = self._methods.get((request.path_params["api"], action))

        def answer(grant: Grant, body: bytes) -> Reply:
            if version not in _VERSIONS:
                raise ApiError("unsupported_version")
            gone = action in self.options.removed_actions
            if gone or method is None or version not in method.versions:
                raise ApiError(self.options.unknown_action_error, f"Unknown action: {action}")
            grant.require(*method.scopes)
            now = self.clock.now()
            return method.answer(Call(action, version, body, grant, now, self.options))

        headers = {}
        if version in _LEGACY and self.options.legacy_date:
            headers["Legacy"] = self.options.legacy_date
        return await self._call(request, action, version, answer, headers)

    async def _cdp_call(self, request: Request) -> Response:
        name = request.path_params["name"]
        method = self._cdp.get(name)

        def answer(grant: Grant, body: bytes) -> Reply:
            if method is None:
                raise ApiError("not_found", "no such method")
            grant.require(*method.scopes)
            now = self.clock.now()
            return method.answer(Call(f"cdp/{name}", "", body, grant, now, self.options))

        return await self._call(request, f"cdp/{name}", "", answer, {}, cdp=True)

    async def _call(
        self,
        request: Request,
        name: str,
        version: str,
        answer: Callable[[Grant, bytes], Reply],
        headers: dict[str, str],
        *,
        cdp: bool = False,
    ) -> Response:
        arrived = self.journal.arrive()
        authenticated, rows, error, body = False, 0, None, b""
        fault: Fault | None = None
        try:
            body = await request.body()
            await self._take_time()
            fault = self.script.draw(name, body)
            if fault is not None:
                await trouble.before(fault, self.tokens)
            grant = self.tokens.authenticate(request.headers.get("Authorization"), self.options)
            authenticated = True
            self._check(request, name)
            reply, rows = answer(grant, body)
            status = 200
        except ApiError as refusal:
            status, error = self.options.error_status or refusal.status, refusal.kind
            reply = refusal.cdp_body() if cdp else refusal.body()
            if cdp and refusal.kind == "validation" and not _is_object(body):
                status = _CDP_UNPROCESSABLE
            headers = headers | refusal.headers
        finally:
            self.journal.leave()
        # LiveChat docs, "API pricing": a failed request is billed too, except HTTP 500.
        billed = authenticated and status != KINDS["internal"].status
        at = wire.stamp(wire.instant(self.clock.now()))
        self.journal.write(
            name,
            version,
            status,
            error=error,
            billed=billed,
            at=at,
            arrived=arrived,
            rows=rows,
            body=body,
        )
        whole = Response(reply, status, headers | self._date(), _JSON)
        return whole if fault is None else trouble.after(fault, whole, self._damage)

    def _date(self) -> dict[str, str]:
        options = self.options
        if not options.send_date:
            return {}
        now = self.clock.now() / SECOND
        if not options.clock and not options.clock_speed:
            now += time.time() - self._started
        return {"Date": formatdate(now, usegmt=True)}

    def _check(self, request: Request, name: str) -> None:
        """What is wrong with a call whatever its method."""
        options = self.options
        if request.method != "POST":
            raise ApiError("validation", "use POST", status=_METHOD_NOT_ALLOWED)
        if request.headers.get("Content-Type", "").partition(";")[0].strip() != _JSON:
            raise ApiError("validation", f"Content-Type must be {_JSON}")
        if options.region and request.headers.get("X-Region") != options.region:
            raise ApiError("misdirected_request", data={"region": options.region})
        now = time.monotonic()
        for gate in self.gates:
            gate.check(name, now, options)

    async def _take_time(self) -> None:
        options = self.options
        if not options.latency_seconds:
            return
        seconds = options.latency_seconds
        if options.latency_sigma:
            seconds = self._latency.lognormvariate(math.log(seconds), options.latency_sigma)
        await asyncio.sleep(seconds)

    async def _accounts(self, request: Request) -> Response:
        name = request.path_params["name"]
        arrived = self.journal.arrive()
        try:
            body = await request.body()
            await self._take_time()
            status, answer = self._account(request, name, body)
        finally:
            self.journal.leave()
        at = wire.stamp(wire.instant(self.clock.now()))
        method, error = f"accounts/v2/{name}", answer.get("error")
        self.journal.write(method, "", status, error=error, billed=False, at=at, arrived=arrived)
        return Response(msgspec.json.encode(answer), status, media_type=_JSON)

    def _account(self, request: Request, name: str, body: bytes) -> accounts.Answer:
        content_type = request.headers.get("Content-Type", "")
        match request.method, name:
            case "POST", "token":
                return accounts.token(body, content_type, self.tokens, self.options)
            case "DELETE", "token":
                return accounts.revoke(body, dict(request.query_params), self.tokens)
            case "GET", "info":
                header = request.headers.get("Authorization")
                return accounts.info(header, self.tokens, self.options)
        return 404, {"error": "not_found", "error_description": "no such resource"}


_FIGURES: dict[str, Callable[[int], wire.Json]] = {
    "total_chats": lambda chats: {"total": chats, "continuous": 0},
    "ratings": lambda chats: {"good": chats // 3, "bad": chats // 9, "chats": chats},
    "duration": lambda chats: {"count": chats, "duration": 312.5, "agents_chatting_duration": 200},
    "engagement": lambda chats: {"started_by_customer_without_greeting": chats},
    "response_time": lambda chats: {"count": chats, "response_time": 41.2},
    "first_response_time": lambda chats: {"count": chats, "first_response_time": 12},
    "queued_visitors": lambda chats: {
        "queued": {"count": chats // 4, "min": 1, "max": 9, "avg": 3}
    },
}


def _methods(chat: AgentChat, reports: Reports) -> dict[tuple[str, str], Method]:
    chats = ("chats--all:ro", "chats--access:ro")
    return {
        ("agent", "list_archives"): Method(chat.list_archives, chats),
        ("agent", "list_chats"): Method(chat.list_chats, chats),
        ("agent", "list_threads"): Method(chat.list_threads, chats),
        ("agent", "get_chat"): Method(chat.get_chat, chats),
        ("agent", "get_customer"): Method(chat.get_customer, ("customers:ro",)),
        ("agent", "list_customers"): Method(chat.list_customers, ("customers:ro",), _LEGACY),
        ("configuration", "list_agents"): Method(configuration.list_agents, ("agents--all:ro",)),
        ("configuration", "list_groups"): Method(configuration.list_groups, ("groups--all:ro",)),
        ("configuration", "list_tags"): Method(
            configuration.list_tags, ("tags--all:ro", "tags--groups:ro")
        ),
        ("configuration", "list_bots"): Method(
            configuration.list_bots, ("agents-bot--my:ro", "agents-bot--all:ro")
        ),
        ("configuration", "list_customer_bans"): Method(
            configuration.list_customer_bans, ("banlist_read",)
        ),
        ("reports", "chats/queued_visitors_left"): Method(
            reports.queued_visitors_left, ("reports_read",), _STABLE_ALONE
        ),
        **{
            ("reports", f"chats/{name}"): Method(reports.by_day(figures), ("reports_read",))
            for name, figures in _FIGURES.items()
        },
        ("agent", "get_license_info"): Method(chat.get_license_info, (), _LEGACY),
    }


def _cdp_methods(cdp: CustomerDataPlatform) -> dict[str, Method]:
    return {
        "v1/list_customers": Method(cdp.list_customers, ("customers:ro",)),
        "get_customer": Method(cdp.get_customer, ("customers:ro",)),
    }


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(body), dict)
    except msgspec.DecodeError:
        return False


def create_app(values: dict[str, Any]) -> ASGIApp:
    return Server(values).app()
