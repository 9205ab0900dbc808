"""The whole protocol against a model of Marketo: nothing twice, nothing lost, whatever happens.

Runs are killed at any instant, replies are lost, calls are carried out late or in part, what was
added shows late, people are merged, the store is lost. Adobe names no bound for how late a call is
carried out or how late it shows: the model keeps to what the target waits for, and to no less.
"""

from __future__ import annotations

from collections import deque
from contextlib import closing
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from target_marketo.delivery.interface import Fate
from target_marketo.store.activity_ledger import State
from target_marketo.store.database import open_database
from tests.target_marketo.writes.model_marketo import (
    CHAT,
    LANE,
    TIMEOUT,
    VISIBILITY,
    Act,
    Delivery,
    Killed,
    ModelMarketo,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from target_marketo.delivery.interface import Row
    from target_marketo.store.database import Database

DATES = {once: f"2026-11-{day:02}T10:00:00Z" for day, once in enumerate("abcd", 5)}
_NUMBERS = count()
LATEST = 2 * TIMEOUT - 5.0  # a call that is carried out, is so by then

acts = st.one_of(
    st.just(Act()),
    st.just(Act("606")),
    st.just(Act("unavailable")),
    *(
        st.just(Act("lost", share=share, after=after))
        for share in (0.0, 0.4, 1.0)
        for after in (0.0, LATEST)
    ),
    *(st.just(Act(skips=code)) for code in ("1003", "1004")),
)


class Protocol(RuleBasedStateMachine):
    """Runs over one store, one after the other."""

    database: Database

    def __init__(self) -> None:
        super().__init__()
        self.marketo = ModelMarketo()
        self.number = next(_NUMBERS)
        self.runs = 0
        self.stores = 0
        self.decided: set[str] = set()

    def _run(self, kill_at: int | None = None) -> Delivery:
        """The next run; killed at the instant with this number, if it comes so far."""
        self.runs += 1
        instants = count(1)

        def instant(_: str) -> None:
            if next(instants) == kill_at:
                raise Killed

        name = f"model-{self.number}-{self.stores}"
        return Delivery(self.marketo, self.database, name, f"run-{self.runs}", instant=instant)

    def _rows(self, run: Delivery, onces: list[str]) -> list[Row]:
        return [run.chat(once, 1, DATES[once]) for once in dict.fromkeys(onces)]

    @rule(
        onces=st.lists(st.sampled_from(sorted(DATES)), min_size=1, max_size=4),
        then=st.lists(acts, max_size=4),
        kill_at=st.one_of(st.none(), st.integers(4, 12)),
    )
    def deliver(self, onces: list[str], then: list[Act], kill_at: int | None) -> None:
        run = self._run(kill_at)
        self.marketo.acts = deque(then)
        try:
            ended = run.deliver(self._rows(run, onces), found_again=min(self.marketo.leads))
        except Killed:
            return
        finally:
            self.marketo.acts.clear()
        for once, result in ended.items():
            if result.fate is Fate.DONE:
                assert self.marketo.times()[once] == 1, "done, and not there"
            elif result.code == "undecided":
                with self.database.write() as connection:
                    run.kind.refused(connection, [(run.kind.part(LANE), once)])

    @rule(seconds=st.sampled_from([1.0, VISIBILITY, 2 * TIMEOUT, 3600.0]))
    def time_passes(self, seconds: float) -> None:
        self.marketo.clock.sleep(seconds)
        self.marketo.commit()

    @rule(lag=st.sampled_from([0.0, 5.0, VISIBILITY]), by_insert=st.booleans())
    def marketo_is_another(self, lag: float, by_insert: bool) -> None:  # noqa: FBT001 - hypothesis
        self.marketo.lag, self.marketo.by_insert = lag, by_insert

    @precondition(lambda self: len(self.marketo.leads) > 1)
    @rule()
    def people_are_merged(self) -> None:
        loser, winner, *_ = sorted(self.marketo.leads)
        self.marketo.merge(loser, winner)

    @rule()
    def the_store_is_lost(self) -> None:
        self.marketo.clock.sleep(LATEST + VISIBILITY)  # no call is under way, and all shows
        self.marketo.commit()
        self.stores += 1

    @rule(once=st.sampled_from(sorted(DATES)))
    def a_person_decides(self, once: str) -> None:
        self.marketo.clock.sleep(LATEST + VISIBILITY)
        self.marketo.commit()
        ledger = self._run().ledger
        if ledger.states(CHAT, [once]).get(once) is State.UNDECIDED:
            ledger.decide(CHAT, once, written=bool(self.marketo.times()[once]))

    @invariant()
    def nothing_is_there_twice(self) -> None:
        assert max(self.marketo.times().values(), default=0) <= 1

    @invariant()
    def each_has_its_date(self) -> None:
        assert all(each.date == DATES[each.once] for each in self.marketo.kept)

    def teardown(self) -> None:
        """In the end, with nothing in the way, all is there once, or a person is asked."""
        run = self._run()
        self.marketo.leads.add(1)
        ended = run.deliver(self._rows(run, list(DATES)))
        times = self.marketo.times()
        for once in DATES:
            assert times[once] == 1 or ended[once].code == "undecided"
            assert times[once] <= 1


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(open_database(f"sqlite:///{tmp_path / 'store.sqlite'}")) as found:
        yield found


def test_nothing_is_lost_and_nothing_written_twice_whatever_happens(database: Database) -> None:
    run_state_machine_as_test(
        type("OnOneStore", (Protocol,), {"database": database}),
        settings=settings(
            max_examples=60,
            stateful_step_count=12,
            deadline=None,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )
