"""What a person settles about custom activities."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from target_marketo.settings import instance_name
from target_marketo.store.activity_ledger import ActivityLedger, Claim, State
from target_marketo.store.database import open_database
from target_marketo.store.error_log import ErrorLog, Failure
from tests.sandbox.marketo_examples import CHAT_ID, EXAMPLES, chat
from tests.sandbox.object_api import ObjectApi

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_marketo.store.database import Database
    from tests.sandbox.marketo.client import MarketoSandbox
    from tests.target_marketo.ops.conftest import Ops, Store

STREAMS = {
    "chats": {
        "key": "email",
        "activity": {
            "type": "livechatChat",
            "once": "thread_id",
            "date": "at",
            "primary": "topic",
            "attributes": {"threadId": "thread_id"},
        },
    }
}


@pytest.fixture
def database(store: Store) -> Iterator[Database]:
    with closing(open_database(store.url)) as found:
        yield found


@pytest.fixture
def ledger(database: Database, marketo: MarketoSandbox) -> ActivityLedger:
    """With one activity that is undecided, and one that is in the error log for another reason."""
    instance = instance_name(marketo.endpoint)
    log, found = ErrorLog(database, "run", instance=instance), ActivityLedger(database, instance)
    found.claim(CHAT_ID, [Claim("T1", 1, "2026-11-27T10:00:00Z")])

    def failure(once: str, code: str) -> Failure:
        part = f"activity:livechatChat#{log.hash(once)[:12]}"
        key = "jane@example.com"
        return Failure("chats", "permanent", code, "", "", key, {"thread_id": once}, part=part)

    log.store(
        [failure("T1", "undecided"), failure("T2", "1003")],
        also=lambda connection: found.undecide(connection, CHAT_ID, ["T1"]),
    )
    return found


@pytest.mark.parametrize(
    ("said", "state", "still_open"), [("--written", State.DONE, 1), ("--send", State.NONE, 2)]
)
def test_a_person_settles_what_is_undecided(
    ops: Ops, ledger: ActivityLedger, said: str, state: State, still_open: int
) -> None:
    assert ops("errors", "decide", "1", said).exit_code == 0
    assert ledger.states(CHAT_ID, ["T1"]) == {"T1": state}
    assert len(ops.json("errors", "list")) == still_open


@pytest.mark.parametrize(
    "arguments", [("2", "--written"), ("9", "--send"), ("1",)], ids=["other", "none", "unsaid"]
)
def test_nothing_else_is_settled(
    ops: Ops, ledger: ActivityLedger, arguments: tuple[str, ...]
) -> None:
    assert ops("errors", "decide", *arguments).exit_code != 0
    assert ledger.states(CHAT_ID, ["T1", "T2"]) == {"T1": State.UNDECIDED}


def test_of_one_thread_under_two_types_the_one_of_the_entry_is_settled(
    ops: Ops, ledger: ActivityLedger, database: Database, marketo: MarketoSandbox
) -> None:
    rating = EXAMPLES["activity_types"][0] | {"api_name": "livechatRating", "name": "Rating"}
    marketo.reset(activity_types=(EXAMPLES["activity_types"][0], rating))
    other = CHAT_ID + 1
    ledger.claim(other, [Claim("T1", 1, "2026-11-27T10:00:00Z")])
    with database.write() as connection:
        ledger.undecide(connection, other, ["T1"])

    result = ops("errors", "decide", "1", "--written")
    assert (result.exit_code, result.output) == (0, "It is written, and is not sent again.\n")
    assert ledger.states(CHAT_ID, ["T1"]) == {"T1": State.DONE}
    assert ledger.states(other, ["T1"]) == {"T1": State.UNDECIDED}


@pytest.mark.parametrize(
    ("day", "code", "said"),
    [("0001-01-01", 0, "0 activities taken over"), ("2099-01-01", 1, "still to come")],
)
def test_an_odd_day_is_no_mystery(
    ops: Ops, marketo: MarketoSandbox, day: str, code: int, said: str
) -> None:
    marketo.reset(**EXAMPLES)
    streams = json.dumps(STREAMS)
    result = ops("activities", "adopt", "--since", day, TARGET_MARKETO_STREAMS=streams)
    assert result.exit_code == code
    assert said in result.output


def test_what_others_wrote_is_taken_over(
    ops: Ops, ledger: ActivityLedger, marketo: MarketoSandbox
) -> None:
    marketo.reset(**EXAMPLES)
    (lead,) = marketo.seed([{"email": "jane@example.com"}])
    with ObjectApi(marketo) as api:
        api.log_in()
        api.add(*(chat(lead, f"T{number}") for number in range(1, 4)))
    result = ops(
        *("activities", "adopt", "--since", "2026-11-01"),
        TARGET_MARKETO_STREAMS=json.dumps(STREAMS),
    )

    assert result.exit_code == 0
    assert "livechatChat: 3 activities taken over" in result.output
    assert set(ledger.states(CHAT_ID, ["T1", "T2", "T3"]).values()) == {State.DONE}
    adopted = ledger.adopted(CHAT_ID)
    assert adopted is not None
    assert adopted.since.startswith("2026-11-01")
