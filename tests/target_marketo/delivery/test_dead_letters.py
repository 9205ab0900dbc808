"""Refused records are told, counted, and settled by the commit that stores them."""

from __future__ import annotations

import logging
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from target_marketo.delivery.dead_letters import Rejections
from target_marketo.delivery.entry import Attached, Entry, OpenRecord, Received
from target_marketo.delivery.interface import Attachment
from target_marketo.delivery.settlement import Rejection
from target_marketo.delivery.summary import Summary
from target_marketo.mapping.mapper import Mapper
from target_marketo.mapping.refusals import Refusal, Refused
from target_marketo.mapping.rules import Rule, Rules, Step, Write
from target_marketo.marketo.codes import class_of
from target_marketo.store.database import open_database
from target_marketo.store.error_log import ERRORS, ErrorLog
from tests.target_marketo.delivery.bench import FIELDS, STREAMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from target_marketo.store.database import Database

RULES = Rules((Rule("email", Write.ALWAYS), Rule("city", Write.ALWAYS)))
PLAN = Mapper(STREAMS, FIELDS).plan("visitors", {})
CHATS = Mapper(
    {
        "chats": {
            "fields": {"email": "email"},
            "activity": {
                "type": "chat",
                "once": "thread",
                "date": "at",
                "primary": {"from": "topic", "otherwise": "Chat"},
                "attributes": {"threadId": "thread", "rating": "rating", "topic": "topic"},
            },
        }
    },
    FIELDS,
).plan("chats", {})


class Kind:
    """Notes what it is told of."""

    def __init__(self) -> None:
        self.told: list[list[tuple[str, str]]] = []

    def refused(self, connection: Any, rows: list[tuple[str, str]]) -> None:
        assert connection is not None
        self.told.append(rows)


class Log:
    """A run's rejections and what they write to."""

    def __init__(self, database: Database, run: str = "run-1", **options: Any) -> None:
        self.database = database
        self.settled: list[int] = []
        self.summary = Summary()
        self.kind = Kind()
        self.error_log = ErrorLog(database, run, instance="here")
        self.rejections = Rejections(
            self.error_log,
            self.summary,
            self._settle,
            class_of=class_of,
            kinds=[self.kind],  # type: ignore[list-item]  # what is asked of a kind here
            plans={"visitors": PLAN, "chats": CHATS},
            **options,
        )

    def _settle(self, tickets: Iterable[int]) -> None:
        self.settled += tickets

    def entries(self) -> list[tuple[str, bool]]:
        """Part, and whether it is resolved."""
        query = select(ERRORS.c.part, ERRORS.c.resolved_at).order_by(ERRORS.c.id)
        with self.database.read() as connection:
            return [
                (row.part.partition("#")[0], bool(row.resolved_at))
                for row in connection.execute(query)
            ]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(open_database(f"sqlite:///{tmp_path / 'store.sqlite'}")) as found:
        yield found


@pytest.fixture
def log(database: Database) -> Log:
    return Log(database)


def received(number: int = 1, email: str = "ann@example.com", **values: Any) -> Received:
    part = values.pop("part", "")
    stream = values.pop("stream", "visitors")
    return Received(number, stream, {"email": email, "number": number} | values, number, part)


def rejection(number: int = 1, code: str = "1003", **more: Any) -> Rejection:
    record = more.pop("received", None) or received(number)
    fields: dict[str, Any] = {
        "field": "",
        "advice": "mend it",
        "request_id": "r#1",
        "position": 4,
    } | more
    return Rejection(record, str(record.record["email"]), code, **fields)


def arrived(*records: Received, **values: Any) -> Entry:
    key = str(records[0].record["email"])
    return Entry(
        person=("email", key),
        key=key,
        received=list(records),
        steps=[Step(RULES, {"email": key, **values})],
    )


def attached(record: Received, part: str = "list:VIP", once: str | None = None) -> Attached:
    key = str(record.record["email"])
    what = Attachment("lists", "lane", b"", once, part)
    return Attached(what=what, person=("email", key), key=key, records=[OpenRecord(record, 1, 1)])


