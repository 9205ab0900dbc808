"""The README's example: what becomes of Ann depends on what Marketo holds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.target_marketo.conftest import Target, record, schema

if TYPE_CHECKING:
    from tests.sandbox.marketo.client import MarketoSandbox

README = (Path(__file__).resolve().parents[3] / "README.md").read_text()
EMAIL = "ann@example.com"
CHATS = record(EMAIL, first_name="Ann", city="Rome", country="Italy")
ROME = {"city": "Rome", "country": "Italy"}
ANN = {"email": EMAIL, "firstName": "Ann"}
# The first cell of a row: whom Marketo holds before, and what of them is another afterwards.
CASES: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {
    "nobody with her e-mail": ([], [ANN | ROME | {"leadSource": "LiveChat"}]),
    "Ann, no geography": ([ANN], [ROME]),
    "Ann, country France, no city": ([ANN | {"country": "France"}], [{}]),
    "Ann, Rome, Italy, lead source Webinar": ([ANN | ROME | {"leadSource": "Webinar"}], [{}]),
    "ANN@Example.com": ([ANN | {"email": "ANN@Example.com"}], [ROME]),
    "two people with her e-mail": ([ANN, ANN | {"lastName": "Newer"}], [{}, ROME]),
}
FIELDS = ("email", "firstName", "lastName", "city", "country", "leadSource")


def test_each_row_of_the_example_is_tried() -> None:
    (table,) = re.findall(r"\| Marketo holds \| written \|\n.*?\n(.*?)\n\n", README, re.DOTALL)

    assert [row.split(" | ")[0].strip("| ") for row in table.splitlines()] == list(CASES)


@pytest.mark.parametrize("holds", CASES)
def test_what_is_written_of_ann(holds: str, target: Target, marketo: MarketoSandbox) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    before, changed = CASES[holds]
    for number, person in enumerate(before):
        stamp = f"2026-01-0{number + 1}T00:00:00Z"
        marketo.seed([person | {"createdAt": stamp, "updatedAt": stamp}])
    given = [*before, *({} for _ in changed[len(before) :])]

    ended = target.run([schema(), CHATS], **yaml.safe_load(example))

    assert ended.code == 0, ended.err
    after = sorted(marketo.leads(), key=lambda lead: int(lead["id"]))
    shown = [{name: lead[name] for name in FIELDS if lead.get(name)} for lead in after]
    assert shown == [person | change for person, change in zip(given, changed, strict=True)]
    assert marketo.counts().calls.get("sync", 0) == int(any(changed))
