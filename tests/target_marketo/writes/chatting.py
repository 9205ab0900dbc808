"""Streams of chats that become activities, and what of them is in Marketo and in the ledger."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.sandbox.marketo_examples import CHAT_ID
from tests.target_marketo.conftest import record, schema, state

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.marketo.client import MarketoSandbox

ACTIVITY = {
    "type": "livechatChat",
    "once": "thread_id",
    "date": "created_at",
    "since": "everything",
    "primary": {"from": "topic", "otherwise": "Chat"},
    "attributes": {"threadId": "thread_id", "durationSeconds": "seconds", "transcript": "text"},
}
FIELDS = {"email": "email", "firstName": "first_name"}
PROPERTIES = ("email", "first_name", "thread_id", "created_at", "topic", "seconds", "text")
NOW = datetime.now(UTC).replace(microsecond=0)
PEOPLE, CHATS = 6, 12
ADD, READ = "add_activities", "activities"
QUICK = {
    "request_timeout_seconds": 1,
    "rate_limit_seconds": 1,
    "activity_visibility_seconds": 1,
}


def streams(*names: str, **more: Any) -> dict[str, Any]:
    entry = {"key": "email", "fields": FIELDS, "activity": ACTIVITY | more}
    return dict.fromkeys(names or ("chats",), entry)


def when(number: int) -> str:
    return (NOW - timedelta(minutes=number, seconds=7)).isoformat().replace("+00:00", "Z")


def chat(number: int, stream: str = "chats", **values: Any) -> dict[str, Any]:
    name = f"p{number % PEOPLE}"
    own = {
        "first_name": name,
        "thread_id": f"T{number}",
        "created_at": when(number),
        "seconds": number,
    }
    return record(f"{name}@example.com", stream, **own | values)


def messages(*names: str, chats: int = CHATS, **values: Any) -> list[dict[str, Any]]:
    found = names or ("chats",)
    return [
        *(schema(each, PROPERTIES) for each in found),
        *(chat(number, each, **values) for number in range(chats) for each in found),
        state({"done": 1}),
    ]


def wrong(marketo: MarketoSandbox, chats: int = CHATS) -> list[str]:
    """What is not as it should be: each chat once, on the right person, on the right date."""
    names = {int(lead["id"]): lead["firstName"] for lead in marketo.leads()}
    kept = [each for each in marketo.activities() if each["activityTypeId"] == CHAT_ID]
    times = Counter(each["attributes"]["threadId"] for each in kept)
    found = [f"T{n} is there {times[f'T{n}']} times" for n in range(chats) if times[f"T{n}"] != 1]
    for each in kept:
        number = int(each["attributes"]["threadId"][1:])
        if names[each["leadId"]] != f"p{number % PEOPLE}":
            found.append(f"T{number} is of somebody else")
        if each["activityDate"] != when(number):
            found.append(f"T{number} is of another date")
    return found


def states(folder: Path) -> Counter[str]:
    with contextlib.closing(sqlite3.connect(folder / "store.sqlite")) as connection:
        return Counter(row[0] for row in connection.execute("SELECT state FROM activities"))
