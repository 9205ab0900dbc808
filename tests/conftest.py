from __future__ import annotations

import os
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from tests import planted, witness

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from pathlib import Path

pytest_plugins = ["tests.isolation"]

_RULE = "A planted secret or personal datum is shown (see tests/planted.py):"
_LONGEST = ("test_isolation", "test_hiccups", "test_meltano_runs")
_PATCH = pytest.StashKey[pytest.MonkeyPatch]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--long",
        action="store_true",
        help="also the runs that take minutes, at the API's own scale",
    )
    parser.addoption(
        "--need-specs",
        action="store_true",
        help="a test that is skipped because ../shared/specs is missing has failed",
    )
    parser.addoption(
        "--shuffle",
        metavar="SEED",
        help="files in random order, and the tests of each: nothing may depend on it",
    )


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Tests wait twice as long as they compute, so four workers keep a core busy. The few that
    somebody names run in this process: a debugger can be there, and nothing has to start first.
    """
    everything = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    return 4 * len(os.sched_getaffinity(0)) if everything else 0


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes longest begins first: in the end nobody waits for it."""
    seed = config.getoption("--shuffle")
    if seed is None:
        items.sort(key=lambda item: not item.path.name.startswith(_LONGEST))
    else:
        items.sort(
            key=lambda item: (
                _drawn(seed, item.nodeid.partition("::")[0]),
                _drawn(seed, item.nodeid),
            )
        )


def _drawn(seed: str, what: str) -> float:
    return Random(seed + what).random()


def pytest_configure(config: pytest.Config) -> None:
    patch = config.stash[_PATCH] = pytest.MonkeyPatch()
    witness.watch(patch)
    # How long an example takes is a matter of the machine. A failure shows how to repeat it.
    settings.register_profile(
        "any machine",
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
        print_blob=True,
    )
    settings.load_profile("any machine")
    # Commands are started hundreds of times: each would compile all of its modules again.
    patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_PATCH].undo()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if (
        report.skipped
        and item.config.getoption("--need-specs")
        and "shared/specs" in str(report.longrepr)
    ):
        report.outcome = "failed"
    if report.when == "teardown":
        _search(item, report)
    return report


def _search(item: pytest.Item, report: pytest.TestReport) -> None:
    """No test passes that shows a secret or a personal datum, whatever it is about."""
    seen = witness.WITNESS.take()
    seen += [witness.Seen(f"{name} of {item.nodeid}", text) for name, text in report.sections]
    folder: Path | None = getattr(item, "funcargs", {}).get("tmp_path")
    if folder is not None:
        seen += witness.written_in(folder)
    shown = leaks(seen)
    if shown and report.passed:
        report.outcome = "failed"
        report.longrepr = "\n".join([_RULE, *shown])


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_left_behind_that_shows_it(
    tmp_path_factory: pytest.TempPathFactory,
) -> Generator[None]:
    """As `_search`, in the folders that tests share."""
    yield
    shown = leaks(witness.written_in(tmp_path_factory.getbasetemp()))
    if shown:
        pytest.fail("\n".join([_RULE, *shown]), pytrace=False)


def leaks(seen: Iterable[witness.Seen]) -> list[str]:
    """A line for each planted thing that was seen, where that is."""
    return sorted(
        {
            f"{where[:200]} shows {what}"
            for where, text in seen
            for what in planted.shown_in(text)
            if not planted.is_exempt(where)
        }
    )
