"""The key of the hashes: apart from the database, never mixed up, and exchangeable."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from target_marketo.store import hash_key as keys
from target_marketo.store.activity_ledger import ACTIVITIES, ActivityLedger, Claim, Found, State
from target_marketo.store.database import open_database
from target_marketo.store.error_log import ErrorLog, Failure
from target_marketo.store.errors import StoreError
from target_marketo.store.rekey import rekey

if TYPE_CHECKING:
    from pathlib import Path

    from target_marketo.store.database import Database

JANE = "jane.doe@planted.example"
FIRST, SECOND = "a first secret of mine", "a second secret of mine"


class Place:
    """Where a store and its key are."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "store.sqlite"
        self.key = folder / "store.key"

    def open(self, store_key: str | None = None) -> Database:
        return open_database(f"sqlite:///{self.path}", store_key)

    def use(self, store_key: str | None = None) -> str:
        """Opens the error log as a run does; the hash that it has for one person."""
        with closing(self.open(store_key)) as database:
            return ErrorLog(database, "run", instance="one").hash(JANE)

    def failures(self) -> list[Any]:
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute("SELECT key_hash, times_seen FROM errors").fetchall()

    def make_old(self) -> None:
        """As version 0.1 had it: the key in the database, and no file."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("DELETE FROM secrets")
            connection.execute(
                "INSERT INTO secrets VALUES ('hash_key', ?)", (self.key.read_text().strip(),)
            )
            connection.commit()
        self.key.unlink()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def reject(place: Place, store_key: str | None = None, key: str = JANE, **values: Any) -> None:
    failure = Failure("visitors", "permanent", "1003", "", "", key, {"email": key, **values})
    with closing(place.open(store_key)) as database:
        ErrorLog(database, "run", instance="one").store([failure])


def test_the_key_is_in_a_file_of_its_own_and_not_in_the_database(place: Place) -> None:
    first, second = place.use(), place.use()

    assert first == second
    assert stat.S_IMODE(place.key.stat().st_mode) == 0o600
    assert place.key.read_text().strip().encode() not in place.path.read_bytes()


def test_the_setting_takes_the_place_of_the_file(place: Place, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Place(tmp_path / "other")

    assert place.use(FIRST) == other.use(FIRST), "the setting alone makes the hash"
    assert not place.key.exists()


@pytest.mark.parametrize("store_key", [None, SECOND])
def test_another_key_or_none_ends_in_one_line(place: Place, store_key: str | None) -> None:
    place.use(FIRST)

    with pytest.raises(StoreError, match="key") as error:
        place.use(store_key)

    assert "\n" not in str(error.value)
    assert "TARGET_MARKETO_STORE_KEY" in str(error.value)
    assert SECOND not in str(error.value)


def test_a_lost_file_ends_in_one_line_and_nothing_is_made_again(place: Place) -> None:
    place.use()
    place.key.unlink()

    for _ in range(2):
        with pytest.raises(StoreError, match="restore"):
            place.use()
    assert not place.key.exists()


def test_a_short_key_is_refused(place: Place) -> None:
    with pytest.raises(StoreError, match="16 characters"):
        place.use("short")


def test_a_store_of_version_0_1_goes_on_and_gives_its_key_to_the_file(place: Place) -> None:
    before = place.use()
    place.make_old()

    assert place.use() == before
    with closing(sqlite3.connect(place.path)) as connection:
        names = connection.execute("SELECT name FROM secrets").fetchall()
    assert names == [("hash_key_fingerprint",)]
    assert place.key.read_text().strip().encode() not in place.path.read_bytes()


def test_the_setting_does_not_replace_the_key_of_version_0_1_unnoticed(place: Place) -> None:
    place.use()
    place.make_old()

    with pytest.raises(StoreError, match="rekey"):
        place.use(FIRST)


@pytest.mark.parametrize("lost", [False, True], ids=["", "the old key is lost"])
@pytest.mark.parametrize("store_key", [None, SECOND], ids=["a file", "the setting"])
def test_with_a_new_key_everybody_is_known_again(
    place: Place, store_key: str | None, *, lost: bool
) -> None:
    reject(place)
    reject(place, key="max@planted.example", note="the same letters as m@p.example")
    before = place.use()
    if lost:
        place.key.unlink()
    with closing(place.open(store_key)) as database:
        done = rekey(database)
    reject(place, store_key)

    assert (done.entries, done.unknown) == (2, 0)
    assert place.use(store_key) != before
    assert [times for _, times in place.failures()] == [2, 1]
    assert place.failures()[0][0] == place.use(store_key)


def test_a_person_whose_key_is_not_in_the_record_stays_in_the_log(place: Place) -> None:
    failure = Failure("visitors", "permanent", "1003", "", "", "constant", {"email": JANE})
    with closing(place.open()) as database:
        ErrorLog(database, "run", instance="one").store([failure])
        done = rekey(database)

    assert (done.entries, done.unknown) == (1, 1)
    assert len(place.failures()) == 1


def test_the_activity_ledger_never_depends_on_the_key(place: Place) -> None:
    with closing(place.open()) as database:
        key_hash = ErrorLog(database).hash(JANE)
        ledger = ActivityLedger(database, "one", "run")
        ledger.claim(1, [Claim("a", 7, "2026-11-20T12:00:00Z", key_hash), Claim("b", 8, "2026")])
        ledger.settle(1, done={"a": "guid"})
        rekey(database)

        assert ledger.claim(1, [Claim("a", 7, "2026")]).refused == {"a": State.DONE}
        assert [each.lead_id for each in ledger.pending()] == [8], "it is still to be read back"
        assert ledger.purge(key_hash) == (0, 0, 1)


def test_an_activity_under_way_when_the_key_is_changed_leads_to_nobody_once_it_is_settled(
    place: Place,
) -> None:
    """Nobody could ask for it to be forgotten: of which person it is no new hash can say."""
    with closing(place.open()) as database:
        key_hash = ErrorLog(database).hash(JANE)
        ledger = ActivityLedger(database, "one", "run")
        sent = [Claim(once, 7, "2026-11-20T12:00:00Z", key_hash) for once in "abcd"]
        ledger.claim(1, sent)
        rekey(database)

        ledger.settle(1, done={"a": "guid"}, none=["b"])
        with database.write() as connection:
            ledger.undecide(connection, 1, ["c"])
        ledger.adopt(1, [Found("d", "2026-11-20T12:00:00Z"), Found("e", "2026-11-20T12:00:00Z")])

        with database.read() as connection:
            columns = (ACTIVITIES.c[name] for name in ("state", "lead_id", "guid"))
            rows = [tuple(row) for row in connection.execute(select(*columns))]
    assert sorted(rows) == [
        ("done", None, None),
        ("done", None, None),
        ("done", None, None),
        ("none", None, None),
        ("undecided", None, None),
    ]


def test_a_change_that_was_cut_off_is_finished_by_the_next_use(place: Place) -> None:
    reject(place)
    with closing(place.open()) as database:
        rekey(database)
    new = place.use()
    # Killed between the commit and the change of names.
    place.key.rename(keys.next_file(place.key))
    place.key.write_text("00" * 32 + "\n")

    assert place.use() == new
    assert not keys.next_file(place.key).exists()
