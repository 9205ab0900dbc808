"""Lists, programs and objects without a Marketo: rows, what two have in common, and what ends."""

from __future__ import annotations

from contextlib import closing
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest

from target_marketo.delivery.interface import CallFailed, Fate, NotSent, Row
from target_marketo.governor import Cancelled
from target_marketo.mapping.attachments import Attachment, AttachmentKind, Lane
from target_marketo.marketo.attachments import Rows, Written
from target_marketo.marketo.errors import (
    EndsKind,
    EndsLane,
    NotAuthorized,
    OutcomeUnknown,
    Rejected,
    SendFewer,
    Unavailable,
)
from target_marketo.marketo.objects import ObjectField, ObjectType
from target_marketo.marketo.replies import Reason
from target_marketo.store.database import open_database
from target_marketo.writes.custom_objects import CustomObjects
from target_marketo.writes.destinations import MemberStatuses, NotThere
from target_marketo.writes.program_members import ProgramMembers
from target_marketo.writes.static_lists import StaticLists

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from target_marketo.store.database import Database
    from target_marketo.writes.parts import Parts
    from target_marketo.writes.repeatable import Repeatable

VIP, VIP_BY_ID, NEWS = (Lane(AttachmentKind.LIST, (name,)) for name in ("VIP", "7", "News"))
ENGAGED, MEMBER, ENGAGED_BY_ID, OTHER = (
    Lane(AttachmentKind.PROGRAM, key)
    for key in (
        ("LiveChat", "Engaged"),
        ("LiveChat", "Member"),
        ("21", "Engaged"),
        ("Other", "Engaged"),
    )
)
CHAT = Lane(AttachmentKind.OBJECT, ("chat_c",), dedupe="threadId", link="leadId")
LANES: dict[type[Repeatable], tuple[Lane, ...]] = {
    StaticLists: (VIP, VIP_BY_ID, NEWS),
    ProgramMembers: (ENGAGED, MEMBER, ENGAGED_BY_ID, OTHER),
    CustomObjects: (CHAT,),
}
STEPS = {"Member": 10, "Engaged": 20}


class Destinations:
    """What is where; `ids` are of names."""

    def __init__(self) -> None:
        self.ids = {"VIP": 7, "7": 7, "News": 8, "LiveChat": 21, "21": 21, "Other": 22}
        self.missing: dict[str, Exception] = {}
        self.forgotten: list[tuple[str, str]] = []
        self.shows_statuses = True

    def _id(self, name: str) -> int:
        if name in self.missing:
            raise self.missing[name]
        return self.ids[name]

    def static_list(self, name: str) -> Any:
        return SimpleNamespace(id=self._id(name))

    def program(self, name: str, status: str) -> MemberStatuses:
        if not self.shows_statuses:
            return MemberStatuses(self._id(name), name, "", ())
        found = cast("Any", SimpleNamespace(name=status, step=STEPS[status]))
        return MemberStatuses(self._id(name), name, "channel", (found,))

    def object_type(self, name: str, **options: Any) -> ObjectType:
        assert options == {"dedupe": "threadId", "link": "leadId", "fields": ("threadId",)}
        if name in self.missing:
            raise self.missing[name]
        return ObjectType(("threadId",), (ObjectField("threadId"),))

    def forget(self, kind: str, name: str) -> None:
        self.forgotten.append((kind, name))


class Api:
    """The calls that write; `answers` are raised or returned in turn."""

    def __init__(self) -> None:
        self.sent: list[tuple[Any, ...]] = []
        self.answers: list[Any] = []

    def _answer(self, *sent: Any) -> Rows:
        self.sent.append(sent)
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return Rows(answer or [Written("added", lead_id=1)] * len(sent[-1]), "r#1")

    def add(self, number: int, leads: Sequence[int]) -> Rows:
        return self._answer(number, list(leads))

    def set_status(self, number: int, status: str, leads: Sequence[int]) -> Rows:
        return self._answer(number, status, list(leads))

    def upsert(self, name: str, rows: Sequence[bytes]) -> Rows:
        return self._answer(name, [msgspec.json.decode(row) for row in rows])


