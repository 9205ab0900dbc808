"""What nobody could say about LiveChat: the real tap, at each answer that is possible.

The questions and the sandbox's positions are `tests/sandbox/questions`. At each position the
account is read once; then, when open chats have been closed, from the STATE in the middle of that
run and from its last one: what falls between two windows would be missing from both together.
`python -m tests.faults` reads an account while it moves, with target-marketo behind the tap.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.faults import Fault
from tests.sandbox.livechat.client import LiveChatSandbox
from tests.sandbox.livechat.options import Options
from tests.sandbox.questions import Question, cases
from tests.sandbox.questions.livechat import LIVECHAT
from tests.tap_livechat.conftest import Output, Tap

if TYPE_CHECKING:
    from collections.abc import Iterator

# By stream: its key, and what the sandbox calls all of its values.
CUSTOMERS = {"visitors": ("visitor_id", "visitors")}
ARCHIVES = {
    **CUSTOMERS,
    "chats": ("thread_id", "threads"),
    "chat_events": ("event_id", "events"),
}

# Questions about errors, with what else the sandbox is set to, so that there are some.
ALSO: dict[str, dict[str, Any]] = {
    "error_status": {
        "faults": (
            Fault(what="answer", code="internal", at=(2,)),
            Fault(what="answer", code="too_many_requests", at=(4,)),
        )
    },
    "retry_after_seconds": {"rate_calls": 4, "rate_seconds": 1.0},
    "rate_limit": {},
}
# Questions about the list of customers, which is another source of visitors.
ABOUT_CUSTOMERS = {"two_bound_ranges", "include_customers_without_chats"}
# Positions at which nothing can be read: what the tap's one line of error must name.
NOTHING_TO_READ = {
    "unknown_action_error=not_found": "visitor_source",
    "unknown_action_error=unsupported_version": "visitor_source",
    "unknown_action_error=validation": "list_customers",
    "archives_limit_reached=True": "start_date",
}


@pytest.fixture(scope="module")
def account() -> Iterator[LiveChatSandbox]:
    now = datetime.now(UTC)  # the tap knows no other clock
    with LiveChatSandbox(
        visitors=60, seed=3, start=(now - timedelta(days=3)).isoformat(), end=now.isoformat()
    ) as livechat:
        yield livechat


@pytest.fixture(scope="module")
def tap(account: LiveChatSandbox, tmp_path_factory: pytest.TempPathFactory) -> Tap:
    """One for all."""
    return Tap(tmp_path_factory.mktemp("tap"), account)


def _cases(*, readable: bool) -> list[Any]:
    """Of the positions that are the sandbox's usual ones, and alike therefore, the first."""
    found: dict[str, Any] = {}
    for question, position in cases(LIVECHAT):
        options = question.positions[position]
        usual = all(getattr(Options(), name) == value for name, value in options.items())
        special = question.name in {*ALSO, *ABOUT_CUSTOMERS}
        name = "as usual" if usual and not special else position
        if (position in NOTHING_TO_READ) != readable:
            found.setdefault(name, pytest.param(question, position, id=name))
    return list(found.values())


READABLE = _cases(readable=True)


def _switch(account: LiveChatSandbox, question: Question, position: str) -> None:
    """Sets the account to a position, and everything else to what it was."""
    changes = {**ALSO.get(question.name, {}), **question.positions[position]}
    touched = {name for each in LIVECHAT for at in each.positions.values() for name in at}
    touched |= {name for also in ALSO.values() for name in also} | {"removed_actions"}
    usual = {name: getattr(account.settings, name) for name in touched}
    account.change(**usual | changes)
    account.reset()


@pytest.mark.parametrize(
    ("question", "position"), [case for case in READABLE if case.values[0].name in ALSO]
)
def test_errors_that_pass_cost_no_record(
    question: Question, position: str, account: LiveChatSandbox, tap: Tap
) -> None:
    _switch(account, question, position)
    account.set_clock(account.end)

    run = tap.run(tuple(ARCHIVES), page_size=10)

    assert run.code == 0, run.log
    wanted = account.expected()
    for stream, (key, what) in ARCHIVES.items():
        assert set(run.values(stream, key)) >= set(wanted[what])
    errors = account.counts()["errors"]
    assert errors if position != "no limit" else not errors, "what was to happen did"


@pytest.mark.parametrize(
    ("question", "position"), [case for case in READABLE if case.values[0].name not in ALSO]
)
def test_runs_one_after_the_other_bring_everything(
    question: Question, position: str, account: LiveChatSandbox, tap: Tap
) -> None:
    _switch(account, question, position)
    about_customers = question.name in ABOUT_CUSTOMERS
    streams = CUSTOMERS if about_customers else ARCHIVES
    settings: dict[str, Any] = {"visitor_source": "customers"} if about_customers else {}
    account.set_clock(account.end)
    closed_by_then = account.expected()

    whole = tap.run_here(tuple(streams), page_size=10, **settings)
    first_half = _broken_off(whole)
    account.set_clock(account.end + timedelta(hours=4))  # by then everything is closed
    after_half, after_whole = (
        tap.run_here(tuple(streams), state=run.states[-1], page_size=10, **settings)
        for run in (first_half, whole)
    )

    # The tap asks up to its own present: what is closed later is not in a list by that time.
    by_closing = position == "archive_time=closed_at"
    wanted = closed_by_then if by_closing else account.expected()
    for before, after in ((first_half, after_half), (whole, after_whole)):
        for stream, (key, what) in streams.items():
            assert {*before.values(stream, key), *after.values(stream, key)} >= set(wanted[what])
    assert 0 < len(first_half.records["visitors"]) < len(whole.records["visitors"])


def _broken_off(whole: Output) -> Output:
    """A run up to the STATE in its middle."""
    lines = whole.stdout.splitlines()
    states = [number for number, line in enumerate(lines) if '"STATE"' in line]
    return Output(0, "\n".join(lines[: states[len(states) // 2] + 1]), "")


@pytest.mark.parametrize(("question", "position"), _cases(readable=False))
def test_where_nothing_can_be_read_one_line_says_what_to_set(
    question: Question, position: str, account: LiveChatSandbox, tap: Tap
) -> None:
    _switch(account, question, position)
    account.set_clock(account.end)
    of_customers = question.name == "unknown_action_error"
    if of_customers:
        account.change(removed_actions=["list_customers"])
    source: dict[str, Any] = {"visitor_source": "customers"} if of_customers else {}

    run = tap.run(["visitors"], **source)

    assert run.code == 1
    assert run.records["visitors"] == []
    [line] = run.errors
    assert NOTHING_TO_READ[position] in line
    assert "Traceback" not in run.log
    assert run.states == []
