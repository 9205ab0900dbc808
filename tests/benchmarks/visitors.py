"""Visitors as tap-livechat writes them, for the target to read."""

from __future__ import annotations

import json
from typing import IO, Any

from tap_livechat.records import schemas

STATE_EVERY = 1_000

_NUMBER = "%%%%%%%"
_VISITOR: dict[str, Any] = {
    "visitor_id": f"b7eff798-f8df-4364-8059-00000{_NUMBER}",
    "email": f"visitor{_NUMBER}@example.com",
    "email_source": "profile",
    "name": "Thomas Anderson",
    "first_name": "Thomas",
    "last_name": "Anderson",
    "name_is_default": False,
    "phone": None,
    "city": "Wroclaw",
    "region": "Dolnoslaskie",
    "country": "Poland",
    "country_code": "PL",
    "postal_code": None,
    "timezone": "Europe/Warsaw",
    "latitude": 51.1043015,
    "longitude": 17.0335007,
    "ip": "198.51.100.7",
    "user_agent": None,
    "referrer": None,
    "last_page_url": None,
    "last_page_title": None,
    "created_at": "2025-10-11T15:19:21.010200Z",
    "last_activity_at": "2026-01-01T00:00:01.780000Z",
    "last_chat_id": f"C{_NUMBER}",
    "last_thread_id": f"T{_NUMBER}",
    "chats_count": 1,
    "threads_count": 3,
    "visits_count": 6,
    "page_views_count": 20,
    "tags": ["sales"],
    "group_ids": [0],
    "agents": [],
    "session_fields": {},
    "form_answers": {},
}


def write(file: IO[str], people: int, *, visits: int = 1, apart: bool = False) -> None:
    """Writes the messages of so many people, each of whom visits so often, and STATE now and then.

    `apart` puts everybody else's visit between two of a person; otherwise they follow each other.
    """
    schema = schemas.to_schema(schemas.VISITOR, ("visitor_id",))
    head = {"type": "SCHEMA", "stream": "visitors", "schema": schema}
    file.write(json.dumps({**head, "key_properties": ["visitor_id"]}) + "\n")
    record = {"type": "RECORD", "stream": "visitors", "record": _VISITOR}
    line = json.dumps(record, separators=(",", ":")) + "\n"
    for row in range(people * visits):
        file.write(line.replace(_NUMBER, f"{row % people if apart else row // visits:07}"))
        if (row + 1) % STATE_EVERY == 0:
            file.write(f'{{"type":"STATE","value":{{"bookmarks":{{"visitors":{row + 1}}}}}}}\n')
