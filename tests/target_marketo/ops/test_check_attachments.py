"""`marketo-ops check` finds before a run what would stop a list, program, activity or object."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.marketo_examples import EXAMPLES

if TYPE_CHECKING:
    from tests.sandbox.marketo.client import MarketoSandbox

    from .conftest import Ops

ACTIVITY: dict[str, Any] = {
    "type": "livechatChat",
    "once": "thread_id",
    "date": "created_at",
    "primary": "topic",
    "attributes": {"threadId": "thread_id", "rated": "rated"},
}
OBJECT: dict[str, Any] = {
    "name": "livechatChat_c",
    "dedupe": "threadId",
    "link": "leadId",
    "fields": {"threadId": "thread_id", "rating": "rating"},
}
CHATS: dict[str, Any] = {
    "key": "email",
    "create": False,
    "lists": ["LiveChat visitors"],
    "programs": {"LiveChat": "Engaged"},
    "activity": ACTIVITY,
    "object": OBJECT,
}
SUBJECTS = {
    "lists": "list LiveChat visitors",
    "programs": "program LiveChat, Engaged",
    "activity": "activity type livechatChat",
    "object": "custom object livechatChat_c",
}


def lines(ops: Ops, **changes: Any) -> dict[str, tuple[str, str]]:
    """Subject -> colour and text, with some of the entry for chats changed."""
    streams = json.dumps({"chats": CHATS | changes})
    found = ops.json("check", TARGET_MARKETO_STREAMS=streams)
    return {line["subject"]: (line["colour"], line["text"]) for line in found["lines"]}


@pytest.fixture(autouse=True)
def examples(marketo: MarketoSandbox) -> None:
    marketo.reset(**EXAMPLES)


def test_everything_that_is_there_is_green_and_nothing_is_written(
    ops: Ops, marketo: MarketoSandbox
) -> None:
    found = lines(ops)

    assert {subject: found[subject][0] for subject in SUBJECTS.values()} == dict.fromkeys(
        SUBJECTS.values(), "green"
    )
    assert "approved, with all 2 attributes" in found["activity type livechatChat"][1]
    assert marketo.list_members("LiveChat visitors") == []
    assert marketo.program_members("LiveChat") == {}
    assert (marketo.activities(), marketo.custom_objects("livechatChat_c")) == ([], [])
    assert marketo.leads() == []


@pytest.mark.parametrize(
    ("changes", "subject", "said"),
    [
        ({"lists": ["Nobody"]}, "list Nobody", "`marketo-ops setup --apply` makes it"),
        ({"programs": {"Gone": "Engaged"}}, "program Gone, Engaged", "Marketing Activities"),
        ({"programs": {"LiveChat": "Engagd"}}, "program LiveChat, Engagd", "mean `Engaged`?"),
        ({"activity": ACTIVITY | {"type": "noType"}}, "activity type noType", "setup --apply"),
        ({"activity": ACTIVITY | {"type": "livechatDraft"}}, "activity type livechatDraft",
         "never approved, so it takes no activity; `marketo-ops setup --apply`"),
        ({"activity": ACTIVITY | {"attributes": {"threadId": "thread_id", "agent": "agent"}}},
         "activity type livechatChat", "no attribute `agent`; `marketo-ops setup --apply`"),
        ({"activity": ACTIVITY | {"attributes": {"rated": "thread_id"}}},
         "activity type livechatChat", "the data type boolean for `rated`, by which an activity"),
        ({"object": OBJECT | {"name": "gone_c"}}, "custom object gone_c", "Admin > Marketo"),
    ],
)  # fmt: skip
def test_what_is_unknown_is_red_with_its_cure(
    ops: Ops, changes: dict[str, Any], subject: str, said: str
) -> None:
    colour, text = lines(ops, **changes)[subject]

    assert colour == "red"
    assert said in text


@pytest.mark.parametrize(
    ("denied", "part", "permission"),
    [
        (["Read-Only Asset", "Read-Write Asset"], "programs", "Read-Only Asset"),
        (["Read-Only Activity Metadata", "Read-Write Activity Metadata"], "activity",
         "Read-Only Activity Metadata"),
        (["Read-Write Activity"], "activity", "Read-Write Activity"),
        (["Read-Only Custom Object", "Read-Write Custom Object"], "object",
         "Read-Only Custom Object"),
        (["Read-Write Custom Object"], "object", "Read-Write Custom Object"),
        (["Read-Write Lead"], "lists", "Read-Write Person"),
        (["Read-Write Lead"], "programs", "Read-Write Person"),
    ],
)  # fmt: skip
def test_a_permission_that_lacks_is_named(
    ops: Ops, marketo: MarketoSandbox, denied: Any, part: str, permission: str
) -> None:
    marketo.set_options(denied_permissions=denied)

    colour, text = lines(ops)[SUBJECTS[part]]

    assert colour == "red"
    assert f"lacks the permission {permission} (603)" in text


@pytest.mark.parametrize(
    ("feature", "code", "part"),
    [("activities", "703", "activity"), ("custom_objects", "1026", "object"),
     ("lists", "616", "lists")],
)  # fmt: skip
def test_a_feature_that_was_not_bought_is_named(
    ops: Ops, marketo: MarketoSandbox, feature: str, code: str, part: str
) -> None:
    marketo.set_options(missing_features={feature: code})

    colour, text = lines(ops)[SUBJECTS[part]]

    assert (colour, f"not part of the subscription ({code})" in text) == ("red", True)


@pytest.mark.parametrize("denied", [False, True])
def test_a_type_that_may_be_missing_is_amber(
    ops: Ops, marketo: MarketoSandbox, *, denied: bool
) -> None:
    if denied:
        may_not = ["Read-Only Activity Metadata", "Read-Write Activity Metadata"]
        marketo.set_options(denied_permissions=may_not)
    optional = ACTIVITY | {"type": "noType", "if_missing": "skip"}

    colour, text = lines(ops, activity=optional)["activity type noType"]

    assert (colour, "not an error (`if_missing: skip`)" in text) == ("amber", True)


def test_a_field_that_marketo_lacks_names_the_cure(ops: Ops) -> None:
    found = lines(ops, fields={"email": "email", "chatNotes": "summary"})

    assert found["fields of chats"][0] == "red"
    assert "`marketo-ops setup --apply` makes it" in found["fields of chats"][1]
