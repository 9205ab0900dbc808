"""What a dry run says of each person: created, updated (field: old -> new), or left alone.

Logs are kept: of a value it tells what kind it is, and shows it only where the user wrote it into
the mapping. `marketo-ops explain` shows values.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from target_marketo.privacy import mask, shape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_marketo.delivery.entry import Entry


def tell(entry: Entry) -> None:
    """Prints the decision on a person; whom it is about is masked."""
    if sys.stderr is None:  # closed; `print` would take standard output instead
        return
    for line in lines(entry):
        print(line, file=sys.stderr)  # noqa: T201 - that is what a dry run is for


def lines(entry: Entry) -> Iterator[str]:
    """One line for each field that would be written, or one for a person who is left alone."""
    decision, person = entry.decision, mask(entry.key)
    assert decision is not None  # noqa: S101 - only decided entries are reported
    changed = list(_changes(entry))
    if not changed:
        kept = f": {', '.join(decision.kept)} kept" if decision.kept else ""
        yield f"would leave {person} alone{kept}"
    action = "create" if decision.create is not None else "update"
    constant = {rule.field for step in entry.steps for rule in step.rules.all if rule.constant}
    for name, old, new in changed:
        shown = repr(new) if name in constant else _shown(new)
        yield f"would {action} {person}: {name}: {_shown(old)} -> {shown}"


def _changes(entry: Entry) -> Iterator[tuple[str, Any, Any]]:
    """Field, old and new value."""
    decision = entry.decision
    assert decision is not None  # noqa: S101 - as above
    if decision.create is not None:
        for name, value in decision.create.items():
            yield name, None, value
    leads = {int(lead["id"]): lead for lead in entry.leads or ()}
    for update in decision.updates:
        for name, value in update.values.items():
            yield name, leads[update.lead_id].get(name), value


def _shown(value: object) -> str:
    return "nothing" if value is None else shape(value)
