"""Marketo's REST API on loopback: requests in, envelopes out, and the sandbox's control paths.

The life of a call: it travels (a part of its latency), arrives (token, path, limits; what exists
is read), works (the rest of its latency), writes, answers, and frees its slot. A client that hangs
up on the way does not stop its call: what was sent gets done, as on the real server.
"""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Mount, Route

from tests.sandbox.crowd.leads import leads
from tests.sandbox.crowd.people import person
from tests.sandbox.damage import HTML, Reset, damaged, page

from . import latency
from .call import Call
from .counts import JournalEntry
from .errors import RecordError, ResponseError
from .instance import IDENTITY_PATH, Instance
from .misshapen import misshapen
from .options import Options
from .values import format_instant

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.types import Message, Receive, Scope, Send

    from tests.sandbox.faults import Fault

    from .call import File
    from .clock import Clock
    from .instance import Finish

CONTENT_TYPE = "application/json;charset=UTF-8"
UNAUTHENTICATED = frozenset({"600", "601", "602"})


def application(options: dict[str, Any]) -> Starlette:
    """The sandbox's ASGI application; `options` as in `Options`."""
    api = Api(msgspec.convert(options, Options))
    return Starlette(
        routes=[
            Mount("/_sandbox", routes=Control(api).routes()),
            Mount("/", app=api),
        ]
    )


