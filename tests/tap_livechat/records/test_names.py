"""Whose name is it? People type other things where a name is asked for."""

from __future__ import annotations

from typing import Any

import pytest

from tap_livechat.records import visitor
from tests.tap_livechat.records.chats import chat, filled_form, from_customer, visitor_of


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("+15550102030", None, None),
        ("555-0102-030", None, None),
        ("(020) 7946 0123", None, None),
        ("12345678", None, None),
        ("anna@example.com", None, None),
        ("<anna@example.com>", None, None),
        ("www.example.com", None, None),
        ("Acme Ltd", None, None),
        ("Acme Ltd.", None, None),
        ("ACME GmbH & Co. KG", None, None),
        ("Contoso Sp. z o.o.", None, None),
        ("Société Générale S.A.", None, None),
        ("Volvo AB", None, None),
        ("Blue Sky Solutions", None, None),
        ("株式会社山田", None, None),
        ("Ann Lee +1 555 010 2030", "Ann", "Lee"),
        ("Ann Lee <ann@example.com>", "Ann", "Lee"),
        ("ann@example.com Ann", "Ann", None),
        ("Ann Lee, Acme Ltd", "Ann", "Lee"),
        ("Ann Lee (Acme GmbH)", "Ann", "Lee"),
        ("Ann Lee - Acme Inc.", "Ann", "Lee"),
        ("Acme Inc. / Ann Lee", "Ann", "Lee"),
        ("Ann Lee from Acme Limited", "Ann", "Lee"),
        # These are names.
        ("Vincent Sa", "Vincent", "Sa"),
        ("JOSE SA", "JOSE", "SA"),
        ("Lee, Ann", "Ann", "Lee"),
        ("Jean-Luc O'Neil", "Jean-Luc", "O'Neil"),
    ],
)
def test_a_phone_number_an_email_or_a_company_is_no_name_nor_half_of_one(
    name: str, first: str | None, last: str | None
) -> None:
    record = from_customer({"id": "c1", "name": name})

    assert (record["first_name"], record["last_name"]) == (first, last)
    assert record["name"] == name, "agents see what was typed"


@pytest.mark.parametrize("shown", ["Client", None, "+15550102030", "ann@example.com", "Acme Ltd"])
def test_a_name_in_a_form_is_taken_where_the_profile_has_none(shown: str | None) -> None:
    form = filled_form({"type": "name", "label": "Name", "answer": "Ann Lee"})

    record = visitor_of(chat(form, customer={"name": shown}))

    assert (record["name"], record["first_name"]) == ("Ann Lee", "Ann")


def test_a_phone_number_in_a_form_replaces_no_name() -> None:
    form = filled_form({"type": "name", "label": "Name", "answer": "+15550102030"})

    record = visitor_of(chat(form, customer={"name": "Ann Lee"}))

    assert (record["name"], record["first_name"]) == ("Ann Lee", "Ann")


@pytest.mark.parametrize("later", ["Client", "+15550102030", None])
def test_a_name_of_an_earlier_thread_outlives_what_is_not_one(later: str | None) -> None:
    earlier = from_customer({"id": "c1", "name": "Ann Lee"})

    merged: dict[str, Any] = visitor.merge(earlier, from_customer({"id": "c1", "name": later}))

    assert (merged["name"], merged["last_name"], merged["name_is_default"]) == (
        "Ann Lee",
        "Lee",
        False,
    )
