"""Custom activity types: drafts, attributes, approval. Adobe, "Custom activity types".

A type has an approved version, a draft, or both. Only an approved one takes activities, and only
then it has an id.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, get_args

import msgspec

from .errors import ResponseError
from .object_options import AttributeType
from .routes import Route
from .values import format_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .call import Call
    from .instance import Content, Finish, Instance
    from .object_options import ActivityType, Attribute
    from .routes import Needs

FIRST_ID = 100_001
MAX_TYPES = 10
MAX_ATTRIBUTES = 20
TYPE_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9]{1,255}", re.ASCII)
DISPLAY_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 _]{1,255}", re.ASCII)
# Since the release of September 2026.
ATTRIBUTE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]{0,254}", re.ASCII)
DATA_TYPES = frozenset(get_args(AttributeType))
READ: Needs = ("Read-Only Activity Metadata", "Read-Write Activity Metadata")
WRITE: Needs = ("Read-Write Activity Metadata",)


class AttributeBody(msgspec.Struct, rename="camel", omit_defaults=True):
    """An attribute as it is sent and answered; keys that were not sent are None."""

    api_name: str | None = None
    name: str | None = None
    description: str | None = None
    data_type: str | None = None
    is_primary: bool | None = None


class AttributesBody(msgspec.Struct):
    attributes: list[AttributeBody] | None = None


class TypeBody(msgspec.Struct, rename="camel"):
    api_name: str | None = None
    name: str | None = None
    trigger_name: str | None = None
    filter_name: str | None = None
    description: str | None = None
    primary_attribute: AttributeBody | None = None


@dataclass(slots=True)
class Version:
    """What a type says of itself, as a draft or approved."""

    name: str
    trigger_name: str
    filter_name: str
    description: str | None
    primary: AttributeBody
    attributes: dict[str, AttributeBody] = field(default_factory=dict)

    def copied(self) -> Version:
        return replace(self, attributes=dict(self.attributes))


@dataclass(slots=True)
class CustomType:
    api_name: str
    created: str
    updated: str
    id: int | None = None
    approved: Version | None = None
    draft: Version | None = None
    shows_from: float = 0.0

    @property
    def status(self) -> str:
        if self.approved is None:
            return "draft"
        return "approved" if self.draft is None else "approved with draft"

    @property
    def versions(self) -> list[Version]:
        return [version for version in (self.approved, self.draft) if version is not None]

    def to_draft(self) -> Version:
        """The draft, begun from what is approved if there is none."""
        if self.draft is None:
            self.draft = self.versions[0].copied()
        return self.draft

    def described(self, version: Version, *, attributes: bool = True) -> Content:
        described: Content = {
            "apiName": self.api_name,
            "name": version.name,
            "description": version.description,
            "triggerName": version.trigger_name,
            "filterName": version.filter_name,
            "createdAt": self.created,
            "updatedAt": self.updated,
            "status": self.status,
        }
        if self.id is not None:
            described = {"id": self.id, **described}
        if attributes:
            described["primaryAttribute"] = version.primary
            described["attributes"] = list(version.attributes.values())
        return described


class ActivityTypes:
    """The custom activity types by API name."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self.types: dict[str, CustomType] = {}
        self._next_id = FIRST_ID
        self.seed()

    def seed(self) -> None:
        """Has the types of the options as they say; what else there is stays."""
        for seeded in self._instance.options.activity_types:
            self._seed(seeded)

    def approved(self, number: object) -> tuple[CustomType, Version] | None:
        """The type of this id, if it takes activities."""
        for each in self.types.values():
            if each.id == number and each.approved is not None:
                return each, each.approved
        return None

    def routes(self) -> Iterator[Route]:
        one = "/rest/v1/activities/external/type/{type}"
        listed = "/rest/v1/activities/external/types.json"
        yield Route("activity_types", "GET", listed, self._list, READ, "activities")
        path = f"{one}/describe.json"
        yield Route("activity_types", "GET", path, self._describe, READ, "activities")
        changes: dict[str, Callable[[Call], Finish]] = {
            "/rest/v1/activities/external/type.json": self._create,
            f"{one}.json": self._update,
            f"{one}/approve.json": self._approve,
            f"{one}/discardDraft.json": self._discard,
            f"{one}/delete.json": self._delete,
            f"{one}/attributes/create.json": self._create_attributes,
            f"{one}/attributes/update.json": self._update_attributes,
            f"{one}/attributes/delete.json": self._delete_attributes,
        }
        for path, begin in changes.items():
            yield Route("change_activity_type", "POST", path, begin, WRITE, "activities")

    # --- reading ---------------------------------------------------------------------------------

    def _list(self, _: Call) -> Finish:
        return lambda: {
            "result": [
                each.described(each.versions[0], attributes=False)
                for each in self.types.values()
                if each.shows_from <= self._instance.clock.now()
            ]
        }

    def _describe(self, call: Call) -> Finish:
        found = self._find(call)
        if found.shows_from > self._instance.clock.now():
            raise ResponseError("1013", "Activity type")
        # What is approved, unless the draft is asked for, or is all there is.
        version = found.versions[-1 if call.query.get("draft") == "true" else 0]
        return lambda: {"result": [found.described(version)]}

    def _find(self, call: Call) -> CustomType:
        found = self.types.get(call.parts["type"])
        if found is None:
            raise ResponseError("1013", "Activity type")
        return found

    # --- changing --------------------------------------------------------------------------------

    def _create(self, call: Call) -> Finish:
        body = call.json(TypeBody)
        primary = body.primary_attribute
        if body.api_name is None or primary is None:
            raise ResponseError("1002", "apiName" if body.api_name is None else "primaryAttribute")
        if not TYPE_NAME.fullmatch(body.api_name):
            raise ResponseError("1003", f"Invalid apiName '{body.api_name}'")
        for name in ("name", "trigger_name", "filter_name"):
            if getattr(body, name) is None:
                raise ResponseError("1002", name)
        version = Version(
            name=body.name or "",
            trigger_name=body.trigger_name or "",
            filter_name=body.filter_name or "",
            description=body.description,
            primary=_attribute(primary),
        )
        api_name = body.api_name

        def finish() -> Content:
            if len(self.types) >= MAX_TYPES:
                raise ResponseError("1027")
            if any(each.lower() == api_name.lower() for each in self.types):
                raise ResponseError("1017")
            self._check_names(version, api_name)
            now = self._now()
            shows_from = self._instance.clock.now() + self._instance.options.made_lag
            created = CustomType(api_name, now, now, draft=version, shows_from=shows_from)
            self.types[api_name] = created
            return {"result": [created.described(version)]}

        return finish

    def _update(self, call: Call) -> Finish:
        body = call.json(TypeBody)
        given = {
            name: value
            for name in ("name", "trigger_name", "filter_name", "description")
            if (value := getattr(body, name)) is not None
        }

        def change(found: CustomType, draft: Version) -> None:
            fixed = given.keys() - {"description"} or body.primary_attribute or body.api_name
            if found.approved is not None and fixed:
                raise ResponseError("1003", "The type was approved: its names are fixed")
            changed = replace(draft, **given)
            self._check_names(changed, found.api_name)
            if body.primary_attribute is not None:
                changed.primary = _attribute(body.primary_attribute, draft.primary)
            found.draft = changed

        return self._change(call, change)

    def _approve(self, call: Call) -> Finish:
        def approve(found: CustomType) -> None:
            if found.draft is None:
                raise ResponseError("1003", "There is no draft to approve")
            found.approved, found.draft = found.draft, None
            if found.id is None:
                found.id, self._next_id = self._next_id, self._next_id + 1

        return self._with(call, approve)

    def _discard(self, call: Call) -> Finish:
        def discard(found: CustomType) -> None:
            if found.draft is None:
                code = self._instance.options.discard_without_draft
                raise ResponseError(code, found.api_name)
            found.draft = None
            if found.approved is None:
                del self.types[found.api_name]

        return self._with(call, discard)

    def _delete(self, call: Call) -> Finish:
        def finish() -> Content:
            found = self._find(call)
            del self.types[found.api_name]
            return {"result": [found.described(found.versions[0]) | {"status": "deleted"}]}

        return finish

    def _create_attributes(self, call: Call) -> Finish:
        attributes = [_attribute(each) for each in _sent(call)]

        def create(found: CustomType, draft: Version) -> None:
            for attribute in attributes:
                name = attribute.api_name or ""
                if name == draft.primary.api_name or name in draft.attributes:
                    raise ResponseError("1017")
                draft.attributes[name] = attribute
            if len(draft.attributes) > MAX_ATTRIBUTES:
                raise ResponseError("1028", found.api_name)

        return self._change(call, create)

    def _update_attributes(self, call: Call) -> Finish:
        sent = _sent(call)

        def update(_: CustomType, draft: Version) -> None:
            for attribute in sent:
                old = _known(attribute, draft)
                draft.attributes[old.api_name or ""] = _attribute(attribute, old)

        return self._change(call, update)

    def _delete_attributes(self, call: Call) -> Finish:
        sent = _sent(call)

        def delete(_: CustomType, draft: Version) -> None:
            for attribute in sent:
                del draft.attributes[_known(attribute, draft).api_name or ""]

        return self._change(call, delete)

    def _change(self, call: Call, change: Callable[[CustomType, Version], None]) -> Finish:
        """Change the draft as a whole, or not at all."""

        def apply(found: CustomType) -> None:
            before = found.draft
            found.draft = found.to_draft().copied()
            try:
                change(found, found.draft)
            except ResponseError:
                found.draft = before
                raise

        return self._with(call, apply)

    def _with(self, call: Call, act: Callable[[CustomType], None]) -> Finish:
        self._find(call)

        def finish() -> Content:
            found = self._find(call)
            version = found.versions[-1]
            act(found)
            found.updated = self._now()
            return {"result": [found.described((found.versions or [version])[-1])]}

        return finish

    def _check_names(self, version: Version, api_name: str) -> None:
        """Names are of letters, digits, blanks and underscores, and nobody else's."""
        for kind in ("name", "trigger_name", "filter_name"):
            name: str = getattr(version, kind)
            if not DISPLAY_NAME.fullmatch(name):
                raise ResponseError("1003", f"Invalid {kind} '{name}'")
            others = [each for each in self.types.values() if each.api_name != api_name]
            if any(getattr(each, kind) == name for other in others for each in other.versions):
                raise ResponseError("1017")

    def _now(self) -> str:
        return format_instant(self._instance.clock.now())

    def _seed(self, seeded: ActivityType) -> None:
        name = seeded.name or seeded.api_name
        attributes = [_seeded(each) for each in seeded.attributes]
        version = Version(
            name=name,
            trigger_name=f"{name} trigger",
            filter_name=f"{name} filter",
            description=None,
            primary=_seeded(seeded.primary),
            attributes={each.api_name or "": each for each in attributes},
        )
        now = self._now()
        found = self.types.setdefault(seeded.api_name, CustomType(seeded.api_name, now, now))
        if seeded.draft:
            found.draft = version
            return
        found.approved = version
        if found.id is None:
            found.id, self._next_id = self._next_id, self._next_id + 1


