"""Streams from SCHEMA to STATE, and what is in Marketo and in the error log after them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from tests.target_marketo.conftest import state

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.marketo.client import MarketoSandbox


def stream(name: str, /, *records: dict[str, Any], **properties: Any) -> list[dict[str, Any]]:
    """A SCHEMA, without a word on other properties, its records, and a STATE."""
    types = {
        each: kind if isinstance(kind, dict) else _of(kind) for each, kind in properties.items()
    }
    schema = {"type": "object", "properties": types}
    head = {"type": "SCHEMA", "stream": name, "schema": schema, "key_properties": []}
    came = [{"type": "RECORD", "stream": name, "record": each} for each in records]
    return [head, *came, state({"at": name})]


def _of(kind: str) -> dict[str, Any]:
    if kind in ("date-time", "date"):
        return {"type": ["null", "string"], "format": kind}
    return {"type": ["null", kind]}


def lead(marketo: MarketoSandbox, email: str) -> dict[str, Any]:
    (found,) = marketo.leads_by_email(email)
    return found


def parts(folder: Path, columns: str = "part, code, field") -> list[tuple[Any, ...]]:
    """The open entries of the error log."""
    with closing(sqlite3.connect(folder / "store.sqlite")) as connection:
        return connection.execute(
            f"SELECT {columns} FROM errors WHERE resolved_at IS NULL ORDER BY id"  # noqa: S608
        ).fetchall()
