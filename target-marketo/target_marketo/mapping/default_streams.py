"""What people who chat with us become, unless `streams` says otherwise."""

from __future__ import annotations

from typing import Any

DEFAULT_STREAMS: dict[str, Any] = {
    "visitors": {
        "key": "email",
        "fields": {
            "email": "email",
            "firstName": {"from": "first_name", "write": "if_empty", "truncate": True},
            "lastName": {"from": "last_name", "write": "if_empty", "truncate": True},
            "phone": {"from": "phone", "write": "if_empty", "truncate": True},
            "city": {
                "from": "city", "write": "if_empty", "group": "geography", "truncate": True
            },
            "state": {
                "from": "region", "write": "if_empty", "group": "geography", "truncate": True
            },
            "country": {
                "from": "country", "write": "if_empty", "group": "geography", "truncate": True
            },
            "postalCode": {
                "from": "postal_code", "write": "if_empty", "group": "geography", "truncate": True
            },
            "leadSource": {"value": "LiveChat", "write": "on_create"},
        },
    },
}  # fmt: skip

# The other streams of tap-livechat, known by a property that only they have: they make no people.
OTHER_STREAMS = {
    "chats": "thread_id",
    "chat_events": "event_id",
    "agents": "login_status",
    "groups": "agent_priorities",
    "tags": "author_id",
}
