"""What no source answers about Marketo's calls and people."""

from __future__ import annotations

from tests.sandbox.faults import Fault
from tests.sandbox.questions import EITHER, Question, option, struck


def _late(seconds: float) -> Fault:
    return Fault(what="late", calls=("sync",), seconds=seconds, at=(1, 3))


def _system_error(*, applied: bool) -> Fault:
    return Fault(what="answer", code="611", calls=("sync",), applied=applied, at=(1, 3))


MARKETO = (
    Question(
        "same_key_twice",
        "One e-mail twice in a sync: two people, the last one, or an error?",
        "marketo 2.2, 8",
        option("same_key_twice", "create_twice", "last_wins", "error_1036"),
    ),
    Question(
        "too_long",
        "Which code has a text that is too long, or is it cut?",
        "marketo 2.2, 8",
        option("too_long", "1003", "1077", "truncate"),
    ),
    Question(
        "text_measure",
        "Is a text measured in characters, UTF-16 units or bytes?",
        "marketo 2.3, 8",
        option("text_measure", "characters", "utf16", "bytes"),
    ),
    Question(
        "company_fields",
        "Does a sync of people write company fields?",
        "marketo 0.9, 8",
        option("company_fields", "1021", "accepted"),
    ),
    Question(
        "unknown_field_level",
        "Does an unknown field refuse its row or the whole sync?",
        "marketo 2.2, 8",
        option("unknown_field_level", "record", "response"),
    ),
    Question(
        "unknown_lookup_field",
        "Which code refuses a lookup that asks for an unknown field?",
        "marketo 2.1, 2.2, 8",
        option("unknown_lookup_field", "1003", "1006"),
    ),
    Question(
        "read_only_field",
        "Does a read-only field refuse its row, the whole sync, or nothing?",
        "marketo 2.2, 8",
        option("read_only_field", "record", "response", "ignore"),
    ),
    Question(
        "empty_string",
        'Does "" clear a field of a person, or is it stored?',
        "marketo 2.2, 8",
        option("empty_string", "clears", "stores"),
    ),
    Question(
        "four_bytes",
        "Are characters of four bytes stored?",
        "marketo 2.2",
        option("four_bytes", "store", "1003", "replace"),
    ),
    Question(
        "escaped_comma",
        "Can a comma in a filter value be escaped?",
        "marketo 0.14, 8",
        option("escaped_comma", "parts", "kept"),
    ),
    Question(
        "custom_key_case",
        "Is a lookup by a custom field sensitive to case?",
        "marketo 8",
        option("custom_key_case", "ignored", "kept"),
    ),
    Question(
        "blocked_field",
        "Does a blocked field give any signal?",
        "marketo 0.8, 8",
        option("blocked_field", "silent", "warning", "1003"),
    ),
    Question(
        "lookup_lag",
        "Does a lookup find at once whom a sync has created?",
        "marketo 2.1",
        option("lookup_lag", 0.0, 3.0),
    ),
    Question(
        "carried_out_611",
        "Was a call that is answered 611 carried out?",
        "governor 0",
        struck(
            "611",
            not_carried_out=_system_error(applied=False),
            carried_out=_system_error(applied=True),
        ),
    ),
    Question(
        "rejected_calls_count",
        "Do calls refused with 606, 607 or 615 count?",
        "marketo 8, governor 1.5, 7.1",
        option("rejected_calls_count", *EITHER),
    ),
    Question(
        "window_counts",
        "Does a call count in the window from its arrival or from its end?",
        "governor 7.1",
        option("window_counts", "arrival", "reply"),
    ),
    Question(
        "server_time_out",
        "How long may the server be at work on a call? (the client waits 1 s here)",
        "governor 7.1",
        struck("ends after", **{"0.8 s": _late(0.8), "1.4 s": _late(1.4)}),
    ),
    Question(
        "describe_lag",
        "How long does describe tell of a field that has gone, or not of one that was made?",
        "marketo 8, none tells",
        option("describe_lag", 0.0, 120.0),
    ),
    Question(
        "usage_age",
        "How old are the figures of the usage call?",
        "governor 7.1",
        option("usage_age", 0.0, 3600.0),
    ),
    Question(
        "quota_zone",
        "Does the quota's midnight move with summer time?",
        "marketo 4, 8, governor 7.3",
        option("quota_zone", "chicago", "cst"),
    ),
    Question(
        "identity_form",
        "Does the identity endpoint read a form in the body?",
        "marketo 1, governor 7.2",
        option("identity_form", "read", "ignore"),
    ),
    Question(
        "query_token",
        "When does the token in the address end?",
        "marketo 0.19, 1",
        option("query_token", "refuse", "accept"),
    ),
    Question(
        "bulk_import",
        "What do an empty cell and `null` mean in a bulk import, and which of two rows wins?",
        "marketo 2.9, 8",
        no_switch="the target does not use the bulk import, because of this",
    ),
)
