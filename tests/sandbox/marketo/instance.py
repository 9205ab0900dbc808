"""One Marketo instance: its leads, limits, tokens and figures, and every call it understands.

A call is begun when it arrives and finished when its latency has passed; `begin` returns what is
then to be done. HTTP is `server.py`'s business.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import date, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import msgspec

from tests.sandbox.faults import Script, carried_out

from .call import FORM, IdRow, IdRows
from .clock import Clock
from .counts import Counts, JournalEntry, JournalRow
from .errors import RecordError, ResponseError
from .leads import DEFAULT_FIELDS, MAX_VALUES, LeadDatabase
from .limits import Limits, quota_day
from .paging import Page
from .rooms import Rooms
from .sync import MAX_ROWS, SyncBody, Syncs
from .tokens import Tokens

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from .call import Call
    from .fields import Schema
    from .options import Options

    # What a call answers beside `requestId` and `success`.
    Content = dict[str, Any]
    Finish = Callable[[], Content]
    # By path: the kind of call, and what begins it by method.
    Routes = dict[str, tuple[str, dict[str, Callable[[Call], Finish]]]]


IDENTITY_PATH = "/identity/oauth/token"


class Instance:
    """The state of the sandbox, and the API's calls upon it."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.random = Random(f"{options.seed}/ids")
        self.latency_random = Random(f"{options.seed}/latency")
        self.fault_random = Random(f"{options.seed}/damage")
        self.script = Script(options.faults, options.seed)
        self.clock = Clock(options.clock_start)
        now = self.clock.now()
        self.counts = Counts()
        self.journal: list[JournalEntry] = []
        # Calls that go on although their connection is gone.
        self.outlives: set[asyncio.Task[None]] = set()
        # Response-level errors per day and code, as the errors call tells them.
        self.errors: dict[str, Counter[str]] = {}
        self.database = LeadDatabase(options, self.counts)
        self.syncs = Syncs(self.database)
        self.limits = Limits(options, now)
        self.tokens = Tokens(self.random)
        # Everything but leads: lists, activities, programs, custom objects.
        self.rooms = Rooms(self)
        # When fields came or went, and what was there before.
        self._fields_before: list[tuple[float, Schema]] = []
        # The figures that the usage call answers, and when they were true.
        self._usage_known: tuple[float, dict[str, Counter[str]]] = (float("-inf"), {})
        stats = "/rest/v1/stats"
        self._routes: Routes = {
            "/rest/v1/leads/delete.json": ("delete", {"POST": self._delete}),
            "/rest/v1/leads/describe.json": ("describe", {"GET": self._describe}),
            "/rest/v1/leads/describe2.json": ("describe", {"GET": self._describe2}),
            "/rest/v1/leads/partitions.json": (
                "partitions",
                {"GET": self._partitions, "POST": self._move},
            ),
            f"{stats}/usage.json": ("usage", {"GET": lambda _: self._usage(1)}),
            f"{stats}/usage/last7days.json": ("usage", {"GET": lambda _: self._usage(7)}),
            f"{stats}/errors.json": ("errors", {"GET": lambda _: self._errors(1)}),
            f"{stats}/errors/last7days.json": ("errors", {"GET": lambda _: self._errors(7)}),
        }

    def configure(self, changes: dict[str, object]) -> None:
        """Change options while running; the leads and the limits' state stay."""
        options = self.options.replaced(changes)
        if options.clock_start != self.options.clock_start:
            self.clock = Clock(options.clock_start)
        if "faults" in changes:
            self.script = Script(options.faults, options.seed)
        if options.custom_fields != self.options.custom_fields:
            self._fields_before.append((self.clock.now(), self.database.schema))
        self.options = options
        self.limits.options = options
        self.database.configure(options)
        self.rooms.configure(changes)

    def reset_counts(self) -> None:
        """Begin the figures and the journal again; leads, quota and rate window stay."""
        self.counts = self.database.counts = Counts()
        self.journal = []
        self.limits.reset_worst()

    def current_counts(self) -> Counts:
        counts, limits = self.counts, self.limits
        counts.worst_in_window = limits.worst_in_window
        counts.worst_in_flight = limits.worst_in_flight
        counts.calls_today = limits.calls_today(self.clock.now())
        return counts

    # --- one call --------------------------------------------------------------------------------

    def strike(self, call: Call) -> None:
        """Asks the script what goes wrong with a call that has just arrived."""
        kind = "identity" if call.path == IDENTITY_PATH else self._route(call)[0]
        call.entry.kind = kind
        call.fault = self.script.draw(kind, call.body)
        if call.fault is None:
            return
        call.entry.fault = call.fault.what
        if call.fault.what == "changes":
            self.configure(call.fault.options)
            call.fault = None

    def begin(self, call: Call) -> Finish:
        """The call arrives: authenticate it, admit it, start it. What it holds from now on, such
        as a slot, is given back by its `at_end`.
        """
        kind, handler, allowed = self._route(call)
        self.counts.count_call(kind)
        now = call.entry.arrival
        # Adobe marks 601, 602 and 605: such calls use up neither rate nor quota.
        self.tokens.check(self._token(call), now)
        if handler is not None and not allowed:
            raise ResponseError("605")
        self.limits.arrive(now, self.options.api_user)
        call.at_end.append(lambda: self.limits.leave(self.clock.now()))
        if handler is None:
            raise ResponseError("610")
        if kind in self.options.denied_calls:
            raise ResponseError("603")
        return handler(call)

    def refused(self, error: ResponseError) -> None:
        """Count a response-level error."""
        self.counts.count_rejected(error.code)
        day = quota_day(self.clock.now(), self.options.quota_zone)
        self.errors.setdefault(day, Counter())[error.code] += 1

    def identity(self, parameters: dict[str, str]) -> tuple[int, Content]:
        """The token endpoint: HTTP status and body. It is outside all limits."""
        self.counts.count_call("identity")
        options = self.options
        if parameters.get("grant_type") != "client_credentials":
            return 400, {
                "error": "unsupported_grant_type",
                "error_description": "The grant type must be client_credentials",
            }
        if parameters.get("client_id") != options.client_id:
            return 401, {
                "error": "unauthorized",
                "error_description": "No client with the requested id",
            }
        if parameters.get("client_secret") != options.client_secret:
            return 401, {
                "error": "invalid_client",
                "error_description": "Bad client credentials",
            }
        token, seconds_left = self.tokens.grant(self.clock.now(), options.token_lifetime)
        return 200, {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": seconds_left,
            "scope": options.api_user,
        }

    def _token(self, call: Call) -> str:
        scheme, _, token = call.authorization.partition(" ")
        if scheme.lower() == "bearer" and token:
            return token.strip()
        if self.options.query_token == "accept":
            return call.query.get("access_token", "")
        return ""

    def _route(self, call: Call) -> tuple[str, Callable[[Call], Finish] | None, bool]:
        """The call's kind, what starts it (None for an unknown path), and whether the method is
        one that the path has.
        """
        if call.path == "/rest/v1/leads.json":
            return self._route_leads(call)
        route = self._routes.get(call.path)
        if route is None:
            return self.rooms.route(call)
        kind, methods = route
        handler = methods.get(call.method)
        if handler is None:
            return kind, next(iter(methods.values())), False
        return kind, handler, True

    def _route_leads(self, call: Call) -> tuple[str, Callable[[Call], Finish] | None, bool]:
        method = call.method
        if method == "POST":
            # In the query or, as marketorestpython does, in the form.
            method = call.form().get("_method", method).upper()
        if method == "GET":
            return "lookup", self._lookup, True
        if method == "DELETE":
            return "delete", self._delete, True
        return "sync", self._sync, method == "POST"

    # --- leads -----------------------------------------------------------------------------------

    def _lookup(self, call: Call) -> Finish:
        if call.body and call.content_type != FORM:
            raise ResponseError("612")
        parameters = call.form()
        filter_type = parameters.get("filterType", "").strip()
        if not filter_type:
            raise ResponseError("1003", "filterType not specified")
        filter_values = parameters.get("filterValues", "")
        values = self._filter_values(filter_values)
        if not values:
            raise ResponseError("1003", "filterValues not specified")
        if len(values) > MAX_VALUES:
            raise ResponseError("1003", f"More than {MAX_VALUES} filterValues")
        asked = parameters.get("fields", "")
        names = [name.strip() for name in asked.split(",") if name.strip()] or DEFAULT_FIELDS
        self.database.check_fields(names)
        unseen = self._too_new(call.entry.arrival)
        ids = [each for each in self.database.lookup(filter_type, values) if each not in unseen]
        page = Page.of(parameters, signature=f"{filter_type} {filter_values}")
        content: Content = {"result": self.database.read(page.cut(ids), names)}
        if page.more:
            content["nextPageToken"] = page.next_token()
            content["moreResult"] = True
        call.entry.values = len(values)
        if self.options.journal_values:
            call.entry.keys = [value.lower() for value in values]
        call.entry.found = len(content["result"])
        return lambda: content

    def _filter_values(self, text: str) -> list[str]:
        """A value with a comma in it cannot be told from two values, as far as is documented."""
        if self.options.escaped_comma == "kept":
            parts = [part.replace("\\,", ",") for part in re.split(r"(?<!\\),", text)]
        else:
            parts = text.split(",")
        return [value for part in parts if (value := part.strip())]

    def _too_new(self, now: float) -> set[int | None]:
        """The leads that a lookup does not find yet."""
        lag = self.options.lookup_lag
        if not lag:
            return set()
        return {
            row.id
            for entry in self.journal
            if entry.applied > now - lag
            for row in entry.rows
            if row.status == "created"
        }

    def _sync(self, call: Call) -> Finish:
        sync = self.syncs.prepare(call.json(SyncBody))
        call.at_end.append(lambda: self.syncs.release(sync))
        if self.options.journal_values:
            call.entry.keys = [row.key for row in sync.rows if row.key is not None]
        if call.fault is not None and call.fault.what == "row":
            sync.refuse_some(call.fault, self.fault_random)

        def finish() -> Content:
            now = call.entry.applied = self.clock.now()
            sync.rows = list(carried_out(call.fault, sync.rows))
            results, call.entry.rows = self.syncs.apply(sync, now)
            kept = sum(row.kept for row in call.entry.rows)
            if kept and self.options.blocked_field == "warning":
                warning = {"code": "1003", "message": f"sandbox: {kept} blocked fields were kept"}
                return {"result": results, "warnings": [warning]}
            return {"result": results}

        return finish

    def _delete(self, call: Call) -> Finish:
        if call.body:
            ids: list[Any] = [row.id for row in call.json(IdRows).input]
        else:
            ids = [value for value in call.query.get("id", "").split(",") if value]
        if not ids:
            raise ResponseError("1002", "id")
        if len(ids) > MAX_ROWS:
            raise ResponseError("1003", f"More than {MAX_ROWS} records in one call")

        def finish() -> Content:
            return {"result": [self._delete_one(call, value) for value in ids]}

        return finish

    def _delete_one(self, call: Call, value: Any) -> Content:
        found = self.database.find("id", value)
        if not found:
            error = RecordError("1004")
            self.counts.count_skipped(error.code)
            call.entry.rows.append(JournalRow("skipped", codes=(error.code,)))
            return {"status": "skipped", "reasons": [error.as_json()]}
        number = found[0]
        email = self.database.leads[number].get("email")
        self.rooms.people.delete(number)
        self.counts.rows_deleted += 1
        key = None if email is None else email.lower()
        call.entry.rows.append(JournalRow("deleted", number, key, changed=True))
        return {"id": number, "status": "deleted"}

    # --- schema, partitions, statistics ----------------------------------------------------------

    def _described(self) -> Schema:
        """The fields as the describe calls know them: those of a while ago, if so switched."""
        known_until = self.clock.now() - self.options.describe_lag
        earlier = (each for changed, each in self._fields_before if changed > known_until)
        return next(earlier, self.database.schema)

    def _describe(self, _: Call) -> Finish:
        return lambda: {"result": self._described().describe()}

    def _describe2(self, _: Call) -> Finish:
        return lambda: {"result": self._described().describe2()}

    def _partitions(self, _: Call) -> Finish:
        return lambda: {"result": msgspec.to_builtins(self.options.partitions)}

    def _move(self, call: Call) -> Finish:
        rows = call.json(IdRows).input
        if not rows:
            raise ResponseError("1002", "input")

        def finish() -> Content:
            return {"result": [self._move_one(row) for row in rows]}

        return finish

    def _move_one(self, row: IdRow) -> Content:
        found = self.database.find("id", row.id)
        if not found:
            return {"status": "skipped", "reasons": [RecordError("1004").as_json()]}
        name = row.partition_name
        if name not in self.database.partition_ids:
            return {"status": "skipped", "reasons": [RecordError("1008", name).as_json()]}
        self.database.leads[found[0]]["leadPartitionId"] = self.database.partition_ids[name]
        return {"id": found[0], "status": "updated"}

    def _days(self, count: int) -> list[str]:
        today = date.fromisoformat(quota_day(self.clock.now(), self.options.quota_zone))
        return [(today - timedelta(days=back)).isoformat() for back in range(count)]

    def _usage(self, days: int) -> Finish:
        now = self.clock.now()
        if now - self._usage_known[0] >= self.options.usage_age:
            self._usage_known = (now, {day: +users for day, users in self.limits.usage.items()})

        def of(day: str) -> Content:
            users = self._usage_known[1].get(day, Counter())
            return {
                "date": day,
                "total": users.total(),
                "users": [{"userId": user, "count": count} for user, count in users.items()],
            }

        return lambda: {"result": [of(day) for day in self._days(days)]}

    def _errors(self, days: int) -> Finish:
        def of(day: str) -> Content:
            codes = self.errors.get(day, Counter())
            return {
                "date": day,
                "total": codes.total(),
                "errors": [{"errorCode": code, "count": count} for code, count in codes.items()],
            }

        return lambda: {"result": [of(day) for day in self._days(days)]}
