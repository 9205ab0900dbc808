"""What the demo looks at after its runs: people, calls, mail, logs. Each check is a sentence."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from tests import planted
from tests.demo.runs import VISITORS, calls_of, log_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.demo.runs import Lead, Seen
    from tests.sandbox.environment import Sandbox
    from tests.sandbox.mailbox import Mailbox

ROWS_A_CALL = 300
GEOGRAPHY = ("city", "state", "country", "postalCode")


@dataclass(frozen=True)
class Check:
    """One sentence, whether it held, and the figures behind it."""

    sentence: str
    held: bool
    figures: str


def emails_of(leads: Iterable[Lead]) -> set[str]:
    """Whose leads these are."""
    return {str(lead["email"]).lower() for lead in leads if lead.get("email")}


def delivery(sandbox: Sandbox, before: dict[int, Lead], seen: Seen) -> list[Check]:
    found = sandbox.livechat.expected()["emails"].values()
    expected = {str(each["email"]).strip().lower() for each in found}
    there = expected & emails_of(seen.leads.values())
    logged = _logged(sandbox.folder / "store.sqlite")
    lost = expected - there - logged
    counts = seen.marketo
    twice = [
        lead for lead_id, lead in seen.leads.items()
        if lead_id not in before and str(lead["email"]).lower() in emails_of(before.values())
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


def geography(before: dict[int, Lead], seen: Seen) -> list[Check]:
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


def calls(sandbox: Sandbox, seen: Seen) -> list[Check]:
    people = len(emails_of(seen.leads.values()) & {
        str(each["email"]).strip().lower()
        for each in sandbox.livechat.expected()["emails"].values()
    })  # fmt: skip
    counts = seen.marketo
    floor = sum(
        math.ceil(number / ROWS_A_CALL)
        for number in (
            people,
            counts.rows_created,
            counts.rows_updated,
            *(sum(rows.values()) for rows in counts.rows.values()),
        )
    )
    used = sum(counts.calls.get(kind, 0) for kind in ("lookup", "sync", *counts.rows))
    threads = len(sandbox.livechat.expected()["threads"])
    return [
        Check(
            "Marketo was called as rarely as 300 rows a call allow",
            used <= floor + 2,
            f"{used} lookups and writes for {people} people and their chats, floor {floor}; "
            f"{calls_of(counts)} calls in all",
        ),
        Check(
            "LiveChat billed one request for 100 chats",
            seen.billed <= math.ceil(threads / 100) + 2,
            f"{seen.billed} requests for {threads} chats",
        ),
    ]


def mail(sandbox: Sandbox, mailbox: Mailbox, exit_code: int) -> list[Check]:
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
            f"{len(rejected)} records; kinds: {len({code for code, _ in rejected})}",
        ),
        Check(
            "It shows nobody's address",
            not leaks,
            f"{len(everybody)} addresses looked for, {len(leaks)} things seen that must not be",
        ),
    ]


def limits(sandbox: Sandbox, runs: list[Seen]) -> list[Check]:
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
    log = log_of(sandbox).read_text(errors="replace")
    emails = [each["email"] for each in sandbox.livechat.expected()["emails"].values()]
    return planted.shown_in(log, also=emails)
