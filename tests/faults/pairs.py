"""Rounds of `tap-livechat | target-marketo`, in which LiveChat fails.

Between the two stands the harness: it passes every line on, and notes whose records came before
which STATE, so that it can tell what each STATE that the target writes has promised.
"""

from __future__ import annotations

import json
import resource
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tests import planted
from tests.faults.invariants import Verdict, limits_passed, overlaps, too_large
from tests.faults.kinds import Kind, Toll
from tests.faults.launch import Plan, command, environment
from tests.faults.rounds import Round, Trouble, marketo_options
from tests.faults.scheduler import (
    MAX_ATTEMPTS,
    PATIENCE_SECONDS,
    Job,
    own_environment,
    stamps_of,
)
from tests.sandbox.faults import Fault
from tests.sandbox.livechat.client import LiveChatSandbox
from tests.sandbox.livechat.wire import stamp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.sandbox.marketo.client import MarketoSandbox

VISITORS = 120
# The tap's SAFETY_LAG, and a little: who was closed since is in no window of closing times yet.
_BEHIND_SECONDS = 16.0
# To open questions about LiveChat; see `tests/sandbox/questions`.
_OTHER_ANSWERS: dict[str, dict[str, Any]] = {
    "archives by the time of closing": {"archive_time": "closed_at"},
    "active threads in the archives": {"archives_include_active": True},
    "archives 2 s late": {"archive_lag_seconds": 2.0},
    "bounds exclusive": {"from_inclusive": False, "to_inclusive": False},
}


@dataclass(frozen=True)
class Pair:
    """A line of the table; `livechat` are options of the sandbox."""

    name: str
    faults: tuple[Fault, ...] = ()
    livechat: dict[str, Any] = field(default_factory=dict)
    # Faults, options and settings of the other side.
    marketo: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    page_size: int = 20
    patience: float = PATIENCE_SECONDS
    # The account goes on while it is read: it ends so many seconds after the round begins.
    lives_on: float = 0.0
    # So long after it has ended it may be read to its end.
    settles: float = 0.0


def pairs() -> list[Pair]:
    """LiveChat's ways to fail."""

    def some(what: Any, **options: Any) -> Fault:
        return Fault(**{"what": what, "probability": 0.3, "at_most": 6} | options)

    passing = ("internal", "request_timeout", "service_unavailable", "too_many_requests")
    final = ("authentication", "authorization", "license_expired", "limit_reached", "validation")
    return [
        Pair("LiveChat: no fault"),
        *(Pair(f"LiveChat: {kind}", (some("answer", code=kind),)) for kind in passing),
        Pair(
            "LiveChat: 429 with Retry-After",
            (some("answer", code="too_many_requests", retry_after=0.5),),
        ),
        *(
            Pair(
                f"LiveChat: {kind} once, in the middle",
                (Fault(what="answer", code=kind, calls=("list_archives",), at=(3,)),),
            )
            for kind in final
        ),
        *(
            Pair(f"LiveChat: HTTP {status} with HTML", (some("status", code=status),))
            for status in ("500", "502", "503")
        ),
        Pair("LiveChat: down for seven tries", (Fault(what="reset", at=tuple(range(3, 10))),)),
        Pair("LiveChat: resets", (some("reset"),)),
        *(
            Pair(f"LiveChat: reply {what.replace('_', ' ')}", (some(what),))
            for what in ("cut", "truncated", "empty", "html", "wrong_type")
        ),
        Pair("LiveChat: slow", (some("late", seconds=0.4),)),
        Pair(
            "LiveChat: moves while it is read, pages by keyset",
            livechat={"visitors": 150},
            lives_on=8.0,
        ),
        Pair(
            "LiveChat: moves while it is read, pages by offset",
            livechat={"visitors": 150, "paging": "offset"},
            lives_on=8.0,
        ),
        *(
            Pair(
                f"LiveChat: moves while it is read, {what}",
                livechat={"visitors": 150, **answer},
                lives_on=8.0,
                settles=_BEHIND_SECONDS if "archive_time" in answer else 0.0,
            )
            for what, answer in _OTHER_ANSWERS.items()
        ),
    ]


@dataclass
class Passed:
    """What went from the tap to the target: e-mails, and how many of them before each STATE."""

    emails: list[str] = field(default_factory=list)
    states: dict[str, int] = field(default_factory=dict)

    def note(self, line: str) -> None:
        message = json.loads(line)
        if message["type"] == "RECORD":
            email = message["record"].get("email")
            self.emails.append(_key(email) if email and message["stream"] == "visitors" else "")
        elif message["type"] == "STATE":
            # The same bookmark twice promises what the first one did.
            self.states.setdefault(_canonical(message["value"]), len(self.emails))


