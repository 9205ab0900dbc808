"""What a run leaves for those who watch it: its bookmark, its METRIC lines, its deadline."""

from __future__ import annotations

import io
import json
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from target_marketo.governor.errors import AnotherWrites
from target_marketo.governor.writer import Writer
from target_marketo.mapping.attachments import AttachmentKind
from target_marketo.singer.bookmark import newest_time
from target_marketo.singer.run_record import written
from target_marketo.target import TargetMarketo
from tests.target_marketo.conftest import Target, record, schema, state
from tests.target_marketo.in_process import InProcess

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.marketo.client import MarketoSandbox

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
AT = "2026-11-27T11:00:00.123456Z"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"bookmarks": {"visitors": {"replication_key_value": AT}}}, "2026-11-27T11:00:00+00:00"),
        ({"bookmarks": {"a": {"updated": "2026-11-20T00:00:00Z"}, "b": AT}}, AT),
        ({"singer_state": {"bookmarks": {"a": {"partitions": [{"value": AT}]}}}}, AT),
        ({"a": "2026-11-27 11:00:00"}, AT),
        ({"a": "2026-11-27T12:00:00+01:00"}, AT),
        ({"bookmarks": {"a": {"replication_key_signpost": AT, "starting_replication_value": AT}}}, None),  # noqa: E501
        ({"bookmarks": {"a": {"progress_markers": {"replication_key_value": AT}}}}, None),
        ({"a": "2126-11-27T12:00:00Z", "b": 1764242424, "c": "2026-11-27", "d": "no"}, None),
        ({"a": "2026-13-45T99:00:00Z"}, None),
        ([1, None, True, []], None),
    ],
)  # fmt: skip
def test_the_newest_time_of_a_state_is_found_in_whatever_form_a_tap_writes(
    value: Any, found: str | None
) -> None:
    expected = found and datetime.fromisoformat(found).replace(microsecond=0).isoformat()

    assert newest_time(json.dumps(value).encode(), NOW) == expected


@pytest.mark.parametrize("state", [b"", b"{", b"[" * 5_000, b'"\xff"'])
def test_a_state_that_is_odd_has_no_time_and_breaks_nothing(state: bytes) -> None:
    assert newest_time(state) is None


def _row(path: Path, *columns: str) -> tuple[Any, ...]:
    with closing(sqlite3.connect(path / "store.sqlite")) as connection:
        query = f"SELECT {', '.join(columns)} FROM target_runs"  # noqa: S608 - the test's own words
        row: tuple[Any, ...] = connection.execute(query).fetchone()
    return row


def test_a_run_keeps_the_time_of_the_last_state_that_it_wrote(target: Target) -> None:
    value = {"bookmarks": {"visitors": {"replication_key_value": AT}}}

    ended = target.run([schema(), record("ann@planted.example"), state(value)])

    assert ended.code == 0, ended.err
    assert _row(target.folder, "bookmark") == ("2026-11-27T11:00:00+00:00",)


def test_the_target_tells_its_figures_as_metric_lines_of_the_sdk(target: Target) -> None:
    people = [record("ann@planted.example"), record("bob@planted.example")]

    ended = target.run([schema(), *people, schema("chats"), record(None, "chats"), state(1)])

    points = [
        json.loads(line.partition("METRIC: ")[2])
        for line in ended.err.splitlines()
        if "METRIC: " in line
    ]
    records = {p["tags"]["stream"]: p["value"] for p in points if p["metric"] == "record_count"}
    calls = {p["tags"]["endpoint"] for p in points if p["metric"] == "http_request_count"}
    (took,) = [point for point in points if point["metric"] == "job_duration"]
    assert ended.code == 0, ended.err
    assert records == {"visitors": 2, "chats": 1}
    assert {"lookup", "createOnly"} <= calls
    assert (took["type"], took["tags"]["status"]) == ("timer", "succeeded")


def test_a_run_that_is_out_of_time_keeps_its_state_and_ends_with_75(
    marketo: MarketoSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = InProcess(marketo, tmp_path, monkeypatch.setattr)
    # A thousand times as fast a clock: what comes first is delivered, then the minute is over.
    people = [record(f"p{number}@planted.example") for number in range(3)]
    messages = [schema(), *people, state("first")]
    monkeypatch.setattr("target_marketo.singer.run.Feed", _never_ending(messages))
    monkeypatch.setattr("target_marketo.singer.run.SECONDS_A_MINUTE", 0.5)

    ended = runner.run([], max_run_minutes=4, max_batch_age_seconds=1)

    assert (ended.code, ended.states) == (75, ["first"])
    assert "max_run_minutes" in ended.said
    assert len(marketo.leads()) == 3
    assert _row(tmp_path, "exit_code", "error_code") == (75, "OutOfTime")


def _never_ending(messages: list[Any]) -> Any:
    """A feed whose tap says these things, and then nothing any more, for ever."""
    from target_marketo.singer.messages import Feed, Lines  # noqa: PLC0415 - it is replaced above
    from tests.target_marketo.conftest import lines  # noqa: PLC0415

    class Endless(Feed):
        def start(self) -> None:
            self._inbox.put(Lines(lines(messages).encode().splitlines()))

    return Endless


def test_a_run_whose_turn_does_not_come_ends_in_one_line_with_75(
    target: Target, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def busy(_: Writer) -> None:
        raise AnotherWrites("process 7 on host writes to the instance since 12:00")

    monkeypatch.setattr(Writer, "_wait_for_turn", busy)
    monkeypatch.setattr("target_marketo.target._favour_throughput", lambda: None)
    config = target.folder / "config.json"
    config.write_text(json.dumps(target.config))

    with pytest.raises(SystemExit) as ended:
        TargetMarketo.invoke(config=[str(config)], file_input=io.StringIO(""))

    errors = [each for each in caplog.records if each.levelname == "ERROR"]
    assert ended.value.code == 75
    assert [each.message for each in errors] == [
        "process 7 on host writes to the instance since 12:00"
    ]
    assert errors[0].exc_info is None
    assert _row(target.folder, "exit_code", "error_code") == (75, "AnotherWrites")


def test_the_row_counts_what_was_written_to_people_by_kind() -> None:
    attachments: Counter[tuple[str, str]] = Counter(
        {
            (AttachmentKind.ACTIVITY, "delivered"): 3,
            (AttachmentKind.ACTIVITY, "rejected"): 2,
            (AttachmentKind.LIST, "the same"): 9,
        }
    )

    assert written(attachments) == {"custom_activities": 3}
