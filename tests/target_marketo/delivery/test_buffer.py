"""Since when somebody has waited for company: not always the first in the buffer."""

from __future__ import annotations

from target_marketo.delivery.buffer import Buffer
from target_marketo.delivery.entry import Entry


def entry(name: str, since: float) -> Entry:
    return Entry(("email", name), name, since=since)


def oldest(buffer: Buffer) -> float | None:
    return buffer.oldest


def test_who_was_parked_stands_last_and_may_have_waited_longest() -> None:
    buffer = Buffer("email", 3)
    assert oldest(buffer) is None
    buffer.put(entry("a", 5.0))
    buffer.put(entry("b", 6.0))
    assert oldest(buffer) == 5.0
    buffer.put(entry("parked", 1.0))
    assert oldest(buffer) == 1.0


def test_who_need_not_be_looked_up_is_waited_for_no_longer() -> None:
    buffer = Buffer("email", 3)
    first, second, third = entry("a", 5.0), entry("b", 6.0), entry("c", 7.0)
    for each in (first, second, third):
        buffer.put(each)
    buffer.drop(third)
    assert oldest(buffer) == 5.0
    buffer.drop(first)
    assert oldest(buffer) == 6.0
    buffer.drop(second)
    assert oldest(buffer) is None


def test_a_full_lookup_takes_the_first_and_leaves_the_rest_waiting() -> None:
    buffer = Buffer("email", 2)
    for name, since in (("a", 5.0), ("b", 6.0), ("c", 7.0)):
        buffer.put(entry(name, since))
    assert [each.key for each in buffer.take()] == ["a", "b"]
    assert oldest(buffer) == 7.0
    assert [each.key for each in buffer.take()] == ["c"]
    assert oldest(buffer) is None
    assert not buffer.take()
