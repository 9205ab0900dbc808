"""Leases inside one process: nobody else sees them."""

from __future__ import annotations

import time
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from target_marketo.store.leases import Row


class MemoryLeases:
    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = Lock()
        self._rows: dict[str, dict[str, Row]] = {}
        self._documents: dict[str, str | None] = {}

    @contextmanager
    def transaction(self, instance: str, *, durable: bool = True) -> Iterator[_MemoryLedger]:
        del durable
        with self._lock:
            rows = self._rows.get(instance, {})
            ledger = _MemoryLedger(self._monotonic(), rows, self._documents.get(instance))
            yield ledger
            self._rows[instance] = ledger.live
            self._documents[instance] = ledger.document


class _MemoryLedger:
    def __init__(self, now: float, rows: Mapping[str, Row], document: str | None) -> None:
        self.now = now
        self.document = document
        self.live = {row.id: row for row in rows.values() if row.until > now}

    @property
    def rows(self) -> Mapping[str, Row]:
        return self.live

    def put(self, row: Row) -> None:
        self.live[row.id] = row

    def drop(self, lease_id: str) -> None:
        self.live.pop(lease_id, None)

    def keep(self, document: str) -> None:
        self.document = document
