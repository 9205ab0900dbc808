"""What no source answers about the two APIs, and how the sandbox can be set to each answer.

    python -m tests.sandbox.questions        the table, in Markdown

Adobe's and LiveChat's documentation, their specifications and recorded traffic leave these open, so
only a real instance can tell. Each is a switch, and a test runs the real commands at all of its
positions: `tests/target_marketo/test_open_questions.py` for Marketo and
`tests/end_to_end/test_open_questions.py` for LiveChat. What cannot be one says why.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.sandbox.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Positions = dict[str, dict[str, Any]]

_EITHER = (True, False)


@dataclass(frozen=True)
class Question:
    """`source` is the section of the fact files; `positions` are options of the sandbox by name."""

    name: str
    asked: str
    source: str
    positions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    # Why there is no switch.
    no_switch: str = ""


def _option(name: str, *values: Any) -> Positions:
    return {f"{name}={value}": {name: value} for value in values}


def _struck(name: str, **faults: Fault) -> Positions:
    """Positions that are a fault of some calls, not an option."""
    return {
        f"{name}: {position.replace('_', ' ')}": {"faults": (fault,)}
        for position, fault in faults.items()
    }


def _late(seconds: float) -> Fault:
    return Fault(what="late", calls=("sync",), seconds=seconds, at=(1, 3))


def _system_error(*, applied: bool) -> Fault:
    return Fault(what="answer", code="611", calls=("sync",), applied=applied, at=(1, 3))


MARKETO = (
    Question(
        "same_key_twice",
        "One e-mail twice in a sync: two people, the last one, or an error?",
        "marketo 2.2, 8",
        _option("same_key_twice", "create_twice", "last_wins", "error_1036"),
    ),
    Question(
        "too_long",
        "Which code has a text that is too long, or is it cut?",
        "marketo 2.2, 8",
        _option("too_long", "1003", "1077", "truncate"),
    ),
    Question(
        "text_measure",
        "Is a text measured in characters, UTF-16 units or bytes?",
        "marketo 2.3, 8",
        _option("text_measure", "characters", "utf16", "bytes"),
    ),
    Question(
        "company_fields",
        "Does a sync of people write company fields?",
        "marketo 0.9, 8",
        _option("company_fields", "1021", "accepted"),
    ),
    Question(
        "unknown_field_level",
        "Does an unknown field refuse its row or the whole sync?",
        "marketo 2.2, 8",
        _option("unknown_field_level", "record", "response"),
    ),
    Question(
        "unknown_lookup_field",
        "Which code refuses a lookup that asks for an unknown field?",
        "marketo 2.1, 2.2, 8",
        _option("unknown_lookup_field", "1003", "1006"),
    ),
    Question(
        "read_only_field",
        "Does a read-only field refuse its row, the whole sync, or nothing?",
        "marketo 2.2, 8",
        _option("read_only_field", "record", "response", "ignore"),
    ),
    Question(
        "empty_string",
        'Does "" clear a field of a person, or is it stored?',
        "marketo 2.2, 8",
        _option("empty_string", "clears", "stores"),
    ),
    Question(
        "four_bytes",
        "Are characters of four bytes stored?",
        "marketo 2.2",
        _option("four_bytes", "store", "1003", "replace"),
    ),
    Question(
        "escaped_comma",
        "Can a comma in a filter value be escaped?",
        "marketo 0.14, 8",
        _option("escaped_comma", "parts", "kept"),
    ),
    Question(
        "custom_key_case",
        "Is a lookup by a custom field sensitive to case?",
        "marketo 8",
        _option("custom_key_case", "ignored", "kept"),
    ),
    Question(
        "blocked_field",
        "Does a blocked field give any signal?",
        "marketo 0.8, 8",
        _option("blocked_field", "silent", "warning", "1003"),
    ),
    Question(
        "lookup_lag",
        "Does a lookup find at once whom a sync has created?",
        "marketo 2.1",
        _option("lookup_lag", 0.0, 3.0),
    ),
    Question(
        "carried_out_611",
        "Was a call that is answered 611 carried out?",
        "governor 0",
        _struck(
            "611",
            not_carried_out=_system_error(applied=False),
            carried_out=_system_error(applied=True),
        ),
    ),
    Question(
        "rejected_calls_count",
        "Do calls refused with 606, 607 or 615 count?",
        "marketo 8, governor 1.5, 7.1",
        _option("rejected_calls_count", *_EITHER),
    ),
    Question(
        "window_counts",
        "Does a call count in the window from its arrival or from its end?",
        "governor 7.1",
        _option("window_counts", "arrival", "reply"),
    ),
    Question(
        "server_time_out",
        "How long may the server be at work on a call? (the client waits 1 s here)",
        "governor 7.1",
        _struck("ends after", **{"0.8 s": _late(0.8), "1.4 s": _late(1.4)}),
    ),
    Question(
        "usage_age",
        "How old are the figures of the usage call?",
        "governor 7.1",
        _option("usage_age", 0.0, 3600.0),
    ),
    Question(
        "quota_zone",
        "Does the quota's midnight move with summer time?",
        "marketo 4, 8, governor 7.3",
        _option("quota_zone", "chicago", "cst"),
    ),
    Question(
        "identity_form",
        "Does the identity endpoint read a form in the body?",
        "marketo 1, governor 7.2",
        _option("identity_form", "read", "ignore"),
    ),
    Question(
        "query_token",
        "When does the token in the address end?",
        "marketo 0.19, 1",
        _option("query_token", "refuse", "accept"),
    ),
    Question(
        "bulk_import",
        "What do an empty cell and `null` mean in a bulk import, and which of two rows wins?",
        "marketo 2.9, 8",
        no_switch="the target does not use the bulk import, because of this",
    ),
)

LIVECHAT = (
    Question(
        "archive_time",
        "Which time do `from` and `to` filter archives by?",
        "livechat 2.4, 7.5",
        _option("archive_time", "created_at", "closed_at"),
    ),
    Question(
        "from_inclusive",
        "Is `from` inclusive?",
        "livechat 2.4, 7.5",
        _option("from_inclusive", *_EITHER),
    ),
    Question(
        "to_inclusive",
        "Is `to` inclusive?",
        "livechat 2.4, 7.5",
        _option("to_inclusive", *_EITHER),
    ),
    Question(
        "archives_include_active",
        "Are threads that are not closed in the archives?",
        "livechat 2.4",
        _option("archives_include_active", *_EITHER),
    ),
    Question(
        "archive_lag_seconds",
        "How late does a closed thread come into the archives?",
        "livechat 3.6",
        _option("archive_lag_seconds", 0.0, 120.0),
    ),
    Question(
        "paging",
        "Do pages go on after the last row, or after so many rows?",
        "livechat 1.5, 3.6",
        _option("paging", "keyset", "offset"),
    ),
    Question(
        "error_status",
        "Which HTTP status has an error?",
        "livechat 3.2, 7.5",
        _option("error_status", 0, 400, 422),
    ),
    Question(
        "retry_after_seconds",
        "Does `Too many requests` say how long to wait?",
        "livechat 3.3, 7.5",
        _option("retry_after_seconds", None, 1.0),
    ),
    Question(
        "unknown_action_error",
        "Which type of error has an action that a version does not know?",
        "livechat 7.4",
        _option("unknown_action_error", "not_found", "unsupported_version", "validation"),
    ),
    Question(
        "archives_limit_reached",
        "Is `limit_reached` what a plan answers for archives it does not keep?",
        "livechat 3.4",
        _option("archives_limit_reached", *_EITHER),
    ),
    Question(
        "two_bound_ranges",
        "May a range have two bounds?",
        "livechat 2.1, 7.5",
        _option("two_bound_ranges", *_EITHER),
    ),
    Question(
        "include_customers_without_chats",
        "Are customers without chats listed by default?",
        "livechat 2.1, 7.5",
        _option("include_customers_without_chats", *_EITHER),
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


def cases(questions: Iterable[Question]) -> list[tuple[Question, str]]:
    """Each question with each of its positions."""
    return [(question, position) for question in questions for position in question.positions]


def markdown() -> str:
    """The table for a reader."""
    lines = ["| open question | facts | tested at |", "|---|---|---|"]
    for server, questions in (("Marketo", MARKETO), ("LiveChat", LIVECHAT)):
        for question in questions:
            positions = ", ".join(f"`{name}`" for name in question.positions)
            tested = positions or f"not a switch: {question.no_switch}"
            lines.append(f"| {server}: {question.asked} | {question.source} | {tested} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown())
