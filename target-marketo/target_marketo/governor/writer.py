"""One run at a time writes to an instance; whoever comes meanwhile waits for it.

Two runs that look a person up before either has created it make it twice: `createOnly` sees what is
there when a call arrives, not what another call is about to write (Adobe: "Leads", concurrent
upserts). Nor would `if_empty` hold, decided twice from one lookup.

The right to write is a term in the store, renewed while the run lives: that of a killed one ends by
itself. What such a run has still in flight is not its business, see `Marketo.outlast`. Who was
frozen for longer than a term goes on only if nobody else has written in between.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from target_marketo.governor.clock import Clock, SystemClock
from target_marketo.governor.errors import AnotherWrites, StoreUnavailable
from target_marketo.governor.retries import Patience
from target_marketo.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_marketo.store.leases import Leases

TERM_SECONDS = 30.0
PATIENCE_SECONDS = 900.0
"""How long a run waits for its turn; the tap waits with it, as its pipe is full."""

_LOOK_SECONDS = 1.0
_STORE_PATIENCE_SECONDS = 30.0

logger = logging.getLogger("target-marketo")


@dataclass(frozen=True, slots=True)
class Term:
    """Who writes, since when (wall clock), and until which second of the store's clock."""

    process: str
    host: str
    pid: int
    since: str
    until: float


class Writer:
    """The right of this process to write to an instance; `held` is for its main thread."""

    def __init__(
        self,
        instance: str,
        leases: Leases,
        *,
        clock: Clock | None = None,
        term_seconds: float = TERM_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._instance = instance
        # A name of its own: the document of the instance itself is the governor's.
        self._name = f"writer of {instance}"
        self._leases = leases
        self._clock = clock or SystemClock()
        self._term, self._patience = term_seconds, patience_seconds
        self._host, self._pid = socket.gethostname(), os.getpid()
        self._process = f"{self._host}:{self._pid}:{secrets.token_hex(4)}"
        self._since = self._clock.utc().strftime("%Y-%m-%d %H:%M UTC")
        self._good_until = 0.0  # on this process's clock

    @contextmanager
    def held(self) -> Iterator[None]:
        """Waits for the right to write, and keeps it while the block lasts.

        Raises:
            AnotherWrites: Another run kept it for all of the patience.
            StoreError: Nobody can say who has it.
        """
        self._wait_for_turn()
        over = threading.Event()
        thread = threading.Thread(target=self._renew_until, args=(over,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self._give_back()

    def check(self) -> None:
        """To be called just before a write is sent, by any thread.

        Raises:
            AnotherWrites: This process was frozen, and another run has written since.
            StoreUnavailable: The term has run out and cannot be renewed.
        """
        if self._clock.monotonic() < self._good_until:
            return
        try:
            other = self._renew()
        except StoreError as error:
            raise StoreUnavailable(f"{error}; nothing is written without it") from None
        if other is not None:
            raise AnotherWrites(
                f"this run stood still for more than {self._term:.0f} s and {_who(other)} has "
                f"written to {self._instance} since: the next run goes on"
            )

    def _wait_for_turn(self) -> None:
        give_up_at = self._clock.monotonic() + self._patience
        told = False
        while (other := self._take_patiently()) is not None:
            if self._clock.monotonic() >= give_up_at:
                raise AnotherWrites(
                    f"{_who(other)} writes to {self._instance} since {other.since}, and one run "
                    f"at a time may: waited {self._patience / 60:.0f} minutes; run again when it "
                    "has ended"
                )
            if not told:
                logger.info(
                    "Waiting for %s, which writes to %s since %s",
                    _who(other),
                    self._instance,
                    other.since,
                )
                told = True
            self._clock.wait(threading.Event(), _LOOK_SECONDS)

    def _take_patiently(self) -> Term | None:
        """As `_take`; a server that goes away in its midst is asked again."""
        patience = Patience(_STORE_PATIENCE_SECONDS)
        while True:
            try:
                return self._take()
            except StoreError as error:
                if not error.is_away or patience.lost(self._clock.monotonic()):
                    raise

    def _take(self) -> Term | None:
        """Begins a term, unless another's has not ended; whose."""
        asked = self._clock.monotonic()
        with self._leases.transaction(self._name) as ledger:
            last = _read(ledger.document)
            # One of our own: of a commit whose reply was lost.
            if last is not None and last.until > ledger.now and last.process != self._process:
                return last
            ledger.keep(self._written(ledger.now + self._term))
        self._good_until = asked + self._term
        return None

    def _renew(self) -> Term | None:
        """Makes the term longer, unless another's has begun; whose."""
        asked = self._clock.monotonic()
        with self._leases.transaction(self._name) as ledger:
            last = _read(ledger.document)
            if last is None or last.process != self._process:
                return last or Term("", "an unknown host", 0, "", 0.0)
            ledger.keep(self._written(ledger.now + self._term))
        self._good_until = asked + self._term
        return None

    def _renew_until(self, over: threading.Event) -> None:
        while not over.wait(self._term / 3):
            try:
                if self._renew() is not None:
                    return  # `check` tells it, should there be anything to write
            except StoreError as error:
                logger.warning("The right to write could not be renewed yet: %s", error)

    def _give_back(self) -> None:
        self._good_until = 0.0
        try:
            with self._leases.transaction(self._name) as ledger:
                last = _read(ledger.document)
                if last is not None and last.process == self._process:
                    ledger.keep(self._written(ledger.now))
        except StoreError as error:
            logger.warning("The next run waits %.0f s: %s", self._term, error)

    def _written(self, until: float) -> str:
        term = Term(self._process, self._host, self._pid, self._since, until)
        return msgspec.json.encode(term).decode()


def _read(document: str | None) -> Term | None:
    """What another version wrote and this one cannot read is as none."""
    try:
        return _DECODER.decode(document) if document else None
    except msgspec.MsgspecError:
        return None


def _who(term: Term) -> str:
    return f"process {term.pid} on {term.host}"


_DECODER = msgspec.json.Decoder(Term)
