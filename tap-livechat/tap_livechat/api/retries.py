"""Is it worth another try, when, and how fast may we go? Pure decisions; `client` acts on them.

A reply is judged by `error.type` first and by its status second, since LiveChat documents no
statuses and gateways answer in HTML.
"""

from __future__ import annotations

import random
import re
import time
from enum import Enum, auto
from http import HTTPStatus
from typing import TYPE_CHECKING

from tap_livechat.errors import (
    AuthenticationError,
    LiveChatError,
    RefusedError,
    ScopeError,
    UnavailableError,
)
from tap_livechat.timestamps import of_header

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tap_livechat.api.methods import Method

MAX_TRIES = 6
LONGEST_BACKOFF_SECONDS = 30.0
# Whatever is refused is billed: a limit is waited for with longer steps, and longer.
LONGEST_THROTTLE_SECONDS = 60.0
PATIENCE_SECONDS = 900.0
# Longer than this an hourly run had better end and come again.
LONGEST_RETRY_AFTER_SECONDS = 300.0
# Of a limit that is lower than this the waits after each refusal are the pace.
SLOWEST_PACE_SECONDS = 15.0
_SLOWER = 2.0
_FASTER = 0.99
_NO_PACE_SECONDS = 0.001
_MANY_REPLIES = 20


class Verdict(Enum):
    THROTTLED = auto()  # slower, as long as `PATIENCE_SECONDS` allows
    RETRY = auto()  # as resets, time-outs and replies that are not whole: `MAX_TRIES` in all
    RENEW = auto()  # once more if there is another token
    REDIRECT = auto()  # once more with the region that LiveChat names
    SCOPE = auto()  # the token may not
    REFUSED = auto()  # final


# By the reply's `error.type`, or else by its status.
VERDICTS: dict[str | int | None, Verdict] = {
    "too_many_requests": Verdict.THROTTLED,
    "internal": Verdict.RETRY,
    "request_timeout": Verdict.RETRY,
    "service_unavailable": Verdict.RETRY,
    "authentication": Verdict.RENEW,
    "misdirected_request": Verdict.REDIRECT,
    "authorization": Verdict.SCOPE,
    "missing_access": Verdict.SCOPE,
    HTTPStatus.TOO_MANY_REQUESTS: Verdict.THROTTLED,
    HTTPStatus.REQUEST_TIMEOUT: Verdict.RETRY,
    HTTPStatus.UNAUTHORIZED: Verdict.RENEW,
    HTTPStatus.FORBIDDEN: Verdict.SCOPE,
}
_NO_CDP = (
    "only accounts with the Text App have a Customer Data Platform; for others set visitor_source "
    "to archives"
)
_UNKNOWN = "check api_url, cdp_url and api_version"
# Refused, whatever the status.
ADVICE = {
    "license_expired": "renew the LiveChat subscription",
    "license_not_found": "check account_id and the token: they belong to no LiveChat licence",
    "unsupported_version": "LiveChat has switched this version off: set api_version, or another "
    "visitor_source",
    "wrong_product_version": "the account's plan has no such API: set another visitor_source",
    "limit_reached": "the plan's limit is reached: set a later start_date",
    "not_found": "check api_url and api_version, or set another visitor_source",
    "entity_too_large": "set a smaller page_size, or fewer group_ids",
    "validation": "check start_date, group_ids and page_size; if they are right, report this",
}


def verdict(status: int, error_type: str | None) -> Verdict:
    if error_type in ADVICE:
        return Verdict.REFUSED
    is_outage = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    unknown = Verdict.RETRY if is_outage else Verdict.REFUSED
    return VERDICTS.get(error_type, VERDICTS.get(status, unknown))


