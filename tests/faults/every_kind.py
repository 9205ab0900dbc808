"""The faults of people's writes once more, now for what goes with each record.

A list, a status, an object and an activity go with each, and the calls of each of these are struck.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from tests.faults.attached import WRITES
from tests.faults.kinds import Kind
from tests.faults.rounds import Trouble
from tests.faults.timelines import ADD
from tests.sandbox.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PEOPLE = ("sync",)
_SLOW = ("606", "429")  # everybody pauses, each time
# Codes that end a lane or a kind of what is attached, or refuse a row of it.
_ENDS = ("603", "610", "1001", "1003", "1004", "1005", "1007", "1077", "1099")
_ATTACHED = tuple(kind.part for kind in Kind if kind is not Kind.PEOPLE)


def of_every_kind(of_people: Iterable[Trouble]) -> list[Trouble]:
    """Those of them that are about writes, and what only rows of several can go through."""
    partly = Fault(what="partly", share=0.5, calls=_PEOPLE)
    unread = Fault(what="reset", calls=("activities", "paging_token"), at_most=2)
    of_rows = {
        "none": (),
        "carried out in part": (partly,),
        "carried out in part, 604": (msgspec.structs.replace(partly, code="604"),),
        "carried out in part, and reading back fails": (partly, unread),
    }
    troubles = [*(Trouble(name, faults) for name, faults in of_rows.items()), *of_people]
    return [
        replace(
            trouble,
            name=f"all kinds, {trouble.name.removesuffix(', 300 people under way')}",
            faults=tuple(each for fault in trouble.faults for each in _aimed(fault)),
            allowed=replace(trouble.allowed, parts=_may_be_refused(trouble)),
            rows=150,
            streams=2,
            attaches=True,
            chats=True,
        )
        for trouble in troubles
        if not trouble.poisons and (not trouble.faults or any(map(_strikes, trouble.faults)))
    ]


def _may_be_refused(trouble: Trouble) -> tuple[str, ...]:
    return _ATTACHED if any(fault.code in _ENDS for fault in trouble.faults) else ()


def _strikes(fault: Fault) -> bool:
    """Whether a fault is about writes."""
    return fault.calls in ((), _PEOPLE)


def _aimed(fault: Fault) -> Iterator[Fault]:
    """The fault for the calls of each kind: as long as it lasts, else so often that of an
    activity's three attempts one is left.
    """
    if not _strikes(fault) or fault.what == "token_expires":
        yield fault
        return
    for call in (*WRITES, ADD):
        if fault.lasts is not None:
            yield msgspec.structs.replace(fault, calls=(call,))
            continue
        yield msgspec.structs.replace(
            fault,
            calls=(call,),
            at=(2,) if fault.at else (),
            probability=max(0.4, fault.probability),
            at_most=1 if fault.code in _SLOW else 2,
        )
