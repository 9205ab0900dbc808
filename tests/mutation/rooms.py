"""Which modules are tried, by which tests: the quick and pure rooms."""

from __future__ import annotations

from typing import NamedTuple


class Room(NamedTuple):
    """A module, and the files or tests that must notice what is changed in it."""

    module: str
    tests: tuple[str, ...]


_TARGET = "target-marketo/target_marketo"
_TESTS = "tests/target_marketo"
_TAP = "tap-livechat/tap_livechat"
_TAP_TESTS = "tests/tap_livechat"


def _mapping(*names: str) -> tuple[str, ...]:
    return tuple(f"{_TESTS}/mapping/test_{name}.py" for name in names)


_MAPPING = _mapping(
    "plan",
    "paths",
    "by_names",
    "texts",
    "streams_setting",
    "field_types",
    "decisions",
    "attachments",
    "row_check",
    "rules",
)
_ENGINE = tuple(
    f"{_TESTS}/delivery/test_{name}.py" for name in ("engine", "attachments", "promises")
)
_ACTIVITIES = tuple(
    f"{_TESTS}/writes/test_{name}.py"
    for name in (
        *("activity_call", "activity_lane", "activity_reading"),
        *("custom_activities", "destinations"),
    )
)


def _streams(*names: str) -> tuple[str, ...]:
    return tuple(f"{_TAP_TESTS}/streams/test_{name}.py" for name in names)


_WHAT_IS_LISTED = tuple(
    f"{_TAP_TESTS}/streams/test_nothing_lost.py::test_{name}"
    for name in (
        "a_twentieth_is_within_the_estimate",
        "a_list_that_ends_early_is_asked_once_more_from_where_it_ended",
        "a_list_that_never_comes_to_what_it_counts_is_reported_and_passed",
        "a_repeated_row_is_written_once_and_holds_no_bookmark",
        "a_state_of_version_0_1_is_read_and_goes_on",
        "a_chat_that_comes_to_no_archive_is_reported_and_forgotten",
        "an_archive_that_says_nothing_of_active_threads_forgets_no_open_one",
    )
)

ROOMS = (
    Room(f"{_TARGET}/mapping/rules.py", _mapping("rules", "decisions")),
    *(
        Room(f"{_TARGET}/mapping/{name}.py", _MAPPING)
        for name in ("mapper", "plan", "row_check", "identity", "values", "field_types")
    ),
    *(
        Room(f"{_TARGET}/mapping/{name}.py", _MAPPING)
        for name in ("streams_setting", "attachments", "paths", "moments", "texts", "by_names")
    ),
    Room(
        f"{_TARGET}/delivery/checkpoint.py",
        (f"{_TESTS}/delivery/test_checkpoint.py", f"{_TESTS}/delivery/test_attachments.py"),
    ),
    Room(f"{_TARGET}/delivery/standstill.py", (f"{_TESTS}/delivery/test_standstill.py",)),
    Room(f"{_TARGET}/delivery/packing.py", (f"{_TESTS}/delivery/test_packing.py",)),
    Room(f"{_TARGET}/delivery/outcomes.py", (f"{_TESTS}/delivery/test_outcomes.py",)),
    Room(f"{_TARGET}/delivery/attachments.py", _ENGINE),
    *(
        Room(f"{_TARGET}/delivery/{name}.py", (f"{_TESTS}/delivery/test_{name}.py", *_ENGINE))
        for name in ("steps", "entry", "settlement")
    ),
    Room(
        f"{_TARGET}/delivery/known.py",
        (f"{_TESTS}/delivery/test_known.py", f"{_TESTS}/delivery/test_coming_again.py"),
    ),
    Room(f"{_TARGET}/delivery/buffer.py", (f"{_TESTS}/delivery/test_buffer.py",)),
    Room(f"{_TARGET}/delivery/dead_letters.py", (f"{_TESTS}/delivery/test_dead_letters.py",)),
    Room(
        f"{_TARGET}/governor/decisions.py",
        tuple(
            f"{_TESTS}/governor/test_{each}.py"
            for each in ("decisions", "others", "governor", "adaptation")
        ),
    ),
    *(
        Room(f"{_TARGET}/governor/{name}.py", (f"{_TESTS}/governor/test_{name}.py",))
        for name in ("day", "others", "budget", "breaker", "noticed")
    ),
    Room(f"{_TARGET}/store/activity_ledger.py", (f"{_TESTS}/store/test_activity_ledger.py",)),
    *(
        Room(f"{_TARGET}/writes/{name}.py", _ACTIVITIES)
        for name in (
            *("custom_activities", "activity_body", "activity_call", "activity_lane"),
            *("activity_lanes", "activity_read_back", "activity_reading"),
        )
    ),
    *(
        Room(f"{_TARGET}/writes/{name}.py", (f"{_TESTS}/writes/test_repeatable.py",))
        for name in ("lanes", "repeatable", "static_lists", "program_members", "custom_objects")
    ),
    Room(
        f"{_TAP}/timestamps.py",
        (f"{_TAP_TESTS}/test_timestamps.py", f"{_TAP_TESTS}/records/test_visitor.py"),
    ),
    Room(f"{_TAP}/streams/windows.py", _streams("windows")),
    Room(f"{_TAP}/streams/customers.py", _streams("customers")),
    Room(
        f"{_TAP}/streams/archives.py",
        (*_streams("archive_pass", "stream", "archives"), *_WHAT_IS_LISTED),
    ),
    Room(
        f"{_TAP}/streams/stream.py",
        _streams("stream", "archive_pass", "customers"),
    ),
)
