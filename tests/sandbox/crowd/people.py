"""Who comes: persons, the visitors they turn out to be, and when these visit and chat."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from tests.sandbox.crowd import tables
from tests.sandbox.crowd.identity import short_id, uuid_id
from tests.sandbox.crowd.model import Kind, Page, Person, Place, Visit, Visitor

# Forty visitors hold these kinds in these numbers, so that even a small crowd has all of them.
KINDS = (
    *[Kind.ANONYMOUS] * 9,
    *[Kind.PROFILE] * 8,
    *[Kind.PRECHAT] * 7,
    *[Kind.PRECHAT_SKIPPED] * 2,
    *[Kind.ASK_FOR_EMAIL] * 2,
    *[Kind.POSTCHAT] * 2,
    *[Kind.UPPER_CASE] * 2,
    *[Kind.BROWSING] * 3,
    Kind.BROKEN,
    Kind.BROKEN_FORM,
    Kind.SHOWCASE,
    Kind.OPEN,
    Kind.RESTRICTED,
)
BROKEN_EMAILS = (
    "john@",
    "a b@example.com",
    "anna@example.com, jan@example.org",
    "no-at-sign.example.com",
    "@example.net",
    "józef.nowak@exämple.com",
    "two@@example.com",
    "trailing.dot@example.com.",
)
_PROFILE_EMAIL = {Kind.PROFILE, Kind.UPPER_CASE, Kind.BROKEN, Kind.SHOWCASE, Kind.OPEN}
_PERSON_OF_SEVERAL = 0.12
_THREADS = (1, 1, 1, 1, 1, 1, 2, 2, 3, 5)


@dataclass(frozen=True, slots=True)
class Stay:
    """The time of a visitor's thread number `turn`, and the visit during which it was opened."""

    turn: int
    created_at: datetime
    closed_at: datetime
    visit: Visit


def person(seed: int, number: int) -> Person:
    random = Random(f"{seed}/person/{number}")
    first_name, first_slug = random.choice(tables.FIRST_NAMES)
    last_name, last_slug = random.choice(tables.LAST_NAMES)
    place = random.choice(tables.PLACES)
    return Person(
        number,
        first_name,
        last_name,
        f"{first_slug}.{last_slug}{number}@{random.choice(tables.DOMAINS)}",
        f"{place.calling_code}{random.randrange(10**8, 10**9)}",
        place,
    )


def kind_of(seed: int, number: int) -> Kind:
    block, position = divmod(number, len(KINDS))
    kinds = list(KINDS)
    Random(f"{seed}/kinds/{block}").shuffle(kinds)
    return kinds[position]


def person_behind(seed: int, number: int) -> int:
    """The number of the person who is this visitor: mostly their own, sometimes an earlier one."""
    random = Random(f"{seed}/who/{number}")
    if number and random.random() < _PERSON_OF_SEVERAL:
        return random.randrange(number)
    return number


def visitor(
    seed: int, number: int, who: Person, start: datetime, end: datetime
) -> tuple[Visitor, tuple[Stay, ...]]:
    random = Random(f"{seed}/visitor/{number}")
    kind = kind_of(seed, number)
    surroundings = _Surroundings(random, who.place)
    stays = _stays(random, kind, surroundings, start, end)
    visits = sorted(
        (*(stay.visit for stay in stays), *_visits_without_chat(random, kind, surroundings, start)),
        key=lambda visit: visit.started_at,
    )
    first_seen = visits[0].started_at
    if random.random() < 0.2:
        first_seen -= timedelta(seconds=random.uniform(3600, 90 * 86400))
    name, is_default = _name(random, kind, who)
    made = Visitor(
        number=number,
        id=uuid_id(seed, "visitor", number),
        person=who.number,
        kind=kind,
        name=name,
        name_is_default=is_default,
        email=_profile_email(random, kind, number, who),
        email_verified=kind is Kind.PROFILE and random.random() < 0.1,
        phone=who.phone if not is_default and random.random() < 0.2 else None,
        avatar="https://www.example.com/avatars/1.png" if random.random() < 0.1 else None,
        address=_address(random, who) if not is_default and random.random() < 0.1 else None,
        session_fields=_session_fields(random, number),
        created_at=first_seen,
        visits=tuple(visits),
        chat_id=short_id(seed, "chat", number) if stays else None,
        legacy_id=f"S{1_281_361_958 + number}.{uuid_id(seed, 'legacy', number)[:10]}",
        belongings=tables.BELONGINGS if kind is Kind.SHOWCASE else {},
        east=random.random() < 0.25,
    )
    return made, stays


class _Surroundings:
    """What a visitor's visits have in common: the machine, and what is known of the place."""

    def __init__(self, random: Random, place: Place) -> None:
        self.user_agent = random.choice(tables.USER_AGENTS)
        # TEST-NET-2 and the documentation prefix of IPv6: addresses that nobody has.
        self.ip = (
            f"198.51.100.{random.randrange(1, 255)}"
            if random.random() < 0.9
            else f"2001:db8::{random.randrange(1, 65536):x}"
        )
        self.geolocation = _geolocation(random, place)

    def visit(self, random: Random, started_at: datetime, ended_at: datetime) -> Visit:
        pages = []
        opened_at = started_at
        for path, title in random.sample(tables.PAGES, random.randint(1, 3)):
            pages.append(Page(opened_at, f"https://www.example.com{path}", title))
            opened_at += (ended_at - started_at) * random.uniform(0.05, 0.3)
        return Visit(
            started_at,
            ended_at,
            self.ip,
            self.user_agent,
            random.choice(tables.REFERRERS),
            self.geolocation,
            tuple(pages),
        )