class World:
    """A kind, and what it speaks to."""

    def __init__(self, make: type[Repeatable], database: Database) -> None:
        lanes = dict.fromkeys(LANES[make], ("threadId",))
        settings = SimpleNamespace(instance="one")
        parts = SimpleNamespace(marketo=None, database=database, settings=settings, lanes=lanes)
        self.kind: Any = make(cast("Parts", parts))
        self.places = Destinations()
        vars(self.kind)["destinations"] = self.places
        self.api = Api()
        for name in ("_lists", "_programs", "_objects"):
            if hasattr(self.kind, name):
                setattr(self.kind, name, self.api)
        self.lane = LANES[make][0]

    def rows(self, *leads: int) -> list[Row]:
        return [Row(self.kind.row(lead, b'{"leadId":0}'), lead, None, "key") for lead in leads]

    def send(self, *leads: int) -> list[tuple[Fate, str]]:
        results = self.kind.send(self.lane, self.rows(*leads)).results
        return [(result.fate, result.code) for result in results]

    def identity(self, lead: int, lane: Lane, once: str = "", **values: Any) -> Any:
        return self.kind.identity(lead, self.kind.attachment(Attachment(lane, values, once=once)))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(open_database(f"sqlite:///{tmp_path / 'store.sqlite'}")) as found:
        yield found


@pytest.fixture(params=LANES, ids=lambda make: make.__name__)
def world(request: pytest.FixtureRequest, database: Database) -> World:
    return World(request.param, database)


@pytest.fixture
def lists(database: Database) -> World:
    found = World(StaticLists, database)
    found.kind.prepare()
    return found


@pytest.fixture
def programs(database: Database) -> World:
    found = World(ProgramMembers, database)
    found.kind.prepare()
    return found


@pytest.fixture
def objects(database: Database) -> World:
    found = World(CustomObjects, database)
    found.kind.prepare()
    return found


# What is sent, and what two have in common


def test_people_go_into_the_list_that_the_name_leads_to(lists: World) -> None:
    assert lists.send(1, 2) == [(Fate.DONE, "")] * 2
    assert lists.api.sent == [(7, [1, 2])]
    assert [msgspec.json.decode(row.row) for row in lists.rows(5)] == [{"id": 5}]


def test_people_get_the_status_in_the_program_that_the_name_leads_to(programs: World) -> None:
    assert programs.send(1, 2) == [(Fate.DONE, "")] * 2
    assert programs.api.sent == [(21, "Engaged", [1, 2])]
    assert [msgspec.json.decode(row.row) for row in programs.rows(5)] == [{"leadId": 5}]


def test_an_object_is_linked_to_its_person_whatever_the_record_says(objects: World) -> None:
    mapped = Attachment(CHAT, {"leadId": 99, "threadId": "T-1", "rating": 0}, once="T-1")
    attachment = objects.kind.attachment(mapped)
    row = Row(objects.kind.row(12, attachment.payload), 12, "T-1", "key")

    assert objects.kind.send(CHAT, [row]).results[0].fate is Fate.DONE
    assert objects.api.sent == [("chat_c", [{"threadId": "T-1", "rating": 0, "leadId": 12}])]
    assert (attachment.once, attachment.part) == ("T-1", "object:chat_c")


def test_a_person_goes_into_a_list_once_whatever_it_is_called(lists: World) -> None:
    assert lists.identity(1, VIP) == lists.identity(1, VIP_BY_ID)
    assert lists.identity(1, VIP) != lists.identity(2, VIP)
    assert lists.identity(1, VIP) != lists.identity(1, NEWS)


def test_a_person_has_one_status_in_a_program_whatever_it_is_called(programs: World) -> None:
    assert programs.identity(1, ENGAGED) == programs.identity(1, MEMBER)
    assert programs.identity(1, ENGAGED) == programs.identity(1, ENGAGED_BY_ID)
    assert programs.identity(1, ENGAGED) != programs.identity(2, ENGAGED)
    assert programs.identity(1, ENGAGED) != programs.identity(1, OTHER)


