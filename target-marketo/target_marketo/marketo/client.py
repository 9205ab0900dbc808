"""One call to Marketo's REST API: governed, authenticated, its reply understood.

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
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

import msgspec
import requests
from requests.adapters import HTTPAdapter

from target_marketo.governor import LeaseLost, Outcome
from target_marketo.governor.jitter import full_jitter
from target_marketo.marketo import replies
from target_marketo.marketo.errors import (
    Class,
    MarketoError,
    NotAuthorized,
    OutcomeUnknown,
    QuotaSpent,
    Rejected,
    SendFewer,
    Unavailable,
    of_response,
)
from target_marketo.marketo.transport import (
    NotSent,
    TimedOut,
    TransportError,
    exchange,
    prepare,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from target_marketo.governor import Governor, Lease
    from target_marketo.marketo.auth import Token
    from target_marketo.marketo.replies import Answer, Field
    from target_marketo.marketo.transport import Reply

MAX_ROWS = 300  # of a lookup and of a sync (Adobe: "Leads")
MAX_BODY_BYTES = 1_000_000  # 1 MB, of whichever kind (Adobe: "Integration best practices")
WRITE_SECONDS = 90  # how long Marketo may be at work on a sync (Adobe: "Leads")

_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"
_FRESH_TOKENS = 2
_LOOK_SECONDS = 0.5
_TOLD_SECONDS = 5.0
_OUTCOME = {
    Class.RATE: Outcome.RATE_LIMITED,
    Class.CONCURRENCY: Outcome.CONCURRENCY_LIMITED,
    Class.QUOTA: Outcome.QUOTA_SPENT,
    Class.TRANSIENT: Outcome.UNAVAILABLE,
    Class.UNKNOWN: Outcome.UNKNOWN,
}


logger = logging.getLogger("target-marketo")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """One call: `kind` names it in counts; `writes` says that repeating it is not harmless.

    `when_granted` is called each time that the call may be made, just before it is sent; what it
    raises ends the call.
    """

    kind: str
    method: str
    path: str
    content_type: str = _JSON
    body: bytes | None = None
    writes: bool = False
    when_granted: Callable[[], None] = lambda: None


@dataclass
class Calls:
    """What this process asked of Marketo."""

    by_kind: Counter[str] = field(default_factory=Counter)
    throttled: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """All counted calls."""
        return self.by_kind.total()


def pooled_session(connections: int, url: str) -> requests.Session:
    """A session that keeps one connection per call that may be in flight, and retries nothing.

    The environment's proxies and certificates for `url` are looked up once: for every call it costs
    as much as the call itself.
    """
    session = requests.Session()
    found = session.merge_environment_settings(url, {}, None, None, None)
    session.proxies, session.verify = dict(found["proxies"]), found["verify"]
    session.trust_env = False
    adapter = HTTPAdapter(pool_connections=1, pool_maxsize=connections, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


@dataclass
class Marketo:
    """The calls that the target needs. Any thread may use it.

    `patience_seconds` is how long a call waits in all for an instance that does not answer.
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

    def __post_init__(self) -> None:
        self._guards_counts = threading.Lock()
        self._templates: dict[tuple[str, str, str], requests.PreparedRequest] = {}

    def describe(self) -> list[Field]:
        """The fields of a person: those that REST may use, and which of them can be searched."""
        first = Request("describe", "GET", "/v1/leads/describe.json")
        second = Request("describe", "GET", "/v1/leads/describe2.json")
        return replies.fields(
            self._call(first, replies.described), self._call(second, replies.searchable)
        )

    def learn_usage(self) -> int:
        """How many calls every user of the instance has made today; the governor learns it too."""
        request = Request("usage", "GET", "/v1/stats/usage.json")
        total = self._call(request, replies.used_today)
        self.governor.note_usage(total)
        return total

    def under_way(self) -> Collection[str]:
        """The calls, of whichever process, that may be at work now."""
        return self.governor.under_way().keys()

    def outlast(self, earlier: Collection[str]) -> None:
        """Waits until these calls of the governor's can no longer be at work.

        A run that was killed, or could not wait, leaves calls behind that nobody hears the end of;
        who is created meanwhile may be created twice.
        """
        told = False
        while not self.stopping():
            left = [
                seconds for lease, seconds in self.governor.under_way().items() if lease in earlier
            ]
            if not left:
                return
            if max(left) > _TOLD_SECONDS and not told:
                logger.info(
                    "Waiting for calls of another run, %.0f s at most: they may still write",
                    max(left),
                )
                told = True
            self.sleep(min(_LOOK_SECONDS, *left))

    def partitions(self) -> list[str]:
        """The names of the instance's lead partitions."""
        request = Request("partitions", "GET", "/v1/leads/partitions.json")
        return self._call(request, replies.partitions)

    def lookup(
        self, filter_type: str, values: Sequence[str], fields: Iterable[str]
    ) -> list[dict[str, Any]]:
        """Every person one of whose `filter_type` is among the values, in no particular order.

        The form is posted: 300 e-mails do not fit into an address (8 KB).
        """
        form = {
            "_method": "GET",
            "filterType": filter_type,
            "filterValues": ",".join(values),
            "fields": ",".join(fields),
            "batchSize": str(MAX_ROWS),
        }
        return list(self._pages(form))

    def _pages(self, form: dict[str, str]) -> Iterator[dict[str, Any]]:
        page: str | None = ""
        while page is not None:
            # "@" and "," need no escape in a form; where nothing does, this is ten times as fast.
            fields = form | {"nextPageToken": page} if page else form
            body = urlencode(fields, safe="@,").encode()
            request = Request("lookup", "POST", "/v1/leads.json", _FORM, body)
            found = self._call(request, replies.found)
            yield from found.result
            page = found.next_page_token if found.more_result else None

    def sync(
        self,
        action: str,
        lookup_field: str,
        rows: Sequence[bytes],
        partition: str | None = None,
        *,
        when_granted: Callable[[], None] = lambda: None,
    ) -> Answer:
        """Writes up to 300 encoded people; see `Request` for `when_granted`.

        Returns:
            One `Row` for each row sent, in the same order; Marketo's rows carry
            nothing else to tell them apart by.

        Raises:
            OutcomeUnknown: Also when the reply does not match the request row for row.
            SendFewer, Rejected, NotAuthorized, QuotaSpent, Unavailable: Nothing was written.
        """
        head: dict[str, str] = {"action": action, "lookupField": lookup_field}
        if partition:
            head["partitionName"] = partition
        body = msgspec.json.encode(head)[:-1] + b',"input":[' + b",".join(rows) + b"]}"
        request = Request(
            action, "POST", "/v1/leads.json", _JSON, body, writes=True, when_granted=when_granted
        )
        return self._call(request, lambda content: replies.answer(content, len(rows)))

    def _call(self, request: Request, understand: Callable[[bytes], T]) -> T:
        """Sends until there is an answer that waiting would not change.

        `understand` reads the result of a success, as the functions of replies.py do.
        """
        give_up_at = self.now() + self.patience_seconds
        refused = failed = 0
        while True:
            token = ""
            try:
                token = self.token.get()
                return _read(understand, self._once(request, token))
            except _TokenRefused as error:
                refused += 1
                self.token.refuse(token)
                if refused > _FRESH_TOKENS:
                    raise NotAuthorized(
                        "Marketo refuses the tokens it hands out: check that `endpoint` and "
                        "`identity` belong to one instance",
                        code=error.code,
                    ) from None
                continue
            except _Throttled:
                continue  # the governor makes everybody wait: it is no failure of this call
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

    def _wait(self, attempt: int) -> None:
        """Full jitter, in pieces short enough for a signal not to wait for."""
        until = self.now() + full_jitter(attempt, base=1.0, cap=30.0, random=self.random)
        while (left := until - self.now()) > 0 and not self.stopping():
            self.sleep(min(left, 0.5))

    def _once(self, request: Request, token: str) -> bytes:
        lease = self.governor.acquire(cancelled=self.stopping)
        outcome = Outcome.NOT_SENT
        try:
            self._may_be_sent(request, lease)
            sent = self.now()
            try:
                content = self._success(request, self._exchange(request, token))
            except OutcomeUnknown as error:
                if not error.is_of_marketo:
                    # Whoever answered, if anybody did: the call may still be at work.
                    until = sent + self.governor.limits.lease_seconds
                    error.at_work_seconds = max(0.0, until - self.now())
                raise
            outcome = Outcome.OK
        except MarketoError as error:
            outcome = _outcome_of(error)
            raise
        finally:
            self.governor.release(lease, outcome)
        return content

    def _may_be_sent(self, request: Request, lease: Lease) -> None:
        if request.writes:
            self.before_write()
        request.when_granted()
        try:
            lease.check()
        except LeaseLost:
            raise _Throttled("the lease ran out before the call was sent") from None

    def _exchange(self, request: Request, token: str) -> Reply:
        with self._guards_counts:
            self.calls.by_kind[request.kind] += 1
        try:
            sent = self._prepared(request, token)
            return exchange(self.session, sent, timeout=self.timeout)
        except NotSent:
            raise Unavailable("no connection to Marketo: check `endpoint`") from None
        except TransportError as error:
            after_timeout = isinstance(error, TimedOut)
            raise OutcomeUnknown(str(error), after_timeout=after_timeout) from None

    def _prepared(self, request: Request, token: str) -> requests.PreparedRequest:
        """The request as it is sent. What is the same each time is put together once."""
        key = request.method, request.path, request.content_type
        template = self._templates.get(key)
        if template is None:
            headers = {"Content-Type": request.content_type} if request.body else None
            template = self._templates[key] = prepare(
                self.session, request.method, self.endpoint + request.path, headers=headers
            )
        prepared = template.copy()
        prepared.headers["Authorization"] = f"Bearer {token}"
        if request.body is not None:
            prepared.body = request.body
            prepared.headers["Content-Length"] = str(len(request.body))
        return prepared

    def _success(self, request: Request, reply: Reply) -> bytes:
        """The reply if it is a success; otherwise the error that its codes stand for."""
        head = replies.head(reply.content)
        if head is not None and head.success is True:
            return reply.content
        code = replies.code_of(reply.status, head)
        advice = of_response(code)
        text = f"Marketo answered {code} to {request.kind}: {advice.meaning}; {advice.cure}"
        if advice.kind is Class.EMPTY:
            return _NOTHING
        if advice.kind in (Class.RATE, Class.CONCURRENCY):
            with self._guards_counts:
                self.calls.throttled[code] += 1
        error = NotAuthorized if code == _ACCESS_DENIED else _RAISED.get(advice.kind, Rejected)
        raise error(text, code=code, request_id=replies.request_id(head))


