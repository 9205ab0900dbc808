"""`python -m tests.demo`: the main job, end to end, with nothing to configure.

Starts LiveChat and Marketo on loopback, runs `meltano run livechat-to-marketo` twice in a Meltano
project of its own (your `.env`, bookmarks and stores are not touched), mails the digest of errors
to a mailbox on loopback, looks for itself at what Marketo and the mailbox hold afterwards, and says
so. Exit code 0 only if every check held.
"""

from __future__ import annotations

import math
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console
from rich.table import Table

from tests import guard, meltano_project, planted
from tests.sandbox.environment import Sandbox
from tests.sandbox.mailbox import Mailbox, open_mailbox

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.sandbox.marketo.counts import Counts

JOB = "livechat-to-marketo"
DIGEST = "error-digest"
VISITORS = 1500
ROWS_A_CALL = 300
GEOGRAPHY = ("city", "state", "country", "postalCode")
LATENCY_SECONDS = 0.2

Lead = dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """What a run left behind: its exit code and time, Marketo's people, and the servers' counts."""

    exit_code: int
    seconds: float
    leads: dict[int, Lead]
    marketo: Counts
    billed: int


@dataclass(frozen=True)
class Check:
    """One sentence, whether it held, and the figures behind it."""

    sentence: str
    held: bool
    figures: str


def main(console: Console) -> int:
    """Runs the demo; the exit code."""
    console.rule("LiveChat to Marketo, in a sandbox")
    with Sandbox(
        {"visitors": VISITORS, "latency_seconds": LATENCY_SECONDS},
        {"latency_median": LATENCY_SECONDS, "latency_sigma": 0.4},
    ) as sandbox:
        project = _project(sandbox.folder)
        before = _leads(sandbox)
        console.print(
            f"{VISITORS:,} visitors at LiveChat, {len(before):,} people at Marketo, "
            f"{LATENCY_SECONDS:g} s latency."
        )
        first = _job(sandbox, project, console, "First run")
        second = _job(sandbox, project, console, "Second run: nothing new at LiveChat")
        with open_mailbox() as mailbox:
            digest_code = _digest(sandbox, project, console, mailbox)
        checks = [
            *_delivery(sandbox, before, first),
            *_geography(before, first),
            *_calls(sandbox, first),
            *_repeat(first, second),
            *_mail(sandbox, mailbox, digest_code),
            *_limits(sandbox, [first, second]),
        ]
    console.print(_table(checks))
    failed = [check for check in checks if not check.held]
    if failed:
        console.print(f"[bold red]{len(failed)} of {len(checks)} checks failed[/]")
        return 1
    console.print(
        f"[bold green]All {len(checks)} checks held.[/] Where to look next: README.md to connect "
        "your accounts, meltano.yml for the rules of writing, "
        "`uv run python -m tests.sandbox -- COMMAND` to try things out."
    )
    return 0


def _project(folder: Path) -> Path:
    """A Meltano project like ours, with a state of its own."""
    project = folder / "project"
    project.mkdir()
    meltano_project.write(project)
    return project


