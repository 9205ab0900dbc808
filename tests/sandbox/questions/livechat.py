"""What no source answers about LiveChat."""

from __future__ import annotations

from tests.sandbox.questions import EITHER, Question, option

LIVECHAT = (
    Question(
        "archive_time",
        "Which time do `from` and `to` filter archives by?",
        "livechat 2.4, 7.5",
        option("archive_time", "created_at", "closed_at"),
    ),
    Question(
        "from_inclusive",
        "Is `from` inclusive?",
        "livechat 2.4, 7.5",
        option("from_inclusive", *EITHER),
    ),
    Question(
        "to_inclusive",
        "Is `to` inclusive?",
        "livechat 2.4, 7.5",
        option("to_inclusive", *EITHER),
    ),
    Question(
        "archives_include_active",
        "Are threads that are not closed in the archives?",
        "livechat 2.4",
        option("archives_include_active", *EITHER),
    ),
    Question(
        "threads_of_old",
        "Do old threads still have the forms and variables of their time?",
        "livechat, November 2026",
        option("threads_of_old", *EITHER),
    ),
    Question(
        "archive_lag_seconds",
        "How late does a closed thread come into the archives?",
        "livechat 3.6",
        option("archive_lag_seconds", 0.0, 120.0),
    ),
    Question(
        "paging",
        "Do pages go on after the last row, or after so many rows?",
        "livechat 1.5, 3.6",
        option("paging", "keyset", "offset"),
    ),
    Question(
        "error_status",
        "Which HTTP status has an error?",
        "livechat 3.2, 7.5",
        option("error_status", 0, 400, 422),
    ),
    Question(
        "retry_after_seconds",
        "Does `Too many requests` say how long to wait?",
        "livechat 3.3, 7.5",
        option("retry_after_seconds", None, 1.0),
    ),
    Question(
        "unknown_action_error",
        "Which type of error has an action that a version does not know?",
        "livechat 7.4",
        option("unknown_action_error", "not_found", "unsupported_version", "validation"),
    ),
    Question(
        "archives_limit_reached",
        "Is `limit_reached` what a plan answers for archives it does not keep?",
        "livechat 3.4",
        option("archives_limit_reached", *EITHER),
    ),
    Question(
        "two_bound_ranges",
        "May a range have two bounds?",
        "livechat 2.1, 7.5",
        option("two_bound_ranges", *EITHER),
    ),
    Question(
        "include_customers_without_chats",
        "Are customers without chats listed by default?",
        "livechat 2.1, 7.5",
        option("include_customers_without_chats", *EITHER),
    ),
    Question(
        "rate_limit",
        "How many calls a minute are allowed?",
        "livechat 3.3",
        {
            "no limit": {"rate_calls": 0},
            "5 calls in 1 s": {"rate_calls": 5, "rate_seconds": 1.0},
        },
    ),
)
