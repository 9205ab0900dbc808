"""A recorded console as a small SVG, and the words of either, to compare them."""

from __future__ import annotations

import html
import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

# Rich's own names fonts on a foreign host.
_FORMAT = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font: {char_height}px/{line_height}px monospace }}
.{unique_id}-title {{ font: bold 18px sans-serif }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
_DRAWN = re.compile(r"[^\w\s<>@%.,:;!?'\"`()\[\]{}/*+=&#|\\$-]")


def svg(console: Console, title: str, name: str) -> str:
    drawn = console.export_svg(title=title, code_format=_FORMAT, unique_id=name, clear=False)
    return "".join(f"{line.strip()}\n" for line in drawn.splitlines() if line.strip())


def words(text: str) -> Counter[str]:
    """How often each word occurs. One number is as good as another, and so is where a line ends:
    times, ports and figures change from run to run.
    """
    return Counter(re.sub(r"\d+(?:[.,:-]\d+)*", "0", _DRAWN.sub(" ", text)).split())


def words_of(picture: str) -> Counter[str]:
    """The words of a picture that `svg` has drawn, without those of its title."""
    texts = re.findall(r"<text[^>]*-r\d+[^>]*>(.*?)</text>", picture)
    rows = re.findall(r'<text[^>]*-r\d+[^>]*y="([\d.]+)"[^>]*>(.*?)</text>', picture)
    if len(rows) != len(texts):
        raise ValueError("a text without a place: not drawn by `svg`")
    lines: dict[str, list[str]] = {}
    for place, text in rows:
        lines.setdefault(place, []).append(html.unescape(text).replace("\xa0", " "))
    return words("\n".join("".join(line) for line in lines.values()))
