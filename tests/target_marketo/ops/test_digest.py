"""The digest: told once, never lost, and without anybody's data."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from target_marketo.ops.digest import render
from target_marketo.store.run_ledger import RunLedger
from tests.sandbox.mailbox import Mailbox

from .conftest import (
    EMAILS,
    MailServer,
    Ops,
    Store,
    failure,
    mail_variables,
)

if TYPE_CHECKING:
    from pathlib import Path

    from target_marketo.ops.digest.report import Report


def ran(store: Store, run: str = "r", *, code: int = 0, ago: float = 0.1, **counts: Any) -> None:
    """A run in the ledger that ended `ago` hours ago."""
    at = datetime.now(UTC) - timedelta(hours=ago)
    with closing(store.open()) as database:
        ledger = RunLedger(database, run, store.instance, lambda: at)
        ledger.started()
        ledger.ended(counts, code, "607" if code else "", "it is told why" if code else "")


def test_news_is_mailed_once_and_then_there_is_none(
    ops: Ops, store: Store, mail_server: MailServer
) -> None:
    mailbox = mail_server.start()
    variables = mail_variables(mailbox)
    ran(store, delivered=7)
    merge = failure(code="1007", last_chat_id="PJ0MRSHTDG")
    store.add(merge, failure(EMAILS[1], "invalid_email", field="email"))

    first = ops("digest", **variables)
    second = ops("digest", **variables)

    assert (first.exit_code, second.exit_code) == (0, 0), first.output
    assert "no news, so no mail" in second.output
    assert len(mailbox.messages) == 1
    text, html = mailbox.bodies()
    for part in (text, html):
        assert "j***@p***.example" in part
        assert "invalid_email email" in part
        assert "marketo-ops replay --code 1007" in part
        assert "chat PJ0MRSHTDG" in part
        assert "email is text of 12 characters" in part
    assert ">From" not in text, "a mail program quotes a line that begins with From"
    assert mailbox.messages[0]["Subject"].startswith("[marketo 127] 2 new, 2 rejections, ")


def test_what_comes_back_is_recurring_and_what_arrived_is_resolved(
    ops: Ops, store: Store, mail_server: MailServer
) -> None:
    mailbox = mail_server.start()
    variables = mail_variables(mailbox)
    ran(store)
    store.add(failure(), failure(code="1006"))
    ops("digest", **variables)
    store.resolve(failure(code="1006"))
    store.add(failure(), failure(), failure("max@planted.example"), failure(code="1077"))

    told = ops.json("digest", **variables)

    kinds = {each["code"]: each for each in told["report"]["kinds"]}
    assert {code: each["state"] for code, each in kinds.items()} == {
        "1077": "new",
        "1003": "recurring",
        "1006": "resolved",
    }
    assert (kinds["1003"]["count"], kinds["1003"]["open"]) == (3, 2)
    assert "1 new, 1 recurring, 1 resolved, 4 rejections" in mailbox.messages[1]["Subject"]
    assert ops.json("digest", **variables)["has_news"] is False


def test_a_server_that_is_down_fails_loudly_and_the_next_mail_covers_both_days(
    ops: Ops, store: Store, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("target_marketo.ops.digest.mail.full_jitter", lambda *_, **__: 0.0)
    mailbox = mail_server.start()
    variables = mail_variables(mailbox)
    ran(store, "1", delivered=3)
    store.add(failure())
    mail_server.stop()

    down = ops("digest", **variables)
    store.add(failure(code="1006"))
    ran(store, "2", delivered=4)
    mailbox = mail_server.start(port=mailbox.port)
    up = ops("digest", **variables)

    assert (down.exit_code, up.exit_code) == (1, 0)
    assert "no connection" in down.output
    text, _ = mailbox.bodies()
    assert "1003" in text
    assert "1006" in text
    assert ": 7 delivered" in text


def test_the_same_news_has_the_same_message_id_and_other_news_another(
    ops: Ops, store: Store, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox = mail_server.start()
    variables = mail_variables(mailbox)
    ran(store)
    store.add(failure())
    # As if the process died between the server's 250 and the mark.
    monkeypatch.setattr("target_marketo.ops.digest.digest._mark", lambda *_: None)
    ops("digest", **variables)
    ops("digest", **variables)
    store.add(failure(code="1006"))
    ops("digest", **variables)

    identities = [str(each["Message-ID"]) for each in mailbox.messages]
    assert identities[0] == identities[1] != identities[2]


def test_what_is_logged_while_the_mail_is_on_its_way_comes_with_the_next(
    ops: Ops, store: Store, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox = mail_server.start()
    variables = mail_variables(mailbox)
    ran(store)
    store.add(failure())
    subject = render.subject

    def meanwhile(report: Report) -> str:
        monkeypatch.setattr(render, "subject", subject)
        store.add(failure(), failure(code="1006"))  # after the report was read
        return subject(report)

    monkeypatch.setattr(render, "subject", meanwhile)
    ops("digest", **variables)
    told = ops.json("digest", **variables)

    kinds = {each["code"]: (each["state"], each["count"]) for each in told["report"]["kinds"]}
    assert kinds == {"1003": ("recurring", 1), "1006": ("new", 1)}


def test_a_partly_refused_digest_counts_as_told_and_ends_with_1(
    ops: Ops, store: Store, mail_server: MailServer
) -> None:
    mailbox = mail_server.start()
    mailbox.refused["bob@ops.test"] = ["550 no such user"]
    ran(store)
    store.add(failure())

    result = ops("digest", **mail_variables(mailbox))

    assert result.exit_code == 1
    assert "refuses b***@o***.test (550)" in result.output
    assert ops.json("digest", **mail_variables(mailbox))["has_news"] is False


def test_no_news_is_mailed_only_with_a_heartbeat(
    ops: Ops, store: Store, mail_server: MailServer
) -> None:
    mailbox = mail_server.start()
    ran(store, delivered=3)

    ops("digest", **mail_variables(mailbox))
    assert mailbox.messages == []
    ops("digest", "--heartbeat", **mail_variables(mailbox))

    assert "all is well" in mailbox.messages[0]["Subject"]
    assert ": 3 delivered" in mailbox.bodies()[0]


def test_a_preview_is_written_and_nothing_counts_as_told(
    ops: Ops, store: Store, tmp_path: Path
) -> None:
    store.add(failure())

    assert ops("digest", "--preview", "digest.html").exit_code == 0
    page = (tmp_path / "digest.html").read_text()

    assert "1003" in page
    assert ops.json("digest", "--preview", "digest.html")["has_news"] is True
    assert "cannot be written" in ops("digest", "--preview", "no/such/file").output


def test_nothing_has_run_for_too_long_is_news(ops: Ops, store: Store) -> None:
    ran(store, ago=8)

    silent = ops.json("digest", "--preview", "x.html")
    patient = ops.json("digest", "--preview", "x.html", MARKETO_OPS_SILENCE_HOURS="9")

    assert (silent["report"]["silent_hours"], silent["has_news"]) == (8, True)
    assert patient["has_news"] is False


def test_runs_that_failed_or_were_killed_are_news(ops: Ops, store: Store) -> None:
    ran(store, "failed", code=75)
    ran(store, "good", ago=0.2)
    with closing(store.open()) as database:
        an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
        RunLedger(database, "killed", store.instance, lambda: an_hour_ago).started()
        RunLedger(database, "under way", store.instance).started()

    report = ops.json("digest", "--preview", "x.html")["report"]

    assert [(run["what"], run["waits"]) for run in report["ended_runs"]] == [
        ("exit code 75", True),
        ("killed", False),
    ]
    assert report["runs"] == 3


def test_runs_that_failed_alike_are_one_and_the_sums_are_of_all(ops: Ops, store: Store) -> None:
    counts = {"received": 9, "delivered": 4, "created": 1, "updated": 2, "skipped": 5}
    for number in range(3):
        ran(store, f"{number}", code=1, ago=number + 0.5, **counts)
    ran(store, "good", attachments={"custom_activities": 3}, **counts)

    report = ops.json("digest", "--preview", "x.html")["report"]

    ((what, count),) = [(run["what"], run["count"]) for run in report["ended_runs"]]
    assert (what, count) == ("exit code 1", 3)
    assert (report["created"], report["updated"], report["skipped"]) == (4, 8, 20)
    assert report["attachments"] == {"custom_activities": 3}
    assert report["headline"].startswith("healthy since")
    assert report["last_success"]


def test_meltanos_failures_are_news_unless_our_ledger_tells_them(
    ops: Ops, store: Store, tmp_path: Path, mail_server: MailServer
) -> None:
    (tmp_path / "meltano.yml").write_text("project_id: x\n")
    folder = tmp_path / ".meltano"
    folder.mkdir()
    now = datetime.now(UTC).replace(tzinfo=None)

    def row(number: int, state: str, ago: float, error: str = "") -> tuple[Any, ...]:
        began, ended = now - timedelta(hours=ago), now - timedelta(hours=ago - 0.2)
        return number, "prod:job", state, str(began), str(ended), f'{{"error": "{error}"}}'

    with closing(sqlite3.connect(folder / "meltano.db")) as connection:
        connection.execute(
            "CREATE TABLE runs"
            " (id INTEGER, job_name, state, started_at, ended_at, payload, last_heartbeat_at)"
        )
        rows = [row(1, "SUCCESS", 5), row(2, "FAIL", 3, "Extractor failed"), row(3, "FAIL", 2)]
        connection.executemany("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, NULL)", rows)
        connection.commit()
    ran(store, "ours", code=1, ago=1.9)
    mailbox = mail_server.start()
    variables = mail_variables(mailbox)

    first = ops.json("digest", **variables)["report"]["ended_runs"]
    again = ops.json("digest", **variables)

    assert [run["source"] for run in first] == ["target-marketo", "Meltano: prod:job"]
    assert first[1]["what"] == "Extractor failed"
    assert again["has_news"] is False


def test_open_entries_that_the_retention_will_delete_are_news(ops: Ops, store: Store) -> None:
    ran(store)
    store.add(failure(), now=lambda: datetime.now(UTC) - timedelta(days=86))

    assert ops.json("digest", "--preview", "x.html")["report"]["deleted_soon"] == 1


def test_the_dead_man_switch_is_called_on_start_success_and_failure(
    ops: Ops, store: Store, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("target_marketo.ops.digest.mail.full_jitter", lambda *_, **__: 0.0)
    mailbox = mail_server.start()
    ran(store)
    called: list[str] = []

    class Reply:
        ok = True

    def get(url: str, **options: Any) -> Reply:
        called.append(url)
        return Reply()

    monkeypatch.setattr("requests.get", get)
    ping = {"MARKETO_OPS_PING_URL": "https://ping.example/planted-ping-token"}
    ops("digest", **mail_variables(mailbox), **ping)
    store.add(failure())
    mail_server.stop()
    ops("digest", **mail_variables(mailbox), **ping)

    assert [url.partition("planted-ping-token")[2] for url in called] == [
        "/start", "", "/start", "/fail",
    ]  # fmt: skip


def test_a_switch_that_does_not_answer_stops_nothing_and_is_not_shown(
    ops: Ops, store: Store, mail_server: MailServer
) -> None:
    ran(store)
    store.add(failure())
    ping = {"MARKETO_OPS_PING_URL": "http://127.0.0.1:9/planted-ping-token"}

    result = ops("digest", **mail_variables(mail_server.start()), **ping)

    assert result.exit_code == 0
    assert "ping address does not answer" in result.output


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("TIMEZONE", "Mars/Olympus", "must be a zone"),
        ("SILENCE_HOURS", "soon", "number of hours"),
        ("PING_URL", "http://ping.example/planted-ping-token", "must start with https://"),
        ("MAIL_FROM", "", "`MARKETO_OPS_MAIL_FROM` is missing"),
    ],
)
def test_a_wrong_setting_ends_the_digest_with_one_line(
    ops: Ops, variable: str, value: str, said: str
) -> None:
    variables = mail_variables(Mailbox(9)) | {f"MARKETO_OPS_{variable}": value}

    result = ops("digest", **variables)

    assert result.exit_code == 1
    assert said in result.output
