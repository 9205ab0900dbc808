"""Writes Singer messages: records by the page in one go, flushed with the STATE behind them.

The SDK's writers flush after every message, which costs more than making it. A STATE (and a
SCHEMA) still leaves at once, and everything before it with it: a target never waits for what a
STATE covers.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import msgspec
from singer_sdk.contrib.msgspec import enc_hook
from singer_sdk.singerlib.encoding.base import GenericSingerWriter, SingerMessageType
from singer_sdk.singerlib.encoding.simple import Message

if TYPE_CHECKING:
    from collections.abc import Iterable


class MessageWriter(GenericSingerWriter[bytes, Message]):
    def __init__(self, *, writes_state: bool = True) -> None:
        super().__init__()
        self._writes_state = writes_state
        self._encoder = msgspec.json.Encoder(enc_hook=enc_hook, decimal_format="number")

    def serialize_message(self, message: Message) -> bytes:
        return self._encoder.encode(message.to_dict()) + b"\n"

    def write_message(self, message: Message) -> None:
        if message.type is SingerMessageType.STATE and not self._writes_state:
            return
        sys.stdout.buffer.write(self.serialize_message(message))
        if message.type is not SingerMessageType.RECORD:
            sys.stdout.flush()

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
        sys.stdout.buffer.write(self._encoder.encode_lines(lines))
