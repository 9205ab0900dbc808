"""All that Marketo holds beside leads, a file for each, and the calls that lead there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .activities import Activities
from .activity_log import ActivityLog
from .activity_types import ActivityTypes
from .campaigns import Campaigns
from .extracts import Extracts
from .folders import Folders
from .lead_schema import LeadSchema
from .lists import Lists
from .members import Members
from .object_types import ObjectTypes
from .objects import Objects
from .people import People
from .programs import Programs
from .routes import Router

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .call import Call
    from .instance import Finish, Instance


class Rooms:
    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self.folders = Folders(instance)
        self.programs = Programs(instance)
        self.members = Members(instance, self.programs)
        self.lists = Lists(instance, self.folders, self.programs)
        self.activity_types = ActivityTypes(instance)
        self.log = ActivityLog(instance, self.activity_types, self.lists)
        self.activities = Activities(instance, self.activity_types, self.log)
        self.object_types = ObjectTypes(instance)
        self.objects = Objects(instance, self.object_types)
        self.campaigns = Campaigns(instance)
        self.extracts = Extracts(instance)
        self.people = People(instance)
        self.lead_schema = LeadSchema(instance)
        self.holding_leads = (self.lists, self.programs, self.log, self.objects)
        rooms = (
            *(self.folders, self.programs, self.members, self.lists, self.activity_types),
            *(self.log, self.activities),
            *(self.object_types, self.objects, self.campaigns, self.extracts, self.people),
            self.lead_schema,
        )
        self._router = Router(route for room in rooms for route in room.routes())

    def route(self, call: Call) -> tuple[str, Callable[[Call], Finish] | None, bool]:
        """The call's kind, what starts it (None for an unknown path), and whether the method is
        one that the path has.
        """
        methods, method = self._router.find(call)
        if not methods:
            return "unknown", None, False
        route = methods.get(method)
        found = route or next(iter(methods.values()))
        options = self._instance.options
        return found.kind, lambda call: found.enter(call, options), route is not None

    def configure(self, changes: Mapping[str, object]) -> None:
        """Somebody has changed what types there are, or what they have."""
        if "activity_types" in changes:
            self.activity_types.seed()
        if "custom_objects" in changes:
            self.object_types.seed()

    def snapshot(self, name: str) -> Any:
        """What one of them holds, for a test."""
        snapshots = {
            "lists": self.lists.snapshot,
            "programs": self.programs.snapshot,
            "activities": self.log.snapshot,
            "objects": self.objects.snapshot,
        }
        return snapshots[name]()