def test_lists_that_are_not_there_are_known_by_their_names(lists: World) -> None:
    lists.places.missing = {"VIP": NotThere("no list VIP"), "News": NotThere("no list News")}
    lists.kind.prepare()
    assert lists.identity(1, VIP) == lists.identity(1, VIP)
    assert lists.identity(1, VIP) != lists.identity(1, NEWS)


def test_an_object_is_one_for_its_key_whoever_its_person_is(objects: World) -> None:
    assert objects.identity(1, CHAT, "T-1") == objects.identity(2, CHAT, "T-1", rating=5)
    assert objects.identity(1, CHAT, "T-1") != objects.identity(1, CHAT, "T-2")


def test_only_a_later_step_takes_the_place_of_a_status(programs: World) -> None:
    assert programs.kind.replaces(ENGAGED, MEMBER)
    assert not programs.kind.replaces(MEMBER, ENGAGED)
    assert not programs.kind.replaces(ENGAGED, ENGAGED)
    programs.places.missing = {"LiveChat": NotThere("no program")}
    programs.kind.prepare()
    assert not programs.kind.replaces(ENGAGED_BY_ID, MEMBER), "its step is not known"
    assert not programs.kind.replaces(MEMBER, ENGAGED_BY_ID)


def test_where_steps_are_not_known_each_status_is_said(programs: World) -> None:
    programs.places.shows_statuses = False
    programs.kind.prepare()

    assert programs.identity(1, ENGAGED) != programs.identity(1, MEMBER)
    assert programs.identity(1, ENGAGED) == programs.identity(1, ENGAGED_BY_ID)
    assert not programs.kind.replaces(ENGAGED, MEMBER)
    assert programs.send(1) == [(Fate.DONE, "")]


def test_of_lists_and_objects_the_later_record_counts(lists: World, objects: World) -> None:
    assert lists.kind.replaces(VIP, VIP)
    assert objects.kind.replaces(CHAT, CHAT)


def test_the_fields_of_an_object_are_looked_for_before_the_first_row(objects: World) -> None:
    objects.places.missing = {"chat_c": NotThere("no object chat_c")}
    objects.kind.prepare()
    with pytest.raises(CallFailed):
        objects.send(1)
    assert objects.api.sent == []


# What ends


@pytest.mark.parametrize(
    ("error", "fate"),
    [
        (EndsLane("gone", code="1013"), Fate.ENDS_LANE),
        (EndsKind("denied", code="603"), Fate.ENDS_KIND),
        (SendFewer("too large", code="413"), Fate.REFUSED),
        (Rejected("a wrong call", code="1002"), Fate.ENDS_KIND),
        (NotAuthorized("who are you", code="600"), Fate.ENDS_RUN),
        (Unavailable("down", code="713"), Fate.ENDS_RUN),
        (OutcomeUnknown("cut", at_work_seconds=9.0), Fate.UNKNOWN),
    ],
)
def test_a_call_that_fails_is_told_to_the_engine(world: World, error: Any, fate: Fate) -> None:
    world.kind.prepare()
    world.api.answers = [error, error]
    with pytest.raises(CallFailed) as failed:
        world.send(1)
    assert (failed.value.fate, failed.value.code) == (fate, error.code)
    assert len(world.api.sent) == 1, "it is said again by nobody here"
    asked = [(world.kind.name, world.lane.key[0])] if fate is Fate.ENDS_LANE else []
    assert world.places.forgotten == asked


def test_a_run_that_is_cancelled_sends_nothing(world: World) -> None:
    world.kind.prepare()
    world.api.answers = [Cancelled()]
    with pytest.raises(NotSent):
        world.send(1)


