"""Streams whose key is not the e-mail address: nobody gets a second person for an address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.target_marketo.in_process import InProcess
from tests.target_marketo.mapping.whole_streams import parts, stream

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.marketo.client import MarketoSandbox

STREAMS = {"crm": {"key": "crmKey", "fields": {"crmKey": "key", "email": "email", "city": "city"}}}
KINDS = {"key": "string", "email": "string", "city": "string"}


@pytest.fixture
def target(marketo: MarketoSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InProcess:
    marketo.set_options(custom_fields=[{"name": "crmKey", "data_type": "string"}])
    return InProcess(marketo, tmp_path, monkeypatch.setattr)


def crm(*rows: tuple[str, str | None, str]) -> list[dict[str, Any]]:
    records = [{"key": key, "email": email, "city": city} for key, email, city in rows]
    return stream("crm", *records, **KINDS)


def held(marketo: MarketoSandbox) -> list[tuple[Any, ...]]:
    people = sorted(marketo.leads(), key=lambda each: int(each["id"]))
    return [(each.get("crmKey"), each.get("email"), each.get("city")) for each in people]


def lookups(marketo: MarketoSandbox) -> int:
    return sum(call.kind == "lookup" for call in marketo.journal())


def test_who_has_the_address_and_no_key_is_the_same_person_and_gets_the_key(
    target: InProcess, marketo: MarketoSandbox, tmp_path: Path
) -> None:
    marketo.seed([{"email": "Ann@planted.example", "city": "Rome"}])

    for _ in range(2):
        ended = target.run(crm(("k1", "ann@planted.example", "Bern")), streams=STREAMS)
        assert ended.code == 0, ended.said
        assert held(marketo) == [("k1", "Ann@planted.example", "Bern")]
    assert parts(tmp_path) == []


def test_a_key_that_only_a_creation_writes_is_written_to_who_is_found_by_address(
    target: InProcess, marketo: MarketoSandbox
) -> None:
    marketo.seed([{"email": "ann@planted.example", "city": "Rome"}])
    streams = {"crm": {"key": "crmKey", "fields": {"email": "email"}}}
    streams["crm"]["fields"] |= {"crmKey": {"from": "key", "write": "on_create"}}  # type: ignore[operator]

    target.run(crm(("k1", "ann@planted.example", "Bern")), streams=streams)

    assert held(marketo) == [("k1", "ann@planted.example", "Rome")]


def test_so_does_who_has_the_address_where_it_alone_is_delivered_once_more(
    target: InProcess, marketo: MarketoSandbox
) -> None:
    marketo.seed([{"email": "ann@planted.example", "city": "Rome"}])
    head, *rest = crm(("k1", "ann@planted.example", "Bern"), ("k2", "bob@planted.example", ""))

    ended = target.run([head | {"part": "field:email"}, *rest], streams=STREAMS)

    assert ended.code == 0, ended.said
    assert held(marketo) == [("k1", "ann@planted.example", "Rome")]


def test_an_address_of_somebody_with_another_key_refuses_the_record(
    target: InProcess, marketo: MarketoSandbox, tmp_path: Path
) -> None:
    seed = [("k1", "ann@planted.example", "Rome"), ("k2", "bob@planted.example", "Rome")]
    marketo.seed([{"crmKey": k, "email": e, "city": c} for k, e, c in seed])
    came = [
        ("k9", "ann@planted.example", "Bern"),  # new, with her address
        ("k2", "ann@planted.example", "Bern"),  # is there, and would get it
        ("k1", "ann@planted.example", "Bern"),  # herself
    ]

    ended = target.run(crm(*came), streams=STREAMS, max_rejected_percent=100)

    assert (ended.code, ended.states) == (0, [{"at": "crm"}])
    assert held(marketo) == [("k1", "ann@planted.example", "Bern"), seed[1]]
    assert parts(tmp_path) == [("person", "key_conflict", "email")] * 2


@pytest.mark.parametrize("lag", [0.0, 60.0])
def test_two_new_people_of_one_address_are_not_both_made(
    target: InProcess, marketo: MarketoSandbox, tmp_path: Path, lag: float
) -> None:
    marketo.set_options(lookup_lag=lag)
    rows = [("k1", "ann@planted.example", "Bern"), ("k2", "Ann@planted.example", "Rome")]

    ended = target.run(crm(*rows), streams=STREAMS, batch_size_rows=1, max_rejected_percent=100)

    assert ended.code == 0, ended.said
    (one,) = held(marketo)  # whose lookup came back first
    refused = 2 - rows.index(one)
    assert parts(tmp_path, "number, code") == [(refused, "key_conflict")]


def test_an_address_that_one_person_leaves_is_free_for_another(
    target: InProcess, marketo: MarketoSandbox, tmp_path: Path
) -> None:
    rows = [
        ("k1", "old@planted.example", "Bern"),
        ("k1", "new@planted.example", "Bern"),
        ("k2", "old@planted.example", "Rome"),
    ]

    target.run(crm(*rows), streams=STREAMS)

    assert held(marketo) == [rows[1], rows[2]]
    assert parts(tmp_path) == []


def test_it_costs_one_more_lookup_for_those_alone_who_would_get_an_address(
    target: InProcess, marketo: MarketoSandbox
) -> None:
    marketo.seed([{"crmKey": f"k{n}", "email": f"p{n}@planted.example"} for n in range(300)])
    known = [(f"k{n}", f"p{n}@planted.example", "Bern") for n in range(300)]
    unknown = [(f"n{n}", f"n{n}@planted.example", "Bern") for n in range(300)]

    target.run(crm(*known), streams=STREAMS)
    before = lookups(marketo)
    target.run(crm(*unknown), streams=STREAMS)

    assert before == 1
    assert lookups(marketo) == before + 2
    assert len(marketo.leads()) == 600


def test_an_id_that_marketo_does_not_have_is_refused_and_makes_nobody(
    target: InProcess, marketo: MarketoSandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    marketo.seed([{"email": "ann@planted.example", "city": "Rome"}])
    (ann,) = marketo.leads()
    streams = {"crm": {"key": "id", "fields": {"city": "city"}}}
    records = [{"id": ann["id"], "city": "Bern"}, {"id": 99_999_999, "city": "Bern"}]

    ended = target.run(
        stream("crm", *records, id="integer", city="string"),
        streams=streams,
        max_rejected_percent=100,
    )

    assert (ended.code, ended.states) == (0, [{"at": "crm"}])
    assert held(marketo) == [(None, "ann@planted.example", "Bern")]
    assert parts(tmp_path) == [("person", "unknown_id", "id")]
    assert caplog.text.count("code unknown_id") == 2, "once with its cure, once in all"


def test_a_stream_that_creates_nobody_leaves_those_who_are_not_there(
    target: InProcess, marketo: MarketoSandbox, tmp_path: Path
) -> None:
    marketo.seed([{"email": "ann@planted.example", "city": "Rome"}])
    entry = {"fields": {"email": "email", "city": "city"}, "create": False}
    rows = [("k1", "ann@planted.example", "Bern"), ("k2", "bob@planted.example", "Bern")]

    for streams in ({"crm": entry}, {"crm": STREAMS["crm"] | {"create": False}}):
        ended = target.run(crm(*rows), streams=streams)
        assert ended.code == 0, ended.said

    assert held(marketo) == [("k1", "ann@planted.example", "Bern")]
    assert parts(tmp_path) == []


def test_another_stream_of_the_run_may_make_whom_this_one_does_not(
    target: InProcess, marketo: MarketoSandbox
) -> None:
    fields = {"email": "email", "city": "city"}
    streams = {
        "chats": {"fields": fields, "create": False},
        "crm": {"fields": {"email": "email"}},
    }
    rows = {"email": "ann@planted.example", "city": "Bern"}
    chats = stream("chats", rows, email="string", city="string")

    target.run([*chats[:-1], *crm(("k1", "ann@planted.example", ""))], streams=streams)

    assert held(marketo) == [(None, "ann@planted.example", "Bern")]


def test_streams_with_different_keys_are_refused_in_one_line(
    target: InProcess, marketo: MarketoSandbox
) -> None:
    streams = STREAMS | {"visitors": {"fields": {"email": "email"}}}
    visitors = stream("visitors", {"email": "ann@planted.example"}, email="string")

    ended = target.run([*crm(("k1", "ann@planted.example", ""))[:-1], *visitors], streams=streams)

    assert ended.code == 1
    assert ended.said.count("\n") == 0
    assert "`key`" in ended.said
    assert marketo.leads() == []
