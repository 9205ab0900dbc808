"""One round: a Marketo, an input, a fault, a verdict."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tests.faults import attached, timelines
from tests.faults.attached import Attached
from tests.faults.invariants import Allowed, Remains, Verdict, judge
from tests.faults.kinds import part_of
from tests.faults.launch import Jump
from tests.faults.people import People
from tests.faults.scheduler import NO_BLOW, RATE_CALLS, RATE_SECONDS, SLOTS, Blow, Job
from tests.faults.timelines import Timelines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from tests.faults.kinds import Logged
    from tests.faults.others import Somebody
    from tests.faults.scheduler import Evidence
    from tests.sandbox.faults import Fault
    from tests.sandbox.marketo.client import MarketoSandbox
    from tests.sandbox.marketo.counts import JournalEntry

ROWS = 300


@dataclass(frozen=True)
class Trouble:
    """A line of the table: what is done, to an input of which shape."""

    name: str
    faults: tuple[Fault, ...] = ()
    allowed: Allowed = field(default_factory=Allowed)
    rows: int = ROWS
    streams: int = 1
    state_every: int = 7
    marketo: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    # By seed and number of the attempt: what befalls the process.
    blow: Callable[[int, int], Blow] = lambda _, __: NO_BLOW
    # Seconds until everything that was sent is surely done at the server.
    settles: float = 0.0
    # A list, a status and an object go with each record.
    attaches: bool = False
    # A custom activity goes with each record.
    chats: bool = False
    # One person's row is what the faults are about.
    poisons: bool = False
    # The host's wall clock, and how much later a run comes after one that spent the quota.
    clock: tuple[Jump, ...] = ()
    tomorrow: float = 86_400.0
    # Marketo's clock in the beginning, which the host has too; None: the present time.
    begins: datetime | None = None
    # What the administrator puts right once a run has broken off: options of the sandbox.
    mends: dict[str, Any] = field(default_factory=dict)
    # Made of the seed: who else is at work.
    somebody: Callable[[int], Somebody] | None = None


@dataclass(frozen=True)
class Round:
    """What came of one."""

    trouble: Trouble
    seed: int
    rows: int
    restarts: int
    strikes: int
    seconds: float
    verdict: Verdict
    evidence: Evidence


def marketo_options(seed: int = 1) -> dict[str, Any]:
    """A Marketo with the target's own limits, in which calls overtake each other."""
    return {
        "seed": seed,
        "rate_calls": RATE_CALLS,
        "rate_seconds": RATE_SECONDS,
        "slots": SLOTS,
        "latency_median": 0.03,
        "latency_sigma": 0.6,
        "latency_max": 0.5,
        "arrival_fraction_max": 0.5,
        "journal_values": True,
    }


def play(trouble: Trouble, marketo: MarketoSandbox, seed: int) -> Round:
    """One round of a trouble, with everything drawn from the seed."""
    began = time.monotonic()
    people = People.of(seed, trouble.rows, state_every=trouble.state_every, streams=trouble.streams)
    faults, allowed = trouble.faults, trouble.allowed
    if trouble.poisons:
        poison = people.alone()
        faults = tuple(
            msgspec.structs.replace(fault, holding=poison.first_name) for fault in faults
        )
        allowed = Allowed(poison=poison.serial)
    options = marketo_options(seed) | trouble.marketo
    offset = 0.0
    if trouble.begins is not None:
        options |= {"clock_start": trouble.begins.isoformat()}
        offset = trouble.begins.timestamp() - time.time()
    settings = trouble.settings
    if trouble.attaches:
        options |= attached.OPTIONS
        settings = {"streams": attached.streams(), **settings}
    if trouble.chats:
        options |= timelines.OPTIONS
        settings = {"streams": timelines.streams(), **timelines.SETTINGS, **settings}
    marketo.reset(**options, faults=[msgspec.to_builtins(fault) for fault in faults])
    marketo.seed(people.seeded)
    with tempfile.TemporaryDirectory() as folder:
        clock = trouble.clock or ((Jump(0, offset),) if offset else ())
        job = Job(marketo, Path(folder), clock=clock, tomorrow=trouble.tomorrow, **settings)
        somebody = trouble.somebody(seed) if trouble.somebody else None

        def blow(attempt: int) -> Blow:
            if attempt and trouble.mends:
                marketo.set_options(**trouble.mends)
            return trouble.blow(seed, attempt)

        with _at_work(somebody, marketo):
            evidence = job.run_until_done(people, blow)
        in_error_log = logged(job.store)
    time.sleep(trouble.settles)
    journal = [_by_true_time(entry, offset) for entry in marketo.journal()]
    remains = Remains(
        people=people,
        evidence=evidence,
        leads=marketo.leads(),
        journal=journal,
        counts=marketo.counts(),
        logged=in_error_log,
        secrets=people.secrets() | {marketo.client_secret},
        allowed=allowed,
        changes=somebody.changes if somebody else [],
        attached=Attached.of(marketo, journal) if trouble.attaches else None,
        timelines=Timelines.of(marketo) if trouble.chats else None,
    )
    return Round(
        trouble=trouble,
        seed=seed,
        rows=trouble.rows,
        restarts=len(evidence.attempts) - 1,
        strikes=sum(bool(entry.fault) for entry in journal) + evidence.broken_off,
        seconds=time.monotonic() - began,
        verdict=judge(remains),
        evidence=evidence,
    )


@contextlib.contextmanager
def _at_work(somebody: Somebody | None, marketo: MarketoSandbox) -> Iterator[None]:
    if somebody is None:
        yield
        return
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        acts = pool.submit(somebody.acts, marketo, stop)
        try:
            yield
        finally:
            stop.set()
        acts.result()


def _by_true_time(entry: JournalEntry, offset: float) -> JournalEntry:
    """An entry of a Marketo whose clock is so far ahead."""
    return msgspec.structs.replace(
        entry,
        arrival=entry.arrival - offset,
        reply=entry.reply - offset,
        applied=entry.applied and entry.applied - offset,
    )


def logged(store: Path) -> Logged:
    """Which parts of which records are in the error log."""
    found: Logged = {}
    if not store.exists():
        return found
    with sqlite3.connect(store) as connection:
        rows = connection.execute("SELECT part, record FROM errors").fetchall()
    connection.close()
    for part, record in rows:
        found.setdefault(part_of(part), set()).add(int(msgspec.json.decode(record)["serial"]))
    return found
