"""What was asked and answered. A control call is in no count."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

_KEPT = 100_000


@dataclass(frozen=True, slots=True)
class Entry:
    number: int
    method: str
    version: str
    status: int
    error: str | None
    billed: bool
    at: str  # by the sandbox's clock
    seconds: float  # from arrival to reply, in real time
    rows: int
    keys: tuple[str, ...]  # of the body, with those of its filters; never their values


class Journal:
    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=_KEPT)
        self._requests: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._rows: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._billed = 0
        self._in_flight = 0
        self._max_in_flight = 0

    def arrive(self) -> float:
        self._in_flight += 1
        self._max_in_flight = max(self._max_in_flight, self._in_flight)
        return time.perf_counter()

    def leave(self) -> None:
        self._in_flight -= 1

    def write(
        self,
        method: str,
        version: str,
        status: int,
        *,
        error: str | None = None,
        billed: bool,
        at: str,
        arrived: float,
        rows: int = 0,
        body: bytes = b"",
    ) -> None:
        self._requests[method] += 1
        self._statuses[str(status)] += 1
        self._rows[method] += rows
        self._billed += billed
        if error:
            self._errors[error] += 1
        self._entries.append(
            Entry(
                sum(self._requests.values()),
                method,
                version,
                status,
                error,
                billed,
                at,
                round(time.perf_counter() - arrived, 6),
                rows,
                _keys(body),
            )
        )

    def counts(self) -> dict[str, Any]:
        return {
            "requests": dict(self._requests),
            "requests_total": sum(self._requests.values()),
            "billed": self._billed,
            "errors": dict(self._errors),
            "statuses": dict(self._statuses),
            "rows": dict(self._rows),
            "in_flight": self._in_flight,
            "max_in_flight": self._max_in_flight,
        }

    def entries(self) -> list[dict[str, Any]]:
        return [asdict(entry) for entry in self._entries]


def _keys(body: bytes) -> tuple[str, ...]:
    try:
        asked = msgspec.json.decode(body or b"{}")
    except msgspec.DecodeError:
        return ()
    if not isinstance(asked, dict):
        return ()
    filters = asked.get("filters")
    nested = filters if isinstance(filters, dict) else {}
    return (*sorted(asked), *sorted(f"filters.{name}" for name in nested))
