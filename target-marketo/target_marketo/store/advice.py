"""What to do about an error of the store: one table, from the driver's words to ours.

SQLite: "Result and Error Codes" (the words are sqlite3_errstr's). PostgreSQL: "Error Codes" and
libpq's own messages, in English; a server that speaks another language gets no advice.
"""

from __future__ import annotations

import re

_MAKE_ANEW = (
    "end all runs, move the file and its -wal and -shm aside and wait three minutes, until no call"
    " can be under way: the next run makes a new one. The error log, the digest's history and"
    " today's count of calls are lost with it; STATE is not in it"
)
_WRITABLE = "this user must be able to write to the file and its folder; or set store_url"
_SPACE = "free some space; what was not written is done again"
_ADDRESS = "is the server running, and are host and port of store_url right?"
_SERVER_ALLOWS = "let the server's administrator allow it, in pg_hba.conf"

ADVICE: tuple[tuple[str, str], ...] = (
    # SQLite
    ("database disk image is malformed", _MAKE_ANEW),
    ("file is not a database", _MAKE_ANEW),
    ("attempt to write a readonly database", _WRITABLE),
    ("unable to open database file", _WRITABLE),
    ("database or disk is full", _SPACE),
    ("disk I/O error", "is its disk full, or broken? The system's log says which"),
    ("database is locked", "another program holds it: `fuser FILE` shows which"),
    # The file's folder
    ("Permission denied: '", _WRITABLE),
    ("Read-only file system", _WRITABLE),
    ("File exists|Not a directory|Is a directory|No such file or directory: '", "correct the path"),
    # PostgreSQL
    ("Connection refused|connection timeout expired|timed out", _ADDRESS),
    ('is the server running|"[^"]*" failed: No such file', _ADDRESS),
    ("resolve host|translate host name", _ADDRESS),
    ("password authentication failed|no password supplied", "correct user and password there"),
    ('role "[^"]*" does not exist', "correct the user there, or create it: createuser"),
    ('database "[^"]*" does not exist', "correct its name there, or create it: createdb"),
    ("no pg_hba.conf entry", _SERVER_ALLOWS),
    ("permission denied for", "grant the user CREATE and USAGE on the schema"),
    ("read-only transaction", "it names a standby: set store_url to the primary"),
    ("too many clients|remaining connection slots", "raise the server's max_connections"),
    ("due to lock timeout", "another transaction holds it: pg_stat_activity shows which"),
    ("No space left on device|could not extend file", _SPACE),
)
"""Regular expressions, and what the person on call can do; the first that is found counts."""


def advice(message: str) -> str | None:
    """What can be done about an error, from the driver's message."""
    found = (does for says, does in ADVICE if re.search(says, message, re.IGNORECASE))
    return next(found, None)
