"""Bots, bans, people who left the queue, and figures by the day."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from tap_livechat.timestamps import parse
from tests.sandbox.crowd import BOTS
from tests.sandbox.livechat.client import LiveChatSandbox
from tests.sandbox.livechat.reports import LEFT_PER_PAGE, left_the_queue
from tests.tap_livechat.answers import Answers
from tests.tap_livechat.conftest import Tap

if TYPE_CHECKING:
    from pathlib import Path

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


@pytest.mark.parametrize("stream", ["queued_visitors_left", "daily_reports"])
@pytest.mark.parametrize(
    ("settings", "was", "said"),
    [
        ({"group_ids": [1]}, {}, "it was made with another group_ids"),
        ({}, {"belongs_to": {"account_id": "another"}}, "it was made with another account_id"),
        ({}, {"replication_key_value": "2099-01-01T00:00:00Z"}, "lies in the future"),
        ({"end_date": "2020-01-01T00:00:00Z"}, {}, "which is after the setting end_date"),
    ],
)
def test_a_state_of_another_run_ends_it_and_is_named(
    tap: Tap, stream: str, settings: dict[str, Any], was: dict[str, Any], said: str
) -> None:
    [state] = tap.run([stream]).states[-1:]
    state["bookmarks"][stream] |= was

    run = tap.run([stream], state, **settings)

    assert run.code == 1
    [line] = run.errors
    assert f"state of {stream}: " in line
    assert said in line
    assert not run.records


def test_periods_bring_who_left_the_queue_once_and_each_day_whole(
    tap: Tap, livechat: LiveChatSandbox
) -> None:
    streams = ["queued_visitors_left", "daily_reports"]
    whole = tap.run(streams)
    middle = (livechat.start + (livechat.end - livechat.start) / 2).isoformat()

    first = tap.run(streams, end_date=middle)
    second = tap.run(streams, start_date=middle)

    left = [sorted(run.values(streams[0], "chat_id")) for run in (first, second)]
    assert all(left)
    assert sorted(left[0] + left[1]) == sorted(whole.values(streams[0], "chat_id"))
    days = [row for run in (first, second) for row in run.records["daily_reports"]]
    assert all(row in whole.records["daily_reports"] for row in days)
    assert {(row["report"], row["date"]) for row in days} == {
        (row["report"], row["date"]) for row in whole.records["daily_reports"]
    }


@pytest.mark.parametrize("off", [timedelta(days=3), -timedelta(days=3)])
def test_they_go_by_livechats_clock(tmp_path: Path, off: timedelta) -> None:
    """Which is behind this host's here, or ahead of it."""
    livechats = datetime.now(UTC).replace(microsecond=0) - off
    period = {
        "clock": livechats.isoformat(),
        "start": (livechats - timedelta(days=20)).isoformat(),
        "end": livechats.isoformat(),
    }
    with LiveChatSandbox(visitors=60, **period) as livechat:
        run = Tap(tmp_path, livechat).run(["queued_visitors_left", "daily_reports"])

        assert run.code == 0
        left = left_the_queue(livechat.crowd().visitors)
        assert sorted(run.values("queued_visitors_left", "visitor_id")) == sorted(
            each.id for each in left
        )
        bookmarks = run.states[-1]["bookmarks"]
        for stream in ("queued_visitors_left", "daily_reports"):
            bookmark = parse(bookmarks[stream]["replication_key_value"])
            assert bookmark is not None
            assert livechats - timedelta(days=1) <= bookmark <= livechats


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


@pytest.mark.parametrize("rest", [["A", "B"], ["B"], []])
def test_a_report_of_far_too_many_pages_costs_one_request(tap: Tap, rest: list[str]) -> None:
    """Whether LiveChat repeats the last page then, or sends an empty one."""

    def page(*chats: str) -> bytes:
        records: dict[str, Any] = {chat: {} for chat in chats}
        return json.dumps({"records": records, "summary": {"total_pages": 1000}}).encode()

    with Answers({"queued_visitors_left": [page("A", "B"), page(*rest)]}) as answers:
        run = tap.run(["queued_visitors_left"], api_url=answers.url)

    assert run.code == 0
    assert run.values("queued_visitors_left", "chat_id") == ["A", "B"]
    assert len(answers.asked) == 2


def test_a_missing_scope_of_reports_is_named(tap: Tap) -> None:
    with Answers({"queued_visitors_left": (403, b'{"error": {"type": "authorization"}}')}) as no:
        run = tap.run(["queued_visitors_left"], api_url=no.url)

    assert run.code == 1
    [line] = run.errors
    assert "it needs the scope reports_read" in line
