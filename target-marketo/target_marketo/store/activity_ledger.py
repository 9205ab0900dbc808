"""Which custom activities have been written: append-only at Marketo, and yet each once.

Marketo keeps no key of a custom activity, changes none and deletes none (Adobe: "Activities",
write-once). So this table remembers each by instance, type and once value, and nothing is sent that
it does not hand out.

    none -> pending -> done
      ^        |-> none        surely not written: it may be sent again
      |        |-> undecided   only a person can tell
      `------------|           the person says: it is not there

Only the run whose turn it is to write (see governor/writer.py) moves states, and each move is on
disk when its call returns. No record and no name is kept here: of a person the Marketo id alone,
and the keyed hash by which `purge` finds it. What is decided here never depends on that hash. Where
there is none (others wrote the activity, or the store has another key by now), the id is kept for
as long as the activity is pending: later nobody could have it forgotten.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    Table,
    Text,
    bindparam,
    case,
    delete,
    func,
    select,
    update,
)

from target_marketo.store.database import METADATA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from target_marketo.store.database import Database

T = TypeVar("T")

ACTIVITIES = Table(
    "activities",
    METADATA,
    Column("instance", Text, primary_key=True),
    Column("type_id", BigInteger, primary_key=True, autoincrement=False),
    Column("once", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),  # times that it was sent, however that ended
    Column("run", Text, nullable=False),
    Column("sent_at", Double, nullable=False),  # seconds since 1970, UTC
    Column("lead_id", BigInteger),
    Column("date", Text, nullable=False),  # the activity's own: RFC 3339, UTC
    Column("guid", Text),
    Column("key_hash", Text),  # for `purge` alone
    Index("activities_by_state", "instance", "state"),
    Index("activities_by_person", "key_hash"),
)
ACTIVITY_TYPES = Table(
    "activity_types",
    METADATA,
    Column("instance", Text, primary_key=True),
    Column("type_id", BigInteger, primary_key=True, autoincrement=False),
    Column("since", Text, nullable=False),
    # What a person had taken over from Marketo's log: from when on, and when that was.
    Column("adopted_since", Text),
    Column("adopted_at", Double),
)

KEPT = timedelta(days=38 * 31)
"""Longer than Marketo keeps an activity (25 months, or 37): it cannot come back unnoticed."""

_IS_FOUND = ACTIVITIES.c.key_hash.is_not(None)  # by `purge`
_LEAD = case((_IS_FOUND, ACTIVITIES.c.lead_id))

_NO_RUN_YET = ""
_ROWS_AT_ONCE = 500


class State(StrEnum):
    """What is known of an activity."""

    NONE = "none"
    PENDING = "pending"
    DONE = "done"
    UNDECIDED = "undecided"


class Claim(NamedTuple):
    """An activity that is about to be sent, for the person with this id."""

    once: str
    lead_id: int
    date: str
    key_hash: str = ""


class Pending(NamedTuple):
    """An activity that was sent, and of which nothing is known yet."""

    type_id: int
    once: str
    attempts: int
    lead_id: int
    date: str
    sent_at: float
    run: str


class Found(NamedTuple):
    """An activity as Marketo has it."""

    once: str
    date: str


class Adopted(NamedTuple):
    """What a person had taken over: from when on (RFC 3339), at a moment (seconds since 1970)."""

    since: str
    at: float


class Purged(NamedTuple):
    """Activities that no longer lead to a person, and those that still have to.

    Whose the `nameless` are is unknown; once settled they lead to nobody.
    """

    cleared: int
    pending: int
    nameless: int


@dataclass(frozen=True)
class Claimed:
    """What may be sent, how often it was sent before, and what stands in the way of the rest."""

    attempts: Mapping[str, int]
    refused: Mapping[str, State]


class ActivityLedger:
    """The activities of one instance. Times of sending are seconds since 1970, UTC."""

    def __init__(
        self,
        database: Database,
        instance: str,
        run: str = "",
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._instance = instance
        self._run = run
        self._now = now
        database.create_tables(ACTIVITIES, ACTIVITY_TYPES)

    # What is known

    def states(self, type_id: int, onces: Iterable[str]) -> dict[str, State]:
        """The state of each that is known. Moves nothing."""
        wanted = list(onces)
        return self._read(
            lambda connection: {
                row.once: State(row.state) for row in self._rows(connection, type_id, wanted)
            }
        )

    def pending(self, *, of_earlier_runs: bool = False) -> list[Pending]:
        """Those whose fate is not known yet, oldest first."""
        columns = [ACTIVITIES.c[name] for name in Pending._fields]
        query = select(*columns).where(
            ACTIVITIES.c.instance == self._instance, ACTIVITIES.c.state == State.PENDING
        )
        if of_earlier_runs:
            query = query.where(ACTIVITIES.c.run != self._run)
        query = query.order_by(ACTIVITIES.c.sent_at)
        return self._read(lambda connection: [Pending(*row) for row in connection.execute(query)])

    def newest_done(self, type_id: int) -> str | None:
        """The date of the newest activity that is certainly written; None if there is none.

        One whose date is still to come tells nothing of when anything was written.
        """
        now = datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="seconds")
        past = (ACTIVITIES.c.state == State.DONE, ACTIVITIES.c.date <= now)
        done = (*self._of(type_id), *past)
        newest = select(func.max(ACTIVITIES.c.date)).where(*done)
        return self._read(lambda connection: connection.execute(newest).scalar())

    def since(self, type_id: int, proposal: str) -> str:
        """From when on activities of a type are written: what the first run proposed."""
        row = {"instance": self._instance, "type_id": type_id, "since": proposal}
        insert = self._database.insert(ACTIVITY_TYPES).values(row)
        known = func.coalesce(func.nullif(ACTIVITY_TYPES.c.since, _NO_RUN_YET), proposal)
        first = insert.on_conflict_do_update(
            index_elements=["instance", "type_id"], set_={"since": known}
        )
        mine = (
            ACTIVITY_TYPES.c.instance == self._instance,
            ACTIVITY_TYPES.c.type_id == type_id,
        )

        def note(connection: Connection) -> str:
            connection.execute(first)
            return str(connection.execute(select(ACTIVITY_TYPES.c.since).where(*mine)).scalar_one())

        return self._write(note)

    def since_or(self, type_id: int, proposal: str) -> str:
        """As `since`, for who only looks: what a first run would propose is not kept."""
        query = select(func.nullif(ACTIVITY_TYPES.c.since, _NO_RUN_YET)).where(
            ACTIVITY_TYPES.c.instance == self._instance, ACTIVITY_TYPES.c.type_id == type_id
        )
        return self._read(lambda connection: connection.execute(query).scalar()) or proposal

    def undecided(self) -> list[tuple[int, str]]:
        """Type and once value of those that only a person can tell of."""
        query = select(ACTIVITIES.c.type_id, ACTIVITIES.c.once).where(
            ACTIVITIES.c.instance == self._instance, ACTIVITIES.c.state == State.UNDECIDED
        )
        return self._read(
            lambda connection: [(row.type_id, row.once) for row in connection.execute(query)]
        )

    def adopted(self, type_id: int) -> Adopted | None:
        """What a person had taken over last; None if nobody did."""
        query = select(ACTIVITY_TYPES.c.adopted_since, ACTIVITY_TYPES.c.adopted_at).where(
            ACTIVITY_TYPES.c.instance == self._instance,
            ACTIVITY_TYPES.c.type_id == type_id,
            ACTIVITY_TYPES.c.adopted_at.is_not(None),
        )
        row = self._read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else Adopted(*row)

    # What moves it

    def note_adopted(self, type_id: int, since: str, at: float) -> None:
        """All activities of a type since then were read, from a moment on, and taken over."""
        values = {"adopted_since": since, "adopted_at": at}
        row = {"instance": self._instance, "type_id": type_id, "since": _NO_RUN_YET, **values}
        insert = self._database.insert(ACTIVITY_TYPES).values(row)
        note = insert.on_conflict_do_update(index_elements=["instance", "type_id"], set_=values)
        self._write(lambda connection: connection.execute(note))

    def claim(self, type_id: int, claims: Sequence[Claim]) -> Claimed:
        """None -> pending, all in one commit; what is in any other state is not handed out.

        Of two claims of one once value the first has it.
        """
        wanted: dict[str, Claim] = {}
        for each in claims:
            wanted.setdefault(each.once, each)
        asked: list[Claimed] = []

        def claim(connection: Connection) -> Claimed:
            known = {row.once: row for row in self._rows(connection, type_id, wanted)}
            if asked and all(_is_pending(known.get(once)) for once in asked[-1].attempts):
                return asked[-1]  # the commit took effect, although its reply was lost
            refused = {
                once: State(row.state) for once, row in known.items() if row.state != State.NONE
            }
            before = {once: known[once].attempts if once in known else 0 for once in wanted}
            free = {once: before[once] for once in wanted if once not in refused}
            asked.append(Claimed(free, refused))
            rows = [
                {
                    "instance": self._instance,
                    "type_id": type_id,
                    "once": once,
                    "state": State.PENDING,
                    "attempts": tried + 1,
                    "run": self._run,
                    "sent_at": self._now(),
                    "lead_id": wanted[once].lead_id,
                    "date": wanted[once].date,
                    "guid": None,
                    "key_hash": wanted[once].key_hash or None,
                }
                for once, tried in free.items()
            ]
            if rows:
                insert = self._database.insert(ACTIVITIES)
                keys = ("instance", "type_id", "once")
                again = {name: insert.excluded[name] for name in rows[0] if name not in keys}
                connection.execute(
                    insert.on_conflict_do_update(index_elements=keys, set_=again), rows
                )
            return asked[-1]

        return self._write(claim)

    def settle(
        self,
        type_id: int,
        *,
        done: Mapping[str, str | None] = MappingProxyType({}),
        none: Iterable[str] = (),
        unsent: Iterable[str] = (),
    ) -> None:
        """Pending -> done (once value -> GUID) and pending -> none, in one commit.

        Those `unsent` were surely not carried out: that was no attempt.
        """
        written = [{"which": once, "its_guid": guid} for once, guid in done.items()]
        its_guid = case((_IS_FOUND, bindparam("its_guid", type_=Text)))
        pending = (
            *self._of(type_id),
            ACTIVITIES.c.once == bindparam("which"),
            ACTIVITIES.c.state == State.PENDING,
        )
        move = update(ACTIVITIES).where(*pending).values(lead_id=_LEAD)
        moves = (
            (move.values(state=State.DONE, guid=its_guid), written),
            (move.values(state=State.NONE), [{"which": once} for once in none]),
            (
                move.values(state=State.NONE, attempts=ACTIVITIES.c.attempts - 1),
                [{"which": once} for once in unsent],
            ),
        )

        def settle(connection: Connection) -> None:
            for statement, rows in moves:
                if rows:
                    connection.execute(statement, rows)

        self._write(settle)

    def adopt(self, type_id: int, found: Iterable[Found]) -> int:
        """Takes over activities that Marketo has and this ledger lacks; how many.

        What is pending or undecided and is found, is done. Whose the others are is not kept.
        """
        rows = [
            {
                "instance": self._instance,
                "type_id": type_id,
                "once": each.once,
                "state": State.DONE,
                "attempts": 0,
                "run": self._run,
                "sent_at": self._now(),
                "date": each.date,
            }
            for each in {each.once: each for each in found}.values()
        ]

        def adopt(connection: Connection) -> int:
            adopted = 0
            for batch in _batches(rows):
                onces = [row["once"] for row in batch]
                known = {row.once: row.state for row in self._rows(connection, type_id, onces)}
                adopted += sum(known.get(once) != State.DONE for once in onces)
                insert = self._database.insert(ACTIVITIES)
                taken = {"state": insert.excluded.state, "lead_id": _LEAD}
                connection.execute(
                    insert.on_conflict_do_update(
                        index_elements=["instance", "type_id", "once"], set_=taken
                    ),
                    batch,
                )
            return adopted

        return self._write(adopt)

    def undecide(self, connection: Connection, type_id: int, onces: Iterable[str]) -> None:
        """Pending -> undecided, in the transaction that stores the records in the error log."""
        for batch in _batches(list(onces)):
            connection.execute(
                update(ACTIVITIES)
                .where(
                    *self._of(type_id),
                    ACTIVITIES.c.once.in_(batch),
                    ACTIVITIES.c.state == State.PENDING,
                )
                .values(state=State.UNDECIDED, lead_id=_LEAD)
            )

    def decide(self, type_id: int, once: str, *, written: bool) -> bool:
        """Undecided -> done or none, as a person says; False if it is not undecided."""
        with self._database.write_through() as connection:
            moved = connection.execute(
                update(ACTIVITIES)
                .where(
                    *self._of(type_id),
                    ACTIVITIES.c.once == once,
                    ACTIVITIES.c.state == State.UNDECIDED,
                )
                .values(state=State.DONE if written else State.NONE, attempts=0)
            )
            return bool(moved.rowcount)

    # What forgets

    def forget_older(self, kept: timedelta = KEPT) -> int:
        """Deletes what is older than Marketo keeps it; how many. The rest is kept for ever."""
        before = (datetime.fromtimestamp(self._now(), UTC) - kept).isoformat(timespec="seconds")
        old = delete(ACTIVITIES).where(
            ACTIVITIES.c.instance == self._instance,
            ACTIVITIES.c.state.in_((State.DONE, State.NONE)),
            ACTIVITIES.c.date < before,
        )
        return self._write(lambda connection: int(connection.execute(old).rowcount))

    def purge(self, key_hash: str) -> Purged:
        """Clears what leads to a person, of every instance; key and state stay.

        Whose activity is pending has to be known until it is settled: it is left, and counted.
        """
        theirs = ACTIVITIES.c.key_hash == key_hash
        pending = ACTIVITIES.c.state == State.PENDING
        with self._database.write_through() as connection:
            self._database.delete_securely(connection)
            cleared = connection.execute(
                update(ACTIVITIES)
                .where(theirs, ~pending)
                .values(lead_id=None, guid=None, key_hash=None)
            )
            counts = (func.count(case((theirs, 1))), func.count(case((~_IS_FOUND, 1))))
            left, nameless = connection.execute(select(*counts).where(pending)).one()
            return Purged(int(cleared.rowcount), int(left), int(nameless))

    def _of(self, type_id: int) -> tuple[Any, Any]:
        return (ACTIVITIES.c.instance == self._instance, ACTIVITIES.c.type_id == type_id)

    def _rows(self, connection: Connection, type_id: int, onces: Iterable[str]) -> Iterator[Any]:
        columns = (ACTIVITIES.c.once, ACTIVITIES.c.state, ACTIVITIES.c.attempts)
        for batch in _batches(list(onces)):
            query = select(*columns).where(*self._of(type_id), ACTIVITIES.c.once.in_(batch))
            yield from connection.execute(query)

    def _read(self, do: Callable[[Connection], T]) -> T:
        return self._database.repeat(self._database.read, do)

    def _write(self, do: Callable[[Connection], T]) -> T:
        return self._database.repeat(self._database.write_through, do)


def _is_pending(row: Any) -> bool:
    return row is not None and row.state == State.PENDING


def _batches(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (rows[start : start + _ROWS_AT_ONCE] for start in range(0, len(rows), _ROWS_AT_ONCE))
