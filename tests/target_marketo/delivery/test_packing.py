"""Which rows share a call, and when it goes."""

from __future__ import annotations

from target_marketo.delivery.entry import Item
from target_marketo.delivery.packing import Pending, Size


def item(since: float = 0.0, *, limit: int = 0, size: int = 10) -> Item:
    made = Item(since=since, batch_limit=limit)
    made.take_rows([b"x" * size])
    return made


def waiting(*items: Item, rows: int = 3) -> Pending[Item]:
    pending: Pending[Item] = Pending(Size(rows, bytes=100, max_age=60.0))
    for each in items:
        pending.put(each)
    return pending


def test_a_row_that_is_being_isolated_has_the_company_of_its_like_alone() -> None:
    suspects, others = [item(limit=2), item(limit=2), item(limit=2)], [item(), item()]
    pending = waiting(suspects[0], others[0], suspects[1], others[1], suspects[2], rows=5)

    calls = list(pending.calls(0.0, all_of_it=True))

    assert calls == [suspects[:2], others, suspects[2:]]


def test_the_age_of_those_who_stay_is_their_own() -> None:
    old, young = item(0.0, size=90), item(50.0, size=90)
    pending = waiting(old, young, rows=9)

    assert next(pending.calls(60.0, all_of_it=False)) == [old]
    assert pending.oldest == 50.0
    assert list(pending.calls(61.0, all_of_it=False)) == []
    assert list(pending.calls(110.0, all_of_it=False)) == [[young]]


def test_more_bytes_than_a_call_takes_are_two_calls() -> None:
    items = [item(size=60), item(size=60)]

    assert list(waiting(*items).calls(0.0, all_of_it=True)) == [[items[0]], [items[1]]]
