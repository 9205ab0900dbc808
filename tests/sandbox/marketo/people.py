"""What happens to leads that others hold on to: merged or deleted, by API or by hand.

A merged lead's activities, memberships and links move to the winner; its id is unknown for ever
(1004). Adobe, "Merge leads".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .assets import number
from .errors import ResponseError
from .fields import COMPANY
from .routes import Route
from .values import format_instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .call import Call
    from .instance import Content, Finish, Instance

MAX_LOSERS = 25
MERGED = 32
DELETED = 37
OWN = frozenset({"id", "createdAt", "updatedAt", "leadPartitionId"})


class People:
    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def routes(self) -> Iterator[Route]:
        path = "/rest/v1/leads/{lead}/merge.json"
        yield Route("merge", "POST", path, self._merge, ("Read-Write Lead",), "lists")

    def merge(self, winner: int, losers: Iterable[int]) -> None:
        """The winner keeps what it has, and takes what it lacks."""
        instance = self._instance
        leads = instance.database.leads
        for loser in losers:
            lost = leads[loser]
            missing: dict[str, Any] = {
                name: value
                for name, value in lost.items()
                if name not in OWN and name not in COMPANY and not leads[winner].get(name)
            }
            instance.database.delete(loser)
            instance.database.update(winner, missing, format_instant(instance.clock.now()))
            for room in instance.rooms.holding_leads:
                room.lead_merged(loser, winner)
            instance.rooms.log.note(MERGED, winner, str(winner), {"Merge IDs": str(loser)})

    def delete(self, lead: int) -> None:
        """Somebody is gone, with all memberships; what it did stays in the log."""
        if not self._instance.database.delete(lead):
            return
        for room in (self._instance.rooms.lists, self._instance.rooms.programs):
            room.lead_deleted(lead)
        self._instance.rooms.log.note(DELETED, lead, str(lead))

    def _merge(self, call: Call) -> Finish:
        winner = number(call.parts["lead"])
        text = call.query.get("leadIds") or call.query.get("leadId") or ""
        losers = [number(part) for part in text.split(",") if part]
        if not losers:
            raise ResponseError("1002", "leadIds")
        if len(losers) > MAX_LOSERS:
            raise ResponseError("1080", MAX_LOSERS)

        def finish() -> Content:
            if winner in losers:
                raise ResponseError("1003", "A lead cannot be merged into itself")
            if not {winner, *losers} <= self._instance.database.leads.keys():
                raise ResponseError("1004")
            self.merge(winner, losers)
            return {}

        return finish
