"""Decisions beside the rules: who is meant, what a second try sends, and who shares a key."""

from __future__ import annotations

from typing import Any

import pytest

from target_marketo.mapping.identity import Known, address_at_stake, adoption, known
from target_marketo.mapping.rules import Duplicates, Rule, Rules, Step, Write, decide
from target_marketo.mapping.second_try import refused_fields, without
from target_marketo.mapping.values import Kind

RULES = Rules((Rule("email", Write.ALWAYS), Rule("city", Write.ALWAYS)))
ONLY_THERE = Rules((Rule("city", Write.ALWAYS),), creates=False)
ANN = {"id": 1, "email": "ann@example.com", "key": None, "city": "Rome"}
BOB = {"id": 2, "email": "bob@example.com", "key": "b-2", "city": "Rome"}


@pytest.mark.parametrize(
    ("by_key", "by_email", "expected"),
    [
        ([], [], Known([])),
        ([BOB], [BOB], Known([BOB])),
        ([BOB], [], Known([BOB])),
        ([], [ANN], Known([ANN], adopts=True)),
        ([], [BOB], Known([], conflict=True)),
        ([], [BOB, ANN], Known([ANN], adopts=True)),
        ([BOB], [ANN], Known([BOB], conflict=True)),
    ],
)
def test_nobody_gets_a_second_person_for_an_address(
    by_key: Any, by_email: Any, expected: Known
) -> None:
    found = known("key", by_key, by_email, "a-1")
    assert found == expected
    assert not (found.adopts and found.conflict)
    assert found.adopts is (bool(found.leads) and not by_key)


def test_who_is_found_by_address_with_the_same_key_in_another_case_is_the_same() -> None:
    # A lookup by a custom field may be sensitive to case.
    assert known("key", [], [BOB | {"key": "B-2"}], "b-2").leads == [BOB | {"key": "B-2"}]


BY_KEY = Rules((Rule("key", Write.ON_CREATE), Rule("email", Write.ALWAYS)))
NOBODY_NEW = Rules((Rule("key", Write.ON_CREATE), Rule("email", Write.ALWAYS)), creates=False)


@pytest.mark.parametrize(
    ("steps", "leads", "expected"),
    [
        pytest.param([(BY_KEY, "Ann@Example.com")], [], "ann@example.com", id="who is new gets it"),
        pytest.param([(BY_KEY, "new@example.com")], [BOB], "new@example.com", id="it is another"),
        pytest.param([(BY_KEY, "bob@example.com")], [BOB], "", id="it is there"),
        pytest.param([(BY_KEY, None)], [], "", id="none is said"),
        pytest.param(
            [(NOBODY_NEW, "old@example.com"), (NOBODY_NEW, "ann@example.com")],
            [],
            "ann@example.com",
            id="the latest tells who is meant",
        ),
    ],
)
def test_the_address_that_somebody_would_get_is_looked_for(
    steps: Any, leads: Any, expected: str
) -> None:
    said = [
        Step(rules, {"key": "b-2"} | ({"email": email} if email else {})) for rules, email in steps
    ]
    assert address_at_stake(said, leads, Duplicates.NEWEST) == expected


def test_the_address_of_each_of_several_is_looked_for() -> None:
    step = Step(BY_KEY, {"key": "b-2", "email": "new@example.com"})
    twins = [BOB | {"email": "new@example.com"}, BOB | {"id": 3}]
    assert address_at_stake([step], twins, Duplicates.ALL) == "new@example.com"


def test_who_lacks_the_key_gets_it_as_the_records_have_it() -> None:
    known_as = Step(BY_KEY, {"key": 7, "email": "ann@example.com"})
    elsewhere = Step(RULES, {"city": "Rome"})

    given = adoption("key", "7", [elsewhere, known_as])
    assert decide([given], [ANN]).updates[0].values == {"key": 7}
    assert decide([adoption("key", "7", [elsewhere])], [ANN]).updates[0].values == {"key": "7"}
    assert decide([given], []).nobody, "nobody is made of it"


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        ("1003", "Invalid value for field 'city' and value 'email'", {"city"}),
        ("1006", "Field 'city' not found", {"city"}),
        ("1077", 'Value for field "city" exceeds max length', {"city"}),
        ("1003", "Invalid value for field 'elsewhere' and value 'city'", set()),
        ("1003", "no name at all", set()),
        ("1021", "Company update not allowed during syncLead", {"company"}),
        ("1004", "Lead 'city' not found", set()),
    ],
)
def test_a_refusal_names_a_field_of_the_row_or_none(
    code: str, message: str, expected: set[str]
) -> None:
    assert refused_fields(code, message, ["email", "city", "company"]) == expected


def test_a_second_try_goes_without_the_field_and_what_is_as_new_as_it() -> None:
    at = Rule("lastChatAt", Write.GREATEST, Kind.DATETIME, group="chat")
    topic = Rule("topic", Write.NEWEST, group="chat")
    rules = Rules((Rule("email", Write.ALWAYS), Rule("city", Write.ALWAYS), at, topic))
    said = {"email": "a@example.com", "city": "Rome", "lastChatAt": "2026", "topic": "Bill"}
    step = Step(rules, said)

    assert without(step, {"city"}).values.keys() == {"email", "lastChatAt", "topic"}
    assert without(step, {"topic"}).values.keys() == {"email", "city", "lastChatAt"}
    assert without(step, {"lastChatAt"}).values.keys() == {"email", "city"}


def test_twins_are_counted_whomever_the_policy_chooses() -> None:
    step = Step(RULES, {"email": "ann@example.com", "city": "Rome"})
    twins = [ANN, ANN | {"id": 3}]

    for policy in Duplicates:
        assert decide([step], twins, policy).twins == 2
    assert decide([step], [ANN]).twins == 0


def test_a_step_that_creates_nobody_waits_for_one_that_does() -> None:
    quiet = Step(ONLY_THERE, {"city": "Paris"})
    loud = Step(RULES, {"email": "ann@example.com"})

    assert decide([quiet], []).nobody
    assert decide([quiet, loud], []).create == {"email": "ann@example.com", "city": "Paris"}
    assert decide([quiet], [ANN]).updates[0].values == {"city": "Paris"}
