"""Rejected records as Singer messages: `marketo-ops replay | target-marketo`.

Only open entries are sent. An entry is resolved as soon as its person is delivered, by whatever
later record, so an open one is never older than what Marketo got from us. Each person's records
are sent together, oldest first.

Not sent, unless forced, is what would fail again: a record that the mapping still refuses, and one
that Marketo refused for a value while neither the record nor `streams` has changed.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TextIO

import msgspec
from sqlalchemy import select

from target_marketo.mapping.default_streams import DEFAULT_STREAMS
from target_marketo.mapping.mapper import Mapper
from target_marketo.mapping.plan import Mapped
from target_marketo.mapping.refusals import Refused
from target_marketo.marketo.codes import Replay as CanReplay
from target_marketo.marketo.codes import is_documented, of_row
from target_marketo.marketo.replies import Field
from target_marketo.ops.console import console, print_json, print_table
from target_marketo.ops.errors import OpsError
from target_marketo.ops.errors_log import entries
from target_marketo.ops.errors_log.shape import explained
from target_marketo.problems import SettingError
from target_marketo.settings import Settings
from target_marketo.store.cache import Cache
from target_marketo.store.error_log import mapping_digest
from target_marketo.store.run_ledger import RUNS, SILENT_AFTER, moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from target_marketo.mapping.plan import StreamPlan
    from target_marketo.ops.errors_log.entries import Filter, LoggedError
    from target_marketo.store.database import Database

_JUST_STARTED = timedelta(seconds=10)
_A_YEAR_SECONDS = 366 * 86_400.0


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
    judge = _Judge(database, config)
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
    output.writelines(
        _line(_schema(stream, properties, replay.mapped_streams))
        for stream, properties in names.items()
    )
    output.writelines(
        _line({"type": "RECORD", "stream": entry.stream, "record": record})
        for entry, record in replay.sent
    )
    output.flush()
    screen.print(f"{len(replay.sent)} records sent to the target.", markup=False)


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
    print_table(
        f"{len(replay.sent)} records would be sent, {len(replay.kept)} not",
        ("ID #", "stream", "code", "field", "who", "sent", "why not"),
        ((e.id, e.stream, e.code, e.field, e.who, "no" if why else "yes", why) for e, why in rows),
    )


def mapped_streams(config: Mapping[str, Any]) -> frozenset[str]:
    """The streams that the `streams` setting, or its default, has an entry for."""
    streams = config.get("streams")
    return frozenset(streams or DEFAULT_STREAMS)


class _Judge:
    """Which entries would fail again, as far as this side can tell."""

    def __init__(self, database: Database, config: Mapping[str, Any]) -> None:
        self._mapping = mapping_digest(config.get("streams"))
        self._mapper = _mapper(database, config)
        self._mapped = mapped_streams(config)
        self._plans: dict[str, StreamPlan | None] = {}

    def hopeless(self, entry: LoggedError, record: dict[str, Any]) -> str:
        """Why it would; empty if it may succeed."""
        can_replay = of_row(entry.code).replay
        if can_replay is CanReplay.NEVER:
            return explained(entry.code, entry.advice).meaning
        if can_replay is CanReplay.IF_CHANGED:
            unchanged = entry.mapping in (None, self._mapping)
            return "Marketo refused the value, and `streams` has not changed" if unchanged else ""
        if is_documented(entry.code):
            return ""
        refused = self._refused(entry, record)
        if refused is None:
            return ""
        where = f" (field {refused.field})" if refused.field else ""
        return f"the mapping still refuses it: {refused.code}{where}"

    def _refused(self, entry: LoggedError, record: dict[str, Any]) -> Refused | None:
        stream = entry.stream
        if stream not in self._plans:
            self._plans[stream] = self._plan(stream, record)
        plan = self._plans[stream]
        mapped = plan.map(record) if plan else None
        if isinstance(mapped, Mapped):
            left_out = (each for each in mapped.left_out if each.field == entry.field)
            return next(left_out, None)
        return mapped if isinstance(mapped, Refused) else None

    def _plan(self, stream: str, record: dict[str, Any]) -> StreamPlan | None:
        if self._mapper is None:
            return None
        try:
            # A mapped property that this record lacks is no mistake of the mapping.
            properties: dict[str, Any] = (
                {} if stream in self._mapped else {name: {} for name in record}
            )
            return self._mapper.plan(stream, properties)
        except SettingError:
            return None


def _mapper(database: Database, config: Mapping[str, Any]) -> Mapper | None:
    """By the fields that the target last saw; None where it has not seen any yet."""
    try:
        instance = Settings.of({"client_id": "-", "client_secret": "-", **config}).instance
        described = Cache(database).get(f"describe:{instance}", _A_YEAR_SECONDS)
        return Mapper(config.get("streams"), msgspec.convert(described or [], list[Field]))
    except (SettingError, msgspec.ValidationError):
        return None


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


def _line(message: dict[str, Any]) -> str:
    return msgspec.json.encode(message).decode() + "\n"
