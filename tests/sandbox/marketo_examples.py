"""Objects that somebody made in the sandbox's Marketo, as options, and bodies that use them."""

from __future__ import annotations

from typing import Any

CHAT = {
    "api_name": "livechatChat",
    "name": "Chat on LiveChat",
    "primary": {"api_name": "topic", "name": "Topic"},
    "attributes": (
        {"api_name": "threadId", "name": "Thread ID"},
        {"api_name": "durationSeconds", "name": "Duration", "data_type": "integer"},
        {"api_name": "rated", "name": "Was Rated", "data_type": "boolean"},
        {"api_name": "transcript", "name": "Transcript", "data_type": "text"},
    ),
}
CHAT_ID = 100_001  # the first type's
DRAFT = {"api_name": "livechatDraft", "name": "Chat that is no type yet", "draft": True}
CHAT_OBJECT = {
    "name": "livechatChat_c",
    "fields": (
        {"name": "threadId", "dedupe": True},
        {"name": "leadId", "links_to": "id"},
        {"name": "leadEmail", "links_to": "email"},
        {"name": "rating"},
        {"name": "durationSeconds", "data_type": "integer"},
    ),
}
EXAMPLES: dict[str, Any] = {
    "activity_types": (CHAT, DRAFT),
    "static_lists": ({"name": "LiveChat visitors"}, {"name": "Visitors", "program": "LiveChat"}),
    "programs": ({"name": "LiveChat", "channel": "Live Chat"},),
    "custom_objects": (CHAT_OBJECT,),
}
CHAT_DATE = "2026-11-27T10:15:00Z"


def chat(lead: int, thread: str = "T1", **changes: Any) -> dict[str, Any]:
    """The row of one activity."""
    return {
        "leadId": lead,
        "activityDate": CHAT_DATE,
        "activityTypeId": CHAT_ID,
        "primaryAttributeValue": "Sales",
        "attributes": [
            {"apiName": "threadId", "value": thread},
            {"apiName": "durationSeconds", "value": 312},
        ],
        **changes,
    }


def with_attribute(lead: int, name: str, value: Any) -> dict[str, Any]:
    """The row of an activity with one more attribute."""
    row = chat(lead)
    return row | {"attributes": [*row["attributes"], {"apiName": name, "value": value}]}
