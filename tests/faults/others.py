"""What somebody else does to Marketo while a run is on."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from threading import Event

    from tests.sandbox.marketo.client import MarketoSandbox

FIELD = "chatNote"
NOTE = {"name": FIELD, "data_type": "string", "length": 255}
_PEOPLE_AT_ONCE = 4
_PAUSE_SECONDS = 0.2


@dataclass(frozen=True)
class Change:
    """Somebody gave a lead a place, where it had none; `at` is Marketo's time."""

    at: float
    lead: int
    key: str


class Somebody(Protocol):
    """Acts in a thread of their own until the event is set."""

    changes: list[Change]

    def acts(self, marketo: MarketoSandbox, stop: Event) -> None:
        """What they do."""


@dataclass
class Editor:
    """Fills in where people live, of whom somebody has just seen that Marketo does not know it."""

    seed: int
    changes: list[Change] = field(default_factory=list)

    def acts(self, marketo: MarketoSandbox, stop: Event) -> None:
        random = Random(f"{self.seed}/editor")
        while not stop.wait(_PAUSE_SECONDS):
            seen = {key for each in marketo.journal() if each.kind == "lookup" for key in each.keys}
            empty = [
                lead
                for lead in marketo.leads()
                if not (lead.get("city") or lead.get("country"))
                and str(lead["email"]).lower() in seen
            ]
            chosen = random.sample(empty, min(_PEOPLE_AT_ONCE, len(empty)))
            rows = [{"id": lead["id"], "city": "Elsewhere"} for lead in chosen]
            at = marketo.change_leads(rows)
            self.changes += (
                Change(at, int(lead["id"]), str(lead["email"]).lower()) for lead in chosen
            )


def with_field(streams: dict[str, Any], write: str = "on_create") -> dict[str, Any]:
    """The target's `streams`, in which people get a note: who is new, or who has none yet."""
    note = {FIELD: {"value": "LiveChat", "write": write}}
    return {name: stream | {"fields": stream["fields"] | note} for name, stream in streams.items()}
