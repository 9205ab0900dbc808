"""People who share a key are counted, in the summary, with the run, and in the digest."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.target_marketo.in_process import InProcess
from tests.target_marketo.mapping.whole_streams import stream

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.marketo.client import MarketoSandbox


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        ("newest", "2 addresses belong to several people; `duplicates` chose the newest"),
        ("oldest", "2 addresses belong to several people; `duplicates` chose the oldest"),
        ("all", "2 addresses belong to several people; `duplicates` chose all of them"),
        ("reject", ""),
    ],
)
def test_addresses_of_several_people_are_counted(
    marketo: MarketoSandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    policy: str,
    told: str,
) -> None:
    caplog.set_level("INFO", "target-marketo")
    names = ["a", "a", "b", "b", "b", "c"]
    marketo.seed([{"email": f"{name}@planted.example", "city": "Rome"} for name in names])
    came = [
        {"email": f"{name}@planted.example", "city": city}
        for name, city in [("a", "Bern"), ("a", "Bonn"), ("b", "Rome"), ("c", "Bern")]
    ]
    target = InProcess(marketo, tmp_path, monkeypatch.setattr)

    target.run(
        stream("crm", *came, email="string", city="string"),
        streams={"crm": {"fields": {"email": "email", "city": "city"}}},
        duplicates=policy,
        max_rejected_percent=100,
    )

    with closing(sqlite3.connect(tmp_path / "store.sqlite")) as connection:
        (twins,) = connection.execute("SELECT twins FROM target_runs").fetchone()
    assert twins == (2 if told else 0)
    assert ("several people" in caplog.text) == bool(told)
    assert told in caplog.text
