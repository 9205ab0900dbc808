"""The activity log: what happened to whom, and reading it. Adobe, "Activities".

What is added shows only after a while, and a page of a reading looks at a part of the whole log.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from .errors import ResponseError
from .routes import Route
from .values import format_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .activity_types import ActivityTypes, AttributeBody
    from .call import Call
    from .instance import Content, Finish, Instance
    from .lists import Lists
    from .routes import Needs

DELETE_LEAD = 37
CHANGE_VALUE = 13
MAX_TYPES = 10
MAX_LEADS = 30
MAX_PAGE = 300
RETENTION_SECONDS = 25 * 30.44 * 86_400
DELETED_SECONDS = 14 * 86_400.0
READ: Needs = ("Read-Only Activity", "Read-Write Activity")


class Standard(NamedTuple):
    """A type of activity that every instance has."""

    id: int
    name: str
    primary: str
    attributes: tuple[tuple[str, str], ...] = ()


STANDARD = (
    Standard(1, "Visit Webpage", "Webpage ID", (("Webpage URL", "string"),)),
    Standard(2, "Fill Out Form", "Webform ID", (("Form Fields", "text"),)),
    Standard(12, "New Lead", "", (("Source Type", "string"), ("Lead Source", "string"))),
    Standard(
        CHANGE_VALUE,
        "Change Data Value",
        "Attribute Name",
        (("New Value", "string"), ("Old Value", "string"), ("Reason", "string")),
    ),
    Standard(24, "Add to List", "List ID", (("Source", "string"),)),
    Standard(25, "Remove from List", "List ID", (("Source", "string"),)),
    Standard(32, "Merge Leads", "Lead ID", (("Merge IDs", "string"),)),
    Standard(DELETE_LEAD, "Delete Lead", "Lead ID", (("Campaign", "string"),)),
    Standard(
        104,
        "Change Status in Progression",
        "Program ID",
        (("New Status", "string"), ("Old Status", "string"), ("Success", "boolean")),
    ),
)


@dataclass(slots=True)
class Activity:
    """An entry of the log. Times are epoch seconds; attributes are by display name."""

    number: int
    lead_id: int
    type_id: int
    date: float
    inserted: float
    primary: str
    attributes: dict[str, Any] = field(default_factory=dict)
    # API name by display name, of a custom type.
    api_names: dict[str, str] = field(default_factory=dict)
    primary_id: int | None = None

    def plain(self) -> Content:
        """All that a test may want to know, by API name."""
        return {
            "guid": str(self.number),
            "leadId": self.lead_id,
            "activityTypeId": self.type_id,
            "activityDate": format_instant(self.date),
            "inserted": self.inserted,
            "primaryAttributeValue": self.primary,
            "attributes": {self.api_names.get(k, k): v for k, v in self.attributes.items()},
        }


class Position(NamedTuple):
    """Where a reading goes on: behind the entry with this time and number."""

    time: float
    number: int

    def token(self) -> str:
        return base64.b64encode(msgspec.json.encode(self)).decode()

    @classmethod
    def of(cls, call: Call) -> Position:
        token = call.query.get("nextPageToken")
        if not token:
            raise ResponseError("1002", "nextPageToken")
        try:
            return msgspec.json.decode(base64.b64decode(token.encode(), validate=True), type=cls)
        except (binascii.Error, msgspec.MsgspecError, UnicodeError):
            raise ResponseError("1003", "Invalid nextPageToken") from None


class ActivityLog:
    """The log of one instance."""

    def __init__(self, instance: Instance, types: ActivityTypes, lists: Lists) -> None:
        self._instance = instance
        self._types = types
        self._lists = lists
        self.log: list[Activity] = []

    def routes(self) -> Iterator[Route]:
        path = "/rest/v1/activities"
        reads: dict[str, tuple[str, Callable[[Call], Finish]]] = {
            f"{path}/types.json": ("all_activity_types", self._all_types),
            f"{path}/pagingtoken.json": ("paging_token", self._paging_token),
            f"{path}.json": ("activities", self._read),
            f"{path}/deletedleads.json": ("deleted_leads", self._deleted_leads),
        }
        for each, (kind, begin) in reads.items():
            yield Route(kind, "GET", each, begin, READ, "activities")

    def snapshot(self) -> list[Content]:
        return [each.plain() for each in self.log]

    def note(
        self,
        type_id: int,
        lead_id: int,
        primary: str,
        attributes: dict[str, Any] | None = None,
        primary_id: int | None = None,
    ) -> None:
        """Something has happened now."""
        now = self._instance.clock.now()
        self.log.append(
            Activity(
                number=len(self.log) + 1,
                lead_id=lead_id,
                type_id=type_id,
                date=now,
                inserted=now,
                primary=primary,
                attributes=attributes or {},
                primary_id=primary_id,
            )
        )

    def lead_merged(self, loser: int, winner: int) -> None:
        for each in self.log:
            if each.lead_id == loser:
                each.lead_id = winner

    # --- reading ---------------------------------------------------------------------------------

    def _all_types(self, _: Call) -> Finish:
        standard: list[Content] = []
        for each in STANDARD:
            described: Content = {"id": each.id, "name": each.name, "description": each.name}
            if each.primary:
                described["primaryAttribute"] = {"name": each.primary, "dataType": "string"}
            described["attributes"] = [
                {"name": name, "dataType": data_type} for name, data_type in each.attributes
            ]
            standard.append(described)
        custom = [
            {
                "id": each.id,
                "apiName": each.api_name,
                "name": each.approved.name,
                "description": each.approved.description,
                "primaryAttribute": _brief(each.approved.primary),
                "attributes": [_brief(known) for known in each.approved.attributes.values()],
            }
            for each in self._types.types.values()
            if each.approved is not None
        ]
        return lambda: {"result": [*standard, *custom]}

    def _paging_token(self, call: Call) -> Finish:
        since = call.query.get("sinceDatetime")
        if not since:
            raise ResponseError("1002", "sinceDatetime")
        try:
            # A plus that was not escaped arrives as a blank.
            date = datetime.fromisoformat(since.replace(" ", "+") if "T" in since else since)
        except ValueError:
            raise ResponseError("1003", "Invalid sinceDatetime") from None
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        token = Position(date.timestamp(), 0).token()
        return lambda: {"nextPageToken": token}

    def _read(self, call: Call) -> Finish:
        position = Position.of(call)
        types = _numbers(call, "activityTypeIds")
        if not types:
            raise ResponseError("1002", "activityTypeIds")
        if len(types) > MAX_TYPES:
            raise ResponseError("1003", f"More than {MAX_TYPES} activityTypeIds")
        leads = _numbers(call, "leadIds")
        if len(leads) > MAX_LEADS:
            raise ResponseError("1003", f"More than {MAX_LEADS} leadIds")
        members = self._members(call)

        def wanted(each: Activity) -> bool:
            return (
                each.type_id in types
                and (not leads or each.lead_id in leads)
                and (members is None or each.lead_id in members)
            )

        content = self._page(call, position, wanted)
        return lambda: content

    def _members(self, call: Call) -> Iterable[int] | None:
        asked = call.query.get("listId")
        if asked is None:
            return None
        members = self._lists.find(asked).members
        options = self._instance.options
        if options.large_list == "1003" and len(members) >= options.large_list_members:
            raise ResponseError("1003", f"List '{asked}' has too many members")
        return members

    def _deleted_leads(self, call: Call) -> Finish:
        oldest = call.entry.arrival - DELETED_SECONDS
        content = self._page(
            call,
            Position.of(call),
            lambda each: each.type_id == DELETE_LEAD and each.inserted >= oldest,
        )
        return lambda: content

    def _page(self, call: Call, position: Position, wanted: Callable[[Activity], bool]) -> Content:
        options = self._instance.options
        asked = call.query.get("batchSize") or str(MAX_PAGE)
        if not asked.isdecimal() or int(asked) < 1:
            raise ResponseError("1001", asked, "Integer")
        size = min(int(asked), MAX_PAGE)
        entries = self.ordered(call.entry.arrival, position)
        results: list[Content] = []
        for each in islice(entries, options.activity_scan):
            if len(results) == size:
                break
            position = Position(self._time(each), each.number)
            if wanted(each):
                results.append(self._answered(each))
        more = next(iter(self.ordered(call.entry.arrival, position)), None) is not None
        call.entry.found = len(results)
        content: Content = {"nextPageToken": position.token(), "moreResult": more}
        if results or options.activity_empty_result == "present":
            content["result"] = results
        return content

    def ordered(self, now: float, after: Position | None = None) -> Iterator[Activity]:
        """What shows by now, in the order of a reading, behind a position."""
        options = self._instance.options
        purged = now - RETENTION_SECONDS if options.date_too_old == "purge" else float("-inf")
        shown = [
            each
            for each in self.log
            if each.inserted + options.activity_lag <= now and each.date >= purged
        ]
        shown.sort(key=lambda each: (self._time(each), each.number))
        for each in shown:
            if after is None or (self._time(each), each.number) > after:
                yield each

    def _time(self, each: Activity) -> float:
        # An entry of this very second counts: a position's time has no fraction as a rule.
        by_date = self._instance.options.activity_token == "activity_date"
        return each.date if by_date else each.inserted

    def _answered(self, each: Activity) -> Content:
        options = self._instance.options
        answered: Content = {
            "id": each.number % 3 if options.activity_id == "repeated" else each.number,
            "marketoGUID": str(each.number),
            "leadId": each.lead_id,
            "activityDate": format_instant(each.date),
            "activityTypeId": each.type_id,
            "primaryAttributeValue": each.primary,
            "attributes": [
                {"name": name, "value": value}
                if options.activity_attribute_names == "display" or name not in each.api_names
                else {"apiName": each.api_names[name], "name": name, "value": value}
                for name, value in each.attributes.items()
            ],
        }
        if options.activity_id == "absent":
            del answered["id"]
        if each.primary_id is not None:
            answered["primaryAttributeValueId"] = each.primary_id
        return answered


def _brief(attribute: AttributeBody) -> Content:
    return {
        "apiName": attribute.api_name,
        "name": attribute.name,
        "dataType": attribute.data_type,
    }


def _numbers(call: Call, name: str) -> frozenset[int]:
    texts = [text.strip() for text in call.query.get(name, "").split(",") if text.strip()]
    for text in texts:
        if not text.isdecimal():
            raise ResponseError("1001", text, "Integer")
    return frozenset(int(text) for text in texts)
