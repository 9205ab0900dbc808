"""Forgetting a person: all that the store holds of them, and what is left in files beside it.

It says what it cannot delete: Marketo and LiveChat, back-ups, and Meltano's own files.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import delete, or_, select

from target_marketo.ops.console import console, counted, plain, print_json
from target_marketo.ops.errors import OpsError
from target_marketo.ops.project import meltano
from target_marketo.privacy import comparable, mask
from target_marketo.store.activity_ledger import ACTIVITIES, ActivityLedger
from target_marketo.store.cache import CACHE
from target_marketo.store.error_log import ERRORS, ErrorLog
from target_marketo.store.seen import SEEN

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Column, Table

    from target_marketo.store.database import Database

# Names of properties may be what somebody typed.
_MAY_NAME: tuple[tuple[Table, Column[str]], ...] = (
    (SEEN, SEEN.c.document),
    (CACHE, CACHE.c.document),
)
_REACHABLE = (ERRORS, ACTIVITIES, SEEN, CACHE)


@dataclass
class Purged:
    """What was deleted. `left` are lines about what was not, and who can."""

    person: str
    entries_deleted: int = 0
    activities_cleared: int = 0
    activities_pending: int = 0
    documents_deleted: int = 0
    left: list[str] = field(default_factory=list)


def purge(database: Database, email: str) -> Purged:
    """Deletes what the store holds of the person with this address, in any case of letters.

    Beside the entries of that key these are the entries whose record has the address anywhere: in
    a form, or as the wrong key of another stream. The activity ledger keeps that an activity was
    written, or it would be written again, and forgets whose it was.
    """
    if "@" not in email or not email.strip("@ "):
        raise OpsError("--email takes one e-mail address")
    error_log, ledger = ErrorLog(database), ActivityLedger(database, "")
    database.create_tables(SEEN, CACHE)
    key_hash = error_log.hash(email)
    address = _whole_address(email)
    done = Purged(mask(email))
    done.entries_deleted = error_log.forget_ids(_entries(database, email, key_hash, address))
    of_activities = ledger.purge(key_hash)
    done.activities_cleared, done.activities_pending = of_activities.cleared, of_activities.pending
    done.documents_deleted = sum(_delete_documents(database, *each, email) for each in _MAY_NAME)
    if done.activities_pending:
        done.left.append(
            f"{counted(done.activities_pending, 'activity', 'activities')} of theirs may be on the "
            "way to Marketo: purge again after the next run"
        )
    if of_activities.nameless:
        done.left.append(
            f"{counted(of_activities.nameless, 'activity', 'activities')} that may be on the way "
            "to Marketo may be theirs: the store's key was changed since, so nobody can tell; "
            "whose they are is forgotten by the run that settles them"
        )
    named = _named_by_address(database, email)
    if named:
        done.left.append(
            f"{counted(named, 'activity', 'activities')} in the ledger have the address as their "
            "`once` value, which tells that they are written: choose another `once` in `streams`"
        )
    if not database.overwrite_deleted(*_REACHABLE):
        tables = ", ".join(table.name for table in _REACHABLE)
        done.left.append(
            "the server's files still hold the deleted rows: their tables' owner has to run "
            f"VACUUM (FULL) {tables}"
        )
    if not database.is_sqlite:
        done.left.append("PostgreSQL's write-ahead log holds them until the server recycles it")
    done.left += _in_meltanos_files(address)
    done.left.append(
        "Marketo and LiveChat themselves, back-ups of the store, logs and mails that were kept, "
        "and files that you made (of the tap's output, say) are yours to purge"
    )
    return done


def show(result: Purged, *, as_json: bool) -> None:
    """Prints what was deleted, and what was not."""
    if as_json:
        print_json(asdict(result))
        return
    screen = console()
    screen.print(
        f"Deleted from the error log: {result.entries_deleted} about {result.person}. "
        f"Cleared in the activity ledger: {result.activities_cleared}. "
        f"Other documents deleted: {result.documents_deleted}.",
        markup=False,
    )
    for line in result.left:
        screen.print(f"- {plain(line)}", markup=False)


def _entries(database: Database, email: str, key_hash: str, address: re.Pattern[str]) -> list[int]:
    anywhere = ERRORS.c.record.icontains(_as_stored(email), autoescape=True)
    query = select(ERRORS.c.id, ERRORS.c.key_hash, ERRORS.c.record)
    with database.read() as connection:
        return [
            row.id
            for row in connection.execute(query.where(or_(ERRORS.c.key_hash == key_hash, anywhere)))
            if row.key_hash == key_hash or address.search(row.record)
        ]


def _delete_documents(database: Database, table: Table, column: Column[str], email: str) -> int:
    """Those with the address in them, even as a part of another: they are made again."""
    having = column.icontains(_as_stored(email), autoescape=True)
    with database.write() as connection:
        database.delete_securely(connection)
        return int(connection.execute(delete(table).where(having)).rowcount)


def _named_by_address(database: Database, email: str) -> int:
    wanted = ACTIVITIES.c.once.icontains(comparable(email), autoescape=True)
    with database.read() as connection:
        return len(connection.execute(select(ACTIVITIES.c.once).where(wanted)).all())


def _in_meltanos_files(address: re.Pattern[str]) -> list[str]:
    """A line for each file of Meltano's that names the person: they are Meltano's to delete."""
    return [
        f"{path} names them: delete it" for path in meltano.kept_files() if _names(path, address)
    ]


def _names(path: Path, address: re.Pattern[str]) -> bool:
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            return any(address.search(line) for line in lines)
    except OSError:
        return False


def _as_stored(email: str) -> str:
    """The address as it stands inside a JSON text."""
    return msgspec.json.encode(email).decode()[1:-1]


def _whole_address(email: str) -> re.Pattern[str]:
    """Finds ann@example.com, and neither joann@example.com nor ann@example.com.au."""
    return re.compile(rf"(?<![\w.%+-]){re.escape(_as_stored(email))}(?![\w-]|\.\w)", re.IGNORECASE)
