"""One round: a Marketo, an input, a fault, a verdict."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tests.faults import attached
from tests.faults.attached import Attached
from tests.faults.invariants import Allowed, Remains, Verdict, judge
from tests.faults.people import People
from tests.faults.scheduler import NO_BLOW, RATE_CALLS, RATE_SECONDS, SLOTS, Blow, Job

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.scheduler import Evidence
    from tests.sandbox.faults import Fault
    from tests.sandbox.marketo.client import MarketoSandbox

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
    # One person's row is what the faults are about.
    poisons: bool = False


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
    settings = trouble.settings
    if trouble.attaches:
        options |= attached.OPTIONS
        settings = {"streams": attached.streams(), **settings}
    marketo.reset(**options, faults=[msgspec.to_builtins(fault) for fault in faults])
    marketo.seed(people.seeded)
    with tempfile.TemporaryDirectory() as folder:
        job = Job(marketo, Path(folder), **settings)
        evidence = job.run_until_done(people, lambda attempt: trouble.blow(seed, attempt))
        in_error_log = logged(job.store)
    time.sleep(trouble.settles)
    journal = marketo.journal()
    remains = Remains(
        people=people,
        evidence=evidence,
        leads=marketo.leads(),
        journal=journal,
        counts=marketo.counts(),
        in_error_log=in_error_log,
        secrets=people.secrets() | {marketo.client_secret},
        allowed=allowed,
        attached=Attached.of(marketo, journal) if trouble.attaches else None,
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


def logged(store: Path) -> set[int]:
    """The serials of the records in the error log."""
    if not store.exists():
        return set()
    with sqlite3.connect(store) as connection:
        rows = connection.execute("SELECT record FROM errors").fetchall()
    connection.close()
    return {int(msgspec.json.decode(row[0])["serial"]) for row in rows}
