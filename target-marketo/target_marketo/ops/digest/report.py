"""What a digest tells, gathered from the store, the governor and Meltano's runs.

A kind is stream + code + field. What counts as told stands in the entries and runs themselves, so
the period's start is for people only: nothing is reported twice, or never, because of a clock.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import case, func, or_, select

from target_marketo.ops.digest import ended_runs
from target_marketo.ops.errors_log.entries import Filter
from target_marketo.ops.errors_log.outlook import Outlook, replay_command
from target_marketo.ops.errors_log.shape import explained, sample
from target_marketo.privacy import masked
from target_marketo.store.error_log import ERRORS, is_news, last_seen
from target_marketo.store.run_ledger import COUNTS, RUNS, SILENT_AFTER, moment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

    from sqlalchemy import Connection

    from target_marketo.governor import Usage
    from target_marketo.ops.digest.ended_runs import EndedRun
    from target_marketo.ops.errors_log.outlook import Judge
    from target_marketo.ops.project.meltano import MeltanoRun
    from target_marketo.ops.status.health import Health
    from target_marketo.store.database import Database

HOURS_SHOWN = 24
_DELETED_SOON = timedelta(days=7)
_CHAT_IDS = ("last_chat_id", "chat_id")
_ID = re.compile(r"[A-Z0-9]{8,16}")


class State(StrEnum):
    """How a kind of error has changed since the last digest."""

    NEW = "new"
    RECURRING = "recurring"
    RESOLVED = "resolved"


@dataclass(frozen=True)
class Kind:
    """One kind of error. `count` is how often it was seen since the last digest, of how many
    `people`.
    """

    state: State
    stream: str
    code: str
    field: str
    meaning: str
    cure: str
    count: int
    people: int
    open: int
    resolved: int
    first_seen: str
    last_seen: str
    who: str
    sample: str
    chat: str
    replay: str
    left_out: bool = False  # a value of each record, whose rest was delivered

    @property
    def title(self) -> str:
        return f"{self.code} {self.field}".strip()


@dataclass(frozen=True)
class Told:
    """What is marked as told once the mail is accepted."""

    seen: list[tuple[int, int]] = field(default_factory=list)
    resolved: list[int] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    meltano_runs: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Report:
    """Everything that a digest says; times are RFC 3339 in UTC."""

    instance: str
    environment: str
    timezone: str
    since: str
    until: str
    healthy: bool
    headline: str
    kinds: tuple[Kind, ...]
    ended_runs: tuple[EndedRun, ...]
    runs: int
    last_run: str
    last_success: str
    silent_hours: int
    received: int
    delivered: int
    unchanged: int
    skipped: int
    rejected: int
    created: int
    updated: int
    twins: int
    values_left_out: int
    duplicates: str
    attachments: dict[str, int]
    open_entries: int
    oldest_open: str
    deleted_soon: int
    hours: tuple[tuple[str, int], ...]
    calls: dict[str, int]
    throttled: int
    calls_today: int | None
    calls_today_everybody: int | None
    calls_limit: int | None
    told: Told

    @property
    def has_news(self) -> bool:
        """Whether anybody needs to read it."""
        return bool(self.kinds or self.ended_runs or self.silent_hours or self.deleted_soon)

    @property
    def identity(self) -> str:
        """The same for the same news, so that a repeated mail is known as one."""
        told = self.told
        news = [self.instance, self.since, sorted(told.seen), sorted(told.resolved)]
        news += [sorted(told.runs), sorted(told.meltano_runs)]
        return hashlib.sha256(msgspec.json.encode(news)).hexdigest()[:32]

    @property
    def failed_runs(self) -> list[EndedRun]:
        """Those that failed, or were killed."""
        return [run for run in self.ended_runs if not run.waits]

    @property
    def waiting_runs(self) -> list[EndedRun]:
        """Those that left the rest to the next."""
        return [run for run in self.ended_runs if run.waits]

    def count(self, state: State) -> int:
        """How many kinds are in a state."""
        return sum(kind.state is state for kind in self.kinds)

    @property
    def records(self) -> int:
        """How many rejections there were since the last digest."""
        return sum(kind.count for kind in self.kinds if not kind.left_out)


@dataclass(frozen=True)
class Sources:
    """What is known beside the store."""

    instance: str
    environment: str
    streams: Mapping[str, Any] | None
    usage: Usage | None
    meltano_runs: Sequence[MeltanoRun] | None
    zone: ZoneInfo
    silence_hours: int
    retention_days: int
    in_meltano: bool
    health: Health
    judge: Judge
    duplicates: str = "newest"


def gather(database: Database, since: str, sources: Sources, now: datetime) -> Report:
    """Reads one consistent view of the store."""
    with database.read() as connection:
        seen, resolved = _news(connection, sources.instance)
        kinds = _kinds(connection, sources)
        runs = _runs(connection, sources.instance, now)
        last_run = _last_run(connection, sources.instance)
        open_entries, oldest_open = _open(connection, sources.instance)
        deleted_soon = _deleted_soon(connection, sources, now)
    ended = [ended_runs.of_ledger(run) for run in runs if run["exit_code"] != 0]
    meltano, told_meltano, last_meltano = ended_runs.of_meltano(sources.meltano_runs or (), runs)
    last = max(filter(None, (last_run, last_meltano)), default="")
    usage, health = sources.usage, sources.health
    success = health.runs.last_success
    return Report(
        instance=sources.instance,
        environment=sources.environment,
        timezone=sources.zone.key,
        since=since,
        until=moment(now),
        healthy=health.ok,
        headline=health.verdict(
            lambda at: at.astimezone(sources.zone).strftime("%Y-%m-%d %H:%M"),
        ),
        kinds=tuple(kinds),
        ended_runs=tuple(ended_runs.grouped([*ended, *meltano])),
        runs=len(runs),
        last_run=last,
        last_success=moment(success) if success else "",
        silent_hours=_silent_hours(last, now, sources.silence_hours),
        **{name: sum(run[name] for run in runs) for name in COUNTS},
        duplicates=sources.duplicates,
        attachments=_summed(runs, "attachments"),
        open_entries=open_entries,
        oldest_open=oldest_open,
        deleted_soon=deleted_soon,
        hours=_hours(runs, now, sources.zone),
        calls=_summed(runs, "calls"),
        throttled=sum(_summed(runs, "throttled").values()),
        calls_today=usage.today_ours if usage else None,
        calls_today_everybody=usage.today_everybody if usage else None,
        calls_limit=usage.daily_limit if usage else None,
        told=Told(seen, resolved, [run["run"] for run in runs], told_meltano),
    )


def _news(connection: Connection, instance: str) -> tuple[list[tuple[int, int]], list[int]]:
    query = select(
        ERRORS.c.id, ERRORS.c.times_seen, ERRORS.c.times_reported, ERRORS.c.resolved_at
    ).where(is_news(), ERRORS.c.instance == instance)
    rows = connection.execute(query).all()
    seen = [(row.id, row.times_seen) for row in rows if row.times_seen > row.times_reported]
    return seen, [row.id for row in rows if row.resolved_at is not None]


def _kinds(connection: Connection, sources: Sources) -> list[Kind]:
    unseen = ERRORS.c.times_seen - ERRORS.c.times_reported
    is_open = ERRORS.c.resolved_at.is_(None)
    newly_resolved = ~is_open & (ERRORS.c.resolution_reported == 0)
    columns = (ERRORS.c.stream, ERRORS.c.code, ERRORS.c.field)
    query = select(
        *columns,
        func.sum(unseen).label("occurrences"),
        func.count(case((unseen > 0, ERRORS.c.key_hash)).distinct()).label("people"),
        func.sum(case((is_open, 1), else_=0)).label("open"),
        func.sum(case((newly_resolved, 1), else_=0)).label("resolved"),
        func.sum(case((ERRORS.c.part.startswith("field:"), 0), else_=1)).label("whole"),
        func.max(ERRORS.c.times_reported).label("reported"),
        func.min(ERRORS.c.at).label("first"),
        func.max(last_seen()).label("last"),
        func.max(ERRORS.c.id).label("example"),
    )
    query = query.where(ERRORS.c.instance == sources.instance).group_by(*columns)
    rows = [row for row in connection.execute(query).all() if row.occurrences or row.resolved]
    kinds = [_kind(connection, row, sources) for row in rows]
    order = list(State)
    return sorted(kinds, key=lambda kind: (order.index(kind.state), -kind.count, kind.title))


def _kind(connection: Connection, row: Any, sources: Sources) -> Kind:
    example = connection.execute(
        select(ERRORS.c.advice, ERRORS.c.part, ERRORS.c.key_masked, ERRORS.c.record).where(
            ERRORS.c.id == row.example
        )
    ).one()
    if not row.open and row.resolved:
        state = State.RESOLVED
    else:
        state = State.RECURRING if row.reported else State.NEW
    words = explained(row.code, example.advice, example.part)
    record = msgspec.json.decode(example.record)
    outlook = sources.judge.of_kind(Filter(sources.instance, (row.code,), row.field, row.stream))
    helps = outlook is not Outlook.SAME_AGAIN
    return Kind(
        state=state,
        stream=row.stream,
        code=row.code,
        field=row.field,
        meaning=words.meaning,
        cure=outlook.cure(words),
        count=int(row.occurrences),
        people=int(row.people),
        open=int(row.open),
        resolved=int(row.resolved),
        first_seen=row.first,
        last_seen=row.last,
        who=masked(example.key_masked),
        sample=sample(row.stream, row.field, record, sources.streams),
        chat=_chat(record),
        replay=replay_command(row.code, in_meltano=sources.in_meltano) if helps else "",
        left_out=not row.whole,
    )


def _chat(record: Mapping[str, Any]) -> str:
    """LiveChat's id of the chat, by which its archives are searched; neither it nor Marketo has a
    documented address of a single chat or person that could be a link.
    """
    values = (record.get(name) for name in _CHAT_IDS)
    return next((each for each in values if isinstance(each, str) and _ID.fullmatch(each)), "")


def _runs(connection: Connection, instance: str, now: datetime) -> list[dict[str, Any]]:
    """Runs that no digest has told of and that are over, be it because they were killed."""
    over = or_(RUNS.c.ended_at.is_not(None), RUNS.c.alive_at < moment(now - SILENT_AFTER))
    untold = (RUNS.c.instance == instance, RUNS.c.reported == 0)
    query = select(RUNS).where(*untold, over).order_by(RUNS.c.started_at)
    return [dict(row) for row in connection.execute(query).mappings()]


def _last_run(connection: Connection, instance: str) -> str:
    query = select(func.max(RUNS.c.alive_at)).where(RUNS.c.instance == instance)
    return str(connection.execute(query).scalar() or "")


def _silent_hours(last: str, now: datetime, limit: int) -> int:
    """For how many hours nothing has run, if that is too many; 0 if all is well."""
    if not last:
        return limit
    hours = int((now - datetime.fromisoformat(last)).total_seconds() // 3600)
    return hours if hours >= limit else 0


def _open(connection: Connection, instance: str) -> tuple[int, str]:
    query = select(func.count(), func.min(ERRORS.c.at)).where(*_open_ones(instance))
    count, oldest = connection.execute(query).one()
    return int(count), str(oldest or "")


def _open_ones(instance: str) -> tuple[Any, ...]:
    return (ERRORS.c.resolved_at.is_(None), ERRORS.c.instance == instance)


def _deleted_soon(connection: Connection, sources: Sources, now: datetime) -> int:
    """Open entries that the retention will delete within a week."""
    before = moment(now - timedelta(days=sources.retention_days) + _DELETED_SOON)
    query = select(func.count()).where(*_open_ones(sources.instance), last_seen() < before)
    return int(connection.execute(query).scalar_one())


def _hours(
    runs: Sequence[Mapping[str, Any]], now: datetime, zone: ZoneInfo
) -> tuple[tuple[str, int], ...]:
    """Records delivered in each of the last hours, by the end of their run."""
    this_hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    counts: Counter[datetime] = Counter()
    for run in runs:
        at = datetime.fromisoformat(run["ended_at"] or run["alive_at"]).astimezone(UTC)
        counts[at.replace(minute=0, second=0, microsecond=0)] += run["delivered"]
    hours = [this_hour - timedelta(hours=back) for back in range(HOURS_SHOWN - 1, -1, -1)]
    return tuple((hour.astimezone(zone).strftime("%H"), counts[hour]) for hour in hours)


def _summed(runs: Sequence[Mapping[str, Any]], column: str) -> dict[str, int]:
    total: Counter[str] = Counter()
    for run in runs:
        total.update(msgspec.json.decode(run[column], type=dict[str, int]))
    return dict(sorted(total.items()))
