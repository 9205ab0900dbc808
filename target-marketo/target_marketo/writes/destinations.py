"""Where attachments go: lists, programs, activity types, objects, found by the names in `streams`.

One place for runs, `marketo-ops check` and `marketo-ops setup`. Each method answers what is needed
to write, or raises what is wrong with the name as one line with its cure. Answers can be kept in
the store for a day; one that no longer does for what is asked is asked for again.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import msgspec

from target_marketo.mapping.attachments import AttachmentKind
from target_marketo.mapping.streams_setting import hint
from target_marketo.marketo.activities import Activities, ActivityType
from target_marketo.marketo.errors import EndsKind, EndsLane, MarketoError, Rejected
from target_marketo.marketo.lists import Lists, StaticList
from target_marketo.marketo.objects import Objects, ObjectType
from target_marketo.marketo.programs import Program, Programs, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from target_marketo.mapping.attachments import Lane
    from target_marketo.marketo.call import Caller
    from target_marketo.store.cache import Cache

# What the role of the API user must hold (Adobe: "Custom services"), as Marketo's Admin names it.
TO_FIND = {
    AttachmentKind.LIST: "Read-Only Person",
    AttachmentKind.PROGRAM: "Read-Only Asset",
    AttachmentKind.ACTIVITY: "Read-Only Activity Metadata",
    AttachmentKind.OBJECT: "Read-Only Custom Object",
}
TO_WRITE = {
    AttachmentKind.LIST: "Read-Write Person",
    AttachmentKind.PROGRAM: "Read-Write Person",
    AttachmentKind.ACTIVITY: "Read-Write Activity",
    AttachmentKind.OBJECT: "Read-Write Custom Object",
}
_WRITTEN_BY_ID = frozenset({AttachmentKind.PROGRAM, AttachmentKind.ACTIVITY})
APPROVED = frozenset({"approved", "approved with draft"})

_SETUP = "`marketo-ops setup --apply`"
_KEPT_SECONDS = 86_400.0
_ID = re.compile(r"[1-9][0-9]{0,17}")
_DENIED, _NOT_BOUGHT = "603", frozenset({"616", "703", "1026"})

_TYPED: dict[AttachmentKind, type[ActivityType | ObjectType]] = {
    AttachmentKind.ACTIVITY: ActivityType,
    AttachmentKind.OBJECT: ObjectType,
}

T = TypeVar("T")
_Named = TypeVar("_Named", StaticList, Program)


class NotThere(EndsLane):
    """Marketo has nothing of that name; the text says who can make it."""


class MemberStatuses(msgspec.Struct, frozen=True):
    """A program, and what its members can have reached; without channel where nobody may look."""

    id: int
    name: str
    channel: str = ""
    statuses: tuple[Status, ...] = ()

    def step(self, status: str) -> int | None:
        """How far a status is; nobody goes back. None where that is not known."""
        return next((each.step for each in self.statuses if each.name == status), None)


class Destinations:
    """Finds them. With a `cache`, what was found is known for a day to all runs of an instance.

    Each method raises:
        NotThere: There is nothing of that name.
        EndsLane: It is there, and cannot be written to as it is.
        EndsKind: The role lacks a permission, or the subscription the feature.
        MarketoError, GovernorError: Marketo cannot be asked.
    """

    def __init__(self, marketo: Caller, cache: Cache | None = None, instance: str = "") -> None:
        self._activities = Activities(marketo)
        self._lists = Lists(marketo)
        self._objects = Objects(marketo)
        self._programs = Programs(marketo)
        self._cache = cache
        self._instance = instance

    def static_list(self, named: str) -> StaticList:
        """The list of this id or name."""

        def ask() -> StaticList:
            return _only("static list", named, self._lists_of(named), f"{_SETUP} makes it")

        return self._found(AttachmentKind.LIST, named, StaticList, ask)

    def program(self, named: str, status: str) -> MemberStatuses:
        """The program of this id or name, whose members can have this status.

        An id is taken at its word where programs may not be looked at: setting a status asks for
        less. Which status comes after which Marketo alone knows then.
        """

        def ask() -> MemberStatuses:
            cure = (
                "make it under Marketing Activities > New > New Program, with a channel that has "
                f"the status `{status}`"
            )
            try:
                found = _only("program", named, self._programs_of(named), cure)
                statuses = self._programs.statuses(found.channel)
            except EndsKind as error:
                if _may_not_look(named, error):
                    return MemberStatuses(int(named), named)
                raise
            return MemberStatuses(found.id, found.name, found.channel, tuple(statuses))

        def judge(found: MemberStatuses) -> None:
            names = [each.name for each in found.statuses if not each.hidden]
            if found.channel and status not in names:
                raise EndsLane(
                    f"program `{found.name}` has no status `{status}`{hint(status, names)}; its "
                    f"channel `{found.channel}` has {', '.join(names)}, and Admin > Tags > Channel "
                    "is where one is added"
                )

        return self._found(AttachmentKind.PROGRAM, named, MemberStatuses, ask, judge)

    def activity_type(self, named: str, attributes: Iterable[str] = ()) -> ActivityType:
        """The approved type of this API name or id, with its attributes, these among them.

        An id is taken at its word where types may not be looked at: then without attributes.
        """
        wanted = tuple(attributes)

        def ask() -> ActivityType:
            try:
                found = self.any_type(named)
                if found.status not in APPROVED:
                    raise EndsLane(
                        f"custom activity type `{named}` was never approved, so it takes no "
                        f"activity; {_SETUP} approves it"
                    )
                return self._activities.describe(found.api_name)
            except EndsKind as error:
                if _may_not_look(named, error):
                    return ActivityType(api_name="", id=int(named))
                raise

        def judge(found: ActivityType) -> None:
            known = {each.api_name for each in found.attributes}
            missing = [f"`{each}`" for each in wanted if each not in known]
            if missing and found.api_name:
                raise EndsLane(
                    f"custom activity type `{named}` has no attribute {', '.join(missing)}; "
                    f"{_SETUP} adds what is missing"
                )

        return self._found(AttachmentKind.ACTIVITY, named, ActivityType, ask, judge)

    def any_type(self, named: str) -> ActivityType:
        """The type of this API name or id, approved or not, without its attributes."""
        types = self._asked(AttachmentKind.ACTIVITY, self._activities.types)
        for each in types:
            if each.api_name == named or str(each.id) == named:
                return each
        near = hint(named, [each.api_name for each in types])
        cure = "take the API name instead" if is_id(named) else f"{_SETUP} makes it"
        raise NotThere(f"Marketo has no custom activity type `{named}`{near}; {cure}")

    def object_type(
        self, named: str, *, dedupe: str, link: str, fields: Iterable[str]
    ) -> ObjectType:
        """The custom object of this API name, which has this key, this link and these fields."""

        def ask() -> ObjectType:
            try:
                return self._objects.describe(named)
            except EndsKind:
                raise
            except Rejected as error:
                raise NotThere(
                    f"Marketo has no approved custom object `{named}`; make it under Admin > "
                    "Marketo Custom Objects (`marketo-ops setup` says how)",
                    code=error.code,
                ) from None

        def judge(found: ObjectType) -> None:
            where = f"custom object `{named}`"
            known = [each.name for each in found.fields]
            missing = [each for each in (*fields, link) if each not in known]
            if missing:
                near = hint(missing[0], known)
                raise EndsLane(
                    f"{where} has no field {_quoted(missing)}{near}; add it under Admin > Marketo "
                    "Custom Objects, and approve the draft"
                )
            if found.dedupe_fields != (dedupe,):
                keys = _quoted(found.dedupe_fields)
                raise EndsLane(f"{where} has the dedupe field {keys}, not `{dedupe}`")
            if link not in found.links_to_lead_id:
                links = _quoted(found.links_to_lead_id) or "no field"
                raise EndsLane(f"{where} links to a person's Id by {links}, not by `{link}`")

        return self._found(AttachmentKind.OBJECT, named, ObjectType, ask, judge)

    def forget(self, kind: AttachmentKind, named: str) -> None:
        """What was kept of it has turned out to be wrong: the next run asks again."""
        if self._cache is not None:
            self._cache.put(self._key(kind, named), None)

    # How they are found

    def _lists_of(self, named: str) -> list[StaticList]:
        if is_id(named):
            try:
                return [self._lists.of_id(int(named))]
            except EndsLane:
                pass  # a number may be a name as well
        return self._lists.named(named)

    def _programs_of(self, named: str) -> list[Program]:
        found = self._programs.of_id(int(named)) if is_id(named) else []
        return found or self._programs.named(named)

    def _found(
        self,
        kind: AttachmentKind,
        named: str,
        shape: type[T],
        ask: Callable[[], T],
        judge: Callable[[T], None] = lambda _: None,
    ) -> T:
        known = self._kept(kind, named, shape)
        if known is not None:
            try:
                judge(known)
            except EndsLane:
                pass  # it may have been mended since
            else:
                return known
        found = self._asked(kind, ask)
        judge(found)
        if self._cache is not None:
            self._cache.put(self._key(kind, named), found)
        return found

    def _kept(self, kind: AttachmentKind, named: str, shape: type[T]) -> T | None:
        if self._cache is None:
            return None
        document = self._cache.get(self._key(kind, named), _KEPT_SECONDS)
        try:
            return None if document is None else msgspec.convert(document, shape)
        except msgspec.ValidationError:
            return None  # as another version kept it

    def _key(self, kind: AttachmentKind, named: str) -> str:
        return _key(self._instance, kind, named)

    def _asked(self, kind: AttachmentKind, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except EndsKind as error:
            text = refusal(error, TO_FIND[kind])
            if error.code == _DENIED and kind in _WRITTEN_BY_ID:
                text += "; or put its id in place of the name"
            raise EndsKind(text, code=error.code) from None


def known_types(
    cache: Cache, instance: str, lanes: Iterable[Lane], max_age_seconds: float
) -> dict[Lane, dict[str, str]]:
    """The data types of what goes to lanes, as they were described last. Asks nobody."""
    found = {}
    for lane in lanes:
        if shape := _TYPED.get(lane.kind):
            document = cache.get(_key(instance, lane.kind, lane.key[0]), max_age_seconds)
            with suppress(msgspec.ValidationError):  # never described, or by another version
                found[lane] = msgspec.convert(document, shape).types
    return found


def _key(instance: str, kind: AttachmentKind, named: str) -> str:
    return f"destination:{instance}:{kind}:{named}"


def is_id(named: str) -> bool:
    """Whether what `streams` names may be an id: a number as Marketo writes it, so not `007`."""
    return bool(_ID.fullmatch(named))


def id_of(named: str, found: StaticList | MemberStatuses) -> str:
    """How it is shown: a number that is an id might have been meant as a name."""
    name = f", `{found.name}`" if is_id(named) and found.name != named else ""
    return f"id {found.id}{name}"


def _may_not_look(named: str, error: EndsKind) -> bool:
    """Whether an id has to do, as what it is the id of may not be looked at."""
    return is_id(named) and error.code == _DENIED


def refusal(error: MarketoError, permission: str) -> str:
    """Why Marketo refused what needs this permission; of other errors their own text."""
    if error.code == _DENIED:
        return (
            f"the API user's role lacks the permission {permission} (603): Admin > Users & Roles > "
            "Roles; or this host is not on the IP allow-list"
        )
    if error.code in _NOT_BOUGHT:
        return (
            f"not part of the subscription ({error.code}): ask Adobe to enable it, or take it out "
            "of `streams`"
        )
    return str(error)


def _only(what: str, named: str, found: list[_Named], cure: str) -> _Named:
    """The only one; several can be told apart by their ids."""
    if len(found) == 1:
        return found[0]
    if not found:
        if is_id(named):
            cure = "an id cannot be made: take a name, or the id of one that is there"
        raise NotThere(f"Marketo has no {what} `{named}`; {cure}")
    ids = ", ".join(map(_id, found))
    raise EndsLane(
        f"Marketo has {len(found)} of the name `{named}`: take the id of the {what}, {ids}"
    )


def _id(found: StaticList | Program) -> str:
    program = found.program_name if isinstance(found, StaticList) else None
    return f"{found.id} (in program {program})" if program else str(found.id)


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{each}`" for each in names)
