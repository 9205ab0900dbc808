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
    "616": "Invalid subscription type",
    "702": "No data found",
    "703": "The requested feature is not enabled",
    "704": "Invalid date format",
    "709": "{}",
    "710": "The requested parent folder was not found",
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
    "1013": "{} not found",
    "1015": "Lead not in list",
    "1017": "Object already exists",
    "1021": "Company update not allowed during syncLead",
    "1025": "Program status not found",
    "1026": "Custom object not enabled",
    "1027": "Maximum number of custom activity types reached",
    "1028": "Maximum number of 20 attributes reached for activity type '{}'",
    "1029": "{}",
    "1035": "Unsupported filter type for target subscription",
    "1036": "Duplicate object found in input",
    "1037": "Lead skipped because it is already in or past this status",
    "1048": "Failed to discard draft of '{}'",
    "1049": "Failed to create activity: the attributes exceed 65536 bytes",
    "1077": "Value for field '{}' exceeds max length",
    "1080": "More than {} leads in one merge",
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
