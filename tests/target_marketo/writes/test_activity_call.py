"""What of a call's rows the ledger hands out, and until when the call may be at work."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest

from target_marketo.store.activity_ledger import Claimed, State
from target_marketo.writes.activity_call import Call, NothingToSend, Sent, StoreIsSlow

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from target_marketo.delivery.interface import Row
    from target_marketo.store.activity_ledger import Claim
    from target_marketo.writes.activity_means import Means

CHAT = 100_001
TIMEOUT = 60.0


class Ledger:
    """Each claim takes the next of `seconds`; `held` is what it handed out."""

    def __init__(self, *seconds: float) -> None:
        self.time = 1000.0
        self.held: set[str] = set()
        self.claims = 0
        self._seconds = iter(seconds)

    def claim(self, type_id: int, claims: Sequence[Claim]) -> Claimed:
        assert type_id == CHAT
        self.claims += 1
        self.time += next(self._seconds, 0.0)
        free = {each.once for each in claims} - self.held
        refused = dict.fromkeys(self.held & {each.once for each in claims}, State.PENDING)
        self.held |= free
        return Claimed(dict.fromkeys(sorted(free), 1), refused)

    def settle(self, type_id: int, *, unsent: Iterable[str]) -> None:
        assert type_id == CHAT
        self.held -= set(unsent)


def call_of(ledger: Ledger, *onces: str) -> Call:
    means = SimpleNamespace(
        ledger=ledger, monotonic=lambda: ledger.time, timeout=TIMEOUT, before_move=lambda: None
    )
    body = msgspec.json.encode(
        {"activityDate": "2026-11-28T12:00:00Z", "primaryAttributeValue": "", "attributes": []}
    )
    rows = [cast("Row", SimpleNamespace(once=once, lead_id=7, row=body)) for once in onces]
    wanted = [Sent.of(at, row, "") for at, row in enumerate(rows)]
    return Call(cast("Means", means), CHAT, wanted)


def test_rows_that_leave_within_five_seconds_of_their_commit_are_sent() -> None:
    ledger = Ledger(5.0)
    assert len(call_of(ledger, "T1", "T2").rows()) == 2
    assert (ledger.claims, ledger.held) == (1, {"T1", "T2"})


def test_rows_that_would_leave_later_are_given_back_and_claimed_anew() -> None:
    ledger = Ledger(5.1, 5.1)
    assert len(call_of(ledger, "T1", "T2").rows()) == 2
    assert (ledger.claims, ledger.held) == (3, {"T1", "T2"})


def test_a_store_that_stays_slow_ends_the_call_and_keeps_no_row() -> None:
    ledger = Ledger(5.1, 5.1, 5.1)
    with pytest.raises(StoreIsSlow):
        call_of(ledger, "T1").rows()
    assert (ledger.claims, ledger.held) == (3, set())


def test_a_call_that_was_not_carried_out_claims_its_rows_anew() -> None:
    ledger = Ledger()
    call = call_of(ledger, "T1")
    assert len(call.rows()) == len(call.rows()) == 1


def test_what_others_have_claimed_is_left_to_them() -> None:
    ledger = Ledger()
    ledger.held = {"T1"}
    call = call_of(ledger, "T1", "T2")
    assert len(call.rows()) == 1
    assert [each.once for each in call.sent] == ["T2"]
    assert dict(call.in_the_way) == {"T1": State.PENDING}
    with pytest.raises(NothingToSend):
        call_of(ledger, "T1").rows()


@pytest.mark.parametrize(
    ("away", "left"),
    [
        (0.0, 2 * TIMEOUT),
        (TIMEOUT, TIMEOUT),
        (TIMEOUT + 5.0, TIMEOUT - 5.0),
        (TIMEOUT + 5.1, 2 * TIMEOUT),  # the process was frozen: it may have been sent just now
    ],
)
def test_a_call_may_be_at_work_until_twice_its_time_out_after_it_was_sent(
    away: float, left: float
) -> None:
    ledger = Ledger()
    call: Any = call_of(ledger, "T1")
    call.rows()
    ledger.time += away
    assert call.seconds_at_work() == pytest.approx(left)
