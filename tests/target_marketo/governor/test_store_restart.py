"""A PostgreSQL server that is started anew in the midst of a commit: nothing is lost or doubled.

Of a commit whose reply is lost nobody knows whether it took effect. So each test plays both.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Connection, func, select

from target_marketo.governor.writer import Writer
from target_marketo.store.activity_ledger import ActivityLedger, Claim, State
from target_marketo.store.cache import Cache
from target_marketo.store.database import open_database
from target_marketo.store.error_log import ERRORS, Delivery, ErrorLog, Failure
from target_marketo.store.errors import StoreError
from target_marketo.store.leases import DatabaseLeases
from target_marketo.store.run_ledger import RUNS, RunLedger
from target_marketo.store.seen import SEEN, SeenStreams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from target_marketo.store.database import Database
    from tests.target_marketo.governor.postgresql import PostgreSQL

TYPE = 100_001
DATABASE = "restarted"


class Strike:
    """The next commit finds the server gone: before it takes effect, or after."""

    def __init__(
        self, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch, *, takes_effect: bool
    ) -> None:
        self.is_due, self.count = False, 0
        self._postgresql = postgresql
        self._goes: Callable[[], None] = self._cut
        commit = Connection.commit

        def struck(connection: Connection) -> None:
            if not self.is_due:
                commit(connection)
                return
            self.is_due = False
            self.count += 1
            if takes_effect:
                commit(connection)
            self._goes()
            connection.exec_driver_sql("SELECT 1")
            raise AssertionError("the server was not gone")

        monkeypatch.setattr(Connection, "commit", struck)

    def _cut(self) -> None:
        self._postgresql.cut(DATABASE)

    def in_the_midst_of(self, do: Callable[[], Any], goes: Callable[[], None] | None = None) -> Any:
        self._goes = goes or self._cut  # takes no time, and is the same to who is connected
        self.is_due, before = True, self.count
        found = do()
        assert self.count == before + 1
        return found


@pytest.fixture(params=[False, True], ids=["it is undone", "it took effect"])
def strike(
    request: pytest.FixtureRequest, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> Strike:
    return Strike(postgresql, monkeypatch, takes_effect=request.param)


@pytest.fixture
def database(postgresql: PostgreSQL) -> Iterator[Database]:
    with closing(open_database(postgresql.fresh(DATABASE))) as opened:
        yield opened


def failure(number: int) -> Failure:
    record = {"email": "jane.doe@planted.example"}
    return Failure("visitors", "permanent", "1003", "", "", record["email"], record, number=number)


def test_a_rejected_record_is_stored_and_counted_once(
    database: Database, postgresql: PostgreSQL, strike: Strike
) -> None:
    log = ErrorLog(database, "run", instance="instance.example")
    told: list[int] = []
    strike.in_the_midst_of(
        lambda: log.store([failure(1), failure(2)], also=lambda _: told.append(1)),
        postgresql.restart,
    )
    log.store([failure(3)])
    with database.read() as connection:
        assert connection.execute(select(ERRORS.c.times_seen)).scalars().all() == [3]
    assert len(told) == 2, "what is done in the commit is done again with it"

    key_hash = log.hash(failure(4).key)
    made_good = Delivery("visitors", key_hash, ((4, ""),))
    strike.in_the_midst_of(lambda: log.store([], [made_good]))
    assert list(log.open_people()) == []


def test_an_activity_is_handed_out_once(database: Database, strike: Strike) -> None:
    ledger = ActivityLedger(database, "instance.example", "run")
    claims = [Claim("T1", 1, "2026-11-20T00:00:00Z"), Claim("T2", 2, "2026-11-20T00:00:00Z")]
    ledger.claim(TYPE, claims[:1])

    claimed = strike.in_the_midst_of(lambda: ledger.claim(TYPE, claims))
    assert claimed.attempts == {"T2": 0}
    assert claimed.refused == {"T1": State.PENDING}
    assert ledger.claim(TYPE, claims).attempts == {}
    assert [each.attempts for each in ledger.pending()] == [1, 1]

    strike.in_the_midst_of(lambda: ledger.settle(TYPE, done={"T1": "guid"}, unsent=["T2"]))
    assert ledger.states(TYPE, ["T1", "T2"]) == {"T1": State.DONE, "T2": State.NONE}
    assert ledger.claim(TYPE, claims).attempts == {"T2": 0}, "what was not sent was no attempt"


def test_a_run_has_one_row_and_one_document_a_stream(database: Database, strike: Strike) -> None:
    runs = RunLedger(database, "run", "instance.example")
    streams = SeenStreams(database, "instance.example")
    cache = Cache(database)
    strike.in_the_midst_of(runs.started)
    strike.in_the_midst_of(lambda: runs.ended({"received": 3}, 0))
    strike.in_the_midst_of(lambda: streams.store("run", {"visitors": {}}, 90))
    strike.in_the_midst_of(lambda: cache.put("describe", [1]))
    assert strike.in_the_midst_of(lambda: cache.get("describe", 60.0)) == [1]
    with database.read() as connection:
        (row,) = connection.execute(select(RUNS.c.received, RUNS.c.exit_code))
        assert tuple(row) == (3, 0)
        assert connection.execute(select(func.count()).select_from(SEEN)).scalar_one() == 1


def test_a_run_that_took_its_turn_unheard_has_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The turn is taken with the driver's own connection."""
    leases = DatabaseLeases(database)
    writer = Writer("instance.example", leases, patience_seconds=5.0)
    kept = database.exclusively
    struck: list[bool] = []

    def exclusively(number: int, **options: Any) -> Any:
        if not struck:
            struck.append(True)
            with kept(number, **options) as connection:
                connection.rollback()
            with leases.transaction("writer of instance.example") as ledger:
                ledger.keep(writer._written(ledger.now + 30.0))
            raise StoreError("the reply is lost", is_away=True)
        return kept(number, **options)

    monkeypatch.setattr(database, "exclusively", exclusively)
    with writer.held():
        writer.check()
    assert struck


def test_a_store_that_was_not_away_is_not_asked_again(database: Database) -> None:
    asked: list[bool] = []

    def fails(connection: Connection) -> None:
        asked.append(True)
        connection.exec_driver_sql("SELECT nothing FROM nowhere")

    with pytest.raises(StoreError, match="nowhere"):
        database.repeat(database.write, fails)
    assert asked == [True]
