"""Fields of people, made (Adobe: "Leads", "Fields"). They can be hidden later, never deleted."""

from __future__ import annotations

import msgspec

from target_marketo.marketo import replies
from target_marketo.marketo.attachments import Endpoints, Found, Results
from target_marketo.marketo.call import JSON
from target_marketo.marketo.codes import Family, of_row
from target_marketo.marketo.errors import Rejected

MADE_TYPES = frozenset(
    {
        *("boolean", "currency", "date", "datetime", "email", "float", "integer", "percent"),
        *("phone", "score", "string", "url"),
    }
)
"""The data types that the API makes; a text area is made by hand alone."""


class NewField(msgspec.Struct, frozen=True, rename="camel"):
    """A field to be made; the display name is what people see, and as unique as the name."""

    name: str
    display_name: str
    data_type: str


class _Made(msgspec.Struct):
    name: str = ""
    status: str = ""
    reasons: tuple[replies.Reason, ...] = ()
    errors: tuple[replies.Reason, ...] = ()


class LeadFields(Endpoints):
    """The calls about fields of people."""

    family = Family.SCHEMA

    def create(self, wanted: NewField) -> None:
        """Makes one field.

        Raises:
            Rejected: It was not made; with code 1017 there is one of this name, or this label.
            OutcomeUnknown: It may have been made.
        """
        body = msgspec.json.encode({"input": [wanted]})
        path = "/v1/leads/schema/fields.json"
        made = self._make("new field", path, JSON, body, _READ.one)
        if made.status != "created":
            code = replies.code_of_reasons(made.reasons or made.errors)
            advice = of_row(code, self.family)
            raise Rejected(f"Marketo made no field, code {code}: {advice.meaning}", code=code)


_READ = Results(msgspec.json.Decoder(Found[_Made]))
