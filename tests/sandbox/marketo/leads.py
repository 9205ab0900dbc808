"""The lead database: who is there, found by what, and what happened to them. No HTTP, no clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import RecordError, ResponseError
from .fields import FILTER_TYPES, Schema
from .values import acceptors, format_instant, seed_acceptors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .counts import Counts
    from .options import Options
    from .values import Accept

# What a lead holds, ready to be answered: REST name to JSON value, empty fields left out.
Lead = dict[str, Any]

MAX_VALUES = 300
MAX_MATCHES = 1000
DEFAULT_FIELDS = ("id", "firstName", "lastName", "email", "updatedAt", "createdAt")


class LeadDatabase:
    """All leads by id, with an index per field that was searched by.

    Writes come from `sync.py`; the e-mail is no unique key.
    """

    def __init__(self, options: Options, counts: Counts) -> None:
        self.counts = counts
        self.leads: dict[int, Lead] = {}
        self._next_id = 1001
        self._indexes: dict[str, dict[str, list[int]]] = {}
        self.configure(options)

    def configure(self, options: Options) -> None:
        """Take over options that changed; the leads stay."""
        self.options = options
        self.schema = Schema(options.custom_fields)
        self.accept: dict[str, Accept] = acceptors(self.schema, options)
        self.blocked = frozenset(options.blocked_fields)
        self.partition_ids = {partition.name: partition.id for partition in options.partitions}
        keeps_case = options.custom_key_case == "kept"
        self._cased = frozenset(
            field.name for field in self.schema.fields if field.custom and keeps_case
        )
        self._indexes = {}

    def key_of(self, field: str, value: Any) -> str:
        """How a value is compared in a search: as a rule not by its case."""
        text = value if type(value) is str else str(value)
        return text if field in self._cased else text.lower()

    # --- reading ---------------------------------------------------------------------------------

    def find(self, field: str, value: Any) -> list[int]:
        """The ids of all leads whose `field` holds `value`."""
        if field == "id":
            try:
                number = int(value)
            except (TypeError, ValueError):
                return []
            return [number] if number in self.leads else []
        return self.index(field).get(self.key_of(field, value), [])

    def index(self, field: str) -> dict[str, list[int]]:
        """The ids of leads by `key_of` of what they hold in `field`."""
        index = self._indexes.get(field)
        return self._build_index(field) if index is None else index

    def lookup(self, filter_type: str, values: Iterable[str]) -> list[int]:
        """The ids of all leads that match one of the values, in the order of ids."""
        if filter_type not in self.schema.by_name and filter_type not in FILTER_TYPES:
            raise ResponseError("1003", f"Invalid filterType '{filter_type}'")
        self.check_searchable(filter_type)
        ids = {number for value in values for number in self.find(filter_type, value)}
        if len(ids) > MAX_MATCHES:
            raise ResponseError("1003", "Too many results match the filter")
        return sorted(ids)

    def check_searchable(self, name: str) -> None:
        """Raise 1011 for a field that exists and cannot be searched by."""
        field = self.schema.by_name.get(name)
        if field is not None and not field.searchable:
            raise ResponseError("1011", name)

    def check_fields(self, names: Sequence[str]) -> None:
        """Refuse requested fields that REST does not know."""
        unknown = [name for name in names if name not in self.schema.by_name]
        if unknown and self.options.unknown_lookup_field == "1006":
            raise ResponseError("1006", unknown[0])
        if unknown:
            raise ResponseError("1003", f"Invalid fields [{', '.join(unknown)}]")

    def read(self, ids: Iterable[int], names: Sequence[str]) -> list[Lead]:
        """These fields of these leads: explicit null for empty, false for an unset boolean."""
        empty: dict[str, Any] = {"id": None}
        empty.update((name, False if name in self.schema.booleans else None) for name in names)
        leads = self.leads
        return [
            {name: lead.get(name, nothing) for name, nothing in empty.items()}
            for lead in (leads[number] for number in ids if number in leads)
        ]

    # --- writing ---------------------------------------------------------------------------------

    def create(self, values: Mapping[str, Any], instant: str, partition: int) -> int:
        """Add a lead and return its id; `instant` as datetime fields read."""
        number = self._next_id
        self._next_id += 1
        lead: Lead = {name: value for name, value in values.items() if value is not None}
        lead["id"] = number
        lead["leadPartitionId"] = partition
        lead["createdAt"] = lead["updatedAt"] = instant
        self._store(lead)
        return number

    def update(self, number: int, values: Mapping[str, Any], instant: str) -> tuple[bool, int]:
        """Write what differs; say whether anything did, and how many blocked fields stood in the
        way. `updatedAt` moves only with a change.
        """
        lead = self.leads[number]
        changed = False
        kept = 0
        for name, value in values.items():
            old = lead.get(name)
            if value == old:
                continue
            empty = old is None or old is False or old == ""
            if empty and (value is None or value is False) and old != "":
                continue  # an unset boolean is false
            if name in self.blocked and not empty:
                kept += 1
                continue
            self._count_overwrite(name, value, was_empty=empty)
            self._set(lead, name, value)
            changed = True
        if changed:
            lead["updatedAt"] = instant
        return changed, kept

    def delete(self, number: int) -> bool:
        """Forget a lead; false if there is none of that id."""
        lead = self.leads.pop(number, None)
        if lead is None:
            return False
        for field, index in self._indexes.items():
            self._unindex(field, index, lead.get(field), number)
        return True

    def seed(self, rows: Iterable[Mapping[str, Any]], now: float) -> list[int]:
        """Put people in as they are: any field, duplicates too; `id` and times may be given."""
        accept = seed_acceptors(self.schema, self.options)
        ids = []
        instant = format_instant(now)
        for row in rows:
            given = {}
            for name, value in row.items():
                if name not in accept:
                    raise RecordError("1006", name)
                given[name] = accept[name](value)
            number = given.pop("id", None) or self._next_id
            lead: Lead = {"id": number, "leadPartitionId": 1}
            lead["createdAt"] = lead["updatedAt"] = instant
            lead.update((name, value) for name, value in given.items() if value is not None)
            self.delete(number)
            self._next_id = max(self._next_id, number + 1)
            self._store(lead)
            ids.append(number)
        return ids

    def _store(self, lead: Lead) -> None:
        self.leads[lead["id"]] = lead
        for field, index in self._indexes.items():
            self._index(field, index, lead.get(field), lead["id"])

    def _set(self, lead: Lead, name: str, value: Any) -> None:
        index = self._indexes.get(name)
        if index is not None:
            self._unindex(name, index, lead.get(name), lead["id"])
            self._index(name, index, value, lead["id"])
        if value is None:
            del lead[name]
        else:
            lead[name] = value

    def _count_overwrite(self, name: str, value: Any, *, was_empty: bool) -> None:
        if was_empty:
            return
        counter = self.counts.cleared if value is None else self.counts.overwritten
        counter[name] = counter.get(name, 0) + 1

    def _build_index(self, field: str) -> dict[str, list[int]]:
        index: dict[str, list[int]] = {}
        for number, lead in self.leads.items():
            self._index(field, index, lead.get(field), number)
        self._indexes[field] = index
        return index

    def _index(self, field: str, index: dict[str, list[int]], value: Any, number: int) -> None:
        if value is not None:
            index.setdefault(self.key_of(field, value), []).append(number)

    def _unindex(self, field: str, index: dict[str, list[int]], value: Any, number: int) -> None:
        if value is None:
            return
        key = self.key_of(field, value)
        index[key].remove(number)
        if not index[key]:
            del index[key]
