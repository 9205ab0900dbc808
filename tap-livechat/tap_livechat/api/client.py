"""One call of LiveChat's Web API: send, judge, try again or raise, and count what it costs.

What comes back is judged in `retries`.
Every request is billed, failed ones too, HTTP 500 alone excepted (LiveChat: "API pricing").
"""

from __future__ import annotations

import gc
import io
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import requests
import urllib3

from tap_livechat.api.replies import UNREADABLE
from tap_livechat.api.retries import (
    ADVICE,
    LONGEST_RETRY_AFTER_SECONDS,
    NO_CDP,
    Pace,
    Patience,
    RetryableError,
    ThrottledError,
    Verdict,
    retry_after_seconds,
    verdict,
)
from tap_livechat.errors import (
    AuthenticationError,
    BudgetError,
    LiveChatError,
    RefusedError,
    ScopeError,
    UnavailableError,
)

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Mapping

    from tap_livechat.api.auth import Authenticator
    from tap_livechat.api.methods import Method

T = TypeVar("T")

# A page in one piece: requests' own pieces are of 10 KB, and each costs as much as reading it.
_PIECE_BYTES = 2**20

# LiveChat gives up after 15 s on its side.
TIMEOUT_SECONDS = (10, 30)
DOLLARS_PER_1000_REQUESTS = 0.27


# A reply is on its way for a moment, and its time has whole seconds.
_CLOCK_TOLERANCE = timedelta(minutes=1)
# Where the connection was never made. Any other request may have been answered, and billed.
_NOT_SENT = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.ProxyError,
    urllib3.exceptions.SSLError,
)


