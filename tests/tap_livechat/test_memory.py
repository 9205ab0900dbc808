"""Memory follows neither the number of pages nor, beyond its own bytes, what is in one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.benchmarks.large_pages import MEBIBYTE, Pages, serving
from tests.benchmarks.table import measure
from tests.tap_livechat.conftest import ARCHIVES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.tap_livechat.conftest import Tap

# `part`: the MiB of what is decoded at a time, and of the records that are made of it.
SELECTIONS = pytest.mark.parametrize(
    ("streams", "part"),
    [(("visitors", "chats"), 20), (ARCHIVES, 50)],
    ids=["without events", "with events"],
)


@pytest.fixture
def pages() -> Iterator[Pages]:
    with serving() as server:
        yield server


@pytest.fixture
def peak(pages: Pages, tap: Tap) -> Callable[..., float]:
    """The most MiB that a run over so many pages of so many events takes."""

    def run(streams: Sequence[str], *, number: int, events: int) -> float:
        pages.serve_pages(number, events)
        command = tap.command(streams, api_url=pages.url)
        return measure(command, feed=["true"], env=tap.environment).mebibytes

    return run


@pytest.mark.slow
@SELECTIONS
@pytest.mark.parametrize(("events", "numbers"), [(10, (2, 300)), (2000, (1, 4))])
def test_memory_does_not_follow_the_number_of_pages(
    peak: Callable[..., float],
    streams: Sequence[str],
    part: float,
    events: int,
    numbers: tuple[int, int],
) -> None:
    few, many = (peak(streams, number=number, events=events) for number in numbers)

    assert many < few + part


@pytest.mark.slow
@SELECTIONS
def test_of_a_page_no_more_than_its_own_bytes_and_a_part_of_it_are_held(
    peak: Callable[..., float], pages: Pages, streams: Sequence[str], part: float
) -> None:
    ordinary = peak(streams, number=2, events=10)
    enormous = peak(streams, number=2, events=3000)

    assert enormous < ordinary + 1.1 * len(pages.page) / MEBIBYTE + 2 * part


@pytest.mark.slow
def test_what_was_said_takes_no_memory_where_nobody_asked_for_it(
    peak: Callable[..., float],
) -> None:
    slim = peak(("visitors", "chats"), number=1, events=1000)

    assert slim < peak(ARCHIVES, number=1, events=1000) - 20
