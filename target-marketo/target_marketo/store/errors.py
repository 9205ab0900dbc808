"""What goes wrong with the store, as one line without a password."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, DisconnectionError, NoSuchModuleError

from target_marketo.store.advice import advice


class StoreError(Exception):
    """The store cannot be opened, read or written; one line, for the person on call.

    `is_away` tells that its server was there before, and went away.
    """

    def __init__(self, text: str, *, is_away: bool = False) -> None:
        super().__init__(text)
        self.is_away = is_away


def is_away(error: Exception) -> bool:
    """Whether a server is restarting, or the connection to it was cut by that."""
    cause = getattr(error, "orig", None) or error
    if not hasattr(cause, "sqlstate"):
        return isinstance(cause, DisconnectionError)  # SQLite's have none, and are never away
    lost = cause.sqlstate is None and type(cause).__name__ == "OperationalError"
    return lost or (cause.sqlstate or "").startswith(("08", "57P"))


def one_line(error: Exception) -> str:
    """The driver's own first line, without the statement and its parameters; and what to do."""
    if isinstance(error, NoSuchModuleError | ImportError):
        return "the driver is not installed: pip install 'target-marketo[postgres]'"
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    lines = str(cause).strip().splitlines() or [type(cause).__name__]
    what_to_do = advice(lines[0])
    return f"{lines[0]}; {what_to_do}" if what_to_do else lines[0]
