"""One request, as far as the API looks at it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qsl

import msgspec

from .errors import ResponseError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.faults import Fault

    from .counts import JournalEntry

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class File:
    """What some calls answer in place of an envelope."""

    content: bytes
    status: int = 200
    media_type: str = "text/csv"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Call:
    """One request, as far as the API looks at it."""

    method: str
    path: str
    query: dict[str, str]
    content_type: str
    body: bytes
    authorization: str
    entry: JournalEntry
    range: str = ""  # of a file
    pairs: tuple[tuple[str, str], ...] = ()  # the query, with what is repeated in it
    # What stands in the path for the names of its route.
    parts: dict[str, str] = field(default_factory=dict)
    # What goes wrong with it.
    fault: Fault | None = None
    # The body as a form, on top of the query; read once.
    _form: dict[str, str] | None = None
    # What is to be given back when the reply has been sent.
    at_end: list[Callable[[], None]] = field(default_factory=list)

    def form(self) -> dict[str, str]:
        """The parameters of the query and, where it is a form, of the body."""
        if self._form is None:
            self._form = self.query
            if self.body and self.content_type == FORM:
                text = self.body.decode(errors="replace")
                self._form = self.query | dict(parse_qsl(text, keep_blank_values=True))
        return self._form

    def values(self, name: str) -> list[str]:
        """A parameter of the query that may be repeated, or hold commas."""
        return [part for key, text in self.pairs if key == name for part in text.split(",") if part]

    def json(self, kind: type[T]) -> T:
        """The JSON body."""
        if self.content_type != JSON:
            raise ResponseError("612")
        try:
            return msgspec.json.decode(self.body, type=kind)
        except msgspec.DecodeError:
            raise ResponseError("609") from None


class IdRow(msgspec.Struct, rename="camel"):
    """A row that names a lead by its id: of a delete, or of a move to another partition."""

    id: int | None = None
    partition_name: str = ""


class IdRows(msgspec.Struct):
    input: list[IdRow] = []
