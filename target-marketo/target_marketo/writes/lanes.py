"""What lanes go to: found before the first row, as people's fields are, and known for a day.

What is not there ends its lane when something is to go to it, and nothing else.
"""

from __future__ import annotations

import threading
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from target_marketo.delivery.interface import CallFailed, Fate
from target_marketo.governor import Cancelled
from target_marketo.marketo.errors import EndsKind, MarketoError, Rejected
from target_marketo.writes.results import failure_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping

    from target_marketo.mapping.attachments import Lane

_NOT_THERE = "1013"  # what Marketo answers for what our names do not lead to


class Known(NamedTuple):
    """The id of a list or program, and the step of a status, if that may be looked at.

    Objects go by their names; `types` are the data types of their fields.
    """

    id: int = 0
    step: int | None = None
    types: Mapping[str, str] = MappingProxyType({})


class Lanes:
    """Knows them. Any thread may ask.

    Args:
        lanes: Those of a run.
        find: Asks for one; of what was found within the day it knows itself.
        forget: Has the next `find` ask Marketo.
    """

    def __init__(
        self,
        lanes: Iterable[Lane],
        find: Callable[[Lane], Known],
        forget: Callable[[Lane], None],
    ) -> None:
        self._lanes = tuple(lanes)
        self._find = find
        self._forget = forget
        self._found: dict[Lane, Known | CallFailed] = {}
        self._guards_renewal = threading.Lock()

    def find(self) -> dict[Lane, Mapping[str, str]]:
        """Finds all of them, and the data types of what goes there.

        Raises:
            MarketoError, GovernorError, StoreError: Marketo cannot be asked.
        """
        for lane in self._lanes:
            self._found[lane] = self._ask(lane)
        return {lane: known.types for lane in self._lanes if (known := self.peek(lane)) is not None}

    def of(self, lane: Lane) -> Known:
        """What a lane goes to.

        Raises:
            CallFailed: It is not there.
        """
        found = self._found[lane]
        if isinstance(found, CallFailed):
            raise found
        return found

    def peek(self, lane: Lane) -> Known | None:
        """The same; None if it is not there."""
        found = self._found[lane]
        return None if isinstance(found, CallFailed) else found

    def about(self, lane: Lane) -> Hashable:
        """The same for lanes to one list or program, whatever each calls it."""
        known = self.peek(lane)
        return lane.key[0] if known is None else known.id

    def moved(self, lane: Lane, known: Known) -> bool:
        """Asks again whether a lane goes elsewhere by now, such as to a list of the same name.

        Raises:
            CallFailed, NotSent: It is not there any more, or cannot be asked for.
        """
        with self._guards_renewal:
            if self._found[lane] == known:
                self._forget(lane)
                try:
                    self._found[lane] = self._ask(lane)
                except (MarketoError, Cancelled) as error:
                    raise failure_of(error) from None
        return self.of(lane) != known

    def _ask(self, lane: Lane) -> Known | CallFailed:
        try:
            return self._find(lane)
        except EndsKind as error:
            return _ended(error, Fate.ENDS_KIND)
        except Rejected as error:
            return _ended(error, Fate.ENDS_LANE)


def _ended(error: MarketoError, fate: Fate) -> CallFailed:
    text = str(error)
    return CallFailed(error, fate, code=error.code or _NOT_THERE, cure=text)
