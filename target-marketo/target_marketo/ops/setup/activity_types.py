"""A custom activity type as the mapping needs it, compared with what Marketo has. Pure.

A type has an approved version, a draft, or both. What is added goes into the draft, and approving
it makes all of the draft live: a draft that somebody else began is left alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from target_marketo.mapping import paths
from target_marketo.marketo.activities import ActivityType, Attribute
from target_marketo.ops.mapping_report.both_ends import schema_of
from target_marketo.ops.setup.data_types import USUAL, DataType, api_name, data_type, label
from target_marketo.ops.setup.steps import AddAttributes, Approve, MakeType, Mark
from target_marketo.writes.activity_lane import KEEPS_THE_ONCE_VALUE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from target_marketo.mapping.streams_setting import ActivityEntry
    from target_marketo.ops.setup.steps import Plan

WHAT = "activity type"
_ATTRIBUTE = "attribute"
_MOST_ATTRIBUTES = 20  # Adobe, error 1028
_TYPE_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9]{1,255}", re.ASCII)


@dataclass(frozen=True)
class _Names:
    """What people see of a type: in the log, as a trigger, as a filter."""

    name: str
    trigger: str
    filter: str
    primary: Attribute | None = None


_KNOWN = {
    "livechatChat": _Names(
        "Chat on LiveChat",
        "Chats on LiveChat",
        "Chatted on LiveChat",
        Attribute("chatTopic", "Chat Topic"),
    )
}


@dataclass(frozen=True)
class Wanted:
    """A type with all attributes that entries name, and what says how each is made.

    By those in `onces` an activity is recognised.
    """

    type: ActivityType
    told: Mapping[str, str]
    onces: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls, named: str, entries: Iterable[tuple[str, ActivityEntry]], seen: Mapping[str, Any]
    ) -> Wanted:
        """Of the entries (with their streams) that name the type."""
        attributes: dict[str, Attribute] = {}
        told: dict[str, str] = {}
        primary = ""
        onces = set()
        for stream, entry in entries:
            onces.add(entry.once_attribute)
            primary = primary or api_name(paths.parts(entry.primary.path)[-1])
            for name, source in entry.attributes.items():
                if name not in attributes:
                    kind = data_type(schema_of(seen.get(stream)), source.path, source.type)
                    if name == entry.once_attribute and kind.name != USUAL:
                        given = source.type if source.type in KEEPS_THE_ONCE_VALUE else USUAL
                        kind = DataType(given or USUAL, "by `once`")
                    attributes[name] = Attribute(name, label(name), kind.name)
                    told[name] = f"{kind}: {label(name)}"
        if primary in attributes:
            primary = f"primary{primary[0].upper()}{primary[1:]}"
        shown = label(named)
        names = _KNOWN.get(named) or _Names(shown, f"Gets {shown}", f"Got {shown}")
        return cls(
            ActivityType(
                api_name=named,
                name=names.name,
                trigger_name=names.trigger,
                filter_name=names.filter,
                primary_attribute=names.primary or Attribute(primary, label(primary)),
                attributes=tuple(attributes.values()),
            ),
            told,
            frozenset(onces),
        )


def plan_type(
    plan: Plan, wanted: Wanted, approved: ActivityType | None, draft: ActivityType | None
) -> None:
    """Adds rows for the type and its attributes, and the acts from where Marketo stands now."""
    if approved is None and draft is None:
        _make(plan, wanted)
    else:
        _compare(plan, wanted, approved, draft)


def _make(plan: Plan, wanted: Wanted) -> None:
    new, primary = wanted.type, wanted.type.primary_attribute
    why_not = ""
    if not _TYPE_NAME.fullmatch(new.api_name):
        why_not = "an API name of a type has letters and digits, and a letter among them"
    elif new.api_name.isdecimal():
        why_not = "an id cannot be made: take an API name"
    elif len(new.attributes) > _MOST_ATTRIBUTES:
        why_not = f"{len(new.attributes)} attributes are mapped, and Marketo takes 20 at most"
    if why_not or primary is None:
        if why_not:
            plan.add(Mark.CANNOT, WHAT, new.api_name, why_not)
        return
    text = f"{new.name}; trigger: {new.trigger_name}; filter: {new.filter_name}"
    plan.add(Mark.MAKE, WHAT, new.api_name, text)
    plan.add(Mark.MAKE, "primary attribute", primary.api_name, f"string: {primary.name}")
    for each in new.attributes:
        plan.add(Mark.MAKE, _ATTRIBUTE, each.api_name, wanted.told[each.api_name])
    plan.acts.append(MakeType(new))
    if new.attributes:
        plan.acts.append(AddAttributes(new.api_name, new.attributes))
    plan.acts.append(Approve(new.api_name))


def _compare(
    plan: Plan, wanted: Wanted, approved: ActivityType | None, draft: ActivityType | None
) -> None:
    there = approved or draft
    assert there is not None  # noqa: S101 - one of the two is given
    live = _attributes(approved)
    drafted = _attributes(draft)
    mapped = {each.api_name: each for each in wanted.type.attributes}
    missing = [name for name in mapped if name not in live]
    if approved is not None and not missing:
        plan.add(Mark.THERE, WHAT, there.api_name, _shown(there))
        _rows_there(plan, wanted, live)
        return
    if foreign := _foreign(mapped, approved, draft):
        plan.add(
            *(Mark.CANNOT, WHAT, there.api_name),
            f"somebody has begun a draft ({foreign}): approve or discard it under Admin > Marketo "
            "Custom Activities, then run this again",
        )
        return
    if len(live.keys() | drafted.keys() | mapped.keys()) > _MOST_ATTRIBUTES:
        plan.add(
            *(Mark.CANNOT, WHAT, there.api_name),
            "with the attributes that are mapped it would have more than 20, which is Marketo's "
            "limit: map fewer",
        )
        return
    state = "" if approved is not None else "; a draft, to be approved"
    plan.add(Mark.THERE, WHAT, there.api_name, _shown(there) + state)
    _rows_there(plan, wanted, live)
    for name in missing:
        state = "; in the draft, to be approved" if name in drafted else ""
        plan.add(Mark.MAKE, _ATTRIBUTE, name, wanted.told[name] + state)
    if not missing:
        plan.add(Mark.MAKE, "approval", there.api_name, "from then on it takes activities")
    added = tuple(mapped[name] for name in missing if name not in drafted)
    if added:
        plan.acts.append(AddAttributes(there.api_name, added))
    plan.acts.append(Approve(there.api_name))


def _attributes(version: ActivityType | None) -> dict[str, Attribute]:
    return {} if version is None else {each.api_name: each for each in version.attributes}


def _foreign(
    mapped: Mapping[str, Attribute], approved: ActivityType | None, draft: ActivityType | None
) -> str:
    """What a draft has that the mapping does not account for; empty if it has nothing."""
    if draft is None:
        return ""
    live, drafted = _attributes(approved), _attributes(draft)
    added = [name for name in drafted if name not in live and name not in mapped]
    gone = [name for name in live if name not in drafted]
    changed = [name for name in live if name in drafted and live[name] != drafted[name]]
    if approved is not None and _shown(approved) != _shown(draft):
        return "other names"
    for names, what in ((added, "adds"), (gone, "takes away"), (changed, "changes")):
        if names:
            return f"it {what} `{names[0]}`"
    return ""


def _shown(version: ActivityType) -> str:
    return f"{version.name}; trigger: {version.trigger_name}; filter: {version.filter_name}"


def _rows_there(plan: Plan, wanted: Wanted, live: Mapping[str, Attribute]) -> None:
    for each in wanted.type.attributes:
        if each.api_name in live:
            has = live[each.api_name].data_type
            text = has if has == each.data_type else f"{has}, and mapped as {each.data_type}"
            if each.api_name in wanted.onces and has not in KEEPS_THE_ONCE_VALUE:
                text = f"{has}, by which no activity is recognised: map another, a string"
                plan.add(Mark.CANNOT, _ATTRIBUTE, each.api_name, text)
                continue
            plan.add(Mark.THERE, _ATTRIBUTE, each.api_name, text)
