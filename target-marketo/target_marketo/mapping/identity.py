"""Who a record is about, where its key is not the e-mail address. Pure.

Nobody gets a second person for an address that is already there: who is found by e-mail is the same
person if the key is empty there, and another one, which is refused, if it is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from target_marketo.mapping.rules import Rule, Rules, Step, Write, decide
from target_marketo.mapping.values import is_empty

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from target_marketo.mapping.rules import Duplicates

EMAIL, ID = "email", "id"
"""The field that also identifies everybody, and the one that Marketo alone gives."""


class Known(NamedTuple):
    """The people that a record may be about.

    `adopts`: they were found by their address and lack the key, which is to be written to them.
    `conflict`: the address is somebody else's.
    """

    leads: Sequence[Mapping[str, Any]]
    adopts: bool = False
    conflict: bool = False


def known(
    key_field: str,
    by_key: Sequence[Mapping[str, Any]],
    by_email: Sequence[Mapping[str, Any]],
    key: str,
) -> Known:
    """Whom to decide about.

    Args:
        key_field: The stream's key.
        by_key: Whom Marketo found by it.
        by_email: Whom Marketo found by the address that the record would write, if it writes one.
        key: The record's key, as Marketo compares it.
    """
    ours = {lead["id"] for lead in by_key}
    others = [lead for lead in by_email if lead["id"] not in ours]
    if by_key:
        return Known(by_key, conflict=bool(others))
    vacant = [lead for lead in others if is_empty(lead.get(key_field))]
    if vacant:
        return Known(vacant, adopts=True)
    same = [lead for lead in others if str(lead.get(key_field)).lower() == key]
    return Known(same, conflict=bool(others) and not same)


def adoption(key_field: str, key: str, steps: Sequence[Step]) -> Step:
    """What writes the key to somebody who lacks it, whatever its rule says.

    The steps have it in the field's own type, unless they are about another field alone.
    """
    said = (step.values[key_field] for step in steps if key_field in step.values)
    return Step(
        Rules((Rule(key_field, Write.ALWAYS),), creates=False), {key_field: next(said, key)}
    )


def address_at_stake(
    steps: Sequence[Step], leads: Sequence[Mapping[str, Any]], duplicates: Duplicates
) -> str:
    """The address that somebody would get, or that may tell who is meant where the key does not.

    It is as Marketo compares it, or empty.
    """
    decision = decide(steps, leads, duplicates)
    rows: list[Mapping[str, Any]] = [decision.create or {}]
    rows += [update.values for update in decision.updates]
    if decision.nobody:
        rows = [step.values for step in reversed(steps)]
    return str(next(filter(None, (row.get(EMAIL) for row in rows)), "")).lower()
