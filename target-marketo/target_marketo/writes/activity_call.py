"""One call that adds activities: what the ledger hands out just before the bytes leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from target_marketo.store.activity_ledger import Claim
from target_marketo.writes.activity_body import date_of, with_type

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from target_marketo.delivery.interface import Row
    from target_marketo.store.activity_ledger import State
    from target_marketo.writes.activity_means import Means

_MOST_SECONDS_TO_SEND = 5.0  # from the commit that claims rows until they leave
_CLAIMS = 3


class Sent(NamedTuple):
    """A row of a call: where it stands in the batch, and what the ledger learns of it."""

    position: int
    claim: Claim
    body: bytes

    @property
    def once(self) -> str:
        return self.claim.once

    @classmethod
    def of(cls, position: int, row: Row, key_hash: str) -> Sent:
        """A row of a batch."""
        claim = Claim(str(row.once), row.lead_id, date_of(row.row), key_hash)
        return cls(position, claim, row.row)


class NothingToSend(Exception):
    """By the time that the slot was granted all rows were there."""


class StoreIsSlow(Exception):
    """The rows could not be claimed just before they leave."""


class Call:
    """One call: claims its rows each time that its slot is granted, just before they leave.

    `sent` are those that were claimed last, `in_the_way` what the ledger says of the others.
    """

    def __init__(self, means: Means, type_id: int, wanted: Sequence[Sent]) -> None:
        self._means = means
        self._type_id = type_id
        self._wanted = wanted
        self._claimed_at = means.monotonic()
        self.sent: list[Sent] = []
        self.in_the_way: Mapping[str, State] = {}

    def rows(self) -> list[bytes]:
        """Asked by the API's client; if it was asked before, that call was not carried out.

        Raises:
            NothingToSend, StoreIsSlow: The call is not made.
        """
        self.give_back()
        claims = [each.claim for each in self._wanted]
        first = {each.once: each for each in reversed(self._wanted)}
        for _ in range(_CLAIMS):
            self._claimed_at = self._means.monotonic()
            claimed = self._means.ledger.claim(self._type_id, claims)
            self.sent = [first[once] for once in claimed.attempts]
            self.in_the_way = claimed.refused
            if not self.sent:
                raise NothingToSend
            if self._means.monotonic() - self._claimed_at <= _MOST_SECONDS_TO_SEND:
                return [with_type(each.body, self._type_id) for each in self.sent]
            self.give_back()
        raise StoreIsSlow

    def give_back(self) -> None:
        """What was claimed has surely not been carried out."""
        if self.sent:
            self._means.before_move()
            unsent = [each.once for each in self.sent]
            self._means.ledger.settle(self._type_id, unsent=unsent)
            self.sent = []

    def seconds_at_work(self) -> float:
        """How long the call may still be at work: until twice its time-out after it was sent."""
        away = self._means.monotonic() - self._claimed_at
        if away > self._means.timeout + _MOST_SECONDS_TO_SEND:
            away = 0.0  # this process was frozen: when it sent is unknown
        return 2 * self._means.timeout - away
