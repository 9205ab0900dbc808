"""Kinds of attachments that can be stopped at the right moment."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from target_marketo.delivery.interface import (
    Answer,
    Attachment,
    CallFailed,
    Fate,
    Folding,
    OnUnknown,
    Result,
    Row,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from target_marketo.mapping.attachments import Attachment as Mapped


@dataclass
class FakeKind:
    """Rows by lane. `before` may raise, or change things, before a call is carried out."""

    name: str = "lists"
    unknown: OnUnknown = OnUnknown.SEND_AGAIN
    folding: Folding = Folding.FIRST
    missing_is_skipped: bool = False
    sent: list[tuple[Hashable, list[dict[str, Any]]]] = field(default_factory=list)
    there: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    before: Callable[[Hashable, list[dict[str, Any]]], None] = lambda *_: None
    after: Callable[[Hashable, list[dict[str, Any]]], None] = lambda *_: None
    fates: dict[str, list[Result]] = field(default_factory=dict)  # by payload, in turn
    read: list[list[Row]] = field(default_factory=list)
    guards: threading.Lock = field(default_factory=threading.Lock)

    def row(self, lead_id: int, payload: bytes) -> bytes:
        return msgspec.json.encode({"id": lead_id, "says": payload.decode()})

    def identity(self, lead_id: int, attachment: Attachment) -> Hashable | None:
        if attachment.once is not None:
            return attachment.once
        return (attachment.lane, lead_id) if self.folding is Folding.FIRST else lead_id

    def replaces(self, lane: Hashable, before: Hashable) -> bool:
        del lane, before
        return True

    def prepare(self) -> dict[Any, dict[str, str]]:
        return {}

    def attachment(self, mapped: Mapped) -> Attachment:
        raise NotImplementedError

    def skips(self, lane: Hashable) -> bool:
        return self.missing_is_skipped

    def send(self, lane: Hashable, rows: Sequence[Row]) -> Answer:
        decoded = [msgspec.json.decode(row.row) for row in rows]
        with self.guards:
            self.sent.append((lane, decoded))
        self.before(lane, decoded)
        with self.guards:
            results = [self._apply(lane, row) for row in decoded]
        self.after(lane, decoded)
        return Answer(results, "r#7")

    def read_back(self, lane: Hashable, rows: Sequence[Row]) -> Answer:
        with self.guards:
            self.read.append(list(rows))
            decoded = [msgspec.json.decode(row.row) for row in rows]
            there = [self.there[lane, row["id"], row["says"]] for row in decoded]
        return Answer([Result(Fate.DONE if each else Fate.AGAIN) for each in there], "r#8")

    def refused(self, connection: Any, rows: Sequence[tuple[str, str]]) -> None:
        pass

    def _apply(self, lane: Hashable, row: dict[str, Any]) -> Result:
        fates = self.fates.get(row["says"])
        if fates:
            return fates.pop(0)
        self.there[lane, row["id"], row["says"]] += 1
        return Result(Fate.DONE)


def lost(**options: Any) -> CallFailed:
    """A call of unknown outcome."""
    return CallFailed(ConnectionError("reset"), Fate.UNKNOWN, cure="see", **options)


def on(lane: Hashable, says: str = "add", *, kind: str = "lists", **more: Any) -> Attachment:
    """An attachment."""
    return Attachment(kind, lane, says.encode(), **more)
