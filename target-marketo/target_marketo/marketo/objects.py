"""Custom objects: described, and written by their own key (Adobe: "Custom objects")."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from target_marketo.marketo.attachments import Endpoints, Found, Results, understand_rows
from target_marketo.marketo.codes import Family

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_marketo.marketo.attachments import Rows

SYNC_SECONDS = 120.0
"""How long Marketo itself may take: a time-out of as much would give up calls that succeed."""

WRITTEN = frozenset({"created", "updated"})


class ObjectField(msgspec.Struct, frozen=True, rename="camel"):
    """A field of a custom object; a link has the type of what it links to."""

    name: str
    data_type: str = "string"
    length: int | None = None
    updateable: bool = True


class _Related(msgspec.Struct, frozen=True):
    name: str = ""
    field: str = ""


class Relationship(msgspec.Struct, frozen=True, rename="camel"):
    """A field that links to another object, such as `Lead`."""

    field: str
    related_to: _Related = _Related()


class ObjectType(msgspec.Struct, frozen=True, rename="camel"):
    """A type of custom object."""

    dedupe_fields: tuple[str, ...]
    fields: tuple[ObjectField, ...]
    relationships: tuple[Relationship, ...] = ()

    @property
    def types(self) -> dict[str, str]:
        """Field -> data type."""
        return {each.name: each.data_type for each in self.fields}

    @property
    def links_to_lead_id(self) -> tuple[str, ...]:
        """The fields that link to a person by id."""
        return tuple(
            each.field
            for each in self.relationships
            if (each.related_to.name.lower(), each.related_to.field.lower()) == ("lead", "id")
        )


class Objects(Endpoints):
    """The calls about custom objects."""

    family = Family.OBJECTS

    def describe(self, name: str) -> ObjectType:
        """The type of this API name, as approved.

        Raises:
            EndsLane: There is none.
        """
        path = f"/v1/customobjects/{name}/describe.json"
        return self._read("object types", path, _READ_TYPES.one)

    def upsert(self, name: str, rows: Sequence[bytes], *, action: str = "createOrUpdate") -> Rows:
        """Creates or updates up to 300 encoded records by their dedupe fields, none twice.

        Doing so again is harmless. With the action `updateOnly` nothing is created.

        Raises:
            OutcomeUnknown: Some may have been written.
            EndsLane: There is no such type.
        """
        head = f'{{"action":"{action}","dedupeBy":"dedupeFields","input":['.encode()
        return self._write(
            "objects",
            f"/v1/customobjects/{name}.json",
            head + b",".join(rows) + b"]}",
            lambda content: understand_rows(content, len(rows), WRITTEN),
            seconds=SYNC_SECONDS,
        )


_READ_TYPES = Results(msgspec.json.Decoder(Found[ObjectType]))
