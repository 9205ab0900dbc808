"""`errors` by kind: how many, of how many people, what to do, and whether a replay can help."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.target_marketo.conftest import Target, record, schema, state

from .conftest import EMAILS, Ops, Store, failure

if TYPE_CHECKING:
    from tests.sandbox.marketo.client import MarketoSandbox


def test_errors_are_reported_by_kind_first_with_records_people_and_advice_once(
    ops: Ops, store: Store
) -> None:
    store.add(
        failure(code="1007", n=1),
        failure(code="1007", n=2),
        failure(EMAILS[2], code="1007"),
        failure(EMAILS[1], "invalid_email", field="email"),
    )

    kinds = ops.json("errors")
    lines = [line.split("\t") for line in ops("errors").stdout.splitlines()]

    assert [(each["kind"], each["records"], each["people"]) for each in kinds] == [
        ("1007", 3, 2),
        ("invalid_email:email", 1, 1),
    ]
    assert lines[0][:4] == ["kind", "stream", "records", "people"]
    assert [line[:4] for line in lines[1:]] == [
        ["1007", "visitors", "3", "2"],
        ["invalid_email:email", "visitors", "1", "1"],
    ]
    assert len(lines) == 3, "the advice is told once a kind"


def test_a_kind_opens_as_its_entries(ops: Ops, store: Store) -> None:
    store.add(
        failure(code="too_long", field="city"),
        failure(code="too_long", field="phone"),
        failure(code="1007"),
    )

    assert [each["id"] for each in ops.json("errors", "too_long")] == [2, 1]
    assert [each["id"] for each in ops.json("errors", "too_long:city")] == [1]
    assert ops.json("errors", "nothing") == []
    assert "No open errors of that kind" in ops("errors", "nothing").output


def test_a_replay_is_offered_only_where_it_can_help(ops: Ops, store: Store) -> None:
    store.add(failure(), failure(code="1007"), failure(code="1037"), failure(code="in\x1bvalid"))

    offered = {each["code"]: each["replay"] for each in ops.json("errors")}

    assert offered["1007"] == "marketo-ops replay --code 1007 | target-marketo"
    assert (offered["1003"], offered["1037"]) == ("", ""), "the same again, and nothing to do"
    assert offered["in\x1bvalid"] == "", "no foreign text is put into a command"


def test_what_a_new_mapping_has_mended_says_so(
    target: Target, ops: Ops, store: Store, marketo: MarketoSandbox
) -> None:
    del store, marketo
    old = {"visitors": {"fields": {"email": "email", "city": "city"}}}
    cut = {"from": "city", "truncate": True}
    mended = {"visitors": {"fields": {"email": "email", "city": cut}}}
    bad = record("ann@planted.example", city="x" * 300)
    target.run([schema(), bad, state(1)], streams=old, unfit_values=None)

    (before,) = ops.json("errors", TARGET_MARKETO_STREAMS=json.dumps(old))
    (after,) = ops.json("errors", TARGET_MARKETO_STREAMS=json.dumps(mended))

    assert (before["outlook"], before["replay"]) == ("the same again", "")
    assert (after["outlook"], after["kind"]) == ("mended", "too_long:city")
    assert "the mapping has changed since" in after["cure"]
    assert after["replay"].startswith("marketo-ops replay --code too_long")


def test_where_nobody_looks_a_table_is_tab_separated_lines(ops: Ops, store: Store) -> None:
    store.add(failure())

    listed = ops("errors", "list").stdout.splitlines()

    assert listed[0].split("\t")[:4] == ["ID", "last seen", "stream", "code"]
    assert listed[1].split("\t")[0] == "1"
    assert not set("─│┃━") & set("".join(listed))
