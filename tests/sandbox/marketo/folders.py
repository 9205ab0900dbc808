"""The folders that lists and programs lie in. Adobe, "Folders"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .assets import READ, WORKSPACE, WRITE, FolderId, answered, number, page, required, stamp
from .errors import ResponseError
from .routes import Route

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .call import Call
    from .instance import Content, Finish, Instance

GROUP_LISTS = 12
MARKETING_ACTIVITIES = 14
FIRST_ID = 100


@dataclass(slots=True)
class Folder:
    id: int
    name: str
    parent: int
    kind: str
    created: str
    system: bool = False
    description: str | None = None


class Folders:
    """The folders by id; a few are there from the start."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        now = stamp(instance.clock.now())
        system = (
            Folder(4, "Lead Database", 0, "Zone", now, system=True),
            Folder(5, "Default", 4, "Zone", now, system=True),
            Folder(GROUP_LISTS, "Group Lists", 5, "List", now, system=True),
            Folder(MARKETING_ACTIVITIES, "Marketing Activities", 0, "Zone", now, system=True),
        )
        self.folders = {folder.id: folder for folder in system}
        self._next_id = FIRST_ID

    def check(self, folder: FolderId) -> None:
        if folder.type == "Folder" and folder.id not in self.folders:
            raise ResponseError("710")

    def routes(self) -> Iterator[Route]:
        path = "/rest/asset/v1/folder"
        yield Route("folders", "GET", f"{path}/byName.json", self._by_name, READ, "lists")
        yield Route("folders", "GET", f"{path}/{{id}}.json", self._by_id, READ, "lists")
        yield Route("folders", "GET", f"{path}s.json", self._browse, READ, "lists")
        yield Route("create_folder", "POST", f"{path}s.json", self._create, WRITE, "lists")

    def _by_name(self, call: Call) -> Finish:
        name = required(call, "name")
        found = [each for each in self.folders.values() if each.name == name]
        if call.query.get("type", "Folder") != "Folder":
            found = []
        return lambda: answered([self._answered(each) for each in found])

    def _by_id(self, call: Call) -> Finish:
        found = self.folders.get(number(call.parts["id"]))
        return lambda: answered([] if found is None else [self._answered(found)])

    def _browse(self, call: Call) -> Finish:
        return lambda: page(call, [self._answered(each) for each in self.folders.values()])

    def _create(self, call: Call) -> Finish:
        name = required(call, "name")
        parent = FolderId.of(call.form().get("parent", ""), "parent")
        description = call.form().get("description")

        def finish() -> Content:
            self.check(parent)
            known = [each for each in self.folders.values() if each.parent == parent.id]
            if any(each.name.lower() == name.lower() for each in known):
                raise ResponseError("709", f"Folder '{name}' already exists")
            kind = self.folders[parent.id].kind
            now = stamp(self._instance.clock.now())
            made = Folder(self._next_id, name, parent.id, kind, now, description=description)
            self.folders[made.id] = made
            self._next_id += 1
            return answered([self._answered(made)])

        return finish

    def _path(self, folder: Folder) -> str:
        above = self.folders.get(folder.parent)
        return f"{'' if above is None else self._path(above)}/{folder.name}"

    def _answered(self, folder: Folder) -> Content:
        return {
            "name": folder.name,
            "description": folder.description,
            "createdAt": folder.created,
            "updatedAt": folder.created,
            "url": None,
            "folderId": {"id": folder.id, "type": "Folder"},
            "folderType": folder.kind,
            "parent": {"id": folder.parent, "type": "Folder"},
            "path": self._path(folder),
            "isArchive": False,
            "isSystem": folder.system,
            "accessZoneId": 1,
            "workspace": WORKSPACE,
            "id": folder.id,
        }