class RetryableError(Exception):
    """Worth another try; `retry_after` in seconds if LiveChat said so."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class ThrottledError(RetryableError):
    """Too many requests. It says nothing of this one, and uses up none of its tries."""


def failure(
    method: Method, judged: Verdict, what: str, region: str | None, asked_seconds: float | None
) -> LiveChatError | RetryableError:
    """Of a verdict, where nothing can be mended at once; `what` was answered."""
    if judged in {Verdict.RETRY, Verdict.THROTTLED}:
        if asked_seconds is None or asked_seconds <= LONGEST_RETRY_AFTER_SECONDS:
            kind = ThrottledError if judged is Verdict.THROTTLED else RetryableError
            return kind(f"LiveChat answers {what}", asked_seconds)
        return UnavailableError(
            f"{method.name}: LiveChat asks to wait {asked_seconds:.0f} s ({what}); run again later"
        )
    if judged is Verdict.RENEW:
        return AuthenticationError(
            f"{method.name}: LiveChat rejects the credentials ({what}): check account_id and "
            "personal_access_token, or access_token; the token may be expired or revoked"
        )
    if judged is Verdict.SCOPE:
        return ScopeError(
            f"{method.name}: the token may not do this ({what}): it needs the scope "
            f"{method.scope}; make a token with it in LiveChat's Developer Console"
            + (f". If it has that: {_NO_CDP}" if method.api == "cdp" else "")
        )
    if judged is Verdict.REDIRECT:
        return RefusedError(
            f"{method.name}: LiveChat sends us from region to region ({region or 'none named'}): "
            "check the setting region"
        )
    unknown = f"{_NO_CDP}, and check cdp_url" if method.api == "cdp" else _UNKNOWN
    return RefusedError(
        f"{method.name}: LiveChat refuses the request ({what}): {ADVICE.get(what, unknown)}"
    )


class Patience:
    """How long one call waits for its next try, and when it gives up."""

    def __init__(self, timer: Callable[[], float] = time.monotonic) -> None:
        self._timer = timer
        self._began = timer()
        self._failures = 0
        self._refusals = 0

    @property
    def tries(self) -> int:
        return self._failures + self._refusals

    def wait(self, failure: RetryableError) -> float | None:
        """Seconds until the next try, or None if there is none left."""
        if isinstance(failure, ThrottledError):
            self._refusals += 1
            is_over = self._timer() - self._began >= PATIENCE_SECONDS
            doublings, longest = self._refusals - 1, LONGEST_THROTTLE_SECONDS
        else:
            self._failures += 1
            is_over = self._failures >= MAX_TRIES
            doublings, longest = self._failures - 1, LONGEST_BACKOFF_SECONDS
        if is_over:
            return None
        ceiling = min(2.0**doublings, longest)
        seconds = random.uniform(ceiling / 2, ceiling)  # noqa: S311 - no secret
        if failure.retry_after is None:
            return seconds
        # A little more than asked: many clients were told the same.
        asked = failure.retry_after + random.uniform(0.0, 0.25)  # noqa: S311 - no secret
        # What was asked for before and did not help is waited for no less than our own steps.
        return max(asked, seconds) if doublings else asked


class Pace:
    """The least time between two requests, learned from refusals: LiveChat publishes no limit.

    As fast as replies come until a request is refused; then half as fast as they went since the
    last refusal, and one per cent faster with each reply.
    """

    def __init__(self, timer: Callable[[], float] = time.monotonic) -> None:
        self._timer = timer
        self._gap = 0.0
        self._last = self._since = timer()
        self._replies = 0

    def due(self) -> float:
        """Seconds until the next request may leave."""
        return max(self._last + self._gap - self._timer(), 0.0)

    def sent(self) -> None:
        self._last = self._timer()

    def replied(self) -> None:
        self._replies += 1
        self._gap = self._gap * _FASTER if self._gap > _NO_PACE_SECONDS else 0.0

    def throttled(self) -> None:
        if not self._replies:
            return  # it is still the same refusal
        mean = (self._timer() - self._since) / self._replies
        # The mean has the waits in it. A tenth of it over many replies was no pace to speak of.
        is_pace = self._gap > (mean / 10 if self._replies >= _MANY_REPLIES else 0)
        gap = self._gap if is_pace else mean
        self._gap = min(gap * _SLOWER, SLOWEST_PACE_SECONDS)
        self._since, self._replies = self._timer(), 0


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """The header's seconds or date; None for nothing or nonsense."""
    if not header:
        return None
    if re.fullmatch(r"\d{1,9}(\.\d+)?", header.strip()):
        return float(header)
    moment = of_header(header)
    return None if moment is None else max((moment - now).total_seconds(), 0.0)
