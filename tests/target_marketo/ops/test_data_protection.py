"""Each numbered statement of docs/data-protection.md, under its number."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from target_marketo.store import hash_key as keys
from target_marketo.store.activity_ledger import ACTIVITIES, ActivityLedger, Claim, State
from target_marketo.store.error_log import ErrorLog
from target_marketo.store.errors import StoreError
from target_marketo.store.rekey import rekey
from target_marketo.store.run_ledger import RunLedger
from target_marketo.store.seen import SeenStreams
from tests import guard, meltano_project, planted
from tests.sandbox.environment import Sandbox
from tests.target_marketo.conftest import Target, lines, record, schema, state

from .conftest import EMAILS, Ops, Store, failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox.livechat.client import LiveChatSandbox
    from tests.sandbox.marketo.client import MarketoSandbox
    from tests.target_marketo.governor.postgresql import PostgreSQL

PAGE = Path(__file__).parents[3] / "target-marketo" / "docs" / "data-protection.md"
BIN = Path(sys.executable).parent
NOBODY = 65534
JANE, BAD, MAX = EMAILS
CHAT = 100_001


def test_every_statement_has_a_test_of_its_number() -> None:
    stated = re.findall(r"^(\d+)\. ", PAGE.read_text(), re.MULTILINE)
    tested = re.findall(r"^def test_(\d\d)_", Path(__file__).read_text(), re.MULTILINE)

    assert [int(each) for each in stated] == list(range(1, len(stated) + 1))
    assert sorted({int(each) for each in tested}) == list(range(1, len(stated) + 1))


@pytest.fixture
def after_a_run(target: Target, ops: Ops) -> Ops:
    """The commands, after a run of one who arrives and one who does not."""
    ops.environment["TARGET_MARKETO_STORE_URL"] = target.config["store_url"]
    messages = [schema(), record(JANE, city="Rome"), record(BAD, city="Oslo"), state({"at": 1})]
    assert target.run(messages).code == 0
    return ops


def content(folder: Path) -> bytes:
    """All bytes of the store's files."""
    return b"".join(path.read_bytes() for path in sorted(folder.glob("store.sqlite*")))


