"""METRIC lines as the SDK's own taps and targets log them: each tells what came since the last."""

from __future__ import annotations

import os
from collections import Counter
from time import monotonic
from typing import TYPE_CHECKING

from singer_sdk.metrics import Metric, Point, Status, Tag, get_metrics_logger, log

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Counts = Callable[[], Mapping[str, int]]


class Metrics:
    """Records by stream, calls by kind, and in the end how long it took.

    `records` and `calls` tell how many there have been.
    """

    def __init__(self, records: Counts, calls: Counts) -> None:
        self._sources = (
            (Metric.RECORD_COUNT, Tag.STREAM, records),
            (Metric.HTTP_REQUEST_COUNT, Tag.ENDPOINT, calls),
        )
        self._told: dict[Metric, Counter[str]] = {metric: Counter() for metric, *_ in self._sources}
        self._began = monotonic()

    def tell(self) -> None:
        """Logs what came since it was last called."""
        for metric, tag, counts in self._sources:
            now = Counter(counts())
            for name, value in (now - self._told[metric]).items():
                _log("counter", metric, value, {tag: name})
            self._told[metric] = now

    def end(self, *, succeeded: bool) -> None:
        """The last of it."""
        self.tell()
        status = Status.SUCCEEDED if succeeded else Status.FAILED
        seconds = round(monotonic() - self._began, 3)
        _log("timer", Metric.JOB_DURATION, seconds, {Tag.STATUS: status})


def _log(kind: str, metric: Metric, value: float, tags: Mapping[Tag, str]) -> None:
    named = {str(tag.value): str(getattr(each, "value", each)) for tag, each in tags.items()}
    point = Point(kind, metric, value, {**named, Tag.PID.value: os.getpid()})
    log(get_metrics_logger(), point)
