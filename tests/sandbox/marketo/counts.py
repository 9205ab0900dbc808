"""What the sandbox saw: figures a test can ask for, and a journal of every call."""

from __future__ import annotations

from typing import Any

import msgspec


class Counts(msgspec.Struct, kw_only=True):
    """Figures since the start or the last reset. Calls of the control API are not counted."""

    # Every call by kind, refused or not, and the refused by code (or HTTP status).
    calls: dict[str, int] = {}
    rejected: dict[str, int] = {}
    # Rows of sync and delete calls.
    rows_created: int = 0
    rows_updated: int = 0  # something changed
    rows_unchanged: int = 0  # answered "updated" too, but nothing changed
    rows_skipped: dict[str, int] = {}
    rows_deleted: int = 0
    # Rows of the calls that write objects around a person, by kind of call and status.
    rows: dict[str, dict[str, int]] = {}
    # The most calls that arrived within one rate window, and that were in flight, at once.
    worst_in_window: int = 0
    worst_in_flight: int = 0
    calls_today: int = 0
    # How often a row's key was in another sync call that was still in flight.
    overlapping_keys: int = 0
    # Leads created although their key was there when the write was applied.
    duplicates_created: int = 0
    # Per field: non-empty values replaced by another value, or by none.
    overwritten: dict[str, int] = {}
    cleared: dict[str, int] = {}

    def count_call(self, kind: str) -> None:
        self.calls[kind] = self.calls.get(kind, 0) + 1

    def count_rejected(self, code: str) -> None:
        self.rejected[code] = self.rejected.get(code, 0) + 1

    def count_skipped(self, code: str) -> None:
        self.rows_skipped[code] = self.rows_skipped.get(code, 0) + 1

    def count_row(self, kind: str, status: str) -> None:
        of_kind = self.rows.setdefault(kind, {})
        of_kind[status] = of_kind.get(status, 0) + 1


class JournalRow(msgspec.Struct, omit_defaults=True, gc=False):
    """One row of a sync or delete call and what became of it."""

    status: str
    id: int | None = None
    key: str | None = None
    codes: tuple[str, ...] = ()
    changed: bool = False
    kept: int = 0  # blocked fields that would have got another value
    # What was written, if the option `journal_values` asks for it.
    values: dict[str, Any] | None = None


class JournalEntry(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One call. `arrival` and `reply` are epoch seconds of the sandbox's clock."""

    kind: str
    arrival: float
    reply: float = 0.0
    http_status: int = 200
    request_id: str = ""
    # The response-level error code, if the call was refused.
    code: str | None = None
    # A lookup: how many values were asked for, and how many leads were answered.
    values: int = 0
    found: int = 0
    rows: list[JournalRow] = []
    # Whom it asked for, or was to write, if the option `journal_values` asks for it.
    keys: list[str] = []
    # When the rows were written, which may be long after the client has gone.
    applied: float = 0.0
    # What the script of faults did to the call.
    fault: str = ""
