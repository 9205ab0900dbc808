"""Programs, the steps of their channels, and the status of members (Adobe: "Program members")."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from target_marketo.marketo.attachments import (
    USUAL_SECONDS,
    Endpoints,
    Found,
    Results,
    understand_rows,
)
from target_marketo.marketo.codes import Family
from target_marketo.marketo.replies import Number  # noqa: TC001 - msgspec reads it

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_marketo.marketo.attachments import Rows

SET = frozenset({"created", "updated"})


class Program(msgspec.Struct, frozen=True):
    id: Number
    name: str
    channel: str


class Status(msgspec.Struct, frozen=True):
    """A status that members of a program can have. The greater the step, the further."""

    name: str
    step: int
    hidden: bool = False
    success: bool = False


class _Channel(msgspec.Struct, rename="camel"):
    name: str
    progression_statuses: list[Status]


class Programs(Endpoints):
    """The calls about programs."""

    family = Family.STATUS

    def named(self, name: str) -> list[Program]:
        """The program of this very name, if there is one."""
        path = "/asset/v1/program/byName.json"
        return self._read("programs", path, _READ_PROGRAMS, parameters={"name": name})

    def of_id(self, number: int) -> list[Program]:
        """The program of this id, if there is one."""
        return self._read("programs", f"/asset/v1/program/{number}.json", _READ_PROGRAMS)

    def statuses(self, channel: str) -> list[Status]:
        """The statuses of a channel, hidden ones too; none if there is no such channel."""
        path = "/asset/v1/channel/byName.json"
        found = self._read("channels", path, _READ_CHANNELS, parameters={"name": channel})
        return [status for each in found for status in each.progression_statuses]

    def set_status(self, program: int, status: str, leads: Sequence[int]) -> Rows:
        """Gives up to 300 people a status; whoever is not a member becomes one.

        Doing so again is harmless: a row that is skipped with 1037 has this status, or one that is
        further, and nobody goes back.

        Raises:
            OutcomeUnknown: Some may have it.
            EndsLane: There is no such program, or status.
        """
        content = {"statusName": status, "input": [{"leadId": lead} for lead in leads]}
        return self._write(
            "status",
            f"/v1/programs/{program}/members/status.json",
            msgspec.json.encode(content),
            lambda content: understand_rows(content, len(leads), SET, leads),
            seconds=USUAL_SECONDS,
        )


_READ_PROGRAMS = Results(msgspec.json.Decoder(Found[Program]))
_READ_CHANNELS = Results(msgspec.json.Decoder(Found[_Channel]))
