"""The properties of a record that a plan looks at, read from the line it came on.

Most of a visitor is of no interest to Marketo: the rest of the line is passed over undecoded.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Record = dict[str, Any]
Row = tuple[Any, ...]
"""Values in the order of `Properties.names`; None for those that the record does not have."""


class Properties:
    """The properties of one stream's records that are named by `sources`.

    A source with dots is a property of that name or, where there is none, a path into nested
    values. The properties in `required` are told apart from those that are null.
    """

    def __init__(self, stream: str, sources: Iterable[str], required: Sequence[str]) -> None:
        every = [*sources, *required]
        self.names = tuple(dict.fromkeys(n for each in every for n in (each, each.split(".")[0])))
        self._missing = dict.fromkeys(required, msgspec.UNSET)
        self._required = [(self.names.index(name), name) for name in required]
        members = [f"p{place}" for place in range(len(self.names))]
        record = msgspec.defstruct(
            "Properties",
            [
                (member, Any, self._missing.get(name))
                for member, name in zip(members, self.names, strict=True)
            ],
            rename=dict(zip(members, self.names, strict=True)),
            gc=False,
        )
        line = [("type", Literal["RECORD"]), ("stream", Literal[stream]), ("record", record)]
        self._decoder = msgspec.json.Decoder[Any](msgspec.defstruct("Line", line, gc=False))

    def read(self, line: bytes) -> Row | None:
        """The row of a record; None if the line is anything but a RECORD of this stream."""
        try:
            return msgspec.structs.astuple(self._decoder.decode(line).record)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None

    def row(self, record: Record) -> Row:
        """The row of a record that was read in full."""
        return tuple(record.get(name, self._missing.get(name)) for name in self.names)

    def lacking(self, row: Row) -> str:
        """The first required property that the record does not have."""
        for place, name in self._required:
            if row[place] is msgspec.UNSET:
                return name
        return ""

    def getter(self, source: str) -> Callable[[Row], Any]:
        """A function from a row to what a source stands for."""
        return self.digger(source) or itemgetter(self.place(source))

    def place(self, source: str) -> int:
        """Where a row has the property of this name."""
        return self.names.index(source)

    def digger(self, source: str) -> Callable[[Row], Any] | None:
        """How to read a path into nested values; None for a property of the record itself."""
        if "." not in source:
            return None
        first, *path = source.split(".")
        place, outermost = self.place(source), self.place(first)

        def dig(row: Row) -> Any:
            if row[place] is not None:
                return row[place]
            value = row[outermost]
            for name in path:
                if isinstance(value, list) and name.isdecimal() and int(name) < len(value):
                    value = value[int(name)]
                elif isinstance(value, dict):
                    value = value.get(name)
                else:
                    return None
            return value

        return dig
