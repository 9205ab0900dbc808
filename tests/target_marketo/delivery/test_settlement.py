"""Each record ends as one thing, is counted as that, and lets STATE past when all has ended."""

from __future__ import annotations

from typing import Any

import pytest

from target_marketo.delivery.entry import Attached, Entry, OpenRecord, Received
from target_marketo.delivery.interface import Attachment
from target_marketo.delivery.settlement import Settlement, Why
from target_marketo.delivery.summary import Summary
from target_marketo.mapping.rules import Decision, Rule, Rules, Step, Update, Write
from tests.target_marketo.delivery.bench import Letters, Tickets

RULES = Rules((Rule("city", Write.ALWAYS), Rule("firstName", Write.ALWAYS)))
UPDATED = Decision(
    updates=(Update(1, {"city": "Rome", "firstName": "Ann"}), Update(2, {"city": 1}))
)
WHY = Why("1003", "mend it", "r#1", field="city")


class Books:
    """A settlement, and what it writes to."""

    def __init__(self) -> None:
        self.checkpoint = Tickets()
        self.summary = Summary()
        self.letters = Letters(self.checkpoint)
        self.settlement = Settlement(self.checkpoint, self.summary, self.letters)

    def received(self, **record: Any) -> Received:
        """A record with a stretch, and so a ticket, of its own."""
        ticket = self.checkpoint.received()
        self.checkpoint.state(b"")
        return Received(ticket, "visitors", record)

    def entry(self, decision: Decision | None, records: int = 1) -> Entry:
        received = [self.received(city="Rome") for _ in range(records)]
        self.settlement.bytes += 100 * records
        return Entry(
            person=("email", "a@example.com"),
            key="a@example.com",
            received=received,
            weight=100 * records,
            decision=decision,
        )

    @property
    def settled(self) -> list[int]:
        return sorted(self.checkpoint.settled_tickets)


@pytest.fixture
def books() -> Books:
    return Books()


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        (
            Decision(create={"email": "a@example.com", "city": "Rome"}),
            {"created": 2, "delivered": 6, "filled": {"email": 2, "city": 2}},
        ),
        (UPDATED, {"updated": 2, "delivered": 6, "filled": {"city": 4, "firstName": 2}}),
        (Decision(), {"unchanged_people": 2, "unchanged": 6}),
        (
            Decision(kept=("city",), twins=3),
            {"unchanged_people": 2, "unchanged": 6, "kept": {"city": 2}, "twins": 2},
        ),
    ],
    ids=["created", "updated", "unchanged", "kept"],
)
def test_who_is_done_is_counted_as_what_became_of_them_and_all_their_records_are_settled(
    books: Books, decision: Decision, expected: dict[str, Any]
) -> None:
    for _ in range(2):
        nothing_of_its_own = books.entry(Decision(), 0)
        books.settlement.done([nothing_of_its_own, books.entry(decision, 3)])

    counted = {
        name: value for name, value in vars(books.summary).items() if value and name != "duplicates"
    }
    assert counted == expected
    assert books.settled == list(range(6))
    assert books.settlement.bytes == 0
    assert books.letters.arrived_people == ["a@example.com"] * 2


def test_a_record_that_is_nobodys_is_skipped(books: Books) -> None:
    for _ in range(2):
        books.settlement.skipped(books.received().ticket)

    assert (books.summary.skipped, books.settled) == (2, [0, 1])


def test_who_is_not_there_and_is_not_made_is_skipped_with_all_records(books: Books) -> None:
    books.settlement.nobody([books.entry(None, 2), books.entry(None)])
    books.settlement.nobody([books.entry(None)])

    assert (books.summary.skipped, books.settled) == (4, [0, 1, 2, 3])
    assert books.settlement.bytes == 0


