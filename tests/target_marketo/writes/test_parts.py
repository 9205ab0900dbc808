"""What the mapping cannot attach stands in the error log as that part, until it is delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.target_marketo.writes.attaching import THING, replayed, visitor
from tests.target_marketo.writes.attaching import messages as visits
from tests.target_marketo.writes.chatting import chat, messages, streams, wrong

if TYPE_CHECKING:
    from tests.sandbox.marketo.client import MarketoSandbox
    from tests.target_marketo.in_process import InProcess


def parts(target: InProcess) -> dict[str, bool]:
    """Each open or resolved entry's part, its key left out, and whether it is resolved."""
    return {each.part.partition("#")[0]: each.resolved for each in target.entries()}


UNMADE = {
    "a date that is none": {"date": "topic"},
    "a once key that no record has": {"once": "text"},
}


@pytest.mark.parametrize("wrongly", UNMADE.values(), ids=UNMADE)
def test_an_activity_that_cannot_be_made_is_resolved_when_it_is_delivered(
    marketo: MarketoSandbox, target: InProcess, wrongly: dict[str, Any]
) -> None:
    ended = target.run(messages(chats=2, topic="x"), streams=streams(**wrongly))
    assert (ended.code, ended.states) == (0, [{"done": 1}])
    assert parts(target) == {"activity:livechatChat": False}

    lines = replayed(target, streams())
    ended = target.run(lines, streams=streams())

    assert lines[0]["part"] == "activity:livechatChat"
    assert (ended.code, wrong(marketo, 2)) == (0, [])
    assert [each.resolved for each in target.entries()] == [True, True]


@pytest.mark.parametrize("wrongly", UNMADE.values(), ids=UNMADE)
def test_another_chat_of_the_person_resolves_nothing(
    target: InProcess, wrongly: dict[str, Any]
) -> None:
    target.run(messages(chats=1, topic="x"), streams=streams(**wrongly))
    head, _, last = messages(chats=1)
    target.run([head, chat(6), last], streams=streams())

    assert [each.resolved for each in target.entries()] == [False]


def test_the_tap_that_brings_the_record_again_resolves_it(
    marketo: MarketoSandbox, target: InProcess
) -> None:
    target.run(messages(chats=3, topic="x"), streams=streams(date="topic"))
    target.run(messages(chats=3), streams=streams())

    assert wrong(marketo, 3) == []
    assert [each.resolved for each in target.entries()] == [True] * 3


def test_a_value_that_is_left_out_of_an_object_is_resolved_when_the_object_has_it(
    marketo: MarketoSandbox, target: InProcess
) -> None:
    def held() -> Any:
        return [each.get("rating") for each in marketo.custom_objects("livechatChat_c")]

    target.run(visits([visitor("a", rating={"stars": 5})]), streams=THING.streams())
    assert (held(), parts(target)) == ([None], {"object:livechatChat_c.rating": False})
    target.run(visits([visitor("a")]), streams=THING.streams())
    assert parts(target) == {"object:livechatChat_c.rating": False}

    target.run(visits([visitor("a", rating="good")]), streams=THING.streams())

    assert (held(), parts(target)) == (["good"], {"object:livechatChat_c.rating": True})


def test_a_value_that_is_left_out_of_an_object_is_replayed_with_the_object_alone(
    marketo: MarketoSandbox, target: InProcess
) -> None:
    target.run(visits([visitor("a", rating={"stars": 5})]), streams=THING.streams())
    fields = {"threadId": "thread_id", "rating": "rating.stars"}
    mended = THING.streams(object={**THING.entry["object"], "fields": fields})
    marketo.reset_counts()
    lines = replayed(target, mended)
    ended = target.run(lines, streams=mended)

    assert lines[0]["part"] == "object:livechatChat_c"
    assert (ended.code, parts(target)) == (0, {"object:livechatChat_c.rating": True})
    assert "sync" not in marketo.counts().calls