def test_an_invalid_call_to_a_list_or_program_ends_it_and_of_objects_a_row_is_wrong(
    world: World,
) -> None:
    world.kind.prepare()
    world.api.answers = [SendFewer("invalid", code="1003")] * 2
    with pytest.raises(CallFailed) as failed:
        world.send(1)
    is_object = isinstance(world.kind, CustomObjects)
    assert failed.value.fate is (Fate.REFUSED if is_object else Fate.ENDS_LANE)
    assert world.places.forgotten == [(world.kind.name, world.lane.key[0])], "is it there still?"


@pytest.mark.parametrize(
    ("make", "code", "fate"),
    [
        (ProgramMembers, "1037", Fate.DONE),
        (ProgramMembers, "1036", Fate.LATER),
        (CustomObjects, "1036", Fate.LATER),
        (StaticLists, "1004", Fate.AGAIN),
        (StaticLists, "1003", Fate.REFUSED),
    ],
)
def test_a_row_that_is_skipped_has_the_fate_of_its_kind(
    database: Database, make: type[Repeatable], code: str, fate: Fate
) -> None:
    world = World(make, database)
    world.kind.prepare()
    world.api.answers = [
        [Written("skipped", reasons=(Reason(code),)), Written("added", lead_id=2)],
    ]
    assert world.send(1, 2) == [(fate, code), (Fate.DONE, "")]


def test_what_is_not_there_ends_its_lane_alone_when_something_goes_to_it(lists: World) -> None:
    lists.places.missing = {"News": NotThere("no list News: make it")}
    lists.kind.prepare()
    with pytest.raises(CallFailed) as failed:
        lists.kind.send(NEWS, lists.rows(1))

    assert (failed.value.fate, failed.value.code) == (Fate.ENDS_LANE, "1013")
    assert failed.value.cure == "no list News: make it"
    assert lists.api.sent == []
    assert lists.send(1) == [(Fate.DONE, "")]


def test_what_may_not_be_looked_up_ends_its_kind(lists: World) -> None:
    lists.places.missing = {"News": EndsKind("not allowed", code="603")}
    lists.kind.prepare()
    with pytest.raises(CallFailed) as failed:
        lists.kind.send(NEWS, lists.rows(1))
    assert (failed.value.fate, failed.value.code) == (Fate.ENDS_KIND, "603")


@pytest.mark.parametrize("code", ["1013", "1003"])
def test_a_list_that_was_made_again_gets_its_people(lists: World, code: str) -> None:
    lists.api.answers = [EndsLane("gone", code=code)]
    lists.places.ids["VIP"] = 70

    assert lists.send(1) == [(Fate.DONE, "")]
    assert lists.api.sent == [(7, [1]), (70, [1])]
    assert lists.places.forgotten == [(AttachmentKind.LIST, "VIP")]


def test_a_list_that_is_where_it_was_is_asked_for_once_more_and_ends(lists: World) -> None:
    lists.api.answers = [EndsLane("gone", code="1013")]
    with pytest.raises(CallFailed) as failed:
        lists.send(1)
    assert failed.value.fate is Fate.ENDS_LANE
    assert len(lists.api.sent) == 1
    assert lists.places.forgotten == [(AttachmentKind.LIST, "VIP")]


def test_while_a_list_cannot_be_asked_for_its_people_wait(lists: World) -> None:
    lists.api.answers = [EndsLane("gone", code="1013")]
    lists.places.missing = {"VIP": Unavailable("down", code="713")}
    with pytest.raises(CallFailed) as failed:
        lists.send(1)
    assert failed.value.fate is Fate.ENDS_RUN


def test_where_another_call_has_found_the_new_list_it_is_not_asked_for_again(lists: World) -> None:
    old = lists.kind.lanes.of(VIP)
    lists.places.ids["VIP"] = 70
    assert lists.kind.lanes.moved(VIP, old)
    assert lists.kind.lanes.moved(VIP, old)
    assert len(lists.places.forgotten) == 1


def test_a_lane_is_skipped_where_its_type_may_be_missing(lists: World) -> None:
    assert not lists.kind.skips(VIP)
    assert lists.kind.skips(Lane(AttachmentKind.LIST, ("VIP",), skip_if_missing=True))
