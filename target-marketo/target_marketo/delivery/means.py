"""What every part of the engine works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from target_marketo.delivery.packing import Size
from target_marketo.mapping.rules import Duplicates

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_marketo.delivery.ending import Ending
    from target_marketo.delivery.settlement import Settlement
    from target_marketo.delivery.workers import Dispatch, Rests


@dataclass(frozen=True, slots=True)
class Options:
    """The settings that shape batches; ages and patience in seconds."""

    batch_size: int = 300
    max_age: float = 60.0
    max_concurrent: int = 5
    duplicates: Duplicates = Duplicates.NEWEST
    outage_patience: float = 1800.0
    max_bytes: int = 24_000_000  # of records that are under way
    dry_run: bool = False
    leaves_out: bool = True  # a value that is refused costs its field, not the person

    @property
    def size(self) -> Size:
        """Of a call."""
        return Size(self.batch_size, max_age=self.max_age)


@dataclass(frozen=True, slots=True)
class Means:
    """The owners of a run's state, and its clock."""

    options: Options
    settlement: Settlement
    ending: Ending
    dispatch: Dispatch
    rests: Rests
    now: Callable[[], float]
