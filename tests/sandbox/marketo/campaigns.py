"""Smart campaigns, to be listed; and the kinds of assets of which the sandbox has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .assets import READ, WORKSPACE, answered, number, split
from .errors import ResponseError
from .paging import Page
from .routes import Route
from .values import format_instant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .call import Call
    from .instance import Content, Finish, Instance
    from .routes import Needs

FIRST_ID = 1001
READ_CAMPAIGNS: Needs = ("Read-Only Campaign", "Read-Write Campaign")
NONE_OF = (
    "/rest/asset/v1/emails.json",
    "/rest/asset/v1/segmentation.json",
    "/rest/asset/v1/tagTypes.json",
    "/rest/asset/v1/folder/{folder}/tokens.json",
)


class Campaigns:
    """The campaigns by id."""

    def __init__(self, instance: Instance) -> None:
        now = format_instant(instance.clock.now())
        self.campaigns: dict[int, Content] = {
            each: {
                "id": each,
                "name": name,
                "type": "trigger",
                "active": True,
                "workspaceName": WORKSPACE,
                "createdAt": now,
                "updatedAt": now,
            }
            for each, name in enumerate(instance.options.campaigns, FIRST_ID)
        }

    def routes(self) -> Iterator[Route]:
        path = "/rest/v1/campaigns"
        yield Route("campaigns", "GET", f"{path}.json", self._list, READ_CAMPAIGNS, "lists")
        yield Route("campaigns", "GET", f"{path}/{{id}}.json", self._one, READ_CAMPAIGNS, "lists")
        for path in NONE_OF:
            yield Route("assets", "GET", path, lambda _: lambda: answered([]), READ, "lists")

    def _list(self, call: Call) -> Finish:
        asked = call.form()
        ids, names = split(asked.get("id")), split(asked.get("name"))
        found = [
            each
            for each, campaign in self.campaigns.items()
            if (ids is None or str(each) in ids) and (names is None or campaign["name"] in names)
        ]
        turned = Page.of(asked, signature="campaigns")
        content: Content = {"result": [self.campaigns[each] for each in turned.cut(found)]}
        if turned.more:
            content["nextPageToken"] = turned.next_token()
        return lambda: content

    def _one(self, call: Call) -> Finish:
        found = self.campaigns.get(number(call.parts["id"]))
        if found is None:
            raise ResponseError("1013", "Campaign")
        return lambda: {"result": [found]}
