"""The command `tap-livechat`: a signal ends it in its own way from the first moment on.

To load everything takes half a second, in which Python answers SIGINT with a traceback, and click
with exit code 1. The target has the same few lines: the two are installed apart.
"""

from __future__ import annotations

import gc
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType


def main() -> None:
    """Runs the command; the SDK puts its own handlers in the place of these."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    gc.disable()  # what is loaded stays: to search it meanwhile is a tenth of the start

    from tap_livechat.tap import TapLiveChat  # noqa: PLC0415 - after the handlers

    TapLiveChat.cli()


def _leave(number: int, _frame: FrameType | None) -> None:
    # At once: there is nothing yet to wind up, and half of the modules may be loaded.
    with suppress(OSError):
        os.write(2, b"tap-livechat: stopped while it started\n")
    os._exit(128 + number)
