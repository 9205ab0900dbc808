"""A Marketo that has what these tests' streams name, and the target within this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sandbox.marketo_examples import EXAMPLES
from tests.target_marketo.in_process import InProcess

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.marketo.client import MarketoSandbox


@pytest.fixture
def marketo(marketo: MarketoSandbox) -> MarketoSandbox:
    marketo.reset(**EXAMPLES)
    return marketo


@pytest.fixture
def target(marketo: MarketoSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InProcess:
    return InProcess(marketo, tmp_path, monkeypatch.setattr)
