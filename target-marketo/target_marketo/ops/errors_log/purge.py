"""Forgetting a person: every entry about them, and the traces in the store's files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import or_, select

from target_marketo.ops.console import console, print_json
from target_marketo.ops.errors import OpsError
from target_marketo.privacy import mask
from target_marketo.store.error_log import ERRORS, ErrorLog

if TYPE_CHECKING:
    from typing import Any

    from target_marketo.store.database import Database


def purge(database: Database, email: str) -> dict[str, Any]:
    """Deletes what the store holds of the person with this address, in any case of letters.

    Beside the entries of that key these are the entries whose record has the address anywhere: in
    a form, or as the wrong key of another stream.
    """
    if "@" not in email or not email.strip("@ "):
        raise OpsError("--email takes one e-mail address")
    error_log = ErrorLog(database)
    by_key = ERRORS.c.key_hash == error_log.hash(email)
    anywhere = ERRORS.c.record.icontains(_as_stored(email), autoescape=True)
    query = select(ERRORS.c.id, ERRORS.c.key_hash, ERRORS.c.record).where(or_(by_key, anywhere))
    address = _whole_address(email)
    with database.read() as connection:
        ids = [
            row.id
            for row in connection.execute(query)
            if row.key_hash == error_log.hash(email) or address.search(row.record)
        ]
    deleted = error_log.forget_ids(ids)
    database.overwrite_deleted()
    return {"person": mask(email), "entries_deleted": deleted}


def show(result: dict[str, Any], *, as_json: bool) -> None:
    """Prints what was deleted."""
    if as_json:
        print_json(result)
        return
    console().print(
        f"Deleted from the error log: {result['entries_deleted']} about {result['person']}. "
        "Backups of the store, LiveChat and Marketo are yours to purge.",
        markup=False,
    )


def _as_stored(email: str) -> str:
    """The address as it stands inside a JSON text."""
    return msgspec.json.encode(email).decode()[1:-1]


def _whole_address(email: str) -> re.Pattern[str]:
    """Finds ann@example.com, and neither joann@example.com nor ann@example.com.au."""
    return re.compile(rf"(?<![\w.%+-]){re.escape(_as_stored(email))}(?![\w-]|\.\w)", re.IGNORECASE)
