"""The properties of a record that a plan looks at, read from the line it came on.

Most of a visitor is of no interest to Marketo: the rest of the line is passed over undecoded.
"""

from __future__ import annotations

import re
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from target_marketo.mapping import paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Record = dict[str, Any]
Row = tuple[Any, ...]
"""Values in the order of `Properties.names`; None for those that the record does not have."""

# Names that msgspec cannot give a struct's member: the records are read in full then.
_NO_MEMBER = re.compile(r'["\\\x00-\x1f\ud800-\udfff]')


class Properties:
    """The properties of one stream's records that are named by `sources`.

    A source is a property of that name or, where there is none, a path into nested values, as
    `paths` reads it. A missing property in `required` is told apart from one that is null.
    """

    def __init__(self, stream: str, sources: Iterable[str], required: Sequence[str]) -> None:
        looked_at = (name for source in sources for name in paths.properties(source))
        self.names = tuple(dict.fromkeys((*looked_at, *required)))
        self._missing = dict.fromkeys(required, msgspec.UNSET)
        self._required = [(self.names.index(name), name) for name in required]
        in_full = any(map(_NO_MEMBER.search, self.names))
        record: Any = Record if in_full else self._struct()
        line = [("type", Literal["RECORD"]), ("stream", Literal[stream]), ("record", record)]
        self._decoder = msgspec.json.Decoder[Any](msgspec.defstruct("Line", line, gc=False))

    def _struct(self) -> type[msgspec.Struct]:
        """A record with its interesting properties only, in the order of `names`."""
        members = [f"p{place}" for place in range(len(self.names))]
        return msgspec.defstruct(
            "Properties",
            [
                (member, Any, self._missing.get(name))
                for member, name in zip(members, self.names, strict=True)
            ],
            rename=dict(zip(members, self.names, strict=True)),
            gc=False,
        )

    def read(self, line: bytes) -> Row | None:
        """The row of a record; None if the line is anything but a RECORD of this stream."""
        try:
            return msgspec.structs.astuple(self._decoder.decode(line).record)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        except TypeError:  # no struct, but a record in full
            return self.row(self._decoder.decode(line).record)

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

    def reader(self, sources: Sequence[str]) -> Callable[[Row], Row]:
        """A function from a row to what each of some sources stands for."""
        if len(sources) > 1 and not any(map(self.digger, sources)):
            return itemgetter(*map(self.place, sources))
        getters = [self.getter(source) for source in sources]
        return lambda row: tuple([get(row) for get in getters])

    def place(self, source: str) -> int:
        """Where a row has the property of this name, or else the one that the path begins with."""
        return self.names.index(paths.properties(source)[0])

    def digger(self, source: str) -> Callable[[Row], Any] | None:
        """How to read a path into nested values; None for a property of the record itself."""
        path = paths.parts(source)[1:]
        if not path:
            return None
        *whole, outermost = map(self.names.index, paths.properties(source))

        def dig(row: Row) -> Any:
            for place in whole:
                if row[place] is not None:
                    return row[place]
            return paths.value_at(row[outermost], path)

        return dig