def _meltano(sandbox: Sandbox, project: Path, *arguments: str, **variables: str) -> int:
    environment = guard.without_settings() | sandbox.environment | variables
    environment["XDG_STATE_HOME"] = str(sandbox.folder / "state")
    command = [str(Path(sys.executable).with_name("meltano")), "--log-format=uncolored", *arguments]
    log = sandbox.folder / "meltano.log"
    with log.open("ab") as output:
        done = subprocess.run(
            command,
            cwd=project,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        print(log.read_text(errors="replace")[-6000:], file=sys.stderr)
    return done.returncode


def _job(sandbox: Sandbox, project: Path, console: Console, title: str) -> Seen:
    sandbox.marketo.reset_counts()
    sandbox.livechat.reset()
    started = time.monotonic()
    with console.status(f"meltano run {JOB}"):
        code = _meltano(sandbox, project, "run", JOB)
    seen = Seen(
        exit_code=code,
        seconds=time.monotonic() - started,
        leads=_leads(sandbox),
        marketo=sandbox.marketo.counts(),
        billed=int(sandbox.livechat.counts()["billed"]),
    )
    counts = seen.marketo
    console.print(
        f"[bold]{title}[/]: `meltano run {JOB}` took {seen.seconds:.1f} s, "
        f"{counts.rows_created} people created, {counts.rows_updated} updated, "
        f"{_counted(counts)} calls to Marketo, {seen.billed} billed requests to LiveChat"
    )
    return seen


def _digest(sandbox: Sandbox, project: Path, console: Console, mailbox: Mailbox) -> int:
    started = time.monotonic()
    with console.status(f"meltano run {DIGEST}"):
        code = _meltano(
            sandbox,
            project,
            "run",
            DIGEST,
            MARKETO_OPS_SMTP_HOST="127.0.0.1",
            MARKETO_OPS_SMTP_PORT=str(mailbox.port),
            MARKETO_OPS_SMTP_SECURITY="none",
            MARKETO_OPS_MAIL_FROM="sync@example.com",
            MARKETO_OPS_MAIL_TO="operations@example.com",
        )
    subject = mailbox.messages[0]["Subject"] if mailbox.messages else "no mail"
    console.print(
        f"[bold]Digest[/]: `meltano run {DIGEST}` took {time.monotonic() - started:.1f} s: ", end=""
    )
    console.print(subject, markup=False)
    return code


def _leads(sandbox: Sandbox) -> dict[int, Lead]:
    return {int(lead["id"]): lead for lead in sandbox.marketo.leads()}


def _counted(counts: Counts) -> int:
    return sum(number for kind, number in counts.calls.items() if kind != "identity")


def _emails(leads: Iterable[Lead]) -> set[str]:
    return {str(lead["email"]).lower() for lead in leads if lead.get("email")}


def _delivery(sandbox: Sandbox, before: dict[int, Lead], seen: Seen) -> list[Check]:
    found = sandbox.livechat.expected()["emails"].values()
    expected = {str(each["email"]).strip().lower() for each in found}
    there = expected & _emails(seen.leads.values())
    logged = _logged(sandbox.folder / "store.sqlite")
    lost = expected - there - logged
    counts = seen.marketo
    twice = [
        lead for lead_id, lead in seen.leads.items()
        if lead_id not in before and str(lead["email"]).lower() in _emails(before.values())
    ]  # fmt: skip
    return [
        Check("The job succeeded", seen.exit_code == 0, f"exit code {seen.exit_code}"),
        Check(
            "Everybody with an e-mail is in Marketo or in the error log",
            not lost and len(there) >= VISITORS // 3,
            f"{len(expected)} e-mails: {len(there)} in Marketo, {len(logged)} logged, "
            f"{len(lost)} lost",
        ),
        Check(
            "People were created and updated",
            counts.rows_created > 0 and counts.rows_updated > 0,
            f"{counts.rows_created} created, {counts.rows_updated} updated",
        ),
        Check(
            "Nobody was created twice, no person was in two calls at once",
            not twice and not counts.duplicates_created and not counts.overlapping_keys,
            f"{len(twice) + counts.duplicates_created} twice, {counts.overlapping_keys} overlaps",
        ),
    ]


def _logged(store: Path) -> set[str]:
    """The e-mails of the records in the error log."""
    with sqlite3.connect(store) as connection:
        rows = connection.execute("SELECT record FROM errors").fetchall()
    return {str(msgspec.json.decode(row[0])["email"]).strip().lower() for row in rows}


def _geography(before: dict[int, Lead], seen: Seen) -> list[Check]:
    def held(lead: Lead) -> dict[str, Any]:
        return {name: lead[name] for name in GEOGRAPHY if lead.get(name)}

    with_some = {lead_id: held(lead) for lead_id, lead in before.items() if held(lead)}
    changed = [lead_id for lead_id, was in with_some.items() if held(seen.leads[lead_id]) != was]
    filled = [
        lead_id for lead_id, lead in before.items() if not held(lead) and held(seen.leads[lead_id])
    ]
    return [
        Check(
            "Geography that existed was left alone, empty geography was filled",
            not changed and bool(filled) and bool(with_some),
            f"{len(with_some)} had some: {len(changed)} changed; {len(filled)} others filled",
        ),
        Check(
            "No value was replaced or cleared",
            not seen.marketo.overwritten and not seen.marketo.cleared,
            f"{sum(seen.marketo.overwritten.values())} replaced",
        ),
    ]


def _calls(sandbox: Sandbox, seen: Seen) -> list[Check]:
    people = len(_emails(seen.leads.values()) & {
        str(each["email"]).strip().lower()
        for each in sandbox.livechat.expected()["emails"].values()
    })  # fmt: skip
    counts = seen.marketo
    floor = sum(
        math.ceil(number / ROWS_A_CALL)
        for number in (people, counts.rows_created, counts.rows_updated)
    )
    used = counts.calls.get("lookup", 0) + counts.calls.get("sync", 0)
    threads = len(sandbox.livechat.expected()["threads"])
    return [
        Check(
            "Marketo was called as rarely as 300 rows a call allow",
            used <= floor + 2,
            f"{used} lookups and writes for {people} people, floor {floor}; "
            f"{_counted(counts)} calls in all",
        ),
        Check(
            "LiveChat billed one request for 100 chats",
            seen.billed <= math.ceil(threads / 100) + 2,
            f"{seen.billed} requests for {threads} chats",
        ),
    ]


def _repeat(first: Seen, second: Seen) -> list[Check]:
    writes = second.marketo.calls.get("sync", 0)
    return [
        Check(
            "The second run wrote nothing",
            second.exit_code == 0 and writes == 0 and second.leads == first.leads,
            f"exit code {second.exit_code}, {writes} writes, "
            f"{_counted(second.marketo)} calls to see that",
        )
    ]


def _mail(sandbox: Sandbox, mailbox: Mailbox, exit_code: int) -> list[Check]:
    """One mail, with every kind of rejected record in both of its parts, and nobody's address."""
    parts = mailbox.bodies() if mailbox.messages else ("", "")
    store = sandbox.folder / "store.sqlite"
    with closing(sqlite3.connect(store)) as connection:
        query = "SELECT code, key_masked FROM errors"
        rejected = connection.execute(query).fetchall()
    told = all(code in part for code, _ in rejected for part in parts)
    masked = any(key in part for _, key in rejected for part in parts)
    people = {each["email"] for each in sandbox.livechat.expected()["emails"].values()}
    everybody = {each.strip().lower() for each in people | _logged(store)} - {""}
    leaks = planted.shown_in("\n".join(parts), also=everybody)
    return [
        Check(
            "The digest arrived, with each kind of rejected record, masked",
            exit_code == 0 and len(mailbox.messages) == 1 and bool(rejected) and told and masked,
            f"{len(mailbox.messages)} mail of {sum(map(len, mailbox.raw)):,} bytes, "
            f"{len(rejected)} records of {len({code for code, _ in rejected})} kinds",
        ),
        Check(
            "It shows nobody's address",
            not leaks,
            f"{len(everybody)} addresses looked for, {len(leaks)} things seen that must not be",
        ),
    ]


def _limits(sandbox: Sandbox, runs: list[Seen]) -> list[Check]:
    window = max(seen.marketo.worst_in_window for seen in runs)
    slots = max(seen.marketo.worst_in_flight for seen in runs)
    rejected = sum(sum(seen.marketo.rejected.values()) for seen in runs)
    return [
        Check(
            "Marketo's limits were never exceeded",
            rejected == 0 and window <= 50 and slots <= 5,
            f"{window} calls in 20 s at most (ours 50, Marketo's 100), "
            f"{slots} at once (5, 10), {rejected} rejected",
        ),
        Check(
            "No secret and no e-mail stands in a log",
            not _leaks(sandbox),
            f"{(sandbox.folder / 'meltano.log').stat().st_size:,} bytes searched",
        ),
    ]


def _leaks(sandbox: Sandbox) -> list[str]:
    log = (sandbox.folder / "meltano.log").read_text(errors="replace")
    emails = [each["email"] for each in sandbox.livechat.expected()["emails"].values()]
    return planted.shown_in(log, also=emails)


def _table(checks: list[Check]) -> Table:
    table = Table(title="What the demo saw for itself", title_justify="left")
    table.add_column("")
    table.add_column("check")
    table.add_column("figures")
    for check in checks:
        mark = "[green]ok[/]" if check.held else "[bold red]FAILED[/]"
        table.add_row(mark, check.sentence, check.figures)
    return table


if __name__ == "__main__":
    sys.exit(main(Console()))
