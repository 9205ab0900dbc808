"""Names in `streams`, looked up in a Marketo: what is found, and what is wrong, with its cure."""

from __future__ import annotations

from contextlib import closing
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from target_marketo.governor import Governor, Limits
from target_marketo.mapping.attachments import AttachmentKind
from target_marketo.marketo.auth import Token
from target_marketo.marketo.client import Marketo
from target_marketo.marketo.connections import pooled_session
from target_marketo.marketo.errors import EndsKind, EndsLane
from target_marketo.store.cache import Cache
from target_marketo.store.database import open_database
from target_marketo.writes.destinations import Destinations, NotThere
from tests.sandbox.marketo_examples import CHAT_ID, EXAMPLES
from tests.target_marketo.governor.memory_leases import MemoryLeases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.sandbox.marketo.client import MarketoSandbox

OBJECT: dict[str, Any] = {"dedupe": "threadId", "link": "leadId", "fields": ("threadId", "rating")}
SEVERAL = {"static_lists": ({"name": "Chats"}, {"name": "Chats", "program": "LiveChat"})}


@pytest.fixture
def caller(marketo: MarketoSandbox) -> Iterator[Marketo]:
    marketo.reset(**EXAMPLES)
    limits = Limits(calls=1000, seconds=1, concurrent=5, daily=10_000, lease_seconds=20)
    with pooled_session(5, marketo.endpoint) as session:
        yield Marketo(
            endpoint=marketo.endpoint,
            token=Token(session, marketo.identity, marketo.client_id, marketo.client_secret),
            session=session,
            governor=Governor("instance.example", limits, MemoryLeases(), random=Random(1)),
            patience_seconds=0.0,
        )


def test_everything_is_found_by_name_and_by_id(caller: Marketo) -> None:
    found = Destinations(caller)

    assert [found.static_list(each).id for each in ("LiveChat visitors", "1001")] == [1001, 1001]
    programs = [found.program(each, "Engaged") for each in ("LiveChat", "1001")]
    assert [(each.id, each.step("Engaged")) for each in programs] == [(1001, 30), (1001, 30)]
    types = [found.activity_type(each, ["threadId"]) for each in ("livechatChat", str(CHAT_ID))]
    assert [each.id for each in types] == [CHAT_ID, CHAT_ID]
    assert types[0].attributes[1].data_type == "integer"
    assert found.object_type("livechatChat_c", **OBJECT).links_to_lead_id == ("leadId",)


@pytest.mark.parametrize("named", ["007", "\u0661\u0660\u0660\u0661", "9" * 30])
def test_a_number_that_marketo_would_not_write_is_a_name(
    marketo: MarketoSandbox, caller: Marketo, named: str
) -> None:
    marketo.reset(**EXAMPLES | {"static_lists": ({"name": "First"}, {"name": named})})
    assert Destinations(caller).static_list(named).name == named


