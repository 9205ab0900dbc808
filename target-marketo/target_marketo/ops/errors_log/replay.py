"""Rejected records as Singer messages: `marketo-ops replay | target-marketo`.

Only open entries are sent. An entry is resolved as soon as its part is delivered, by whatever later
record, so an open one is never older than what Marketo got from us. Each person's records are sent
together, oldest first; first those of whole people, then those of which a part alone is to be
delivered: the SCHEMA before them names it, in a member `part` that other targets pass over.

Not sent, unless forced, is what would fail again: a record that the mapping still refuses, and one
that Marketo refused for a value while neither the record nor `streams` has changed.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TextIO

import msgspec
from sqlalchemy import select

from target_marketo.mapping.attachments import whole_of
from target_marketo.ops.console import console, counted, is_piped, print_json, print_table
from target_marketo.ops.errors import OpsError
from target_marketo.ops.errors_log import entries
from target_marketo.ops.errors_log.outlook import Judge, mapped_streams
from target_marketo.store.error_log import PERSON
from target_marketo.store.run_ledger import RUNS, SILENT_AFTER, moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from target_marketo.ops.errors_log.entries import Filter, LoggedError
    from target_marketo.store.database import Database

_JUST_STARTED = timedelta(seconds=10)


@dataclass
class Replay:
    """What is to be sent, and what is not, with the reason."""

    sent: list[tuple[LoggedError, dict[str, Any]]] = field(default_factory=list)
    kept: list[tuple[LoggedError, str]] = field(default_factory=list)
    mapped_streams: frozenset[str] = frozenset()


def plan(
    database: Database, config: Mapping[str, Any], wanted: Filter, *, force: bool = False
) -> Replay:
    """Chooses among the open entries.

    Raises:
        OpsError: A run is under way, whose newer values an older one might follow.
    """
    if not force:
        _refuse_beside_a_run(database, wanted.instance)
    chosen = Replay(mapped_streams=mapped_streams(config))
    judge = Judge(database, config)
    for entry, record in entries.with_records(database, wanted):
        reason = "" if force else judge.hopeless(entry, record)
        if reason:
            chosen.kept.append((entry, reason))
        else:
            chosen.sent.append((entry, record))
    return chosen


def write(replay: Replay, output: TextIO) -> None:
    """Writes the messages; says on stderr what is left out."""
    screen = console(to_stderr=True)
    for (code, reason), count in sorted(
        Counter((entry.code, reason) for entry, reason in replay.kept).items()
    ):
        screen.print(f"{count} x {code} not sent: {reason} (--force sends them)", markup=False)
    names: dict[str, dict[str, None]] = {}
    for entry, record in replay.sent:
        names.setdefault(entry.stream, {}).update(dict.fromkeys(record))
    parts: dict[str, str] = {}  # of each stream, what its records are about by now
    for part, entry, record in sorted(
        ((_part(entry), entry, record) for entry, record in replay.sent), key=itemgetter(0)
    ):
        if parts.get(entry.stream) != part:
            parts[entry.stream] = part
            schema = _schema(entry.stream, names[entry.stream], replay.mapped_streams)
            output.write(_line(schema | ({"part": part} if part else {})))
        output.write(_line({"type": "RECORD", "stream": entry.stream, "record": record}))
    output.flush()
    screen.print(f"{counted(len(replay.sent), 'record')} sent to the target.", markup=False)


def show(replay: Replay, *, as_json: bool) -> None:
    """What would be sent."""
    rows = [(entry, "") for entry, _ in replay.sent] + replay.kept
    if as_json:
        print_json(
            {
                "sent": [entry.id for entry, _ in replay.sent],
                "not_sent": [
                    {"id": entry.id, "code": entry.code, "reason": why}
                    for entry, why in replay.kept
                ],
            }
        )
        return
    columns = ("ID #", "stream", "code", "field", "who")
    if is_piped():
        cells = ((*_cells(each), "no" if why else "yes", why) for each, why in rows)
        print_table("", (*columns, "sent", "why not"), cells)
        return
    kept = ((*_cells(each), why) for each, why in replay.kept)
    print_table(
        f"{counted(len(replay.sent), 'record')} would be sent",
        columns if replay.sent else (),
        (_cells(each) for each, _ in replay.sent),
    )
    if replay.kept:
        print_table(f"{counted(len(replay.kept), 'record')} would not", (*columns, "why not"), kept)


def _cells(entry: LoggedError) -> tuple[object, ...]:
    return (entry.id, entry.stream, entry.code, entry.field, entry.who)


def _refuse_beside_a_run(database: Database, instance: str | None) -> None:
    """The target at the other end of the pipe started just now, and is not meant."""
    now = datetime.fromtimestamp(time.time(), UTC)
    under_way = select(RUNS.c.started_at).where(
        RUNS.c.ended_at.is_(None),
        RUNS.c.instance == (instance or RUNS.c.instance),
        RUNS.c.alive_at >= moment(now - SILENT_AFTER),
        RUNS.c.started_at < moment(now - _JUST_STARTED),
    )
    with database.read() as connection:
        if connection.execute(under_way).first() is not None:
            raise OpsError(
                "a run is under way, and an older value might follow its newer one: replay when it "
                "has ended (or --force)"
            )


def _schema(stream: str, properties: Iterable[str], mapped: frozenset[str]) -> dict[str, Any]:
    """Where `streams` has an entry, properties that no record has are no mistake."""
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {
            "type": "object",
            "properties": {name: {} for name in properties},
            "additionalProperties": stream in mapped,
        },
        "key_properties": [],
    }


def _part(entry: LoggedError) -> str:
    """What is to be delivered of the record: empty for all of it. Its key is the record's own."""
    return "" if entry.part == PERSON else whole_of(entry.part)


def _line(message: dict[str, Any]) -> str:
    return msgspec.json.encode(message).decode() + "\n"
