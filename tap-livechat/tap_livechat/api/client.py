"""One call of LiveChat's Web API: send, judge, try again or raise, and count what it costs.

What comes back is judged in `retries`.
Every request is billed, failed ones too, HTTP 500 alone excepted (LiveChat: "API pricing").
"""

from __future__ import annotations

import gc
import io
import re
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import requests
import urllib3

from tap_livechat.api.auth import Signature
from tap_livechat.api.replies import UNREADABLE
from tap_livechat.api.retries import (
    Pace,
    Patience,
    RetryableError,
    ThrottledError,
    Verdict,
    again_later,
    final,
    retry_after_seconds,
    verdict,
)
from tap_livechat.errors import BudgetError, RefusedError, UnavailableError
from tap_livechat.timestamps import CLOCK_TOLERANCE

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
# Where the connection was never made. Any other request may have been answered, and billed.
_NOT_SENT = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.ProxyError,
    urllib3.exceptions.SSLError,
)


class RequestCount:
    """Requests made in this run, by method, and those that LiveChat does not bill."""

    def __init__(self) -> None:
        self.made = Counter[str]()
        self.unbilled = 0

    @property
    def total(self) -> int:
        return self.made.total()

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
        self._api_url = config["api_url"].rstrip("/")
        self._cdp_url = config["cdp_url"].rstrip("/")
        self._version = config["api_version"]
        self._most: int | None = config.get("max_requests")
        self._region: str | None = config.get("region") or None
        self._announced: set[str] = set()
        self._pace = Pace()
        self.date: datetime | None = None  # LiveChat's clock, as of its newest reply
        self._session = requests.Session()
        # Proxies and certificates, as requests finds them: for each host once, not each request.
        self._surroundings = cache(
            lambda url: self._session.merge_environment_settings(url, {}, True, None, None)  # noqa: FBT003 - requests' own
        )
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

    def call(self, method: Method, payload: Mapping[str, Any], decode: Callable[[bytes], T]) -> T:
        """Send `payload` and decode the reply; `decode` raises `msgspec.DecodeError` for junk.

        Raises:
            LiveChatError: final; one of the errors of `tap_livechat.errors`.
        """
        patience = Patience()
        while True:
            if due := self._pace.due():
                time.sleep(due)
            try:
                answer = self.call_once(method, payload, decode)
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
                f"{method.name}: {failure}, in spite of {patience.tries} tries; "
                "the next run goes on from the last STATE"
            ) from None
        self._logger.warning(
            "%s: %s; try %d in %.1f s", method.name, str(failure), patience.tries + 1, seconds
        )
        time.sleep(seconds)

    def call_once(
        self, method: Method, payload: Mapping[str, Any], decode: Callable[[bytes], T]
    ) -> T:
        """As `call`, without another try later.

        Raises:
            RetryableError: another try may succeed.
        """
        body = msgspec.json.encode(payload)
        mended = set[Verdict]()  # each may be done once
        while True:
            authorization = self.authenticator.authorization()
            reply = self._send(method, body, authorization)
            if reply.status == HTTPStatus.OK:
                try:
                    return decode(reply.body)
                except UNREADABLE as error:
                    if _error_of(reply.body)[0] is None:
                        raise RetryableError(_what_is_wrong(error)) from None
            error_type, region = _error_of(reply.body)
            judged = verdict(reply.status, error_type)
            what = error_type or f"HTTP {reply.status}"
            if judged in {Verdict.RETRY, Verdict.THROTTLED}:
                asked = retry_after_seconds(reply.headers.get("Retry-After"), self.now())
                raise again_later(method, judged, what, asked)
            if judged is Verdict.REDIRECT and region and judged not in mended:
                self._move_to(region, method)
            elif judged is not Verdict.RENEW or judged in mended or not self.authenticator.renew():
                raise final(method, judged, what, region)
            mended.add(judged)

    def now(self) -> datetime:
        """LiveChat's time: the one of its newest reply; the host's before there is one."""
        return self.date or datetime.now(UTC)

    def _send(self, method: Method, body: bytes, authorization: str) -> Reply:
        """One request. No text of an exception leaves here: it may hold more than it should."""
        if self._most is not None and self.count.billed >= self._most:
            raise BudgetError(f"max_requests: {self._most} requests were made")
        base = self._cdp_url if method.api == "cdp" else self._api_url
        self.count.made[method.name] += 1
        self._pace.sent()
        began = datetime.now(UTC)
        try:
            reply = self._post(base, method.path(self._version), body, authorization)
        except (
            requests.exceptions.InvalidHeader,
            requests.exceptions.InvalidSchema,
            requests.exceptions.InvalidURL,
        ):
            self.count.unbilled += 1  # it was never sent
            raise RefusedError(
                f"{method.name}: api_url or cdp_url is not an address, or region not a name"
            ) from None
        except requests.RequestException as error:
            if _was_not_sent(error):
                self.count.unbilled += 1
                what = "LiveChat cannot be reached"
            else:
                what = "no whole reply"
            raise RetryableError(f"{what} ({type(error).__name__})") from None
        if reply.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            self.count.unbilled += 1
        self._announce(method, reply)
        self._look_at_the_clock(reply, began)
        return reply

    def _look_at_the_clock(self, reply: Reply, began: datetime) -> None:
        try:
            date = parsedate_to_datetime(reply.headers["Date"]).astimezone(UTC)
        except (KeyError, ValueError, OverflowError):
            return  # then the host's has to do
        ended = datetime.now(UTC)
        is_right = began - CLOCK_TOLERANCE <= date <= ended + CLOCK_TOLERANCE
        if not (is_right or "Date" in self._announced):
            self._announced.add("Date")
            off = round((ended - date).total_seconds())
            self._logger.warning(
                "this host's clock is %s %s LiveChat's, which is the one that counts (%s)",
                timedelta(seconds=abs(off)),
                "ahead of" if off > 0 else "behind",
                f"{date:%Y-%m-%dT%H:%M:%SZ}",
            )
        self.date = date

    def _post(self, base: str, path: str, body: bytes, authorization: str) -> Reply:
        headers = {"X-Region": self._region} if self._region else None
        request = requests.Request(
            "POST", f"{base}/{path}", headers, data=body, auth=Signature(authorization)
        )
        with self._session.send(
            self._session.prepare_request(request),
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
            **self._surroundings(base),
        ) as reply:
            whole = io.BytesIO()  # which gives away its content without a second copy
            for piece in reply.iter_content(_PIECE_BYTES):
                whole.write(piece)
            return Reply(reply.status_code, reply.headers, whole.getvalue())

    def _move_to(self, region: str, method: Method) -> None:
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


def _was_not_sent(error: requests.RequestException) -> bool:
    """Whether LiveChat never saw the request: the reason is inside of what requests made of it."""
    inner: Any = error.args[0] if error.args else None
    return isinstance(getattr(inner, "reason", inner), _NOT_SENT)


class _Error(msgspec.Struct):
    error: Any = None


def _error_of(body: bytes) -> tuple[str | None, str | None]:
    """`error.type` and `error.data.region`; None where the body is HTML, or a CDP's plain text."""
    try:
        error = msgspec.json.decode(body, type=_Error).error
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
    return "the reply is not complete JSON"


def _name_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and re.fullmatch(r"[\w-]{1,40}", value) else None
