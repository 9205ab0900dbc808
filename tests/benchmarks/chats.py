"""Calls for chats that go onto timelines, into a list and into a program.

    python -m tests.benchmarks.chats

10,000 chats of 6,000 people who are new to Marketo, in pages of 100 as the tap writes them: the
page's visitors, then its chats. The sandbox counts calls by kind and has no latency, so the speed
of the machine plays no part. What a call carries makes a floor of 114: for people 20 lookups and 20
creations, for activities 34, for the list 20, for the program 20. Above it a run asks what the type
has, by a token and a page; the first of a store also for the type and its attributes, the list, the
program and its channel. Those for the description and the use of the day are left out, as in
`target_marketo.py`.

A person's chats may be on one page, or anywhere: whoever comes again within a minute and says
nothing new is not looked up again.
"""

from __future__ import annotations

import json
import random
import tempfile
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import IO, Any

from tap_livechat.records import schemas
from tests.benchmarks.figures import Figure, note
from tests.benchmarks.table import Table
from tests.benchmarks.target_marketo import OURS, Bench, settings_of
from tests.sandbox.marketo.client import MarketoSandbox
from tests.sandbox.marketo_examples import EXAMPLES

CHATS, PEOPLE, ROWS, PAGE = 10_000, 6_000, 300, 100
FLOOR = 4 * ceil(PEOPLE / ROWS) + ceil(CHATS / ROWS)
READING, FINDING = 2, 5
_OF_A_PAGE = PEOPLE * PAGE // CHATS
STREAMS = {
    "visitors": {
        "key": "email",
        "fields": {"email": "email", "lastName": {"from": "last_name", "write": "if_empty"}},
        "lists": ["LiveChat visitors"],
    },
    "chats": {
        "key": "email",
        "create": False,
        "programs": {"LiveChat": "Engaged"},
        "activity": {
            "type": "livechatChat",
            "once": "thread_id",
            "since": "everything",
            "date": "created_at",
            "primary": {"from": "topic", "otherwise": "Chat"},
            "attributes": {"threadId": "thread_id"},
        },
    },
}
_KINDS = ("lookup", "sync", "add_activities", "add_to_list", "member_status")
_FIRST = datetime(2026, 11, 1, tzinfo=UTC)


def write(file: IO[str], *, apart: bool, begin: int) -> None:
    """The messages of a tap; chats and people are numbered from `begin` on."""
    draw = random.Random(1)
    people: list[int] = []
    for first in range(0, PEOPLE, _OF_A_PAGE):  # some chat once, others several times
        of_page = range(first, first + _OF_A_PAGE)
        people += [*of_page, *draw.choices(of_page, k=PAGE - _OF_A_PAGE)]
    if apart:
        draw.shuffle(people)
    for stream, key, fields in (
        ("visitors", "visitor_id", schemas.VISITOR),
        ("chats", "thread_id", schemas.CHAT),
    ):
        schema = schemas.to_schema(fields, (key,))
        _write(file, type="SCHEMA", stream=stream, schema=schema, key_properties=[key])
    numbered = [(begin + number, begin + person) for number, person in enumerate(people)]
    for page in range(0, CHATS, PAGE):
        chats = numbered[page:][:PAGE]
        for person in dict.fromkeys(person for _, person in chats):
            _record(file, "visitors", _visitor(person))
        for number, person in chats:
            _record(file, "chats", _chat(number, person))
        _write(file, type="STATE", value={"bookmarks": {"chats": {"page": page}}})


def _visitor(person: int) -> dict[str, Any]:
    return {"visitor_id": f"V{person}", "email": _email(person), "last_name": f"No. {person}"}


def _chat(number: int, person: int) -> dict[str, Any]:
    return {
        "thread_id": f"T{number}",
        "email": _email(person),
        "created_at": (_FIRST + timedelta(minutes=number)).isoformat(),
        "topic": "pricing",
        "active": False,
    }


def _email(person: int) -> str:
    return f"visitor{person}@example.com"


def _record(file: IO[str], stream: str, record: dict[str, Any]) -> None:
    _write(file, type="RECORD", stream=stream, record=record)


def _write(file: IO[str], **message: Any) -> None:
    file.write(json.dumps(message) + "\n")


def run(folder: Path) -> None:
    """Delivers them in both orders, each time with a new store and then once more with that one."""
    print(f"{CHATS:,} chats of {PEOPLE:,} people; floor {FLOOR}")
    table = Table("calls", *_KINDS, "others", first=36)
    path = folder / "chats.jsonl"
    for apart, order in ((False, "on one page"), (True, "anywhere")):
        totals = []
        with MarketoSandbox(
            # How much of its log Marketo looks at for one page is an open question.
            **{**EXAMPLES, "rate_calls": 100, "rate_seconds": 1.0, "activity_scan": 1_000_000}
        ) as marketo:
            bench = Bench(folder, settings_of(marketo))
            settings = {
                "rate_limit_calls": 100,
                "rate_limit_seconds": 1,
                "store_url": f"sqlite:///{folder / order}.sqlite",
                "streams": STREAMS,
            }
            for name, begin in (("first run", 0), ("the next", CHATS)):
                with path.open("w", encoding="utf-8") as file:
                    write(file, apart=apart, begin=begin)
                marketo.reset_counts()
                bench.run(OURS, ["cat", str(path)], settings)
                counts = marketo.counts()
                assert counts.rows["add_activities"] == {"added": CHATS}
                calls = {
                    kind: number
                    for kind, number in counts.calls.items()
                    if kind not in {"identity", "usage", "describe"}
                }
                total = sum(calls.values())
                totals.append(total)
                known = [calls.pop(kind) for kind in _KINDS]
                table.row(f"{order}, {name}", *map(str, (total, *known, sum(calls.values()))))
        first, later = totals
        note(
            Figure(
                what=f"calls for {CHATS:,} chats of {PEOPLE:,} people with activity, list and "
                f"status, a person's chats {order}",
                ours=f"{later}, first run {first}",
                goal=f"{FLOOR + READING}, first run {FLOOR + READING + FINDING}",
            )
        )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder))


if __name__ == "__main__":
    main()
