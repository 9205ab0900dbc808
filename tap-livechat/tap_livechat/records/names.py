"""A display name -> first and last name, as `nameparser` knows names."""

from __future__ import annotations

import re
from functools import lru_cache

from nameparser import Lexicon, parse

# What LiveChat calls people who gave no name (its own default is "Client"; "Visitor" and
# "Customer" come from the Text App and from common settings).
DEFAULT_NAMES = frozenset({"client", "customer", "guest", "unnamed customer", "visitor"})

# Two Latin words, capitalised or not: nine names out of ten, and the library takes 0.4 ms for each.
_TWO_PLAIN_WORDS = re.compile(r"([A-Z][a-z]{2,19}) ([A-Z][a-z]{2,19})")
_LEXICON = Lexicon.default()
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
)


def is_default(name: str | None) -> bool:
    """Whether nobody gave this name."""
    return not name or name.casefold() in DEFAULT_NAMES


def split(name: str) -> tuple[str | None, str | None]:
    """First name (with the middle ones) and last name; None where there is none."""
    plain = _TWO_PLAIN_WORDS.fullmatch(name)
    if plain:
        given, family = plain.groups()
        if given.lower() not in _MEANINGFUL and family.lower() not in _MEANINGFUL:
            return given, family
    return parsed(name)


@lru_cache(maxsize=4096)
def parsed(name: str) -> tuple[str | None, str | None]:
    """As `split`, by the library alone."""
    if "@" in name:
        # An e-mail in the place of a name would become a first name.
        return None, None
    parts = parse(name)
    first = " ".join(part for part in (parts.given, parts.middle) if part)
    return first or None, parts.family or None
