"""What a catalog leaves out never leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.tap_livechat.conftest import Tap

PERSONAL = [("visitors", name) for name in ("email", "ip", "phone", "user_agent")] + [
    ("chat_events", "text")
]


def test_a_column_that_somebody_took_out_of_a_catalog_never_leaves(tap: Tap) -> None:
    tap.fields = dict.fromkeys(PERSONAL)

    run = tap.run(["visitors", "chat_events"])

    assert run.code == 0
    for stream, name in PERSONAL:
        assert run.records[stream]
        assert name not in run.schemas[stream]["schema"]["properties"]
        assert not any(name in record for record in run.records[stream])
        assert run.log.count(f"{stream}: not in the catalog, and so left out:") == 1


def test_a_catalog_without_a_key_ends_the_run_in_one_line(tap: Tap) -> None:
    tap.fields = {("visitors", "visitor_id"): None}

    run = tap.run(["visitors"])

    assert run.code == 1
    [line] = run.errors
    assert "--catalog: the schema of visitors lacks its key, visitor_id" in line
