"""An e-mail that was typed once is not forgotten by the end of the run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tap_livechat.records.visitor import KnownEmails
from tests.tap_livechat.answers import Answers
from tests.tap_livechat.records.chats import chat, filled_form

if TYPE_CHECKING:
    from tests.tap_livechat.conftest import Tap

OPEN = b'{"chats_summary": [], "found_chats": 0}'


def record(email: str | None, source: str | None = "profile", who: str = "c1") -> dict[str, Any]:
    return {"visitor_id": who, "email": email, "email_source": email and source}


@pytest.mark.parametrize(
    ("earlier", "later", "email"),
    [
        ("a@example.com", None, "a@example.com"),
        ("a@example.com", "broken@", "a@example.com"),
        ("a@example.com", "b@example.com", "b@example.com"),
        ("broken@", None, "broken@"),
        (None, "b@example.com", "b@example.com"),
        (None, None, None),
    ],
)
def test_a_later_row_has_the_best_email_so_far(
    earlier: str | None, later: str | None, email: str | None
) -> None:
    known = KnownEmails()
    known.complete(record(earlier, "prechat"))

    completed = known.complete(record(later))

    assert completed["email"] == email
    assert completed["email_source"] == (
        "prechat" if email and email != later else email and "profile"
    )


def test_of_too_many_visitors_those_are_forgotten_that_were_not_seen_for_longest() -> None:
    known = KnownEmails(most=2)
    for who in ("c1", "c2", "c1", "c3"):
        known.complete(record(f"{who}@example.com", who=who))

    assert known.complete(record(None, who="c2"))["email"] is None
    assert known.complete(record(None, who="c1"))["email"] == "c1@example.com"


def test_visitors_and_chats_of_later_pages_have_it(tap: Tap) -> None:
    form = filled_form({"type": "email", "label": "E-mail", "answer": "a@example.com"})
    typed = chat(form, created_at="2026-01-01T10:00:00.000000Z")
    silent = chat(id="THREAD2", created_at="2026-01-02T10:00:00.000000Z")
    pages = [
        {"chats": [typed], "found_chats": 2, "next_page_id": "2"},
        {"chats": [silent], "found_chats": 2},
    ]

    with Answers(
        {"list_archives": [json.dumps(page).encode() for page in pages], "list_chats": OPEN}
    ) as answers:
        run = tap.run(["visitors", "chats"], api_url=answers.url)

    assert run.code == 0
    assert run.values("visitors", "email") == ["a@example.com"] * 2
    assert run.values("chats", "email_source") == ["prechat"] * 2
