"""The kinds of writes beside people: one file each in this folder, one row each in `KINDS`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_marketo.delivery.interface import Kind
    from target_marketo.marketo.client import Marketo
    from target_marketo.settings import Settings
    from target_marketo.store.database import Database


class Parts(NamedTuple):
    """What a kind may be made of."""

    settings: Settings
    marketo: Marketo
    database: Database


KINDS: dict[str, Callable[[Parts], Kind]] = {}
"""By the name in `Attachment.kind`."""


def kinds_of(parts: Parts) -> dict[str, Kind]:
    """All of them, for one run. The engine begins nothing for those that nothing is attached to."""
    return {name: make(parts) for name, make in KINDS.items()}
