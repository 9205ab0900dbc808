"""A line on the terminal that shows how a run is doing; nothing where nobody is looking."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from target_marketo.governor import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_marketo.delivery.summary import Summary
    from target_marketo.governor import Governor

_PER_SECOND = 2.0


@contextmanager
def live_line(summary: Summary, governor: Governor) -> Iterator[None]:
    """Shows the run's line on standard error while the block lasts, if that is a terminal."""
    if sys.stderr is None or not sys.stderr.isatty():  # it is None where it was closed
        yield
        return

    from rich.console import Console  # noqa: PLC0415 - most runs are of a scheduler, and need none
    from rich.live import Live  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(stderr=True)
    live = Live(
        get_renderable=lambda: Text(line(summary, governor), no_wrap=True, overflow="ellipsis"),
        console=console,
        refresh_per_second=_PER_SECOND,
        transient=True,
        redirect_stdout=False,  # STATE goes there
    )
    handlers = [
        handler
        for handler in logging.getLogger().handlers
        if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stderr
    ]
    terminal = sys.stderr
    with live:
        # Log lines go above the live line instead of through it.
        for handler in handlers:
            handler.setStream(sys.stderr)
        try:
            yield
        finally:
            for handler in handlers:
                handler.setStream(terminal)


def line(summary: Summary, governor: Governor) -> str:
    """Rows, calls, rate against the limit, and what is left of the day's budget."""
    rows = (
        f"{summary.received:,} records: {summary.created:,} created, {summary.updated:,} updated, "
        f"{summary.unchanged_people:,} unchanged, {summary.rejected:,} rejected"
    )
    try:
        usage = governor.snapshot()
    except StoreUnavailable:
        return rows
    return (
        f"{rows} | {usage.calls_in_window} of {usage.calls_budget} calls in "
        f"{usage.window_seconds:g} s, {usage.slots_in_flight} of {usage.slots_budget} at once | "
        f"{max(0, usage.daily_limit - usage.today_everybody):,} calls left today"
    )
