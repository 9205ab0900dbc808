"""The error log: one entry per record and reason, resolved by delivery, and what forgets it."""

from __future__ import annotations

import sqlite3
import stat
import threading
import tracemalloc
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from target_marketo.delivery.dead_letters import Rejections
from target_marketo.delivery.entry import Entry, Received
from target_marketo.delivery.settlement import Rejection
from target_marketo.delivery.summary import Summary
from target_marketo.marketo.codes import class_of
from target_marketo.privacy import mask, masked, shape
from target_marketo.store.database import open_database
from target_marketo.store.error_log import ERRORS, ErrorLog
from target_marketo.store.run_ledger import RunLedger
from tests.target_marketo.conftest import Target, record, schema, state

from .conftest import Store, delivery, failure

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def rows(store: Store, columns: str) -> list[Any]:
    with closing(sqlite3.connect(store.path)) as connection:
        return connection.execute(f"SELECT {columns} FROM errors ORDER BY id").fetchall()  # noqa: S608 - columns of the tests


def test_the_same_record_failing_again_is_counted_and_not_repeated(store: Store) -> None:
    store.add(failure(), failure(), now=lambda: NOW)
    store.add(failure(), failure(code="1006"), run="run-2", now=lambda: NOW + timedelta(hours=1))

    assert rows(store, "code, times_seen, at, last_at, run") == [
        ("1003", 3, "2026-11-20T12:00:00+00:00", "2026-11-20T13:00:00+00:00", "run-2"),
        ("1006", 1, "2026-11-20T13:00:00+00:00", "2026-11-20T13:00:00+00:00", "run-2"),
    ]


def test_another_record_of_the_person_is_an_entry_of_its_own(store: Store) -> None:
    store.add(failure(phone="1"), failure(phone="2"))

    assert rows(store, "times_seen") == [(1,), (1,)]


def test_an_entry_that_was_resolved_is_reopened_when_it_fails_again(store: Store) -> None:
    store.add(failure())
    store.resolve(failure())
    (resolved,) = rows(store, "resolved_at")
    store.add(failure())

    assert resolved[0]
    assert rows(store, "resolved_at, times_seen") == [(None, 2)]


def test_only_the_store_holds_the_address_and_only_its_owner_reads_the_store(store: Store) -> None:
    store.add(failure())

    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    (row,) = rows(store, "key_hash, key_masked, fingerprint, record_hash")
    assert row[1] == "j***@p***.example"
    assert not any("jane" in str(each) for each in row)


def test_entries_older_than_the_retention_are_deleted(store: Store) -> None:
    store.add(failure(), now=lambda: NOW - timedelta(days=91))
    store.add(failure(code="1006"), now=lambda: NOW - timedelta(days=89))
    with closing(store.open()) as database:
        assert ErrorLog(database, now=lambda: NOW).forget_older(90) == 1

    assert rows(store, "code") == [("1006",)]


def test_a_store_of_an_earlier_version_gains_the_columns_it_lacks(store: Store) -> None:
    with closing(sqlite3.connect(store.path)) as connection:
        old = ("at", "run", "stream", "class", "code", "field", "advice", "key_hash", "key_masked")
        columns = ", ".join(f'"{name}" TEXT NOT NULL' for name in (*old, "request_id", "record"))
        connection.execute(
            f"CREATE TABLE errors (id INTEGER PRIMARY KEY, {columns}, position INTEGER)"
        )
        connection.execute(
            "INSERT INTO errors VALUES (1, '2026-11-20T12:00:00+00:00', 'r', 'visitors', 'c', "
            "'1003', '', '', 'hash', 'j***', '', '{}', NULL)"
        )
        connection.commit()
    store.add(failure())

    assert rows(store, "times_seen, times_reported") == [(1, 0), (1, 0)]


def test_many_processes_may_create_the_store_at_once(store: Store) -> None:
    problems: list[Exception] = []

    def start() -> None:
        try:
            with closing(open_database(store.url)) as database:
                hashes.add(ErrorLog(database).hash("a"))
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            problems.append(error)

    hashes: set[str] = set()
    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert problems == []
    assert len(hashes) == 1, "all of them use one key"


