"""Lines that are JSON to Python but not to msgspec: half characters, NaN, endless nesting."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_LEVELS = 200  # of nesting, far from where recursion ends; no field takes even a second one
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')
# A pair of escapes that is one character, half of such a pair, any other escape.
_ESCAPES = re.compile(
    r"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|(\\.)"
)


class Unstorable:
    """What no field can hold: a number that is not finite or has no end, a nesting too deep.

    It is of no type that a conversion takes, so a record is refused if the value is mapped.
    """

    def __init__(self, written: str) -> None:
        self.written = written


def read_leniently(line: bytes) -> Any:
    """A line that is JSON to Python but not to msgspec; `Unstorable` if a value cannot be kept.

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
    try:
        return json.loads(
            text,
            parse_constant=unstorable,
            parse_int=partial(_number, int, unstorable),
            parse_float=partial(_number, float, unstorable),
        )
    except RecursionError:  # what never closes is not flattened
        raise ValueError("nested without end") from None


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
