"""Custom activities, added. Adobe, "Custom activities".

An activity has no key: two equal rows are two activities, and nothing takes one back.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec

from . import rows
from .activity_log import RETENTION_SECONDS, Activity
from .errors import RecordError, ResponseError
from .routes import Route
from .values import read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .activity_log import ActivityLog
    from .activity_types import ActivityTypes, AttributeBody, Version
    from .call import Call
    from .instance import Content, Finish, Instance
    from .routes import Needs

MAX_STRING = 255
MAX_ATTRIBUTES_BYTES = 65_536
INSTANCE_ZONE = ZoneInfo("America/New_York")
DATE = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?P<fraction>\.\d{1,9})?(?P<zone>Z|[+-]\d\d:?\d\d)?", re.ASCII
)
WRITE: Needs = ("Read-Write Activity",)
REQUIRED = ("leadId", "activityDate", "activityTypeId", "primaryAttributeValue", "attributes")


class Activities:
    """The call that adds to the log."""

    def __init__(self, instance: Instance, types: ActivityTypes, log: ActivityLog) -> None:
        self._instance = instance
        self._types = types
        self._log = log.log

    def routes(self) -> Iterator[Route]:
        path = "/rest/v1/activities/external.json"
        yield Route("add_activities", "POST", path, self._add, WRITE, "activities")

    def _add(self, call: Call) -> Finish:
        sent = call.json(dict).get("input")
        if sent is not None and not isinstance(sent, list):
            raise ResponseError("609")
        rows.checked(sent)
        for row in sent or ():
            self._check_whole(row)
        return rows.write(self._instance, call, sent or [], self._add_one, reasons="errors")

    def _check_whole(self, row: Any) -> None:
        """Refuse the call for what a row alone would be skipped for, if so switched."""
        if not isinstance(row, dict):
            raise ResponseError("609")
        options = self._instance.options
        found = self._types.approved(row.get("activityTypeId"))
        if found is None:
            _, level, code = options.unknown_activity_type.rpartition("response_")
            if level:
                raise ResponseError(code, "Activity type")
        elif options.unknown_attribute == "response_1006":
            for attribute in _given(row):
                if _known(attribute, found[1]) is None:
                    raise ResponseError("1006", _name(attribute))

    def _add_one(self, row: dict[str, Any]) -> Content:
        for name in REQUIRED:
            if row.get(name) is None:
                raise RecordError("1002", name)
        options = self._instance.options
        found = self._types.approved(row["activityTypeId"])
        if found is None:
            raise RecordError(options.unknown_activity_type[-4:], "Activity type")
        if not row["attributes"] and options.no_attributes == "1002":
            raise RecordError("1002", "attributes")
        if row["primaryAttributeValue"] == "" and options.blank_primary == "1002":
            raise RecordError("1002", "primaryAttributeValue")
        if len(msgspec.json.encode(row["attributes"])) > MAX_ATTRIBUTES_BYTES:
            raise RecordError("1049")
        date = self._date(row["activityDate"])
        version = found[1]
        primary = self._accepted(version.primary, row["primaryAttributeValue"])
        attributes = self._attributes(row, version)
        if row["leadId"] not in self._instance.database.leads:
            raise RecordError("1004")
        made = Activity(
            number=len(self._log) + 1,
            lead_id=row["leadId"],
            type_id=row["activityTypeId"],
            date=date,
            inserted=self._instance.clock.now(),
            primary=str(primary),
            attributes=attributes,
            api_names={each.name or "": key for key, each in version.attributes.items()},
        )
        self._log.append(made)
        number = made.number
        added: Content = {"id": number, "marketoGUID": str(number), "status": "added"}
        if options.activity_id == "absent":
            del added["id"]
        elif options.activity_id == "repeated":
            added["id"] = number % 3
        return added

    def _date(self, value: object) -> float:
        options = self._instance.options
        refused = RecordError("1003", "Invalid value for field 'activityDate'")
        match = DATE.fullmatch(value) if isinstance(value, str) else None
        if match is None or (match["fraction"] and options.date_with_fraction == "1003"):
            raise refused
        zone: tzinfo = UTC
        if match["zone"] is None:
            if options.date_without_zone == "1003":
                raise refused
            zone = UTC if options.date_without_zone == "utc" else INSTANCE_ZONE
        try:
            date = datetime.fromisoformat(match.string)
        except ValueError:
            raise refused from None
        seconds = (date if date.tzinfo else date.replace(tzinfo=zone)).timestamp()
        age = self._instance.clock.now() - seconds
        if age < 0 and options.date_in_future == "1003":
            raise refused
        if age > RETENTION_SECONDS and options.date_too_old == "1003":
            raise refused
        return seconds

    def _attributes(self, row: dict[str, Any], version: Version) -> dict[str, Any]:
        """The values by display name; empty ones are left out."""
        attributes = {}
        for sent in _given(row):
            known = _known(sent, version)
            if known is None:
                if self._instance.options.unknown_attribute == "ignore":
                    continue
                raise RecordError("1006", _name(sent))
            value = self._accepted(known, sent.get("value"))
            if value is not None and value != "":
                attributes[known.name or ""] = value
        return attributes

    def _accepted(self, attribute: AttributeBody, value: Any) -> Any:
        options = self._instance.options
        name = attribute.api_name
        refused = RecordError("1003", f"Invalid value for field '{name}'")
        if value is None:
            if options.null_attribute == "1003":
                raise refused
            return None
        try:
            accepted = read(attribute.data_type or "string", value)
        except ValueError:
            if options.wrong_attribute_type == "1003" or isinstance(value, (dict, list)):
                raise refused from None
            accepted = str(value)
        is_long = attribute.data_type == "string" and len(accepted) > MAX_STRING
        if is_long and options.long_attribute == "1003":
            raise refused
        return accepted[:MAX_STRING] if is_long and options.long_attribute != "store" else accepted


def _given(row: dict[str, Any]) -> list[dict[str, Any]]:
    """The attributes of a row, as far as they are of the right shape."""
    attributes = row.get("attributes")
    if attributes is None:
        return []
    if not isinstance(attributes, list) or not all(isinstance(each, dict) for each in attributes):
        raise ResponseError("609")
    return attributes


def _name(sent: dict[str, Any]) -> str:
    return str(sent.get("apiName") or sent.get("name") or "")


def _known(sent: dict[str, Any], version: Version) -> AttributeBody | None:
    """The attribute that a row means: by API name, or else by display name."""
    if sent.get("apiName") is not None:
        return version.attributes.get(sent["apiName"])
    names = {each.name: each for each in version.attributes.values()}
    return names.get(sent.get("name"))
