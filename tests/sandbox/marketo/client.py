"""The test's side of the Marketo sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tests.sandbox.process import ServerProcess

from .counts import Counts, JournalEntry
from .options import Options

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.sandbox.faults import Fault


class MarketoSandbox(ServerProcess):
    """A Marketo instance in a process of its own; the keyword arguments are those of `Options`.

    `with MarketoSandbox(latency_median=0.2) as marketo: ...`
    """

    def __init__(self, **options: Any) -> None:
        super().__init__("tests.sandbox.marketo", options)

    @property
    def endpoint(self) -> str:
        return f"{self.url}/rest"

    @property
    def identity(self) -> str:
        return f"{self.url}/identity"

    @property
    def client_id(self) -> str:
        return str(self.options.get("client_id", Options().client_id))

    @property
    def client_secret(self) -> str:
        return str(self.options.get("client_secret", Options().client_secret))

    def leads(self) -> list[dict[str, Any]]:
        """All leads by id, with the fields they have; empty fields are left out."""
        return list(self.control("GET", "/_sandbox/leads"))

    def leads_by_email(self, email: str) -> list[dict[str, Any]]:
        """The leads of one e-mail, in any case."""
        return [lead for lead in self.leads() if lead.get("email", "").lower() == email.lower()]

    def counts(self) -> Counts:
        return msgspec.convert(self.control("GET", "/_sandbox/counts"), Counts)

    def reset_counts(self) -> None:
        self.control("POST", "/_sandbox/counts/reset")

    def journal(self) -> list[JournalEntry]:
        return msgspec.convert(self.control("GET", "/_sandbox/journal"), list[JournalEntry])

    def seed(self, leads: Iterable[Mapping[str, Any]]) -> list[int]:
        """Put people in beside the API, duplicates and read-only fields too; returns their ids."""
        return list(self.control("POST", "/_sandbox/leads", list(leads)))

    def change_leads(self, leads: Iterable[Mapping[str, Any]]) -> float:
        """Somebody gives leads, by `id`, other values by hand; returns the sandbox's time of it."""
        return float(self.control("POST", "/_sandbox/leads/change", list(leads)))

    def activities(self) -> list[dict[str, Any]]:
        """The whole log, what does not show yet too, with attributes by API name."""
        return list(self.control("GET", "/_sandbox/rooms/activities"))

    def list_members(self, name: str) -> list[int]:
        """Who is in the first static list of this name."""
        lists = self.control("GET", "/_sandbox/rooms/lists")
        return next(list(each["members"]) for each in lists if each["name"] == name)

    def program_members(self, name: str) -> dict[int, str]:
        """The status of each member of a program."""
        programs = self.control("GET", "/_sandbox/rooms/programs")
        members = next(each["members"] for each in programs if each["name"] == name)
        return {int(lead): status for lead, status in members.items()}

    def custom_objects(self, name: str) -> list[dict[str, Any]]:
        """The records of one type; `linked` says which lead each link leads to."""
        return list(self.control("GET", "/_sandbox/rooms/objects").get(name, []))

    def merge_leads(self, winner: int, *losers: int) -> None:
        """Somebody merges leads by hand."""
        self.control("POST", "/_sandbox/leads/merge", [winner, *losers])

    def delete_leads(self, *leads: int) -> None:
        """Somebody deletes leads by hand."""
        self.control("POST", "/_sandbox/leads/delete", list(leads))

    def set_options(self, **changes: Any) -> None:
        """Change options while the sandbox runs."""
        self.control("POST", "/_sandbox/options", changes)

    def set_faults(self, faults: Iterable[Fault]) -> None:
        """Begin a new script of faults; none ends the trouble."""
        self.set_options(faults=list(faults))

    def reset(self, **changes: Any) -> None:
        """Start over: nobody there but the seeded, all limits fresh, the options of the start."""
        self.control("POST", "/_sandbox/reset", changes)

    def now(self) -> float:
        """The sandbox's time in epoch seconds."""
        return float(self.control("GET", "/_sandbox/clock")["now"])

    def advance_clock(self, seconds: float) -> None:
        self.control("POST", "/_sandbox/clock/advance", {"seconds": seconds})

    def other_calls(self, calls: int, *, in_window: bool = False) -> None:
        """Another integration uses up this much of today's quota, and of the rate if asked."""
        self.control("POST", "/_sandbox/other_calls", {"calls": calls, "in_window": in_window})

    def expire_token(self) -> None:
        """The live token expires now: 602 at its next use, then 601."""
        self.control("POST", "/_sandbox/token/expire")

    def revoke_token(self) -> None:
        """The live token was never valid: 601."""
        self.control("POST", "/_sandbox/token/revoke")
