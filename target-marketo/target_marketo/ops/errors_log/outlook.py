"""Whether a replay can help: what would fail again, as far as this side can tell.

A record that the mapping still refuses would, and one that Marketo refused for a value while
neither the record nor `streams` has changed. The classes of codes are in `marketo/codes.py`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from target_marketo.mapping import attachments, streams_setting
from target_marketo.mapping.default_streams import DEFAULT_STREAMS
from target_marketo.mapping.field_types import Field
from target_marketo.mapping.mapper import Mapper
from target_marketo.mapping.plan import Mapped
from target_marketo.mapping.refusals import OWN, Refused
from target_marketo.marketo.codes import Replay, family_of, is_documented, of_row
from target_marketo.ops.errors_log import entries
from target_marketo.ops.errors_log.shape import explained, is_ours
from target_marketo.problems import SettingError
from target_marketo.settings import Settings
from target_marketo.store.cache import Cache
from target_marketo.store.error_log import mapping_digest
from target_marketo.writes.destinations import known_types

if TYPE_CHECKING:
    from collections.abc import Mapping

    from target_marketo.mapping.plan import StreamPlan
    from target_marketo.ops.errors_log.entries import Filter, LoggedError
    from target_marketo.ops.errors_log.shape import Explained
    from target_marketo.store.database import Database

_A_YEAR_SECONDS = 366 * 86_400.0
_LOOKED_AT = 50


class Outlook(StrEnum):
    """What a replay of a kind of error may come to."""

    MAY_HELP = "may help"
    MENDED = "mended"  # by a change of the mapping: what was refused is taken now
    SAME_AGAIN = "the same again"

    def cure(self, words: Explained) -> str:
        """What to do about it now."""
        mended = "the mapping has changed since and takes it now: replay"
        return mended if self is Outlook.MENDED else words.cure


class Judge:
    """Which entries would fail again."""

    def __init__(self, database: Database, config: Mapping[str, Any]) -> None:
        self._database = database
        self._mapping = mapping_digest(config.get("streams"))
        self._mapper = _mapper(database, config)
        self._mapped = mapped_streams(config)
        self._plans: dict[str, StreamPlan | None] = {}

    def of_kind(self, kind: Filter) -> Outlook:
        """By the newest of its open entries."""
        judged = {
            self._of_entry(entry, record)
            for entry, record in entries.with_records(self._database, kind, newest=_LOOKED_AT)
        }
        return next((each for each in Outlook if each in judged), Outlook.SAME_AGAIN)

    def _of_entry(self, entry: LoggedError, record: dict[str, Any]) -> Outlook:
        if self.hopeless(entry, record):
            return Outlook.SAME_AGAIN
        by_us = of_row(
            entry.code, family_of(entry.part)
        ).replay is Replay.IF_CHANGED or not is_documented(entry.code)
        return Outlook.MENDED if by_us and entry.mapping != self._mapping else Outlook.MAY_HELP

    def hopeless(self, entry: LoggedError, record: dict[str, Any]) -> str:
        """Why it would; empty if it may succeed."""
        ours = OWN.get(entry.code)
        can_replay = of_row(entry.code, family_of(entry.part)).replay
        unchanged = entry.mapping in (None, self._mapping)
        if can_replay is Replay.NEVER or (ours is not None and not ours.replay):
            return explained(entry.code, entry.advice, entry.part).meaning
        if can_replay is Replay.IF_CHANGED:
            return "Marketo refused the value, and `streams` has not changed" if unchanged else ""
        if is_documented(entry.code):
            return ""
        plan = self._plan_of(entry.stream, record)
        if plan is None:
            same = is_ours(entry.code) and unchanged
            return "the mapping refused it, and `streams` has not changed" if same else ""
        refused = _refused(plan, entry, record)
        return "" if refused is None else f"the mapping refuses it{_as_what(refused, entry)}"

    def _plan_of(self, stream: str, record: dict[str, Any]) -> StreamPlan | None:
        if stream not in self._plans:
            self._plans[stream] = self._plan(stream, record)
        return self._plans[stream]

    def _plan(self, stream: str, record: dict[str, Any]) -> StreamPlan | None:
        if self._mapper is None:
            return None
        try:
            # A mapped property that this record lacks is no mistake of the mapping.
            properties: dict[str, Any] = (
                {} if stream in self._mapped else {name: {} for name in record}
            )
            return self._mapper.plan(stream, properties)
        except SettingError:
            return None


def mapped_streams(config: Mapping[str, Any]) -> frozenset[str]:
    """The streams that the `streams` setting, or its default, has an entry for."""
    streams = config.get("streams")
    return frozenset(streams or DEFAULT_STREAMS)


def replay_command(code: str, *, in_meltano: bool) -> str:
    """What to type; empty if the code, which is Marketo's text, is no word."""
    if not code.replace("_", "").isalnum():
        return ""
    if in_meltano:
        command = f"uv run meltano invoke marketo-ops replay --code {code}"
        return f"{command} | uv run meltano invoke target-marketo"
    return f"marketo-ops replay --code {code} | target-marketo"


def _refused(plan: StreamPlan, entry: LoggedError, record: dict[str, Any]) -> Refused | None:
    """Why the mapping as it is now refuses the record, or leaves the entry's field out."""
    mapped = plan.map(record)
    if isinstance(mapped, Mapped):
        return next((each for each in mapped.left_out if each.field == entry.field), None)
    return mapped if isinstance(mapped, Refused) else None


def _as_what(refused: Refused, entry: LoggedError) -> str:
    """Code and field, if they are others than those of the entry."""
    if (refused.code, refused.field) == (entry.code, entry.field):
        return ""
    return f": {refused.code} (field {refused.field})" if refused.field else f": {refused.code}"


def _mapper(database: Database, config: Mapping[str, Any]) -> Mapper | None:
    """By the fields and types that the target last saw; None where it has not seen any yet."""
    try:
        instance = Settings.of({"client_id": "-", "client_secret": "-", **config}).instance
        described = Cache(database).get(f"describe:{instance}", _A_YEAR_SECONDS)
        made = Mapper(config.get("streams"), msgspec.convert(described or [], list[Field]))
        entries_of, _ = streams_setting.read(config.get("streams") or DEFAULT_STREAMS)
    except (SettingError, msgspec.ValidationError):
        return None
    lanes = (lane for each in entries_of.values() for lane, _ in attachments.lanes(each))
    made.learn(known_types(Cache(database), instance, lanes, _A_YEAR_SECONDS))
    return made