def rows(path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def activities(store: Store) -> Iterator[ActivityLedger]:
    """The ledger; Jane has an activity that is done, and one under way."""
    with closing(store.open()) as database:
        key_hash = ErrorLog(database).hash(JANE)
        ledger = ActivityLedger(database, store.instance, "run")
        date = "2026-11-20T12:00:00Z"
        ledger.claim(CHAT, [Claim("T1", 71, date, key_hash), Claim("T2", 71, date, key_hash)])
        ledger.settle(CHAT, done={"T1": "guid-1"})
        yield ledger


# What is stored


@pytest.mark.usefixtures("after_a_run")
def test_01_a_refused_record_is_kept_whole_and_nobody_else_leaves_one(tmp_path: Path) -> None:
    ((kept,),) = rows(tmp_path / "store.sqlite", "SELECT record FROM errors")

    assert json.loads(kept) == {"email": BAD, "city": "Oslo"}
    assert JANE.encode() not in content(tmp_path)


@pytest.mark.usefixtures("after_a_run")
def test_02_beside_records_there_are_masks_and_hashes_whose_key_lies_apart(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    ((key_hash, masked),) = rows(path, "SELECT key_hash, key_masked FROM errors")
    key = (tmp_path / "store.key").read_text().strip()

    assert masked == f"({len(BAD)} characters)"
    assert re.fullmatch(r"[0-9a-f]{32}", key_hash)
    assert key.encode() not in content(tmp_path)
    assert rows(path, "SELECT name FROM secrets") == [("hash_key_fingerprint",)]


def test_03_of_an_activity_the_store_keeps_ids_and_a_hash_alone() -> None:
    ours = {"instance", "type_id", "state", "attempts", "run", "sent_at", "date"}

    assert set(ACTIVITIES.columns.keys()) == ours | {"once", "lead_id", "guid", "key_hash"}


@pytest.mark.usefixtures("after_a_run")
def test_04_of_runs_and_streams_it_keeps_counts_and_names(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    runs, streams = "SELECT * FROM target_runs", "SELECT * FROM streams_seen"
    kept = str([rows(path, runs), rows(path, streams)])

    assert "city" in kept
    assert not any(value in kept for value in ("Rome", "Oslo", JANE, BAD))


def test_05_bookmarks_hold_nobodys_address(livechat_account: LiveChatSandbox) -> None:
    settings = {
        "TAP_LIVECHAT_API_URL": livechat_account.api_url,
        "TAP_LIVECHAT_ACCOUNT_ID": livechat_account.account_id,
        "TAP_LIVECHAT_PERSONAL_ACCESS_TOKEN": livechat_account.personal_access_token,
    }
    done = subprocess.run(
        [BIN / "tap-livechat"],
        env=guard.without_settings() | settings,
        capture_output=True,
        text=True,
        check=True,
    )
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    states = [json.dumps(each) for each in messages if each["type"] == "STATE"]

    assert any("@" in json.dumps(each) for each in messages), "people came"
    assert states
    assert not any("@" in each or planted.shown_in(each) for each in states)


def test_06_only_what_is_asked_for_values_shows_them(after_a_run: Ops) -> None:
    ops = after_a_run
    quiet = [
        ops("errors", "list").output,
        ops("errors", "show", "1").output,
        ops("mapping").output,
        ops("usage").output,
        ops("status").output,
        ops("check").output,
        ops("digest", "--preview", "preview.html").output + Path("preview.html").read_text(),
    ]
    messages = lines([schema(), record(JANE)])
    asked = [
        ops("errors", "show", "1", "--reveal").output,
        ops("replay", "--force").output,
        ops("explain", JANE, input=messages).output,
    ]

    assert not any("jane.doe" in each or BAD in each or "Oslo" in each for each in quiet)
    assert (BAD in asked[0], BAD in asked[1], JANE in asked[2]) == (True, True, True)


def test_07_settings_are_for_their_owner_and_check_warns_if_they_are_not(
    ops: Ops, marketo: MarketoSandbox, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(marketo.client_secret)
    options = ("--endpoint", marketo.endpoint, "--client-id", marketo.client_id)

    done = ops("init", *options, "--client-secret", "secret")
    first = mode(tmp_path / ".env")
    (tmp_path / ".env").chmod(0o644)

    assert (done.exit_code, first) == (0, 0o600)
    assert marketo.client_secret not in done.output
    assert ".env may be read by others" in ops("check").output.replace(".env: ", ".env ")


def test_08_the_files_of_runs_are_closed_and_those_of_killed_ones_deleted(target: Target) -> None:
    folder = target.folder / ".meltano" / "run" / "tap-livechat"
    folder.mkdir(parents=True)
    old, new = folder / "tap.1.config.json", folder / "tap.2.config.json"
    for path in (old, new):
        path.touch(0o644)
    os.utime(old, (0, 0))

    target.run([schema(), record(JANE)])

    assert (old.exists(), mode(new)) == (False, 0o600)


# How long


def test_09_what_is_old_is_deleted_by_the_next_run(target: Target, store: Store) -> None:
    def long_ago() -> datetime:
        return datetime.now(UTC) - timedelta(days=91)

    store.add(failure(), now=long_ago)
    store.add(failure(MAX), now=lambda: datetime.now(UTC) - timedelta(days=89))
    with closing(store.open()) as database:
        RunLedger(database, "old", store.instance, long_ago).started()
        SeenStreams(database, store.instance, long_ago).store("old", {"visitors": {}}, 999)

    assert target.run([schema(), record("ann@planted.example")]).code == 0

    assert store.count() == 1
    assert rows(store.path, "SELECT * FROM target_runs WHERE run = 'old'") == []
    assert rows(store.path, "SELECT * FROM streams_seen WHERE run = 'old'") == []


def test_10_an_activity_is_forgotten_after_38_months(target: Target, store: Store) -> None:
    def ago(months: int) -> str:
        return (datetime.now(UTC) - timedelta(days=31 * months)).isoformat(timespec="seconds")

    with closing(store.open()) as database:
        ledger = ActivityLedger(database, store.instance, "run")
        ledger.claim(CHAT, [Claim("old", 1, ago(39)), Claim("kept", 1, ago(37))])
        ledger.settle(CHAT, done={"old": "1", "kept": "2"})

        target.run([schema(), record(JANE)])

        assert ledger.states(CHAT, ["old", "kept"]) == {"kept": State.DONE}


def test_11_what_is_deleted_is_overwritten_or_the_deletion_fails(store: Store) -> None:
    store.add(failure(note="Quill-planted-note"), failure(MAX))
    before = content(store.path.parent)
    with closing(store.open()) as database:
        ErrorLog(database).forget_ids([1])
    after = content(store.path.parent)

    class Deaf:
        def exec_driver_sql(self, _: str) -> Any:
            return self

        def scalar(self) -> int:
            return 0

    assert (b"Quill-planted" in before, b"Quill-planted" in after) == (True, False)
    with closing(store.open()) as database, pytest.raises(StoreError, match="does not overwrite"):
        database.delete_securely(Deaf())  # type: ignore[arg-type] # all that it is asked


# Who can read it


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be a second user")
def test_12_another_user_reads_neither_store_nor_key(marketo: MarketoSandbox) -> None:
    """What Meltano writes: tests/end_to_end/test_second_user.py."""
    folder = Path(tempfile.mkdtemp(prefix="data-protection-"))
    folder.chmod(0o755)
    before = os.umask(0)
    try:
        assert Target(marketo, folder).run([schema(), record(BAD)]).code == 0
        read = subprocess.run(
            ["find", str(folder), "-type", "f", "-readable", "-printf", "%f\n"],
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            text=True,
            check=True,
        )
        there = {path.name for path in folder.iterdir()}
    finally:
        os.umask(before)
        shutil.rmtree(folder)

    assert {"store.sqlite", "store.key"} <= there
    assert read.stdout.split() == ["config.json"], "the test's own, which is no straw man"


@pytest.mark.usefixtures("after_a_run")
def test_13_whoever_owns_the_store_reads_the_records(tmp_path: Path) -> None:
    assert BAD.encode() in content(tmp_path), "it is not encrypted, as the page says"


def test_14_the_database_alone_does_not_tell_whose_hash_it_is(store: Store) -> None:
    store.add(failure())
    ((key_hash,),) = rows(store.path, "SELECT key_hash FROM errors")
    key = keys.key_file(store.open())
    guesses = [hashlib.new(name, JANE.encode()).hexdigest() for name in ("md5", "sha1", "sha256")]
    key.unlink()

    assert not any(guess.startswith(key_hash) for guess in guesses)
    with closing(store.open()) as database, pytest.raises(StoreError, match="its key is missing"):
        ErrorLog(database)


@pytest.mark.slow
def test_15_meltanos_log_shows_records_at_debug_alone(tmp_path: Path) -> None:
    shown = {}
    run = "run tap-livechat target-marketo --no-state-update"
    with Sandbox({"visitors": 20}) as sandbox:
        meltano_project.write(tmp_path)
        given = {name: value for name, value in sandbox.environment.items() if value}
        (tmp_path / ".env").write_text("".join(f"{k}='{v}'\n" for k, v in given.items()))
        for level in ("info", "debug"):
            written = tmp_path / f"log-{level}"
            with written.open("wb") as log:
                subprocess.run(
                    [BIN / "meltano", f"--log-level={level}", *run.split()],
                    cwd=tmp_path,
                    env=guard.without_settings() | {"XDG_STATE_HOME": str(tmp_path)},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    check=True,
                )
            shown[level] = planted.shown_in(written.read_text())
            kept = [path for path in (tmp_path / ".meltano").rglob("*") if path.is_file()]
            own = [path for path in kept if "venv" not in path.parts]
            assert not any(planted.shown_in(path.read_text(errors="replace")) for path in own)

    assert shown["info"] == []
    assert shown["debug"], "as the page warns"


# To forget somebody


def test_16_every_entry_about_an_address_is_deleted(ops: Ops, store: Store) -> None:
    store.add(failure(JANE.upper()), failure(MAX, form={"reply": f"<{JANE}>"}), failure(MAX))

    assert ops.json("purge", "--email", JANE)["entries_deleted"] == 2
    assert store.count() == 1


def test_17_that_an_activity_was_written_stays_and_whose_it_was_goes(
    ops: Ops, store: Store
) -> None:
    with activities(store) as ledger:
        purged = ops.json("purge", "--email", JANE)
        ledger.settle(CHAT, done={"T2": "guid-2"})
        again = ops.json("purge", "--email", JANE)

    kept = rows(store.path, "SELECT once, state, lead_id, guid, key_hash FROM activities")
    assert kept == [("T1", "done", None, None, None), ("T2", "done", None, None, None)]
    assert (purged["activities_cleared"], purged["activities_pending"]) == (1, 1)
    assert "purge again after the next run" in " ".join(purged["left"])
    assert (again["activities_cleared"], again["activities_pending"]) == (1, 0)


def test_17_after_a_change_of_the_key_it_is_reported_and_the_next_run_forgets(
    ops: Ops, store: Store
) -> None:
    with activities(store) as ledger:
        ops("rekey")
        purged = ops.json("purge", "--email", JANE)
        ledger.settle(CHAT, done={"T2": "guid-2"})

    kept = rows(store.path, "SELECT lead_id, guid, key_hash FROM activities")
    assert set(kept) == {(None, None, None)}
    assert "so nobody can tell" in " ".join(purged["left"])


def test_18_names_that_hold_the_address_are_deleted(ops: Ops, store: Store) -> None:
    with closing(store.open()) as database:
        seen = SeenStreams(database, store.instance)
        seen.store("run", {"visitors": {"names": {f"form_answers.{JANE}": 1}}}, 90)

    assert ops.json("purge", "--email", JANE)["documents_deleted"] == 1
    assert b"form_answers.jane" not in content(store.path.parent)


def test_19_files_are_written_again_or_it_says_what_is_to_be_done(
    ops: Ops, store: Store, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(failure())
    ops("purge", "--email", JANE)
    monkeypatch.setenv("XDG_STATE_HOME", str(store.path.parent))
    server = Store(store.path.parent, store.instance)
    server.url = postgresql.fresh("page")
    server.add(failure())
    there = {"TARGET_MARKETO_STORE_URL": server.url}

    rewritten = ops.json("purge", "--email", JANE, **there)
    monkeypatch.setattr("target_marketo.store.database.REWRITE_SECONDS", 0.1)
    with closing(server.open()) as database, database.read() as reader:
        reader.execute(text("SELECT * FROM errors"))
        held = ops.json("purge", "--email", JANE, **there)

    assert JANE.encode() not in content(store.path.parent)
    assert "VACUUM" not in " ".join(rewritten["left"])
    assert "VACUUM (FULL) errors" in " ".join(held["left"])


def test_20_what_a_purge_cannot_reach_it_says(ops: Ops, store: Store, tmp_path: Path) -> None:
    store.add(failure())
    log = tmp_path / ".meltano" / "logs" / "old.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text(f"debug: {JANE}\n")

    left = " ".join(ops.json("purge", "--email", JANE)["left"])

    assert "old.jsonl names them: delete it" in left
    for place in ("Marketo and LiveChat", "back-ups", "logs and mails"):
        assert place in left


def test_21_another_key_gives_another_hash(store: Store) -> None:
    store.add(failure())
    with closing(store.open()) as database:
        before = ErrorLog(database).hash(JANE)
        rekey(database)
        after = ErrorLog(database).hash(JANE)

    assert before != after
    assert rows(store.path, "SELECT key_hash FROM errors") == [(after,)]
