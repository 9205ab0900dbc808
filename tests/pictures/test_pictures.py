"""The README's pictures show what the commands show today, and nobody who exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.pictures.picture import svg, words, words_of
from tests.pictures.screens import SCREENS, Screen, taken

FOLDER = Path(__file__).parent
README = FOLDER.parents[1] / "README.md"


def name_of(screen: Screen) -> str:
    return screen.name


# The demo takes a while: tests/test_isolation.py compares the picture with the demo that it runs.
@pytest.mark.slow
@pytest.mark.parametrize("screen", [each for each in SCREENS if each.name != "demo"], ids=name_of)
def test_a_picture_is_current(screen: Screen) -> None:
    drawn = words_of((FOLDER / f"{screen.name}.svg").read_text(encoding="utf-8"))

    shown = taken(screen)

    assert len(shown.export_text(clear=False).splitlines()) > 10
    assert drawn == words_of(svg(shown, screen.title, screen.name)), (
        f"uv run python -m tests.pictures {screen.name}"
    )


def test_a_picture_with_another_word_is_not_current() -> None:
    (first, *_) = SCREENS
    picture = (FOLDER / f"{first.name}.svg").read_text(encoding="utf-8")

    assert words_of(picture.replace("updated", "changed")) != words_of(picture)
    assert words("took 8.1 s, 1,500 people, 2026-11-28") == words(
        "took 12.9 s, 3 people, 2027-01-01"
    )


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.svg")), ids=lambda path: str(path.stem))
def test_a_picture_is_small_complete_in_itself_and_shows_only_people_who_do_not_exist(
    path: Path,
) -> None:
    text = path.read_text(encoding="utf-8")
    loaded = re.findall(r"(?:href=|src=|url\(|xmlns\S*=)[\"']?(https?://[^\s\"'<)]+)", text)
    hosts = re.findall(r"(?:@|https?://)([\w-]+(?:\.[\w-]+)+)", text.replace("www.w3.org", ""))

    assert path.stat().st_size < 60_000
    assert set(loaded) <= {"http://www.w3.org/2000/svg"}
    assert all(
        re.search(r"\b(?:example|test|invalid)(?:\.(?:com|net|org))?$", host) for host in hosts
    ), hosts


def test_the_readme_shows_every_picture() -> None:
    text = README.read_text(encoding="utf-8")

    pictures = list(FOLDER.glob("*.svg"))
    assert pictures
    for path in pictures:
        assert f"](tests/pictures/{path.name})" in text.replace("\n", " ")