class Api:
    """The ASGI application of the API itself."""

    def __init__(self, options: Options) -> None:
        self.start_options = options
        self.reset({})

    def reset(self, changes: dict[str, object]) -> None:
        """Start over with the options of the start and these changes."""
        self.instance = Instance(self.start_options.replaced(changes))
        options = self.instance.options
        self.instance.database.seed(
            _people(options.seed_leads, options.seed), self.instance.clock.now()
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A reset in the middle of a call must not mix two instances.
        instance = self.instance
        send = _dated(send, instance.clock)
        call = await _read_call(scope, receive)
        if call is None:
            return
        uri_bytes = len(scope["raw_path"]) + 1 + len(scope["query_string"])
        response = _refused_by_gateway(instance, call, uri_bytes)
        if response is None and call.path == IDENTITY_PATH:
            response = await _identity(instance, call)
        if response is not None:
            await response(scope, receive, send)
            return
        try:
            response = await _answer(instance, call)
            await response(scope, receive, send)
        finally:
            call.entry.reply = instance.clock.now()
            for step in call.at_end:
                step()


def _people(count: int, seed: int) -> list[dict[str, str]]:
    """The first leads of the crowd of this seed; about a third of its persons are one."""
    return leads(seed, (person(seed, number) for number in range(4 * count + 20)))[:count]


async def _read_call(scope: Scope, receive: Receive) -> Call | None:
    """The whole request; nothing, if the client left before it had sent all of it."""
    parts = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    headers = dict(scope["headers"])
    content_type = headers.get(b"content-type", b"").decode("latin-1")
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return Call(
        method=scope["method"],
        path=scope["path"],
        query=dict(query),
        content_type=content_type.partition(";")[0].strip().lower(),
        body=b"".join(parts),
        authorization=headers.get(b"authorization", b"").decode("latin-1"),
        pairs=tuple(query),
        range=headers.get(b"range", b"").decode("latin-1"),
        entry=JournalEntry(kind="unknown", arrival=0.0),
    )


def _refused_by_gateway(instance: Instance, call: Call, uri_bytes: int) -> Response | None:
    """Sizes are refused in front of the API: an HTTP status, and no envelope."""
    if uri_bytes > instance.options.max_uri_bytes:
        status, reason = 414, "414 Request-URI Too Large"
    elif len(call.body) > instance.options.max_body_bytes:
        status, reason = 413, "413 Request Entity Too Large"
    else:
        return None
    now = instance.clock.now()
    instance.counts.count_rejected(str(status))
    instance.journal.append(
        JournalEntry(kind="gateway", arrival=now, reply=now, http_status=status)
    )
    return Response(HTML.format(reason), status, media_type="text/html")


async def _identity(instance: Instance, call: Call) -> Response:
    before, after = latency.draw(instance.options, instance.latency_random)
    await _pass_time(before + after)
    now = instance.clock.now()
    instance.strike(call)
    fault = call.fault
    if fault is not None and fault.what in {"status", "reset", "late"}:
        entry = JournalEntry(kind="identity", arrival=now, reply=now, fault=fault.what)
        instance.journal.append(entry)
        await _pass_time(fault.seconds)
        return page(int(fault.code)) if fault.what == "status" else Reset()
    if call.method in {"GET", "POST"}:
        read = instance.options.identity_form == "read"
        status, content = instance.identity(call.form() if read else call.query)
    else:
        status, content = 405, {"error": "method_not_allowed"}
    if status != HTTPStatus.OK:
        instance.counts.count_rejected(str(status))
    entry = JournalEntry(kind="identity", arrival=now, reply=now, http_status=status)
    entry.fault = "" if fault is None else fault.what
    instance.journal.append(entry)
    if fault is not None and fault.what == "wrong_type":
        content = misshapen("wrong_type", {"result": []}, instance.fault_random)
    body = msgspec.json.encode(content)
    response = None if fault is None else damaged(fault, body)
    return response or Response(
        body,
        status,
        {"Cache-Control": "no-store", "Pragma": "no-cache", "Content-Type": CONTENT_TYPE},
    )


async def _answer(instance: Instance, call: Call) -> Response:
    """The reply to any other call."""
    before, after = latency.draw(instance.options, instance.latency_random)
    ends = asyncio.get_running_loop().time() + before + after
    await _pass_time(before)
    now = instance.clock.now()
    entry = call.entry
    entry.arrival = now
    entry.request_id = f"{instance.random.randrange(0x18000):x}#{int(now * 1000):x}"
    instance.journal.append(entry)
    instance.strike(call)
    try:
        content = await _carry_out(instance, call, ends)
    except ResponseError as error:
        entry.code = error.code
        instance.refused(error)
        content = {"success": False, "errors": [error.as_json()]}
    else:
        content = {**content, "success": True}
    if call.fault is not None and _is_lost(call.fault):
        return _no_envelope(call, call.fault)
    if "file" in content:
        return _file(call, content["file"])
    envelope = {"requestId": entry.request_id, **content}
    if call.fault is not None:
        return _struck(instance, call.fault, envelope)
    return Response(msgspec.json.encode(envelope), headers={"Content-Type": CONTENT_TYPE})


async def _carry_out(instance: Instance, call: Call, ends: float) -> dict[str, Any]:
    """What the call answers; nothing if the fault that strikes it keeps it from being done.

    `ends` is when its latency is over, on the loop's clock: what the sandbox itself takes to look
    at the call is a part of it.
    """
    fault = call.fault
    if fault is None:
        finish = instance.begin(call)
        await _pass_time_until(ends)
        return finish()
    if fault.what == "token_expires":
        instance.tokens.lapse()
    elif fault.what == "answer" and fault.code in UNAUTHENTICATED:
        raise ResponseError(fault.code)
    finish = instance.begin(call)
    content: dict[str, Any] = {}
    if fault.what == "reset" and fault.applied and fault.seconds:
        _outlive(instance, call, finish, ends + fault.seconds)
        await _pass_time_until(ends)
    elif fault.applied or fault.what not in {"answer", "status", "reset"}:
        await _pass_time_until(ends + (fault.seconds if fault.what == "late" else 0.0))
        content = finish()
    if fault.what == "answer" or (fault.what == "partly" and fault.code):
        raise ResponseError(fault.code, text=f"sandbox: {fault.code}")
    return content


def _outlive(instance: Instance, call: Call, finish: Finish, moment: float) -> None:
    """The call, with all that it holds, goes on after its connection is gone."""
    steps, call.at_end = call.at_end, []

    async def goes_on() -> None:
        await _pass_time_until(moment)
        finish()
        for step in steps:
            step()

    task = asyncio.create_task(goes_on())
    instance.outlives.add(task)
    task.add_done_callback(instance.outlives.discard)


def _is_lost(fault: Fault) -> bool:
    """Whether a call that is struck by it is never answered by the API."""
    return fault.what in {"status", "reset"} or (fault.what == "partly" and not fault.code)


def _file(call: Call, file: File) -> Response:
    """A file is no envelope; its faults are those of transport."""
    call.entry.http_status = file.status
    response = Response(file.content, file.status, file.headers, media_type=file.media_type)
    return (damaged(call.fault, file.content) if call.fault else None) or response


def _no_envelope(call: Call, fault: Fault) -> Response:
    if fault.what != "status":
        return Reset()
    call.entry.http_status = int(fault.code)
    return page(int(fault.code))


def _struck(instance: Instance, fault: Fault, envelope: dict[str, Any]) -> Response:
    changed = misshapen(fault.what, envelope, instance.fault_random)
    body = msgspec.json.encode(changed)
    return damaged(fault, body) or Response(body, headers={"Content-Type": CONTENT_TYPE})


async def _pass_time(seconds: float) -> None:
    if seconds > 0:
        await asyncio.sleep(seconds)


async def _pass_time_until(moment: float) -> None:
    await _pass_time(moment - asyncio.get_running_loop().time())


class Control:
    """What a test asks and tells the sandbox, under `/_sandbox`; none of it is counted."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def routes(self) -> list[Route]:
        return [
            Route("/counts", self.counts, methods=["GET"]),
            Route("/counts/reset", self.reset_counts, methods=["POST"]),
            Route("/journal", self.journal, methods=["GET"]),
            Route("/leads", self.leads, methods=["GET"]),
            Route("/leads", self.seed, methods=["POST"]),
            Route("/leads/change", self.change, methods=["POST"]),
            Route("/rooms/{name}", self.room, methods=["GET"]),
            Route("/leads/merge", self.merge, methods=["POST"]),
            Route("/leads/delete", self.delete, methods=["POST"]),
            Route("/options", self.options, methods=["GET"]),
            Route("/options", self.set_options, methods=["POST"]),
            Route("/clock", self.clock, methods=["GET"]),
            Route("/clock/advance", self.advance, methods=["POST"]),
            Route("/other_calls", self.other_calls, methods=["POST"]),
            Route("/token/{act}", self.token, methods=["POST"]),
            Route("/reset", self.reset, methods=["POST"]),
        ]

    async def counts(self, request: Request) -> Response:
        return _json(self.api.instance.current_counts())

    async def reset_counts(self, request: Request) -> Response:
        self.api.instance.reset_counts()
        return _json(None)

    async def journal(self, request: Request) -> Response:
        return _json(self.api.instance.journal)

    async def leads(self, request: Request) -> Response:
        return _json(list(self.api.instance.database.leads.values()))

    async def seed(self, request: Request) -> Response:
        instance = self.api.instance
        rows = msgspec.json.decode(await request.body(), type=list[dict[str, Any]])
        try:
            return _json(instance.database.seed(rows, instance.clock.now()))
        except RecordError as error:
            return _json({"error": str(error)}, 400)

    async def change(self, request: Request) -> Response:
        """Somebody changes leads by hand; answers when."""
        instance = self.api.instance
        now = instance.clock.now()
        for row in msgspec.json.decode(await request.body(), type=list[dict[str, Any]]):
            instance.database.update(row.pop("id"), row, format_instant(now))
        return _json(now)

    async def room(self, request: Request) -> Response:
        """All that the lists, programs, activities or objects hold."""
        return _json(self.api.instance.rooms.snapshot(request.path_params["name"]))

    async def merge(self, request: Request) -> Response:
        """Somebody merges leads by hand: the first is the winner."""
        winner, *losers = msgspec.json.decode(await request.body(), type=list[int])
        self.api.instance.rooms.people.merge(winner, losers)
        return _json(None)

    async def delete(self, request: Request) -> Response:
        """Somebody deletes leads by hand."""
        for number in msgspec.json.decode(await request.body(), type=list[int]):
            self.api.instance.rooms.people.delete(number)
        return _json(None)

    async def options(self, request: Request) -> Response:
        return _json(self.api.instance.options)

    async def set_options(self, request: Request) -> Response:
        return await self._with_options(request, self.api.instance.configure)

    async def reset(self, request: Request) -> Response:
        return await self._with_options(request, self.api.reset)

    async def clock(self, request: Request) -> Response:
        return _json({"now": self.api.instance.clock.now()})

    async def advance(self, request: Request) -> Response:
        body = msgspec.json.decode(await request.body(), type=dict[str, float])
        self.api.instance.clock.advance(body["seconds"])
        return await self.clock(request)

    async def other_calls(self, request: Request) -> Response:
        """Another integration of the same instance makes its calls."""
        body = msgspec.json.decode(await request.body(), type=OtherCalls)
        instance = self.api.instance
        instance.limits.charge(
            instance.clock.now(), body.user, body.calls, in_window=body.in_window
        )
        return _json(None)

    async def token(self, request: Request) -> Response:
        tokens = self.api.instance.tokens
        acts = {"expire": tokens.lapse, "revoke": tokens.revoke}
        act = acts.get(request.path_params["act"])
        if act is None:
            return _json({"error": f"one of {', '.join(acts)}"}, 404)
        act()
        return _json(None)

    async def _with_options(
        self, request: Request, act: Callable[[dict[str, object]], None]
    ) -> Response:
        changes = msgspec.json.decode(await request.body() or b"{}", type=dict[str, Any])
        try:
            act(changes)
        except msgspec.ValidationError as error:
            return _json({"error": str(error)}, 400)
        return _json(self.api.instance.options)


class OtherCalls(msgspec.Struct, forbid_unknown_fields=True):
    calls: int
    user: str = "other-integration@example.com"
    in_window: bool = False


def _dated(send: Send, clock: Clock) -> Send:
    """Has each reply say when it is at this Marketo, which need not be when it is here."""

    async def dated(message: Message) -> None:
        if message["type"] == "http.response.start":
            date = formatdate(clock.now(), usegmt=True).encode()
            message = {**message, "headers": [*message["headers"], (b"date", date)]}
        await send(message)

    return dated


def _json(content: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