class _TokenRefused(MarketoError):
    """601 or 602: not executed."""


class _Throttled(MarketoError):
    """606 or 615, or the lease was lost: not executed."""


_ACCESS_DENIED = "603"
_NOTHING = b'{"result": []}'
_RAISED: dict[Class, type[MarketoError]] = {
    Class.CONCURRENCY: _Throttled,
    Class.PERMANENT: SendFewer,  # one of the rows; alone it goes to the error log
    Class.QUOTA: QuotaSpent,
    Class.RATE: _Throttled,
    Class.SPLIT: SendFewer,
    Class.TOKEN: _TokenRefused,
    Class.TRANSIENT: Unavailable,
    Class.UNKNOWN: OutcomeUnknown,
}


def _read(understand: Callable[[bytes], T], content: bytes) -> T:
    try:
        return understand(content)
    except replies.UNREADABLE:
        raise OutcomeUnknown(
            "the reply is not of the shape that Marketo's has",
            request_id=replies.request_id(replies.head(content)),
        ) from None


def _outcome_of(error: MarketoError) -> Outcome:
    if isinstance(error, OutcomeUnknown):
        # With a code the reply is here, and the call holds no slot at Marketo any more.
        return Outcome.UNAVAILABLE if error.code else Outcome.UNKNOWN
    if isinstance(error, Unavailable):
        return Outcome.UNAVAILABLE
    if not error.code:
        return Outcome.NOT_SENT
    return _OUTCOME.get(of_response(error.code).kind, Outcome.OK)
