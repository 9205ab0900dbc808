"""Another key for the hashes of the error log: whatever was hashed is hashed again.

The key of a person is found in the stored record. Where it is not (a constant key, a record that
was cut), the entry stays, and is no longer resolved by itself. The activity ledger does not need to
know people: what it knows of them is cleared, of a pending activity as soon as it is settled.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import bindparam, case, select, update

from target_marketo.privacy import mask
from target_marketo.store import hash_key as keys
from target_marketo.store.activity_ledger import ACTIVITIES, State
from target_marketo.store.error_log import ERRORS, Hashes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Row

    from target_marketo.store.database import Database

_ROWS_AT_ONCE = 500


class Rekeyed(NamedTuple):
    """Entries hashed again, and those of them whose person is not known any more."""

    entries: int
    unknown: int


def rekey(database: Database) -> Rekeyed:
    """Gives the store the key of the setting `store_key`, or else a new random one in its file.

    The old key may be lost: people are then found by the masked form of their keys. It must not run
    beside a run. An interrupted one is begun again.

    Raises:
        StoreError: Nothing has changed.
    """
    database.create_tables(ERRORS, ACTIVITIES, keys.SECRETS)
    old = keys.current(database)
    new = keys.of_setting(database.store_key) if database.store_key else secrets.token_bytes(32)
    before, after = (Hashes(old) if old else None), Hashes(new)
    path = keys.key_file(database)
    if not database.store_key:
        keys.write_file(keys.next_file(path), new, replace=True)
    unknown = 0
    columns = [ERRORS.c[name] for name in _NEEDED]
    with database.read() as connection:
        ids = list(connection.execute(select(ERRORS.c.id).order_by(ERRORS.c.id)).scalars())
    move = (
        update(ERRORS)
        .where(ERRORS.c.id == bindparam("which"))
        .values({name: bindparam(f"new_{name}") for name in _HASHED})
    )
    with database.write() as connection:
        for start in range(0, len(ids), _ROWS_AT_ONCE):
            batch = ids[start : start + _ROWS_AT_ONCE]
            rows = connection.execute(select(*columns).where(ERRORS.c.id.in_(batch))).all()
            hashed = [_hashed(row, before, after) for row in rows]
            unknown += sum(each.pop("unknown") for each in hashed)
            connection.execute(move, hashed)
        connection.execute(
            update(ACTIVITIES).values(lead_id=_lead_of_pending(), guid=None, key_hash=None)
        )
        keys.renew_fingerprint(connection, new)
    if not database.store_key:
        keys.next_file(path).replace(path)
    database.overwrite_deleted(ERRORS, ACTIVITIES, keys.SECRETS)
    return Rekeyed(len(ids), unknown)


_NEEDED = ("id", "instance", "part", "stream", "code", "field", "record", "key_hash", "key_masked")
_HASHED = ("key_hash", "record_hash", "fingerprint")


def _lead_of_pending() -> Any:
    """A pending activity is still to be read back, so whose it is stays known."""
    return case((ACTIVITIES.c.state == State.PENDING, ACTIVITIES.c.lead_id), else_=None)


def _hashed(row: Row[Any], before: Hashes | None, after: Hashes) -> dict[str, Any]:
    record = msgspec.json.decode(row.record)
    key = _key(record, row, before)
    key_hash = after.of_key(key) if key else after.of_key(f"unknown {row.id}")
    record_hash = after.of_record(record)
    reason = (row.instance or "", row.part, row.stream, key_hash, record_hash, row.code, row.field)
    return {
        "which": row.id,
        "new_key_hash": key_hash,
        "new_record_hash": record_hash,
        "new_fingerprint": after.of_parts(*reason),
        "unknown": key is None,
    }


def _key(record: Any, row: Row[Any], before: Hashes | None) -> str | None:
    leaves = set(_leaves(record))
    if before is not None:
        return next((leaf for leaf in leaves if before.of_key(leaf) == row.key_hash), None)
    alike = [leaf for leaf in leaves if mask(leaf) == row.key_masked]
    return alike[0] if len(alike) == 1 else None


def _leaves(value: Any) -> Iterator[str]:
    match value:
        case dict():
            for each in value.values():
                yield from _leaves(each)
        case list():
            for each in value:
                yield from _leaves(each)
        case str() | int():
            yield str(value)
