"""What people typed, in the forms of today and of old threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.tap_livechat.records.chats import chat, filled_form, visitor_of

if TYPE_CHECKING:
    from tests.sandbox.livechat.client import LiveChatSandbox
    from tests.tap_livechat.conftest import Tap

EMAIL = {"type": "email", "label": "E-mail:", "value": "a@example.com"}


def of_old(kind: object) -> dict[str, Any]:
    return {"properties": {"lc2": {"form_type": kind}}}


@pytest.mark.parametrize(
    ("form", "source"),
    [
        ({}, "prechat"),
        (of_old("prechat"), "prechat"),
        (of_old("postchat"), "postchat"),
        (of_old("ticket"), "ticket"),
        (of_old("survey_of_2014"), "survey_of_2014"),
        (of_old(None), "prechat"),
        (of_old(["odd"]), "prechat"),
        ({"properties": {"lc2": "odd"}}, "prechat"),
        ({"form_type": "ticket"}, "ticket"),
        ({"form_type": "ask_for_email", **of_old("prechat")}, "ask_for_email"),
        ({"form_type": "pre_chat"}, "prechat"),
    ],
)
def test_a_form_says_its_kind_in_the_way_of_its_time(form: dict[str, Any], source: str) -> None:
    record = visitor_of(chat(filled_form(EMAIL, **form)))

    assert (record["email"], record["email_source"]) == ("a@example.com", source)


def test_old_forms_answer_under_value() -> None:
    form = filled_form({"type": "name", "label": "Name:", "value": "Bob Ray"}, EMAIL)

    record = visitor_of(chat(form))

    assert (record["first_name"], record["last_name"]) == ("Bob", "Ray")
    assert record["form_answers"] == {"Name:": "Bob Ray", "E-mail:": "a@example.com"}


def test_two_questions_of_one_label_keep_both_answers() -> None:
    form = filled_form(
        {"type": "question", "label": "Company", "answer": "Acme"},
        {"type": "question", "label": "Company", "answer": "Beta"},
        {"type": "question", "label": "", "answer": "x"},
    )

    assert visitor_of(chat(form))["form_answers"] == {"Company": "Acme, Beta", "question": "x"}


def test_custom_variables_of_a_thread_are_session_fields_older_than_those_of_the_session() -> None:
    variables = [{"key": "plan", "value": "free"}, {"key": "cart", "value": 3}, {"value": "x"}]

    record = visitor_of(
        chat(custom_variables=variables, customer={"session_fields": [{"plan": "pro"}]})
    )

    assert record["session_fields"] == {"plan": "pro", "cart": "3"}


def test_people_are_the_same_in_threads_of_today_and_of_old(
    tap: Tap, livechat: LiveChatSandbox
) -> None:
    livechat.set_clock(livechat.end)
    today = _people(tap)
    livechat.change(threads_of_old=True)
    try:
        of_old = _people(tap)
    finally:
        livechat.change(threads_of_old=False)

    left_out = ("email_source", "session_fields")
    for visitor_id, person in today.items():
        then = of_old[visitor_id]
        assert {name for name in person if person[name] != then[name]} <= {*left_out}, visitor_id
    sources = {person["email_source"] for person in of_old.values()}
    assert sources >= {"profile", "prechat", "postchat", "ask_for_email", "ticket", None}
    assert {person["email"] for person in today.values()} == {
        person["email"] for person in of_old.values()
    }


def _people(tap: Tap) -> dict[str, dict[str, Any]]:
    """The newest row of each visitor."""
    rows = tap.run_here(("visitors",)).records["visitors"]
    return {row["visitor_id"]: row for row in rows}
