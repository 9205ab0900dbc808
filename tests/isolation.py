"""Nothing real is touched by a test: a plugin of pytest, which tests/conftest.py names.

The settings of the person who runs the tests are taken away; the working folder is an empty one, so
that no `.env` and no meltano.yml is there to be read; uv is offline; and a test that tried to reach
another machine has failed, whoever swallowed the error (`guard`).
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import guard

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATCH = pytest.StashKey[pytest.MonkeyPatch]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes seconds where most take none; with --long")
    config.addinivalue_line(
        "markers",
        "installs: installs other people's plugins, from the configured package index; with --long",
    )
    patch = config.stash[_PATCH] = pytest.MonkeyPatch()
    for name in os.environ.keys() - guard.without_settings().keys():
        patch.delenv(name)
    descriptor, log = tempfile.mkstemp(prefix="loopback-")
    os.close(descriptor)
    patch.setenv(guard.LOG, log)
    patch.setenv("UV_OFFLINE", "1")
    # A proxy on this machine would be a way out of it.
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        patch.delenv(name)


def pytest_unconfigure(config: pytest.Config) -> None:
    Path(os.environ[guard.LOG]).unlink(missing_ok=True)
    config.stash[_PATCH].undo()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--long"):
        return
    for item in items:
        if item.get_closest_marker("installs"):
            item.add_marker(pytest.mark.skip(reason="--long: it installs other people's plugins"))
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="--long: it takes seconds"))


@pytest.fixture(scope="session", autouse=True)
def _empty_working_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("working-folder"))
        yield


@pytest.fixture(autouse=True)
def _nothing_but_loopback() -> Iterator[None]:
    yield
    log = Path(os.environ[guard.LOG])
    tried = log.read_text()
    if tried:
        log.write_text("")
        pytest.fail(f"reached for another machine:\n{tried}", pytrace=False)


@pytest.fixture
def package_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets uv reach the configured package index, for a test that installs."""
    monkeypatch.delenv("UV_OFFLINE")
