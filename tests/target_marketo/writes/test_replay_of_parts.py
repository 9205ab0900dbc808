"""`marketo-ops replay` carries of a record that part alone which its entry is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from target_marketo.mapping.mapper import Mapper
from tests.sandbox.faults import Fault
from tests.sandbox.marketo_api import MarketoApi
from tests.target_marketo.mapping.described import FIELDS as DESCRIBED
from tests.target_marketo.writes.attaching import (
    FIELDS,
    KINDS,
    Kept,
    ids,
    messages,
    replayed,
    visitor,
)

if TYPE_CHECKING:
    from tests.sandbox.marketo.client import MarketoSandbox
    from tests.target_marketo.in_process import InProcess

each_kind = pytest.mark.parametrize("kind", KINDS, ids=str)
EVERYTHING = {name: value for each in KINDS for name, value in each.entry.items()}
STREAMS = {"visitors": {"key": "email", "fields": FIELDS, **EVERYTHING}}


def first_names(marketo: MarketoSandbox) -> dict[str, str]:
    return {lead["email"][0]: lead["firstName"] for lead in marketo.leads()}


@each_kind
def test_what_is_attached_is_sent_without_its_person(
    marketo: MarketoSandbox, target: InProcess, kind: Kept
) -> None:
    marketo.set_faults([Fault(what="answer", code="616", calls=(kind.call,))])
    target.run(messages([visitor("a"), visitor("b")]), streams=STREAMS)
    marketo.set_faults([])
    target.run(
        messages([visitor("a", first_name="Newer")]),
        streams={"visitors": {"key": "email", "fields": FIELDS}},
    )
    marketo.delete_leads(*ids(marketo, "b"))
    marketo.reset_counts()
    lines = replayed(target, STREAMS)
    ended = target.run(lines, streams=STREAMS)

    assert [line.get("part", line["type"]) for line in lines] == [kind.part, "RECORD", "RECORD"]
    assert ended.code == 0
    assert first_names(marketo) == {"a": "Newer"}, "nothing is taken back, and b is not made again"
    assert kind.held(marketo) == ids(marketo, "a")
    calls = marketo.counts().calls
    assert [calls.get(each.call, 0) for each in KINDS] == [each is kind for each in KINDS]
    assert {each.email[0]: each.resolved for each in target.entries()} == {"a": True, "b": False}


def test_a_whole_person_goes_first_and_with_everything(
    marketo: MarketoSandbox, target: InProcess
) -> None:
    marketo.set_faults(
        [
            Fault(what="row", code="1003", calls=("sync",), holding="b@"),
            Fault(what="answer", code="616", calls=("add_to_list",)),
        ]
    )
    target.run(messages([visitor("a"), visitor("b")]), streams=STREAMS)
    marketo.set_faults([])
    lines = replayed(target, STREAMS)
    ended = target.run(lines, streams=STREAMS)

    assert [line.get("part", line["type"]) for line in lines] == [
        "SCHEMA",
        "RECORD",
        "list:LiveChat visitors",
        "RECORD",
    ]
    assert ended.code == 0
    assert [kind.held(marketo) for kind in KINDS] == [ids(marketo, "a", "b")] * 3
    assert all(each.resolved for each in target.entries())


def test_a_field_that_was_left_out_is_sent_alone(
    marketo: MarketoSandbox, target: InProcess
) -> None:
    marketo.seed([{"email": "a@example.com", "firstName": "Older"}])
    fields: dict[str, Any] = {**FIELDS, "lastName": {"from": "rating", "write": "always"}}
    unfit = {"visitors": {"key": "email", "fields": fields, "lists": ["LiveChat visitors"]}}
    target.run(messages([visitor("a", rating="x" * 300)]), streams=unfit)
    assert [each.part for each in target.entries()] == ["field:lastName"]
    with MarketoApi(marketo) as api:
        api.log_in()
        api.synced({"email": "a@example.com", "firstName": "Newest"})
    marketo.reset_counts()
    fields["lastName"] = {"from": "rating", "write": "always", "truncate": True}
    ended = target.run(replayed(target, unfit), streams=unfit)

    assert ended.code == 0
    (lead,) = marketo.leads()
    assert (lead["firstName"], len(lead["lastName"])) == ("Newest", 255)
    assert "add_to_list" not in marketo.counts().calls
    assert [each.resolved for each in target.entries()] == [True]


def test_a_part_of_a_group_is_decided_together_with_it() -> None:
    fields = {
        **FIELDS,
        "city": {"from": "city", "write": "if_empty", "group": "geography"},
        "country": {"from": "country", "write": "if_empty", "group": "geography"},
    }
    mapper = Mapper({"visitors": {"key": "email", "fields": fields, "lists": ["L"]}}, DESCRIBED)
    mapped = (
        mapper.plan("visitors", {})
        .only("field:city")
        .map({"email": "a@example.com", "first_name": "Ann", "city": "Rome", "country": "Italy"})
    )

    assert getattr(mapped, "values", None) == {"city": "Rome", "country": "Italy"}
    assert getattr(mapped, "attachments", None) == ()