@dataclass(frozen=True)
class Ended:
    """One run of the pair: exit codes, STATE lines with their times, logs, each of both."""

    codes: tuple[int, int]
    states: list[tuple[float, str]]
    passed: Passed
    errs: tuple[str, str]
    # MB of the tap and of the target, several times a second.
    memory: list[tuple[float, float]] = field(default_factory=list)


def play_pair(pair: Pair, marketo: MarketoSandbox, seed: int) -> Round:
    """One round."""
    return play_runs(pair, marketo, seed)[0]


def play_runs(pair: Pair, marketo: MarketoSandbox, seed: int) -> tuple[Round, list[Ended]]:
    """One round, and its runs one by one."""
    began = time.monotonic()
    marketo.reset(**marketo_options(seed) | pair.marketo)
    options = {"visitors": VISITORS, "seed": seed} | pair.livechat
    if pair.lives_on:
        now = datetime.now(UTC)
        options |= {
            "start": (now - timedelta(minutes=30)).isoformat(),
            "end": (now + timedelta(seconds=pair.lives_on)).isoformat(),
            "clock": now.isoformat(),
            "clock_speed": 1.0,
        }
    faults = [msgspec.to_builtins(fault) for fault in pair.faults]
    with (
        LiveChatSandbox(**options, faults=faults) as livechat,
        tempfile.TemporaryDirectory() as folder,
    ):
        marketo.seed(livechat.crowd().marketo_leads())
        job = Job(marketo, Path(folder), streams=None, **pair.settings)
        runs, expected = _runs(pair, job, livechat, began + pair.lives_on)
        strikes = int(livechat.counts()["faults"])
        secrets = {livechat.personal_access_token, marketo.client_secret} | expected
        rejected = _rejected(Path(folder) / "store.sqlite")
    limited = bool(pair.marketo.get("faults"))
    violations, lost = _judged(marketo, runs, expected, rejected, secrets, limited=limited)
    peak = max((max(both) for run in runs for both in run.memory), default=0.0)
    violations += [f"M: {each}" for each in too_large(peak)]
    toll = Toll(lost, marketo.counts().duplicates_created)
    played = Round(
        trouble=Trouble(pair.name),
        seed=seed,
        rows=sum(len(run.passed.emails) for run in runs),
        restarts=len(runs) - 1,
        strikes=strikes,
        seconds=time.monotonic() - began,
        verdict=Verdict({Kind.PEOPLE: toll}, violations),
        peak=peak,
    )
    return played, runs


def _runs(
    pair: Pair, job: Job, livechat: LiveChatSandbox, lives_until: float
) -> tuple[list[Ended], set[str]]:
    """Until both have ended well, with nothing left to come; and who had come before the last."""
    job.settings = {name: value for name, value in job.settings.items() if value is not None}
    runs: list[Ended] = []
    bookmark = ""
    for _ in range(MAX_ATTEMPTS):
        over = time.monotonic() > lives_until
        expected = {_key(each["email"]) for each in livechat.expected()["emails"].values()}
        time.sleep(pair.settles if over else 0.0)
        ended = _run(pair, job, livechat, bookmark)
        runs.append(ended)
        bookmark = ended.states[-1][1] if ended.states else bookmark
        if ended.codes == (0, 0) and over:
            break
    return runs, expected


def _run(pair: Pair, job: Job, livechat: LiveChatSandbox, bookmark: str) -> Ended:
    stamps = job.folder / "stamps.jsonl"
    stamps.unlink(missing_ok=True)
    plan = Plan(stamps=str(stamps))
    state = job.folder / "state.json"
    state.write_text(bookmark or "{}")
    (job.folder / "tap.json").write_text(json.dumps(_tap_settings(livechat, pair.page_size)))
    (job.folder / "config.json").write_text(json.dumps(job.settings))
    variables = environment(plan, own_environment())
    logs = [(job.folder / name).open("w+") for name in ("tap.log", "target.log")]
    passed = Passed()
    with logs[0] as tap_log, logs[1] as target_log:
        tap = subprocess.Popen(
            command(
                "tap-livechat",
                *("--config", str(job.folder / "tap.json"), "--state", str(state)),
            ),
            stdout=subprocess.PIPE,
            stderr=tap_log,
            text=True,
            env=variables,
        )
        target = subprocess.Popen(
            command("target-marketo", "--config", str(job.folder / "config.json")),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=target_log,
            text=True,
            env=variables,
        )
        between = threading.Thread(target=_pass_on, args=(tap, target, passed), daemon=True)
        between.start()
        assert target.stdout is not None
        memory: list[tuple[float, float]] = []
        over = threading.Event()
        watcher = threading.Thread(
            target=_watch, args=((tap, target), over, pair.patience, memory), daemon=True
        )
        watcher.start()
        out = target.stdout.read()
        codes = (tap.wait(), target.wait())
        over.set()
        between.join(10)
        target.stdout.close()
        errs = []
        for log in (tap_log, target_log):
            log.seek(0)
            errs.append(log.read())
    times = [each.at for each in stamps_of(stamps) if each.state]
    values = [_canonical(json.loads(line)) for line in out.splitlines()]
    return Ended(codes, list(zip(times, values, strict=False)), passed, (errs[0], errs[1]), memory)


