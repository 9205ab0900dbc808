"""Who gets which address in a run, where people are known by another key."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from target_marketo.delivery.entry import PersonId

_KNOWN = 50_000


class Addresses:
    """The addresses that were given to people, or are about to be: one person each.

    Two new people of one address would not see each other in a lookup.
    """

    def __init__(self) -> None:
        self._people: dict[str, PersonId] = {}
        self._addresses: dict[PersonId, str] = {}

    def claim(self, address: str, person: PersonId) -> bool:
        """Gives an address to a person, who leaves another one to others; False if it is taken."""
        if self._people.get(address, person) != person:
            return False
        before = self._addresses.pop(person, None)
        if before is not None:
            del self._people[before]
        elif len(self._people) >= _KNOWN:
            oldest = next(iter(self._people))
            del self._addresses[self._people.pop(oldest)]
        self._people[address] = person
        self._addresses[person] = address
        return True
