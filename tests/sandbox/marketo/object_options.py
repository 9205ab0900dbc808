"""What can be set about the objects around a person: activities, lists, programs, custom objects.

A part of `Options`. What is in Marketo before anybody calls comes first, then the API user's role
and what the subscription lacks, then the open questions (`tests/sandbox/questions/objects.py`).
"""

from __future__ import annotations

from typing import Literal

import msgspec

AttributeType = Literal[
    "string",
    "boolean",
    "integer",
    "float",
    "link",
    "email",
    "currency",
    "date",
    "datetime",
    "phone",
    "text",
]

# Adobe, "Custom services": what a role can hold, as far as these calls ask for it.
Permission = Literal[
    "Read-Only Activity",
    "Read-Write Activity",
    "Read-Only Activity Metadata",
    "Read-Write Activity Metadata",
    "Read-Only Lead",
    "Read-Write Lead",
    "Read-Only Asset",
    "Read-Write Asset",
    "Read-Only Campaign",
    "Read-Write Campaign",
    "Read-Only Custom Object",
    "Read-Write Custom Object",
    "Read-Only Custom Object Type",
    "Read-Write Custom Object Type",
    "Read-Write Schema Standard Field",
    "Read-Write Schema Custom Field",
]
Feature = Literal["activities", "lists", "programs", "custom_objects", "extracts", "lead_fields"]


class Attribute(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    api_name: str
    name: str = ""  # the display name; without it, the API name
    data_type: AttributeType = "string"


class ActivityType(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A custom activity type; `draft` ones were never approved."""

    api_name: str
    name: str = ""
    primary: Attribute = Attribute(api_name="primary", name="Primary")
    attributes: tuple[Attribute, ...] = ()
    draft: bool = False


class StaticList(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A static list, in Group Lists or in a program."""

    name: str
    program: str = ""


class Status(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a member of a program can have reached; the greater the step, the further."""

    name: str
    step: int
    success: bool = False
    hidden: bool = False


class Channel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: str
    statuses: tuple[Status, ...]


class Program(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: str
    channel: str


class ObjectField(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A field of a custom object. `links_to` is a field of a lead, such as `id`."""

    name: str
    data_type: AttributeType = "string"
    dedupe: bool = False
    links_to: str = ""


class CustomObject(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An approved type of custom object."""

    name: str
    fields: tuple[ObjectField, ...]


LIVE_CHAT = Channel(
    name="Live Chat",
    statuses=(
        Status(name="Not in Program", step=0),
        Status(name="Visited", step=10),
        Status(name="Chatted", step=20),
        Status(name="Declined", step=20),
        Status(name="Engaged", step=30, success=True),
        Status(name="Archived", step=40, hidden=True),
    ),
)


class ObjectOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Times are seconds. The first value of a switch is what documents suggest, or the milder."""

    activity_types: tuple[ActivityType, ...] = ()
    static_lists: tuple[StaticList, ...] = ()
    channels: tuple[Channel, ...] = (LIVE_CHAT,)
    programs: tuple[Program, ...] = ()
    custom_objects: tuple[CustomObject, ...] = ()
    campaigns: tuple[str, ...] = ()  # active ones, by name

    # What the API user's role does not hold (603).
    denied_permissions: tuple[Permission, ...] = ()
    # What the subscription lacks, and the code that says so: 616, 703 or 1026.
    missing_features: dict[Feature, str] = {}

    made_lag: float = 0.0  # an activity type or a list shows only so long after it was made

    # --- activities ---
    activity_id: Literal["unique", "absent", "repeated"] = "unique"
    date_without_zone: Literal["utc", "instance", "1003"] = "utc"
    date_in_future: Literal["accept", "1003"] = "accept"
    date_too_old: Literal["accept", "1003", "purge"] = "purge"  # more than 25 months
    date_with_fraction: Literal["accept", "1003"] = "accept"
    unknown_attribute: Literal["1006", "ignore", "response_1006"] = "1006"
    unknown_activity_type: Literal["1003", "1013", "response_1003", "response_1013"] = "1003"
    wrong_attribute_type: Literal["1003", "store_text"] = "1003"
    long_attribute: Literal["1003", "truncate", "store"] = "1003"  # a string above 255
    null_attribute: Literal["ignore", "1003"] = "ignore"
    no_attributes: Literal["accept", "1002"] = "accept"
    blank_primary: Literal["accept", "1002"] = "accept"
    discard_without_draft: Literal["1048", "1003"] = "1048"
    # Reading back.
    activity_lag: float = 0.0  # an activity shows only so long after it was added
    activity_token: Literal["activity_date", "inserted"] = "activity_date"
    activity_scan: int = 1000  # how many entries of the log one page looks at
    activity_empty_result: Literal["present", "missing"] = "present"
    activity_attribute_names: Literal["display", "both"] = "display"
    large_list: Literal["accept", "1003"] = "accept"  # as `listId` of a reading
    large_list_members: int = 10_000

    # --- fields of leads ---
    # What the name of a field that is there is answered: the call, or its row.
    lead_field_taken: Literal["response_1017", "row_1017"] = "response_1017"

    # --- lists ---
    list_added_again: Literal["added", "skipped", "skipped_1017"] = "added"

    # --- programs ---
    equal_step: Literal["updated", "1037"] = "updated"
    unknown_status_level: Literal["response", "row"] = "response"
    skipped_member_lead_id: Literal["absent", "present"] = "absent"
    same_member_twice: Literal["each", "1036"] = "each"
    not_in_program: Literal["accept", "1025", "1003"] = "1025"
    unknown_program: Literal["1013", "1003"] = "1013"
    acquired_by_updateable: bool = True
    status_reason_updateable: bool = True
    unknown_member_field: Literal["1006", "response_1006"] = "1006"

    # --- custom objects ---
    link_to_nobody: Literal["1004", "accept"] = "1004"
    link_to_several: Literal["1004", "first", "random"] = "1004"
    unknown_object: Literal["1013", "610", "1003"] = "1013"

    # --- bulk extracts ---
    extract_seconds: float = 0.0  # a job is ready only so long after it was queued
    extract_daily_bytes: int = 500_000_000
    extract_updated_at: Literal["accept", "1035"] = "accept"  # the filters some lack
    extract_early_file: Literal["404", "1003"] = "404"  # a file that is not ready
    extract_cancelled: Literal["Cancelled", "Canceled"] = "Cancelled"