def _watch(
    processes: tuple[subprocess.Popen[str], ...],
    over: threading.Event,
    patience: float,
    memory: list[tuple[float, float]],
) -> None:
    """Samples how much memory the two hold; what takes too long is ended."""
    give_up_at = time.monotonic() + patience
    while not over.wait(0.25):
        tap, target = (_megabytes(process.pid) for process in processes)
        memory.append((tap, target))
        if time.monotonic() > give_up_at:
            for process in processes:
                process.kill()


def _megabytes(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * resource.getpagesize() / 2**20


def _pass_on(tap: subprocess.Popen[str], target: subprocess.Popen[str], passed: Passed) -> None:
    assert tap.stdout is not None
    assert target.stdin is not None
    try:
        with tap.stdout, target.stdin:
            for line in tap.stdout:
                passed.note(line)  # before the target can have seen it
                target.stdin.write(line)
    except BrokenPipeError:
        tap.terminate()  # as a shell's pipe would


def _tap_settings(livechat: LiveChatSandbox, page_size: int) -> dict[str, Any]:
    return {
        "api_url": livechat.api_url,
        "account_id": livechat.account_id,
        "personal_access_token": livechat.personal_access_token,
        "start_date": stamp(livechat.start),
        "page_size": page_size,
    }


def _judged(
    marketo: MarketoSandbox,
    runs: list[Ended],
    expected: set[str],
    rejected: set[str],
    secrets: set[str],
    *,
    limited: bool,
) -> tuple[list[str], int]:
    leads = marketo.leads()
    held = {_key(lead["email"]) for lead in leads if lead.get("email")}
    lost = expected - held - rejected
    journal = marketo.journal()
    arrived: dict[str, float] = {}
    for entry in journal:
        for row in entry.rows:
            if row.status == "created" and row.key:
                arrived.setdefault(row.key, entry.applied)
    created = set(arrived)
    sent = {email for run in runs for email in run.passed.emails}
    # Who is there and was not created was there before.
    settled_before = (held - created) | rejected
    found = [f"A: {len(lost)} of {len(expected)} people are nowhere"] if lost else []
    for number, run in enumerate(runs, 1):
        covered = 0
        for at, state in run.states:
            # Who was covered by an earlier STATE had arrived by then.
            since, covered = covered, max(covered, run.passed.states.get(state, 0))
            ahead = {
                email
                for email in run.passed.emails[since:covered]
                if email and email not in settled_before and arrived.get(email, at + 1) > at + 0.005
            }
            if ahead:
                found.append(f"B: run {number}: a STATE passed {len(ahead)} people")
                break
        found += [f"H: run {number}: {sentence}" for sentence in _ends(run)]
        found += [f"I: run {number}: {sentence}" for sentence in _leaks(run, secrets)]
    if phantoms := created - sent:
        found.append(f"C: {len(phantoms)} people were created whom nobody sent")
    twice = [key for key, count in Counter(created_keys(journal)).items() if count > 1]
    if twice:
        found.append(f"F: {len(twice)} people were created twice")
    counts = marketo.counts()
    found += [f"F: {each}" for each in overlaps(counts)]
    found += [f"G: {each}" for each in limits_passed(counts, journal, limited=limited)]
    if runs[-1].codes != (0, 0):
        found.append(f"H: not done after {len(runs)} runs")
    return found, len(lost)


def created_keys(journal: Iterable[Any]) -> list[str]:
    """The key of each lead that was created."""
    return [str(row.key) for entry in journal for row in entry.rows if row.status == "created"]


def _ends(run: Ended) -> list[str]:
    return [
        f"{name} ended with {code}, and a traceback"
        for name, code, err in zip(("the tap", "the target"), run.codes, run.errs, strict=True)
        if "Traceback" in err
    ] + [
        f"{name} ended with {code} and without a line of the level ERROR"
        for name, code, err in zip(("the tap", "the target"), run.codes, run.errs, strict=True)
        if code and "ERROR" not in err.upper()
    ]


def _leaks(run: Ended, secrets: set[str]) -> list[str]:
    return [f"the log shows {each}" for each in planted.shown_in("\n".join(run.errs), also=secrets)]


def _rejected(store: Path) -> set[str]:
    if not store.exists():
        return set()
    connection = sqlite3.connect(store)
    rows = connection.execute("SELECT record FROM errors").fetchall()
    connection.close()
    return {_key(msgspec.json.decode(row[0])["email"]) for row in rows}


def _key(email: object) -> str:
    return str(email).strip().lower()


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
