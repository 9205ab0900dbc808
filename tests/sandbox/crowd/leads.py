"""Which of the crowd's persons Marketo knows already, as rows of its REST field names."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from tests.sandbox.crowd import tables
from tests.sandbox.crowd.people import person

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.sandbox.crowd.model import Person

Lead = dict[str, str]

_KNOWN = 1 / 3
_STRANGERS = 0.1  # leads who never came to chat, per person known
_FIRST_STRANGER = 10_000_000


def leads(seed: int, persons: Iterable[Person]) -> list[Lead]:
    """About a third of `persons`, in order, a few of them twice, and some strangers."""
    rows: list[Lead] = []
    for who in persons:
        random = Random(f"{seed}/lead/{who.number}")
        if random.random() >= _KNOWN:
            continue
        rows.append(_lead(random, who))
        if random.random() < 0.06:
            rows.append(_lead(random, who))
    strangers = range(_FIRST_STRANGER, _FIRST_STRANGER + round(len(rows) * _STRANGERS))
    rows += [_lead(Random(f"{seed}/lead/{number}"), person(seed, number)) for number in strangers]
    return rows


def _lead(random: Random, who: Person) -> Lead:
    email = who.email
    if random.random() < 0.15:
        email = random.choice((email.upper(), email.title()))
    row = {"email": email, "leadSource": random.choice(("Webinar", "Trade Show", "Web"))}
    if random.random() < 0.8:
        row |= {"firstName": who.first_name, "lastName": who.last_name}
    if random.random() < 0.3:
        row["phone"] = f"{who.place.calling_code} 555 0100"
    geography = random.random()
    if geography < 0.45:  # complete, and mostly another place than the visitor's
        place = random.choice(tables.PLACES)
        row |= {
            "city": place.city,
            "state": place.region,
            "country": place.country,
            "postalCode": place.postal_code,
        }
    elif geography < 0.6:
        row["country"] = who.place.country
    return row
