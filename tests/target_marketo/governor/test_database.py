from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from importlib import import_module
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Column, Integer, MetaData, Table

from target_marketo import store
from target_marketo.mapping.field_types import Field
from target_marketo.problems import SettingError
from target_marketo.settings import Settings
from target_marketo.store import database as databases
from target_marketo.store import filesystem
from target_marketo.store.cache import Cache
from target_marketo.store.database import open_database
from target_marketo.store.errors import StoreError
from target_marketo.store.filesystem import filesystem_type
from target_marketo.store.leases import DatabaseLeases
from target_marketo.store.place import default_url
from target_marketo.writes.described import Described

if TYPE_CHECKING:
    from tests.target_marketo.governor.postgresql import PostgreSQL

MOUNTS = r"""22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:25 / /proc rw,nosuid - proc proc rw
41 22 0:40 / /home rw,relatime shared:20 - nfs4 files.example:/home rw,vers=4.2
42 41 254:1 / /home/local\040disk rw shared:21 - xfs /dev/vdb rw
43 22 0:44 / /mnt/c rw,noatime - 9p C:\134 rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/store.sqlite", "ext4"),
        ("/home/ann/.local/state/store.sqlite", "nfs4"),
        ("/home/local disk/store.sqlite", "xfs"),
        ("/homestead/store.sqlite", "ext4"),
        ("/mnt/c/store.sqlite", "9p"),
    ],
)
def test_the_innermost_mount_says_what_kind_of_disk_it_is(path: str, kind: str) -> None:
    assert filesystem_type(Path(path), MOUNTS) == kind


def test_a_network_file_system_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text("22 1 0:1 / / rw - nfs4 files.example:/ rw\n")
    monkeypatch.setattr(filesystem, "MOUNTS", mounts)
    with pytest.raises(StoreError, match=r"network file system \(nfs4\).*store_url") as refused:
        open_database(f"sqlite:///{tmp_path / 'store.sqlite'}")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "store.sqlite").exists()


def test_the_default_is_a_private_file_in_the_state_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    database = open_database()
    table = Table("rows", MetaData(), Column("number", Integer))
    with database.write() as connection:
        table.create(connection)
        connection.execute(table.insert(), {"number": 1})
        folder = tmp_path / "state" / "target-marketo"
        files = sorted(folder.iterdir())
        assert [file.name for file in files] == [
            "store.sqlite",
            "store.sqlite-shm",
            "store.sqlite-wal",
        ]
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    database.close()


def test_without_a_state_home_it_is_below_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "not/absolute")
    monkeypatch.setenv("HOME", str(tmp_path))
    expected = tmp_path / ".local" / "state" / "target-marketo" / "store.sqlite"
    assert default_url().database == str(expected)


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.touch(0o644)
    open_database(f"sqlite:///{path}").close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://ann:hunter2@db.example/x", "mysql://, but only"),
        ("postgresql+psycopg://ann:hunter2@db.example:port/x", "not a URL"),
        ("ann:hunter2@db.example", "not a URL"),
        ("sqlite://", "names no SQLite file"),
        ("sqlite:////proc/1/nothing/store.sqlite", "store sqlite"),
    ],
)
def test_an_impossible_store_is_refused_in_one_line_without_its_password(
    url: str, says: str
) -> None:
    with pytest.raises(StoreError, match=says) as refused:
        open_database(url)
    assert "hunter2" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_server_that_cannot_be_reached_is_one_line_without_its_password() -> None:
    database = open_database("postgresql://ann:hunter2@127.0.0.1:9/x")
    with pytest.raises(StoreError, match="ann:\\*\\*\\*@127") as refused, database.write():
        pass
    assert "hunter2" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_failed_block_changes_nothing(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'store.sqlite'}")
    table = Table("rows", MetaData(), Column("number", Integer))
    with database.write() as connection:
        table.create(connection)

    def fail() -> None:
        with database.write() as connection:
            connection.execute(table.insert(), {"number": 1})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.read() as connection:
        assert connection.execute(table.select()).all() == []
    database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.sqlite'}"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.fresh("fresh")


def test_a_reader_sees_one_moment_and_holds_nobody_up(url: str) -> None:
    database = open_database(url)
    table = Table("rows", MetaData(), Column("number", Integer))
    with database.write() as connection:
        table.create(connection)
    with database.read() as reader:
        assert reader.execute(table.select()).all() == []
        with database.write() as writer:
            writer.execute(table.insert(), {"number": 1})
        assert reader.execute(table.select()).all() == []
    database.close()


def test_those_that_start_at_once_create_the_tables_once(url: str) -> None:
    start = Barrier(8)

    def open_store() -> None:
        start.wait()
        database = open_database(url)
        DatabaseLeases(database)
        database.close()

    with ThreadPoolExecutor(8) as pool:
        for opened in [pool.submit(open_store) for _ in range(8)]:
            opened.result()


def test_every_table_knows_its_instance() -> None:
    """Two instances may share a store; no row of one is taken for the other's."""
    for path in Path(store.__file__).parent.glob("*.py"):
        import_module(f"{store.__name__}.{path.stem}")
    tables = databases.METADATA.tables
    assert len(tables) >= 8
    without = {name for name, table in tables.items() if "instance" not in table.columns}
    # The store's own key is one; what is cached bears the instance in its name.
    assert without == {"cache", "secrets"}


def test_what_is_known_of_an_instance_s_fields_is_not_taken_for_another_s(tmp_path: Path) -> None:
    def described(instance: str, fields: list[Field]) -> Described:
        marketo: Any = SimpleNamespace(describe=lambda: fields)
        given = {"munchkin_id": instance, "client_id": "c", "client_secret": "s"}
        settings = Settings.of({**given, "streams": {"visitors": {"fields": {"email": "email"}}}})
        return Described(settings, marketo, cache)

    one = [Field("email", "email", 255, searchable=True)]
    with closing(open_database(f"sqlite:///{tmp_path / 'store.sqlite'}")) as database:
        cache = Cache(database)
        described("555-abc-551", one).mapper()
        described("555-abc-551", []).mapper()
        with pytest.raises(SettingError):
            described("555-abc-552", []).mapper()