def _seeded(attribute: Attribute) -> AttributeBody:
    return AttributeBody(
        api_name=attribute.api_name,
        name=attribute.name or attribute.api_name,
        data_type=attribute.data_type,
    )


def _sent(call: Call) -> list[AttributeBody]:
    attributes = call.json(AttributesBody).attributes
    if not attributes:
        raise ResponseError("1002", "attributes")
    if any(attribute.api_name is None for attribute in attributes):
        raise ResponseError("1002", "apiName")
    return attributes


def _known(attribute: AttributeBody, version: Version) -> AttributeBody:
    found = version.attributes.get(attribute.api_name or "")
    if found is None:
        raise ResponseError("1013", f"Attribute '{attribute.api_name}'")
    return found


def _attribute(sent: AttributeBody, old: AttributeBody | None = None) -> AttributeBody:
    """An attribute as it will be, checked."""
    given: dict[str, Any] = {} if old is None else msgspec.structs.asdict(old)
    given |= {k: v for k, v in msgspec.structs.asdict(sent).items() if v is not None}
    attribute = AttributeBody(**given)
    attribute.data_type = attribute.data_type or "string"
    for name in ("api_name", "name"):
        if getattr(attribute, name) is None:
            raise ResponseError("1002", name)
    if not ATTRIBUTE_NAME.fullmatch(attribute.api_name or ""):
        raise ResponseError("1003", f"Invalid apiName '{attribute.api_name}'")
    if not DISPLAY_NAME.fullmatch(attribute.name or ""):
        raise ResponseError("1003", f"Invalid name '{attribute.name}'")
    if attribute.data_type not in DATA_TYPES:
        raise ResponseError("1003", f"Invalid dataType '{attribute.data_type}'")
    return attribute
