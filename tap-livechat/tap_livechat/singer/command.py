"""How a run ends: with one line and exit code 1, or by a signal with its STATE written.

The SDK prints a traceback for an error, several lines for wrong settings, and exits 0 when it is
told to stop. Here an error is one line on standard error (what, where, what to do), and a signal
ends the run with 128 + its number, after the batch in hand and its STATE have been written.

The target, which is installed apart, ends otherwise: it has calls under way to wait for.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.plugin_base import SingerCommand

from tap_livechat.errors import LiveChatError
from tap_livechat.singer.inputs import mistake_in_a_map

if TYPE_CHECKING:
    from collections.abc import Iterator


class Terminated(BaseException):
    """The signal that asks us to stop. Not an Exception: nobody on the way up is to catch it."""


class Termination:
    """Lets a signal through at once, or, while something is being written, right after it."""

    def __init__(self) -> None:
        self._is_held = False
        self._waiting: int | None = None

    def signalled(self, number: int) -> None:
        # The second one of its kind ends us the system's way: a target may have stopped reading.
        signal.signal(number, signal.SIG_DFL)
        if self._is_held:
            self._waiting = number
        else:
            raise Terminated(number)

    @contextmanager
    def held(self) -> Iterator[None]:
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
        if self._waiting is not None:
            raise Terminated(self._waiting)


class Command(SingerCommand):
    """The SDK's command line, with our endings."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().main(*args, **kwargs)
        except Terminated as stop:
            (number,) = stop.args
            name = signal.Signals(number).name
            self.logger.warning("Stopped by %s; the next run goes on from the last STATE", name)
            _flush_or_forget()
            sys.exit(128 + number)
        except LiveChatError as error:
            self._fail(str(error))
        except ConfigValidationError as error:
            self._fail("; ".join(error.errors) or str(error))
        except FileNotFoundError as error:
            self._fail(f"no such file: {error.filename or error}; check --config")
        except Exception as error:  # noqa: BLE001 - whatever it is, it becomes one line
            if mistake := mistake_in_a_map(error):
                self._fail(mistake)
            # Without the texts of the exceptions: they may quote a record or a token.
            self.logger.debug("The whole story:\n%s", "".join(_frames(error)))
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}"
            self._fail(f"a bug: {where}; please report it (details: LOGLEVEL=DEBUG)")

    def invoke(self, ctx: click.Context) -> Any:
        # As the SDK's, which would print wrong settings in several lines.
        logging.captureWarnings(capture=True)
        try:
            return click.Command.invoke(self, ctx)
        except BrokenPipeError:
            # Here, since click would end us without a word.
            raise LiveChatError("the target stopped reading; see its own message") from None
        except FileNotFoundError:
            raise
        except OSError as error:
            raise LiveChatError(
                f"standard output cannot be written ({error.strerror}); the next run goes on from "
                "the last STATE"
            ) from None

    def _fail(self, message: str) -> NoReturn:
        self.logger.error(" ".join(message.split()))
        _flush_or_forget()
        sys.exit(1)


def _flush_or_forget() -> None:
    """What was written before an error is good; if nobody reads it, Python must not mind either.

    As in the target: the two are installed apart.
    """
    if sys.stdout is None:  # closed before we began
        return
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _frames(error: BaseException | None) -> Iterator[str]:
    """The way to an error and its causes: places and types alone."""
    while error is not None:
        yield from traceback.format_tb(error.__traceback__)
        yield f"{type(error).__name__}\n"
        error = error.__cause__ or error.__context__
