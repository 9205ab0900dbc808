"""Every code that Marketo documents, answered to a real client and loader: what follows from it.

Marketo is a session that speaks its JSON, and time is scripted. The codes stand here once more, as
Adobe's page "Error codes" lists them, by what a target has to do.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest
import requests
from urllib3 import HTTPResponse

from target_marketo.governor import Limits, Outcome
from target_marketo.mapping.field_types import Field
from target_marketo.mapping.mapper import Mapper
from target_marketo.marketo.auth import Token
from target_marketo.marketo.client import Marketo
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
from tests.target_marketo.fake_marketo import FakeMarketo
from tests.target_marketo.governor.counted import CountedGovernor
from tests.target_marketo.governor.memory_leases import MemoryLeases
from tests.target_marketo.governor.scripted import ScriptedClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def codes(text: str) -> list[str]:
    return text.split()


# In `errors`, or as HTTP status.
WAITED = codes("608 614")
EVERYBODY_WAITED = {"429": Outcome.RATE_LIMITED, "606": Outcome.RATE_LIMITED}
FEWER_AT_ONCE = {"615": Outcome.CONCURRENCY_LIMITED}
TOKEN_RENEWED = codes("600 601 602")
LOOKED_UP_AGAIN = codes("401 403 404 407 500 502 503 504 604 611 713 719")
SPLIT = codes("413 609")
# Nobody says that these were not executed: a person is looked up, and then alone in its call.
LOOKED_UP_AND_SPLIT = codes("712 714 718")
NOTHING_FOUND = ["702"]
STOPPED = codes("414 603 605 610 612 613 616 701 703 704 709 710 711")
STOPPED_UNTIL_MIDNIGHT = ["607"]
# In a row's `reasons`.
ROW_LOGGED = codes(
    "1001 1002 1003 1006 1008 1010 1012 1013 1014 1015 1017 1020 1021 1022 1036 1037 1049 1076 "
    "1077 1078 1079"
)
ROW_STOPPED = codes("1009 1011 1018 1025 1026 1027 1028 1035 1042 1048 1080")
ROW_LOOKED_UP_AGAIN = codes("1004 1005 1007")
ROW_WAITED = codes("1016 1019 1029")
EVERY_ROW = [*ROW_LOGGED, *ROW_STOPPED, *ROW_LOOKED_UP_AGAIN, *ROW_WAITED]
# Codes of rows that refuse a whole request: these have another meaning there, the others stop.
REQUEST_SPLIT = codes("1001 1002 1003")
REQUEST_WAITED = ROW_WAITED

UNKNOWN_TO_ALL = ("699", "799", "9999")
FIELDS = [
    Field("id", "integer", searchable=True),
    Field("email", "email", 255, searchable=True),
    Field("firstName", "string", 255),
]
STREAMS = {"visitors": {"fields": {"email": "email", "firstName": "first_name"}}}
REQUEST_ID = "a1b2#18f"
TIMEOUT = 120.0


def refusal(code: str) -> tuple[int, Any]:
    """A reply that refuses the request; codes below 600 are HTTP's."""
    if int(code) < 600:
        return int(code), None
    error = {"code": code, "message": "see the code"}
    return 200, {"requestId": REQUEST_ID, "success": False, "errors": [error]}


def skipping(code: str) -> tuple[int, Any]:
    """A reply that skips the one row of the request."""
    row = {"status": "skipped", "reasons": [{"code": code, "message": "see the code"}]}
    return 200, {"requestId": REQUEST_ID, "success": True, "result": [row]}


def http(status: int, body: Any) -> requests.Response:
    reply = requests.Response()
    reply.status_code = status
    content = b"" if body is None else json.dumps(body).encode()
    reply.raw = HTTPResponse(io.BytesIO(content), preload_content=False)
    return reply


@dataclass
class Trouble:
    """What becomes of the next call of a kind: a reply, or an exception in its place."""

    kind: str
    answer: tuple[int, Any] | Exception
    applied: bool = False


