"""The input of a round, and what must come of it: made of one seed, and known without the target.

Each record has a number, its `serial`, and a first name that says it. The first name is always
written, so Marketo's first name of a person tells which of their records arrived last. Places are
written where Marketo has none, both of them or neither.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

STREAMS = ("visitors", "customers")
PLACES = (("Rome", "Italy"), ("Paris", "France"), ("Lima", None), (None, "Kenya"))
_FIRST_AT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=9)
_NAME = "Quillfeather"
_BROKEN = ("nobody at {0}", "{0}@", "two@{0}@example.com", "{0}" + "x" * 260 + "@example.com")
PROPERTIES = ("email", "first_name", "city", "country", "serial", "at")

Lead = dict[str, Any]


@dataclass(frozen=True)
class Record:
    """One record; `key` is its e-mail as Marketo compares it, "" if it has none or a broken one."""

    serial: int
    stream: str
    email: str | None
    key: str
    city: str | None
    country: str | None

    @property
    def first_name(self) -> str:
        return name_of(self.serial)

    @property
    def place(self) -> tuple[str | None, str | None]:
        return self.city, self.country

    def line(self) -> str:
        """The RECORD message."""
        record = {
            "email": self.email,
            "first_name": self.first_name,
            "city": self.city,
            "country": self.country,
            "serial": self.serial,
            "at": date_of(self.serial),
        }
        return json.dumps({"type": "RECORD", "stream": self.stream, "record": record})


def name_of(serial: int) -> str:
    """A name that no log line has by chance."""
    return f"{_NAME}{serial:06}"


def date_of(serial: int) -> str:
    """When it happened: within the last days."""
    moment = _FIRST_AT + timedelta(minutes=serial)
    return moment.isoformat().replace("+00:00", "Z")


def serial_of(name: object) -> int:
    """The number in a first name; -1 of any other name."""
    text = str(name)
    digits = text.removeprefix(_NAME)
    return int(digits) if text.startswith(_NAME) and digits.isdigit() else -1


@dataclass
class People:
    """Records in their order, STATE after every so many, and who is in Marketo before.

    The STATE after n records is `{"position": n}`; the last one covers all.
    """

    records: list[Record]
    seeded: list[Lead]
    state_every: int
    broken: set[int] = field(default_factory=set)  # serials whose e-mail Marketo cannot take

    @classmethod
    def of(cls, seed: int, count: int, *, state_every: int = 7, streams: int = 1) -> People:
        """A crowd of which a third comes more than once, some without an e-mail."""
        random = Random(f"{seed}/people")
        tag = f"{random.randrange(16**6):06x}"
        mailboxes = [
            f"guest.{tag}.{number}@example.com" for number in range(max(1, count * 2 // 3))
        ]
        people = cls([], [], state_every)
        for serial in range(count):
            record = _record(
                random, serial, mailboxes, streams=streams, broken=people.broken, tag=tag
            )
            people.records.append(record)
        people.seeded = _seeded(random, people.by_key())
        return people

    def by_key(self) -> dict[str, list[Record]]:
        """The records of each person, oldest first."""
        found: dict[str, list[Record]] = {}
        for record in self.records:
            if record.key:
                found.setdefault(record.key, []).append(record)
        return found

    def alone(self) -> Record:
        """The one record of somebody who comes once."""
        seeded = {str(lead["email"]).lower() for lead in self.seeded}
        return next(
            records[0]
            for key, records in self.by_key().items()
            if len(records) == 1
            and key not in seeded
            and records[0].serial > len(self.records) // 3
        )

    def lines(self, position: int = 0) -> Iterator[str]:
        """The messages of a tap that goes on after `position` records."""
        for stream in sorted({record.stream for record in self.records}):
            properties = {name: {"type": ["string", "integer", "null"]} for name in PROPERTIES}
            schema = {"type": "object", "properties": properties}
            yield json.dumps(
                {"type": "SCHEMA", "stream": stream, "schema": schema, "key_properties": []}
            )
        for record in self.records[position:]:
            yield record.line()
            done = record.serial + 1
            if done % self.state_every == 0 or done == len(self.records):
                yield json.dumps({"type": "STATE", "value": {"position": done}})

    def secrets(self) -> set[str]:
        """What no log may show, in lower case."""
        emails = {record.email.lower() for record in self.records if record.email}
        return emails | {_NAME.lower()}


def _record(
    random: Random, serial: int, mailboxes: list[str], *, streams: int, broken: set[int], tag: str
) -> Record:
    city, country = random.choice(PLACES) if random.random() < 0.8 else (None, None)
    stream = STREAMS[random.randrange(streams)]
    drawn = random.random()
    if drawn < 0.04:
        return Record(serial, stream, random.choice([None, ""]), "", city, country)
    if drawn < 0.06:
        broken.add(serial)
        email = random.choice(_BROKEN).format(f"bent.{tag}.{serial}")
        return Record(serial, stream, email, "", city, country)
    # The first few people come again and again, most once or twice.
    last = min(5, len(mailboxes)) if random.random() < 0.1 else len(mailboxes)
    email = mailboxes[random.randrange(last)]
    shown = "".join(random.choice((each, each.upper())) for each in email)
    return Record(serial, stream, shown, email, city, country)


def _seeded(random: Random, by_key: dict[str, list[Record]]) -> list[Lead]:
    """A third is in Marketo already: with an older name, or with all that the input brings."""
    leads: list[Lead] = []
    for key, records in by_key.items():
        drawn = random.random()
        if drawn < 0.15:
            leads.append({"email": key.upper(), "firstName": "Older"})
        elif drawn < 0.25:
            leads.append({"email": key, "firstName": "Older", "city": "Oslo"})
        elif drawn < 0.3:
            leads.append({"email": key, "firstName": records[-1].first_name, "city": "Bonn"})
        elif drawn < 0.33:
            leads += [{"email": key, "firstName": "First"}, {"email": key, "firstName": "Second"}]
    return leads


def streams_setting() -> dict[str, Any]:
    """The target's `streams` for this input."""
    fields = {
        "email": "email",
        "firstName": "first_name",
        "city": {"from": "city", "write": "if_empty", "group": "geography"},
        "country": {"from": "country", "write": "if_empty", "group": "geography"},
        "leadSource": {"value": "LiveChat", "write": "on_create"},
    }
    return {stream: {"key": "email", "fields": fields} for stream in STREAMS}
