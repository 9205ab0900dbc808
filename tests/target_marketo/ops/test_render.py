"""How the digest looks: small, legible on a phone and in the dark, its text complete by itself."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from target_marketo.ops.digest import render
from target_marketo.ops.digest.ended_runs import EndedRun
from target_marketo.ops.digest.report import Kind, Report, State, Told


def report(kinds: int = 3, runs: int = 2, **changes: Any) -> Report:
    """A report with so many kinds; names as long and as hostile as they come."""
    states = list(State)
    made = tuple(
        Kind(
            state=states[number % 3],
            stream="visitors<script>",
            code=str(1000 + number),
            field="<b>aCustomFieldWithARatherLongName</b>",
            meaning="a value is longer than Marketo's field & more",
            cure="set `truncate: true` for the field, then replay",
            count=number + 1,
            people=number + 1,
            open=number,
            resolved=1,
            first_seen="2026-11-19T12:00:00+00:00",
            last_seen="2026-11-20T06:00:00+00:00",
            who="j***@p***.example",
            sample="phone is text of 300 characters",
            chat="PJ0MRSHTDG",
            replay=f"marketo-ops replay --code {1000 + number} | target-marketo",
        )
        for number in range(kinds)
    )
    failed = EndedRun("2026-11-20T05:00:00+00:00", "target-marketo", "exit code 1", "x" * 400)
    values: dict[str, Any] = {
        "instance": "123-abc-456.mktorest.com",
        "environment": "prod",
        "timezone": "Europe/Berlin",
        "since": "2026-11-19T06:00:00+00:00",
        "until": "2026-11-20T06:00:00+00:00",
        "healthy": True,
        "headline": "healthy since 2026-11-12 09:07",
        "kinds": made,
        "ended_runs": (failed,) * runs,
        "runs": 24,
        "last_run": "2026-11-20T05:00:00+00:00",
        "last_success": "2026-11-20T05:00:00+00:00",
        "silent_hours": 0,
        "received": 5000,
        "delivered": 4000,
        "unchanged": 900,
        "skipped": 400,
        "rejected": 100,
        "created": 300,
        "updated": 2000,
        "twins": 0,
        "values_left_out": 0,
        "duplicates": "newest",
        "attachments": {"custom_activities": 1200, "static_lists": 40},
        "open_entries": 120,
        "oldest_open": "2026-11-01T06:00:00+00:00",
        "deleted_soon": 3,
        "hours": tuple((f"{hour:02}", hour * hour) for hour in range(24)),
        "calls": {"lookup": 20, "createOnly": 12},
        "throttled": 2,
        "calls_today": 40,
        "calls_today_everybody": 12_000,
        "calls_limit": 40_000,
        "told": Told(),
    }
    return Report(**(values | changes))


class Page(HTMLParser):
    """Tags that are open, and what would be fetched."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.seen: set[str] = set()
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag not in {"meta", "br"}:
            self.open.append(tag)
        self.fetched += [str(value) for name, value in attrs if name in {"src", "href"}]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("kinds", [0, 1, 3, 30, 500, 2000])
def test_it_stays_below_80_kb_and_is_whole_html_that_fetches_nothing(kinds: int) -> None:
    html = render.html(report(kinds))
    page = Page(html)

    assert len(html.encode()) < 80_000
    assert page.open == []
    assert page.fetched == []
    assert "url(" not in html
    assert not page.seen & {"script", "img", "link", "iframe", "form", "svg"}
    if kinds <= 500:
        assert len(set(re.findall(r"\b1\d{3} &lt;b", html))) == kinds, "each kind has its place"


def test_names_of_other_systems_are_only_text() -> None:
    html = render.html(report(30))

    assert "<script" not in html
    assert "&lt;b&gt;aCustom" in html


def test_it_has_a_dark_side_and_a_phones_width() -> None:
    html = render.html(report())

    assert '<meta name="color-scheme" content="light dark">' in html
    assert "prefers-color-scheme:dark" in html
    assert "width=device-width" in html
    assert "max-width:640px" in html


