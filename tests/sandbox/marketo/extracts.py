"""Bulk extracts of leads and activities: jobs, their queue, their files. Adobe, "Bulk extract".

A job is made, queued, worked at, two at a time, and then its file lies there for seven days, to be
read whole or in parts. What a file holds is what was there when the job was worked at.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from .call import File
from .errors import ResponseError
from .limits import quota_day
from .routes import Route
from .values import format_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .call import Call
    from .instance import Content, Finish, Instance
    from .routes import Needs

MAX_QUEUED = 10  # those at work among them
MAX_RUNNING = 2
MAX_RANGE_SECONDS = 31 * 86_400.0
KEPT_SECONDS = 7 * 86_400.0
FORMATS = {"CSV": ",", "TSV": "\t", "SSV": ";"}
ACTIVITY_FIELDS = (
    *("marketoGUID", "leadId", "activityDate", "activityTypeId", "campaignId"),
    *("primaryAttributeValueId", "primaryAttributeValue", "attributes"),
)
LEAD_FILTERS = frozenset(
    {
        *("createdAt", "updatedAt", "staticListId", "staticListName"),
        *("smartListId", "smartListName"),
    }
)
NOT_EVERYWHERE = frozenset({"updatedAt", "smartListId", "smartListName"})
RANGE = re.compile(r"bytes=(\d+)-(\d*)", re.ASCII)
NEEDS: dict[str, Needs] = {
    "leads": ("Read-Only Lead", "Read-Write Lead"),
    "activities": ("Read-Only Activity", "Read-Write Activity"),
}


class JobBody(msgspec.Struct, rename="camel"):
    fields: list[str] | None = None
    format: str = "CSV"
    column_header_names: dict[str, str] | None = None
    filter: dict[str, Any] | None = None


@dataclass(slots=True)
class Job:
    """One extract. Times are epoch seconds."""

    id: str
    kind: str
    fields: list[str]
    format: str
    headers: dict[str, str]
    filter: dict[str, Any]
    created: float
    queued: float | None = None
    started: float | None = None
    finished: float | None = None
    cancelled: bool = False
    records: int = 0
    content: bytes = b""

    @property
    def waits(self) -> bool:
        return self.queued is not None and self.finished is None and not self.cancelled


class Extracts:
    """The jobs of the one API user there is."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self.jobs: dict[str, Job] = {}
        # Bytes that were written to files, by the day of the quota.
        self._written: dict[str, int] = {}

    def routes(self) -> Iterator[Route]:
        for kind, needs in NEEDS.items():
            path = f"/bulk/v1/{kind}/export"
            calls: dict[str, tuple[str, str, Callable[[Call], Finish]]] = {
                f"{path}/create.json": ("create_extract", "POST", self._create(kind)),
                f"{path}.json": ("extracts", "GET", self._list(kind)),
                f"{path}/{{job}}/enqueue.json": ("queue_extract", "POST", self._enqueue),
                f"{path}/{{job}}/cancel.json": ("cancel_extract", "POST", self._cancel),
                f"{path}/{{job}}/status.json": ("extract_status", "GET", self._status),
                f"{path}/{{job}}/file.json": ("extract_file", "GET", self._file),
            }
            for each, (name, method, begin) in calls.items():
                yield Route(name, method, each, begin, needs, "extracts")

    # --- jobs ------------------------------------------------------------------------------------

    def _create(self, kind: str) -> Callable[[Call], Finish]:
        def begin(call: Call) -> Finish:
            body = call.json(JobBody)
            if body.format not in FORMATS:
                raise ResponseError("1003", f"Invalid format '{body.format}'")
            filters = self._checked(kind, body.filter)
            fields = self._fields(kind, body.fields)
            unknown = (body.column_header_names or {}).keys() - set(fields)
            if unknown:
                raise ResponseError("1003", f"columnHeaderNames of other fields: {min(unknown)}")

            def finish() -> Content:
                job = Job(
                    id=str(uuid.UUID(int=self._instance.random.getrandbits(128), version=4)),
                    kind=kind,
                    fields=fields,
                    format=body.format,
                    headers=body.column_header_names or {},
                    filter=filters,
                    created=self._instance.clock.now(),
                )
                self.jobs[job.id] = job
                return {"result": [self._answered(job)]}

            return finish

        return begin

    def _checked(self, kind: str, sent: dict[str, Any] | None) -> dict[str, Any]:
        if not sent:
            raise ResponseError("1002", "filter")
        filters = dict(sent)
        if kind == "activities":
            types = filters.get("activityTypeIds", [])
            if not isinstance(types, list) or not all(isinstance(each, int) for each in types):
                raise ResponseError("1003", "Invalid activityTypeIds")
            if "createdAt" not in filters:
                raise ResponseError("1002", "createdAt")
        else:
            if len(filters) != 1 or not filters.keys() <= LEAD_FILTERS:
                raise ResponseError("1003", "A job has exactly one filter")
            unsupported = self._instance.options.extract_updated_at == "1035"
            if unsupported and NOT_EVERYWHERE & filters.keys():
                raise ResponseError("1035")
        for name in {"createdAt", "updatedAt"} & filters.keys():
            filters[name] = _range(filters[name])
        return filters

    def _fields(self, kind: str, sent: list[str] | None) -> list[str]:
        if kind == "activities":
            fields = sent or list(ACTIVITY_FIELDS)
            known: Iterable[str] = ACTIVITY_FIELDS
        else:
            if not sent:
                raise ResponseError("1002", "fields")
            fields, known = sent, self._instance.database.schema.by_name
        unknown = [name for name in fields if name not in known]
        if unknown:
            raise ResponseError("1003", f"Invalid fields [{', '.join(unknown)}]")
        return fields

    def _list(self, kind: str) -> Callable[[Call], Finish]:
        def begin(call: Call) -> Finish:
            wanted = {status.lower() for status in call.values("status")}
            self._work()
            jobs = [self._answered(job) for job in self.jobs.values() if job.kind == kind]
            found = [job for job in jobs if not wanted or job["status"].lower() in wanted]
            return lambda: {"result": found}

        return begin

    def _enqueue(self, call: Call) -> Finish:
        job = self._find(call)

        def finish() -> Content:
            self._work()
            if job.queued is not None:
                raise ResponseError("1029", f"Export Job [{job.id}] already queued")
            if job.cancelled:
                raise ResponseError("1003", "The job was cancelled")
            if sum(each.waits for each in self.jobs.values()) >= MAX_QUEUED:
                raise ResponseError("1029", "Too many jobs in queue")
            if self._written_today() >= self._instance.options.extract_daily_bytes:
                megabytes = self._instance.options.extract_daily_bytes // 1_000_000
                raise ResponseError("1029", f"Export daily quota {megabytes}MB exceeded")
            job.queued = self._instance.clock.now()
            return {"result": [self._answered(job)]}

        return finish

    def _cancel(self, call: Call) -> Finish:
        job = self._find(call)

        def finish() -> Content:
            self._work()
            if job.finished is not None:
                raise ResponseError("1003", "The job is finished")
            job.cancelled = True
            return {"result": [self._answered(job)]}

        return finish

    def _status(self, call: Call) -> Finish:
        job = self._find(call)
        self._work()
        content = {"result": [self._answered(job)]}
        return lambda: content

    def _find(self, call: Call) -> Job:
        job = self.jobs.get(call.parts["job"])
        kind = call.path.split("/")[3]
        now = call.entry.arrival
        if job is None or job.kind != kind or now - job.created > KEPT_SECONDS:
            raise ResponseError("1013", "Export job")
        return job

    def _answered(self, job: Job) -> Content:
        status = self._status_of(job)
        answered: Content = {"exportId": job.id, "format": job.format, "status": status}
        times = {
            "createdAt": job.created,
            "queuedAt": job.queued,
            "startedAt": job.started,
            "finishedAt": job.finished,
        }
        answered |= {name: format_instant(t) for name, t in times.items() if t is not None}
        if status == "Completed":
            answered["numberOfRecords"] = job.records
            answered["fileSize"] = len(job.content)
            answered["fileChecksum"] = f"sha256:{hashlib.sha256(job.content).hexdigest()}"
        return answered

    def _status_of(self, job: Job) -> str:
        if job.cancelled:
            return self._instance.options.extract_cancelled
        if job.finished is not None:
            return "Completed"
        if job.started is not None:
            return "Processing"
        return "Created" if job.queued is None else "Queued"

    # --- work ------------------------------------------------------------------------------------

    def _work(self) -> None:
        """Do what was to be done by now: two jobs at a time, in the order of the queue."""
        now = self._instance.clock.now()
        lasts = self._instance.options.extract_seconds
        waiting = [job for job in self.jobs.values() if job.waits]
        running: list[float] = []
        for job in sorted(waiting, key=lambda job: job.queued or 0.0):
            running.sort()
            begins = job.started or job.queued or 0.0
            if len(running) >= MAX_RUNNING:
                begins = max(begins, running.pop(0))
            running.append(begins + lasts)
            if begins <= now:
                job.started = begins
            if begins + lasts <= now:
                job.finished = begins + lasts
                self._write(job)

    def _write(self, job: Job) -> None:
        rows = self._leads(job) if job.kind == "leads" else self._activities(job)
        text = io.StringIO()
        writer = csv.writer(text, delimiter=FORMATS[job.format], lineterminator="\n")
        writer.writerow(job.headers.get(name, name) for name in job.fields)
        for row in rows:
            writer.writerow(_cell(row.get(name)) for name in job.fields)
            job.records += 1
        job.content = text.getvalue().encode()
        day = self._today()
        self._written[day] = self._written.get(day, 0) + len(job.content)

    def _leads(self, job: Job) -> list[dict[str, Any]]:
        database = self._instance.database
        ((name, wanted),) = job.filter.items()
        if name in {"createdAt", "updatedAt"}:
            first, last = wanted
            found = [
                each["id"]
                for each in database.leads.values()
                if first <= datetime.fromisoformat(each[name]).timestamp() <= last
            ]
        elif name in {"staticListId", "staticListName"}:
            lists = self._instance.rooms.lists.lists.values()
            found = [
                lead
                for each in lists
                if wanted == (each.id if name == "staticListId" else each.name)
                for lead in each.members
            ]
        else:  # the sandbox has one smart list: everybody
            found = list(database.leads)
        return database.read(sorted(found), job.fields)

    def _activities(self, job: Job) -> Iterator[dict[str, Any]]:
        first, last = job.filter["createdAt"]
        types = job.filter.get("activityTypeIds")
        now = self._instance.clock.now()
        for each in self._instance.rooms.log.ordered(now):
            # Activities have no other time: `createdAt` is their date.
            if first <= each.date <= last and (not types or each.type_id in types):
                yield {
                    "marketoGUID": str(each.number),
                    "leadId": each.lead_id,
                    "activityDate": format_instant(each.date),
                    "activityTypeId": each.type_id,
                    "primaryAttributeValueId": each.primary_id,
                    "primaryAttributeValue": each.primary,
                    "attributes": msgspec.json.encode(each.attributes).decode(),
                }

    def _today(self) -> str:
        return quota_day(self._instance.clock.now(), self._instance.options.quota_zone)

    def _written_today(self) -> int:
        return self._written.get(self._today(), 0)

    # --- files -----------------------------------------------------------------------------------

    def _file(self, call: Call) -> Finish:
        job = self._find(call)
        self._work()

        def finish() -> Content:
            if job.finished is None:
                if self._instance.options.extract_early_file == "1003":
                    raise ResponseError("1003", "The file is not ready")
                return {"file": File(b"File not found", 404, "text/plain")}
            return {"file": _part(job.content, call.range)}

        return finish


