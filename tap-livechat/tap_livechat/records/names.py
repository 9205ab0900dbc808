"""A display name -> first and last name, as `nameparser` knows names.

People type a phone number, an e-mail or their company where a name is asked for. None of these
becomes a name, nor half of one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from nameparser import Lexicon, parse

Parts = tuple[str | None, str | None]
OF_A_PERSON = 3

# What LiveChat calls people who gave no name (its own default is "Client"; "Visitor" and
# "Customer" come from the Text App and from common settings).
DEFAULT_NAMES = frozenset({"client", "customer", "guest", "unnamed customer", "visitor"})

# Two Latin words, capitalised or not: nine names out of ten, and the library takes 0.4 ms for each.
_TWO_PLAIN_WORDS = re.compile(r"([A-Z][a-z]{2,19}) ([A-Z][a-z]{2,19})")
_LEXICON = Lexicon.default()
_COMPANY_WORDS = (
    "ltd|limited|inc|incorporated|llc|llp|plc|corp|corporation|gmbh|mbh|ohg|gbr|kgaa|pty|pvt|oyj"
    "|kft|company|holdings|consulting|solutions|technologies"
)
# Words that mean more than themselves; names that hold one go to the library.
_MEANINGFUL = frozenset[str]().union(
    _LEXICON.titles,
    _LEXICON.given_name_titles,
    _LEXICON.after_given_titles,
    _LEXICON.suffix_acronyms,
    _LEXICON.suffix_words,
    _LEXICON.suffix_acronyms_ambiguous,
    _LEXICON.particles,
    _LEXICON.conjunctions,
    _LEXICON.bound_given_names,
    _LEXICON.maiden_markers,
    _LEXICON.surnames,
    _LEXICON.honorific_tails,
    _COMPANY_WORDS.split("|"),
)

# An e-mail, the address of a site, or digits as of a phone number, with what encloses them.
_CONTACT = re.compile(
    r"[<(\[]?(?:mailto:)?[^\s<>()\[\],;|]*@[^\s<>()\[\],;|]*[>)\]]?"
    r"|\b(?:https?://|www\.)\S+"
    r"|(?<!\w)[+(]{0,2}\d(?:[\s().\-/]*\d){4,}(?!\w)"
)
# Legal forms of companies, as the last words of a name. Those that might be somebody's name too
# count only in capitals that the rest of the name is not written in.
_COMPANY = re.compile(
    rf"(?i:\b(?:{_COMPANY_WORDS}|s\.?a\.?r\.?l|s\.?r\.?l|s\.p\.a|s\.?r\.?o"
    r"|sp\.? ?z ?o\.? ?o|b\.v|n\.v|s\.a|a/s)\b\.?)"
    r"|(?<=[a-z\d] )(?:AG|KG|UG|SE|SA|AB|AS|BV|NV|OY|SAS|SPA|APS|CO)\Z"
    r"|株式会社|有限公司"
)
_BETWEEN = re.compile(r"\s*(?:[,;|/()\[\]]|\s[-\u2013\u2014]\s|\s(?:at|@|from)\s)\s*")
_EDGES = " ,;|/-\u2013\u2014:()[]<>"


class Name(NamedTuple):
    """What somebody is called; the fields are those of `visitors`."""

    name: str | None
    first_name: str | None
    last_name: str | None
    name_is_default: bool

    @classmethod
    def of(cls, text: str | None, *, is_default: bool = False) -> Name:
        """`is_default`: as far as LiveChat says so."""
        text = text.strip() if text else None
        if is_default or not text or text.casefold() in DEFAULT_NAMES:
            return cls(text or None, None, None, name_is_default=True)
        return cls(text, *split(text), name_is_default=False)


def worth(known: Name) -> int:
    """A person's name is better than a company or a phone number, these than "Client"."""
    if known.first_name or known.last_name:
        return OF_A_PERSON
    return (known.name is not None) + (not known.name_is_default)


@lru_cache(maxsize=4096)
def split(name: str) -> Parts:
    """First name (with the middle ones) and last name; None for one that is missing."""
    plain = _TWO_PLAIN_WORDS.fullmatch(name)
    if plain:
        given, family = plain.groups()
        if given.lower() not in _MEANINGFUL and family.lower() not in _MEANINGFUL:
            return given, family
    return parsed(name)


def parsed(name: str) -> Parts:
    """As `split`, by the library alone."""
    name = _person(name)
    if name.casefold() in DEFAULT_NAMES or not any(map(str.isalpha, name)):
        return None, None
    parts = parse(name)
    first = " ".join(part for part in (parts.given, parts.middle) if part)
    return first or None, parts.family or None


def _person(name: str) -> str:
    """What of the text may be a person's name."""
    without = _CONTACT.sub(" ", name)
    if _COMPANY.search(without):
        parts = [part for part in _BETWEEN.split(without) if part and not _COMPANY.search(part)]
        without = parts[0] if parts else ""
    return without.strip(_EDGES) if without != name else name