def test_records_are_counted_at_once_and_settled_when_they_are_stored(log: Log) -> None:
    log.rejections.take([rejection(1), rejection(2, part="list:VIP", once="T-1"), rejection(3)])
    assert (log.summary.rejected, log.settled) == (2, [])

    log.rejections.store()
    assert log.settled == [1, 2, 3]
    assert log.entries() == [("person", False), ("list:VIP", False), ("person", False)]
    assert log.kind.told == [[("list:VIP", "T-1")]], "in the same transaction"
    log.rejections.store()
    assert log.settled == [1, 2, 3]
    log.rejections.take([rejection(4)])
    log.rejections.store()
    assert log.settled == [1, 2, 3, 4]


def test_a_kind_is_asked_nothing_where_nothing_has_a_key_of_its_own(log: Log) -> None:
    log.rejections.take([rejection(1)])
    log.rejections.store()
    assert log.kind.told == []


@pytest.mark.parametrize("how", ["take", "leave_out"])
def test_five_hundred_are_stored_without_being_asked(log: Log, how: str) -> None:
    notes = getattr(log.rejections, how)
    notes([rejection(each) for each in range(499)])
    assert log.settled == []
    notes([rejection(499)])
    assert log.settled == list(range(500))


def test_a_value_left_out_rejects_nobody_and_is_counted_apart(log: Log) -> None:
    for number in (1, 2):
        log.rejections.leave_out([rejection(number, field="city", part="field:city")])
    log.rejections.store()

    assert (log.summary.rejected, log.settled) == (0, [1, 2])
    assert log.summary.left_out == {("visitors", "1003", "city"): 2}
    assert not log.summary.refusals


def test_a_dry_run_stores_nothing_and_resolves_nothing(database: Database, log: Log) -> None:
    log.rejections.take([rejection()])
    log.rejections.store()
    dry = Log(database, "run-2", stores=False)
    dry.rejections.take([rejection(2)])
    dry.rejections.arrived([arrived(received(3))])
    dry.rejections.store()

    assert dry.settled == [2]
    assert log.entries() == [("person", False)]


def test_the_first_three_of_a_kind_are_shown_and_the_rest_is_counted(
    log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    log.rejections.take([rejection(each, field="city") for each in range(5)])
    log.rejections.take([rejection(9, code="1099", request_id="")])
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]

    assert len(told) == 4
    assert told[0].endswith(
        "of stream visitors: code 1003, field city: mend it (request r#1, position 4)"
    )
    assert told[3].endswith("of stream visitors: code 1099: mend it")
    assert log.summary.refusals == {("visitors", "1003", "city"): 5, ("visitors", "1099", ""): 1}


@pytest.mark.parametrize("run", ["run-1", "run-2"], ids=["of this run", "of an earlier run"])
def test_a_person_who_arrives_resolves_what_is_open_of_them_and_of_nobody_else(
    database: Database, log: Log, run: str
) -> None:
    others = received(2, "bob@example.com")
    elsewhere = received(3, stream="chats")
    log.rejections.take([rejection(1), rejection(received=others), rejection(received=elsewhere)])
    log.rejections.store()
    again = log if run == "run-1" else Log(database, run)
    again.rejections.arrived([arrived(received(4, "cid@example.com"))])
    again.rejections.arrived([arrived(received(5))])
    again.rejections.store()

    assert log.entries() == [("person", True), ("person", False), ("person", False)]