class RequestCount:
    """Requests made and billed in this run, by method."""

    def __init__(self) -> None:
        self.made: dict[str, int] = {}
        self.unbilled = 0

    def add(self, method: str) -> None:
        self.made[method] = self.made.get(method, 0) + 1

    def excuse(self) -> None:
        """LiveChat does not bill the last one: it answered HTTP 500, or never saw it."""
        self.unbilled += 1

    @property
    def total(self) -> int:
        return sum(self.made.values())

    @property
    def billed(self) -> int:
        return self.total - self.unbilled

    @property
    def dollars(self) -> float:
        return self.billed * DOLLARS_PER_1000_REQUESTS / 1000


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Client:
    def __init__(
        self,
        config: Mapping[str, Any],
        authenticator: Authenticator,
        logger: logging.Logger,
        user_agent: str,
    ) -> None:
        self.authenticator = authenticator
        self.count = RequestCount()
        self._logger = logger
        self._bases = {
            "agent": config["api_url"].rstrip("/"),
            "configuration": config["api_url"].rstrip("/"),
            "reports": config["api_url"].rstrip("/"),
            "cdp": config["cdp_url"].rstrip("/"),
        }
        self._version = config["api_version"]
        self._most: int | None = config.get("max_requests")
        self._region: str | None = config.get("region") or None
        self._announced: set[str] = set()
        self._pace = Pace()
        self.date: datetime | None = None  # LiveChat's clock, as of its newest reply
        self._session = requests.Session()
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers.update(
            {
                "User-Agent": user_agent,
                "Content-Type": "application/json",
                "Accept": "application/json",
            }
        )

    def close(self) -> None:
        self._session.close()

    def call(
        self,
        method: Method,
        payload: Mapping[str, Any],
        decode: Callable[[bytes], T],
    ) -> T:
        """Send `payload` and decode the reply; `decode` raises `msgspec.DecodeError` for junk.

        Raises:
            LiveChatError: final; one of the errors of `tap_livechat.errors`.
        """
        attempt = _Attempt(self, method, msgspec.json.encode(payload), decode)
        patience = Patience()
        while True:
            if due := self._pace.due():
                time.sleep(due)
            try:
                answer: T = attempt()
            except RetryableError as failure:
                self._wait(method, failure, patience)
            else:
                self._pace.replied()
                return answer

    def _wait(self, method: Method, failure: RetryableError, patience: Patience) -> None:
        # What a broken connection leaves behind refers to itself, buffers included, and a run looks
        # for such things seldom (`TapLiveChat.invoke`): a thousand would take 50 MB.
        gc.collect()
        if isinstance(failure, ThrottledError):
            self._pace.throttled()
        seconds = patience.wait(failure)
        if seconds is None:
            raise UnavailableError(
                f"{method.name}: {failure.reason}, in spite of {patience.tries} tries; "
                "the next run goes on from the last STATE"
            ) from None
        self._logger.warning(
            "%s: %s; try %d in %.1f s", method.name, failure.reason, patience.tries + 1, seconds
        )
        time.sleep(seconds)

    def now(self) -> datetime:
        """LiveChat's time: the one of its newest reply; the host's before there is one."""
        return self.date or datetime.now(UTC)

    def call_once(
        self, method: Method, payload: Mapping[str, Any], decode: Callable[[bytes], T]
    ) -> T:
        """As `call`, without another try later.

        Raises:
            RetryableError: another try may succeed.
        """
        answer: T = _Attempt(self, method, msgspec.json.encode(payload), decode)()
        return answer

    def url(self, method: Method) -> str:
        base = self._bases[method.api]
        if method.api == "cdp":
            return f"{base}/v{method.version}/{method.name}"
        version = method.version or self._version
        if method.api == "reports":
            return f"{base}/v{version}/reports/{method.name}"
        return f"{base}/v{version}/{method.api}/action/{method.name}"

    def send(self, method: Method, body: bytes, authorization: str) -> Reply:
        """One request. No text of an exception leaves here: it may hold more than it should."""
        if self._most is not None and self.count.billed >= self._most:
            raise BudgetError(f"max_requests: {self._most} requests were made")
        self.count.add(method.name)
        self._pace.sent()
        began = datetime.now(UTC)
        try:
            reply = self._post(self.url(method), body, authorization)
        except (
            requests.exceptions.InvalidHeader,
            requests.exceptions.InvalidSchema,
            requests.exceptions.InvalidURL,
        ):
            self.count.excuse()  # it was never sent
            raise RefusedError(
                f"{method.name}: api_url or cdp_url is no address, or region no name"
            ) from None
        except requests.RequestException as error:
            if _was_not_sent(error):
                self.count.excuse()
                what = "LiveChat cannot be reached"
            else:
                what = "no whole reply"
            raise RetryableError(f"{what} ({type(error).__name__})") from None
        if reply.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            self.count.excuse()
        self._announce(method, reply)
        self._look_at_the_clock(reply, began)
        return reply

    def _look_at_the_clock(self, reply: Reply, began: datetime) -> None:
        try:
            date = parsedate_to_datetime(reply.headers["Date"]).astimezone(UTC)
        except (KeyError, ValueError, OverflowError):
            return  # then the host's has to do
        ended = datetime.now(UTC)
        if self.date is None and not (began - _CLOCK_TOLERANCE <= date <= ended + _CLOCK_TOLERANCE):
            off = round((ended - date).total_seconds())
            self._logger.warning(
                "this host's clock is %s %s LiveChat's, which is the one that counts (%s)",
                timedelta(seconds=abs(off)),
                "ahead of" if off > 0 else "behind",
                f"{date:%Y-%m-%dT%H:%M:%SZ}",
            )
        self.date = date

    def _post(self, url: str, body: bytes, authorization: str) -> Reply:
        def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
            # As requests' own `auth`: what a .netrc file says of the host does not replace it.
            request.headers["Authorization"] = authorization
            return request

        with self._session.post(
            url,
            data=body,
            headers={"X-Region": self._region} if self._region else None,
            auth=sign,
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
            stream=True,
        ) as reply:
            whole = io.BytesIO()  # which gives away its content without a second copy
            for piece in reply.iter_content(_PIECE_BYTES):
                whole.write(piece)
            return Reply(reply.status_code, reply.headers, whole.getvalue())

    def move_to(self, region: str, method: Method) -> None:
        self._region = region
        self._logger.warning(
            "%s: the account lives in region '%s'; set `region` to it to save a request per run",
            method.name,
            region,
        )

    def warn(self, message: str) -> None:
        self._logger.warning(message)

    def _announce(self, method: Method, reply: Reply) -> None:
        """LiveChat announces the end of a version in a header, with a date."""
        for header in ("Legacy", "Deprecation"):
            date = reply.headers.get(header)
            if date and header not in self._announced:
                self._announced.add(header)
                self._logger.warning(
                    "LiveChat announces for %s v%s: %s %s",
                    method.name,
                    method.version or self._version,
                    header,
                    # A header is foreign text.
                    re.sub(r"[^\w:+., -]", "", date)[:40],
                )


