"""What people typed, in the forms of today and of old threads."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tap_livechat.records.test_visitor import chat, filled_form, visitor_of

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
