"""The faults that Marketo can have, as data."""

from __future__ import annotations

from typing import Any

from tests.faults.attached import WRITES
from tests.faults.invariants import Allowed
from tests.faults.rounds import Trouble
from tests.faults.scheduler import TIMEOUT_SECONDS
from tests.sandbox.faults import Fault

_WRITES = ("sync",)
_READS = ("lookup", "describe", "usage")
_REFUSES = Allowed(refuses=True)
_DRIP_SECONDS = 20.0 * TIMEOUT_SECONDS


def _each(code: str, *, what: Any = "answer", **options: Any) -> Fault:
    """A tenth of all calls, up to eight of them."""
    return Fault(**{"what": what, "code": code, "probability": 0.1, "at_most": 8} | options)


def _damage(what: Any, **options: Any) -> Fault:
    return Fault(**{"what": what, "probability": 0.15, "at_most": 6} | options)


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
        *(Trouble(f"{code} to reads", (_each(code, calls=_READS),)) for code in ("500", "611")),
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
        Trouble("resets of reads", (_each("", what="reset", calls=_READS, at_most=5),)),
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
        Trouble("late replies to reads", (_each("", what="late", seconds=1.3, at_most=3),)),
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


def _attached() -> list[Trouble]:
    """The same, with a list, a status and an object beside each person; each kind is struck."""
    lost = {"calls": WRITES, "probability": 0.3, "at_most": 6}
    troubles: dict[str, tuple[Fault, ...]] = {
        "none": (),
        "reset before the write": (_each("", what="reset", **lost),),
        "reset after the write": (_each("", what="reset", applied=True, **lost),),
        "carried out in part": (
            _each("", what="partly", share=0.5, **lost),
            _each("604", what="partly", share=0.5, **lost),
        ),
        "late commit": (_each("", what="late", seconds=1.9, **lost),),
        "502, 604, 611": tuple(
            _each(code, applied=applied, **lost)
            for code in ("502", "604", "611")
            for applied in (False, True)
        ),
        "replies cut, short, reordered": tuple(
            _damage(what, **lost) for what in ("cut", "short", "long", "reordered", "html")
        ),
        "refused calls": tuple(_each(code, calls=WRITES) for code in ("601", "608", "614", "699")),
        "row 1004, 1016": tuple(
            _each(code, what="row", calls=WRITES, probability=0.5, share=0.1, at_most=3)
            for code in ("1004", "1016")
        ),
    }
    allowed = {"row 1004, 1016": _REFUSES}
    return [
        Trouble(
            f"attached, {name}",
            faults,
            allowed.get(name, Allowed()),
            rows=200,
            streams=2,
            settles=2.0 if "late" in name else 0.0,
            attaches=True,
        )
        for name, faults in troubles.items()
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


def matrix() -> list[Trouble]:
    """Every fault of the table, in its order."""
    return [
        *_everything(),
        *_refusals(),
        *_unknown_outcomes(),
        *_replies(),
        *_records(),
        *_attached(),
    ]
