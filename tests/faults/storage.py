"""Rounds in which the disk under the store fails: full, read-only, torn.

The run must stop with one line, and no STATE may pass the fault; once the disk is well again, the
next run goes on and nothing is missing. A store whose file is damaged is put aside by hand; what
Marketo holds makes that harmless.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from tests.faults.invariants import Remains, Verdict, judge
from tests.faults.people import People
from tests.faults.rounds import Round, Trouble, logged, marketo_options
from tests.faults.scheduler import NO_BLOW, Attempt, Blow, Evidence, Job

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.marketo.client import MarketoSandbox

_ROWS = 200


@dataclass(frozen=True)
class StorageFault:
    """What is done to the store before the first attempt, and after it to mend it."""

    name: str
    blow: Callable[[int], Blow] = lambda _: NO_BLOW
    breaks: Callable[[Job, int], None] = lambda _, __: None
    mends: Callable[[Job], None] = lambda _: None
    # Whether a first run leaves a store behind for the fault to strike.
    needs_store: bool = False
    # Whether the first attempt may succeed in spite of it.
    may_succeed: bool = False


def storage() -> list[StorageFault]:
    """All of them."""
    return [
        StorageFault("disk full at a random size", blow=_full, may_succeed=True),
        StorageFault("disk full from the start", blow=lambda _: Blow(max_file_bytes=0)),
        StorageFault(
            "store cannot be opened", breaks=_in_the_way, mends=_out_of_the_way, needs_store=True
        ),
        StorageFault(
            "store torn: cut at a random byte",
            breaks=_cut,
            mends=_put_aside,
            needs_store=True,
            may_succeed=True,
        ),
        StorageFault(
            "store torn: zeros at a random place",
            breaks=_zero,
            mends=_put_aside,
            needs_store=True,
            may_succeed=True,
        ),
        StorageFault(
            "store torn: the log beside it cut at a random byte",
            breaks=_cut_log,
            needs_store=True,
            may_succeed=True,
        ),
        StorageFault("store is no database", breaks=_junk, mends=_put_aside),
    ]


def play_storage(fault: StorageFault, marketo: MarketoSandbox, seed: int) -> Round:
    """One round."""
    began = time.monotonic()
    people = People.of(seed, _ROWS)
    marketo.reset(**marketo_options(seed))
    marketo.seed(people.seeded)
    with tempfile.TemporaryDirectory() as folder:
        job = Job(marketo, Path(folder))
        evidence = Evidence()
        if fault.needs_store:
            # Killed, so that its last transactions are still in the log beside the file.
            blow = Blow(kill_at="before STATE", occurrence=2)
            evidence.attempts.append(job.attempt(people.lines(), 0, blow))
        start = _position(evidence)
        before = logged(job.store)
        fault.breaks(job, seed)
        evidence.attempts.append(job.attempt(people.lines(start), start, fault.blow(seed)))
        fault.mends(job)
        struck = evidence.attempts[-1]
        if struck.code:
            rest = job.run_until_done_from(people, _position(evidence))
            evidence.attempts += rest.attempts
        after = logged(job.store)
        kept = {part: before.get(part, set()) | after.get(part, set()) for part in before | after}
    remains = Remains(
        people=people,
        evidence=evidence,
        leads=marketo.leads(),
        journal=marketo.journal(),
        counts=marketo.counts(),
        logged=kept,
        secrets=people.secrets() | {marketo.client_secret},
    )
    verdict = judge(remains)
    wrong = list(_wrong(fault, struck))
    return Round(
        trouble=Trouble(fault.name),
        seed=seed,
        rows=_ROWS,
        restarts=len(evidence.attempts) - 1,
        strikes=1,
        seconds=time.monotonic() - began,
        verdict=Verdict(verdict.tolls, verdict.violations + wrong),
        peak=evidence.peak,
    )


def _position(evidence: Evidence) -> int:
    return max((position for each in evidence.attempts for _, position in each.states), default=0)


def _wrong(fault: StorageFault, struck: Attempt) -> list[str]:
    if struck.code == 0 and not fault.may_succeed:
        return ["H: exit code 0 in spite of the fault"]
    return []


def _full(seed: int) -> Blow:
    # A store of one run is some 200 kB, with its log.
    return Blow(max_file_bytes=Random(f"{seed}/full").randrange(4_000, 250_000))


def _in_the_way(job: Job, _: int) -> None:
    # Permissions do not bind a superuser; a folder in the file's place binds everybody.
    for path in _files(job):
        path.rename(path.with_name(f"kept.{path.name}"))
    job.store.mkdir()


def _out_of_the_way(job: Job) -> None:
    job.store.rmdir()
    for path in job.folder.glob("kept.*"):
        path.rename(path.with_name(path.name.removeprefix("kept.")))


def _cut(job: Job, seed: int) -> None:
    size = job.store.stat().st_size
    with job.store.open("r+b") as file:
        file.truncate(Random(f"{seed}/cut").randrange(size))


def _zero(job: Job, seed: int) -> None:
    random = Random(f"{seed}/zero")
    with job.store.open("r+b") as file:
        file.seek(random.randrange(job.store.stat().st_size))
        file.write(bytes(4096))


def _cut_log(job: Job, seed: int) -> None:
    log = job.store.with_name(f"{job.store.name}-wal")
    if log.exists() and log.stat().st_size:
        with log.open("r+b") as file:
            file.truncate(Random(f"{seed}/log").randrange(log.stat().st_size))


def _junk(job: Job, seed: int) -> None:
    job.store.write_bytes(Random(f"{seed}/junk").randbytes(20_000))


def _put_aside(job: Job) -> None:
    for path in _files(job):
        path.unlink()


def _files(job: Job) -> list[Path]:
    return list(job.folder.glob(f"{job.store.name}*"))
