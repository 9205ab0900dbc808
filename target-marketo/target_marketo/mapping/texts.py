"""How long a text is, as Marketo measures it. Pure.

Adobe ("Field types"): a string has 255 characters, a text 30,000 bytes. What a character is stands
nowhere. A text is measured in UTF-16 units here, of which an emoji has two: at least what it has in
characters. An instance that measures more strictly still refuses the field, and the person is
delivered without it.
"""

from __future__ import annotations

from dataclasses import dataclass

TEXT_BYTES = 30_000
STRING_CHARACTERS = 255


@dataclass(frozen=True, slots=True)
class Limit:
    """How long a text may be, and whether a longer one is cut instead of refused."""

    characters: int | None = None
    bytes: int | None = None
    truncate: bool = False

    @property
    def surely_fits(self) -> int:
        """A text of up to so many characters fits, whatever they are."""
        limits = ((self.characters, 2), (self.bytes, 4))
        return min(limit // widest for limit, widest in limits if limit is not None)

    def fits(self, text: str) -> bool:
        """Whether the field takes all of the text."""
        return (self.characters is None or _units(text) <= self.characters) and (
            self.bytes is None or len(_utf8(text)) <= self.bytes
        )

    def cut(self, text: str) -> str:
        """As much of the beginning as fits, no character cut in half."""
        if self.characters is not None and _units(text) > self.characters:
            units = text.encode("utf-16-le", "surrogatepass")[: self.characters * 2]
            text = units.decode("utf-16-le", "ignore")
        if self.bytes is not None:
            text = _utf8(text)[: self.bytes].decode("utf-8", "ignore")
        return text.rstrip()

    def over(self, text: str) -> str:
        """What is wrong with a text that does not fit: `300 characters, 255 allowed`."""
        if self.characters is not None:
            return f"{_units(text)} characters, {self.characters} allowed"
        return f"{len(_utf8(text))} bytes, {self.bytes} allowed"


def limit_of(data_type: str, length: int | None, *, truncate: bool = False) -> Limit:
    """The limit that Marketo documents for a data type with describe's `length`."""
    if data_type == "text":
        return Limit(bytes=TEXT_BYTES, truncate=truncate)
    return Limit(characters=length or STRING_CHARACTERS, truncate=truncate)


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
