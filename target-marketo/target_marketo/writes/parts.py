"""What kinds of writes are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from target_marketo.mapping.attachments import Lane
    from target_marketo.marketo.client import Marketo
    from target_marketo.settings import Settings
    from target_marketo.store.database import Database


class Parts(NamedTuple):
    """What a kind may be made of. `lanes` are its own, each with the fields that its rows have.

    `run` is the run's number, `key_hash` what the store keeps in place of a person's key.
    """

    settings: Settings
    marketo: Marketo
    database: Database
    lanes: Mapping[Lane, tuple[str, ...]]
    run: str = ""
    key_hash: Callable[[str], str] = lambda _: ""
