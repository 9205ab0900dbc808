"""The properties of a record that a plan looks at, read from the line it came on.

Most of a visitor is of no interest to Marketo: the rest of the line is passed over undecoded.
"""

from __future__ import annotations

import json
import re
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Record = dict[str, Any]
Row = tuple[Any, ...]
"""Values in the order of `Properties.names`; None for those that the record does not have."""


_LEVELS = 200  # of nesting, far from where recursion ends; no field takes even a second one
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')
# A pair of escapes that is one character, half of such a pair, any other escape.
_ESCAPES = re.compile(
    r"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|(\\.)"
)

# Names that msgspec cannot give a struct's member: the records are read in full then.
_NO_MEMBER = re.compile(r'["\\\x00-\x1f\ud800-\udfff]')


class Unstorable:
    """What no field can hold: a number that is not finite or has no end, a nesting too deep.

    It is of no type that a conversion takes, so a record is refused if the value is mapped.
    """

    def __init__(self, written: str) -> None:
        self.written = written


def read_leniently(line: bytes) -> Any:
    """A line that is JSON to Python but not to msgspec; `Unstorable` where a value is none.

    Half a character becomes U+FFFD, as bytes that are no text do: no e-mail address has that.

    Raises:
        ValueError: It is not JSON at all.
    """
    return _loads(line, Unstorable, lambda _: "NaN")


def read_for_the_log(line: bytes) -> Any:
    """As `read_leniently`, with the text of what cannot be stored: this can always be encoded."""
    return _loads(line, str, json.dumps)


def is_nested_deeply(line: bytes) -> bool:
    """Whether it may be: what is read of such a line might not be encoded again."""
    return line.count(b"[") + line.count(b"{") > _LEVELS


def _loads(line: bytes, unstorable: Callable[[str], Any], deep: Callable[[str], str]) -> Any:
    text = line.decode("utf-8", "replace")
    if is_nested_deeply(line):
        text = _flattened(text, deep)
    if "\\u" in text:
        text = _ESCAPES.sub(lambda escape: escape[1] or escape[2] or "\ufffd", text)
    return json.loads(
        text,
        parse_constant=unstorable,
        parse_int=partial(_number, int, unstorable),
        parse_float=partial(_number, float, unstorable),
    )


def _number(kind: Callable[[str], float], unstorable: Callable[[str], Any], text: str) -> Any:
    try:
        number = kind(text)
        return number if abs(number) < float("inf") else unstorable(text)
    except ValueError:  # an integer of more digits than Python reads
        return unstorable(text)


def _flattened(text: str, deep: Callable[[str], str]) -> str:
    """The text with something else in place of what is nested too deeply."""
    parts: list[str] = []
    done = level = start = 0
    for token in _TOKENS.finditer(text):
        if token[0] in "[{":
            level += 1
            if level == _LEVELS:
                start = token.start()
        elif token[0] in "]}":
            if level == _LEVELS:
                parts += text[done:start], deep(text[start : token.end()])
                done = token.end()
            level -= 1
    return "".join([*parts, text[done:]])


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
