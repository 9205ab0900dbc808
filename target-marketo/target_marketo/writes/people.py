"""People: looked up by key, created or updated by id. The first kind of write.

| lane             | action and key field                                               |
| one row          | the fields that change                                             |
| done             | created, updated                                                   |
| unknown outcome  | looked up, and decided again: a blind second create makes a second |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import json
from msgspec.structs import replace

from target_marketo.delivery.interface import Answer, Fate, Result
from target_marketo.governor import Cancelled, GovernorError
from target_marketo.mapping.second_try import OF_THE_COMPANY, refused_fields
from target_marketo.marketo.errors import MarketoError
from target_marketo.problems import SettingError
from target_marketo.store.errors import StoreError
from target_marketo.writes.results import failure_of, results_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from target_marketo.mapping.mapper import Mapper
    from target_marketo.mapping.refusals import Refused
    from target_marketo.marketo.leads import Leads
    from target_marketo.marketo.replies import Row
    from target_marketo.writes.described import Described

_CREATE = "createOnly"
_LOOKUP_REFUSED = "1003"  # among others for a field that is not there


class People:
    """Marketo's people, as the engine's `People`.

    `mapper` is set once the fields are described.
    """

    def __init__(self, leads: Leads, described: Described, partition: str | None = None) -> None:
        self._leads = leads
        self._described = described
        self._partition = partition
        self.mapper: Mapper | None = None

    def look_up(
        self, key_field: str, keys: Sequence[str], fields: Iterable[str]
    ) -> list[dict[str, Any]]:
        """Everybody whose key is among the keys."""
        try:
            return self._leads.lookup(key_field, keys, fields)
        except (MarketoError, Cancelled) as error:
            raise failure_of(error, doubts=_LOOKUP_REFUSED) from None

    def refuses(self, rows: Sequence[Mapping[str, Any]]) -> Refused | None:
        """What Marketo would skip one of the rows for."""
        return self.mapper.check(rows) if self.mapper is not None else None

    def write(
        self,
        action: str,
        key_field: str,
        rows: Sequence[bytes],
        *,
        when_granted: Callable[[], None],
    ) -> Answer:
        """Creates, or updates by id."""
        creates = action == _CREATE
        try:
            answer = self._leads.sync(
                action,
                key_field if creates else "id",
                rows,
                self._partition if creates else None,
                when_granted=when_granted,
            )
        except (MarketoError, Cancelled) as error:
            raise failure_of(error) from None
        results = results_of(answer.rows, action, answer.request_id)
        for place, result in enumerate(results):
            if result.fate is Fate.REFUSED:
                results[place] = _blaming(result, answer.rows[place], rows[place])
        return Answer(results, answer.request_id)

    def lost_fields(self) -> Exception | None:
        """Asks Marketo whether the mapping still fits: why the run ends, if it does not."""
        try:
            self._described.check()
        except (MarketoError, GovernorError, SettingError, StoreError) as error:
            return error
        return None


def _blaming(result: Result, answered: Row, sent: bytes) -> Result:
    """A row's result with those of its own fields that Marketo refused it for."""
    fields = json.decode(sent).keys()
    blamed = (refused_fields(code, text, fields) for code, text in answered.texts)
    always = answered.code == OF_THE_COMPANY
    return replace(result, without=frozenset().union(*blamed), always=always)
