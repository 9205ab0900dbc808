"""What the answer to a write means for its people: who is done, tried again, refused. Pure.

Only the entries' own counters move here; the engine does what is decided.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from target_marketo.delivery.interface import Fate, Unavailable
from target_marketo.delivery.settlement import Why
from target_marketo.delivery.standstill import MAX_ATTEMPTS, put_off_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from target_marketo.delivery.entry import Entry
    from target_marketo.delivery.interface import Answer, Result

Refused = list[tuple["Entry", "int | None"]]


@dataclass(slots=True)
class Sorted:
    """The people of a write by what became of their rows.

    `again` may be looked up at once, `later[n]` after n seconds. The refused are told by reason,
    each with the position of the row that was; those who are `doubted` for a field that may have
    gone. `ends` has what would refuse every other row too: the people are in no list, so that their
    records stay unsettled.
    """

    done: list[Entry] = field(default_factory=list)
    again: list[Entry] = field(default_factory=list)
    later: dict[float, list[Entry]] = field(default_factory=dict)
    refused: dict[Why, Refused] = field(default_factory=dict)
    doubted: dict[Why, Refused] = field(default_factory=dict)
    ends: list[Exception] = field(default_factory=list)


def sort(entries: Sequence[Entry], answer: Answer) -> Sorted:
    """Sorts people by the results of their rows."""
    found = Sorted()
    results = answer.results
    if all(result.fate is Fate.DONE for result in results):
        found.done = list(entries)
        _note_ids(entries, results)
        return found
    position = 0
    for entry in entries:
        own = results[position : position + len(entry.rows)]
        at, result = _worst(own, position)
        position += len(own)
        match _fate_now(entry, result):
            case Fate.DONE:
                found.done.append(entry)
                _note_ids([entry], own)
            case Fate.AGAIN:
                found.again.append(entry)
            case Fate.LATER:
                found.later.setdefault(put_off_for(entry.attempts), []).append(entry)
            case Fate.REFUSED:
                why = Why(
                    result.code,
                    result.cure,
                    answer.request_id,
                    result.field,
                    result.without,
                    result.always,
                )
                refused = found.doubted if result.doubts else found.refused
                refused.setdefault(why, []).append((entry, at))
            case _:
                found.ends.append(result.error or Unavailable(result.cure))
    return found


def are_about(results: Iterable[Result], entries: Iterable[Entry]) -> bool:
    """Whether results are those of the updates sent, in their order."""
    sent = (
        update.lead_id for entry in entries if entry.decision for update in entry.decision.updates
    )
    return all(
        result.lead_id == lead_id or result.fate is not Fate.DONE  # which tells no id
        for result, lead_id in zip(results, sent, strict=False)
    )


def _note_ids(entries: Sequence[Entry], results: Sequence[Result]) -> None:
    """Those who were created have one row each."""
    if entries and entries[0].decision is not None and entries[0].decision.create is not None:
        for entry, result in zip(entries, results, strict=True):
            entry.lead_id = result.lead_id


def _fate_now(entry: Entry, result: Result) -> Fate:
    """The fate of an entry, its tries considered: nothing is tried for ever."""
    if result.fate not in (Fate.AGAIN, Fate.LATER, Fate.UNKNOWN):
        return result.fate
    entry.attempts += 1
    if entry.attempts >= MAX_ATTEMPTS:
        return Fate.REFUSED
    return Fate.AGAIN if result.fate is Fate.AGAIN and entry.attempts == 1 else Fate.LATER


def _worst(results: Sequence[Result], first: int) -> tuple[int, Result]:
    """The first of a person's results that is not well, with its position; else the first."""
    for position, result in enumerate(results, first):
        if result.fate is not Fate.DONE:
            return position, result
    return first, results[0]
