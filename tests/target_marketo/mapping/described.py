"""Fields that Marketo has, and a setting `streams` of them."""

from __future__ import annotations

from typing import Any

from target_marketo.mapping.field_types import Field

FIELDS = [
    Field("id", "integer", searchable=True),
    Field("email", "email", 255, searchable=True),
    Field("firstName", "string", 255),
    Field("lastName", "string", 255),
    Field("phone", "phone", 255),
    Field("city", "string", 255),
    Field("state", "string", 255),
    Field("country", "string", 255),
    Field("postalCode", "string", 255),
    Field("leadSource", "string", 255),
    Field("company", "string", 255),
    Field("createdAt", "datetime", read_only=True),
    Field("unsubscribed", "boolean"),
    Field("chats", "integer"),
    Field("tags", "text"),
    Field("lastChatAt", "datetime"),
    Field("externalKey", "string", 50, searchable=True),
]


def streams(**fields: Any) -> dict[str, Any]:
    return {"visitors": {"key": "email", "fields": {"email": "email", **fields}}}
