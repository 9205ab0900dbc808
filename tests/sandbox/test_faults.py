"""The scripts of faults do what they say, and the journal says what was really done."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests
from urllib3.exceptions import ProtocolError

from tests.sandbox.faults import Fault, Script
from tests.sandbox.livechat.client import LiveChatSandbox
from tests.sandbox.marketo_api import ADA, code_of, emails

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.sandbox.marketo import MarketoSandbox
    from tests.sandbox.marketo_api import MarketoApi


# --- which call is struck ------------------------------------------------------------------------


def strikes(script: Script, calls: int, kind: str = "sync", body: bytes = b"") -> list[int]:
    return [number for number in range(1, calls + 1) if script.draw(kind, body)]


def test_a_fault_strikes_calls_by_their_number() -> None:
    fault = Fault(what="reset", calls=("sync",), at=(2, 4))
    script = Script([fault], seed=1)
    assert script.draw("lookup") is None, "other kinds are not counted"
    assert strikes(script, 6) == [2, 4]


def test_a_fault_strikes_with_its_probability_and_no_more_often_than_it_may() -> None:
    often = strikes(Script([Fault(what="reset", probability=0.2)], seed=1), 2000)
    assert 320 <= len(often) <= 480
    bounded = strikes(Script([Fault(what="reset", probability=0.2, at_most=3)], seed=1), 2000)
    assert bounded == often[:3], "one seed, one course"
    assert often != strikes(Script([Fault(what="reset", probability=0.2)], seed=2), 2000)


def test_a_fault_strikes_at_the_latest_when_it_would_on_average() -> None:
    for seed in range(20):
        assert strikes(Script([Fault(what="reset", probability=0.1)], seed=seed), 10)
    assert not strikes(Script([Fault(what="reset", probability=0.0)], seed=1), 1000)


def test_the_first_of_several_faults_strikes_and_all_count() -> None:
    script = Script([Fault(what="reset", at=(1,)), Fault(what="empty", at=(1, 2))], seed=1)
    struck = [script.draw("sync") for _ in range(3)]
    assert [fault.what if fault else None for fault in struck] == ["reset", "empty", None]


def test_a_fault_may_last_for_a_time_from_its_first_strike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    script = Script([Fault(what="reset", calls=("sync",), lasts=7.0)], seed=1)
    now += 50
    assert strikes(script, 3) == [1, 2, 3], "it began with the first of these"
    now += 6.9
    assert strikes(script, 1) == [1]
    now += 0.2
    assert strikes(script, 3) == []


def test_a_fault_may_be_about_one_person() -> None:
    script = Script([Fault(what="answer", code="611", holding="ada@example.com")], seed=1)
    assert script.draw("sync", b'{"email": "bob@example.com"}') is None
    assert script.draw("sync", b'{"email": "ADA@example.com"}') is not None


# --- Marketo -------------------------------------------------------------------------------------


def test_a_change_takes_place_at_a_call_and_not_at_a_time(
    marketo: MarketoSandbox, api: MarketoApi
) -> None:
    note = {"name": "chatNote", "data_type": "string", "length": 10}
    change = Fault(what="changes", calls=("sync",), at=(2,), options={"custom_fields": []})
    marketo.set_options(custom_fields=[note], faults=[change])
    status = [api.sync({**ADA, "chatNote": "x"})["result"][0]["status"] for _ in range(2)]
    assert status == ["created", "skipped"]
    assert [entry.fault for entry in marketo.journal() if entry.kind == "sync"] == ["", "changes"]


@pytest.mark.parametrize("applied", [False, True])
def test_a_reset_leaves_no_reply_and_the_journal_the_truth(
    marketo: MarketoSandbox, api: MarketoApi, *, applied: bool
) -> None:
    marketo.set_faults([Fault(what="reset", calls=("sync",), at=(1,), applied=applied)])
    with pytest.raises(requests.ConnectionError):
        api.sync(ADA)
    assert len(marketo.leads()) == int(applied)
    (entry,) = [entry for entry in marketo.journal() if entry.kind == "sync"]
    assert entry.fault == "reset"
    assert [row.status for row in entry.rows] == ["created"] * int(applied)
    assert bool(entry.applied) is applied
    assert api.synced(ADA) == ["updated" if applied else "created"], "only the first was struck"


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize(("what", "status"), [("answer", 200), ("status", 502)])
def test_an_error_may_come_with_or_without_the_write(
    marketo: MarketoSandbox, api: MarketoApi, what: Any, status: int, *, applied: bool
) -> None:
    marketo.set_faults([Fault(what=what, code="502", at=(1,), applied=applied)])
    reply = api.send("POST", "/v1/leads.json", json={"input": [ADA]})
    assert reply.status_code == status
    if what == "answer":
        assert code_of(reply.json()) == "502"
    else:
        assert reply.headers["Content-Type"].startswith("text/html")
    assert len(marketo.leads()) == int(applied)
    assert not marketo.counts().worst_in_flight > 1


def test_a_write_may_be_done_long_after_its_connection_was_lost(
    marketo: MarketoSandbox, api: MarketoApi
) -> None:
    fault = Fault(what="reset", calls=("sync",), seconds=1.0, at=(1,), applied=True)
    marketo.set_faults([fault])
    began = time.monotonic()
    with pytest.raises(requests.ConnectionError):
        api.sync(ADA)
    assert time.monotonic() - began < 1.0
    assert marketo.leads() == []
    assert api.synced(ADA | {"firstName": "Grace"}) == ["created"], "it does not see the other"
    assert marketo.counts().overlapping_keys == 1, "the other is still in flight"
    deadline = time.monotonic() + 10
    while len(marketo.leads()) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(marketo.leads()) == 2
    assert marketo.counts().duplicates_created == 1
    (entry,) = [entry for entry in marketo.journal() if entry.fault]
    assert entry.applied - entry.arrival >= 1.0


def test_somebody_may_change_leads_by_hand(marketo: MarketoSandbox) -> None:
    (lead,) = marketo.seed([{"email": "ada@example.com"}])
    before = marketo.now()
    at = marketo.change_leads([{"id": lead, "city": "Rome"}])
    assert before <= at <= marketo.now()
    assert marketo.leads_by_email("ada@example.com")[0]["city"] == "Rome"
    assert marketo.journal() == []


def test_a_late_call_is_applied_after_its_client_has_gone(
    marketo: MarketoSandbox, api: MarketoApi
) -> None:
    marketo.set_faults([Fault(what="late", calls=("sync",), seconds=1.5, at=(1,))])
    with pytest.raises(requests.ReadTimeout):
        api.send("POST", "/v1/leads.json", json={"input": [ADA]}, timeout=0.2)
    assert marketo.leads() == []
    deadline = time.monotonic() + 10
    while not marketo.leads() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(marketo.leads()) == 1
    (entry,) = [entry for entry in marketo.journal() if entry.kind == "sync"]
    assert entry.applied - entry.arrival >= 1.5


def test_a_token_may_end_before_any_call(marketo: MarketoSandbox, api: MarketoApi) -> None:
    marketo.set_faults([Fault(what="token_expires", calls=("lookup",), at=(2,))])
    assert api.found("nobody@example.com") == []
    assert code_of(api.lookup("nobody@example.com")) == "602"


def test_rows_may_be_skipped_at_random_or_for_one_person(
    marketo: MarketoSandbox, api: MarketoApi
) -> None:
    marketo.set_options(journal_values=True)
    marketo.set_faults([Fault(what="row", calls=("sync",), code="1003", share=0.3, at=(1,))])
    rows = [{"email": email, "firstName": "Ann"} for email in emails(200)]
    outcomes = api.synced(*rows)
    assert 30 <= outcomes.count("1003") <= 90
    assert len(marketo.leads()) == outcomes.count("created")
    entry = marketo.journal()[-1]
    assert entry.rows[0].values == {"email": "person0@example.com", "firstName": "Ann"}
    marketo.set_faults([Fault(what="row", code="1077", holding="ada@example.com")])
    assert api.synced(ADA, {"email": "bob@example.com"}) == ["1077", "created"]


_USUAL = re.compile(
    rb'\{"requestId":"[^"]+","result":\[\{"id":1001,"status":"created"\}\],"success":true\}'
)
_BROKEN: dict[str, Callable[[bytes], bool]] = {
    "truncated": lambda body: body.startswith(b'{"requestId"') and not body.endswith(b"}"),
    "empty": lambda body: body == b"",
    "html": lambda body: body.startswith(b"<html>"),
    "wrong_type": lambda body: json.loads(body) != {} and not _USUAL.fullmatch(body),
    "gzip_bomb": lambda body: len(body) == _READ and bool(_USUAL.match(body)),
}
_READ = 2_000


@pytest.mark.parametrize("what", ["cut", *_BROKEN])
def test_a_damaged_reply_is_of_a_call_that_was_carried_out(
    marketo: MarketoSandbox, api: MarketoApi, what: Any
) -> None:
    marketo.set_faults([Fault(what=what, calls=("sync",))])
    if what == "cut":
        with pytest.raises(ProtocolError):
            read_some(api)
    else:
        assert _BROKEN[what](read_some(api))
    assert len(marketo.leads()) == 1
    assert marketo.journal()[-1].fault == what


def read_some(api: MarketoApi) -> bytes:
    with api.send("POST", "/v1/leads.json", json={"input": [ADA]}, stream=True) as reply:
        return bytes(reply.raw.read(_READ, decode_content=True))


@pytest.mark.parametrize(("what", "rows"), [("short", 2), ("long", 4), ("reordered", 3)])
def test_a_result_may_be_of_other_rows(
    marketo: MarketoSandbox, api: MarketoApi, what: Any, rows: int
) -> None:
    marketo.set_faults([Fault(what=what, calls=("sync",))])
    reply = api.sync(*({"email": email} for email in emails(3)))
    assert reply["success"]
    assert len(reply["result"]) == rows


def test_a_reply_may_drip_or_never_end(marketo: MarketoSandbox, api: MarketoApi) -> None:
    marketo.set_faults(
        [
            Fault(what="drip", seconds=1.0, at=(1,)),
            Fault(what="oversized", at=(2,)),
            Fault(what="no_result", at=(3,)),
        ]
    )
    began = time.monotonic()
    assert api.lookup("nobody@example.com")["success"]
    assert time.monotonic() - began > 0.8
    reply = api.send("GET", "/v1/leads/describe.json", stream=True)
    assert sum(len(chunk) for chunk in reply.iter_content(1_000_000)) > 60_000_000
    assert "result" not in api.lookup("nobody@example.com")


def test_identity_may_fail_too(marketo: MarketoSandbox, api: MarketoApi) -> None:
    marketo.set_faults(
        [
            Fault(what="status", code="503", calls=("identity",), at=(1,)),
            Fault(what="truncated", calls=("identity",), at=(2,)),
        ]
    )
    assert api.ask_token().status_code == 503
    assert not api.ask_token().text.endswith("}")
    assert "access_token" in api.ask_token().json()


# --- LiveChat ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def livechat() -> Iterator[LiveChatSandbox]:
    with LiveChatSandbox(visitors=20) as sandbox:
        yield sandbox


def ask(livechat: LiveChatSandbox) -> requests.Response:
    return requests.post(
        f"{livechat.api_url}/v3.6/agent/action/list_archives",
        json={},
        headers={"Authorization": livechat.authorization},
        timeout=5,
    )


def test_livechat_answers_errors_with_and_without_a_time_to_wait(livechat: LiveChatSandbox) -> None:
    livechat.set_faults(
        [
            Fault(what="answer", code="too_many_requests", retry_after=2.0, at=(1,)),
            Fault(what="answer", code="service_unavailable", at=(2,)),
            Fault(what="status", code="502", at=(3,)),
        ]
    )
    first, second, third, fourth = (ask(livechat) for _ in range(4))
    assert (first.status_code, first.headers["Retry-After"]) == (429, "2")
    assert second.json()["error"]["type"] == "service_unavailable"
    assert (third.status_code, third.text[:6]) == (502, "<html>")
    assert fourth.json()["chats"]


@pytest.mark.parametrize("what", ["reset", "cut", "truncated", "empty", "wrong_type"])
def test_livechats_replies_break_too(livechat: LiveChatSandbox, what: Any) -> None:
    livechat.set_faults([Fault(what=what, calls=("list_archives",), at=(1,))])
    try:
        body = ask(livechat).text
    except requests.RequestException:
        assert what in {"reset", "cut"}
    else:
        assert what not in {"reset", "cut"}
        assert not is_usual(body)
    assert is_usual(ask(livechat).text)


def is_usual(body: str) -> bool:
    try:
        ids = [chat["thread"]["id"] for chat in json.loads(body)["chats"]]
    except (ValueError, TypeError, KeyError):
        return False
    return bool(ids) and all(isinstance(each, str) for each in ids)