class Desk:
    """`Rejections` on a store, with records by number."""

    def __init__(self, store: Store) -> None:
        self.database = store.open()
        self.log = ErrorLog(self.database, "this-run", instance=store.instance)
        self.settled: list[int] = []
        self.rejections = Rejections(self.log, Summary(), self.settled.extend, class_of=class_of)

    def received(self, number: int, **values: Any) -> Received:
        return Received(0, "visitors", {"email": "jane.doe@planted.example", **values}, number)

    def reject(self, number: int, **values: Any) -> None:
        received = self.received(number, **values)
        key = received.record["email"]
        self.rejections.take([Rejection(received, key, "1003", "", "", "", None)])

    def deliver(self, number: int, **values: Any) -> None:
        entry = Entry(("email", "x"), "JANE.DOE@planted.example", since=0.0)
        entry.received.append(self.received(number, **values))
        self.rejections.arrived([entry])

    def open(self) -> list[Any]:
        self.rejections.store()
        with self.database.read() as connection:
            found = connection.execute(
                ERRORS.select().where(ERRORS.c.resolved_at.is_(None)).order_by(ERRORS.c.id)
            )
            return [row.record for row in found]


def test_a_delivery_resolves_what_earlier_runs_left_open(store: Store) -> None:
    store.add(failure(phone="1"), failure(phone="2"), failure("max@planted.example"))
    desk = Desk(store)
    desk.deliver(1, phone="3")

    assert desk.open() == ['{"email":"max@planted.example"}']


def test_a_delivery_resolves_what_is_older_and_nothing_newer(store: Store) -> None:
    desk = Desk(store)
    desk.reject(1, phone="bad")
    desk.deliver(2, phone="good")
    desk.reject(4, phone="bad again")
    desk.deliver(3, phone="good, but older")

    assert desk.open() == ['{"email":"jane.doe@planted.example","phone":"bad again"}']


def test_a_replayed_record_resolves_itself_and_older_ones_only(store: Store) -> None:
    store.add(failure(phone="1"), failure(phone="2"), failure(phone="3"))
    desk = Desk(store)
    desk.deliver(1, phone="2")

    assert desk.open() == ['{"email":"jane.doe@planted.example","phone":"3"}']


def test_records_are_settled_only_after_they_are_stored(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(store)
    desk.reject(1)
    settled_before = list(desk.settled)
    desk.rejections.store()

    assert settled_before == []
    assert desk.settled == [0]


def test_a_person_who_arrives_later_is_no_error_any_more(target: Target) -> None:
    bad = record("jane.doe@planted.example", phone={"not": "a phone"})
    target.run([schema(), bad, state(1)])
    store = Store(target.folder)
    before = rows(store, "resolved_at")
    ended = target.run([schema(), record("Jane.Doe@planted.example", phone="1"), state(2)])

    assert ended.code == 0, ended.err
    assert before == [(None,)]
    assert rows(store, "resolved_at") != [(None,)]


def test_the_ledger_has_a_row_for_each_run_with_its_end_and_counts(target: Target) -> None:
    target.run([schema(), record("jane.doe@planted.example"), record("bad.address@"), state(1)])
    target.run([schema(), record("max@planted.example")], client_secret="planted-client-secret")

    with closing(sqlite3.connect(target.folder / "store.sqlite")) as connection:
        found = connection.execute(
            "SELECT exit_code, received, delivered, rejected, created, calls, error_code, error, "
            "ended_at IS NULL FROM target_runs ORDER BY started_at, exit_code"
        ).fetchall()
    assert found[0][:5] == (0, 2, 1, 1, 1)
    assert '"createOnly":1' in found[0][5]
    assert found[1][0] == 1
    assert found[1][6] == "NotAuthorized"
    assert "client_id" in found[1][7]
    assert "planted" not in str(found)
    assert all(row[8] == 0 for row in found)


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("", ""),
        ("jane.doe@planted.example", "j***@p***.example"),
        ("Jane@sub.Planted.Example", "J***@s***.Example"),
        ("j@e. Jane Doe, 0171 555 333", "(27 characters)"),
        ("0171 555 333", "(12 characters)"),
        ("x", "(1 character)"),
        ("\x00a@b.co", "(7 characters)"),
        ("\x1b[2J", "(4 characters)"),
        ("a@b.com\nERROR x", "(15 characters)"),
        ("ann@b.com, bob@b.com", "(20 characters)"),
        ("a@b@c.com", "(9 characters)"),
    ],
)
def test_a_mask_shows_nothing_but_letters_that_cannot_identify(key: str, shown: str) -> None:
    assert mask(key) == shown
    assert masked(shown) == shown


