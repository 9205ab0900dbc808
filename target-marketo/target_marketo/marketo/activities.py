"""Custom activities: their types, adding them, and reading them back.

An activity has no key: what was added once can be added twice, and is never taken back. Whoever
adds must know what was added before (Adobe: "Activities").
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from target_marketo.marketo import replies
from target_marketo.marketo.attachments import Endpoints, Found, Results, understand_rows
from target_marketo.marketo.call import JSON, MAX_ROWS, all_pages
from target_marketo.marketo.codes import Family

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from target_marketo.marketo.attachments import Rows

ADD_SECONDS = 90.0
TOKEN_SECONDS = 300.0
MAX_LEADS = 30  # of one reading
ADDED = frozenset({"added"})

_PATH = "/v1/activities/external"
READ = "activities read"


class Attribute(msgspec.Struct, frozen=True, rename="camel"):
    """An attribute of a type."""

    api_name: str
    name: str = ""
    data_type: str = "string"


class ActivityType(msgspec.Struct, frozen=True, rename="camel"):
    """A custom activity type. It has an id once it was approved, and takes none before."""

    api_name: str
    name: str = ""
    status: str = "approved"
    id: replies.Number | None = None
    trigger_name: str | None = None
    filter_name: str | None = None
    description: str | None = None
    # Only where the type was described.
    primary_attribute: Attribute | None = None
    attributes: tuple[Attribute, ...] = ()

    @property
    def types(self) -> dict[str, str]:
        """Attribute -> data type."""
        return {each.api_name: each.data_type for each in self.attributes}


class Value(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """An attribute of an activity, by display name as a rule, or by API name."""

    name: str = ""
    api_name: str = ""
    value: Any = None


class Activity(msgspec.Struct, frozen=True, rename="camel"):
    """An activity that was read back; `activity_date` is as Marketo writes it."""

    lead_id: replies.Number
    activity_type_id: replies.Number
    activity_date: str = ""
    marketo_guid: str | None = msgspec.field(name="marketoGUID", default=None)
    primary_attribute_value: str | None = None
    attributes: tuple[Value, ...] = ()

    def value(self, attribute: Attribute) -> str | None:
        """What it holds of an attribute, as text; None for nothing."""
        wanted = {attribute.api_name.casefold(), attribute.name.casefold()} - {""}
        for each in self.attributes:
            if not wanted.isdisjoint((each.api_name.casefold(), each.name.casefold())):
                return None if each.value is None else str(each.value)
        return None


class Page(replies.Page, frozen=True, rename="camel"):
    """A part of the log; it may be empty and still not be the last."""

    result: tuple[Activity, ...] = ()


class _Token(msgspec.Struct, rename="camel"):
    next_page_token: str


class Activities(Endpoints):
    """The calls about custom activities."""

    family = Family.ACTIVITIES

    def types(self) -> list[ActivityType]:
        """All custom types, without their attributes."""
        return self._read("activity types", f"{_PATH}/types.json", _READ_TYPES)

    def describe(self, api_name: str, *, draft: bool = False) -> ActivityType:
        """A type with its attributes, as approved, or as its draft has them.

        Raises:
            EndsLane: There is no such type.
        """
        path = f"{_PATH}/type/{api_name}/describe.json"
        parameters = {"draft": "true"} if draft else None
        return self._read("activity types", path, _READ_TYPES.one, parameters=parameters)

    def create(self, wanted: ActivityType) -> ActivityType:
        """Makes a type, with its primary attribute alone: a draft, which has no id yet."""
        body = {
            "apiName": wanted.api_name,
            "name": wanted.name,
            "triggerName": wanted.trigger_name,
            "filterName": wanted.filter_name,
            "primaryAttribute": wanted.primary_attribute,
        }
        if wanted.description:
            body["description"] = wanted.description
        return self._change("type.json", body)

    def add_attributes(self, api_name: str, attributes: Sequence[Attribute]) -> ActivityType:
        """Adds attributes to the draft of a type, which this makes if there is none."""
        return self._change(f"type/{api_name}/attributes/create.json", {"attributes": attributes})

    def approve(self, api_name: str) -> ActivityType:
        """Makes the draft the live version: from then on the type takes activities."""
        return self._change(f"type/{api_name}/approve.json", {})

    def _change(self, path: str, content: dict[str, Any]) -> ActivityType:
        body = msgspec.json.encode(content)
        return self._make("new activity type", f"{_PATH}/{path}", JSON, body, _READ_TYPES.one)

    def add(self, rows: Callable[[], Sequence[bytes]]) -> Rows:
        """Adds up to 300 encoded activities, each with the five keys that Marketo requires.

        `rows` is asked each time that the call may be made, just before it is sent; what it raises
        ends the call, unsent.

        Returns:
            One result for each row that `rows` gave last, in their order.

        Raises:
            OutcomeUnknown: All of them may have been added, or some, or may be yet.
            EndsLane, EndsKind, Rejected and the others: None was added.
        """
        count = 0

        def body() -> bytes:
            nonlocal count
            encoded = rows()
            count = len(encoded)
            return b'{"input":[' + b",".join(encoded) + b"]}"

        def understand(content: bytes) -> Rows:
            return understand_rows(content, count, ADDED)

        return self._write("activities", f"{_PATH}.json", body, understand, seconds=ADD_SECONDS)

    def pages(
        self, since: float, activity_type: int, leads: Collection[int] = ()
    ) -> Iterator[Page]:
        """Reads a type's activities since then (epoch seconds), of some 30 people or of all.

        Marketo reads its whole log in parts: pages go on until one says that there is no more, and
        whoever stops before has not read all. It tells of an activity only some time after it was
        added.
        """
        if len(leads) > MAX_LEADS:
            raise ValueError(f"activities are read of {MAX_LEADS} people at most")
        asked = {"activityTypeIds": str(activity_type), "batchSize": str(MAX_ROWS)}
        if leads:
            asked["leadIds"] = ",".join(map(str, leads))

        def ask(token: str) -> Page:
            parameters = asked | {"nextPageToken": token}
            return self._read(READ, "/v1/activities.json", _PAGE.decode, parameters=parameters)

        return all_pages(READ, ask, self._token(since))

    def _token(self, since: float) -> str:
        # Not strftime, which writes the year 1 with one digit.
        start = datetime.fromtimestamp(since, UTC).replace(tzinfo=None, microsecond=0)
        moment = f"{start.isoformat()}Z"
        return self._read(
            "paging token",
            "/v1/activities/pagingtoken.json",
            lambda content: _TOKEN.decode(content).next_page_token,
            parameters={"sinceDatetime": moment},
            seconds=TOKEN_SECONDS,
        )


_READ_TYPES = Results(msgspec.json.Decoder(Found[ActivityType]))
_PAGE = msgspec.json.Decoder(Page)
_TOKEN = msgspec.json.Decoder(_Token)
