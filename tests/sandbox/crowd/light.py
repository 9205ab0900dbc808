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
_DURATION_US = _DURATION // _MICROSECOND
_BEFORE_US = _BEFORE // _MICROSECOND
# What a visitor looks like depends on the number modulo this, and on nothing else.
LOOKS = 12
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
    """`threads` threads, evenly spaced; about one visitor in three comes twice, the others once.

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
        self.created = array("q", (first + room * n // threads for n in range(threads)))
        self.closed = array("q", (moment + _DURATION_US for moment in self.created))
        self._visitor_count = threads
        if threads >= 2 * LOOKS:
            self._visitor_count = -(-threads * 3 // (4 * LOOKS)) * LOOKS
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
        agent = AGENTS[visitor % LOOKS % len(AGENTS)]
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
                "answer": _email(visitor),
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
            chat_id=_chat_id(visitor),
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
            tags=("sales",) if visitor % LOOKS % 3 == 0 else (),
            properties={"routing": {"continuous": False}},
            queue=None,
            summary=None,
            restricted_access=None,
            previous_thread_id=_thread_id(before) if before >= 0 else None,
            next_thread_id=_thread_id(after) if after < len(self.created) else None,
            visit=_visit(visitor, created_at, closed_at),
            east=visitor % LOOKS == 5,
        )

    def look(self, position: int) -> tuple[int, int, int]:
        """Threads with the same look differ in nothing but `texts` and `moments`."""
        visitor = self.visitor_of(position)
        return visitor % LOOKS, len(self.threads_of(visitor)), int(position != visitor)

    def texts(self, position: int) -> dict[str, str]:
        """The words that are this thread's own."""
        visitor, every = self.visitor_of(position), self._visitor_count
        return {
            "thread": _thread_id(position),
            "previous": _thread_id(max(position - every, 0)),
            "next": _thread_id(position + every),
            "chat": _chat_id(visitor),
            "visitor": _visitor_id(visitor),
            "legacy": _legacy_id(visitor),
            "email": _email(visitor),
        }

    def moments(self, position: int) -> dict[str, int]:
        """The times that are this thread's own, in microseconds: of it, and of its visitor."""
        first = self.visitor_of(position)
        of_thread = self.created[position]
        of_latest = self.created[self.threads_of(first)[-1]]
        return {
            "created": of_thread,
            "form": of_thread + 1,
            "asked": of_thread + _BEFORE_US,
            "closed": of_thread + _DURATION_US,
            "started": self.created[first] - _BEFORE_US,
            "latest": of_latest - _BEFORE_US,
            "latest_asked": of_latest + _BEFORE_US,
            "latest_closed": of_latest + _DURATION_US,
        }

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
            chat_id=_chat_id(number),
            legacy_id=_legacy_id(number),
            belongings={},
            east=number % LOOKS % 4 == 0,
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


def _chat_id(visitor: int) -> str:
    return f"P{visitor:09d}"


def _legacy_id(visitor: int) -> str:
    return f"S{1_281_361_958 + visitor}.0000000000"


def _email(visitor: int) -> str:
    return f"visitor{visitor}@example.com"


def _visitor_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"


def _name(visitor: int) -> str:
    first_name, _ = tables.FIRST_NAMES[visitor % LOOKS]
    last_name, _ = tables.LAST_NAMES[visitor % LOOKS]
    return f"{first_name} {last_name}"


def _visit(visitor: int, created_at: datetime, closed_at: datetime) -> Visit:
    started_at = created_at - _BEFORE
    return Visit(
        started_at,
        closed_at,
        f"198.51.100.{visitor % LOOKS + 1}",
        tables.USER_AGENTS[visitor % LOOKS % len(tables.USER_AGENTS)],
        None,
        _GEOLOCATIONS[visitor % LOOKS % len(_GEOLOCATIONS)],
        (Page(started_at, "https://www.example.com/pricing", "Pricing"),),
    )
