"""Where the store is: the URL that `store_url` names, or the user's own file."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from target_marketo.store.errors import StoreError


def default_url() -> URL:
    """SQLite in the user's state folder."""
    return URL.create("sqlite", database=str(state_folder() / "store.sqlite"))


def state_folder() -> Path:
    """`$XDG_STATE_HOME/target-marketo`, else `~/.local/state/target-marketo`; the user's alone."""
    home = os.environ.get("XDG_STATE_HOME", "")
    # XDG Base Directory Specification: a relative path is to be ignored.
    try:
        state = Path(home) if Path(home).is_absolute() else Path.home() / ".local" / "state"
    except RuntimeError:  # neither HOME nor an entry in the password file
        raise StoreError(
            f"user {os.getuid()} has no home folder, so the store has no place: set "
            "TARGET_MARKETO_STORE_URL, or XDG_STATE_HOME to a folder of this user's"
        ) from None
    folder = state / "target-marketo"
    with suppress(OSError):  # whatever is wrong with the folder, opening the file says it better
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    return folder


def parse(store_url: str) -> URL:
    """The URL that a user wrote.

    Raises:
        StoreError: It is not a URL, or not of a database that we know.
    """
    try:
        url = make_url(store_url)
    except (ArgumentError, ValueError):
        # The text may hold a password: it is not repeated.
        raise StoreError(
            "store_url is not a URL: sqlite:////folder/file or postgresql+psycopg://…"
        ) from None
    if url.drivername in {"postgresql", "postgres"}:
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in {"sqlite", "sqlite+pysqlite", "postgresql+psycopg"}:
        raise StoreError(
            f"store_url starts with {url.drivername}://, but only sqlite:// and"
            " postgresql+psycopg:// are known"
        )
    if is_sqlite(url) and url.database in {None, "", ":memory:"}:
        raise StoreError("store_url names no SQLite file: sqlite:////folder/file")
    return url


def is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"
