"""What the mapping names, looked for in an instance: reads, and the resulting plan."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from target_marketo.mapping import streams_setting
from target_marketo.mapping.default_streams import DEFAULT_STREAMS
from target_marketo.marketo.activities import Activities
from target_marketo.marketo.errors import EndsLane, NotAuthorized, Rejected
from target_marketo.marketo.lists import Lists
from target_marketo.ops.mapping_report.both_ends import schema_of
from target_marketo.ops.setup.activity_types import WHAT, Wanted, plan_type
from target_marketo.ops.setup.data_types import data_type
from target_marketo.ops.setup.fields import plan_fields
from target_marketo.ops.setup.steps import MakeList, Mark, Plan
from target_marketo.store.seen import SeenStreams
from target_marketo.writes.destinations import (
    APPROVED,
    Destinations,
    NotThere,
    id_of,
    is_id,
    refusal,
)

if TYPE_CHECKING:
    from target_marketo.mapping.streams_setting import ActivityEntry, ObjectEntry, StreamEntry
    from target_marketo.marketo.activities import ActivityType
    from target_marketo.marketo.client import Marketo
    from target_marketo.settings import Settings
    from target_marketo.store.database import Database


def make_plan(settings: Settings, database: Database, marketo: Marketo, folder: str) -> Plan:
    """Compares the mapping with the instance.

    Raises:
        MarketoError, GovernorError: Marketo cannot be asked.
    """
    problems: list[str] = []
    entries = list(
        streams_setting.read(settings.streams or DEFAULT_STREAMS, problems.append)[0].values()
    )
    seen = SeenStreams(database, settings.instance).latest()
    plan = Plan()
    if not _fields(plan, settings, entries, marketo, seen):
        for problem in problems:  # plan_fields would have told them
            plan.add(Mark.CANNOT, "mapping", "", problem)
    look = _Look(marketo, Destinations(marketo), folder)
    _types(plan, entries, look, seen)
    for named in dict.fromkeys(each for entry in entries for each in entry.lists):
        look.static_list(plan, named)
    programs = (each for entry in entries for each in entry.programs.items())
    for named, status in dict.fromkeys(programs):
        look.program(plan, named, status)
    for entry in entries:
        if entry.object is not None:
            look.object_type(plan, entry.object, entry, seen)
    return plan


def _fields(
    plan: Plan,
    settings: Settings,
    entries: list[StreamEntry],
    marketo: Marketo,
    seen: dict[str, Any],
) -> bool:
    """Whether the fields could be looked at."""
    try:
        described = marketo.leads.describe()
    except (Rejected, NotAuthorized) as error:
        plan.add(Mark.CANNOT, "field", "", _unseen(error, "Read-Only Person"))
        return False
    plan_fields(plan, settings.streams, entries, described, seen)
    return True


def _types(plan: Plan, entries: list[StreamEntry], look: _Look, seen: dict[str, Any]) -> None:
    found: dict[str, list[tuple[str, ActivityEntry]]] = defaultdict(list)
    for entry in entries:
        if entry.activity is not None:
            found[entry.activity.type].append((entry.stream, entry.activity))
    for named, of_streams in found.items():
        look.activity_type(plan, Wanted.of(named, of_streams, seen))


@dataclass
class _Look:
    """Looks at the instance, one thing at a time; what cannot be seen is a row that says why."""

    marketo: Marketo
    destinations: Destinations
    folder: str
    _folder_found: int | str | None = None  # its id, or why there is none

    def activity_type(self, plan: Plan, wanted: Wanted) -> None:
        named, activities = wanted.type.api_name, Activities(self.marketo)
        approved: ActivityType | None = None
        draft: ActivityType | None = None
        try:
            found = self.destinations.any_type(named)
            if found.status in APPROVED:
                approved = activities.describe(found.api_name)
            if found.status != "approved":
                draft = activities.describe(found.api_name, draft=True)
        except NotThere:
            pass
        except (Rejected, NotAuthorized) as error:
            plan.add(Mark.CANNOT, WHAT, named, _unseen(error, "Read-Only Activity Metadata"))
            return
        plan_type(plan, wanted, approved, draft)

    def static_list(self, plan: Plan, named: str) -> None:
        what = "list"
        try:
            found = self.destinations.static_list(named)
        except NotThere as error:
            if is_id(named):
                plan.add(Mark.CANNOT, what, named, str(error))
                return
            folder = self._to_put_it()
            if isinstance(folder, str):
                plan.add(Mark.CANNOT, what, named, folder)
                return
            plan.add(Mark.MAKE, what, named, f"a static list in the folder {self.folder}")
            plan.acts.append(MakeList(named, folder))
        except (Rejected, NotAuthorized) as error:
            plan.add(Mark.CANNOT, what, named, str(error))
        else:
            place = f" in program {found.program_name}" if found.program_name else ""
            plan.add(Mark.THERE, what, named, f"{id_of(named, found)}{place}")

    def _to_put_it(self) -> int | str:
        if self._folder_found is None:
            try:
                found = Lists(self.marketo).folders(self.folder)
            except (Rejected, NotAuthorized) as error:
                self._folder_found = _unseen(error, "Read-Only Asset")
                return self._folder_found
            if len(found) == 1:
                self._folder_found = found[0].id
            elif found:
                paths = ", ".join(each.path or str(each.id) for each in found)
                self._folder_found = f"several folders are called {self.folder}: {paths}"
            else:
                self._folder_found = f"there is no folder {self.folder}: name one with --folder"
        return self._folder_found

    def program(self, plan: Plan, named: str, status: str) -> None:
        what = "program"
        try:
            found = self.destinations.program(named, status)
        except (Rejected, NotAuthorized) as error:
            no_api = "" if not isinstance(error, EndsLane) else "no API makes that: "
            plan.add(Mark.CANNOT, what, named, f"{no_api}{error}")
        else:
            plan.add(Mark.THERE, what, named, f"{id_of(named, found)}, status {status}")

    def object_type(
        self, plan: Plan, wanted: ObjectEntry, entry: StreamEntry, seen: dict[str, Any]
    ) -> None:
        what = "custom object"
        try:
            self.destinations.object_type(
                wanted.name, dedupe=wanted.dedupe, link=wanted.link, fields=wanted.fields.keys()
            )
        except NotThere as error:
            schema = schema_of(seen.get(entry.stream))
            fields = ", ".join(
                f"{name} ({data_type(schema, source.path, source.type).name}"
                f"{', dedupe field' if name == wanted.dedupe else ''})"
                for name, source in wanted.fields.items()
            )
            link = f"{wanted.link}, a link to the person's Id"
            text = f"{error}: fields {fields}, and {link}; approve it"
            plan.add(Mark.CANNOT, what, wanted.name, text)
        except (Rejected, NotAuthorized) as error:
            plan.add(Mark.CANNOT, what, wanted.name, str(error))
        else:
            plan.add(Mark.THERE, what, wanted.name, f"dedupe field {wanted.dedupe}")


def _unseen(error: Rejected | NotAuthorized, permission: str) -> str:
    if isinstance(error, NotAuthorized) and not error.code:
        raise error
    return refusal(error, permission)
