"""Hundreds of thousands of small threads, made when asked for: a benchmark's crowd."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar, overload

from tests.sandbox.crowd import tables
from tests.sandbox.crowd.directory import AGENTS
from tests.sandbox.crowd.model import Event, Kind, Page, Person, Thread, Visit, Visitor

if TYPE_CHECKING:
    from collections.abc import Callable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DURATION = timedelta(minutes=8, microseconds=125)
_BEFORE = timedelta(seconds=40)
_THREADS_PER_VISITOR = 4 / 3
_GEOLOCATIONS = tuple(
    {
        "country": place.country,
        "country_code": place.country_code,
        "region": place.region,
        "city": place.city,
        "timezone": place.timezone,
        "latitude": place.latitude,
        "longitude": place.longitude,
    }
    for place in tables.PLACES
)

Item = TypeVar("Item")


class LightCrowd:
    """`threads` threads, evenly spaced; three visitors in four come once, one comes twice.

    Every visitor has an e-mail in a pre-chat form, and none is known to Marketo.
    """

    def __init__(self, seed: int, threads: int, start: datetime, end: datetime) -> None:
        if end <= start or threads < 1:
            raise ValueError("a crowd needs threads, and an end after its start")
        self.seed = seed
        self.start = start
        self.end = end
        # The last thread is closed at the end: nothing in a light crowd stays open.
        first = (start - _EPOCH) // _MICROSECOND
        room = max((end - start - 2 * _DURATION) // _MICROSECOND, threads)
        duration = _DURATION // _MICROSECOND
        self.created = array("q", (first + room * n // threads for n in range(threads)))
        self.closed = array("q", (moment + duration for moment in self.created))
        self._visitor_count = max(1, round(threads / _THREADS_PER_VISITOR))
        self.visitors: Sequence[Visitor] = _Lazy(self._visitor_count, self.visitor)
        self.threads: Sequence[Thread] = _Lazy(threads, self.thread)
        self.persons: Sequence[Person] = ()

    def threads_of(self, visitor: int) -> Sequence[int]:
        return range(visitor, len(self.created), self._visitor_count)

    def visitor_of(self, position: int) -> int:
        return position % self._visitor_count

    def marketo_leads(self) -> list[dict[str, str]]:
        return []

    def thread(self, position: int) -> Thread:
        visitor = self.visitor_of(position)
        created_at = _EPOCH + self.created[position] * _MICROSECOND
        closed_at = created_at + _DURATION
        thread_id = _thread_id(position)
        visitor_id = _visitor_id(visitor)
        agent = AGENTS[position % len(AGENTS)]
        before, after = position - self._visitor_count, position + self._visitor_count
        fields = [
            {
                "type": "name",
                "id": "154417206262603539",
                "label": "Your name",
                "answer": _name(visitor),
            },
            {
                "type": "email",
                "id": "154417206262601584",
                "label": "Your email",
                "answer": f"visitor{visitor}@example.com",
            },
        ]
        form = {
            "visibility": "all",
            "form_id": "1473433500211",
            "form_type": "prechat",
            "fields": fields,
        }
        return Thread(
            id=thread_id,
            chat_id=f"P{visitor:09d}",
            visitor=visitor,
            created_at=created_at,
            closed_at=closed_at,
            agent_ids=(agent.login,),
            group_ids=agent.group_ids[:1],
            events=(
                Event(f"{thread_id}_1", created_at + _MICROSECOND, "filled_form", visitor_id, form),
                Event(
                    f"{thread_id}_2",
                    created_at + _BEFORE,
                    "message",
                    visitor_id,
                    {"visibility": "all", "text": "Do you ship to my country?"},
                ),
                Event(
                    f"{thread_id}_3",
                    closed_at,
                    "message",
                    agent.login,
                    {"visibility": "all", "text": "Yes, we do."},
                ),
            ),
            tags=("sales",) if position % 3 == 0 else (),
            properties={"routing": {"continuous": False}},
            queue=None,
            summary=None,
            restricted_access=None,
            previous_thread_id=_thread_id(before) if before >= 0 else None,
            next_thread_id=_thread_id(after) if after < len(self.created) else None,
            visit=_visit(visitor, created_at, closed_at),
            east=position % 8 == 0,
        )

    def visitor(self, number: int) -> Visitor:
        positions = self.threads_of(number)
        times = [_EPOCH + self.created[position] * _MICROSECOND for position in positions]
        visits = tuple(_visit(number, moment, moment + _DURATION) for moment in times)
        return Visitor(
            number=number,
            id=_visitor_id(number),
            person=number,
            kind=Kind.PRECHAT,
            name="Client",
            name_is_default=True,
            email=None,
            email_verified=False,
            phone=None,
            avatar=None,
            address=None,
            session_fields=(),
            created_at=visits[0].started_at,
            visits=visits,
            chat_id=f"P{number:09d}",
            legacy_id=f"S{1_281_361_958 + number}.0000000000",
            belongings={},
            east=number % 4 == 0,
        )


class _Lazy(Sequence[Item]):
    """A sequence that makes an item each time it is asked for."""

    def __init__(self, length: int, make: Callable[[int], Item]) -> None:
        self._length = length
        self._make = make

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        if isinstance(index, slice):
            return [self._make(number) for number in range(*index.indices(self._length))]
        if not 0 <= index < self._length:
            raise IndexError(index)
        return self._make(index)


def _thread_id(position: int) -> str:
    return f"T{position:09d}"


def _visitor_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"


def _name(visitor: int) -> str:
    first_name, _ = tables.FIRST_NAMES[visitor % len(tables.FIRST_NAMES)]
    last_name, _ = tables.LAST_NAMES[visitor % len(tables.LAST_NAMES)]
    return f"{first_name} {last_name}"


def _visit(visitor: int, created_at: datetime, closed_at: datetime) -> Visit:
    started_at = created_at - _BEFORE
    return Visit(
        started_at,
        closed_at,
        f"198.51.100.{visitor % 254 + 1}",
        tables.USER_AGENTS[visitor % len(tables.USER_AGENTS)],
        None,
        _GEOLOCATIONS[visitor % len(_GEOLOCATIONS)],
        (Page(started_at, "https://www.example.com/pricing", "Pricing"),),
    )
