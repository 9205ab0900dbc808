"""Writes Singer messages: records by the page in one go, flushed with the STATE behind them.

The SDK's writer flushes after every message, which costs more than making a record. A STATE (and a
SCHEMA) still leaves so, and everything before it too: a target never waits for what a STATE covers.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from singer_sdk.contrib.msgspec import MsgSpecWriter, encoder
from singer_sdk.singerlib.encoding.base import SingerMessageType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from singer_sdk.singerlib.encoding.simple import Message


class MessageWriter(MsgSpecWriter):
    def __init__(self, *, writes_state: bool = True) -> None:
        super().__init__()
        self._writes_state = writes_state

    def write_message(self, message: Message) -> None:
        if self._writes_state or message.type is not SingerMessageType.STATE:
            super().write_message(message)

    def write_records(
        self, stream: str, records: Iterable[dict[str, Any]], time_extracted: str
    ) -> None:
        lines = [
            {
                "type": "RECORD",
                "stream": stream,
                "record": record,
                "time_extracted": time_extracted,
            }
            for record in records
        ]
        sys.stdout.buffer.write(encoder.encode_lines(lines))
