"""`tap-livechat --check`: a line each on token, scopes, account and clock, for two requests."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests import warm
from tests.sandbox.livechat.client import LiveChatSandbox
from tests.tap_livechat.answers import Answers
from tests.tap_livechat.conftest import Tap

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

ALL = ["visitors", "chats", "agents", "groups", "tags"]
ARCHIVES = {"list_archives": b'{"chats": [], "found_chats": 7}'}


def check(
    tap: Tap, streams: Sequence[str] | None = ALL, how: str = "--check=json", **settings: Any
) -> subprocess.CompletedProcess[str]:
    return warm.run([*tap.command(streams, **settings), how], env=tap.environment)


def findings(done: subprocess.CompletedProcess[str]) -> dict[str, tuple[str, str]]:
    [line] = done.stdout.splitlines()
    report = json.loads(line)
    assert report["ok"] is (done.returncode == 0)
    assert report["billed_requests"] <= 2
    return {each["check"]: (each["status"], each["message"]) for each in report["findings"]}


def oauth(livechat: LiveChatSandbox) -> dict[str, Any]:
    known = livechat.settings
    return {
        "account_id": None,
        "personal_access_token": None,
        "client_id": known.client_id,
        "client_secret": known.client_secret,
        "refresh_token": known.refresh_token,
    }


def test_it_says_one_line_each_and_bills_one_request_where_livechat_tells_the_scopes(
    tap: Tap, livechat: LiveChatSandbox
) -> None:
    found = findings(check(tap, **oauth(livechat)))

    assert list(found) == ["token", "scopes", "account", "clock"]
    assert {name: found[name][0] for name in ("token", "scopes", "account")} == {
        "token": "ok",
        "scopes": "ok",
        "account": "ok",
    }
    assert livechat.account_id in found["account"][1]
    assert livechat.counts()["requests_total"] == 1 + 1, "one of them is the sign-in, unbilled"


def test_the_same_can_be_read_by_people(tap: Tap, livechat: LiveChatSandbox) -> None:
    done = check(tap, how="--check", **oauth(livechat))

    assert done.returncode == 0
    lines = [line.split()[:2] for line in done.stdout.splitlines()]
    assert [line[1] for line in lines] == ["token", "scopes", "account", "clock"]
    assert "| ERROR" not in done.stderr


def test_scopes_of_a_personal_access_token_are_tried_with_two_requests(
    tap: Tap, livechat: LiveChatSandbox
) -> None:
    found = findings(check(tap))

    assert found["token"][0] == "ok"
    assert found["scopes"][0] == "not_tried"
    assert "tags (tags--all:ro" in found["scopes"][1]
    billed = livechat.counts()["requests"]
    assert sum(count for name, count in billed.items() if not name.startswith("accounts")) == 2


def test_if_livechat_tells_the_scopes_of_a_personal_access_token_one_request_does(
    tap: Tap, livechat: LiveChatSandbox
) -> None:
    livechat.change(info_takes_personal_tokens=True)
    try:
        found = findings(check(tap))
    finally:
        livechat.change(info_takes_personal_tokens=False)

    assert found["scopes"][0] == "ok"
    assert livechat.counts()["requests"]["list_archives"] == 1


@pytest.mark.parametrize(
    ("scope", "streams", "expected"),
    [
        ("chats--all:ro", ["visitors"], ("ok", "visitors")),
        ("chats--all:rw", ["visitors"], ("ok", "visitors")),
        ("chats--access:ro", ["visitors"], ("warning", "chats--all:ro")),
        ("tags--groups:ro", ["tags"], ("ok", "tags")),
        ("agents-bot--my:ro", ["bots"], ("ok", "bots")),
        ("chats--all:ro", ALL, ("failed", "agents needs agents--all:ro")),
        ("agents--all:ro", ALL, ("failed", "visitors needs chats--all:ro")),
    ],
)
def test_a_missing_scope_is_named_with_its_stream(
    tap: Tap,
    livechat: LiveChatSandbox,
    scope: str,
    streams: list[str],
    expected: tuple[str, str],
) -> None:
    livechat.change(scopes=[scope])

    status, message = findings(check(tap, streams, **oauth(livechat)))["scopes"]

    assert status == expected[0]
    assert expected[1] in message


@pytest.mark.parametrize("name", ["agent_names", "group_names"])
def test_a_scope_that_only_a_property_needs_is_looked_for_too(
    tap: Tap, livechat: LiveChatSandbox, name: str
) -> None:
    tap.fields = {("chats", name): True}
    scope = f"{name.removesuffix('_names')}s--all:ro"
    livechat.change(scopes=["chats--all:ro"])

    told = findings(check(tap, ["visitors", "chats"], **oauth(livechat)))["scopes"]
    livechat.reset()
    tried = findings(check(tap, ["visitors", "chats"]))["scopes"]

    for status, message in (told, tried):
        assert status == "warning", "a run goes on without the names"
        assert f"chats.{name} needs {scope}" in message
    asked = {each for each in livechat.counts()["requests"] if each.startswith("list_")}
    assert asked == {"list_archives", f"list_{name.removesuffix('_names')}s"}
    tap.fields = {}
    assert findings(check(tap, ["visitors", "chats"], **oauth(livechat)))["scopes"][0] == "ok"


def test_a_wrong_token_is_named(tap: Tap) -> None:
    done = check(tap, personal_access_token="dal:wrong")

    found = findings(done)
    assert done.returncode == 1
    assert found["token"][0] == "failed"
    assert "LiveChat rejects the credentials" in found["token"][1]
    assert found["account"][0] == "not_tried"
    assert "wrong" not in done.stdout + done.stderr


def test_a_refresh_token_that_rotates_is_kept_where_a_run_looks_for_it(tmp_path: Path) -> None:
    with LiveChatSandbox(visitors=5, rotate_refresh_tokens=True) as livechat:
        tap = Tap(tmp_path, livechat)
        found = findings(check(tap, **oauth(livechat)))
        [kept] = (tmp_path / "state" / "tap-livechat").iterdir()
        run = tap.run(["visitors"], **oauth(livechat))

    assert found["token"][0] == "warning"
    assert "replaced the refresh token" in found["token"][1]
    assert kept.stat().st_mode & 0o077 == 0
    assert run.code == 0


def test_a_refresh_token_that_could_not_be_kept_is_not_risked(
    tap: Tap, livechat: LiveChatSandbox
) -> None:
    Path(tap.folder / "state").write_text("a file in the folder's place")

    done = check(tap, **oauth(livechat))

    found = findings(done)
    assert found["token"][0] == "not_tried"
    assert "could not be kept" in found["token"][1]
    assert livechat.counts()["requests_total"] == 0


@pytest.mark.parametrize(
    ("ahead", "status", "words"),
    [
        (timedelta(), "ok", "within 60 s"),
        (timedelta(hours=-2), "warning", "2:00:0"),
        (timedelta(days=3), "warning", "behind"),
        (None, "not_tried", "did not tell"),
    ],
)
def test_a_clock_that_is_off_is_reported(
    tap: Tap, ahead: timedelta | None, status: str, words: str
) -> None:
    with Answers(ARCHIVES, ahead=ahead) as answers:
        found = findings(check(tap, ["visitors"], api_url=answers.url))

    assert found["clock"][0] == status
    assert words in found["clock"][1]
    assert found["account"][1].endswith("list_archives answers, about 7 chats")


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ((403, b'{"error": {"type": "license_expired"}}'), "renew the LiveChat subscription"),
        ((429, b'{"error": {"type": "too_many_requests"}}'), "try again in a minute"),
        ((500, b"oops"), "try again in a minute"),
    ],
)
def test_an_account_that_does_not_answer_is_reported_at_once(
    tap: Tap, reply: tuple[int, bytes], words: str
) -> None:
    with Answers({"list_archives": reply}) as answers:
        found = findings(check(tap, ["visitors"], api_url=answers.url))

    assert found["account"][0] == "failed"
    assert words in found["account"][1]
    assert answers.asked == ["list_archives"]


def test_wrong_settings_are_a_finding_too(tap: Tap) -> None:
    done = check(tap, page_size=1000)

    assert done.returncode == 1
    assert findings(done)["settings"] == ("failed", "setting page_size: its maximum is 100")


@pytest.mark.parametrize("source", ["customers", "cdp"])
def test_the_other_sources_are_asked_in_their_own_way(
    tap: Tap, livechat: LiveChatSandbox, source: str
) -> None:
    found = findings(check(tap, ["visitors"], visitor_source=source, **oauth(livechat)))

    assert found["scopes"][0] == found["account"][0] == "ok"
    assert "list_customers answers" in found["account"][1]


def test_an_account_without_the_customer_data_platform_is_reported_as_such(tap: Tap) -> None:
    for reply in ((404, b'{"error": "not found"}'), (403, b'{"error": "forbidden"}')):
        with Answers({"list_customers": reply}) as answers:
            run = tap.run(["visitors"], visitor_source="cdp", cdp_url=answers.url)

        assert run.code == 1
        [line] = run.errors
        assert "only accounts with the Text App have a Customer Data Platform" in line
