"""The faults that Marketo can have, as data."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.faults.attached import OBJECT, without_field
from tests.faults.days import days
from tests.faults.every_kind import of_every_kind
from tests.faults.invariants import FRESH_SECONDS, Allowed
from tests.faults.kinds import Kind
from tests.faults.launch import TIME_SCALE, Jump
from tests.faults.others import FIELD, NOTE, Editor, with_field
from tests.faults.people import streams_setting
from tests.faults.rounds import ROWS, Trouble
from tests.faults.scheduler import TIMEOUT_SECONDS
from tests.faults.timelines import ADD, TYPE, without_attribute
from tests.sandbox.faults import Fault

_WRITES = ("sync",)
_READS = ("lookup", "describe", "usage")
_REFUSES = Allowed(refuses=True)
_DRIP_SECONDS = 20.0 * TIMEOUT_SECONDS


def _each(code: str, *, what: Any = "answer", **options: Any) -> Fault:
    """A tenth of all calls, up to eight of them."""
    return Fault(**{"what": what, "code": code, "probability": 0.1, "at_most": 8} | options)


def _damage(what: Any, **options: Any) -> Fault:
    return Fault(**{"what": what, "probability": 0.3, "at_most": 6} | options)


def _refusals() -> list[Trouble]:
    """Calls that Marketo did not carry out, and says so."""
    passing = ("608", "614", "713", "719")
    return [
        *(Trouble(f"{code} at random", (_each(code),)) for code in passing),
        *(
            Trouble(f"{code} at random", (_each(code),), Allowed(limited=True))
            for code in ("606", "615")
        ),
        Trouble("601 at random", (_each("601"),)),
        Trouble("602 at random", (_each("602"),)),
        Trouble("token expires at any call", (Fault(what="token_expires", probability=0.1),)),
        Trouble("600 once", (_each("600", at=(4,)),)),
        Trouble("603 once: a person has to act", (_each("603", at=(6,)),)),
        Trouble("607 in the middle: goes on the next day", (_each("607", calls=_WRITES, at=(3,)),)),
        Trouble("610 once", (_each("610", calls=_WRITES, at=(2,)),)),
        Trouble("609 once: halves", (_each("609", calls=_WRITES, at=(2,)),)),
        Trouble("702 to a lookup", (_each("702", calls=("lookup",), at=(2,)),)),
        Trouble("HTTP 413 once: halves", (_each("413", what="status", calls=_WRITES, at=(2,)),)),
        Trouble("HTTP 429 at random", (_each("429", what="status"),)),
        Trouble("a code that nobody knows", (_each("699", at_most=4),)),
    ]


def _unknown_outcomes() -> list[Trouble]:
    """Calls that may have been carried out."""
    codes = ("500", "502", "604", "611")
    return [
        *(
            Trouble(
                f"{code}, {'carried out' if applied else 'not carried out'}",
                (_each(code, calls=_WRITES, applied=applied, probability=0.3, at_most=4),),
            )
            for code in codes
            for applied in (False, True)
        ),
        *(
            Trouble(f"{code} to reads", (_each(code, calls=_READS, probability=0.4),))
            for code in ("500", "611")
        ),
        *(
            Trouble(
                f"HTTP {status} with HTML",
                (
                    _each(status, what="status", applied=True, calls=_WRITES, at_most=3),
                    _each(status, what="status"),
                ),
            )
            for status in ("403", "500", "502", "503", "504")
        ),
        Trouble(
            "reset before the write",
            (_each("", what="reset", calls=_WRITES, probability=0.3, at_most=4),),
        ),
        Trouble(
            "reset after the write",
            (_each("", what="reset", calls=_WRITES, applied=True, probability=0.3, at_most=4),),
        ),
        Trouble(
            "resets of reads", (_each("", what="reset", calls=_READS, probability=0.4, at_most=5),)
        ),
        Trouble(
            "late commit, after the client's time-out",
            (_each("", what="late", calls=_WRITES, seconds=1.4, at_most=3, probability=0.3),),
            settles=2.0,
        ),
        Trouble(
            "late commit, just before the time is up",
            (_each("", what="late", calls=_WRITES, seconds=0.9, at_most=3, probability=0.3),),
            settles=2.0,
        ),
        Trouble(
            "late replies to reads",
            (_each("", what="late", seconds=1.3, probability=0.4, at_most=3),),
        ),
        Trouble(
            "one row breaks every call that it is in (611)",
            (Fault(what="answer", code="611", calls=_WRITES),),
            poisons=True,
        ),
        Trouble(
            "one row's calls are reset, whatever company it has",
            (Fault(what="reset", calls=_WRITES),),
            poisons=True,
        ),
    ]


def _replies() -> list[Trouble]:
    """Replies that cannot be understood; the call was carried out."""
    whats: tuple[Any, ...] = ("cut", "truncated", "empty", "html", "wrong_type", "no_result")
    return [
        *(Trouble(f"reply: {what.replace('_', ' ')}", (_damage(what),)) for what in whats),
        *(
            Trouble(f"result {what}", (_damage(what, calls=_WRITES, probability=0.4),))
            for what in ("short", "long", "reordered")
        ),
        Trouble("reply: oversized", (_damage("oversized", at_most=2),)),
        Trouble("reply: gzip bomb", (_damage("gzip_bomb", at_most=2),)),
        Trouble("reply: slow drip", (_damage("drip", seconds=_DRIP_SECONDS, at_most=3),)),
        Trouble(
            "identity: 503, junk, resets",
            (
                Fault(what="status", code="503", calls=("identity",), at=(1,)),
                Fault(what="wrong_type", calls=("identity",), at=(2, 5)),
                Fault(what="reset", calls=("identity",), at=(3,)),
                Fault(what="token_expires", probability=0.2, at_most=5),
            ),
        ),
    ]


def _records() -> list[Trouble]:
    """Rows that are skipped."""
    return [
        *(
            Trouble(
                f"row {code} at random",
                (_each(code, what="row", calls=_WRITES, probability=1.0, share=0.05),),
                _REFUSES,
            )
            for code in ("1001", "1003", "1077", "1099")
        ),
        *(
            Trouble(
                f"row {code} at random: looked up again",
                (_each(code, what="row", calls=_WRITES, probability=0.5, share=0.2),),
            )
            for code in ("1004", "1005", "1007")
        ),
        Trouble(
            "row 1019 at random: tried again",
            (_each("1019", what="row", calls=_WRITES, probability=0.5, share=0.2),),
        ),
    ]


def a_little_of_everything() -> tuple[Fault, ...]:
    """1 % of each fault that passes."""
    whats: tuple[Any, ...] = ("cut", "truncated", "empty", "html", "wrong_type")
    return (
        *(_each(code, probability=0.01) for code in ("601", "606", "608", "611", "615", "502")),
        *(_damage(what, probability=0.01) for what in whats),
        *(
            _each("", what="reset", calls=_WRITES, applied=applied, probability=0.01)
            for applied in (False, True)
        ),
        _each("", what="late", calls=_WRITES, probability=0.01, seconds=1.4, at_most=2),
        _each("1003", what="row", calls=_WRITES, probability=0.05, share=0.05),
    )


def _everything() -> list[Trouble]:
    a_little = a_little_of_everything()
    return [
        Trouble("none", ()),
        Trouble("none, two streams", (), streams=2),
        Trouble(
            "1 % of everything",
            a_little,
            Allowed(refuses=True, limited=True),
            rows=900,
            settles=2.0,
        ),
        Trouble(
            "1 % of everything, two streams",
            a_little,
            Allowed(refuses=True, limited=True),
            rows=900,
            streams=2,
            state_every=3,
            settles=2.0,
        ),
    ]


# A hiccup, and an outage in which rows are tried again in vain.
_OUTAGES = {7.0: (1, 3, 300), 40.0: (3, 300)}
_UNDER_WAY = {1: "one person", 3: "three people", 300: "300 people"}


def _outages() -> list[Trouble]:
    """Writes that fail for seconds, while reads go on, with few people under way or many."""
    answers = [(code, _each(code)) for code in ("500", "502", "503", "604", "611")]
    pages = [(f"HTTP {status}", _each(status, what="status")) for status in ("401", "403", "404")]
    return [
        Trouble(
            f"writes fail for {seconds:g} s, {name}, {_UNDER_WAY[rows]} under way",
            (
                msgspec.structs.replace(
                    fault,
                    calls=_WRITES,
                    probability=1.0,
                    at_most=None,
                    lasts=seconds * TIME_SCALE,
                ),
            ),
            rows=rows,
        )
        for name, fault in (*answers, *pages, ("resets", _each("", what="reset")))
        for seconds, crowds in _OUTAGES.items()
        for rows in crowds
    ]


def _late_commits() -> list[Trouble]:
    """The connection is lost, and long after it the write is done: a proxy that has no patience."""
    lost = _each("", what="reset", calls=_WRITES, applied=True, probability=0.4, at_most=4)
    return [
        Trouble(
            f"a proxy cuts, and the write is done {seconds:g} s later, {people} under way",
            (msgspec.structs.replace(lost, seconds=seconds * TIME_SCALE, probability=share),),
            rows=rows,
            settles=1.0,
        )
        for seconds in (1.0, 6.0, 9.0)
        for rows, people, share in ((1, "one person", 1.0), (300, "300 people", 0.4))
    ]


def _clocks() -> list[Trouble]:
    """The host's wall clock is wrong; Marketo's is right."""
    hour, day = 3600.0, 86_400.0
    a_little = (_each("606", at_most=3), _each("611", calls=_WRITES, at_most=3))
    clocks = {
        "is three days ahead": (Jump(0, 3 * day),),
        "is two hours behind": (Jump(0, -2 * hour),),
        "is ten years behind": (Jump(0, -3650 * day),),
        "jumps a day ahead": (Jump(1.0, day),),
        "jumps an hour back": (Jump(1.0, -hour),),
        "jumps to and fro": (Jump(0.8, 2 * day), Jump(1.6, -2 * day), Jump(2.4, 0.0)),
    }
    return [
        Trouble(f"the clock {what}", a_little, Allowed(limited=True), clock=clock)
        for what, clock in clocks.items()
    ]


def _somebody_else() -> list[Trouble]:
    """Another user is at work, at every wait there is."""
    longer = FRESH_SECONDS + 1.0
    always: dict[str, Any] = {"calls": _WRITES, "probability": 1.0, "at_most": None}
    lost = _each("", what="reset", calls=_WRITES, applied=True, probability=0.3, at_most=4)
    waits: dict[str, tuple[tuple[Fault, ...], dict[str, Any]]] = {
        "while nothing is wrong": ((), {}),
        "while writes are answered 606": ((_each("606", **always, lasts=longer),), {}),
        "while writes are answered 615": ((_each("615", **always, lasts=longer),), {}),
        "while writes are answered 611": ((_each("611", **always, lasts=longer),), {}),
        "while writes are answered 503": ((_each("503", what="status", **always, lasts=3.0),), {}),
        "while people are held after lost writes": (
            (msgspec.structs.replace(lost, seconds=0.6),),
            {"request_timeout_seconds": 4},
        ),
        "while calls wait for the window": ((), {"rate_limit_calls": 4}),
    }
    return [
        *(
            Trouble(
                f"somebody fills in places {when}",
                faults,
                Allowed(limited=True),
                settings=settings,
                settles=1.0,
                somebody=Editor,
            )
            for when, (faults, settings) in waits.items()
        ),
    ]


def _going(call: str, at: int, **options: Any) -> Fault:
    """Something goes just before so manieth a call: it strikes in every round."""
    return Fault(what="changes", calls=(call,), at=(at,), options=options)


def _fields_that_go() -> list[Trouble]:
    """An administrator deletes a field while the run is on, and brings it back when it has ended.

    Fields of people end the run; those of what is attached end its lane, and people go on.
    """
    there = {"custom_fields": [NOTE]}
    halved = Fault(what="status", code="413", calls=_WRITES, at=(2,))
    held = Fault(what="row", code="1019", calls=_WRITES, at=(1, 2, 3), share=0.5)
    asked_before = Fault(what="answer", code="1003", calls=("lookup",), at=(2,))
    # What is written, at which call the field goes, what else goes wrong, how Marketo tells.
    of_people: dict[str, tuple[str, str, int, tuple[Fault, ...], dict[str, Any]]] = {
        **{
            f"told by each {level}": (
                *("on_create", "sync", 3, ()),
                {"unknown_field_level": level},
            )
            for level in ("record", "response")
        },
        **{
            f"told to lookups by {code}": (
                *("if_empty", "lookup", 4, ()),
                {"unknown_lookup_field": code},
            )
            for code in ("1003", "1006")
        },
        "while calls are halved": ("on_create", "sync", 4, (halved,), {}),
        "while rows wait for their next try": ("on_create", "sync", 4, (held,), {}),
        "soon after Marketo was asked for it": ("on_create", "sync", 2, (asked_before,), {}),
    }
    return [
        *(
            Trouble(
                f"a field goes while the run is on, {how}",
                (_going(call, at, custom_fields=[]), *faults),
                Allowed(says=FIELD),
                marketo=there | options,
                settings={"streams": with_field(streams_setting(), write)},
                mends=there,
            )
            for how, (write, call, at, faults, options) in of_people.items()
        ),
        *(
            Trouble(
                f"chats, an attribute goes while the run is on, told by {answer}",
                (_going(ADD, 3, **without_attribute()),),
                Allowed(parts=(Kind.ACTIVITIES.part,), says=TYPE),
                rows=150,
                streams=2,
                marketo={"unknown_attribute": answer},
                chats=True,
            )
            for answer in ("1006", "response_1006")
        ),
        Trouble(
            "attached, a field of an object goes while the run is on",
            (_going("sync_objects", 3, **without_field()),),
            Allowed(parts=(Kind.OBJECTS.part,), says=OBJECT),
            rows=200,
            streams=2,
            attaches=True,
        ),
    ]


def matrix() -> list[Trouble]:
    """Every fault of the table, in its order."""
    crowded = [each for each in [*_outages(), *_late_commits()] if each.rows == ROWS]
    return [
        *_everything(),
        *_refusals(),
        *_unknown_outcomes(),
        *_replies(),
        *_records(),
        *_outages(),
        *_late_commits(),
        *_clocks(),
        *days(),
        *_somebody_else(),
        *_fields_that_go(),
        *of_every_kind(
            [*_refusals(), *_unknown_outcomes(), *_replies(), *_records(), *crowded, *_clocks()]
        ),
    ]
