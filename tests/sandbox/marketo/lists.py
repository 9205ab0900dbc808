"""Static lists: found, made, and people added to them. Adobe, "Static lists", "List membership".

Reading and adding go by the lead database's API and its permissions, making and finding by exact
name by the asset API and its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import rows
from .assets import (
    READ,
    WORKSPACE,
    WRITE,
    FolderId,
    answered,
    number,
    page,
    required,
    split,
    stamp,
)
from .call import JSON, IdRows
from .errors import RecordError, ResponseError
from .folders import GROUP_LISTS
from .leads import DEFAULT_FIELDS
from .paging import Page
from .routes import Route
from .values import format_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .call import Call
    from .folders import Folders
    from .instance import Content, Finish, Instance
    from .programs import Programs
    from .routes import Needs

FIRST_ID = 1001
ADDED = 24
REMOVED = 25
MAX_NAME = 255
READ_LEADS: Needs = ("Read-Only Lead", "Read-Write Lead")
WRITE_LEADS: Needs = ("Read-Write Lead",)


@dataclass(slots=True)
class StaticList:
    id: int
    name: str
    folder: FolderId
    created: float
    updated: float
    description: str | None = None
    # Who is in it, and since when.
    members: dict[int, float] = field(default_factory=dict)


class Lists:
    """The static lists by id."""

    def __init__(self, instance: Instance, folders: Folders, programs: Programs) -> None:
        self._instance = instance
        self._folders = folders
        self._programs = programs
        self.lists: dict[int, StaticList] = {}
        self._next_id = FIRST_ID
        for seeded in instance.options.static_lists:
            folder = FolderId(GROUP_LISTS, "Folder")
            if seeded.program:
                folder = FolderId(programs.named(seeded.program).id, "Program")
            self._make(seeded.name, folder, None)
        self._seeded = frozenset(self.lists)

    def _shown(self) -> list[StaticList]:
        """Those that show by now."""
        lag, now = self._instance.options.made_lag, self._instance.clock.now()
        return [
            each
            for each in self.lists.values()
            if each.id in self._seeded or each.created + lag <= now
        ]

    def find(self, text: str) -> StaticList:
        """The list of this id, or 1013."""
        found = self.lists.get(number(text))
        if found is None:
            raise ResponseError("1013", "List")
        return found

    def routes(self) -> Iterator[Route]:
        v1, asset = "/rest/v1", "/rest/asset/v1/staticList"
        reads: dict[str, tuple[str, Callable[[Call], Finish]]] = {
            f"{v1}/lists.json": ("lists", self._lists),
            f"{v1}/lists/{{list}}.json": ("lists", self._list),
            f"{v1}/lists/{{list}}/leads.json": ("list_members", self._members),
            f"{v1}/list/{{list}}/leads.json": ("list_members", self._members),
            f"{v1}/lists/{{list}}/leads/ismember.json": ("is_member", self._is_member),
        }
        for path, (kind, begin) in reads.items():
            yield Route(kind, "GET", path, begin, READ_LEADS, "lists")
        of_lead = f"{v1}/leads/{{lead}}/listMembership.json"
        yield Route("lists_of_lead", "GET", of_lead, self._of_lead, READ, "lists")
        path = f"{v1}/lists/{{list}}/leads.json"
        yield Route("add_to_list", "POST", path, self._add, WRITE_LEADS, "lists")
        yield Route("remove_from_list", "DELETE", path, self._remove, WRITE_LEADS, "lists")
        yield Route("lists", "GET", f"{asset}/byName.json", self._by_name, READ, "lists")
        yield Route("lists", "GET", f"{asset}/{{list}}.json", self._asset, READ, "lists")
        yield Route("lists", "GET", f"{asset}s.json", self._browse, READ, "lists")
        yield Route("create_list", "POST", f"{asset}s.json", self._create, WRITE, "lists")
        yield Route("change_list", "POST", f"{asset}/{{list}}.json", self._update, WRITE, "lists")
        path = f"{asset}/{{list}}/delete.json"
        yield Route("delete_list", "POST", path, self._delete, WRITE, "lists")

    def snapshot(self) -> list[Content]:
        return [
            {"id": each.id, "name": each.name, "members": sorted(each.members)}
            for each in self.lists.values()
        ]

    def lead_merged(self, loser: int, winner: int) -> None:
        for each in self.lists.values():
            since = each.members.pop(loser, None)
            if since is not None:
                each.members.setdefault(winner, since)

    def lead_deleted(self, lead: int) -> None:
        for each in self.lists.values():
            each.members.pop(lead, None)

    # --- finding, by the lead database's API -----------------------------------------------------

    def _lists(self, call: Call) -> Finish:
        asked = call.form()
        ids, names = split(asked.get("id")), split(asked.get("name"))
        programs, workspaces = split(asked.get("programName")), split(asked.get("workspaceName"))
        found = [
            each.id
            for each in self._shown()
            if (ids is None or str(each.id) in ids)
            and (names is None or each.name in names)
            and (programs is None or self._program_of(each) in programs)
            and (workspaces is None or WORKSPACE in workspaces)
        ]
        turned = Page.of(asked, signature="lists")
        content: Content = {"result": [self._record(self.lists[n]) for n in turned.cut(found)]}
        if turned.more:
            content["nextPageToken"] = turned.next_token()
        return lambda: content

    def _list(self, call: Call) -> Finish:
        found = self.find(call.parts["list"])
        return lambda: {"result": [self._record(found)]}

    def _program_of(self, found: StaticList) -> str | None:
        if found.folder.type != "Program":
            return None
        return self._programs.programs[found.folder.id].name

    def _record(self, found: StaticList) -> Content:
        record: Content = {"id": found.id, "name": found.name}
        if found.description is not None:
            record["description"] = found.description
        program = self._program_of(found)
        if program is not None:
            record["programName"] = program
        record["workspaceName"] = WORKSPACE
        record["createdAt"] = format_instant(found.created)
        record["updatedAt"] = format_instant(found.updated)
        return record

    # --- members ---------------------------------------------------------------------------------

    def _members(self, call: Call) -> Finish:
        found = self.find(call.parts["list"])
        asked = call.form()
        text = asked.get("fields", "")
        names = [name.strip() for name in text.split(",") if name.strip()] or DEFAULT_FIELDS
        database = self._instance.database
        database.check_fields(names)
        turned = Page.of(asked, signature=f"list {found.id}")
        content: Content = {"result": database.read(turned.cut(sorted(found.members)), names)}
        if turned.more:
            content["nextPageToken"] = turned.next_token()
        return lambda: content

    def _of_lead(self, call: Call) -> Finish:
        lead = number(call.parts["lead"])
        if lead not in self._instance.database.leads:
            raise ResponseError("1004")
        result = [
            {
                "listId": each.id,
                "createdAt": format_instant(each.members[lead]),
                "updatedAt": format_instant(each.members[lead]),
            }
            for each in self.lists.values()
            if lead in each.members
        ]
        return lambda: {"result": result, "moreResult": False}

    def _is_member(self, call: Call) -> Finish:
        found, ids = self._asked(call)

        def check(lead: int) -> Content:
            self._check_lead(lead)
            return {"id": lead, "status": "memberof" if lead in found.members else "notmemberof"}

        return rows.write(self._instance, call, ids, check, echo=_id)

    def _add(self, call: Call) -> Finish:
        found, ids = self._asked(call)

        def add(lead: int) -> Content:
            self._check_lead(lead)
            if lead in found.members:
                again = self._instance.options.list_added_again
                if again == "skipped_1017":
                    raise RecordError("1017")
                return {"id": lead, "status": again}
            found.members[lead] = self._instance.clock.now()
            self._note(ADDED, lead, found)
            return {"id": lead, "status": "added"}

        return self._still(found, rows.write(self._instance, call, ids, add, echo=_id))

    def _remove(self, call: Call) -> Finish:
        found, ids = self._asked(call)

        def remove(lead: int) -> Content:
            self._check_lead(lead)
            if found.members.pop(lead, None) is None:
                raise RecordError("1015")
            self._note(REMOVED, lead, found)
            return {"id": lead, "status": "removed"}

        return self._still(found, rows.write(self._instance, call, ids, remove, echo=_id))

    def _still(self, found: StaticList, write: Finish) -> Finish:
        """A list that was deleted since the call arrived takes nobody."""

        def finish() -> Content:
            self.find(str(found.id))
            return write()

        return finish

    def _asked(self, call: Call) -> tuple[StaticList, list[Any]]:
        """The list, and the ids in the JSON body, or else in the query."""
        if call.body and call.content_type == JSON:
            ids: list[Any] = [row.id for row in call.json(IdRows).input]
        else:
            ids = [number(text) for text in call.values("id")]
        rows.checked(ids, "id")
        return self.find(call.parts["list"]), ids

    def _check_lead(self, lead: int) -> None:
        if lead not in self._instance.database.leads:
            raise RecordError("1004")

    def _note(self, type_id: int, lead: int, found: StaticList) -> None:
        log = self._instance.rooms.log
        log.note(type_id, lead, found.name, {"Source": "Web service API"}, found.id)

    # --- lists as assets -------------------------------------------------------------------------

    def _by_name(self, call: Call) -> Finish:
        name = required(call, "name")
        found = [each for each in self._shown() if each.name == name]
        return lambda: answered([_answered(each) for each in found])

    def _asset(self, call: Call) -> Finish:
        found = self.lists.get(number(call.parts["list"]))
        return lambda: answered([] if found is None else [_answered(found)])

    def _browse(self, call: Call) -> Finish:
        text = call.query.get("folder")
        folder = FolderId.of(text, "folder") if text else None
        found = [each for each in self._shown() if folder in {None, each.folder}]
        return lambda: page(call, [_answered(each) for each in found])

    def _create(self, call: Call) -> Finish:
        name = required(call, "name")
        folder = FolderId.of(required(call, "folder"), "folder")
        description = call.form().get("description")

        def finish() -> Content:
            self._folders.check(folder)
            if folder.type == "Program":
                self._programs.check(folder.id)
            self._check_name(name, folder)
            return answered([_answered(self._make(name, folder, description))])

        return finish

    def _update(self, call: Call) -> Finish:
        name, description = call.form().get("name"), call.form().get("description")

        def finish() -> Content:
            found = self._asset_to_change(call)
            if name:
                self._check_name(name, found.folder)
                found.name = name
            if description is not None:
                found.description = description
            found.updated = self._instance.clock.now()
            return answered([_answered(found)])

        return finish

    def _delete(self, call: Call) -> Finish:
        def finish() -> Content:
            found = self._asset_to_change(call)
            del self.lists[found.id]
            return answered([{"id": found.id}])

        return finish

    def _asset_to_change(self, call: Call) -> StaticList:
        found = self.lists.get(number(call.parts["list"]))
        if found is None:
            raise ResponseError("702")
        return found

    def _check_name(self, name: str, folder: FolderId) -> None:
        """A name is unique within its folder."""
        if len(name) > MAX_NAME:
            raise ResponseError("709", "The name is too long")
        if any(each.name == name and each.folder == folder for each in self.lists.values()):
            raise ResponseError("709", f"Static list '{name}' already exists")

    def _make(self, name: str, folder: FolderId, description: str | None) -> StaticList:
        now = self._instance.clock.now()
        made = StaticList(self._next_id, name, folder, now, now, description)
        self.lists[made.id] = made
        self._next_id += 1
        return made


def _id(lead: Any) -> Content:
    return {"id": lead}


def _answered(found: StaticList) -> Content:
    content: Content = {"id": found.id, "name": found.name}
    if found.description is not None:
        content["description"] = found.description
    return content | {
        "createdAt": stamp(found.created),
        "updatedAt": stamp(found.updated),
        "folder": found.folder.content(),
        "computedUrl": f"https://app-sandbox.marketo.com/#ST{found.id}A1",
        "workspace": WORKSPACE,
    }
