"""What a script of faults does to a call of LiveChat's APIs."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.responses import Response

from tests.sandbox.damage import Reset, damaged, page
from tests.sandbox.livechat.errors import ApiError

if TYPE_CHECKING:
    from random import Random

    from tests.sandbox.faults import Fault
    from tests.sandbox.livechat.access import Tokens

_WRONG_TYPES = (
    b'{"chats": [7, "chat", null, {"id": 1, "users": 5, "thread": "x"}], "found_chats": []}',
    b'{"chats": [7, "chat", null, {"id": 1, "users": 5, "thread": "x"}], "found_chats": 4}',
    b'{"chats": 5, "found_chats": 1}',
    b'{"chats": null}',
    b"{}",
    b"[]",
    b'"ok"',
)


async def before(fault: Fault, tokens: Tokens) -> None:
    """What happens before the method is reached.

    Raises:
        ApiError: The fault is an error of the API.
    """
    if fault.what == "late":
        await asyncio.sleep(fault.seconds)
    elif fault.what == "token_expires":
        tokens.expire_access_tokens()
    elif fault.what == "answer":
        wait = fault.retry_after
        headers = {} if wait is None else {"Retry-After": f"{wait:g}"}
        raise ApiError(fault.code, headers=headers)


def after(fault: Fault, reply: Response, random: Random) -> Response:
    """What is left of the reply; an error of the API stays as it is."""
    if fault.what == "reset":
        return Reset()
    if fault.what == "status":
        return page(int(fault.code))
    if reply.status_code != HTTPStatus.OK:
        return reply
    if fault.what == "wrong_type":
        return Response(random.choice(_WRONG_TYPES), media_type="application/json")
    return damaged(fault, bytes(reply.body)) or reply
