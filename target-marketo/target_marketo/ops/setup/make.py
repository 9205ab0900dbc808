"""What a plan says is made: one call for each thing, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from target_marketo.governor import GovernorError
from target_marketo.marketo.activities import Activities
from target_marketo.marketo.errors import MarketoError, NotAuthorized, Rejected
from target_marketo.marketo.lead_fields import LeadFields
from target_marketo.marketo.lists import Lists
from target_marketo.ops.console import counted
from target_marketo.ops.setup.steps import AddAttributes, Approve, MakeField, MakeList, MakeType
from target_marketo.writes.destinations import refusal

if TYPE_CHECKING:
    from target_marketo.marketo.client import Marketo
    from target_marketo.ops.setup.steps import Act, Plan

_TAKEN = frozenset({"709", "1017"})
_TO_MAKE = {
    MakeField: "Read-Write Schema Custom Field",
    MakeType: "Read-Write Activity Metadata",
    AddAttributes: "Read-Write Activity Metadata",
    Approve: "Read-Write Activity Metadata",
    MakeList: "Read-Write Asset",
}


@dataclass(frozen=True)
class Made:
    """How one act ended."""

    what: str
    ok: bool
    text: str = ""


def apply(plan: Plan, marketo: Marketo) -> list[Made]:
    """Makes it, in order; what needs something that could not be made is left."""
    made: list[Made] = []
    failed: set[str] = set()
    for act in plan.acts:
        what, depends = _named(act)
        if depends in failed:
            made.append(Made(what, ok=False, text="not tried"))
            continue
        try:
            _do(act, marketo)
        except (Rejected, NotAuthorized) as error:
            failed.add(depends)
            made.append(Made(what, ok=False, text=_why_not(error, act)))
        except (MarketoError, GovernorError) as error:
            # Not known, or not to be had now: what is there by then is found the next time.
            made.append(Made(what, ok=False, text=f"{error}; run it again"))
            return made
        else:
            made.append(Made(what, ok=True))
    return made


def _named(act: Act) -> tuple[str, str]:
    """What an act makes, and what it and others depend on."""
    match act:
        case MakeField(new):
            return f"field {new.name}", new.name
        case MakeType(new):
            return f"activity type {new.api_name}, a draft", f"type {new.api_name}"
        case AddAttributes(name, attributes):
            return f"{counted(len(attributes), 'attribute')} of {name}", f"type {name}"
        case Approve(name):
            return f"approval of {name}", f"type {name}"
        case MakeList(name):
            return f"list {name}", f"list {name}"


def _do(act: Act, marketo: Marketo) -> None:
    activities = Activities(marketo)
    match act:
        case MakeField(new):
            LeadFields(marketo).create(new)
        case MakeType(new):
            activities.create(new)
        case AddAttributes(name, attributes):
            activities.add_attributes(name, attributes)
        case Approve(name):
            activities.approve(name)
        case MakeList(name, folder):
            Lists(marketo).create(name, folder)


def _why_not(error: Rejected | NotAuthorized, act: Act) -> str:
    if error.code in _TAKEN:
        return f"the name or its label is taken ({error.code}): run it again, or take another"
    return refusal(error, _TO_MAKE[type(act)])
