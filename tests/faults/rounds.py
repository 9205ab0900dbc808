"""One round: a Marketo, an input, a fault, a verdict."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tests.faults import attached, timelines
from tests.faults.attached import Attached
from tests.faults.invariants import Allowed, Remains, Verdict, judge
from tests.faults.kinds import part_of
from tests.faults.launch import Jump
from tests.faults.people import People, streams_setting
from tests.faults.scheduler import NO_BLOW, RATE_CALLS, RATE_SECONDS, SLOTS, Blow, Job
from tests.faults.timelines import Timelines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from tests.faults.kinds import Logged
    from tests.faults.others import Somebody
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
    # Of today's quota, what other integrations have used before.
    used_by_others: int = 0
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
    # MB that a process held at its most.
    peak: float


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
    streams = streams_setting()
    settings: dict[str, Any] = {}
    if trouble.attaches:
        options = attached.OPTIONS | options
        streams = attached.attach(streams)
    if trouble.chats:
        options = timelines.OPTIONS | options
        streams = timelines.attach(streams)
        settings |= timelines.SETTINGS
    settings |= {"streams": streams} | trouble.settings
    marketo.reset(**options, faults=[msgspec.to_builtins(fault) for fault in faults])
    marketo.seed(people.seeded)
    marketo.other_calls(trouble.used_by_others)
    turned: list[float] = []  # when Marketo's clock was put forward, by itself

    def turn() -> None:
        if trouble.begins is not None:
            marketo.advance_clock(trouble.tomorrow)
            turned.append(marketo.now())

    def true_time(moment: float) -> float:
        return moment - offset - trouble.tomorrow * sum(each <= moment for each in turned)

    with tempfile.TemporaryDirectory() as folder:
        clock = trouble.clock or ((Jump(0, offset),) if offset else ())
        job = Job(marketo, Path(folder), clock=clock, tomorrow=trouble.tomorrow, **settings)
        somebody = trouble.somebody(seed) if trouble.somebody else None

        def blow(attempt: int) -> Blow:
            if attempt and trouble.mends:
                marketo.set_options(**trouble.mends)
            return trouble.blow(seed, attempt)

        with _at_work(somebody, marketo):
            evidence = job.run_until_done(people, blow, turn)
        in_error_log = logged(job.store)
    time.sleep(trouble.settles)
    journal = [_by_true_time(entry, true_time) for entry in marketo.journal()]
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
    verdict = judge(remains)
    return Round(
        trouble=trouble,
        seed=seed,
        rows=trouble.rows,
        restarts=len(evidence.attempts) - 1,
        strikes=sum(bool(entry.fault) for entry in journal) + evidence.broken_off,
        seconds=time.monotonic() - began,
        verdict=replace(verdict, violations=[*verdict.violations, *_idle(trouble, journal)]),
        peak=evidence.peak,
    )


def _idle(trouble: Trouble, journal: list[JournalEntry]) -> Iterator[str]:
    """A round in which nothing went wrong proves nothing."""
    if trouble.faults and not any(entry.fault for entry in journal):
        yield "no call was struck by the fault"


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


def _by_true_time(entry: JournalEntry, true_time: Callable[[float], float]) -> JournalEntry:
    """An entry of a Marketo whose clock is another."""
    return msgspec.structs.replace(
        entry,
        arrival=true_time(entry.arrival),
        reply=true_time(entry.reply),
        applied=entry.applied and true_time(entry.applied),
    )


def logged(store: Path, instance: str | None = None) -> Logged:
    """Which parts of which records are in the error log, of one instance or of all."""
    found: Logged = {}
    if not store.exists():
        return found
    with contextlib.closing(sqlite3.connect(store)) as connection:
        rows = connection.execute("SELECT instance, part, record FROM errors").fetchall()
    for of, part, record in rows:
        if instance in {None, of}:
            serial = int(msgspec.json.decode(record)["serial"])
            found.setdefault(part_of(part), set()).add(serial)
    return found
