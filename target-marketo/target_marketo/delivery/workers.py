"""Threads that wait for the network, so that the owner of everything else never does."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Workers:
    """So many calls at once. What comes of each is told by the thread that made it.

    `waiting` holds the calls that no thread has taken up yet.
    """

    def __init__(self, number: int) -> None:
        self.waiting: SimpleQueue[Callable[[], None]] = SimpleQueue()
        for each in range(number):
            # Daemons: a call that hangs must not keep a process that was told to end.
            threading.Thread(target=self._work_on, name=f"marketo-{each}", daemon=True).start()

    def start(self, call: Callable[[], Any], tell: Callable[[Any], None]) -> None:
        """Has a call made; `tell` is given what it returned or raised, on another thread."""

        def work() -> None:
            try:
                result = call()
            except Exception as error:  # noqa: BLE001 - whatever it is, the owner decides
                result = error
            tell(result)

        self.waiting.put(work)

    def _work_on(self) -> None:
        while True:
            self.waiting.get()()
