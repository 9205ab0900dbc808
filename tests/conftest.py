from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator


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
    return report
