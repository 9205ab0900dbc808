"""Which modules are tried, by which tests: the quick and pure rooms."""

from __future__ import annotations

from typing import NamedTuple


class Room(NamedTuple):
    """A module, and the test files that must notice what is changed in it, the quickest first."""

    module: str
    tests: tuple[str, ...]


_TARGET = "target-marketo/target_marketo"
_TESTS = "tests/target_marketo"

ROOMS = (
    Room(
        f"{_TARGET}/mapping/rules.py",
        (f"{_TESTS}/mapping/test_rules.py", f"{_TESTS}/mapping/test_decisions.py"),
    ),
    Room(
        f"{_TARGET}/delivery/checkpoint.py",
        (f"{_TESTS}/delivery/test_checkpoint.py", f"{_TESTS}/delivery/test_attachments.py"),
    ),
    Room(
        f"{_TARGET}/delivery/standstill.py",
        (f"{_TESTS}/delivery/test_standstill.py",),
    ),
    Room(f"{_TARGET}/delivery/packing.py", (f"{_TESTS}/delivery/test_packing.py",)),
    Room(f"{_TARGET}/delivery/outcomes.py", (f"{_TESTS}/delivery/test_outcomes.py",)),
    Room(f"{_TARGET}/delivery/settlement.py", (f"{_TESTS}/delivery/test_engine.py",)),
    Room(
        f"{_TARGET}/governor/decisions.py",
        (f"{_TESTS}/governor/test_governor.py", f"{_TESTS}/governor/test_adaptation.py"),
    ),
    Room(f"{_TARGET}/governor/day.py", (f"{_TESTS}/governor/test_day.py",)),
    Room(f"{_TARGET}/governor/others.py", (f"{_TESTS}/governor/test_others.py",)),
    Room(f"{_TARGET}/governor/budget.py", (f"{_TESTS}/governor/test_budget.py",)),
    Room(f"{_TARGET}/store/activity_ledger.py", (f"{_TESTS}/store/test_activity_ledger.py",)),
    Room(
        "tap-livechat/tap_livechat/streams/windows.py",
        ("tests/tap_livechat/streams/test_windows.py",),
    ),
)
