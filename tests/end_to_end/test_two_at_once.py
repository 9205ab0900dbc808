"""Two schedules in one second, and a run that begins while one is still going: two real processes.

Of each it is one line that tells, and no traceback; nobody is written twice.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.shell_project import Project, ended
from tests.sandbox.environment import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MELTANO_RUN = "meltano --log-format=uncolored run livechat-to-marketo"
BY_HAND = "set -o pipefail; tap-livechat | target-marketo > state-$NAME.jsonl"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Sandbox({"visitors": 60}, {"latency_median": 0.2}) as sandbox:
        yield Project(tmp_path, sandbox)


def lines_of_failure(said: str) -> list[str]:
    """What is no information, without times and names of loggers."""
    assert "Traceback" not in said, said
    bad = re.compile(r"\b(error|critical|failed)\b", re.IGNORECASE)
    return [line for line in said.splitlines() if bad.search(line)]


def test_of_two_schedules_in_one_second_one_runs_and_the_other_ends_with_a_line(
    project: Project,
) -> None:
    # As the page says: the first command of all makes Meltano's database.
    ended(project.start("meltano state list"))

    both = ended(project.start(MELTANO_RUN), project.start(MELTANO_RUN))

    assert Counter(code for code, _ in both)[0] >= 1, both
    for code, said in both:
        told = lines_of_failure(said)
        # Both may have looked before either had begun: then the second target waits its turn.
        assert code == 0 or "already running" in " ".join(told), said
    written = project.written()
    assert len(written) > 10
    assert set(written.values()) == {1}


def test_meltano_run_beside_one_that_is_going_ends_with_a_line_and_ping_tells_it_from_a_failure(
    project: Project, request: pytest.FixtureRequest
) -> None:
    if not request.config.getoption("--long"):
        pytest.skip("takes seconds, and is much like the one before: --long")
    first = project.start(MELTANO_RUN)
    give_up_at = time.monotonic() + 90
    while not (project.folder / "store.sqlite").exists():  # the first target has begun
        assert first.poll() is None
        assert time.monotonic() < give_up_at
        time.sleep(0.05)
    second = project.start(f"{MELTANO_RUN}; marketo-ops ping --exit-code $?")

    (first_code, first_said), (second_code, second_said) = ended(first, second)

    assert first_code == 0, first_said
    assert second_code in (0, 75), second_said
    if second_code == 75:
        assert "already running" in " ".join(lines_of_failure(second_said))
        assert "a run is still going" in second_said
    assert set(project.written().values()) == {1}


def test_by_hand_the_second_target_waits_for_its_turn_and_both_end_well(
    project: Project,
) -> None:
    both = ended(project.start(BY_HAND, "one"), project.start(BY_HAND, "two"))

    for code, said in both:
        assert code == 0, said
        assert lines_of_failure(said) == []
    written = project.written()
    assert len(written) > 10
    assert set(written.values()) == {1}
    for name in ("one", "two"):
        assert '"visitors"' in (project.folder / f"state-{name}.jsonl").read_text()
