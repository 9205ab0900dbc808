"""The table of codes: what follows from a row, level by level and endpoint by endpoint."""

from __future__ import annotations

import pytest

from target_marketo.marketo.codes import (
    TABLE,
    Advice,
    Class,
    Executed,
    Family,
    Replay,
    is_documented,
    of_response,
    of_row,
)
from target_marketo.marketo.errors import (
    EndsKind,
    EndsLane,
    NotAuthorized,
    OutcomeUnknown,
    Rejected,
    SendFewer,
    Unavailable,
    error_of,
)

NOT_EXECUTED = [
    *("413", "414", "429"),
    *(str(code) for code in range(600, 617) if code not in (604, 611)),
    *(str(code) for code in range(701, 712)),
    *(str(code) for code in range(1000, 1100)),
]
UNKNOWN = [
    *("401", "403", "404", "407", "408", "500", "502", "503", "504", "520", "524", "599"),
    *("604", "611", "617", "699", "700", *(str(code) for code in range(712, 800))),
    *("", "200", "1100", "9999", "abc", "10"),
]


@pytest.mark.parametrize("family", list(Family))
def test_whether_a_refused_request_was_executed_is_the_same_for_every_kind(family: Family) -> None:
    assert {of_response(code, family).executed for code in NOT_EXECUTED} == {Executed.NOT}
    assert {of_response(code, family).executed for code in UNKNOWN} == {Executed.UNKNOWN}


@pytest.mark.parametrize("code", UNKNOWN)
def test_a_write_of_unknown_outcome_is_reported_as_such(code: str) -> None:
    assert error_of(code, of_response(code), writes=True) is OutcomeUnknown
    assert error_of(code, of_response(code), writes=False) is not OutcomeUnknown


def test_only_what_marketo_itself_answers_is_over_with_its_answer() -> None:
    assert not of_response("611").at_work
    for status in ("500", "502", "504", "520"):
        assert of_response(status).at_work


def test_no_code_has_two_rows_for_an_endpoint() -> None:
    for family in Family:
        special = [e.code for e in TABLE if family in e.families and e.families != Family.ANY]
        general = [e.code for e in TABLE if e.families == Family.ANY]
        assert len(special) == len(set(special))
        assert len(general) == len(set(general))
        assert set(special) <= set(general), "what is said of every endpoint comes first"


@pytest.mark.parametrize(
    ("code", "family", "row", "request_"),
    [
        ("603", Family.PEOPLE, Class.FATAL, Class.FATAL),
        ("603", Family.ACTIVITIES, Class.KIND, Class.KIND),
        ("616", Family.OBJECTS, Class.KIND, Class.KIND),
        ("703", Family.STATUS, Class.KIND, Class.KIND),
        ("709", Family.SCHEMA, Class.LOOKUP, Class.LOOKUP),
        ("1004", Family.PEOPLE, Class.LOOKUP, Class.FATAL),
        ("1004", Family.LISTS, Class.LOOKUP, Class.SPLIT),
        ("1006", Family.PEOPLE, Class.PERMANENT, Class.FATAL),
        ("1006", Family.ACTIVITIES, Class.LANE, Class.LANE),
        ("1013", Family.PEOPLE, Class.PERMANENT, Class.FATAL),
        ("1013", Family.LISTS, Class.LANE, Class.LANE),
        ("1013", Family.MEMBER_DATA, Class.PERMANENT, Class.LANE),
        ("1025", Family.STATUS, Class.LANE, Class.LANE),
        ("1026", Family.OBJECTS, Class.KIND, Class.KIND),
        ("1029", Family.PEOPLE, Class.TRANSIENT, Class.TRANSIENT),
        ("1037", Family.STATUS, Class.DONE, Class.FATAL),
        ("1037", Family.PEOPLE, Class.PERMANENT, Class.FATAL),
        ("1049", Family.ACTIVITIES, Class.PERMANENT, Class.FATAL),
    ],
)
def test_what_a_code_asks_for_depends_on_the_endpoint(
    code: str, family: Family, row: Class, request_: Class
) -> None:
    assert of_row(code, family).kind is row
    assert of_response(code, family).kind is request_


@pytest.mark.parametrize(
    ("code", "family", "raised"),
    [
        ("603", Family.PEOPLE, NotAuthorized),
        ("603", Family.LISTS, EndsKind),
        ("1013", Family.LISTS, EndsLane),
        ("1018", Family.PEOPLE, Rejected),
        ("1003", Family.PEOPLE, SendFewer),
        ("1099", Family.PEOPLE, SendFewer),
        ("705", Family.PEOPLE, Rejected),
        ("608", Family.PEOPLE, Unavailable),
    ],
)
def test_the_error_follows_from_the_table(code: str, family: Family, raised: type) -> None:
    assert error_of(code, of_response(code, family), writes=True) is raised


def test_a_row_with_a_code_that_is_not_documented_is_refused() -> None:
    assert not is_documented("1099")
    assert of_row("1099") == Advice(
        Class.PERMANENT, of_row("1099").meaning, "report it with the request id"
    )


def test_what_is_there_already_needs_no_replay() -> None:
    assert of_row("1037").replay is Replay.NEVER
    assert of_row("1003").replay is Replay.IF_CHANGED
    assert of_row("1014").replay is Replay.HELPS
