"""What our streams share: bookmarks that we set ourselves, and records written by the batch.

The SDK moves a bookmark with every record, to the record's replication key. Ours follows what has
been read, and moves with a batch of records: the batch, the bookmark and the STATE leave together,
and a signal waits until they have left.

A bookmark says what it belongs to (`state_of`): under other settings it would pass over what was
never read.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from singer_sdk import Stream
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE

from tap_livechat.errors import ScopeError, SettingsError, StateError
from tap_livechat.records import schemas
from tap_livechat.streams import windows
from tap_livechat.timestamps import CLOCK_TOLERANCE, is_plausible, latest, parse, render

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from singer_sdk.helpers.types import Context
    from singer_sdk.singerlib import Catalog, MetadataMapping
    from singer_sdk.tap_base import Tap

    from tap_livechat.api.client import Client
    from tap_livechat.api.methods import Method
    from tap_livechat.singer.command import Termination
    from tap_livechat.singer.messages import MessageWriter

Record = dict[str, Any]


@dataclass(slots=True)
class Session:
    """What the streams of one run share."""

    client: Client
    termination: Termination
    lookback: timedelta
    start_date: datetime | None
    limit: int | None  # of visitors or threads, for a look at the first ones
    end_date: datetime | None
    page_size: int
    group_ids: list[int]


@dataclass(frozen=True, slots=True)
class Batch:
    """Records that leave together, and how far everything has been read once they have left."""

    records: list[Record]
    position: datetime | None = None


class LiveChatStream(Stream):
    # Our records are made to fit their schemas.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE
    fields: ClassVar[schemas.Fields]
    method: ClassVar[Method]
    smallest: ClassVar[dict[str, Any]] = {}  # what to send for the smallest reply
    on_request: ClassVar[tuple[str, ...]] = ()  # fields that are not selected by default
    obeys_limit: ClassVar[bool] = False  # `--limit` counts its records
    # The settings that say what is among the stream's records.
    state_of: ClassVar[tuple[str, ...]] = ()
    _tap: Any  # our own, which the SDK's type does not know

    def __init__(self, tap: Tap) -> None:
        self._announced = False
        super().__init__(tap, schema=schemas.to_schema(self.fields, tuple(self.primary_keys)))

    @property
    def session(self) -> Session:
        """Made when first asked for: `--discover` has no credentials to make it of."""
        session: Session = self._tap.session()
        return session

    @property
    def needs(self) -> dict[str, Method]:
        """What calls which method: the stream, or a property that a run can do without."""
        return {self.name: self.method}

    def batches(self) -> Iterator[Batch]:
        """All that is to be written, in the order of time; none where `read` goes another way."""
        return iter(())

    def get_records(self, context: Context | None) -> Iterable[Record]:  # noqa: ARG002 - the SDK's
        for batch in self.batches():
            yield from batch.records

    def sync(self, context: Context | None = None) -> None:  # type: ignore[misc] # final, but the only place to leave a stream out
        """As the SDK's; what nobody selected, and the token may not read, is left out."""
        try:
            super().sync(context)
        except ScopeError as error:
            if self._tap.has_selection:
                raise
            self._tap.left_out[self.name] = error
            self.logger.warning("Stream %s is left out: %s", self.name, error)

    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        # The SDK announces each error that it raises again; the command line tells it in full.
        if level < logging.ERROR:
            super().log(message, *args, level=level, **kwargs)

    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """None: the end of the window is our signpost."""

    def write_schema_once(self) -> None:
        if not self._announced:
            self._announced = True
            kept = self.effective_schema.get("properties", {})
            gone = [name for name in self.fields if name not in kept]
            if gone:
                self.logger.info(
                    "%s: not in the catalog, and so left out: %s", self.name, ", ".join(gone)
                )
            super()._write_schema_message()

    def _write_schema_message(self) -> None:
        self.write_schema_once()

    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> Generator[Record, Any, Any]:
        del context, write_messages
        limit = self.ABORT_AT_RECORD_COUNT or (self.session.limit if self.obeys_limit else None)
        self.read(limit)
        if limit is not None:
            self.write_state()  # of a trial run: it shows that one can be written
        yield from ()

    def read(self, limit: int | None) -> None:
        """Instead of the SDK's loop over records: one over batches; a limit moves no bookmark."""
        self.check_state()
        with self.get_record_counter() as counter, self.get_sync_timer():
            for batch in self.batches():
                records = batch.records[:limit]
                with self.session.termination.held():
                    self.write(records)
                    if limit is None and batch.position is not None:
                        self.save(batch.position, {})
                        self.write_state()
                counter.increment(len(records))
                if limit is not None and (limit := limit - len(records)) <= 0:
                    break

    def write(self, records: list[Record]) -> None:
        """Write records of one batch, without what the catalog deselects, through any maps."""
        for name in self.hidden:
            for record in records:
                del record[name]
        time_extracted = render(datetime.now(UTC))
        writer: MessageWriter = self._tap.message_writer
        for stream_map in self.stream_maps:
            mapped: Iterable[Record] = records
            if type(stream_map) is not SameRecordTransform or stream_map.flattening_enabled:
                results = (stream_map.transform(dict(record)) for record in records)
                mapped = [result for result in results if result is not None]
            writer.write_records(stream_map.stream_alias, mapped, time_extracted)

    def write_state(self) -> None:
        """All streams' bookmarks in one STATE, unless it is the last one again."""
        self._tap.state_writer.write_state(self.tap_state)

    @property
    def metadata(self) -> MetadataMapping:
        metadata = super().metadata
        for name in self.on_request:
            field = metadata["properties", name]
            if field.selected_by_default is None:
                field.selected_by_default = False
        return metadata

    @cached_property
    def hidden(self) -> frozenset[str]:
        """Fields that never leave: the catalog deselects them, or they were taken out of it."""
        kept = self.effective_schema.get("properties", {})
        return frozenset(
            name for name in self.fields if name not in kept or not self.mask[("properties", name)]
        )

    def apply_catalog(self, catalog: Catalog) -> None:
        own = self.replication_key
        super().apply_catalog(catalog)
        # Whatever it names: without one everything would be read, and billed, in each run.
        self.replication_key = own
        kept = self.effective_schema.get("properties", {})
        lost = [key for key in self.primary_keys if key not in kept]
        if lost and self.selected:
            raise SettingsError(
                f"--catalog: the schema of {self.name} lacks its key, {' and '.join(lost)}; make "
                "the catalog again with --discover"
            )

    @property
    def is_incremental(self) -> bool:
        return bool(self.replication_key) and self.replication_method != REPLICATION_FULL_TABLE

    @property
    def bookmark(self) -> datetime | None:
        """Where the last run got to; None for a first or a full one."""
        if not self.is_incremental:
            return None
        value = self.stream_state.get("replication_key_value")
        if value is None:
            return None
        moment = parse(value)
        if not is_plausible(moment):
            raise StateError(
                f"state of {self.name}: replication_key_value is not a time; correct it, or remove "
                "it to start from start_date"
            )
        return moment

    @property
    def start(self) -> datetime | None:
        """Where this run goes on."""
        return windows.start_of(self.bookmark, self.session.lookback, self.session.start_date)

    def check_state(self) -> None:
        """Before the first request, which is billed.

        Raises:
            StateError: The state was made with other settings, or is no state.
        """
        _ = self.bookmark, self.open_threads
        was = self.stream_state.get("belongs_to") if self.is_incremental else None
        if not isinstance(was, dict):
            return  # version 0.1 did not say
        for name, value in self._belongs_to.items():
            if was.get(name, value) != value:
                raise StateError(
                    f"state of {self.name}: it was made with another {name}; set that back, or "
                    f"remove {self.name} from the state to read it again (or its belongs_to alone, "
                    "to go on: what only the new setting shows is then missing before now)"
                )

    def check_time(self, now: datetime) -> None:
        """`now` is LiveChat's.

        Raises:
            LiveChatError: It was to begin in the future, or after its end: nothing would be read.
        """
        soon = now + CLOCK_TOLERANCE
        if (bookmark := self.bookmark) and bookmark > soon:
            raise StateError(
                f"state of {self.name}: its bookmark {render(bookmark)} lies in the future "
                f"(LiveChat's clock: {render(now)}); set replication_key_value to the time of the "
                "last good run"
            )
        if (first := self.session.start_date) and first > soon:
            raise SettingsError(
                f"setting start_date: {render(first)} lies in the future (LiveChat's clock: "
                f"{render(now)}); nothing would be read until then"
            )
        last, start = self.session.end_date, self.start
        if last and start and start > last:
            raise StateError(
                f"state of {self.name}: it has been read up to {render(start)}, which is after the "
                f"setting end_date ({render(last)}); a period of a back-fill has a state of its own"
            )

    @cached_property
    def _belongs_to(self) -> dict[str, Any]:
        settings = {name: self.config.get(name) for name in self.state_of}
        if "group_ids" in settings:
            settings["group_ids"] = sorted(self.session.group_ids)
        return settings | self.session.client.authenticator.identity()

    @property
    def open_threads(self) -> windows.OpenThreads:
        """What was open when the bookmark was set, and has not been seen archived since."""
        kept = self.stream_state.get("open_threads") if self.is_incremental else None
        try:
            return windows.from_state(kept or {})
        except msgspec.ValidationError:
            raise StateError(
                f"state of {self.name}: open_threads is of another form; pass the last STATE that "
                "the target wrote"
            ) from None

    @property
    def open_since(self) -> datetime | None:
        """Version 0.1 held its bookmark there, and knew no ids."""
        return parse(self.stream_state.get("open_since")) if self.is_incremental else None

    def save(self, position: datetime | None, open_threads: windows.OpenThreads) -> None:
        """Move the bookmark, never back; the caller writes the STATE."""
        moment = latest((self.bookmark, position))
        if self.is_incremental and moment is not None:
            state = self.stream_state
            state.clear()
            state["replication_key"] = self.replication_key
            state["replication_key_value"] = render(moment)
            state["belongs_to"] = self._belongs_to
            if kept := windows.to_state(open_threads, moment):
                state["open_threads"] = kept
