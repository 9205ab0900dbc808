"""The loader's calls: what it needs of Marketo, who is in a call, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from target_marketo.delivery.entry import Entry
    from target_marketo.marketo.replies import Answer


class Leads(Protocol):
    """The calls that the loader needs of Marketo."""

    def lookup(
        self, filter_type: str, values: Sequence[str], fields: Iterable[str]
    ) -> list[dict[str, Any]]:
        """Everybody whose key is among the values."""

    def sync(
        self,
        action: str,
        lookup_field: str,
        rows: Sequence[bytes],
        partition: str | None = None,
        *,
        when_granted: Callable[[], None],
    ) -> Answer:
        """Writes people; one row of the answer for each row sent.

        `when_granted` is called each time that the call may be made, just before it is sent; what
        it raises ends the call, unsent.
        """


class Stale(Exception):
    """What was decided is too old to be sent."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call on its way; `action` is None for a lookup.

    A write `started` when its rows no longer waited for company: since then what Marketo holds may
    have changed.
    """

    action: str | None
    key_field: str
    entries: list[Entry]
    started: float


class Done(NamedTuple):
    """What arrives in the inbox when a call is over."""

    call: Call
    result: list[dict[str, Any]] | Answer | Exception
