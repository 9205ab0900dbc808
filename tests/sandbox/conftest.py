"""One Marketo sandbox for all of this folder's tests, started over for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sandbox.marketo import MarketoSandbox
from tests.sandbox.marketo_api import MarketoApi

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def running_marketo() -> Iterator[MarketoSandbox]:
    with MarketoSandbox() as sandbox:
        yield sandbox


@pytest.fixture
def marketo(running_marketo: MarketoSandbox) -> MarketoSandbox:
    """A Marketo without leads, with the real limits."""
    running_marketo.reset()
    return running_marketo


@pytest.fixture
def api(marketo: MarketoSandbox) -> Iterator[MarketoApi]:
    """A client that has a token."""
    with MarketoApi(marketo) as client:
        client.log_in()
        yield client