@pytest.mark.parametrize(
    "stored", ["j***@e***. Jane Doe, 0171 555", "j***", "jane@planted.example"]
)
def test_a_mask_of_an_earlier_version_that_shows_more_is_not_shown(stored: str) -> None:
    assert masked(stored) == "***"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "null"),
        (True, "true"),
        (17, "a number"),
        ([1, 2], "a list of 2"),
        ({"a": 1}, "an object of 1"),
        ("", "blank text"),
        ("Jane", "text of 4 characters"),
        ("1990-05-10", "a date"),
        ("2026-11-20T12:00:00Z", "2026-11-20T12:00:00Z"),
        ("jane.doe@planted.example", "j***@p***.example, 24 characters"),
        ("call me: jane.doe@planted.example", "text of 33 characters"),
    ],
)
def test_a_shape_tells_the_kind_of_a_value_and_not_the_value(value: Any, shown: str) -> None:
    assert shape(value) == shown


def test_a_run_against_one_instance_leaves_the_entries_of_another_alone(store: Store) -> None:
    store.add(failure(), instance="other.mktorest.com")
    store.add(failure())
    store.resolve(failure())

    assert rows(store, "instance, resolved_at IS NULL") == [
        ("other.mktorest.com", 1),
        (store.instance, 0),
    ]


def test_entries_of_version_0_1_go_to_the_instance_of_their_run_and_else_to_this_one(
    store: Store,
) -> None:
    store.add(failure(), instance="other.mktorest.com", run="known")
    store.add(failure("max@planted.example"), run="forgotten")
    with closing(store.open()) as database:
        RunLedger(database, "known", "other.mktorest.com").started()
    with closing(sqlite3.connect(store.path)) as connection:
        connection.execute("UPDATE errors SET instance = NULL, fingerprint = id")
        connection.commit()
    store.add(failure(), failure("max@planted.example"))

    assert rows(store, "instance, times_seen") == [
        ("other.mktorest.com", 1),
        (store.instance, 2),
        (store.instance, 1),
    ]


def test_only_the_part_that_failed_resolves_its_entry(store: Store) -> None:
    store.add(
        failure(), failure(part="field:city", field="city"), failure(part="list:Chats", code="1013")
    )
    with closing(store.open()) as database:
        log = ErrorLog(database, "run-2", instance=store.instance)
        person = delivery(log, failure())
        log.store([], [person])
        after_the_person = rows(store, "part, resolved_at IS NULL")
        log.store([], [person._replace(parts=frozenset({"person", "field:city"}))])

    assert after_the_person == [("person", 0), ("field:city", 1), ("list:Chats", 1)]
    assert rows(store, "part, resolved_at IS NULL")[1:] == [("field:city", 0), ("list:Chats", 1)]


def test_a_person_of_the_error_log_is_the_one_whom_the_engine_knows(store: Store) -> None:
    """Keys are compared without regard to case, and folded no further: ß is not ss."""
    with closing(store.open()) as database:
        log = ErrorLog(database, instance=store.instance)
        assert log.hash("Jane@Planted.Example ") == log.hash("jane@planted.example")
        assert log.hash("Straße") != log.hash("strasse")


def test_a_long_error_log_takes_no_memory_of_a_run(store: Store) -> None:
    store.add(*(failure(f"p{number}@planted.example") for number in range(20_000)))
    with closing(store.open()) as database:
        log = ErrorLog(database, "this-run", instance=store.instance)
        Rejections(log, Summary(), lambda _: None, class_of=class_of)
        tracemalloc.start()
        rejections = Rejections(log, Summary(), lambda _: None, class_of=class_of)
        kept, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert rejections
    assert kept < 20 * 20_000
    assert most < 100 * 20_000
