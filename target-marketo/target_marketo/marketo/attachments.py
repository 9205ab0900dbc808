"""What the calls about activities, lists, programs and custom objects have in common.

Reads are plain GETs; writes carry up to 300 rows, and answer each at its position. Time-outs go by
how long Marketo itself may take over a call: longer by a third than the server's for a call of 90
seconds, where the setting is the usual one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar
from urllib.parse import urlencode

import msgspec

from target_marketo.marketo import replies
from target_marketo.marketo.call import Request
from target_marketo.marketo.codes import Family
from target_marketo.marketo.errors import EndsLane, SendFewer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from target_marketo.marketo.call import Caller

USUAL_SECONDS = 30.0  # Adobe: what no page names another time-out for
MAKING_SECONDS = 90.0
_MARGIN_SECONDS = 30.0
_TIMEOUT_SECONDS = 120.0  # the usual `request_timeout_seconds`

T = TypeVar("T")


class Written(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What Marketo did with one row: its status, or `skipped` and why."""

    status: str
    id: replies.Number | None = None  # of a list: the lead
    lead_id: replies.Number | None = None
    marketo_guid: str | None = msgspec.field(name="marketoGUID", default=None)
    seq: int | None = None
    reasons: tuple[replies.Reason, ...] = ()
    errors: tuple[replies.Reason, ...] = ()  # what activities have in place of `reasons`

    @property
    def skipped(self) -> bool:
        return self.status == "skipped"

    @property
    def code(self) -> str:
        """Why it was skipped; empty if Marketo does not say."""
        return replies.code_of_reasons(self.reasons or self.errors)


class Rows(NamedTuple):
    """One `Written` for each row that was sent, in their order, and the id Support asks for."""

    rows: list[Written]
    request_id: str


class _Reply(msgspec.Struct, rename="camel"):
    result: list[Written]
    request_id: Any = None


class Found(msgspec.Struct, Generic[T]):
    """A reply with results; where Marketo found none, assets have no `result` at all."""

    result: list[T] = []


@dataclass(frozen=True)
class Results(Generic[T]):
    """Reads them. The decoder is made on import: see replies.py."""

    decoder: msgspec.json.Decoder[Found[T]]

    def __call__(self, content: bytes) -> list[T]:
        return self.decoder.decode(content).result

    def one(self, content: bytes) -> T:
        """The only result.

        Raises:
            msgspec.ValidationError: There are none, or several.
        """
        found = self(content)
        if len(found) != 1:
            raise msgspec.ValidationError("not one result")
        return found[0]


@dataclass(frozen=True)
class Endpoints:
    """The calls about one kind of object. `seconds` is how long Marketo itself may take."""

    caller: Caller
    family: ClassVar[Family]

    def _read(
        self,
        kind: str,
        path: str,
        understand: Callable[[bytes], T],
        *,
        parameters: Mapping[str, str] | None = None,
        seconds: float = USUAL_SECONDS,
    ) -> T:
        query = f"?{urlencode(parameters, safe=',')}" if parameters else ""
        timeout = self._timeout(seconds)
        request = Request(kind, "GET", path + query, family=self.family, timeout=timeout)
        try:
            return self.caller.call(request, understand)
        except SendFewer as error:
            # A reading has no rows that one could send fewer of, or correct.
            text = f"Marketo answered {error.code} to {kind}: report it with the request id"
            raise EndsLane(text, code=error.code, request_id=error.request_id) from None

    def _write(
        self,
        kind: str,
        path: str,
        body: bytes | Callable[[], bytes],
        understand: Callable[[bytes], T],
        *,
        seconds: float,
    ) -> T:
        request = Request(
            *(kind, "POST", path),
            body=body,
            writes=True,
            family=self.family,
            timeout=self._timeout(seconds),
        )
        return self.caller.call(request, understand)

    def _make(
        self, kind: str, path: str, content_type: str, body: bytes, understand: Callable[[bytes], T]
    ) -> T:
        """Changes what the instance consists of, which has permissions and codes of its own."""
        request = Request(
            *(kind, "POST", path, content_type, body),
            writes=True,
            family=Family.SCHEMA,
            timeout=self._timeout(MAKING_SECONDS),
        )
        return self.caller.call(request, understand)

    def _timeout(self, seconds: float) -> float:
        return self.caller.timeout * (seconds + _MARGIN_SECONDS) / _TIMEOUT_SECONDS


def understand_rows(
    content: bytes, count: int, statuses: frozenset[str], leads: Sequence[int] | None = None
) -> Rows:
    """One well-formed result for each of so many rows, at its position.

    `leads` are those that were sent, where a row's result may name its own.

    Raises:
        msgspec.ValidationError: Results that cannot be told apart: then all are unknown.
    """
    reply = _REPLY.decode(content)
    if len(reply.result) != count:
        raise msgspec.ValidationError("not one result for each row")
    for position, row in enumerate(reply.result):
        if row.status not in statuses and not row.skipped:
            raise msgspec.ValidationError("a status that is not documented")
        if row.seq not in {None, position}:
            raise msgspec.ValidationError("a result at another row's position")
        named = row.id if row.lead_id is None else row.lead_id
        if leads is not None and named not in {None, leads[position]}:
            raise msgspec.ValidationError("a result about somebody else")
    return Rows(reply.result, replies.shown_id(reply.request_id))


_REPLY = msgspec.json.Decoder(_Reply)
