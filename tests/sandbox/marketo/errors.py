"""Marketo's error codes and texts, and the two exceptions that carry them.

Adobe: "Error codes". Texts seen in recorded traffic win over documented ones.
"""

from __future__ import annotations

TEXTS = {
    "600": "Access token is empty",
    "601": "Access token invalid",
    "602": "Access token expired",
    "603": "Access denied",
    "605": "HTTP method not supported",
    "606": "Max rate limit '{}' exceeded with in '{}' secs",
    "607": "Daily quota reached",
    "609": "Invalid JSON",
    "610": "Requested resource not found",
    "612": "Invalid content type",
    "615": "Concurrent access limit '{}' reached",
    "1001": "Invalid value '{}'. Required of type '{}'",
    "1002": "Missing value for the required parameter '{}'",
    "1003": "{}",
    "1004": "Lead not found",
    "1005": "Lead already exists",
    "1006": "Field '{}' not found",
    "1007": "Multiple lead match lookup criteria",
    "1008": "Access denied to partition '{}'",
    "1010": "Partition update not allowed",
    "1011": "Field '{}' not supported",
    "1021": "Company update not allowed during syncLead",
    "1036": "Duplicate object found in input",
    "1077": "Value for field '{}' exceeds max length",
}


class MarketoError(Exception):
    """A code and its text."""

    def __init__(self, code: str, *parts: object, text: str | None = None) -> None:
        self.code = code
        self.message = TEXTS[code].format(*parts) if text is None else text
        super().__init__(f"{code} {self.message}")

    def as_json(self) -> dict[str, str]:
        return {"code": self.code, "message": self.message}


class ResponseError(MarketoError):
    """The whole call is refused: `success` is false, nothing was done."""


class RecordError(MarketoError):
    """One row is skipped, the others of its call are not."""
