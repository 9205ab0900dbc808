"""Who waits for a lookup leaves in full lookups, those who came first at first."""

from __future__ import annotations

import pytest

from target_marketo.delivery.buffer import Buffer
from target_marketo.delivery.entry import Entry, Phase
from target_marketo.mapping.mapper import Mapper
from tests.target_marketo.delivery.bench import FIELDS


def put(buffer: Buffer, *since: float) -> None:
    for number, moment in enumerate(since, len(buffer.entries)):
        person = "email", f"p{number}"
        buffer.put(Entry(person=person, key=person[1], phase=Phase.BUFFERED, since=moment))


@pytest.mark.parametrize(("people", "taken"), [(0, 0), (1, 1), (2, 2), (3, 3), (4, 3), (7, 3)])
def test_a_lookup_takes_those_who_came_first_and_leaves_the_others(people: int, taken: int) -> None:
    buffer = Buffer("email", 3)
    put(buffer, *range(people))
    names = [entry.key for entry in buffer.take()]

    assert names == [f"p{number}" for number in range(taken)]
    assert [entry.key for entry in buffer.entries.values()] == [
        f"p{number}" for number in range(taken, people)
    ]


def test_it_is_full_with_as_many_people_as_one_lookup_takes() -> None:
    buffer = Buffer("email", 2)
    full = []
    for _ in range(3):
        put(buffer, 1.0)
        full.append(buffer.full)
    assert full == [False, True, True]


def test_the_age_is_that_of_whoever_has_waited_longest_wherever_they_stand() -> None:
    buffer = Buffer("email", 3)
    assert buffer.oldest is None
    put(buffer, 5.0, 3.0, 4.0)
    assert buffer.oldest == 3.0


def test_a_lookup_asks_for_what_any_of_the_streams_needs() -> None:
    buffer = Buffer("email", 3)
    for fields in ({"email": "email"}, {"email": "email", "city": "city"}, {"email": "email"}):
        buffer.serve(Mapper({"visitors": {"fields": fields}}, FIELDS).plan("visitors", {}))
    assert buffer.lookup_fields == {"id", "email", "city"}
