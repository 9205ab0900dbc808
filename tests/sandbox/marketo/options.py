"""What can be set about the sandbox, at start and while it runs.

The defaults are the real limits. Where Adobe's documentation and recorded traffic leave a question
open, the option names the possible answers, and the target has to survive each of them.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  (msgspec reads the annotations at run time)
from typing import Literal

import msgspec

from tests.sandbox.faults import Fault  # noqa: TC001  (as above)

from .object_options import ObjectOptions

DataType = Literal[
    "string",
    "text",
    "integer",
    "float",
    "boolean",
    "date",
    "datetime",
    "email",
    "phone",
    "url",
    "currency",
    "percent",
    "reference",
    "formula",
]
# Those that the API makes; Adobe's specification: no text area among them.
MadeType = Literal[
    "boolean",
    "currency",
    "date",
    "datetime",
    "email",
    "float",
    "integer",
    "percent",
    "phone",
    "score",
    "string",
    "url",
]


class CustomField(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A field that somebody made in Marketo's Field Management."""

    name: str
    data_type: DataType
    display_name: str = ""
    length: int | None = None
    read_only: bool = False
    # False: the field shows in describe, without the `rest` part that would make it usable.
    rest: bool = True


class Partition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A lead partition."""

    id: int
    name: str
    description: str = ""


class Options(ObjectOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The sandbox's settings; times are seconds. Those of lists, activities and the like stand in
    `object_options.py`.
    """

    # Limits of the instance.
    rate_calls: int = 100
    rate_seconds: float = 20.0
    slots: int = 10
    daily_quota: int = 50_000
    # Whether a call refused with 606, 607 or 615 uses up rate and quota: not documented.
    rejected_calls_count: bool = True
    max_body_bytes: int = 1_000_000
    max_uri_bytes: int = 8192

    # Latency: lognormal, clipped; none at a median of 0. A part of it passes before the call
    # arrives, drawn between the two fractions, so that calls can overtake each other on the way.
    latency_median: float = 0.0
    latency_sigma: float = 0.5
    latency_min: float = 0.0
    latency_max: float = 30.0
    arrival_fraction_min: float = 0.0
    arrival_fraction_max: float = 0.0
    seed: int = 1

    # The clock runs on from this instant; without it, from the present one.
    clock_start: datetime | None = None
    token_lifetime: float = 3600.0
    client_id: str = "sandbox-client"
    client_secret: str = "sandbox-client-secret"
    api_user: str = "api-user@example.com"
    # Kinds of calls that the API user's role does not allow (603).
    denied_calls: tuple[str, ...] = ()

    custom_fields: tuple[CustomField, ...] = ()
    partitions: tuple[Partition, ...] = (Partition(id=1, name="Default"),)
    # People who are in Marketo before anybody calls.
    seed_leads: int = 0
    # Fields under "Block Field Updates": what they hold is silently kept.
    blocked_fields: tuple[str, ...] = ()

    # What goes wrong; see `tests/sandbox/faults.py`. Kinds of calls are those of the journal.
    faults: tuple[Fault, ...] = ()
    # Whether the journal keeps whom each call was about, and what each row of a sync wrote.
    journal_values: bool = False

    # The open questions; where each comes from stands in `tests/sandbox/questions`.
    same_key_twice: Literal["create_twice", "last_wins", "error_1036"] = "create_twice"
    unknown_field_level: Literal["record", "response"] = "record"
    unknown_lookup_field: Literal["1003", "1006"] = "1003"
    too_long: Literal["1003", "1077", "truncate"] = "1003"
    # What a text's limit counts; Adobe's 30,000 of a text field are bytes whatever this says.
    text_measure: Literal["characters", "utf16", "bytes"] = "characters"
    # What a company field of a person's row is answered, or whether it is written.
    company_fields: Literal["1021", "accepted"] = "1021"
    read_only_field: Literal["record", "response", "ignore"] = "record"
    empty_string: Literal["clears", "stores"] = "clears"
    four_bytes: Literal["store", "1003", "replace"] = "store"  # characters such as emoji
    # Whether "\," in the values of a lookup is a comma that does not part them.
    escaped_comma: Literal["parts", "kept"] = "parts"
    custom_key_case: Literal["ignored", "kept"] = "ignored"
    # What a write to a blocked field that holds something is answered.
    blocked_field: Literal["silent", "warning", "1003"] = "silent"
    # A lookup finds a new lead only so many seconds after it was created; a sync does at once.
    lookup_lag: float = 0.0
    # Whether a call that was let in counts from its arrival, or until so long after its reply.
    window_counts: Literal["arrival", "reply"] = "arrival"
    quota_zone: Literal["chicago", "cst"] = "chicago"
    describe_lag: float = 0.0  # describe tells of fields that came or went so many seconds later
    usage_age: float = 0.0  # the usage call answers figures that may be so many seconds old
    identity_form: Literal["read", "ignore"] = "read"  # the credentials in the body of a POST
    query_token: Literal["refuse", "accept"] = "refuse"

    def replaced(self, changes: dict[str, object]) -> Options:
        """These options with some changed; names and types are checked."""
        return msgspec.convert({**msgspec.to_builtins(self), **changes}, Options, strict=True)
