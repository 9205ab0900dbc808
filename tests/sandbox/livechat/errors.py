"""The API's error types. Statuses are not documented: the table says which ones were seen.

LiveChat docs, "Errors": `{"error": {"type", "message", "data"?}}`. 401 was measured by others,
400, 403 and 429 are what other clients match, the rest is inferred. [facts 3.2]
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec


class Kind(NamedTuple):
    status: int
    message: str


KINDS = {
    "authentication": Kind(401, "Authentication error"),
    "authorization": Kind(403, "Authorization error"),
    "chat_inactive": Kind(422, "Chat inactive"),
    "entity_too_large": Kind(413, "Upload limit exceeded"),
    "internal": Kind(500, "Internal server error"),
    "license_expired": Kind(402, "License expired"),
    "license_not_found": Kind(404, "License not found"),
    "limit_reached": Kind(403, "Limit reached"),
    "misdirected_request": Kind(421, "Wrong region"),
    "missing_access": Kind(403, "Missing access"),
    "not_found": Kind(404, "Not found"),
    "request_timeout": Kind(504, "Request timed out"),
    "service_unavailable": Kind(503, "Service unavailable"),
    "too_many_requests": Kind(429, "Too many requests"),
    "unsupported_version": Kind(400, "Cannot call unsupported API versions."),
    "validation": Kind(400, "Wrong format of request"),
    "wrong_product_version": Kind(403, "Wrong product version"),
}


class ApiError(Exception):
    """A reply that is an error; `kind` is a key of `KINDS`."""

    def __init__(
        self,
        kind: str,
        message: str | None = None,
        *,
        data: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        status: int | None = None,
    ) -> None:
        self.kind = kind
        self.message = message or KINDS[kind].message
        self.status = status or KINDS[kind].status
        self.data = data
        self.headers = headers or {}
        super().__init__(f"{kind}: {self.message}")

    def body(self) -> bytes:
        error: dict[str, Any] = {"type": self.kind, "message": self.message}
        if self.data is not None:
            error["data"] = self.data
        return msgspec.json.encode({"error": error})

    def cdp_body(self) -> bytes:
        """The Customer Data Platform's errors are strings: `{"error": "validation error: …"}`."""
        return msgspec.json.encode(
            {"error": f"{self.kind.replace('_', ' ')} error: {self.message}"}
        )
