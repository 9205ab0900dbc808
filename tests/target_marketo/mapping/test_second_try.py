"""A row that Marketo refuses for one field it names goes once more without that field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from target_marketo.mapping.mapper import Mapper
from target_marketo.mapping.refusals import Refusal, Refused
from target_marketo.marketo.replies import Reason, Row
from tests.target_marketo.in_process import InProcess
from tests.target_marketo.mapping.whole_streams import lead, parts, stream

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.sandbox.marketo.client import MarketoSandbox

FOX = "\N{FOX FACE}"
STREAMS = {"crm": {"fields": {"email": "email", "title": "title", "city": "city"}}}
KINDS = {"email": "string", "title": "string", "city": "string"}


@pytest.fixture
def target(marketo: MarketoSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InProcess:
    marketo.set_options(four_bytes="1003")
    return InProcess(marketo, tmp_path, monkeypatch.setattr)


def test_a_field_that_marketo_refuses_costs_itself_and_the_error_log_keeps_the_record(
    target: InProcess, marketo: MarketoSandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    marketo.seed([{"email": "old@planted.example", "city": "Rome", "title": "Dr"}])
    came = [
        {"email": "old@planted.example", "title": f"Chief {FOX}", "city": "Bern"},
        {"email": "new@planted.example", "title": f"Chief {FOX}", "city": "Bern"},
        {"email": "fine@planted.example", "title": "Chief", "city": "Bern"},
    ]

    ended = target.run(stream("crm", *came, **KINDS), streams=STREAMS)

    assert (ended.code, ended.states) == (0, [{"at": "crm"}])
    held = {each["email"]: (each.get("title"), each["city"]) for each in marketo.leads()}
    assert held == {
        "old@planted.example": ("Dr", "Bern"),
        "new@planted.example": (None, "Bern"),
        "fine@planted.example": ("Chief", "Bern"),
    }
    assert parts(tmp_path) == [("field:title", "1003", "title")] * 2
    assert "0 rejected, 2 values left out" in caplog.text
    assert FOX not in caplog.text
    assert "planted.example" not in caplog.text


def test_two_odd_fields_cost_two_fields(
    target: InProcess, marketo: MarketoSandbox, tmp_path: Path
) -> None:
    came = {"email": "a@planted.example", "title": FOX, "city": f"{FOX} 2"}

    ended = target.run(stream("crm", came, **KINDS), streams=STREAMS)

    assert ended.code == 0
    assert lead(marketo, "a@planted.example").get("city") is None
    assert sorted(parts(tmp_path, "part")) == [("field:city",), ("field:title",)]


def test_a_mended_value_resolves_what_was_left_out(
    target: InProcess, marketo: MarketoSandbox, tmp_path: Path
) -> None:
    came = {"email": "a@planted.example", "title": FOX, "city": "Bern"}
    target.run(stream("crm", came, **KINDS), streams=STREAMS)

    target.run(stream("crm", came | {"title": None}, **KINDS), streams=STREAMS)
    assert parts(tmp_path, "part") == [("field:title",)], "nothing was said of the title"

    target.run(stream("crm", came | {"title": "Chief"}, **KINDS), streams=STREAMS)
    assert lead(marketo, "a@planted.example")["title"] == "Chief"
    assert parts(tmp_path) == []


def test_of_a_persons_records_those_that_brought_the_field_are_kept(
    target: InProcess, tmp_path: Path
) -> None:
    came: list[dict[str, Any]] = [
        {"email": "a@planted.example", "title": None, "city": "Bern"},
        {"email": "a@planted.example", "title": FOX, "city": "Bern"},
    ]

    target.run(stream("crm", *came, **KINDS), streams=STREAMS)

    assert parts(tmp_path, "number, part") == [(2, "field:title")]


def test_where_unfit_values_are_rejected_the_whole_person_is(
    target: InProcess, marketo: MarketoSandbox, tmp_path: Path
) -> None:
    came = {"email": "a@planted.example", "title": FOX, "city": "Bern"}

    ended = target.run(stream("crm", came, **KINDS), streams=STREAMS, unfit_values="reject")

    assert (ended.code, marketo.leads()) == (0, [])
    assert parts(tmp_path, "part, code") == [("person", "1003")]


def test_a_person_who_is_refused_for_the_key_is_not_tried_without_it(
    target: InProcess, marketo: MarketoSandbox, tmp_path: Path
) -> None:
    marketo.set_options(custom_fields=[{"name": "crmKey", "data_type": "string"}])
    streams = {"crm": {"key": "crmKey", "fields": {"crmKey": "title", "city": "city"}}}

    target.run(stream("crm", {"title": FOX, "city": "Bern"}, **KINDS), streams=streams)

    assert marketo.leads() == []
    assert parts(tmp_path, "part, code") == [("person", "1003")]


def test_a_row_that_is_refused_without_a_field_is_refused_as_before(
    target: InProcess, marketo: MarketoSandbox, tmp_path: Path
) -> None:
    marketo.set_options(faults=[{"what": "row", "code": "1003", "share": 1.0}])
    came = {"email": "a@planted.example", "title": "Dr", "city": "Bern"}

    target.run(stream("crm", came, **KINDS), streams=STREAMS)

    assert marketo.leads() == []
    assert parts(tmp_path, "part, code") == [("person", "1003")]


GOOD, LONG = "Chief", "x" * 300  # more than the field takes


@pytest.mark.parametrize(
    ("titles", "open_ones"),
    [
        ([GOOD, LONG], [2]),
        ([LONG, GOOD], []),
        ([LONG, GOOD, LONG], [3]),
        ([LONG, None], [1]),
        ([GOOD, f"{FOX} 1"], [2]),  # it is Marketo that refuses this one
    ],
)
def test_a_field_is_made_good_by_a_record_that_brings_it_and_by_none_before(
    target: InProcess, tmp_path: Path, titles: list[str | None], open_ones: list[int]
) -> None:
    came = [
        {"email": "a@planted.example", "title": title, "city": str(number)}
        for number, title in enumerate(titles)
    ]

    ended = target.run(stream("crm", *came, **KINDS), streams=STREAMS)

    assert ended.code == 0, ended.said
    assert parts(tmp_path, "number, part") == [(each, "field:title") for each in open_ones]


def test_what_marketo_takes_of_nobody_is_tried_once_in_a_run(
    target: InProcess, marketo: MarketoSandbox, tmp_path: Path
) -> None:
    marketo.seed([{"email": "has@planted.example", "company": "Acme", "city": "Rome"}])
    streams = {"crm": {"fields": {"email": "email", "company": "title", "city": "city"}}}
    people = ["has", *(f"p{number}" for number in range(59))]
    came = [
        {"email": f"{name}@planted.example", "title": "Acme", "city": "Bern"} for name in people
    ]

    ended = target.run(
        stream("crm", *came, **KINDS), streams=streams, batch_size_rows=3, max_concurrent_calls=1
    )

    assert (ended.code, ended.states) == (0, [{"at": "crm"}])
    assert {each["city"] for each in marketo.leads()} == {"Bern"}
    refused = [row for call in marketo.journal() for row in call.rows or () if row.codes]
    assert 3 <= len(refused) <= 15, "those of the first call, and of what was under way then"
    assert len(parts(tmp_path)) == 59, "each record but the one that brought nothing new"


def test_what_does_not_fit_a_row_as_a_whole_costs_its_field_too(
    target: InProcess, marketo: MarketoSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(_: Mapper, rows: Sequence[Mapping[str, Any]]) -> Refused | None:
        long = any("Dr" in row.values() for row in rows)
        return Refused(Refusal.TOO_LONG, "title", "too long") if long else None

    monkeypatch.setattr(Mapper, "check", check)
    came = {"email": "a@planted.example", "title": "Dr", "city": "Bern"}
    beside = {"email": "b@planted.example", "title": "Ms", "city": "Bern"}

    target.run(stream("crm", came, beside, **KINDS), streams=STREAMS)
    assert lead(marketo, "a@planted.example")["city"] == "Bern"
    assert lead(marketo, "b@planted.example")["title"] == "Ms"
    assert parts(tmp_path) == [("field:title", "too_long", "title")]

    target.run(
        stream("crm", came | {"city": "Rome"}, **KINDS), streams=STREAMS, unfit_values="reject"
    )
    assert lead(marketo, "a@planted.example")["city"] == "Bern"
    assert ("person", "too_long", "title") in parts(tmp_path)


def test_a_message_of_marketo_is_never_shown_by_accident() -> None:
    row = Row("skipped", reasons=(Reason("1003", "Invalid value 'planted'"),))

    assert "planted" not in repr(row)
    assert row.texts == [("1003", "Invalid value 'planted'")]
