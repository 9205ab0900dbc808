"""Where the store is: one place a user, told when it is made, and none without a home."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from target_marketo.store.database import open_database
from target_marketo.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

NOBODY = 54_321  # a uid without an entry in the password file


def as_nobody(environment: Mapping[str, str]) -> str:
    """Opens the store as that user; its file, or what was said. A fork, because this Python may lie
    where that user cannot start it.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.environ.clear()
            os.environ.update(environment)
            said = str(open_database().path)
        except BaseException as error:  # noqa: BLE001 - the child must not go on as pytest
            said = f"{type(error).__name__}: {error}"
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as pipe:
        return pipe.read()


def test_a_store_that_is_made_new_is_said_with_its_place_and_the_next_time_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"

    open_database(url).close()
    (told,) = [each.getMessage() for each in caplog.records]
    open_database(url).close()

    assert f"A new store was made: {tmp_path / 'store.sqlite'}, of user {os.getuid()}." in told
    assert len(caplog.records) == 1


def test_a_user_without_home_is_one_line_with_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nowhere)

    with pytest.raises(StoreError, match=r"user \d+ has no home folder.*XDG_STATE_HOME"):
        open_database()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_uid_that_no_file_knows_works_with_a_folder_of_its_own(tmp_path: Path) -> None:
    open_database(f"sqlite:///{tmp_path / 'loads-all-modules.sqlite'}").close()
    # pytest's own folders are closed to others.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chown(folder, NOBODY, NOBODY)

        none = as_nobody({})
        given = as_nobody({"XDG_STATE_HOME": name})
        home = as_nobody({"HOME": name})

        assert none.startswith(f"StoreError: user {NOBODY} has no home folder")
        assert given == f"{name}/target-marketo/store.sqlite"
        assert home == f"{name}/.local/state/target-marketo/store.sqlite"
        assert all(path.stat().st_mode & 0o077 == 0 for path in folder.rglob("store.sqlite"))