def _range(sent: Any) -> tuple[float, float]:
    """The two bounds of a time, in epoch seconds."""
    try:
        first, last = (datetime.fromisoformat(sent[name]) for name in ("startAt", "endAt"))
    except (KeyError, TypeError, ValueError):
        raise ResponseError("1003", "Invalid date range") from None
    if first.microsecond or last.microsecond:
        raise ResponseError("1003", "Invalid date range: without milliseconds")
    bounds = tuple(
        (each if each.tzinfo else each.replace(tzinfo=UTC)).timestamp() for each in (first, last)
    )
    if not 0 <= bounds[1] - bounds[0] <= MAX_RANGE_SECONDS:
        raise ResponseError("1003", "Invalid date range: at most 31 days")
    return bounds[0], bounds[1]


def _part(content: bytes, wanted: str) -> File:
    if not wanted:
        return File(content)
    match = RANGE.fullmatch(wanted)
    if match is None or int(match[1]) >= len(content):
        return File(b"", 416)
    first, last = int(match[1]), int(match[2] or len(content) - 1)
    part = content[first : last + 1]
    span = f"bytes {first}-{first + len(part) - 1}/{len(content)}"
    return File(part, 206, headers={"Content-Range": span})


def _cell(value: Any) -> str:
    """What stands for nothing cannot be told from the word "null"."""
    if value is None or value == "":
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
