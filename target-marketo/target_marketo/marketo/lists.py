"""Static lists: found, made, and people added to them (Adobe: "Static lists")."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec

from target_marketo.marketo.attachments import Endpoints, Found, Results, understand_rows
from target_marketo.marketo.call import FORM
from target_marketo.marketo.codes import Family
from target_marketo.marketo.replies import Number  # noqa: TC001 - msgspec reads it

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_marketo.marketo.attachments import Rows

ADD_SECONDS = 60.0
ADDED = frozenset({"added"})


class StaticList(msgspec.Struct, frozen=True, rename="camel"):
    """A static list, and the program that it lies in, if any."""

    id: Number
    name: str
    program_name: str | None = None


class Folder(msgspec.Struct, frozen=True, rename="camel"):
    id: Number
    name: str
    path: str = ""


class Lists(Endpoints):
    """The calls about static lists."""

    family = Family.LISTS

    def named(self, name: str) -> list[StaticList]:
        """The lists of this very name: programs may have lists of equal names.

        The first way needs leave to read leads alone; there a comma would part two names, and so
        such a name goes the asset API's way.
        """
        path = "/asset/v1/staticList/byName.json" if "," in name else "/v1/lists.json"
        found = self._read("lists", path, _READ_LISTS, parameters={"name": name})
        return [each for each in found if each.name == name]

    def of_id(self, number: int) -> StaticList:
        """The list of this id.

        Raises:
            EndsLane: There is none.
        """
        return self._read("lists", f"/v1/lists/{number}.json", _READ_LISTS.one)

    def folders(self, name: str) -> list[Folder]:
        """The folders of this name."""
        path = "/asset/v1/folder/byName.json"
        asked = {"name": name, "type": "Folder"}
        return self._read("folders", path, _READ_FOLDERS, parameters=asked)

    def create(self, name: str, folder: int, description: str = "") -> StaticList:
        """Makes a list in a folder.

        Raises:
            Rejected: With code 709 there is one of this name in the folder.
        """
        form = {"name": name, "folder": f'{{"id":{folder},"type":"Folder"}}'}
        if description:
            form["description"] = description
        path, body = "/asset/v1/staticLists.json", urlencode(form).encode()
        return self._make("new list", path, FORM, body, _READ_LISTS.one)

    def add(self, number: int, leads: Sequence[int]) -> Rows:
        """Adds up to 300 people. Doing so again is harmless: who is a member, is `added`.

        Raises:
            OutcomeUnknown: Some may have been added.
            EndsLane: There is no such list.
        """
        body = msgspec.json.encode({"input": [{"id": lead} for lead in leads]})
        return self._write(
            "list",
            f"/v1/lists/{number}/leads.json",
            body,
            lambda content: _added(content, leads),
            seconds=ADD_SECONDS,
        )


def _added(content: bytes, leads: Sequence[int]) -> Rows:
    """A row that is skipped without a word is a member's: all else has a reason."""
    found = understand_rows(content, len(leads), ADDED, leads)
    rows = [
        msgspec.structs.replace(row, status="added") if row.skipped and not row.code else row
        for row in found.rows
    ]
    return found._replace(rows=rows)


_READ_LISTS = Results(msgspec.json.Decoder(Found[StaticList]))
_READ_FOLDERS = Results(msgspec.json.Decoder(Found[Folder]))
