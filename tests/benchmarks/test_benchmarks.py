"""The one command: benchmarks one after the other, their figures in one table."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

from tests.benchmarks.__main__ import BENCHMARKS, Benchmark, main
from tests.benchmarks.figures import VARIABLE, Figure, note

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

FAKE = """
import sys
from tests.benchmarks.figures import Figure, note
print("how it is measured")
rows = 10 if "--quick" in sys.argv else 1000
note(Figure(what="rows a second", ours=f"{rows}/s", beside="5/s stock", ratio=rows / 5, goal="3"))
note(Figure(what="peak memory", ours="70 MiB"))
"""


def fake(name: str, code: str = FAKE) -> Benchmark:
    return Benchmark(name, (sys.executable, "-c", code), quick=("--quick",))


def test_the_figures_of_all_stand_in_one_table(capfd: pytest.CaptureFixture[str]) -> None:
    code = main(["--quick", "--markdown"], [fake("first"), fake("second")])

    out, err = capfd.readouterr()
    assert code == 0
    title, _, *rows = out.splitlines()
    assert title.startswith("python -m tests.benchmarks --quick --markdown (")
    assert rows == [
        "| benchmark | figure | ours | beside | ratio | goal |",
        "| --- | --- | --- | --- | --- | --- |",
        "| first | rows a second | 10/s | 5/s stock | 2.00 | 3 |",
        "| first | peak memory | 70 MiB |  |  |  |",
        "| second | rows a second | 10/s | 5/s stock | 2.00 | 3 |",
        "| second | peak memory | 70 MiB |  |  |  |",
    ]
    assert err.count("how it is measured") == 2


def test_a_terminal_is_shown_the_same(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "second"], [fake("first"), fake("second")]) == 0

    out = capfd.readouterr().out
    assert "1000/s" in out
    assert "200.00" in out
    assert "first" not in out


def test_a_benchmark_that_fails_or_finds_nothing_is_reported(
    capfd: pytest.CaptureFixture[str],
) -> None:
    silent, broken = fake("silent", "pass"), fake("broken", FAKE + "sys.exit(3)")

    assert main([], [silent, broken, fake("good")]) == 1

    out, err = capfd.readouterr()
    assert "silent: exit code 0, 0 figures" in err
    assert "broken: exit code 3, 2 figures" in err
    assert "good" in out


def test_by_itself_a_benchmark_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)

    note(Figure(what="rows a second", ours="1/s"))

    assert list(tmp_path.iterdir()) == []


def test_every_benchmark_can_be_run_by_itself() -> None:
    for benchmark in BENCHMARKS:
        assert callable(importlib.import_module(benchmark.command[-1]).main)
