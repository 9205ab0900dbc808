"""The key of the hashes by which the error log knows people, kept apart from the database.

Whoever has the database alone cannot try addresses against the hashes. The key is the setting
`store_key`, or else a file of mode 0600: beside an SQLite file, and in the user's state folder for
PostgreSQL. The database holds the key's fingerprint: with another key nobody would be recognised,
so another one, or none, is an error.

Version 0.1 kept the key in the database. An SQLite file gives it to the key's file; on PostgreSQL,
where other hosts may still need it, it stays until `store_key` is set.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

from sqlalchemy import Column, Table, Text, delete, select

from target_marketo.store.database import METADATA
from target_marketo.store.errors import StoreError
from target_marketo.store.place import state_folder

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from target_marketo.store.database import Database

SECRETS = Table(
    "secrets",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

FEWEST_CHARACTERS = 16

_KEY, _FINGERPRINT = "hash_key", "hash_key_fingerprint"


def hash_key(database: Database) -> bytes:
    """The key, made if this is the store's first use.

    Raises:
        StoreError: It is not the key with which the store was begun, or that is missing.
    """
    database.create_tables(SECRETS)
    in_database = _read(database, _KEY)
    path = key_file(database)
    if database.store_key:
        key = of_setting(database.store_key)
        if in_database not in (None, key.hex()):
            raise _another(database, path)
    elif in_database and not database.is_sqlite:
        return bytes.fromhex(in_database)
    else:
        key = _from_file(database, path, in_database)
    expected = _read(database, _FINGERPRINT) or _note(database, _FINGERPRINT, fingerprint(key))
    if expected != fingerprint(key):
        raise _another(database, path)
    if in_database == key.hex():
        forget_in_database(database)
    return key


def current(database: Database) -> bytes | None:
    """The key that the store has now, from wherever it can be had; None if it is lost."""
    in_database, noted = _read(database, _KEY), _read(database, _FINGERPRINT)
    candidates = [bytes.fromhex(in_database)] if in_database else []
    if database.store_key:
        candidates.append(of_setting(database.store_key))
    with suppress(OSError, ValueError):
        candidates.append(_read_file(key_file(database), noted))
    wanted = noted or (fingerprint(candidates[0]) if in_database else None)
    return next((key for key in candidates if fingerprint(key) == wanted), None)


def key_file(database: Database) -> Path:
    """Where the key is unless `store_key` is set."""
    return database.path.with_suffix(".key") if database.path else state_folder() / "store.key"


def of_setting(store_key: str) -> bytes:
    """The key that the setting stands for."""
    if len(store_key) < FEWEST_CHARACTERS:
        raise StoreError(f"`store_key` must have at least {FEWEST_CHARACTERS} characters")
    return hashlib.sha256(store_key.encode()).digest()


def fingerprint(key: bytes) -> str:
    """Tells two keys apart, and nothing else of them."""
    return hashlib.sha256(b"target-marketo store key\0" + key).hexdigest()[:16]


def write_file(path: Path, key: bytes, *, replace: bool) -> None:
    """For its owner alone; whoever sees the file sees all of it.

    Raises:
        FileExistsError: There is one, and it is not to be replaced.
    """
    beside = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_CREAT | os.O_WRONLY | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, f"{key.hex()}\n".encode())
        os.fsync(descriptor)
        if replace:
            beside.replace(path)
        else:
            path.hardlink_to(beside)
    finally:
        os.close(descriptor)
        beside.unlink(missing_ok=True)


def renew_fingerprint(connection: Connection, key: bytes) -> None:
    """The store has another key from now on."""
    connection.execute(delete(SECRETS).where(SECRETS.c.name.in_([_FINGERPRINT, _KEY])))
    connection.execute(SECRETS.insert(), {"name": _FINGERPRINT, "value": fingerprint(key)})


def forget_in_database(database: Database) -> None:
    """Takes the key of version 0.1 out of the database."""
    with database.write() as connection:
        database.delete_securely(connection)
        connection.execute(delete(SECRETS).where(SECRETS.c.name == _KEY))


def _from_file(database: Database, path: Path, in_database: str | None) -> bytes:
    noted = _read(database, _FINGERPRINT)  # first: who notes it has made the file before
    try:
        return _read_file(path, noted)
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        raise StoreError(
            f"the store's key, {path}, cannot be read ({type(error).__name__})"
        ) from None
    if noted is not None:
        raise StoreError(
            f"store {database.name}: its key is missing: restore {path} from your back-up, or from"
            " the host that began the store, or set TARGET_MARKETO_STORE_KEY; a new key is given"
            " with `marketo-ops rekey`"
        )
    key = bytes.fromhex(in_database) if in_database else secrets.token_bytes(32)
    try:
        write_file(path, key, replace=False)
    except FileExistsError:
        return _read_file(path)  # of several processes that find none, the first makes it
    except OSError as error:
        raise StoreError(
            f"the store's key, {path}, cannot be written ({error.strerror}): this user must be able"
            " to write there; or set TARGET_MARKETO_STORE_KEY"
        ) from None
    return key


def _read_file(path: Path, wanted: str | None = None) -> bytes:
    """The key in the file; after a change that was cut off, the one that is `wanted`."""
    after = next_file(path)
    if wanted and after.is_file() and fingerprint(key := _read_file(after)) == wanted:
        after.replace(path)
        return key
    return bytes.fromhex(path.read_text(encoding="ascii").strip())


def next_file(path: Path) -> Path:
    """Where a new key waits until the database has it."""
    return path.with_name(f"{path.name}.next")


def _another(database: Database, path: Path) -> StoreError:
    return StoreError(
        f"store {database.name}: this is not the key that it was begun with: set"
        f" TARGET_MARKETO_STORE_KEY, or restore {path.name}, to what it was then, or give it this"
        " one with `marketo-ops rekey`"
    )


def _read(database: Database, name: str) -> str | None:
    wanted = select(SECRETS.c.value).where(SECRETS.c.name == name)
    return database.repeat(database.read, lambda connection: connection.execute(wanted).scalar())


def _note(database: Database, name: str, value: str) -> str:
    """Keeps the value unless there is one already; what is there now."""
    insert = database.insert(SECRETS).values(name=name, value=value).on_conflict_do_nothing()
    wanted = select(SECRETS.c.value).where(SECRETS.c.name == name)

    def note(connection: Connection) -> str:
        connection.execute(insert)
        return str(connection.execute(wanted).scalar_one())

    return database.repeat(database.write, note)
