"""What no log, mail or screen may show, and the one search for it.

The sandbox, its crowd and the tests plant these in settings and records; the patterns know them by
their form, so that a new test plants one by writing it down. `tests/conftest.py` searches whatever
a test lets anybody see (`tests/witness.py`); the demo and the fault harness, which are no tests,
call `shown_in` themselves.

What shows data because that is its purpose stands in `EXEMPT`, and nowhere else.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from tests.sandbox.crowd import tables

if TYPE_CHECKING:
    from collections.abc import Iterable


class Exempt(NamedTuple):
    """A stream that is data: `where` as `tests/witness.py` names it, with `*` for anything."""

    where: str
    reason: str
    unless: tuple[str, ...] = ()  # words of the command with which it is not


EXEMPT = (
    Exempt("stdout of * -- python -c import json, os*", "prints the environment it was given"),
    Exempt("stdout of tap-*", "RECORD messages are what a tap is for"),
    Exempt("stdout of source-marketo*", "the same, of Airbyte"),
    Exempt("stdout of * -- tap-livechat*", "the same, in the sandbox's environment"),
    Exempt("stdout of meltano * invoke tap-livechat", "the same, passed on by Meltano"),
    Exempt("stdout of python -m tests.faults.launch tap-*", "the same, while things break"),
    Exempt("stdout of marketo-ops*replay*", "the target reads them", ("--dry-run", "--json")),
    Exempt("stdout of *marketo-ops*explain*", "shows values wherever it is called"),
    Exempt("stdout of marketo-ops*errors show*--reveal*", "the record was asked for"),
    Exempt(
        "Captured stdout call of */test_sdk.py::TestTapLiveChat::*", "RECORD messages, as above"
    ),
)


class _Form(NamedTuple):
    """A kind of thing: texts that are it, or, with a pattern, texts without which it is not there.

    To look for a text first is a hundred times as fast as a pattern, and logs are long.
    """

    kind: str
    texts: tuple[str, ...]
    pattern: re.Pattern[str] | None = None


def _folded(*texts: str) -> tuple[str, ...]:
    return tuple(text.strip().casefold() for text in texts)


def _either(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_ORDINARY = 12  # shorter texts of the crowd stand in logs by chance
_SAID = (*tables.QUESTIONS, *tables.ANSWERS, tables.LONG_SENTENCE, *tables.SUMMARIES)
_FIRST = tuple(name for name, _ in tables.FIRST_NAMES)
_LAST = tuple(name for name, _ in tables.LAST_NAMES)

_FORMS = (
    # A local part that was masked ends in "*", and does not match. Broken ones are addresses too.
    _Form(
        "an e-mail address",
        ("@",),
        _either(r"[\w+'-]@(?:[\w-]+(?:\.[\w-]+)+|@|(?=[\s\"',;]|$))"),
    ),
    _Form(
        "a secret",
        _folded(
            "sandbox-client-secret",
            "sandbox-personal-access-token",
            "sandbox-access-token",
            "sandbox-refresh-token",
            # The sandbox's account id in Base64, as a header's credentials begin.
            "YjdlZmY3OTgtZjhkZi00MzY0",
            "not-the-secret",
            "wrong-secret-token",
            "very-secret-token",
            "hunter2",
        ),
    ),
    _Form(
        "a secret",
        ("planted-", "sandbox-", ":int", "basic ", "bearer ", "client_secret="),
        _either(
            r"planted-[\w-]+",
            r"sandbox-[0-9a-f]{24}",  # LiveChat's tokens, and below Marketo's
            r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}:int",
            r"\b(?:Basic|Bearer) [\w.:+/=-]{12,}",
            r"\bclient_secret=[^\s&*]+",
        ),
    ),
    # TEST-NET-1 to 3 and the documentation prefix of IPv6, where the crowd comes from.
    _Form("an IP address", ("192.0.2.", "198.51.100.", "203.0.113.", "2001:db8:")),
    _Form("a phone number", ("+",), _either(r"\+\d{10,12}\b", r"\+\d{1,3} 555 0100")),
    _Form("a chat's text", _folded(*(text for text in _SAID if len(text) >= _ORDINARY))),
    _Form(
        "a person's name",
        _folded(*_LAST),
        _either(
            rf"\b(?:{'|'.join(map(re.escape, _FIRST))}) (?:{'|'.join(map(re.escape, _LAST))})\b"
        ),
    ),
    _Form("a person's name", ("quillfeather",)),  # of tests/faults/people.py
    _Form("a user agent", ("mozilla/5.0 (",)),
)


def shown_in(text: str, also: Iterable[str] = ()) -> list[str]:
    """What `text` shows and must not, each once: "an e-mail address: 'e@planted.example'".

    `also` are values that only the caller knows to be secret.
    """
    lowered = text.casefold()
    found: set[str] = set()
    for kind, texts, pattern in _FORMS:
        there = [each for each in texts if each in lowered]
        if there and pattern is not None:
            there = [match[0] for match in pattern.finditer(text)]
        found |= {f"{kind}: {each!r}" for each in there}
    others = {each.strip().casefold() for each in also} - {""}
    return sorted(found | {f"{each!r}" for each in others if each in lowered})


def is_exempt(where: str) -> bool:
    """Whether what is seen there is data on purpose."""
    return any(
        fnmatchcase(where, exempt.where) and not any(word in where for word in exempt.unless)
        for exempt in EXEMPT
    )