def test_records_that_wait_for_others_do_not_hold_back_that_others_are_quiet(books: Books) -> None:
    waiting = books.entry(None)
    assert books.settlement.quiet_before(ended=False) == 0

    books.settlement.waits(waiting)
    assert books.settlement.quiet_before(ended=False) == 1

    books.settlement.waits_no_more(waiting)
    assert books.settlement.quiet_before(ended=False) == 0
    books.settlement.waits(waiting)
    assert books.settlement.quiet_before(ended=False) == 1


def test_who_is_refused_is_settled_once_it_is_stored_and_takes_no_memory(books: Books) -> None:
    books.settlement.refused([(books.entry(None, 2), 4), (books.entry(None), None)], WHY)

    told = [
        (each.code, each.field, each.advice, each.request_id, each.position)
        for each in books.letters.rejected
    ]
    assert told == [("1003", "city", "mend it", "r#1", each) for each in (4, 4, None)]
    assert books.settlement.bytes == 0
    assert books.settled == [0, 1, 2]


def attached(*records: OpenRecord, kind: str = "lists", part: str = "list:VIP") -> Attached:
    what = Attachment(kind, "lane", b"", "once", part)
    return Attached(what=what, person=("email", "a"), key="a", records=list(records))


def open_entry(books: Books, records: int, parts: int) -> Entry:
    entry = books.entry(Decision(), records)
    entry.open = [OpenRecord(entry.received[-1], 1 + parts, 70)]
    return entry


def test_a_record_is_settled_when_its_person_and_all_that_is_attached_have_ended(
    books: Books,
) -> None:
    entry = open_entry(books, 2, 2)
    assert entry.open
    (record,) = entry.open

    books.settlement.done([entry])
    assert books.settled == [0], "the other record has nothing attached"
    assert books.settlement.bytes == 70, "what is attached still waits"
    books.settlement.attached([attached(record)])
    assert books.settled == [0]
    books.settlement.attached([attached(record)], "the same")
    assert books.settled == [0, 1]
    assert books.settlement.bytes == 0
    assert books.summary.attachments == {("lists", "delivered"): 1, ("lists", "the same"): 1}


def test_what_is_joined_with_another_is_counted_and_settles_nothing(books: Books) -> None:
    record = OpenRecord(books.received(), 1, 70)
    for _ in range(2):
        books.settlement.joined(attached(record))

    assert books.summary.attachments == {("lists", "the same"): 2}
    assert books.settled == []


def test_an_attachment_that_is_refused_is_an_entry_of_its_own_part(books: Books) -> None:
    entry = open_entry(books, 1, 2)
    assert entry.open
    (record,) = entry.open
    books.settlement.done([entry])

    books.settlement.attachments_refused(
        [(attached(record), 5), (attached(record, part=""), 6)], WHY
    )

    assert [(each.part, each.position, each.once) for each in books.letters.rejected] == [
        ("list:VIP", 5, "once"),
        ("lists", 6, "once"),
    ]
    assert books.summary.attachments == {("lists", "rejected"): 2}
    assert books.settlement.bytes == 0
    assert books.settled == [0]


@pytest.mark.parametrize(
    ("said", "blamed"), [("Paris", ["Paris"]), ("Oslo", ["Rome", "Paris"])], ids=["one", "none"]
)
def test_who_goes_without_a_field_leaves_the_records_that_brought_the_value(
    books: Books, said: str, blamed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books.letters, "values_of", lambda received: received.record)
    records = [books.received(city="Rome"), books.received(city="Paris"), books.received(other=1)]
    entry = Entry(
        person=("email", "a"), key="a", received=records, steps=[Step(RULES, {"city": said})]
    )

    books.settlement.left_out(entry, 3, WHY._replace(without=frozenset({"city"}), field=""))

    kept = [
        (each.received.record["city"], each.part, each.field) for each in books.letters.rejected
    ]
    assert kept == [(city, "field:city", "city") for city in blamed]
    assert books.settled == [3] * len(blamed), "a ticket more for each"
