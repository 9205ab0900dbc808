"""The most telling of the faults; `python -m tests.faults` has them all, and many more rounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.kills import of_all_kinds, of_people
from tests.faults.matrix import matrix
from tests.faults.pairs import pairs, play_pair
from tests.faults.rounds import marketo_options, play
from tests.faults.storage import play_storage, storage
from tests.sandbox.marketo.client import MarketoSandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = 5
TELLING = (
    "1 % of everything, two streams",
    "reset after the write",
    "a field goes while the run is on, told by each record",
    "all kinds, carried out in part",
    "all kinds, SIGKILL at a random instant",
)
NEARLY_AS_TELLING = (
    "token expires at any call",
    "reply: wrong type",
    "result reordered",
    "SIGKILL after the first STATE, two streams",
    "SIGKILL while Marketo is slow: calls outlive their process",
    "SIGTERM at a random instant",
)


@pytest.fixture(scope="module")
def struck_marketo() -> Iterator[MarketoSandbox]:
    with MarketoSandbox(**marketo_options()) as sandbox:
        yield sandbox


@pytest.mark.parametrize(
    "name",
    [*TELLING, *(pytest.param(name, marks=pytest.mark.slow) for name in NEARLY_AS_TELLING)],
)
def test_nothing_is_lost(struck_marketo: MarketoSandbox, name: str) -> None:
    (trouble,) = [each for each in [*matrix(), *of_people(), *of_all_kinds()] if each.name == name]
    played = play(trouble, struck_marketo, SEED)
    assert played.verdict.violations == [], f"seed {SEED}"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["disk full at a random size"])
def test_no_state_passes_a_full_disk(struck_marketo: MarketoSandbox, name: str) -> None:
    (fault,) = [each for each in storage() if each.name == name]
    assert play_storage(fault, struck_marketo, SEED).verdict.violations == [], f"seed {SEED}"


@pytest.mark.parametrize("name", ["LiveChat: reply wrong type"])
def test_nobody_is_lost_between_livechat_and_marketo(
    struck_marketo: MarketoSandbox, name: str
) -> None:
    (pair,) = [each for each in pairs() if each.name == name]
    assert play_pair(pair, struck_marketo, SEED).verdict.violations == [], f"seed {SEED}"
