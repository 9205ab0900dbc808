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
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import requests
import urllib3

from tap_livechat.api.auth import TIMEOUT_SECONDS, unchanged
from tap_livechat.api.replies import UNREADABLE
from tap_livechat.api.retries import (
    Pace,
    Patience,
    RetryableError,
    ThrottledError,
    Verdict,
    failure,
    retry_after_seconds,
    verdict,
)
from tap_livechat.errors import BudgetError, RefusedError, UnavailableError
from tap_livechat.timestamps import clock_error, of_header

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Mapping

    from tap_livechat.api.auth import Authenticator
    from tap_livechat.api.methods import Method

T = TypeVar("T")

# A page in one piece: requests' own pieces are of 10 KB, and each costs as much as reading it.
_PIECE_BYTES = 2**20

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

    def __str__(self) -> str:
        by_method = ", ".join(f"{name} {made}" for name, made in sorted(self.made.items()))
        price = f"${self.dollars:.5f} at ${DOLLARS_PER_1000_REQUESTS:.2f} per 1,000"
        return f"{self.total} ({by_method or 'none'}), {price}"


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
        self._config = config
        self._region: str | None = config.get("region") or None
        self._announced: set[str] = set()
        self._pace = Pace()
        self.date: datetime | None = None  # LiveChat's clock, as of its newest reply
        self._session = requests.Session()
        # Proxies and certificates, as requests finds them: for each method once, not each request.
        self._surroundings = cache(
            lambda url: self._session.merge_environment_settings(url, {}, True, None, None)  # noqa: FBT003 - requests' own
        )
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.auth = unchanged
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
            except RetryableError as error:
                # What a broken connection leaves behind refers to itself, buffers included, and a
                # run looks for such things seldom (`TapLiveChat.invoke`): a thousand take 50 MB.
                gc.collect()
                if isinstance(error, ThrottledError):
                    self._pace.throttled()
                seconds = patience.wait(error)
                if seconds is None:
                    raise UnavailableError(
                        f"{method.name}: {error}, in spite of {patience.tries} tries; "
                        "the next run goes on from the last STATE"
                    ) from None
                self.warn(f"{method.name}: {error}; try {patience.tries + 1} in {seconds:.1f} s")
                time.sleep(seconds)
            else:
                self._pace.replied()
                return answer

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
            reply = self._send(method, body)
            if reply.status == HTTPStatus.OK:
                try:
                    return decode(reply.body)
                except UNREADABLE as error:
                    if _error_of(reply.body)[0] is None:
                        is_json = isinstance(error, msgspec.ValidationError)
                        lacks = "of the documented form" if is_json else "complete JSON"
                        raise RetryableError(f"the reply is not {lacks}") from None
            error_type, region = _error_of(reply.body)
            judged = verdict(reply.status, error_type)
            if judged is Verdict.REDIRECT and region and judged not in mended:
                self._move_to(region, method)
            elif judged is not Verdict.RENEW or judged in mended or not self.authenticator.renew():
                what = error_type or f"HTTP {reply.status}"
                asked = retry_after_seconds(reply.headers.get("Retry-After"), self.now())
                raise failure(method, judged, what, region, asked)
            mended.add(judged)

    def now(self) -> datetime:
        """LiveChat's time: the one of its newest reply; the host's before there is one."""
        return self.date or datetime.now(UTC)

    def _send(self, method: Method, body: bytes) -> Reply:
        """One request. No text of an exception leaves here: it may hold more than it should."""
        headers = {"Authorization": self.authenticator.authorization()}
        if self._region:
            headers["X-Region"] = self._region
        most = self._config.get("max_requests")
        if most is not None and self.count.billed >= most:
            raise BudgetError(f"max_requests: {most} requests were made")
        self.count.made[method.name] += 1
        self._pace.sent()
        began = datetime.now(UTC)
        try:
            reply = self._post(method.url(self._config), body, headers)
        except ValueError:  # of an address, a header, a proxy: it was never sent
            self.count.unbilled += 1
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
        date = of_header(reply.headers.get("Date", ""))
        if date is None:
            return  # then the host's has to do
        # By our clock the reply was made when it says so, or as near to that as it can have been.
        wrong = clock_error(min(max(began, date), datetime.now(UTC)), date)
        if wrong and "Date" not in self._announced:
            self._announced.add("Date")
            self.warn(
                f"this host's clock is {wrong} LiveChat's, which is the one that counts "
                f"({date:%Y-%m-%dT%H:%M:%SZ})"
            )
        self.date = date

    def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        with self._session.send(
            self._session.prepare_request(requests.Request("POST", url, headers, data=body)),
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
            **self._surroundings(url),
        ) as reply:
            whole = io.BytesIO()  # which gives away its content without a second copy
            for piece in reply.iter_content(_PIECE_BYTES):
                whole.write(piece)
            return Reply(reply.status_code, reply.headers, whole.getvalue())

    def _move_to(self, region: str, method: Method) -> None:
        self._region = region
        self.warn(
            f"{method.name}: the account lives in region '{region}'; set `region` to it to save a "
            "request per run"
        )

    def warn(self, message: str) -> None:
        self._logger.warning(message)

    def _announce(self, method: Method, reply: Reply) -> None:
        """LiveChat announces the end of a version in a header, with a date."""
        for header in ("Legacy", "Deprecation"):
            date = reply.headers.get(header)
            if date and header not in self._announced:
                self._announced.add(header)
                version = method.version or self._config["api_version"]
                # A header is foreign text.
                told = re.sub(r"[^\w:+., -]", "", date)[:40]
                self.warn(f"LiveChat announces for {method.name} v{version}: {header} {told}")


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


def _name_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and re.fullmatch(r"[\w-]{1,40}", value) else None
