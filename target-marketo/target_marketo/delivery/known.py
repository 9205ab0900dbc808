"""Whom the run has seen: their lead ids and, for a minute, what was said of them.

Who comes again in that minute and says nothing new is not looked up once more. It is the folding of
records a moment longer, and nothing is ever written by it: whatever is to be written is decided
from what a lookup finds.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from target_marketo.mapping.rules import fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from target_marketo.delivery.entry import Entry, PersonId
    from target_marketo.mapping.rules import Step

_FRESH_SECONDS = 60.0  # how old what Marketo was seen to hold may be when it is gone by
_LEADS = 50_000
_SAID_PEOPLE = 5_000  # and as many who came before them
_SAID_BYTES = 8_000_000  # likewise
_LITTLE = _SAID_BYTES // _SAID_PEOPLE  # a person's share, not worth measuring

_Said = tuple[float, "Sequence[Step]"]  # and when the lookup began


def is_fresh(since: float, now: float) -> bool:
    """Whether what Marketo held then still counts: a moment before, not an hour before."""
    return now - since <= _FRESH_SECONDS


def adds_nothing(said: Sequence[Step], step: Step) -> bool:
    """Whether a step changes nobody of whom all this was said and done a moment before. Pure.

    That is so if folding it into what its stream said leaves that as it was, as long as no other
    stream has a say in the same fields. That the person is there is taken for granted.
    """
    touched = step.values.keys() & step.rules.changing
    if not touched:
        return True
    last = None
    for earlier in said:
        if earlier.rules is step.rules:
            last = earlier
        elif not touched.isdisjoint(earlier.values.keys() & earlier.rules.changing):
            return False
    return last is not None and fold(step.rules, last.values, step.values) == last.values


def _length(steps: Sequence[Step]) -> int:
    values = (value for step in steps for value in step.values.values())
    return sum(len(value if isinstance(value, str) else str(value)) for value in values)


class Known:
    """Remembers the last people, as many as fit into some megabytes.

    What was said is kept in two halves: when the younger one is full the older one is forgotten.
    It goes by key alone, whose hash Python keeps: a run with two key fields does not ask for it.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._leads: OrderedDict[PersonId, int] = OrderedDict()
        self._said: dict[str, _Said] = {}
        self._said_before: dict[str, _Said] = {}
        self._bytes = 0  # of the younger half
        self._outdated: set[str] = set()

    def lead(self, person: PersonId) -> int | None:
        """The id that the person had last."""
        return self._leads.get(person)

    def has_lead(self, person: PersonId, lead_id: int) -> None:
        """The person has this id."""
        self._leads[person] = lead_id
        self._leads.move_to_end(person)
        if len(self._leads) > _LEADS:
            self._leads.popitem(last=False)

    def said(self, entries: Iterable[Entry]) -> None:
        """These people are in Marketo as their records want them."""
        for entry in entries:
            if not entry.leads and entry.lead_id is None:
                continue  # nobody is there, and nobody was made
            self._said[entry.person[1]] = (entry.looked_up_at, entry.steps)
            weight = entry.weight  # of whole records, most of which is not kept
            self._bytes += weight if weight <= _LITTLE else _length(entry.steps)
        if len(self._said) >= _SAID_PEOPLE or self._bytes >= _SAID_BYTES:
            self._said_before, self._said, self._bytes = self._said, {}, 0

    def says_nothing_new(self, entry: Entry) -> bool:
        """Whether all that an entry says was said of its person a moment before."""
        key = entry.person[1]
        said = self._said.get(key) or self._said_before.get(key)
        if said is None or not is_fresh(said[0], self._now()):
            return False
        return all(adds_nothing(said[1], step) for step in entry.steps)

    def heard(self, person: PersonId) -> bool:
        """Whether it is known what was said of somebody of late."""
        return person[1] in self._said or person[1] in self._said_before

    def will_be_looked_up(self, person: PersonId) -> None:
        """From the next lookup on, something else may be written to the person."""
        self._outdated.add(person[1])

    def forget_what_was_said(self) -> None:
        """A lookup begins, and with it what is said of those who were waiting for it counts."""
        for key in self._outdated:
            self._said.pop(key, None)
            self._said_before.pop(key, None)
        self._outdated.clear()

    def has_gone(self, person: PersonId) -> None:
        """The person is not under that id any more."""
        self._leads.pop(person, None)
