"""Bots, bans, people who left the queue, and figures by the day."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema

from tests.sandbox.crowd import BOTS
from tests.sandbox.livechat.reports import LEFT_PER_PAGE, left_the_queue
from tests.tap_livechat.answers import Answers

if TYPE_CHECKING:
    from tests.sandbox.livechat.client import LiveChatSandbox
    from tests.tap_livechat.conftest import Tap

STREAMS = ["bots", "customer_bans", "queued_visitors_left", "daily_reports"]
REPORTS = (
    "total_chats",
    "ratings",
    "duration",
    "engagement",
    "response_time",
    "first_response_time",
    "queued_visitors",
)


def test_they_are_not_selected_by_default(tap: Tap) -> None:
    streams = tap.catalog([])["streams"]

    roots = {
        stream["stream"]: item["metadata"]
        for stream in streams
        for item in stream["metadata"]
        if not item["breadcrumb"]
    }
    assert [name for name, root in roots.items() if root["selected-by-default"] is False] == sorted(
        STREAMS
    )


def test_each_arrives_whole_fits_its_schema_and_costs_what_the_readme_says(
    tap: Tap, livechat: LiveChatSandbox
) -> None:
    run = tap.run(STREAMS, start_date=None)

    left = list(left_the_queue(livechat.crowd().visitors))
    pages = -(-len(left) // LEFT_PER_PAGE)
    assert run.code == 0
    assert livechat.counts()["requests"] == {
        "list_bots": 1,
        "list_customer_bans": 1,
        "chats/queued_visitors_left": pages,
        **{f"chats/{report}": 1 for report in REPORTS},
    }
    assert run.values("bots", "id") == [bot.id for bot in BOTS]
    assert len(run.records["customer_bans"]) == 2
    assert sorted(run.values("queued_visitors_left", "visitor_id")) == sorted(v.id for v in left)
    assert set(run.values("daily_reports", "report")) == set(REPORTS)
    days = [row for row in run.records["daily_reports"] if row["report"] == "total_chats"]
    created = [each.created_at for each in livechat.crowd().threads]
    assert [row["date"] for row in days] == sorted({f"{at:%Y-%m-%d}" for at in created})
    for stream, records in run.records.items():
        for record in records:
            jsonschema.validate(record, run.schemas[stream]["schema"])


def test_who_left_the_queue_has_the_email_of_the_survey(tap: Tap) -> None:
    run = tap.run(["queued_visitors_left"])

    known = [row for row in run.records["queued_visitors_left"] if row["email"]]
    assert known
    for row in known:
        assert row["email_source"] == "prechat"
        assert (row["first_name"], row["last_name"]) == ("Quentin", "Queue")
        assert row["form_answers"]["Your e-mail"] == row["email"]
        assert row["session_fields"] == {"plan": "free"}


def test_the_next_run_asks_for_what_is_new_alone(tap: Tap, livechat: LiveChatSandbox) -> None:
    first = tap.run(["queued_visitors_left", "daily_reports"])
    livechat.reset()

    second = tap.run(["queued_visitors_left", "daily_reports"], first.states[-1])

    assert second.code == 0
    assert livechat.counts()["requests"]["chats/queued_visitors_left"] == 1
    assert len(second.records["daily_reports"]) <= 3 * len(REPORTS)


def test_a_state_of_other_groups_ends_the_run_before_anything_is_asked(
    tap: Tap, livechat: LiveChatSandbox
) -> None:
    first = tap.run(["daily_reports"], group_ids=[1])
    livechat.reset()

    second = tap.run(["daily_reports"], first.states[-1], group_ids=[2])

    assert second.code == 1
    [line] = second.errors
    assert "state of daily_reports: it was made with another group_ids" in line
    assert not livechat.counts()["requests"]


def test_odd_rows_of_a_report_are_kept_as_far_as_they_fit(tap: Tap) -> None:
    records: dict[str, Any] = {
        "A": {"visitor": {"id": 7, "name": "Ann Lee"}, "queue": {"duration": "12", "group": "x"}},
        "B": {"visitor": None, "prechat_survey": [{"key": "E-mail", "value": "", "type": "email"}]},
        "C": {},
    }
    reply = json.dumps({"records": records, "summary": {"total_pages": 1}}).encode()

    with Answers({"queued_visitors_left": reply}) as answers:
        run = tap.run(["queued_visitors_left"], api_url=answers.url)

    assert run.code == 0
    assert run.values("queued_visitors_left", "chat_id") == ["A", "B", "C"]
    assert run.values("queued_visitors_left", "queue_seconds") == [12, None, None]
    assert run.values("queued_visitors_left", "email") == [None, None, None]


def test_a_missing_scope_of_reports_is_named(tap: Tap) -> None:
    with Answers({"queued_visitors_left": (403, b'{"error": {"type": "authorization"}}')}) as no:
        run = tap.run(["queued_visitors_left"], api_url=no.url)

    assert run.code == 1
    [line] = run.errors
    assert "it needs the scope reports_read" in line
