"""What the demo looks at of the chats: the timeline, the list and the program."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.demo.checks import Check, emails_of
from tests.demo.runs import LIST, PROGRAM, STATUS, calls_of

if TYPE_CHECKING:
    from tests.demo.runs import Seen
    from tests.sandbox.environment import Sandbox

_FIRST_TYPE_OF_ONES_OWN = 100_001


def chats(sandbox: Sandbox, setup: tuple[int, str], seen: Seen) -> list[Check]:
    """After the last run: each chat once, and who chatted where marketers look for them."""
    code, told = setup
    expected = sandbox.livechat.expected()
    whose = _owners(sandbox, expected, seen)
    written = Counter(_threads(seen))
    people = emails_of(seen.leads.values())
    visitors = {each["email"].strip().lower() for each in expected["emails"].values()} & people
    listed = _emails(seen, sandbox.marketo.list_members(LIST))
    members = sandbox.marketo.program_members(PROGRAM)
    engaged = _emails(seen, [lead for lead, status in members.items() if status == STATUS])
    twice = written.total() - len(written)
    missing = whose.items() - written.keys()
    return [
        Check("Setup made what an empty Marketo lacked", code == 0, told),
        Check(
            "Each chat that ended is on the timeline of whom it was with, once",
            bool(whose) and not missing and not twice and len(written) == len(whose),
            f"{len(whose)} chats of people in Marketo: {len(missing)} missing, {twice} twice, "
            f"{len(expected['open_threads'])} others are open",
        ),
        Check(
            "Visitors are in the list, and who chatted is engaged in the program",
            listed == visitors and engaged == set(whose.values()) and len(members) == len(engaged),
            f"{len(listed)} in `{LIST}`, {len(engaged)} {STATUS.lower()} in `{PROGRAM}`",
        ),
    ]


def nothing_new(first: Seen, second: Seen, again: Seen) -> list[Check]:
    """Neither where LiveChat has nothing new, nor where all that it has is read again."""
    return [
        Check(
            "The second run wrote no person and no chat",
            _is_as_before(first, second),
            f"exit code {second.exit_code}, calls to see that: {calls_of(second.marketo)}",
        ),
        Check(
            "All of LiveChat read again, no person was written and no chat came twice",
            _is_as_before(first, again) and again.billed >= first.billed,
            f"exit code {again.exit_code}, {again.billed} requests, "
            f"{calls_of(again.marketo)} calls, "
            f"{len(again.activities) - len(first.activities)} activities more",
        ),
    ]


def _is_as_before(first: Seen, later: Seen) -> bool:
    writes = later.marketo.calls.get("sync", 0) + later.marketo.calls.get("add_activities", 0)
    same = (later.leads, later.activities) == (first.leads, first.activities)
    return later.exit_code == 0 and writes == 0 and same


def _owners(sandbox: Sandbox, expected: dict[str, Any], seen: Seen) -> dict[str, str]:
    """Thread -> e-mail, of the chats that have ended and whose person is in Marketo."""
    people = emails_of(seen.leads.values())
    ended = set(expected["threads"])
    owners = {}
    for thread in sandbox.crowd.threads:
        found = expected["emails"].get(sandbox.crowd.visitors[thread.visitor].id)
        if thread.id in ended and found and (email := found["email"].strip().lower()) in people:
            owners[thread.id] = email
    return owners


def _threads(seen: Seen) -> list[tuple[str, str]]:
    """Thread and e-mail of each activity."""
    return [
        (each["attributes"]["threadId"], str(seen.leads[each["leadId"]]["email"]).lower())
        for each in seen.activities
        if each["activityTypeId"] >= _FIRST_TYPE_OF_ONES_OWN
    ]


def _emails(seen: Seen, leads: list[int]) -> set[str]:
    return emails_of(seen.leads[lead] for lead in leads)