class ScriptedSession(requests.Session):
    """Marketo's side of the connection."""

    def __init__(self, clock: ScriptedClock) -> None:
        super().__init__()
        self.clock = clock
        self.marketo = FakeMarketo()
        self.trouble: list[Trouble] = []
        self.poison: Callable[[list[Any]], tuple[int, Any] | None] = lambda _: None
        self.sent: list[str] = []
        self.tokens: list[str] = []

    def send(self, request: requests.PreparedRequest, **_options: Any) -> requests.Response:
        self.clock.now += 0.1
        path = str(request.url).partition(".com")[2].partition("?")[0]
        if path == "/identity/oauth/token":
            self.sent.append("token")
            if self.trouble and self.trouble[0].kind == "token":
                return self._answer(self.trouble.pop(0).answer)
            return http(200, {"access_token": f"t{self.sent.count('token')}", "expires_in": 3600})
        self.tokens.append(request.headers["Authorization"].removeprefix("Bearer "))
        if path != "/rest/v1/leads.json":
            return http(200, _CONFIGURATION[path])
        assert isinstance(request.body, bytes)
        data = request.body.decode()
        if "_method=GET" in data:
            return self._lookup(data)
        return self._sync(json.loads(data))

    def _lookup(self, data: str) -> requests.Response:
        self.sent.append("lookup")
        if self.trouble and self.trouble[0].kind == "lookup":
            return self._answer(self.trouble.pop(0).answer)
        form = parse_qs(data)
        values = form["filterValues"][0].split(",")
        found = self.marketo.lookup(form["filterType"][0], values, form["fields"][0].split(","))
        return http(200, {"requestId": REQUEST_ID, "success": True, "result": found})

    def _sync(self, body: Any) -> requests.Response:
        self.sent.append(body["action"])
        poisoned = self.poison(body["input"])
        if poisoned:
            return self._answer(poisoned)
        trouble = None
        if self.trouble and self.trouble[0].kind == "sync":
            trouble = self.trouble.pop(0)
            if not trouble.applied:
                return self._answer(trouble.answer)
        rows = [json.dumps(row).encode() for row in body["input"]]
        answer = self.marketo.sync(body["action"], body["lookupField"], rows)
        if trouble:
            return self._answer(trouble.answer)
        result = [{"id": row.lead_id, "status": row.status} for row in answer.rows]
        return http(200, {"requestId": REQUEST_ID, "success": True, "result": result})

    @staticmethod
    def _answer(answer: tuple[int, Any] | Exception) -> requests.Response:
        if isinstance(answer, Exception):
            raise answer
        return http(*answer)


_SUCCESS = {"requestId": REQUEST_ID, "success": True}
_CONFIGURATION: dict[str, Any] = {
    "/rest/v1/stats/usage.json": {**_SUCCESS, "result": [{"total": 1}]},
    "/rest/v1/leads/describe.json": {
        **_SUCCESS,
        "result": [
            {"dataType": each.data_type, "rest": {"name": each.name, "readOnly": False}}
            for each in FIELDS
        ],
    },
    "/rest/v1/leads/describe2.json": {
        **_SUCCESS,
        "result": [
            {
                "searchableFields": [["id"], ["email"]],
                "fields": [{"name": each.name} for each in FIELDS],
            }
        ],
    },
}


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


def connected(session: ScriptedSession) -> Marketo:
    clock = session.clock

    def sleep(seconds: float) -> None:
        clock.now += seconds

    return Marketo(
        endpoint="https://555-abc-555.example.com/rest",
        token=Token(
            session,
            "https://555-abc-555.example.com/identity",
            "client",
            "secret",
            now=clock.monotonic,
            sleep=sleep,
        ),
        session=session,
        governor=CountedGovernor(
            "123-abc-456",
            Limits(calls=50, seconds=20, concurrent=5, daily=1000, lease_seconds=TIMEOUT + 10),
            MemoryLeases(clock.monotonic),
            random=Random(1),
            clock=clock,
        ),
        timeout=TIMEOUT,
        now=clock.monotonic,
        sleep=sleep,
        random=Random(1),
    )


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


STOPPING = [
    *(*STOPPED, *STOPPED_UNTIL_MIDNIGHT),
    *sorted({*EVERY_ROW} - {*REQUEST_SPLIT, *REQUEST_WAITED}),
]


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
