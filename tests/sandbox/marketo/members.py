"""The members of programs, and what they have reached. Adobe, "Program members".

A member's status never goes back: the steps of the program's channel say what is further.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from . import rows
from .assets import READ, number, required
from .errors import RecordError, ResponseError
from .leads import DEFAULT_FIELDS
from .paging import Page
from .programs import Membership
from .routes import Route
from .values import format_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .call import Call
    from .instance import Content, Finish, Instance
    from .object_options import Status
    from .programs import Program, Programs
    from .routes import Needs

STATUS_CHANGED = 104
NOT_IN_PROGRAM = "Not in Program"
READ_LEADS: Needs = ("Read-Only Lead", "Read-Write Lead")
WRITE_LEADS: Needs = ("Read-Write Lead",)
# Name, data type, length, and whether it can be written: None means that a switch says so.
FIELDS: tuple[tuple[str, str, int | None, bool | None], ...] = (
    ("acquiredBy", "boolean", None, None),
    ("leadId", "integer", None, False),
    ("membershipDate", "datetime", None, False),
    ("program", "string", 255, False),
    ("programId", "integer", None, False),
    ("reachedSuccess", "boolean", None, False),
    ("reachedSuccessDate", "datetime", None, False),
    ("registrationCode", "string", 100, True),
    ("statusName", "string", 255, False),
    ("statusReason", "string", 255, None),
    ("updatedAt", "datetime", None, False),
    ("webinarUrl", "string", 2000, True),
)
SEARCHABLE = ("leadId", "statusName", "reachedSuccess", "acquiredBy")
MAX_VALUES = 300


class Member(msgspec.Struct, rename="camel"):
    lead_id: int | None = None
    id: int | None = None  # of the older call


class StatusBody(msgspec.Struct, rename="camel"):
    status_name: str | None = None
    status: str | None = None  # of the older call
    input: list[Member] | None = None


class DataBody(msgspec.Struct):
    input: list[dict[str, Any]] | None = None


class Members:
    """The calls about members; who is one stands with the program."""

    def __init__(self, instance: Instance, programs: Programs) -> None:
        self._instance = instance
        self._programs = programs

    def routes(self) -> Iterator[Route]:
        v1 = "/rest/v1"
        of_lead = f"{v1}/leads/{{lead}}/programMembership.json"
        yield Route("programs_of_lead", "GET", of_lead, self._of_lead, READ, "programs")
        members = f"{v1}/programs/{{program}}/members"
        older = f"{v1}/leads/programs/{{program}}"
        reads: dict[str, tuple[str, Callable[[Call], Finish]]] = {
            f"{v1}/programs/members/describe.json": ("describe_members", self._describe),
            f"{members}.json": ("members", self._members),
            f"{older}.json": ("members", self._leads),
        }
        for path, (kind, begin) in reads.items():
            yield Route(kind, "GET", path, begin, READ_LEADS, "programs")
        writes: dict[str, tuple[str, Callable[[Call], Finish]]] = {
            f"{members}/status.json": ("member_status", self._set_status),
            f"{older}/status.json": ("member_status", self._set_status),
            f"{members}.json": ("member_data", self._set_data),
            f"{members}/delete.json": ("delete_members", self._delete),
        }
        for path, (kind, begin) in writes.items():
            yield Route(kind, "POST", path, begin, WRITE_LEADS, "programs")

    # --- status ----------------------------------------------------------------------------------

    def _set_status(self, call: Call) -> Finish:
        program = self._programs.find(call)
        body = call.json(StatusBody)
        name = body.status_name or body.status
        if not name:
            raise ResponseError("1002", "statusName")
        rows.checked(body.input)
        status = self._status(program, name)
        leads = [m.id if m.lead_id is None else m.lead_id for m in body.input or []]
        options = self._instance.options
        seen: set[int | None] = set()

        def write(lead: int | None) -> Content:
            if status is None:
                raise RecordError("1025")
            if options.same_member_twice == "1036" and lead in seen:
                raise RecordError("1036")
            seen.add(lead)
            if lead not in self._instance.database.leads:
                raise RecordError("1004")
            return {"status": self._progress(program, lead, status), "leadId": lead}

        present = options.skipped_member_lead_id == "present"
        return rows.write(
            self._instance,
            call,
            leads,
            write,
            numbered=True,
            echo=lambda lead: {"leadId": lead} if present else {},
        )

    def _status(self, program: Program, name: str) -> Status | None:
        """The status to set; None if its rows are to be skipped."""
        options = self._instance.options
        status = program.status(name)
        if name == NOT_IN_PROGRAM and options.not_in_program != "accept":
            if options.not_in_program == "1003":
                raise ResponseError("1003", f"Invalid statusName '{name}'")
            status = None
        if status is None and options.unknown_status_level == "response":
            raise ResponseError("1025")
        return status

    def _progress(self, program: Program, lead: int, status: Status) -> str:
        """Set a member's status if that is a progress, or make it a member."""
        now = self._instance.clock.now()
        member = program.members.get(lead)
        if member is None:
            member = program.members[lead] = Membership(status, now, now)
            outcome, before = "created", NOT_IN_PROGRAM
        else:
            before = member.status.name
            step = member.status.step
            sideways = step == status.step and status.name != before
            allowed = sideways and self._instance.options.equal_step == "updated"
            if step >= status.step and not allowed:
                raise RecordError("1037")
            member.status, member.updated = status, now
            outcome = "updated"
        if status.success and member.success_date is None:
            member.success_date = now
        self._instance.rooms.log.note(
            STATUS_CHANGED,
            lead,
            program.name,
            {"New Status": status.name, "Old Status": before, "Success": status.success},
            program.id,
        )
        return outcome

    # --- member fields ---------------------------------------------------------------------------

    def _set_data(self, call: Call) -> Finish:
        program = self._programs.find(call)
        sent = call.json(DataBody).input
        rows.checked(sent)
        updateable = self._updateable()
        unknown = {name for row in sent or () for name in row} - updateable - {"leadId"}
        if unknown and self._instance.options.unknown_member_field == "response_1006":
            raise ResponseError("1006", min(unknown))

        def write(row: dict[str, Any]) -> Content:
            for name in row.keys() - {"leadId"}:
                if name not in updateable:
                    raise RecordError("1006", name)
            member = program.members.get(row.get("leadId", -1))
            if member is None:
                raise RecordError("1013", "Membership")
            member.values |= {name: row[name] for name in row.keys() - {"leadId"}}
            member.updated = self._instance.clock.now()
            return {"status": "updated", "leadId": row["leadId"]}

        return rows.write(self._instance, call, sent or [], write, numbered=True)

    def _updateable(self) -> frozenset[str]:
        options = self._instance.options
        switched = {
            "acquiredBy": options.acquired_by_updateable,
            "statusReason": options.status_reason_updateable,
        }
        return frozenset(
            name for name, _, _, is_ in FIELDS if (switched[name] if is_ is None else is_)
        )

    def _describe(self, _: Call) -> Finish:
        updateable = self._updateable()
        fields = []
        for name, data_type, length, _updateable in FIELDS:
            described: Content = {"name": name, "displayName": name, "dataType": data_type}
            if length is not None:
                described["length"] = length
            fields.append(described | {"updateable": name in updateable, "crmManaged": False})
        now = format_instant(self._instance.clock.now())
        described = {
            "name": "API Program Membership",
            "description": "API Program Membership Map",
            "createdAt": now,
            "updatedAt": now,
            "dedupeFields": ["leadId", "programId"],
            "searchableFields": [[name] for name in SEARCHABLE],
            "fields": fields,
        }
        return lambda: {"result": [described]}

    def _delete(self, call: Call) -> Finish:
        program = self._programs.find(call)
        sent = call.json(StatusBody).input
        rows.checked(sent)

        def delete(member: Member) -> Content:
            lead = member.lead_id
            if lead is None or program.members.pop(lead, None) is None:
                raise RecordError("1037", text="Lead not in program")
            return {"status": "deleted", "leadId": lead}

        return rows.write(self._instance, call, sent or [], delete, numbered=True)

    # --- reading ---------------------------------------------------------------------------------

    def _members(self, call: Call) -> Finish:
        program = self._programs.find(call)
        asked = call.form()
        filter_type = required(call, "filterType")
        if filter_type not in SEARCHABLE:
            raise ResponseError("1003", f"Invalid filterType '{filter_type}'")
        wanted = [part.strip().lower() for part in required(call, "filterValues").split(",")]
        if len(wanted) > MAX_VALUES:
            raise ResponseError("1003", f"More than {MAX_VALUES} filterValues")
        records = {lead: self._record(program, lead) for lead in sorted(program.members)}
        found = [n for n, each in records.items() if str(each.get(filter_type)).lower() in wanted]
        turned = Page.of(asked, signature=f"members {program.id} {wanted}")
        usual = "leadId,reachedSuccess,programId,acquiredBy,membershipDate"
        names = [name.strip() for name in (asked.get("fields") or usual).split(",")]
        result = [
            {"seq": order, "leadId": lead, **{name: records[lead].get(name) for name in names}}
            for order, lead in enumerate(turned.cut(found))
        ]
        content: Content = {"result": result, "moreResult": turned.more}
        if turned.more:
            content["nextPageToken"] = turned.next_token()
        return lambda: content

    def _record(self, program: Program, lead: int) -> Content:
        member = program.members[lead]
        reached = member.success_date
        return {
            "acquiredBy": False,
            "leadId": lead,
            "membershipDate": format_instant(member.since),
            "program": program.name,
            "programId": program.id,
            "reachedSuccess": reached is not None,
            "reachedSuccessDate": None if reached is None else format_instant(reached),
            "statusName": member.status.name,
            "updatedAt": format_instant(member.updated),
            **member.values,
        }

    def _leads(self, call: Call) -> Finish:
        """The older call: leads with their membership."""
        program = self._programs.find(call)
        asked = call.form()
        text = asked.get("fields", "")
        names = [name.strip() for name in text.split(",") if name.strip()] or DEFAULT_FIELDS
        self._instance.database.check_fields(names)
        turned = Page.of(asked, signature=f"program {program.id}")
        found = self._instance.database.read(turned.cut(sorted(program.members)), names)
        for lead in found:
            record = self._record(program, lead["id"])
            lead["membership"] = {
                "progressionStatus": record["statusName"],
                **{name: record[name] for name in ("membershipDate", "reachedSuccess")},
                "acquiredBy": record["acquiredBy"],
            }
        content: Content = {"result": found}
        if turned.more:
            content["nextPageToken"] = turned.next_token()
        return lambda: content

    def _of_lead(self, call: Call) -> Finish:
        lead = number(call.parts["lead"])
        if lead not in self._instance.database.leads:
            raise ResponseError("1004")
        result = [
            {
                "id": each.id,
                "progressionStatus": each.members[lead].status.name,
                "membershipDate": format_instant(each.members[lead].since),
                "reachedSuccess": each.members[lead].success_date is not None,
                "acquiredBy": False,
            }
            for each in self._programs.programs.values()
            if lead in each.members
        ]
        return lambda: {"result": result, "moreResult": False}