class _Attempt:
    """The tries of one call; what may be done only once is remembered here."""

    def __init__(
        self, client: Client, method: Method, body: bytes, decode: Callable[[bytes], Any]
    ) -> None:
        self._client = client
        self._method = method
        self._body = body
        self._decode = decode
        self._renewed = False
        self._redirected = False

    def __call__(self) -> Any:
        while True:
            authorization = self._client.authenticator.authorization()
            reply = self._client.send(self._method, self._body, authorization)
            if reply.status == HTTPStatus.OK:
                try:
                    return self._decode(reply.body)
                except UNREADABLE as error:
                    if _error_of(reply.body)[0] is None:
                        raise RetryableError(_what_is_wrong(error)) from None
            self._judge(reply, authorization)

    def _judge(self, reply: Reply, authorization: str) -> None:
        """Raise, unless the same request may be sent again at once."""
        error_type, region = _error_of(reply.body)
        judged = verdict(reply.status, error_type)
        what = error_type or f"HTTP {reply.status}"
        if judged in {Verdict.RETRY, Verdict.THROTTLED}:
            seconds = retry_after_seconds(reply.headers.get("Retry-After"), datetime.now(UTC))
            if seconds is not None and seconds > LONGEST_RETRY_AFTER_SECONDS:
                raise UnavailableError(
                    f"{self._method.name}: LiveChat asks to wait {seconds:.0f} s ({what}); "
                    "run again later"
                )
            failure = ThrottledError if judged is Verdict.THROTTLED else RetryableError
            raise failure(f"LiveChat answers {what}", seconds)
        if judged is Verdict.RENEW and not self._renewed:
            self._renewed = True
            if self._client.authenticator.renew(authorization):
                return
        if judged is Verdict.REDIRECT and region and not self._redirected:
            self._redirected = True
            self._client.move_to(region, self._method)
            return
        raise self._final(judged, what, region)

    def _final(self, judged: Verdict, what: str, region: str | None) -> LiveChatError:
        name = self._method.name
        if judged is Verdict.RENEW:
            return AuthenticationError(
                f"{name}: LiveChat rejects the credentials ({what}): check account_id and "
                "personal_access_token, or access_token; the token may be expired or revoked"
            )
        if judged is Verdict.SCOPE:
            return ScopeError(
                f"{name}: the token may not do this ({what}): it needs the scope "
                f"{self._method.scope}; make a token with it in LiveChat's Developer Console"
                + (f". If it has that: {NO_CDP}" if self._method.api == "cdp" else "")
            )
        if judged is Verdict.REDIRECT:
            return RefusedError(
                f"{name}: LiveChat sends us from region to region ({region or 'none named'}): "
                "check the setting region"
            )
        advice = ADVICE.get(what, "check api_url, cdp_url and api_version")
        if self._method.api == "cdp" and what not in ADVICE:
            advice = f"{NO_CDP}, and check cdp_url"
        return RefusedError(f"{name}: LiveChat refuses the request ({what}): {advice}")


def _was_not_sent(error: requests.RequestException) -> bool:
    """Whether LiveChat never saw the request: the reason is inside of what requests made of it."""
    inner: Any = error.args[0] if error.args else None
    return isinstance(getattr(inner, "reason", inner), _NOT_SENT)


class _Error(msgspec.Struct):
    error: Any = None


# Made on import, before there are threads: msgspec 0.22 crashes (signal 11) where two threads are
# the first to decode to the same Struct.
_ERROR = msgspec.json.Decoder(_Error)


def _error_of(body: bytes) -> tuple[str | None, str | None]:
    """`error.type` and `error.data.region`; None where the body is HTML, or a CDP's plain text."""
    try:
        error = _ERROR.decode(body).error
    except UNREADABLE:
        return None, None
    if not isinstance(error, dict):
        return None, None
    # Both go into messages: only what looks like a name is taken.
    data = error.get("data")
    region = data.get("region") if isinstance(data, dict) else None
    return _name_or_none(error.get("type")), _name_or_none(region)


def _what_is_wrong(error: Exception) -> str:
    if isinstance(error, msgspec.ValidationError):
        return "the reply is not of the documented form"
    return "the reply is no whole JSON"


def _name_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and re.fullmatch(r"[\w-]{1,40}", value) else None