def test_what_was_stored_is_not_stored_again(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    log.rejections.take([rejection(1)])
    log.rejections.store()
    log.rejections.arrived([arrived(received(2))])
    log.rejections.store()
    assert log.entries() == [("person", True)]

    monkeypatch.setattr(log.error_log, "store", lambda *_: pytest.fail("nothing is new"))
    log.rejections.store()


def test_nothing_is_resolved_before_the_commit(log: Log) -> None:
    log.rejections.take([rejection(1)])
    log.rejections.arrived([arrived(received(2))])
    assert log.entries() == []


def test_a_field_that_is_written_after_all_resolves_its_own_entry_alone(log: Log) -> None:
    for name in ("city", "firstName"):
        log.rejections.leave_out([rejection(1, field=name, part=f"field:{name}")])
    log.rejections.take([rejection(1, part="list:VIP"), rejection(1)])
    log.rejections.store()
    log.rejections.arrived([arrived(received(2, city="Rome"), city="Rome")])
    log.rejections.store()

    assert log.entries() == [
        ("field:city", True),
        ("field:firstName", False),
        ("list:VIP", False),
        ("person", True),
    ]


def test_a_field_that_was_left_out_is_waited_for(log: Log) -> None:
    log.rejections.leave_out([rejection(1, field="city", part="field:city")])
    log.rejections.store()
    log.rejections.arrived([arrived(received(2, city="Rome"), city="Rome")])
    log.rejections.store()

    assert log.entries() == [("field:city", True)]


def test_a_field_that_another_record_brought_resolves_nothing(log: Log) -> None:
    log.rejections.leave_out([rejection(1, field="city", part="field:city")])
    log.rejections.store()
    log.rejections.arrived([arrived(received(2), city="Rome")])
    log.rejections.store()

    assert log.entries() == [("field:city", False)]


def test_a_part_that_is_replayed_resolves_no_person(log: Log) -> None:
    log.rejections.take([rejection(1)])
    log.rejections.leave_out([rejection(1, field="city", part="field:city")])
    log.rejections.store()
    log.rejections.arrived([arrived(received(2, city="Rome", part="field:city"), city="Rome")])
    log.rejections.store()

    assert log.entries() == [("person", False), ("field:city", True)]


def test_what_is_attached_after_all_resolves_its_own_entry_alone(log: Log) -> None:
    log.rejections.take(
        [
            rejection(1, part="list:VIP"),
            rejection(1, part="activity:chat", once="T-1"),
            rejection(1, part="activity:chat", once="T-2"),
            rejection(1, part="lists"),
        ]
    )
    log.rejections.store()
    for each in (
        attached(received(2, "bob@example.com")),
        attached(received(3)),
        attached(received(4), "activity:chat", "T-2"),
        attached(received(5), ""),
    ):
        log.rejections.attached(each)
    log.rejections.store()

    assert log.entries() == [
        ("list:VIP", True),
        ("activity:chat", False),
        ("activity:chat", True),
        ("lists", True),
    ]


def test_a_value_of_an_activity_that_is_written_after_all_resolves_its_own_entry(log: Log) -> None:
    def chat(number: int, thread: str, **values: Any) -> Received:
        at = "2026-11-28T12:00:00Z"
        return received(number, stream="chats", thread=thread, at=at, **values)

    for name, once in (("rating", "T-1"), ("topic", "T-1"), ("rating", "T-2")):
        record = chat(1, once, rating="good", topic="x")
        part = f"activity:chat.{name}"
        log.rejections.leave_out([rejection(received=record, part=part, once=once)])
    log.rejections.store()
    again = chat(2, "T-1", rating="good")
    log.rejections.attached(attached(again, "activity:chat", "T-1"))
    log.rejections.store()

    assert log.entries() == [
        ("activity:chat.rating", True),
        ("activity:chat.topic", False),
        ("activity:chat.rating", False),
    ]


def test_a_record_is_read_once_more_for_what_it_says(log: Log) -> None:
    assert log.rejections.values_of(received(city="Rome")) == {
        "email": "ann@example.com",
        "city": "Rome",
    }
    assert log.rejections.values_of(received(email="")) == {}
    assert log.rejections.values_of(received(stream="unknown")) == {}


def test_a_record_that_never_reaches_marketo_is_known_by_its_key(log: Log) -> None:
    refused = Refused(Refusal.UNKNOWN_ID, "email", "this is no address")
    known = log.rejections.refuse(PLAN, received(), refused)
    nobody = log.rejections.refuse(PLAN, Received(1, "visitors", {"city": "Rome"}), refused)

    assert (known.key, nobody.key) == ("ann@example.com", "")
    assert (known.code, known.field, known.advice) == (
        Refusal.UNKNOWN_ID,
        "email",
        "this is no address",
    )
