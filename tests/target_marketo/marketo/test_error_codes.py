"""Every code that Marketo documents, answered to a real client and loader: what follows from it.

Marketo is a session that speaks its JSON, and time is scripted. The codes stand here once more, as
Adobe's page "Error codes" lists them, by what a target has to do.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import requests

from target_marketo.governor import Outcome
from target_marketo.mapping.mapper import Mapper
from target_marketo.marketo.codes import TABLE, of_row
from target_marketo.marketo.errors import (
    MarketoError,
    NotAuthorized,
    Rejected,
    Unavailable,
)
from target_marketo.settings import Settings
from target_marketo.singer.run import Run
from target_marketo.singer.run_end import EXIT_BUDGET, EXIT_FAILED, Stop
from target_marketo.store.cache import Cache
from target_marketo.store.database import open_database
from target_marketo.store.error_log import ErrorLog
from tests.target_marketo.delivery.bench import Bench as DeliveryBench
from tests.target_marketo.governor.counted import CountedGovernor
from tests.target_marketo.governor.scripted import ScriptedClock
from tests.target_marketo.marketo.scripted import (
    EVERY_ROW,
    EVERYBODY_WAITED,
    FEWER_AT_ONCE,
    FIELDS,
    LOOKED_UP_AGAIN,
    LOOKED_UP_AND_SPLIT,
    NOTHING_FOUND,
    REQUEST_ID,
    REQUEST_SPLIT,
    REQUEST_WAITED,
    ROW_LOGGED,
    ROW_LOOKED_UP_AGAIN,
    ROW_STOPPED,
    ROW_WAITED,
    SPLIT,
    STOPPED,
    STOPPED_UNTIL_MIDNIGHT,
    STOPPING,
    TIMEOUT,
    TOKEN_RENEWED,
    UNKNOWN_TO_ALL,
    WAITED,
    ScriptedSession,
    Trouble,
    connected,
    refusal,
    skipping,
)

if TYPE_CHECKING:
    from pathlib import Path


STREAMS = {"visitors": {"fields": {"email": "email", "firstName": "first_name"}}}


@dataclass
class Bench:
    """A client and a loader on scripted time."""

    clock: ScriptedClock = field(default_factory=ScriptedClock)

    def __post_init__(self) -> None:
        self.session = ScriptedSession(self.clock)
        self.client = connected(self.session)
        # One call at a time: a scripted clock belongs to one thread.
        self._bench = DeliveryBench(
            self.client.leads, STREAMS, now=self.clock.monotonic, max_concurrent=1
        )
        self.loader, self.inbox = self._bench.loader, self._bench.inbox
        self.settled, self.rejected = self._bench.settled, self._bench.rejected

    @property
    def failure(self) -> Exception | None:
        return self._bench.failure

    @property
    def people(self) -> Counter[str]:
        """How often each is there."""
        return Counter(each["email"] for each in self.session.marketo.people.values())

    def deliver(self, *emails: str) -> float:
        """Brings these people to Marketo; the seconds that it took."""
        started = self.clock.now
        plan = Mapper(STREAMS, FIELDS).plan("visitors", {})
        self._bench.plan = plan
        for email in emails:
            self._bench.record(email, first_name="Ann")
        while not self.loader.idle and self.failure is None:
            self.loader.tick(ending=True)
            if self.loader.flying:
                self.loader.handle(self.inbox.get(timeout=10))
            else:
                self.clock.now += self.loader.due() or 0.0
        return self.clock.now - started


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_tables_hold_the_documented_codes_and_no_others() -> None:
    response = [
        *(*WAITED, *EVERYBODY_WAITED, *FEWER_AT_ONCE, *TOKEN_RENEWED, *LOOKED_UP_AGAIN, *SPLIT),
        *LOOKED_UP_AND_SPLIT,
        *(*NOTHING_FOUND, *STOPPED, *STOPPED_UNTIL_MIDNIGHT),
    ]
    row = EVERY_ROW

    assert sorted([*response, *row]) == sorted({entry.code for entry in TABLE})


def test_every_code_has_a_meaning_and_a_cure() -> None:
    for entry in TABLE:
        assert entry.meaning
        assert entry.cure


@pytest.mark.parametrize("code", [*WAITED, *REQUEST_WAITED])
def test_what_passes_is_waited_for_and_sent_again(bench: Bench, code: str) -> None:
    bench.session.trouble = [Trouble("sync", refusal(code))] * 3

    seconds = bench.deliver("a@example.com")

    assert bench.people == {"a@example.com": 1}
    assert bench.session.sent == ["token", "lookup", *["createOnly"] * 4], "nothing was written"
    assert seconds > 1.0
    assert bench.settled == [0]


@pytest.mark.parametrize(("code", "outcome"), [*EVERYBODY_WAITED.items(), *FEWER_AT_ONCE.items()])
def test_a_limit_is_the_governors_business(bench: Bench, code: str, outcome: Outcome) -> None:
    before = bench.client.governor.snapshot()
    bench.session.trouble = [Trouble("sync", refusal(code))]

    bench.deliver("a@example.com")

    after = bench.client.governor.snapshot()
    assert bench.people == {"a@example.com": 1}
    assert bench.session.sent == ["token", "lookup", "createOnly", "createOnly"]
    governor = bench.client.governor
    assert isinstance(governor, CountedGovernor)
    assert governor.outcomes == [Outcome.OK, outcome, Outcome.OK]
    assert bench.client.calls.throttled == {code: 1}
    if outcome is Outcome.RATE_LIMITED:
        assert after.calls_budget < before.calls_budget
    else:
        assert after.slots_budget < before.slots_budget


@pytest.mark.parametrize("code", TOKEN_RENEWED)
def test_a_refused_token_is_renewed_and_the_call_sent_again(bench: Bench, code: str) -> None:
    bench.session.trouble = [Trouble("sync", refusal(code))]

    bench.deliver("a@example.com")

    assert bench.people == {"a@example.com": 1}
    assert bench.session.sent == ["token", "lookup", "createOnly", "token", "createOnly"]
    assert bench.session.tokens == ["t1", "t1", "t2"]


@pytest.mark.parametrize("code", TOKEN_RENEWED)
def test_a_fresh_token_that_is_refused_again_and_again_is_an_error(bench: Bench, code: str) -> None:
    bench.session.trouble = [Trouble("lookup", refusal(code))] * 10

    bench.deliver("a@example.com")

    assert isinstance(bench.failure, NotAuthorized)
    assert "`identity`" in str(bench.failure)


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("code", [*LOOKED_UP_AGAIN, *UNKNOWN_TO_ALL])
def test_an_unknown_outcome_is_looked_at_before_anything_is_sent_again(
    bench: Bench, code: str, *, applied: bool
) -> None:
    bench.session.trouble = [Trouble("sync", refusal(code), applied=applied)]

    bench.deliver("a@example.com")

    assert bench.people == {"a@example.com": 1}
    again = [] if applied else ["createOnly"]
    assert bench.session.sent == ["token", "lookup", "createOnly", "lookup", *again]
    assert bench.settled == [0]


@pytest.mark.parametrize("code", LOOKED_UP_AGAIN)
def test_a_lookup_is_simply_repeated(bench: Bench, code: str) -> None:
    bench.session.trouble = [Trouble("lookup", refusal(code))]

    bench.deliver("a@example.com")

    assert bench.session.sent == ["token", "lookup", "lookup", "createOnly"]


@pytest.mark.parametrize("code", [*SPLIT, *REQUEST_SPLIT, "604", "611"])
def test_a_row_that_spoils_its_call_is_found_and_logged(bench: Bench, code: str) -> None:
    bench.session.poison = lambda rows: (
        refusal(code) if any("poison" in row["email"] for row in rows) else None
    )
    emails = [f"p{number}@example.com" for number in range(7)]

    bench.deliver(*emails[:3], "poison@example.com", *emails[3:])

    assert bench.people == dict.fromkeys(emails, 1)
    (rejection,) = bench.rejected
    assert (rejection.key, rejection.code) == ("poison@example.com", code)


@pytest.mark.parametrize("code", NOTHING_FOUND)
def test_no_data_means_that_nobody_was_found(bench: Bench, code: str) -> None:
    bench.session.trouble = [Trouble("lookup", refusal(code))]

    bench.deliver("a@example.com")

    assert bench.people == {"a@example.com": 1}
    assert bench.session.sent == ["token", "lookup", "createOnly"]


@pytest.mark.parametrize("code", ROW_LOGGED)
def test_a_skipped_row_goes_to_the_error_log(bench: Bench, code: str) -> None:
    bench.session.trouble = [Trouble("sync", skipping(code))]

    bench.deliver("a@example.com")

    (rejection,) = bench.rejected
    assert (rejection.code, rejection.request_id, rejection.position) == (code, REQUEST_ID, 0)
    assert rejection.advice == of_row(code).cure
    assert bench.session.sent == ["token", "lookup", "createOnly"]
    assert bench.failure is None


@pytest.mark.parametrize("code", [*ROW_STOPPED, "603"])
def test_a_row_whose_refusal_concerns_all_stops_the_run(tmp_path: Path, code: str) -> None:
    session = ScriptedSession(ScriptedClock())
    session.trouble = [Trouble("sync", skipping(code))]

    exit_code, output, said = run(tmp_path, session)

    assert exit_code == EXIT_FAILED
    assert output == "", "no STATE passes a record that did not arrive"
    assert f"answered {code} to createOnly: " in said
    assert "\n" not in said
    assert session.sent == ["token", "lookup", "createOnly"]


@pytest.mark.parametrize("whole_request", [True, False])
@pytest.mark.parametrize("code", [*ROW_STOPPED, "603"])
def test_what_stops_the_run_says_the_same_of_a_row_and_of_a_request(
    bench: Bench, code: str, *, whole_request: bool
) -> None:
    bench.session.trouble = [Trouble("sync", (refusal if whole_request else skipping)(code))]

    bench.deliver("a@example.com")

    advice = of_row(code)
    assert type(bench.failure) is (NotAuthorized if code == "603" else Rejected)
    assert str(bench.failure) == (
        f"Marketo answered {code} to createOnly: {advice.meaning}; {advice.cure} "
        f"(request {REQUEST_ID})"
    )
    assert not bench.rejected
    assert not bench.settled


@pytest.mark.parametrize(
    ("code", "at_least"),
    [*((code, 0.0) for code in ROW_LOOKED_UP_AGAIN), *((code, 5.0) for code in ROW_WAITED)],
)
def test_a_row_that_may_pass_later_is_looked_up_again(
    bench: Bench, code: str, at_least: float
) -> None:
    bench.session.trouble = [Trouble("sync", skipping(code))]

    seconds = bench.deliver("a@example.com")

    assert bench.people == {"a@example.com": 1}
    assert bench.session.sent == ["token", "lookup", "createOnly", "lookup", "createOnly"]
    assert seconds >= at_least
    assert not bench.rejected


@pytest.mark.parametrize("code", [*ROW_LOOKED_UP_AGAIN, *ROW_WAITED])
def test_a_row_that_never_passes_goes_to_the_error_log(bench: Bench, code: str) -> None:
    bench.session.trouble = [Trouble("sync", skipping(code))] * 20

    bench.deliver("a@example.com")

    assert [rejection.code for rejection in bench.rejected] == [code]
    assert bench.session.sent.count("createOnly") == 6


@pytest.mark.parametrize("kind", ["lookup", "sync"])
@pytest.mark.parametrize("code", STOPPING)
def test_what_nothing_can_mend_stops_the_run(tmp_path: Path, code: str, kind: str) -> None:
    session = ScriptedSession(ScriptedClock())
    session.trouble = [Trouble(kind, refusal(code))]

    exit_code, output, said = run(tmp_path, session)

    assert exit_code == (EXIT_BUDGET if code in STOPPED_UNTIL_MIDNIGHT else EXIT_FAILED)
    assert output == "", "no STATE passes a record that did not arrive"
    assert code in said
    assert "\n" not in said
    assert not session.marketo.people


def run(folder: Path, session: ScriptedSession) -> tuple[int, str, str]:
    """A run over one record and a STATE: its exit code, its STATE lines, and what it says."""
    settings = Settings.of(
        {
            "endpoint": "https://555-abc-555.example.com",
            "client_id": "client",
            "client_secret": "secret",
            "streams": STREAMS,
            "max_concurrent_calls": 1,
        }
    )
    messages = [
        {"type": "SCHEMA", "stream": "visitors", "schema": {}},
        {"type": "RECORD", "stream": "visitors", "record": {"email": "a@example.com"}},
        {"type": "STATE", "value": {"at": 1}},
    ]
    source = io.BytesIO(b"".join(json.dumps(each).encode() + b"\n" for each in messages))
    output = io.StringIO()
    database = open_database(f"sqlite:///{folder / 'store.sqlite'}")
    try:
        Run(
            settings,
            connected(session),
            ErrorLog(database, "run"),
            Cache(database),
            output=output,
        ).consume(source)
    except Stop as stop:
        return stop.code, output.getvalue(), str(stop)
    except MarketoError as error:  # as the command line maps it
        return EXIT_FAILED, output.getvalue(), str(error)
    finally:
        database.close()
    return 0, output.getvalue(), ""


# What has no code


def test_wrong_credentials_stop_the_run_before_the_first_row(tmp_path: Path) -> None:
    session = ScriptedSession(ScriptedClock())
    refused = Trouble("token", (401, {"error": "invalid_client"}))
    session.trouble = [refused, refused]

    exit_code, output, said = run(tmp_path, session)

    assert (exit_code, output) == (EXIT_FAILED, "")
    assert "`client_secret`" in said
    assert set(session.sent) == {"token"}


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize(
    ("answer", "at_least"),
    [
        (requests.ReadTimeout(), TIMEOUT),  # Marketo may still be writing
        (requests.ConnectionError("reset"), 1.0),
        (requests.exceptions.ChunkedEncodingError("cut off"), 1.0),
        ((200, None), 1.0),
        ((200, {"success": True, "result": []}), 1.0),
        ((200, {"success": True, "result": [{"status": "?"}]}), 1.0),
    ],
)
def test_a_lost_or_senseless_reply_is_never_guessed_at(
    bench: Bench, answer: Any, at_least: float, *, applied: bool
) -> None:
    bench.session.trouble = [Trouble("sync", answer, applied=applied)]

    seconds = bench.deliver("a@example.com")

    assert bench.people == {"a@example.com": 1}
    again = [] if applied else ["createOnly"]
    assert bench.session.sent == ["token", "lookup", "createOnly", "lookup", *again]
    assert seconds >= at_least


def test_a_call_that_was_never_sent_is_sent_again(bench: Bench) -> None:
    bench.session.trouble = [Trouble("sync", requests.ConnectTimeout())]

    bench.deliver("a@example.com")

    assert bench.people == {"a@example.com": 1}
    assert bench.session.sent == ["token", "lookup", "createOnly", "createOnly"]


def test_an_instance_that_stays_away_ends_the_run(bench: Bench) -> None:
    bench.session.trouble = [Trouble("lookup", refusal("608"))] * 10_000

    seconds = bench.deliver("a@example.com")

    assert isinstance(bench.failure, Unavailable)
    assert seconds >= bench.client.patience_seconds
    assert bench.settled == []
