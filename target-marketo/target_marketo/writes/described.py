"""The mapper, made from Marketo's description of its fields, which the store keeps for a day.

Adobe ("Integration best practices") has describe cached for a day or more. A field that goes within
that day is refused by name once rows or lookups name it: `check` then asks again.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec

from target_marketo.mapping.field_types import Field
from target_marketo.mapping.mapper import Mapper
from target_marketo.problems import SettingError

if TYPE_CHECKING:
    from target_marketo.marketo.leads import Leads
    from target_marketo.settings import Settings
    from target_marketo.store.cache import Cache

_KEPT_SECONDS = 86_400.0

logger = logging.getLogger("target-marketo")


class Described:
    """Where the mapper comes from."""

    def __init__(self, settings: Settings, leads: Leads, cache: Cache) -> None:
        self._settings = settings
        self._leads = leads
        self._cache = cache
        self._key = f"describe:{settings.instance}"

    def mapper(self) -> Mapper:
        """Of yesterday's description if the mapping fits that; else Marketo is asked.

        Raises:
            SettingError: The mapping does not fit what Marketo says now.
            MarketoError, GovernorError, StoreError: Marketo cannot be asked.
        """
        cached = self._cache.get(self._key, _KEPT_SECONDS)
        if cached is not None:
            try:
                return self._made_of(msgspec.convert(cached, list[Field]))
            except (SettingError, msgspec.ValidationError):
                logger.info("The mapping does not fit the fields as last described: asking again")
        return self._ask()

    def check(self) -> None:
        """Asks whether the mapping still fits; raises as above.

        Without that every record would be refused for a field that is gone, one by one, and its
        STATE would pass.
        """
        self._ask()

    def _ask(self) -> Mapper:
        described = self._leads.describe()
        self._cache.put(self._key, described)
        return self._made_of(described)

    def _made_of(self, described: list[Field]) -> Mapper:
        return Mapper(
            self._settings.streams,
            described,
            rejects_unfit=self._settings.unfit_values == "reject",
            skips_deleted=self._settings.deleted == "skip",
        )
