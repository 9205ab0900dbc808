"""The types of custom objects: drafts, fields, approval. Adobe, "Custom object metadata"."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, get_args

import msgspec

from .assets import split
from .errors import ResponseError
from .object_options import AttributeType
from .routes import Route
from .values import format_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .call import Call
    from .instance import Content, Finish, Instance
    from .object_options import CustomObject
    from .routes import Needs

MAX_TYPES = 10
MAX_FIELDS = 50
MAX_ADDED = 20  # after approval
MAX_DEDUPE = 3
NAME = re.compile(r"[A-Za-z0-9_]{1,255}", re.ASCII)
GUID = "marketoGUID"
SYSTEM = frozenset({GUID, "createdAt", "updatedAt"})
DATA_TYPES = get_args(AttributeType)
LEAD_LINKS = ("id", "email")
READ: Needs = ("Read-Only Custom Object Type", "Read-Write Custom Object Type")
WRITE: Needs = ("Read-Write Custom Object Type",)


class Related(msgspec.Struct):
    name: str
    field: str


class FieldBody(msgspec.Struct, rename="camel"):
    name: str
    display_name: str = ""
    data_type: str = "string"
    description: str = ""
    is_dedupe_field: bool = False
    related_to: Related | None = None


class FieldsBody(msgspec.Struct):
    input: list[FieldBody] | None = None


class Named(msgspec.Struct):
    name: str


class NamesBody(msgspec.Struct):
    input: list[Named] | None = None


class TypeBody(msgspec.Struct, rename="camel"):
    api_name: str | None = None
    display_name: str | None = None
    plural_name: str | None = None
    description: str | None = None
    action: str = "createOrUpdate"
    show_in_lead_detail: bool = False


@dataclass(slots=True)
class Version:
    display_name: str
    plural_name: str
    description: str
    fields: dict[str, FieldBody] = field(default_factory=dict)

    @property
    def dedupe(self) -> list[str]:
        return [each.name for each in self.fields.values() if each.is_dedupe_field]

    @property
    def links(self) -> list[FieldBody]:
        return [each for each in self.fields.values() if each.related_to is not None]

    def copied(self) -> Version:
        return replace(self, fields=dict(self.fields))


@dataclass(slots=True)
class ObjectType:
    api_name: str
    created: str
    updated: str
    approved: Version | None = None
    draft: Version | None = None

    @property
    def state(self) -> str:
        if self.approved is None:
            return "draft"
        return "approved" if self.draft is None else "approvedWithDraft"

    @property
    def versions(self) -> list[Version]:
        return [version for version in (self.approved, self.draft) if version is not None]

    def described(self, version: Version) -> Content:
        links = {each.name for each in version.links}
        return {
            "idField": GUID,
            "apiName": self.api_name,
            "displayName": version.display_name,
            "pluralName": version.plural_name,
            "description": version.description,
            "createdAt": self.created,
            "updatedAt": self.updated,
            "state": self.state,
            "version": "approved" if version is self.approved else "draft",
            "dedupeFields": version.dedupe,
            "searchableFields": [version.dedupe, [GUID], *([name] for name in sorted(links))],
            "relationships": [
                {
                    "field": each.name,
                    "type": "child",
                    "relatedTo": {"name": "Lead", "field": each.related_to.field},
                }
                for each in version.links
                if each.related_to is not None
            ],
            "fields": [
                _system(GUID, "string", 36),
                _system("createdAt", "datetime"),
                _system("updatedAt", "datetime"),
                *(_described(each) for each in version.fields.values()),
            ],
        }


def _system(name: str, data_type: str, length: int | None = None) -> Content:
    described: Content = {"name": name, "displayName": name, "dataType": data_type}
    if length is not None:
        described["length"] = length
    return described | {"updateable": False, "crmManaged": False}


def _described(each: FieldBody) -> Content:
    data_type = each.data_type
    if each.related_to is not None:
        data_type = "integer" if each.related_to.field == "id" else "string"
    described: Content = {
        "name": each.name,
        "displayName": each.display_name or each.name,
        "dataType": data_type,
    }
    if data_type == "string":
        described["length"] = 255
    return described | {"updateable": True, "crmManaged": False}


class ObjectTypes:
    """The types of custom objects by API name."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self.types: dict[str, ObjectType] = {}
        self.seed()

    def seed(self) -> None:
        """Has the types of the options as they say; what else there is stays."""
        for seeded in self._instance.options.custom_objects:
            self._seed(seeded)

    def routes(self) -> Iterator[Route]:
        schema = "/rest/v1/customobjects/schema"
        reads: dict[str, Callable[[Call], Finish]] = {
            f"{schema}.json": self._list,
            f"{schema}/{{type}}/describe.json": self._describe,
            f"{schema}/fieldDataTypes.json": lambda _: lambda: {"result": list(DATA_TYPES)},
            f"{schema}/linkableObjects.json": self._linkable,
            f"{schema}/{{type}}/dependentAssets.json": lambda _: lambda: {"result": []},
        }
        for path, begin in reads.items():
            yield Route("object_types", "GET", path, begin, READ, "custom_objects")
        changes: dict[str, Callable[[Call], Finish]] = {
            f"{schema}.json": self._create,
            f"{schema}/{{type}}/addField.json": self._add_fields,
            f"{schema}/{{type}}/deleteField.json": self._delete_fields,
            f"{schema}/{{type}}/approve.json": self._approve,
            f"{schema}/{{type}}/discardDraft.json": self._discard,
            f"{schema}/{{type}}/delete.json": self._delete,
        }
        for path, begin in changes.items():
            yield Route("change_object_type", "POST", path, begin, WRITE, "custom_objects")

    def _list(self, call: Call) -> Finish:
        names, state = split(call.query.get("names")), call.query.get("state")
        found = [
            each.described(each.versions[0])
            for each in self.types.values()
            if (names is None or each.api_name in names) and state in {None, each.state}
        ]
        return lambda: {"result": found}

    def _describe(self, call: Call) -> Finish:
        found = self._find(call)
        of_draft = call.query.get("state") in {"draft", "approvedWithDraft"}
        version = found.versions[-1 if of_draft else 0]
        return lambda: {"result": [found.described(version)]}

    def _linkable(self, _: Call) -> Finish:
        fields = [
            {"name": "id", "displayName": "Id", "dataType": "integer"},
            {"name": "email", "displayName": "Email Address", "dataType": "email"},
        ]
        return lambda: {"result": [{"name": "Lead", "displayName": "Lead", "fields": fields}]}

    def _find(self, call: Call) -> ObjectType:
        found = self.types.get(call.parts["type"])
        if found is None:
            raise ResponseError("1013", "Object type")
        return found

    def _create(self, call: Call) -> Finish:
        body = call.json(TypeBody)
        if not body.api_name or not body.display_name:
            raise ResponseError("1002", "displayName" if body.api_name else "apiName")
        if not NAME.fullmatch(body.api_name):
            raise ResponseError("1003", f"Invalid apiName '{body.api_name}'")
        version = Version(
            display_name=body.display_name,
            plural_name=body.plural_name or body.display_name,
            description=body.description or "",
        )
        name = body.api_name

        def finish() -> Content:
            found = self.types.get(name)
            if found is None:
                if body.action == "updateOnly":
                    raise ResponseError("1013", "Object type")
                if len(self.types) >= MAX_TYPES:
                    raise ResponseError("1003", f"More than {MAX_TYPES} types")
                now = self._now()
                self.types[name] = ObjectType(name, now, now, draft=version)
            elif body.action == "createOnly":
                raise ResponseError("1017")
            else:
                found.draft = replace(version, fields=dict(found.versions[-1].fields))
            return {"result": []}

        return finish

    def _add_fields(self, call: Call) -> Finish:
        sent = call.json(FieldsBody).input
        if not sent:
            raise ResponseError("1002", "input")
        for each in sent:
            self._check(each)

        def add(found: ObjectType, draft: Version) -> None:
            approved = found.approved
            for each in sent:
                if each.name in draft.fields:
                    raise ResponseError("1017")
                if approved is not None and (each.is_dedupe_field or each.related_to):
                    raise ResponseError("1003", "Links and dedupe fields are fixed by approval")
                draft.fields[each.name] = each
            added = 0 if approved is None else len(draft.fields) - len(approved.fields)
            if len(draft.fields) > MAX_FIELDS or added > MAX_ADDED:
                raise ResponseError("1003", "Too many fields")
            if len(draft.dedupe) > MAX_DEDUPE:
                raise ResponseError("1003", f"More than {MAX_DEDUPE} dedupe fields")

        return self._change(call, add)

    def _check(self, each: FieldBody) -> None:
        if not NAME.fullmatch(each.name) or each.name in SYSTEM:
            raise ResponseError("1003", f"Invalid name '{each.name}'")
        if each.data_type not in DATA_TYPES:
            raise ResponseError("1003", f"Invalid dataType '{each.data_type}'")
        related = each.related_to
        if (each.data_type == "link") != (related is not None):
            raise ResponseError("1003", f"Field '{each.name}' is half a link")
        if related and (related.name.lower() != "lead" or related.field not in LEAD_LINKS):
            raise ResponseError("1003", f"Field '{each.name}' links to nothing")

    def _delete_fields(self, call: Call) -> Finish:
        sent = call.json(NamesBody).input
        if not sent:
            raise ResponseError("1002", "input")

        def delete(_: ObjectType, draft: Version) -> None:
            for each in sent:
                if draft.fields.pop(each.name, None) is None:
                    raise ResponseError("1013", f"Field '{each.name}'")

        return self._change(call, delete)

    def _approve(self, call: Call) -> Finish:
        def approve(found: ObjectType) -> None:
            if found.draft is None:
                raise ResponseError("1003", "There is no draft to approve")
            if not found.draft.dedupe:
                raise ResponseError("1003", "At least one dedupe field is required")
            found.approved, found.draft = found.draft, None

        return self._with(call, approve)

    def _discard(self, call: Call) -> Finish:
        def discard(found: ObjectType) -> None:
            if found.draft is None:
                raise ResponseError("1048", found.api_name)
            found.draft = None
            if found.approved is None:
                del self.types[found.api_name]

        return self._with(call, discard)

    def _delete(self, call: Call) -> Finish:
        def delete(found: ObjectType) -> None:
            del self.types[found.api_name]

        return self._with(call, delete)

    def _change(self, call: Call, change: Callable[[ObjectType, Version], None]) -> Finish:
        """Change the draft, begun from what is approved, as a whole or not at all."""

        def apply(found: ObjectType) -> None:
            draft = found.versions[-1].copied()
            change(found, draft)
            found.draft = draft

        return self._with(call, apply)

    def _with(self, call: Call, act: Callable[[ObjectType], None]) -> Finish:
        self._find(call)

        def finish() -> Content:
            found = self._find(call)
            act(found)
            found.updated = self._now()
            return {"result": []}

        return finish

    def _now(self) -> str:
        return format_instant(self._instance.clock.now())

    def _seed(self, seeded: CustomObject) -> None:
        version = Version(seeded.name, seeded.name, "")
        for each in seeded.fields:
            related = Related("lead", each.links_to) if each.links_to else None
            version.fields[each.name] = FieldBody(
                name=each.name,
                data_type="link" if related else each.data_type,
                is_dedupe_field=each.dedupe,
                related_to=related,
            )
        now = self._now()
        found = self.types.setdefault(seeded.name, ObjectType(seeded.name, now, now))
        found.approved = version
