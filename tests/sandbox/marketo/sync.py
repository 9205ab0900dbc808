"""Sync Leads, in the two moments that matter.

What exists is looked up when the call ARRIVES (`prepare`); what the rows say is written when the
call's latency has passed (`apply`). Two calls that overlap in between do not see each other: that
is the race Adobe documents ("Leads", upserts with one key in quick succession), and the reason why
one e-mail in two calls at once makes two leads.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from .counts import JournalRow
from .errors import RecordError, ResponseError
from .values import IGNORED, format_instant

if TYPE_CHECKING:
    from random import Random

    from tests.sandbox.faults import Fault

    from .leads import LeadDatabase

ACTIONS = ("createOnly", "updateOnly", "createOrUpdate", "createDuplicate")
MAX_ROWS = 300


class SyncBody(msgspec.Struct, rename="camel"):
    """The JSON body of a sync."""

    input: list[dict[str, Any]] | None = None
    action: str | None = None
    lookup_field: str | None = None
    partition_name: str | None = None
    async_processing: bool | None = None


@dataclass(slots=True)
class PlannedRow:
    """What is to become of one row: an error, an update of `match`, or else a new lead."""

    key: str | None = None
    values: dict[str, Any] = field(default_factory=dict)
    match: int | None = None
    error: RecordError | None = None
    # The earlier row of this call that has the same key, where the last one wins.
    same_as: PlannedRow | None = None
    created: int | None = None


@dataclass(slots=True)
class SyncCall:
    """A prepared call; it holds its keys until `release`."""

    lookup_field: str
    partition: int
    rows: list[PlannedRow]
    held_keys: list[str] = field(default_factory=list)

    def refuse_some(self, fault: Fault, random: Random) -> None:
        """Let rows be skipped: those that hold what the fault names, or a share of all."""
        marked = fault.holding.lower()
        for row in self.rows:
            if row.error is not None:
                continue
            text = str(row.values).lower() if marked else ""
            if marked in text if marked else random.random() < fault.share:
                row.error = RecordError(fault.code, text=f"sandbox: {fault.code}")


class Syncs:
    """The sync calls of one database, with the keys that are in flight."""

    def __init__(self, database: LeadDatabase) -> None:
        self.database = database
        self._held: dict[str, int] = {}

    def prepare(self, body: SyncBody) -> SyncCall:
        """Check a call as a whole, then each row against the leads that exist now."""
        rows = body.input
        if not rows:
            raise ResponseError("1002", "input")
        if len(rows) > MAX_ROWS:
            raise ResponseError("1003", f"More than {MAX_ROWS} records in one call")
        action = body.action or "createOrUpdate"
        lookup_field = body.lookup_field or "email"
        if action not in ACTIONS:
            raise ResponseError("1003", f"Invalid action '{action}'")
        if body.async_processing:
            # The real one answers without outcomes; nothing here has a use for that.
            raise ResponseError("1003", "The sandbox has no asyncProcessing")
        if lookup_field not in self.database.schema.by_name:
            raise ResponseError("1006", text=f"Lookup field '{lookup_field}' not found")
        self.database.check_searchable(lookup_field)
        planner = _Planner(self.database, action, lookup_field, body.partition_name)
        call = SyncCall(lookup_field, planner.partition, [planner.plan(row) for row in rows])
        self._hold(call)
        return call

    def apply(self, call: SyncCall, now: float) -> tuple[list[dict[str, Any]], list[JournalRow]]:
        """Write the rows in their order; answer them, and journal them, by position."""
        instant = format_instant(now)
        results = []
        journal = []
        for row in call.rows:
            result, journal_row = self._apply_row(call, row, instant)
            if self.database.options.journal_values:
                journal_row.values = row.values
            results.append(result)
            journal.append(journal_row)
        return results, journal

    def release(self, call: SyncCall) -> None:
        """The call's reply has been sent, or it was given up."""
        held = self._held
        for key in call.held_keys:
            held[key] -= 1
            if not held[key]:
                del held[key]
        call.held_keys = []

    def _apply_row(
        self, call: SyncCall, row: PlannedRow, instant: str
    ) -> tuple[dict[str, Any], JournalRow]:
        if row.error is not None:
            return self._skip(row, row.error)
        counts = self.database.counts
        match = row.match if row.same_as is None else row.same_as.created
        if match is None:
            if row.key is not None and self.database.find(call.lookup_field, row.key):
                counts.duplicates_created += 1
            row.created = self.database.create(row.values, instant, call.partition)
            counts.rows_created += 1
            return (
                {"id": row.created, "status": "created"},
                JournalRow("created", row.created, row.key, changed=True),
            )
        if match not in self.database.leads:
            return self._skip(row, RecordError("1004"))
        changed, kept = self.database.update(match, row.values, instant)
        if changed:
            counts.rows_updated += 1
        else:
            counts.rows_unchanged += 1
        return (
            {"id": match, "status": "updated"},
            JournalRow("updated", match, row.key, changed=changed, kept=kept),
        )

    def _skip(self, row: PlannedRow, error: RecordError) -> tuple[dict[str, Any], JournalRow]:
        self.database.counts.count_skipped(error.code)
        return (
            {"status": "skipped", "reasons": [error.as_json()]},
            JournalRow("skipped", row.match, row.key, (error.code,)),
        )

    def _hold(self, call: SyncCall) -> None:
        keys = {row.key for row in call.rows if row.error is None and row.key is not None}
        if call.lookup_field != "email":
            # A row holds the e-mail it gives to its lead as well.
            emails = (row.values.get("email") for row in call.rows if row.error is None)
            key_of = self.database.key_of
            keys.update(key_of("email", email) for email in emails if email is not None)
        held = self._held
        for key in keys:
            others = held.get(key, 0)
            if others:
                self.database.counts.overlapping_keys += 1
            held[key] = others + 1
        call.held_keys = list(keys)


