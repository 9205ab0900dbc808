"""Is it worth another try, and when? Pure decisions; `client` acts on them.

A reply is judged by `error.type` first and by its status second, since LiveChat documents no
statuses and gateways answer in HTML.

    RETRY      too_many_requests, internal, request_timeout, service_unavailable, 408, 429, 5xx,
               resets, time-outs, bodies that are not (whole) JSON: up to `MAX_TRIES` in all
    RENEW      authentication: once more if there is another token
    REDIRECT   misdirected_request: once more with the region that LiveChat names
    SCOPE      the token may not
    REFUSED    final, with advice by type
"""

from __future__ import annotations

import itertools
import random
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator

MAX_TRIES = 6
LONGEST_BACKOFF_SECONDS = 30.0
# Longer than this an hourly run had better end and come again.
LONGEST_RETRY_AFTER_SECONDS = 300.0


class Verdict(Enum):
    RETRY = auto()
    RENEW = auto()
    REDIRECT = auto()
    SCOPE = auto()
    REFUSED = auto()


VERDICTS = {
    "too_many_requests": Verdict.RETRY,
    "internal": Verdict.RETRY,
    "request_timeout": Verdict.RETRY,
    "service_unavailable": Verdict.RETRY,
    "authentication": Verdict.RENEW,
    "misdirected_request": Verdict.REDIRECT,
    "authorization": Verdict.SCOPE,
    "missing_access": Verdict.SCOPE,
    "license_expired": Verdict.REFUSED,
    "license_not_found": Verdict.REFUSED,
    "unsupported_version": Verdict.REFUSED,
    "wrong_product_version": Verdict.REFUSED,
    "validation": Verdict.REFUSED,
    "entity_too_large": Verdict.REFUSED,
    "limit_reached": Verdict.REFUSED,
    "not_found": Verdict.REFUSED,
}
NO_CDP = (
    "only accounts with the Text App have a Customer Data Platform; for others set visitor_source "
    "to archives"
)
ADVICE = {
    "license_expired": "renew the LiveChat subscription",
    "license_not_found": "check account_id and the token: they belong to no LiveChat licence",
    "unsupported_version": "LiveChat has switched this version off: set api_version, or another "
    "visitor_source",
    "wrong_product_version": "the account's plan has no such API: set another visitor_source",
    "limit_reached": "the plan's limit is reached: set a later start_date",
    "not_found": "check api_url and api_version, or set another visitor_source",
    "validation": "check start_date, group_ids and page_size; if they are right, report this",
}


def verdict(status: int, error_type: str | None) -> Verdict:
    known = VERDICTS.get(error_type or "")
    if known is not None:
        return known
    if status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}:
        return Verdict.RETRY
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Verdict.RETRY
    if status == HTTPStatus.UNAUTHORIZED:
        return Verdict.RENEW
    return Verdict.SCOPE if status == HTTPStatus.FORBIDDEN else Verdict.REFUSED


class RetryableError(Exception):
    """Worth another try; `retry_after` in seconds if LiveChat said so."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


def waits() -> Generator[float, Any, None]:
    """Seconds to wait before each next try; `backoff` sends in what went wrong."""
    failure = yield 0.0
    for attempt in itertools.count():
        if isinstance(failure, RetryableError) and failure.retry_after is not None:
            # A little more than asked: many clients were told the same.
            failure = yield failure.retry_after + random.uniform(0.0, 0.25)  # noqa: S311 - no secret
        else:
            ceiling = min(2.0**attempt, LONGEST_BACKOFF_SECONDS)
            failure = yield random.uniform(ceiling / 2, ceiling)  # noqa: S311 - no secret


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """The header's seconds or date; None for nothing or nonsense."""
    if not header:
        return None
    if re.fullmatch(r"\d{1,9}(\.\d+)?", header.strip()):
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - now).total_seconds(), 0.0)
