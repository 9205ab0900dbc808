"""Rounds of two instances of Marketo in one store: runs at the same time, over the same people.

Each is judged by itself, with all that goes with a record. One of them refuses people, or its run
is killed; the other has the same people and the same activities, and must neither resolve, count
nor take over anything of the first. Everything of both is there in the end, and each entry of the
error log is of the instance that refused it, and open as long as that has not taken the person.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tests.faults import attached, timelines
from tests.faults.attached import Attached
from tests.faults.invariants import Allowed, Remains, Verdict, judge
from tests.faults.kinds import Kind, Toll
from tests.faults.people import People, serial_of, streams_setting
from tests.faults.rounds import Round, Trouble, logged, marketo_options
from tests.faults.scheduler import NO_BLOW, SLOTS, Blow, Evidence, Job
from tests.faults.timelines import Timelines
from tests.sandbox.faults import Fault
from tests.sandbox.marketo.client import MarketoSandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ROWS = 100
_REFUSES = Fault(what="row", code="1003", calls=("sync",), share=0.2)
_LOST = Fault(what="reset", applied=True, calls=("sync", timelines.ADD), probability=0.3, at_most=4)


@dataclass(frozen=True)
class Neighbours:
    """A line of the table: what befalls the first of the two, and its process."""

    name: str
    faults: tuple[Fault, ...] = ()
    blow: Callable[[int], Blow] = lambda _: NO_BLOW


def neighbours() -> list[Neighbours]:
    """All of them."""
    return [
        Neighbours("two instances in one store, one refuses people", (_REFUSES, _LOST)),
        Neighbours(
            "two instances in one store, runs of one are killed",
            (_LOST,),
            blow=lambda attempt: NO_BLOW if attempt else Blow(signal_after=2.5),
        ),
    ]


def play_neighbours(pair: Neighbours, first: MarketoSandbox, seed: int) -> Round:
    """One round."""
    began = time.monotonic()
    people = People.of(seed, _ROWS, state_every=3, streams=2)
    options = attached.OPTIONS | timelines.OPTIONS | marketo_options(seed)
    faults = [msgspec.to_builtins(fault) for fault in pair.faults]
    with MarketoSandbox() as second, tempfile.TemporaryDirectory() as folder:
        both = (first, second)
        jobs = []
        for name, marketo in zip(("first", "second"), both, strict=True):
            marketo.reset(**options, faults=faults if marketo is first else [])
            marketo.seed(people.seeded)
            place = Path(folder) / name
            place.mkdir()
            jobs.append(_job(marketo, place, Path(folder) / "store.sqlite"))
        with ThreadPoolExecutor(2) as pool:
            running = [
                pool.submit(jobs[0].run_until_done, people, pair.blow),
                pool.submit(jobs[1].run_until_done, people),
            ]
            evidence = [each.result() for each in running]
        verdicts = [
            judge(_remains(job, people, each, Allowed(refuses=marketo is first)))
            for marketo, job, each in zip(both, jobs, evidence, strict=True)
        ]
        mixed = [*_mixed_up(jobs), *_budgets(jobs, evidence)]
    return Round(
        trouble=Trouble(pair.name),
        seed=seed,
        rows=2 * _ROWS,
        restarts=sum(len(each.attempts) - 1 for each in evidence),
        strikes=len([entry for entry in first.journal() if entry.fault])
        + sum(each.broken_off for each in evidence),
        seconds=time.monotonic() - began,
        verdict=Verdict(
            {kind: sum((each.tolls[kind] for each in verdicts), Toll()) for kind in Kind},
            [sentence for each in verdicts for sentence in each.violations] + mixed,
        ),
        peak=max(each.peak for each in evidence),
    )


def _job(marketo: MarketoSandbox, folder: Path, store: Path) -> Job:
    job = Job(
        marketo,
        folder,
        streams=timelines.attach(attached.attach(streams_setting())),
        store_url=f"sqlite:///{store}",
        **timelines.SETTINGS,
    )
    job.store = store
    return job


def _remains(job: Job, people: People, evidence: Evidence, allowed: Allowed) -> Remains:
    marketo, journal = job.marketo, job.marketo.journal()
    return Remains(
        people=people,
        evidence=evidence,
        leads=marketo.leads(),
        journal=journal,
        counts=marketo.counts(),
        logged=logged(job.store, _instance(job)),
        secrets=people.secrets() | {marketo.client_secret},
        allowed=allowed,
        attached=Attached.of(marketo, journal),
        timelines=Timelines.of(marketo),
    )


def _instance(job: Job) -> str:
    """As the store names it."""
    return job.marketo.url.partition("//")[2]


def _budgets(jobs: list[Job], evidence: list[Evidence]) -> Iterator[str]:
    """What the store says that an instance was asked, and what that instance saw of it.

    A process that is killed leaves at most as many calls unsent as it may have in flight.
    """
    with closing(sqlite3.connect(jobs[0].store)) as connection:
        query = "SELECT instance, document FROM governor_instances"
        noted = {name: msgspec.json.decode(text) for name, text in connection.execute(query)}
    for job, each in zip(jobs, evidence, strict=True):
        ours, seen = noted[_instance(job)]["day"]["ours"], job.marketo.counts().calls_today
        unsent = SLOTS * (len(each.attempts) - 1)
        if not seen <= ours <= seen + unsent:
            yield f"G: the store counts {ours} calls of an instance, which saw {seen}"


def _mixed_up(jobs: list[Job]) -> Iterator[str]:
    """What one instance has done to the other's part of the store."""
    with closing(sqlite3.connect(jobs[0].store)) as connection:
        entries = connection.execute("SELECT instance, part, record, resolved_at FROM errors")
        by_instance: dict[str, list[tuple[str, bytes, str | None]]] = {}
        for instance, *entry in entries.fetchall():
            by_instance.setdefault(instance, []).append((entry[0], entry[1], entry[2]))
        activities = dict(
            connection.execute("SELECT instance, count(*) FROM activities GROUP BY instance")
        )
    if set(by_instance) - {_instance(job) for job in jobs}:
        yield "A: the error log has entries of neither instance"
    for job in jobs:
        newest = {
            str(lead["email"]).lower(): serial_of(lead.get("firstName"))
            for lead in job.marketo.leads()
        }
        for part, text, resolved in by_instance.get(_instance(job), []):
            record = msgspec.json.decode(text)
            arrived = newest.get(str(record["email"]).lower(), -1)
            if part == Kind.PEOPLE.part and resolved and arrived < record["serial"]:
                yield f"A: record {record['serial']} is resolved, and its instance lacks it"
        noted, there = activities.get(_instance(job), 0), len(Timelines.of(job.marketo).activities)
        if noted != there:
            yield f"K: the ledger has {noted} activities of an instance, which has {there}"
