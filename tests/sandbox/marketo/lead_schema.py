"""The fields of a lead as metadata: listed, and made. Adobe, "Leads", "Fields".

A field that was made can be hidden, but never deleted, and its type stays.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, get_args

import msgspec

from . import rows
from .errors import RecordError, ResponseError
from .options import CustomField, MadeType
from .paging import Page
from .routes import Route

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .call import Call
    from .fields import Field
    from .instance import Content, Finish, Instance
    from .routes import Needs

MAX_MADE = 100
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,254}", re.ASCII)
LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _-]{0,254}", re.ASCII)
DATA_TYPES = frozenset(get_args(MadeType))
READ: Needs = ("Read-Write Schema Standard Field", "Read-Write Schema Custom Field")
WRITE: Needs = ("Read-Write Schema Custom Field",)


class FieldBody(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A field to be made; keys that were not sent are None."""

    name: str | None = None
    display_name: str | None = None
    data_type: str | None = None
    description: str | None = None
    is_hidden: bool = False
    is_html_encoding_in_email: bool = True
    is_sensitive: bool = False


class FieldsBody(msgspec.Struct):
    input: list[FieldBody] | None = None


class LeadSchema:
    """The fields that the database has, and those that were made through the API."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._made: dict[str, FieldBody] = {}

    def routes(self) -> Iterator[Route]:
        path = "/rest/v1/leads/schema/fields"
        yield Route("lead_fields", "GET", f"{path}.json", self._browse, READ, "lead_fields")
        yield Route("lead_fields", "GET", f"{path}/{{field}}.json", self._one, READ, "lead_fields")
        yield Route(
            "create_lead_fields", "POST", f"{path}.json", self._create, WRITE, "lead_fields"
        )

    def _browse(self, call: Call) -> Finish:
        fields = {each.id: each for each in self._fields()}
        turned = Page.of(call.form(), signature="lead fields")
        content: Content = {"result": [self._answered(fields[n]) for n in turned.cut([*fields])]}
        content["moreResult"] = turned.more
        if turned.more:
            content["nextPageToken"] = turned.next_token()
        return lambda: content

    def _one(self, call: Call) -> Finish:
        found = next((each for each in self._fields() if each.name == call.parts["field"]), None)
        if found is None:
            raise ResponseError("1013", "Field")
        return lambda: {"result": [self._answered(found)]}

    def _create(self, call: Call) -> Finish:
        sent = call.json(FieldsBody).input
        rows.checked(sent)
        for each in sent or ():
            _check(each)
        if self._instance.options.lead_field_taken == "response_1017":
            for each in sent or ():
                self._check_free(each, ResponseError)

        def create(each: FieldBody) -> Content:
            self._check_free(each, RecordError)
            if len(self._made) >= MAX_MADE:
                raise RecordError("1003", f"More than {MAX_MADE} custom fields")
            made = CustomField(
                name=each.name or "",
                # Score fields describe themselves as integers.
                data_type="integer" if each.data_type == "score" else each.data_type,  # type: ignore[arg-type]  # checked above
                display_name=each.display_name or "",
            )
            self._made[made.name] = each
            self._instance.configure(
                {"custom_fields": [*msgspec.to_builtins(self._custom), msgspec.to_builtins(made)]}
            )
            return {"name": made.name, "status": "created"}

        return rows.write(self._instance, call, sent or [], create)

    @property
    def _custom(self) -> tuple[CustomField, ...]:
        return self._instance.options.custom_fields

    def _fields(self) -> list[Field]:
        return [each for each in self._instance.database.schema.fields if each.rest]

    def _check_free(self, each: FieldBody, error: type[RecordError | ResponseError]) -> None:
        for known in self._instance.database.schema.fields:
            # Names are told apart by more than their case.
            same = (known.name.lower(), known.display_name.lower())
            if (each.name or "").lower() == same[0] or (each.display_name or "").lower() == same[1]:
                raise error("1017")

    def _answered(self, field: Field) -> Content:
        made = self._made.get(field.name)
        answered: dict[str, Any] = {
            "displayName": field.display_name,
            "name": field.name,
            "description": None if made is None else made.description,
            "dataType": field.data_type,
        }
        if field.length is not None:
            answered["length"] = field.length
        return answered | {
            "isHidden": False if made is None else made.is_hidden,
            "isHtmlEncodingInEmail": True if made is None else made.is_html_encoding_in_email,
            "isSensitive": False if made is None else made.is_sensitive,
            "isCustom": field.custom,
            "isApiCreated": made is not None,
        }


def _check(sent: FieldBody) -> None:
    for name, value in (
        ("displayName", sent.display_name),
        ("name", sent.name),
        ("dataType", sent.data_type),
    ):
        if value is None:
            raise ResponseError("1002", name)
    if not NAME.fullmatch(sent.name or ""):
        raise ResponseError("1003", f"Invalid name '{sent.name}'")
    if not LABEL.fullmatch(sent.display_name or ""):
        raise ResponseError("1003", f"Invalid displayName '{sent.display_name}'")
    if sent.data_type not in DATA_TYPES:
        raise ResponseError("1003", f"Invalid dataType '{sent.data_type}'")
