"""A governor that counts what it is asked and what becomes of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from target_marketo.governor import Governor, Lease, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable


class CountedGovernor(Governor):
    """`attempts` counts how often the store was asked for a place."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.acquired = self.attempts = 0
        self.outcomes: list[Outcome] = []

    @property
    def counts(self) -> Counter[Outcome]:
        return Counter(self.outcomes)

    def acquire(self, cancelled: Callable[[], bool] | None = None, **options: Any) -> Lease:
        lease = super().acquire(cancelled, **options)
        self.acquired += 1
        return lease

    def release(self, lease: Lease, outcome: Outcome, **options: Any) -> None:
        self.outcomes.append(outcome)
        super().release(lease, outcome, **options)

    def _attempt(self, *args: Any) -> Any:
        self.attempts += 1
        return super()._attempt(*args)