class _Planner:
    """Plans the rows of one call, one after the other."""

    def __init__(
        self, database: LeadDatabase, action: str, lookup_field: str, partition_name: str | None
    ) -> None:
        self.database = database
        self.action = action
        self.lookup_field = lookup_field
        self.partition_name = partition_name
        ids = database.partition_ids
        self.partition = ids.get(partition_name or "", next(iter(ids.values()), 1))
        self.by_id = lookup_field == "id"
        self.index = {} if self.by_id else database.index(lookup_field)
        self.folds = database.options.same_key_twice != "create_twice"
        self._seen: dict[str, PlannedRow] = {}

    def plan(self, row: dict[str, Any]) -> PlannedRow:
        planned = PlannedRow()
        try:
            self._plan(row, planned)
        except RecordError as error:
            planned.error = error
        return planned

    def _plan(self, row: dict[str, Any], planned: PlannedRow) -> None:
        if (self.by_id or "id" in row) and not (self.by_id and self.action == "updateOnly"):
            raise RecordError("1003", f"Field 'id' is not allowed with action '{self.action}'")
        sent = row.get(self.lookup_field)
        if sent is not None and sent != "":
            planned.key = self.database.key_of(self.lookup_field, sent)
        elif self.action != "createDuplicate":
            text = f"Value for required field '{self.lookup_field}' not specified"
            raise RecordError("1003", text)
        planned.values = self._accepted(row)
        if self.action != "createDuplicate":
            planned.match = self._match(planned)
            if planned.match is not None and self.database.options.blocked_field == "1003":
                self._check_blocked(planned.match, planned.values)
            if self.folds:
                self._fold(planned)
        if self.partition_name:
            self._check_partition(planned.match)

    def _match(self, planned: PlannedRow) -> int | None:
        """The one lead that the row is about, or none yet."""
        if self.by_id:
            matches = self.database.find("id", planned.key)
        else:
            matches = self.index.get(planned.key or "", [])
        if not matches:
            if self.action == "updateOnly":
                raise RecordError("1004")
            return None
        if self.action == "createOnly":
            raise RecordError("1005")
        if len(matches) > 1:
            raise RecordError("1007")
        if self.by_id:
            # Calls by id and by e-mail are about the same person: they hold the same key.
            email = self.database.leads[matches[0]].get("email")
            planned.key = planned.key if email is None else self.database.key_of("email", email)
        return matches[0]

    def _accepted(self, row: dict[str, Any]) -> dict[str, Any]:
        accept = self.database.accept
        try:
            values = {name: accept[name](value) for name, value in row.items()}
        except KeyError as error:
            if self.database.options.unknown_field_level == "response":
                raise ResponseError("1006", error.args[0]) from None
            raise RecordError("1006", error.args[0]) from None
        values.pop("id", None)  # it says which lead, not what to write
        if IGNORED in values.values():
            return {name: value for name, value in values.items() if value is not IGNORED}
        return values

    def _check_blocked(self, match: int, values: dict[str, Any]) -> None:
        lead = self.database.leads[match]
        for name in self.database.blocked & values.keys():
            if lead.get(name) not in {None, values[name]}:
                raise RecordError("1003", f"Field '{name}' is blocked")

    def _check_partition(self, match: int | None) -> None:
        if self.partition_name not in self.database.partition_ids:
            raise RecordError("1008", self.partition_name)
        if match is None or self.action != "createOrUpdate":
            return
        if self.database.leads[match].get("leadPartitionId") != self.partition:
            raise RecordError("1010")

    def _fold(self, planned: PlannedRow) -> None:
        """Decide what the second row of one key is, which no document says."""
        mode = self.database.options.same_key_twice
        if planned.key is None:
            return
        first = self._seen.setdefault(planned.key, planned)
        if first is planned:
            return
        if mode == "error_1036":
            raise RecordError("1036")
        if planned.match is None:
            planned.same_as = first
