"""One call: when it is asked whether it may still be sent, and how long it may be at work."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from target_marketo.marketo import replies
from target_marketo.marketo.call import Request
from target_marketo.marketo.codes import Family
from target_marketo.marketo.errors import EndsLane, OutcomeUnknown, Unavailable
from tests.target_marketo.governor.scripted import ScriptedClock
from tests.target_marketo.marketo.scripted import (
    TIMEOUT,
    ScriptedSession,
    Trouble,
    connected,
    refusal,
)

ROWS = [b'{"email":"a@example.com"}']


class TooOld(Exception):
    """What a decision that waited too long raises."""


@pytest.fixture
def session() -> ScriptedSession:
    return ScriptedSession(ScriptedClock())


@pytest.mark.parametrize("code", ["606", "608", "615", "601"])
def test_a_write_is_asked_about_each_time_that_it_may_be_sent(
    session: ScriptedSession, code: str
) -> None:
    session.trouble = [Trouble("sync", refusal(code))] * 2
    asked: list[float] = []

    connected(session).leads.sync(
        "createOnly", "email", ROWS, when_granted=lambda: asked.append(session.clock.now)
    )

    assert len(asked) == 3
    assert session.sent.count("createOnly") == 3


def test_what_is_too_old_when_its_slot_is_granted_is_not_sent(session: ScriptedSession) -> None:
    session.trouble = [Trouble("sync", refusal("606"))]
    marketo = connected(session)
    asked = 0

    def check() -> None:
        nonlocal asked
        asked += 1
        if asked == 2:
            raise TooOld

    with pytest.raises(TooOld):
        marketo.leads.sync("createOnly", "email", ROWS, when_granted=check)

    assert session.sent == ["token", "createOnly"], "the second attempt was not sent"
    usage = marketo.governor.snapshot()
    assert (usage.slots_in_flight, usage.today_ours) == (0, 1)


def test_a_body_is_made_when_the_slot_is_granted(session: ScriptedSession) -> None:
    """Rows that must not be sent any more drop out of their call."""
    session.trouble = [Trouble("sync", refusal("606"))]
    rows = [{"email": "a@example.com"}, {"email": "b@example.com"}]

    def body() -> bytes:
        head = {"action": "createOnly", "lookupField": "email"}
        return json.dumps({**head, "input": [rows.pop()]}).encode()

    request = Request("createOnly", "POST", "/v1/leads.json", body=body, writes=True)
    answer = connected(session).call(request, lambda content: replies.answer(content, 1))

    assert [row.status for row in answer.rows] == ["created"]
    assert [person["email"] for person in session.marketo.people.values()] == ["a@example.com"]


@pytest.mark.parametrize("status", ["500", "502", "503", "504", "520", "404"])
def test_a_write_that_somebody_else_answered_may_be_at_work_as_long_as_its_lease_lasts(
    session: ScriptedSession, status: str
) -> None:
    session.trouble = [Trouble("sync", refusal(status))]
    marketo = connected(session)

    with pytest.raises(OutcomeUnknown) as caught:
        marketo.leads.sync("createOnly", "email", ROWS)

    assert caught.value.at_work_seconds == pytest.approx(TIMEOUT + 10.0, abs=1.0)
    assert len(marketo.under_way()) == 1
    assert marketo.governor.snapshot().slots_in_flight == 0


def test_a_write_whose_reply_is_lost_may_be_at_work_as_long_as_its_lease_lasts(
    session: ScriptedSession,
) -> None:
    session.trouble = [Trouble("sync", requests.ConnectionError("reset"))]
    marketo = connected(session)

    with pytest.raises(OutcomeUnknown, match="Marketo's answer to createOnly is lost") as caught:
        marketo.leads.sync("createOnly", "email", ROWS)

    assert caught.value.at_work_seconds == pytest.approx(TIMEOUT + 10.0, abs=1.0)
    assert len(marketo.under_way()) == 1


@pytest.mark.parametrize("code", ["604", "611", "713", "719", "9999"])
def test_a_write_that_marketo_answered_is_over(session: ScriptedSession, code: str) -> None:
    session.trouble = [Trouble("sync", refusal(code))]
    marketo = connected(session)

    with pytest.raises(OutcomeUnknown) as caught:
        marketo.leads.sync("createOnly", "email", ROWS)

    assert caught.value.at_work_seconds == 0.0
    assert not marketo.under_way()


def test_a_time_out_is_reported_with_marketos_name_and_a_cure(session: ScriptedSession) -> None:
    session.trouble = [Trouble("lookup", requests.ReadTimeout())] * 1000
    marketo = connected(session)
    marketo.patience_seconds = 5.0

    with pytest.raises(Unavailable, match=r"Marketo's answer to lookup .* within 120 s; .*raise `"):
        marketo.leads.lookup("email", ["a@example.com"], ["id"])


def test_a_code_means_what_it_means_to_its_family(session: ScriptedSession) -> None:
    session.trouble = [Trouble("sync", refusal("1013"))]
    body = json.dumps({"action": "createOnly", "lookupField": "email", "input": []}).encode()
    request = Request(
        "lists", "POST", "/v1/leads.json", body=body, writes=True, family=Family.LISTS
    )

    with pytest.raises(EndsLane, match="Marketo answered 1013 to lists"):
        connected(session).call(request, lambda content: content)


def described(*, types: bool) -> bytes:
    field: dict[str, Any] = {"name": "email", "updateable": False}
    if types:
        field |= {"dataType": "email", "length": 255}
    fields = [field, {"name": "age", "dataType": "integer", "updateable": True}]
    return json.dumps({"result": [{"searchableFields": [["email"]], "fields": fields}]}).encode()


def test_one_describe_is_enough_where_it_tells_the_types() -> None:
    email, age = replies.description(described(types=True))
    assert (email.name, email.data_type, email.length) == ("email", "email", 255)
    assert (email.read_only, email.searchable) == (True, True)
    assert (age.data_type, age.read_only, age.searchable) == ("integer", False, False)


def test_the_first_describe_is_asked_for_types_that_the_second_does_not_tell() -> None:
    first = {
        "result": [
            {"dataType": "email", "length": 255, "rest": {"name": "email"}},
            {"dataType": "string", "rest": {"name": "other", "readOnly": True}},
            {"dataType": "string", "soap": {"name": "OfSoap"}},
        ]
    }
    second = replies.description(described(types=False))
    email, other = replies.with_types(json.dumps(first).encode(), second)
    assert (email.data_type, email.read_only, email.searchable) == ("email", True, True)
    assert (other.name, other.read_only, other.searchable) == ("other", True, False)
