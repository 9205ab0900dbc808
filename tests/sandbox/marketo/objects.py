"""Custom object records: upserted by their dedupe key, linked to leads. Adobe, "Custom objects"."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from . import rows
from .assets import split
from .call import JSON
from .errors import RecordError, ResponseError
from .object_types import GUID, SYSTEM
from .paging import Page
from .routes import Route
from .values import format_instant, read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .call import Call
    from .instance import Content, Finish, Instance
    from .object_options import Feature
    from .object_types import FieldBody, ObjectType, ObjectTypes, Version
    from .routes import Needs

ACTIONS = ("createOnly", "updateOnly", "createOrUpdate")
MAX_STRING = 255
MAX_VALUES = 300
READ: Needs = ("Read-Only Custom Object", "Read-Write Custom Object")
WRITE: Needs = ("Read-Write Custom Object",)

Key = tuple[str, ...]


class SyncBody(msgspec.Struct, rename="camel"):
    input: list[dict[str, Any]] | None = None
    action: str | None = None
    dedupe_by: str | None = None
    delete_by: str | None = None


class QueryBody(msgspec.Struct, rename="camel"):
    """A lookup in JSON, as compound keys need it."""

    filter_type: str = ""
    fields: list[str] | str = []
    input: list[dict[str, Any]] = []
    batch_size: int | None = None
    next_page_token: str | None = None


@dataclass(slots=True)
class Record:
    guid: str
    number: int
    created: str
    updated: str
    values: dict[str, Any] = field(default_factory=dict)
    # The lead behind each link, which an e-mail alone may not tell.
    linked: dict[str, int] = field(default_factory=dict)

    def read(self) -> dict[str, Any]:
        return {
            GUID: self.guid,
            "createdAt": self.created,
            "updatedAt": self.updated,
            **self.values,
        }


class Objects:
    """The records of all types."""

    def __init__(self, instance: Instance, types: ObjectTypes) -> None:
        self._instance = instance
        self._types = types
        self.records: dict[str, dict[Key, Record]] = {}
        self._next_number = 1

    def routes(self) -> Iterator[Route]:
        path = "/rest/v1/customobjects"
        feature: Feature = "custom_objects"
        yield Route("describe_objects", "GET", f"{path}.json", self._list, READ, feature)
        describe = f"{path}/{{type}}/describe.json"
        yield Route("describe_objects", "GET", describe, self._describe, READ, feature)
        yield Route("objects", "GET", f"{path}/{{type}}.json", self._query, READ, feature)
        yield Route("sync_objects", "POST", f"{path}/{{type}}.json", self._sync, WRITE, feature)
        delete = f"{path}/{{type}}/delete.json"
        yield Route("delete_objects", "POST", delete, self._delete, WRITE, feature)

    def snapshot(self) -> dict[str, list[Content]]:
        return {
            name: [record.read() | {"linked": record.linked} for record in records.values()]
            for name, records in self.records.items()
        }

    def lead_merged(self, loser: int, winner: int) -> None:
        for records in self.records.values():
            for record in records.values():
                for link, lead in record.linked.items():
                    if lead == loser:
                        record.linked[link] = winner
                        if record.values.get(link) == loser:
                            record.values[link] = winner

    # --- types -----------------------------------------------------------------------------------

    def _list(self, call: Call) -> Finish:
        names = split(call.query.get("names"))
        found = [
            each.described(each.approved)
            for each in self._types.types.values()
            if each.approved is not None and (names is None or each.api_name in names)
        ]
        return lambda: {"result": found}

    def _describe(self, call: Call) -> Finish:
        found, approved = self._find(call)
        return lambda: {"result": [found.described(approved)]}

    def _find(self, call: Call) -> tuple[ObjectType, Version]:
        found = self._types.types.get(call.parts["type"])
        if found is None or found.approved is None:
            raise ResponseError(self._instance.options.unknown_object, "Object")
        return found, found.approved

    # --- writing ---------------------------------------------------------------------------------

    def _sync(self, call: Call) -> Finish:
        found, version = self._find(call)
        body = call.json(SyncBody)
        rows.checked(body.input)
        action = body.action or "createOrUpdate"
        dedupe_by = body.dedupe_by or "dedupeFields"
        if action not in ACTIONS:
            raise ResponseError("1003", f"Invalid action '{action}'")
        if dedupe_by not in {"dedupeFields", "idField"}:
            raise ResponseError("1003", f"Invalid dedupeBy '{dedupe_by}' value")
        by_id = dedupe_by == "idField"
        if by_id and action != "updateOnly":
            raise ResponseError("1003", "dedupeBy 'idField' is for updateOnly")
        seen: set[Key] = set()

        def write(row: dict[str, Any]) -> Content:
            records = self.records.setdefault(found.api_name, {})
            key = self._key_of_guid(records, row) if by_id else self._key(version, row)
            if key in seen:
                raise RecordError("1036")
            seen.add(key)
            if not by_id and GUID in row:
                raise RecordError("1003", f"Field '{GUID}' is not allowed with dedupeFields")
            values, linked = self._accepted(version, row), self._linked(version, row)
            record = records.get(key)
            if record is None and action == "updateOnly":
                raise RecordError("1013", "Object")
            if record is not None and action == "createOnly":
                raise RecordError("1017")
            status = "created" if record is None else "updated"
            record = record or self._create(records, key)
            record.values |= values
            record.linked |= linked
            record.updated = self._now()
            return {"status": status, GUID: record.guid}

        return rows.write(self._instance, call, body.input or [], write, numbered=True)

    def _create(self, records: dict[Key, Record], key: Key) -> Record:
        guid = str(uuid.UUID(int=self._instance.random.getrandbits(128), version=4))
        now = self._now()
        record = records[key] = Record(guid, self._next_number, now, now)
        self._next_number += 1
        return record

    def _key(self, version: Version, row: dict[str, Any]) -> Key:
        for name in version.dedupe:
            if row.get(name) in {None, ""}:
                raise RecordError("1003", f"Value for required field '{name}' not specified")
        return tuple(str(row[name]).lower() for name in version.dedupe)

    def _key_of_guid(self, records: dict[Key, Record], row: dict[str, Any]) -> Key:
        guid = row.get(GUID)
        for key, record in records.items():
            if record.guid == guid:
                return key
        raise RecordError("1013", "Object")

    def _accepted(self, version: Version, row: dict[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, value in row.items():
            known = version.fields.get(name)
            if name == GUID:
                continue
            if known is None:
                raise RecordError("1006", name)
            if value is None or value == "":
                values[name] = None
            else:
                values[name] = _value(known, value)
        return values

    def _linked(self, version: Version, row: dict[str, Any]) -> dict[str, int]:
        """Whom the links of a row lead to. By id that is one or nobody, by e-mail maybe several."""
        options = self._instance.options
        linked = {}
        for link in version.links:
            value = row.get(link.name)
            if link.related_to is None or value in {None, ""}:
                continue
            leads = self._instance.database.find(link.related_to.field, value)
            if not leads and options.link_to_nobody == "accept":
                continue
            if not leads or (len(leads) > 1 and options.link_to_several == "1004"):
                raise RecordError("1004")
            random = options.link_to_several == "random"
            linked[link.name] = self._instance.random.choice(leads) if random else leads[0]
        return linked

    def _delete(self, call: Call) -> Finish:
        found, version = self._find(call)
        body = call.json(SyncBody)
        rows.checked(body.input)
        by_id = body.delete_by == "idField"

        def delete(row: dict[str, Any]) -> Content:
            records = self.records.setdefault(found.api_name, {})
            key = self._key_of_guid(records, row) if by_id else self._key(version, row)
            if key not in records:
                raise RecordError("1013", "Object")
            return {"status": "deleted", GUID: records.pop(key).guid}

        return rows.write(self._instance, call, body.input or [], delete, numbered=True)

    def _now(self) -> str:
        return format_instant(self._instance.clock.now())

    # --- reading ---------------------------------------------------------------------------------

    def _query(self, call: Call) -> Finish:
        found, version = self._find(call)
        asked = _asked(call)
        if not asked.filter_type:
            raise ResponseError("1003", "filterType not specified")
        wanted = self._wanted(version, asked)
        if not wanted:
            raise ResponseError("1003", "filterValues not specified")
        if len(wanted) > MAX_VALUES:
            raise ResponseError("1003", f"More than {MAX_VALUES} filterValues")
        names = asked.fields or [GUID, *version.dedupe, "createdAt", "updatedAt"]
        names = names.split(",") if isinstance(names, str) else names
        unknown = [name for name in names if name not in SYSTEM and name not in version.fields]
        if unknown:
            raise ResponseError("1003", f"Invalid fields [{', '.join(unknown)}]")
        by_number = {
            record.number: record
            for key, record in self.records.get(found.api_name, {}).items()
            if self._matches(version, asked.filter_type, key, record, wanted)
        }
        parameters = {"nextPageToken": asked.next_page_token or ""}
        if asked.batch_size is not None:
            parameters["batchSize"] = str(asked.batch_size)
        turned = Page.of(parameters, signature=f"{found.api_name} {sorted(wanted)}")
        result = [
            {"seq": order, GUID: by_number[n].guid}
            | {name: by_number[n].read().get(name) for name in names}
            for order, n in enumerate(turned.cut(sorted(by_number)))
        ]
        content: Content = {"result": result, "moreResult": turned.more}
        if turned.more:
            content["nextPageToken"] = turned.next_token()
        return lambda: content

    def _wanted(self, version: Version, asked: QueryBody) -> set[Key]:
        names = self._searched(version, asked.filter_type)
        return {tuple(str(row.get(name)).lower() for name in names) for row in asked.input}

    def _searched(self, version: Version, filter_type: str) -> list[str]:
        if filter_type == "dedupeFields":
            return version.dedupe
        if filter_type == "idField":
            return [GUID]
        links = [each.name for each in version.links]
        if filter_type not in {GUID, *version.dedupe, *links}:
            raise ResponseError("1003", f"Invalid filterType '{filter_type}'")
        return [filter_type]

    def _matches(
        self, version: Version, filter_type: str, key: Key, record: Record, wanted: set[Key]
    ) -> bool:
        if filter_type == "dedupeFields":
            return key in wanted
        (name,) = self._searched(version, filter_type)
        return (str(record.read().get(name)).lower(),) in wanted


def _asked(call: Call) -> QueryBody:
    if call.body and call.content_type == JSON:
        return call.json(QueryBody)
    form = call.form()
    filter_type = form.get("filterType", "")
    values = [value.strip() for value in form.get("filterValues", "").split(",") if value.strip()]
    size = form.get("batchSize")
    name = GUID if filter_type == "idField" else filter_type
    return QueryBody(
        filter_type=filter_type,
        fields=form.get("fields", ""),
        input=[{name: value} for value in values],
        batch_size=int(size) if size and size.isdecimal() else None,
        next_page_token=form.get("nextPageToken"),
    )


def _value(known: FieldBody, value: Any) -> Any:
    by_id = known.related_to is not None and known.related_to.field == "id"
    try:
        accepted = read("integer" if by_id else known.data_type, value)
    except ValueError:
        raise RecordError("1003", f"Invalid value for field '{known.name}'") from None
    if known.data_type == "string" and len(accepted) > MAX_STRING:
        raise RecordError("1003", f"Invalid value for field '{known.name}'")
    return accepted
