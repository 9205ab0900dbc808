"""One call to Marketo's REST API: governed, authenticated, repeated where that helps, understood.

Each call holds a lease of the governor from before it is sent until its outcome is known. What
comes back is one of three: the result, an error that says the call was not executed (those that
pass are waited for here), or `OutcomeUnknown`. A read of unknown outcome is simply repeated; a
write never is, because a blind second create makes a second person (Adobe: "Leads", concurrent
upserts).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, TypeVar

from target_marketo.governor import LeaseLost, Outcome, full_jitter
from target_marketo.marketo import replies
from target_marketo.marketo.codes import Class, Executed, Family, of_response
from target_marketo.marketo.errors import (
    MarketoError,
    NotAuthorized,
    OutcomeUnknown,
    Rejected,
    Throttled,
    TokenRefused,
    Unavailable,
    error_of,
)
from target_marketo.marketo.server_clock import ServerClock
from target_marketo.marketo.transport import (
    NotSent,
    TimedOut,
    TransportError,
    exchange,
    prepare,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import requests

    from target_marketo.governor import Governor, Lease
    from target_marketo.marketo.auth import Token
    from target_marketo.marketo.transport import Reply

MAX_ROWS = 300  # of a lookup and of a write (Adobe: "Leads")

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

_FRESH_TOKENS = 2
_LONGEST_WAIT = 30.0
_NOTHING = b'{"result": []}'
_OUTCOME = {
    Class.RATE: Outcome.RATE_LIMITED,
    Class.CONCURRENCY: Outcome.CONCURRENCY_LIMITED,
    Class.QUOTA: Outcome.QUOTA_SPENT,
    Class.TRANSIENT: Outcome.UNAVAILABLE,
}

logger = logging.getLogger("target-marketo")

T = TypeVar("T")
P = TypeVar("P", bound=replies.Page)


@dataclass(frozen=True, slots=True)
class Request:
    """One call. `kind` names it in counts; `writes` says that repeating it is not harmless.

    A `body` that is a function is called before each attempt, once its slot was granted:
    what it raises ends the call, unsent. `timeout` is in seconds; None: as for people.
    """

    kind: str
    method: str
    path: str
    content_type: str = JSON
    body: bytes | Callable[[], bytes] | None = None
    writes: bool = False
    family: Family = Family.PEOPLE
    timeout: float | None = None
    reads_usage: bool = False


@dataclass
class Calls:
    """What this process asked of Marketo."""

    by_kind: Counter[str] = field(default_factory=Counter)
    throttled: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """All counted calls."""
        return self.by_kind.total()


@dataclass
class Caller:
    """Makes calls. Any thread may use it.

    `patience_seconds` is how long a call waits in all for an instance that does not answer.
    `before_write` is asked before each attempt of a write, and may raise.
    """

    endpoint: str
    token: Token
    session: requests.Session
    governor: Governor
    timeout: float = 120.0
    patience_seconds: float = 1800.0
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    random: Random = field(default_factory=Random)
    calls: Calls = field(default_factory=Calls)
    stopping: Callable[[], bool] = lambda: False
    before_write: Callable[[], None] = lambda: None
    clock: ServerClock = field(default_factory=ServerClock)

    def __post_init__(self) -> None:
        self._guards_counts = threading.Lock()
        self._templates: dict[tuple[str, str, str], requests.PreparedRequest] = {}

    def call(self, request: Request, understand: Callable[[bytes], T]) -> T:
        """Sends until there is an answer that waiting would not change.

        `understand` reads the result of a success, as the functions of replies.py do.

        Raises:
            OutcomeUnknown: A write; also when its reply cannot be understood.
            MarketoError: Any other: nothing was written.
            GovernorError: No call may be made.
        """
        if self.governor.wants_usage() and not request.reads_usage:
            self.learn_usage()
        give_up_at = self.now() + self.patience_seconds
        refused = failed = 0
        while True:
            token = ""
            try:
                token = self.token.get()
                return self._once(request, token, understand)
            except TokenRefused as error:
                refused += 1
                self.token.refuse(token)
                if refused > _FRESH_TOKENS:
                    raise NotAuthorized(
                        "Marketo refuses the tokens it hands out: check that `endpoint` and "
                        "`identity` belong to one instance",
                        code=error.code,
                    ) from None
                continue
            except Throttled:
                continue  # the governor makes everybody wait, and says when it was too long
            except OutcomeUnknown as error:
                if request.writes:
                    raise
                failure: MarketoError = Unavailable(str(error), code=error.code)
            except Unavailable as error:
                failure = error
            if self.now() >= give_up_at or self.stopping():
                raise failure from None
            self._wait(failed)
            failed += 1

    def learn_usage(self) -> int:
        """How many calls every user of the instance has made today; the governor learns it too."""
        request = Request("usage", "GET", "/v1/stats/usage.json", reads_usage=True)
        used = self.call(request, replies.used_today)
        self.governor.note_usage(used.total, used.by_user.get(self.token.user))
        return used.total

    def _wait(self, attempt: int) -> None:
        """Full jitter, in pieces short enough for a signal not to wait for.

        Where more fails than the retry budget allows, as long as a wait may be.
        """
        jitter = full_jitter(attempt, base=1.0, cap=_LONGEST_WAIT, random=self.random)
        until = self.now() + (jitter if self.governor.retry_allowed() else _LONGEST_WAIT)
        while (left := until - self.now()) > 0 and not self.stopping():
            self.sleep(min(left, 0.5))

    def _once(self, request: Request, token: str, understand: Callable[[bytes], T]) -> T:
        timeout = request.timeout or self.timeout
        longer_by = max(0.0, timeout - self.timeout)
        lease = self.governor.acquire(
            self.stopping, longer_by=longer_by, reads_usage=request.reads_usage
        )
        outcome, at_work = Outcome.NOT_SENT, False
        try:
            reply = self._exchange(request, token, lease, timeout)
            content = self._success(request, reply, lease)
            outcome = Outcome.OK
        except MarketoError as error:
            outcome = _outcome_of(error)
            at_work = isinstance(error, OutcomeUnknown) and error.at_work_seconds > 0
            raise
        finally:
            self.governor.release(lease, outcome, at_work=at_work)
        return _read(understand, content)

    def _exchange(self, request: Request, token: str, lease: Lease, timeout: float) -> Reply:
        if request.writes:
            self.before_write()
        body = request.body() if callable(request.body) else request.body
        try:
            self.governor.check(lease)
        except LeaseLost:
            raise Throttled("the lease ran out before the call was sent") from None
        with self._guards_counts:
            self.calls.by_kind[request.kind] += 1
        try:
            sent = self._prepared(request, body, token)
            reply = exchange(self.session, sent, timeout=timeout)
        except NotSent as error:
            raise Unavailable(f"no call to Marketo: {error}") from None
        except TransportError as error:
            is_late = isinstance(error, TimedOut)
            cure = "; if that stays, raise `request_timeout_seconds`" if is_late else ""
            raise OutcomeUnknown(
                f"Marketo's answer to {request.kind} is lost: {error}{cure}",
                after_timeout=is_late,
                at_work_seconds=self.governor.seconds_left(lease),
            ) from None
        self.clock.note(reply.date)
        return reply

    def _prepared(
        self, request: Request, body: bytes | None, token: str
    ) -> requests.PreparedRequest:
        """The request as it is sent. What is the same each time is put together once."""
        key = request.method, request.path, request.content_type
        template = self._templates.get(key)
        if template is None:
            headers = {"Content-Type": request.content_type} if request.body else None
            template = prepare(
                self.session, request.method, self.endpoint + request.path, headers=headers
            )
            if "?" not in request.path:  # one with a query is asked once
                self._templates[key] = template
        prepared = template.copy()
        prepared.headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            prepared.body = body
            prepared.headers["Content-Length"] = str(len(body))
        return prepared

    def _success(self, request: Request, reply: Reply, lease: Lease) -> bytes:
        """The reply if it is a success; otherwise the error that its codes stand for."""
        head = replies.head(reply.content)
        if head is not None and head.success is True:
            return reply.content
        code = replies.code_of(reply.status, head)
        advice = of_response(code, request.family)
        text = f"Marketo answered {code} to {request.kind}: {advice.meaning}; {advice.cure}"
        if advice.kind is Class.EMPTY:
            return _NOTHING
        if advice.kind in (Class.RATE, Class.CONCURRENCY):
            with self._guards_counts:
                self.calls.throttled[code] += 1
        raised = error_of(code, advice, writes=request.writes)
        request_id = replies.request_id(head)
        if raised is OutcomeUnknown:
            at_work = self.governor.seconds_left(lease) if advice.at_work else 0.0
            raise OutcomeUnknown(text, code=code, request_id=request_id, at_work_seconds=at_work)
        raise raised(text, code=code, request_id=request_id)


def all_pages(kind: str, ask: Callable[[str], P], first: str = "") -> Iterator[P]:
    """Reads page by page: `ask` answers a token with its page, until one is the last.

    Raises:
        Rejected: A token came back, so that reading on would never end.
    """
    known = {first}
    token: str | None = first
    while token is not None:
        page = ask(token)
        yield page
        token = page.next_page_token if page.more_result else None
        if token in known:
            raise Rejected(
                f"Marketo's pages of {kind} go round in a circle: one of their tokens came twice; "
                "run again later, and if that stays so, report it"
            )
        known.add(token or "")


def _read(understand: Callable[[bytes], T], content: bytes) -> T:
    try:
        return understand(content)
    except replies.UNREADABLE:
        raise OutcomeUnknown(
            "Marketo's reply does not have the shape it must have; if that stays so, report it",
            request_id=replies.request_id(replies.head(content)),
        ) from None


def _outcome_of(error: MarketoError) -> Outcome:
    if isinstance(error, OutcomeUnknown) and not error.code:
        return Outcome.UNKNOWN
    if not error.code:
        return Outcome.UNAVAILABLE if isinstance(error, Unavailable) else Outcome.NOT_SENT
    advice = of_response(error.code)
    if advice.executed is Executed.UNKNOWN:
        return Outcome.UNAVAILABLE
    return _OUTCOME.get(advice.kind, Outcome.OK)
