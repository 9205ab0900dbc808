"""The same error log, ledger and digest on PostgreSQL, which many hosts share."""

from __future__ import annotations

import threading
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from target_marketo.delivery.dead_letters import Rejections
from target_marketo.delivery.entry import Entry, Received
from target_marketo.delivery.settlement import Rejection
from target_marketo.delivery.summary import Summary
from target_marketo.marketo.codes import class_of
from target_marketo.store.database import open_database
from target_marketo.store.error_log import ErrorLog
from target_marketo.store.run_ledger import RunLedger

from .conftest import EMAILS, Ops, Store, failure

if TYPE_CHECKING:
    from pathlib import Path

    from tests.target_marketo.governor.postgresql import PostgreSQL


@pytest.fixture
def shared(postgresql: PostgreSQL, tmp_path: Path, ops: Ops, store: Store) -> Store:
    """A store on the server, and the commands pointed at it."""
    found = Store(tmp_path, store.instance)
    found.url = postgresql.fresh("ops")
    ops.environment["TARGET_MARKETO_STORE_URL"] = found.url
    return found


def test_entries_are_counted_resolved_told_and_purged(ops: Ops, shared: Store) -> None:
    with closing(shared.open()) as database:
        ledger = RunLedger(database, "run", shared.instance)
        ledger.started()
        ledger.ended({"delivered": 5, "calls": {"lookup": 2}}, 75, "607", "the quota is spent")
    shared.add(failure(), failure(), failure(code="1006"), failure(EMAILS[2], note=EMAILS[0]))
    shared.resolve(failure(code="1006"))

    listed = ops.json("errors", "list", "--all")
    report = ops.json("digest", "--preview", "x.html")["report"]
    purged = ops.json("purge", "--email", EMAILS[0])

    assert sorted((each["code"], each["times_seen"]) for each in listed) == [
        ("1003", 1),
        ("1003", 2),
        ("1006", 1),
    ]
    assert {kind["code"]: (kind["state"], kind["count"]) for kind in report["kinds"]} == {
        "1003": ("new", 3),
        "1006": ("resolved", 1),
    }
    assert (report["delivered"], len(report["ended_runs"])) == (5, 1)
    assert purged["entries_deleted"] == 3
    assert shared.count() == 0


def test_processes_that_reject_the_same_people_do_not_lock_each_other_out(shared: Store) -> None:
    problems: list[Exception] = []
    people = [failure(f"p{number}@planted.example") for number in range(300)]

    def write(order: int) -> None:
        try:
            with closing(open_database(shared.url)) as database:
                ErrorLog(database, str(order)).store(people[::order])
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            problems.append(error)

    threads = [threading.Thread(target=write, args=(order,)) for order in (1, -1, 1, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert problems == []
    with closing(shared.open()) as database:
        log = ErrorLog(database, now=lambda: datetime(2126, 1, 1, tzinfo=UTC))
        assert log.count() == 300
        assert log.forget_older(30) == 300


def test_control_characters_in_names_and_keys_are_stored_as_marks(shared: Store) -> None:
    with closing(shared.open()) as database:
        error_log, summary = ErrorLog(database, "run"), Summary()
        rejections = Rejections(error_log, summary, settle=lambda _: None, class_of=class_of)
        received = Received(0, "a\0b\n", {"email": "\0a@b.co"})

        rejections.take([Rejection(received, "\0a@b.co", "x", "", "no `i\0d`", "", None)])
        rejections.store()

        assert [stream for stream, _ in error_log.open_people()] == ["a?b?"]
        again = Rejections(error_log, summary, settle=lambda _: None, class_of=class_of)
        again.arrived([Entry(("email", "x"), "\0a@b.co", since=0.0, received=[received])])
        again.store()
        assert list(error_log.open_people()) == []
