"""Envelopes that are JSON, and not what Marketo's would be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

    from tests.sandbox.faults import What

Envelope = dict[str, Any]


def misshapen(what: What, envelope: Envelope, random: Random) -> Any:
    """The envelope as the fault leaves it; as it was, if the fault is another one."""
    if what == "wrong_type":
        return random.choice(_wrong_types(envelope))
    rows = envelope.get("result")
    if not isinstance(rows, list):
        return envelope
    others = {
        "short": rows[:-1],
        "long": [*rows, *rows[:1]],
        "reordered": random.sample(rows, len(rows)),
    }
    if what == "no_result":
        return {name: value for name, value in envelope.items() if name != "result"}
    return envelope | {"result": others.get(what, rows)}


def _wrong_types(envelope: Envelope) -> list[Any]:
    rows = envelope.get("result")
    count = len(rows) if isinstance(rows, list) else 1
    results: list[Any] = [
        {},
        "rows",
        7,
        None,
        ["row"] * count,
        [None] * count,
        [{"id": "1001", "status": "created"}] * count,
        [{"id": 1001, "status": "merged"}] * count,
        [{"status": "skipped", "reasons": "1003"}] * count,
        [{"status": "skipped", "reasons": ["1003"]}] * count,
        [{"status": "skipped", "reasons": [{"code": {}}]}] * count,
    ]
    return [
        *({**envelope, "result": result} for result in results),
        [envelope],
        "success",
        {**envelope, "success": "true"},
        {**envelope, "success": False, "errors": "602"},
        {**envelope, "success": False, "errors": [{"code": None}]},
        {**envelope, "success": False, "errors": []},
    ]
