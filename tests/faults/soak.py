"""One round of very many visitors, with 1 % of every fault on either side, and flat memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def soak(rows: int, seed: int, console: Console) -> int:
    raise NotImplementedError
