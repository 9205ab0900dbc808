"""What is kept of a record, and the phases of what is under way."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from target_marketo.delivery.entry import Attached, Entry, Item, OpenRecord, Phase, Received, move
from target_marketo.delivery.interface import Attachment
from target_marketo.mapping.mapper import Mapper
from target_marketo.mapping.plan import Mapped
from tests.target_marketo.delivery.bench import FIELDS, STREAMS

PLAN = Mapper(STREAMS, FIELDS).plan("visitors", {})
QUIET = Mapper({"visitors": STREAMS["visitors"] | {"create": False}}, FIELDS).plan("visitors", {})
DEEP = b"[" * 300 + b"]" * 300


def test_a_record_of_another_form_is_kept_as_it_is() -> None:
    assert Received(0, "visitors", {"email": "a"}).record == {"email": "a"}


@pytest.mark.parametrize(
    ("line", "record"),
    [
        (b'{"type": "RECORD", "record": {"email": "a", "n": 1.5}}', {"email": "a", "n": 1.5}),
        (b'{"record": {"email": "a\xff"}}', {"email": "a\ufffd"}),
        (b'{"record": {"n": NaN}}', {"n": "NaN"}),
        (b'{"record": {"deep": ' + DEEP + b"}}", None),
        (b'{"record": {"email": ', {"line": '{"record": {"email": '}),
        (b'{"record": 5}', {"line": '{"record": 5}'}),
        (b'{"other": {}}', {"line": '{"other": {}}'}),
        (b"[1]", {"line": "[1]"}),
    ],
    ids=["JSON", "no UTF-8", "NaN", "deep", "cut", "no object", "no record", "a list"],
)
def test_whatever_stands_on_the_line_can_be_stored(line: bytes, record: Any) -> None:
    found = Received(0, "visitors", line).record

    assert msgspec.json.encode(found)
    if record is None:
        assert found.keys() == {"deep"}
    else:
        assert found == record


def test_a_record_is_open_until_its_last_part_has_ended() -> None:
    received = Received(0, "visitors", {})
    record, same = OpenRecord(received, 3, 1), OpenRecord(received, 3, 1)

    assert record != same, "two records that say the same are two"
    assert [record.one_less() for _ in range(3)] == [False, False, True]


def test_a_person_weighs_what_its_records_and_attachments_take() -> None:
    entry = Entry(person=("email", "a"), key="a")
    line = b'{"record": {"email": "a@example.com"}}'
    mapped = Mapped("a@example.com", {"email": "a@example.com"})
    alone = entry.add(PLAN, mapped, Received(0, "visitors", line))
    attachments = [Attachment("lists", "news", b"12345"), Attachment("lists", "vip", b"")]
    together = entry.add(PLAN, mapped, Received(1, "visitors", {}), attachments)

    assert (alone, together) == (300 + len(line), 3 * 300 + 5)
    assert entry.weight == alone + together
    assert [(record.left, record.weight) for record in entry.open or ()] == [(3, together)]
    assert [each.what for each in entry.attached or ()] == attachments
    assert len(entry.steps) == 1, "two records of one stream are one step"
    assert entry.may_create


def test_records_that_create_nobody_do_not_let_a_person_be_made_until_another_does() -> None:
    entry = Entry(person=("email", "a"), key="a")
    mapped = Mapped("a", {})
    entry.add(QUIET, mapped, Received(0, "visitors", {}))
    assert (entry.may_create, entry.steps) == (False, [])
    entry.add(PLAN, mapped, Received(1, "visitors", {}))
    entry.add(QUIET, mapped, Received(2, "visitors", {}))
    assert entry.may_create


@pytest.mark.parametrize("creates", [(True, False), (False, True), (False, False)])
def test_what_came_later_of_the_same_person_is_absorbed(creates: tuple[bool, bool]) -> None:
    first, later = (Entry(person=("email", "a"), key="a") for _ in range(2))
    gone = Attached(what=Attachment("lists", "x", b""), person=("email", "a"), key="a", records=[])
    for number, entry in enumerate((first, later)):
        entry.add(
            PLAN if creates[number] else QUIET,
            Mapped("a", {"email": "a"}),
            Received(number, "visitors", {}),
            [Attachment("lists", f"list {number}", b"")],
        )
    later.gone = [gone]
    first.absorb(later)

    assert [each.ticket for each in first.received] == [0, 1]
    assert [each.what.lane for each in first.attached or ()] == ["list 0", "list 1"]
    assert (len(first.steps), len(first.open or ()), first.gone) == (2, 2, [gone])
    assert first.may_create is any(creates)
    assert first.weight == 2 * later.weight
    nobody, alone = (Entry(person=("email", "a"), key="a") for _ in range(2))
    nobody.absorb(alone)
    assert (nobody.open, nobody.attached, nobody.gone) == (None, None, None)


def test_who_was_never_sent_has_tried_nothing() -> None:
    item = Item()
    assert (item.phase, item.rows, item.size, item.since) == (Phase.WAITING, (), 0, 0.0)
    assert (item.batch_limit, item.attempts, item.losses, item.losses_alone) == (0, 0, 0, 0)
    assert (item.sightings, item.through) == (0, 0)


def test_rows_weigh_their_bytes_and_a_comma_each() -> None:
    item = Item()
    item.take_rows([b"123", b"45"])
    assert (item.rows, item.size) == ([b"123", b"45"], 7)


def can_move(phase: Phase, to: Phase) -> bool:
    item = Item(phase=phase)
    try:
        move([item], to)
    except ValueError:
        return False
    return item.phase is to


@pytest.mark.parametrize("to", Phase)
def test_there_is_no_way_back_from_an_end_and_none_past_a_call(to: Phase) -> None:
    assert not can_move(Phase.ENDED, to)
    assert can_move(Phase.SENT, to) is (to not in {Phase.BUFFERED, Phase.ABSENT, Phase.PARKED})


def test_a_way_that_there_is_not_is_named() -> None:
    with pytest.raises(ValueError, match="what is ENDED cannot become SENT"):
        move([Item(phase=Phase.ENDED)], Phase.SENT)
