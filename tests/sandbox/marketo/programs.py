"""Programs and the steps of their channels. Adobe, "Programs", "Channels".

No API makes channels; programs are made by whoever sets the sandbox up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .assets import READ, WORKSPACE, answered, number, page, required, stamp
from .errors import ResponseError
from .folders import MARKETING_ACTIVITIES
from .routes import Route

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .call import Call
    from .instance import Content, Finish, Instance
    from .object_options import Channel, Status

FIRST_ID = 1001


@dataclass(slots=True)
class Membership:
    status: Status
    since: float
    updated: float
    success_date: float | None = None
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Program:
    id: int
    name: str
    channel: Channel
    created: float
    members: dict[int, Membership] = field(default_factory=dict)

    def status(self, name: str) -> Status | None:
        """The status of this very name, if it can be chosen."""
        return next((s for s in self.channel.statuses if s.name == name and not s.hidden), None)


class Programs:
    """The programs by id."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        now = instance.clock.now()
        channels = {channel.name: channel for channel in instance.options.channels}
        self.programs = {
            number: Program(number, seeded.name, channels[seeded.channel], now)
            for number, seeded in enumerate(instance.options.programs, FIRST_ID)
        }

    def named(self, name: str) -> Program:
        return next(each for each in self.programs.values() if each.name == name)

    def check(self, program: int) -> None:
        if program not in self.programs:
            raise ResponseError("710")

    def find(self, call: Call) -> Program:
        found = self.programs.get(number(call.parts["program"]))
        if found is None:
            raise ResponseError(self._instance.options.unknown_program, "Program")
        return found

    def routes(self) -> Iterator[Route]:
        asset = "/rest/asset/v1"
        assets: dict[str, tuple[str, Callable[[Call], Finish]]] = {
            f"{asset}/program/byName.json": ("programs", self._by_name),
            f"{asset}/program/{{program}}.json": ("programs", self._by_id),
            f"{asset}/programs.json": ("programs", self._browse),
            f"{asset}/channel/byName.json": ("channels", self._channel),
            f"{asset}/channels.json": ("channels", self._channels),
        }
        for path, (kind, begin) in assets.items():
            yield Route(kind, "GET", path, begin, READ, "programs")

    def snapshot(self) -> list[Content]:
        return [
            {
                "id": each.id,
                "name": each.name,
                "members": {str(lead): m.status.name for lead, m in each.members.items()},
            }
            for each in self.programs.values()
        ]

    def lead_merged(self, loser: int, winner: int) -> None:
        for each in self.programs.values():
            lost = each.members.pop(loser, None)
            kept = each.members.get(winner)
            if lost is not None and (kept is None or kept.status.step < lost.status.step):
                each.members[winner] = lost

    def lead_deleted(self, lead: int) -> None:
        for each in self.programs.values():
            each.members.pop(lead, None)

    def _by_name(self, call: Call) -> Finish:
        name = required(call, "name")
        found = [each for each in self.programs.values() if each.name == name]
        return lambda: answered([self._answered(each) for each in found])

    def _by_id(self, call: Call) -> Finish:
        found = self.programs.get(number(call.parts["program"]))
        return lambda: answered([] if found is None else [self._answered(found)])

    def _browse(self, call: Call) -> Finish:
        return lambda: page(call, [self._answered(each) for each in self.programs.values()])

    def _answered(self, program: Program) -> Content:
        return {
            "id": program.id,
            "name": program.name,
            "description": "",
            "createdAt": stamp(program.created),
            "updatedAt": stamp(program.created),
            "url": f"https://app-sandbox.marketo.com/#PG{program.id}A1",
            "type": "Default",
            "channel": program.channel.name,
            "folder": {"type": "Folder", "value": MARKETING_ACTIVITIES, "id": MARKETING_ACTIVITIES},
            "status": "",
            "workspace": WORKSPACE,
            "tags": [],
            "costs": [],
        }

    def _channel(self, call: Call) -> Finish:
        name = call.query.get("name") or required(call, "Name")
        found = [each for each in self._all_channels() if each["name"] == name]
        return lambda: answered(found)

    def _channels(self, call: Call) -> Finish:
        return lambda: page(call, self._all_channels())

    def _all_channels(self) -> list[Content]:
        now = stamp(self._instance.clock.now())
        return [
            {
                "id": order,
                "name": channel.name,
                "applicableProgramType": "program",
                "createdAt": now,
                "updatedAt": now,
                "progressionStatuses": [
                    {
                        "name": status.name,
                        "description": "",
                        "type": None,
                        "hidden": status.hidden,
                        "step": status.step,
                        "success": status.success,
                    }
                    for status in channel.statuses
                ],
            }
            for order, channel in enumerate(self._instance.options.channels, 1)
        ]