@pytest.mark.parametrize(
    ("ask", "error", "said"),
    [
        (lambda f: f.static_list("Nobody"), NotThere, "no static list `Nobody`; `marketo-ops"),
        (lambda f: f.static_list("9"), NotThere, "an id cannot be made"),
        (lambda f: f.program("Gone", "Engaged"), NotThere, "Marketing Activities > New"),
        (lambda f: f.program("9", "Engaged"), NotThere, "no program `9`; an id cannot"),
        (lambda f: f.program("LiveChat", "Engagd"), EndsLane, "did you mean `Engaged`?"),
        (lambda f: f.program("LiveChat", "Archived"), EndsLane, "Admin > Tags > Channel"),
        (lambda f: f.activity_type("livechatChats"), NotThere, "did you mean `livechatChat`?"),
        (lambda f: f.activity_type("100009"), NotThere, "take the API name"),
        (lambda f: f.activity_type("livechatDraft"), EndsLane, "never approved"),
        (lambda f: f.activity_type("livechatChat", ["agent", "threadId"]), EndsLane,
         "has no attribute `agent`; `marketo-ops setup --apply` adds"),
        (lambda f: f.object_type("chat_c", **OBJECT), NotThere, "Admin > Marketo Custom Objects"),
        (lambda f: f.object_type("livechatChat_c", **OBJECT | {"fields": ("ratings",)}), EndsLane,
         "no field `ratings`; did you mean `rating`?"),
        (lambda f: f.object_type("livechatChat_c", **OBJECT | {"dedupe": "rating"}), EndsLane,
         "has the dedupe field `threadId`, not `rating`"),
        (lambda f: f.object_type("livechatChat_c", **OBJECT | {"link": "leadEmail"}), EndsLane,
         "links to a person's Id by `leadId`"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_with_its_cure(
    caller: Marketo, ask: Callable[[Destinations], Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error) as raised:
        ask(Destinations(caller))

    assert type(raised.value) is error
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("code", ["1013", "610", "1003"])
def test_an_object_that_is_not_there_is_reported_whatever_the_code(
    caller: Marketo, marketo: MarketoSandbox, code: str
) -> None:
    marketo.set_options(unknown_object=code)

    with pytest.raises(NotThere):
        Destinations(caller).object_type("chat_c", **OBJECT)


def test_a_list_whose_name_is_a_number_and_lists_of_one_name(
    caller: Marketo, marketo: MarketoSandbox
) -> None:
    marketo.reset(**EXAMPLES | {"static_lists": (*SEVERAL["static_lists"], {"name": "2026"})})

    assert Destinations(caller).static_list("2026").name == "2026"
    with pytest.raises(EndsLane, match=r"has 2 .* 1001, 1002 \(in program LiveChat\)"):
        Destinations(caller).static_list("Chats")


LOOKS: list[tuple[Callable[[Destinations], Any], list[str], str]] = [
    (lambda f: f.static_list("LiveChat visitors"), ["Read-Only Lead", "Read-Write Lead"],
     "Read-Only Person"),
    (lambda f: f.program("LiveChat", "Engaged"), ["Read-Only Asset", "Read-Write Asset"],
     "Read-Only Asset"),
    (lambda f: f.activity_type("livechatChat"),
     ["Read-Only Activity Metadata", "Read-Write Activity Metadata"], "Activity Metadata"),
    (lambda f: f.object_type("livechatChat_c", **OBJECT),
     ["Read-Only Custom Object", "Read-Write Custom Object"], "Read-Only Custom Object"),
]  # fmt: skip


@pytest.mark.parametrize(("ask", "denied", "permission"), LOOKS)
def test_a_permission_that_lacks_is_named(
    caller: Marketo,
    marketo: MarketoSandbox,
    ask: Callable[[Destinations], Any],
    denied: list[str],
    permission: str,
) -> None:
    marketo.set_options(denied_permissions=denied)

    with pytest.raises(EndsKind, match=f"lacks the permission .*{permission} \\(603\\)") as raised:
        ask(Destinations(caller))
    assert raised.value.code == "603"


def test_a_feature_that_was_not_bought_is_named(caller: Marketo, marketo: MarketoSandbox) -> None:
    marketo.set_options(missing_features={"custom_objects": "1026", "activities": "703"})

    with pytest.raises(EndsKind, match="not part of the subscription"):
        Destinations(caller).object_type("livechatChat_c", **OBJECT)
    with pytest.raises(EndsKind, match="not part of the subscription"):
        Destinations(caller).activity_type("livechatChat")


def test_an_id_is_taken_at_its_word_where_types_may_not_be_looked_at(
    caller: Marketo, marketo: MarketoSandbox
) -> None:
    marketo.set_options(denied_permissions=LOOKS[2][1])

    found = Destinations(caller).activity_type(str(CHAT_ID), ["threadId"])

    assert (found.id, found.attributes) == (CHAT_ID, ())


def test_the_id_of_a_program_is_taken_at_its_word_where_programs_may_not_be_looked_at(
    caller: Marketo, marketo: MarketoSandbox
) -> None:
    marketo.set_options(denied_permissions=LOOKS[1][1])

    found = Destinations(caller).program("1001", "Engaged")

    assert (found.id, found.step("Engaged")) == (1001, None)
    with pytest.raises(EndsKind, match="or put its id in place of the name"):
        Destinations(caller).program("LiveChat", "Engaged")


def test_what_was_found_is_kept_for_a_day_unless_it_no_longer_does(
    caller: Marketo, marketo: MarketoSandbox, tmp_path: Path
) -> None:
    with closing(open_database(f"sqlite:///{tmp_path / 'store.sqlite'}")) as database:
        now = [0.0]
        cache = Cache(database, lambda: now[0])

        def look() -> Destinations:
            found = Destinations(caller, cache, "one.example")
            assert found.static_list("LiveChat visitors").id == 1001
            assert found.program("LiveChat", "Engaged").step("Engaged") == 30
            assert found.activity_type("livechatChat", ["threadId"]).id == CHAT_ID
            assert found.object_type("livechatChat_c", **OBJECT).dedupe_fields == ("threadId",)
            return found

        look()
        calls = caller.calls.total
        assert calls == 6
        found = look()
        assert caller.calls.total == calls
        with pytest.raises(EndsLane):
            found.activity_type("livechatChat", ["new"])
        assert caller.calls.total == calls + 2, "it may have been added since"
        found.forget(AttachmentKind.LIST, "LiveChat visitors")
        look()
        assert caller.calls.total == calls + 3
        now[0] = 90_000.0
        look()
        assert caller.calls.total == calls + 9