def _stays(
    random: Random, kind: Kind, surroundings: _Surroundings, start: datetime, end: datetime
) -> tuple[Stay, ...]:
    if kind is Kind.BROWSING:
        return ()
    times = []
    created_at = start + (end - start) * random.random()
    for _ in range(random.choice(_THREADS)):
        duration = min(max(random.lognormvariate(math.log(480), 0.9), 20.0), 5400.0)
        if random.random() < 0.01:  # forgotten, and closed by the routing days later
            duration += random.uniform(1, 3) * 86400
        closed_at = created_at + timedelta(seconds=duration)
        times.append((created_at, closed_at))
        created_at = closed_at + timedelta(seconds=60 + random.expovariate(1 / (3 * 86400)))
        if created_at >= end:
            break
    if kind is Kind.OPEN:
        opened_at = end - timedelta(seconds=random.uniform(300, 3300))
        times = [(since, until) for since, until in times if until < opened_at]
        times.append((opened_at, end + timedelta(seconds=random.uniform(600, 5 * 3600))))
    return tuple(
        Stay(
            turn,
            since,
            until,
            surroundings.visit(
                random,
                since - timedelta(seconds=random.uniform(20, 50)),
                until + timedelta(seconds=random.uniform(0.5, 9)),
            ),
        )
        for turn, (since, until) in enumerate(times)
    )


def _visits_without_chat(
    random: Random, kind: Kind, surroundings: _Surroundings, start: datetime
) -> list[Visit]:
    """Earlier visits on which nobody was asked anything."""
    count = random.randint(1, 3) if kind is Kind.BROWSING else random.choice((0, 0, 0, 1, 2))
    visits = []
    for _ in range(count):
        started_at = start - timedelta(seconds=random.uniform(600, 20 * 86400))
        if kind is Kind.BROWSING:
            started_at += timedelta(days=20)
        ended_at = started_at + timedelta(seconds=random.uniform(5, 550))
        visits.append(surroundings.visit(random, started_at, ended_at))
    return visits


def _geolocation(random: Random, place: Place) -> dict[str, str] | None:
    known = {
        "country": place.country,
        "country_code": place.country_code,
        "region": place.region,
        "city": place.city,
        "timezone": place.timezone,
        "latitude": place.latitude,
        "longitude": place.longitude,
    }
    kept = random.choices(
        (
            tuple(known),
            ("country", "country_code", "region", "city", "timezone"),
            ("country", "country_code", "region", "timezone"),
            ("country", "country_code"),
            ("country", "country_code", "region", "city"),
            (),
        ),
        weights=(55, 12, 7, 11, 5, 10),
    )[0]
    return {key: known[key] for key in kept} or None


def _name(random: Random, kind: Kind, who: Person) -> tuple[str | None, bool]:
    if kind in {Kind.PRECHAT, Kind.BROKEN_FORM, Kind.ANONYMOUS, Kind.PRECHAT_SKIPPED}:
        if kind is Kind.ANONYMOUS and random.random() < 0.3:
            return None, True
        return random.choice(tables.DEFAULT_NAMES), True
    if kind in {Kind.ASK_FOR_EMAIL, Kind.POSTCHAT, Kind.BROWSING} and random.random() < 0.5:
        return random.choice(tables.DEFAULT_NAMES), True
    shape = random.random()
    if shape < 0.15:
        return who.first_name, False
    if shape < 0.25:
        return who.name.upper(), False
    return who.name, False


def _profile_email(random: Random, kind: Kind, number: int, who: Person) -> str | None:
    if kind is Kind.BROWSING:
        return who.email if random.random() < 0.4 else None
    if kind is Kind.RESTRICTED:
        return who.email if random.random() < 0.5 else None
    if kind not in _PROFILE_EMAIL:
        return None
    if kind is Kind.UPPER_CASE:
        return who.email.upper() if random.random() < 0.7 else who.email.title()
    if kind is Kind.BROKEN:
        return broken_email(number)
    return who.email


def broken_email(number: int) -> str:
    return BROKEN_EMAILS[(number // 7) % len(BROKEN_EMAILS)]


def _address(random: Random, who: Person) -> dict[str, str]:
    place = who.place
    return {
        "address": f"{random.randrange(1, 200)} Example Street",
        "city": place.city,
        "country": place.country,
        "state": place.region,
        "postal_code": place.postal_code,
    }


def _session_fields(random: Random, number: int) -> tuple[tuple[str, str], ...]:
    if random.random() < 0.6:
        return ()
    fields = [
        ("plan", random.choice(("free", "team", "business"))),
        ("Customer number", str(10_000 + number)),
        ("cart", '{"items": 3, "total": 99.5}'),
        ("źródło", "kampania wiosenna"),
        ("empty", ""),
    ]
    kept = random.sample(fields, random.randint(1, len(fields)))
    if random.random() < 0.3:  # a key may come twice
        kept.append((kept[0][0], "again"))
    return tuple(kept)