def test_the_text_is_complete_by_itself() -> None:
    text = render.text(report(500))

    assert len(set(re.findall(r"  1\d{3} <b>", text))) == 500
    assert "RUNS THAT FAILED (2)" in text
    assert "People: 300 created and 2,000 updated, 1,200 chats written to timelines" in text
    assert "5,000 records received in 24 runs: 4,000 delivered, 900 unchanged, 400 skipped" in text
    assert "Last success: 11-20 06:00" in text
    assert "11-20 07:00 (Europe/Berlin)" in text
    assert "\n\n\n" not in text


def test_the_present_state_comes_first_and_no_backtick_is_shown() -> None:
    told = report(
        ended_runs=(EndedRun("2026-11-20T05:00:00+00:00", "x", "exit code 1", "`client_id` is"),),
        headline="the last run failed at 06:00: `client_id` is wrong <b>",
        healthy=False,
    )

    text, html = render.text(told), render.html(told)

    assert text.startswith("The last run failed at 06:00: client_id is wrong <b>\n")
    assert "The last run failed at 06:00: <code>client_id</code> is wrong &lt;b&gt;" in html
    body = html[html.index("<body") :]
    assert body.index("The last run failed at") < body.index("1 run failed")
    assert "`" not in text + html


def test_like_runs_are_one_line_with_their_count_and_waiting_is_no_failure() -> None:
    at, first = "2026-11-20T05:00:00+00:00", "2026-11-19T23:00:00+00:00"
    told = report(
        ended_runs=(
            EndedRun(at, "target-marketo", "exit code 1", "it is wrong", count=7, first=first),
            EndedRun(at, "target-marketo", "exit code 75", "no calls", waits=True),
        )
    )

    assert "7 runs failed, 1 run waited" in render.subject(told)
    for part in (render.text(told), render.html(told)):
        assert "7 times, 11-20 00:00 to" in part
        assert "left the rest to the next" in part.lower()


def test_the_subject_is_numbers_and_our_own_words() -> None:
    hostile = report(3, environment="=?utf-8?q?a=0D=0ABcc:_e?=\r\n<x>")

    assert render.subject(report(3)) == (
        "[marketo prod] 2 runs failed, 1 new, 1 recurring, 1 resolved, 6 rejections, 2026-11-20"
    )
    assert re.fullmatch(r"\[marketo [\w-]+\] [\w ,-]+", render.subject(hostile))


def test_what_is_not_a_rejection_is_reported_where_there_is_any() -> None:
    (kind,) = report(1).kinds
    made = replace(report(twins=12, values_left_out=3), kinds=(replace(kind, left_out=True),))

    for page in (render.text(made), render.html(made)):
        text = re.sub("</?code>", "", page)
        assert "12 addresses belong to several people; duplicates chose the newest." in text
        assert "3 values did not fit: the rest of their records was delivered without." in page
        assert "1 since the last digest (1 person), delivered without it, 0 open" in page
    assert "3 values left out" in render.subject(made)
    assert "rejection" not in render.subject(made)
    assert "delivered without" not in render.text(report())


def test_no_mail_shows_a_backtick_whatever_it_shows() -> None:
    ticks = "a `name` in `any` text"
    (kind,) = report(1).kinds
    told = replace(kind, state=State.NEW, meaning=ticks, cure=ticks, sample=ticks, field="`x`")
    run = EndedRun("2026-11-20T05:00:00+00:00", "target-marketo", ticks, ticks)
    made = report(headline=ticks, environment=ticks, twins=2, kinds=0)
    made = replace(made, kinds=(told,), ended_runs=(run,))

    for page in (render.text(made), render.html(made), render.subject(made)):
        assert "`" not in page
    assert "<code>name</code>" in render.html(made)


def test_one_of_a_thing_is_one() -> None:
    for page in (render.text(report(runs=1)), render.text(replace(report(), runs=1, received=1))):
        assert not re.search(r"\b1 (runs|records|people)\b", page)
