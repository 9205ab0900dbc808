"""An activity as it is sent, in bytes: put together, read again, shortened. Pure.

The ids of its person and of its type are put in last: they are known last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from target_marketo.mapping.texts import Limit

if TYPE_CHECKING:
    from target_marketo.mapping.attachments import Attachment


class _Value(msgspec.Struct, frozen=True, rename="camel", gc=False):
    api_name: str
    value: Any


class _Body(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """An activity as it is sent, but for the two ids."""

    activity_date: str
    primary_attribute_value: str
    attributes: list[_Value]


_BODY = msgspec.json.Decoder(_Body)
_encode = msgspec.json.Encoder().encode


def payload_of(mapped: Attachment) -> bytes:
    """The activity of a record, without its person and type, whose ids are not known yet."""
    attributes = [_Value(name, value) for name, value in mapped.values.items()]
    return _encode(_Body(mapped.at, mapped.primary, attributes))


def row_of(lead_id: int, payload: bytes) -> bytes:
    """The activity with its person."""
    return b'{"leadId":%d,%b' % (lead_id, payload[1:])


def with_type(row: bytes, type_id: int) -> bytes:
    """The activity with its type, as it is sent."""
    return b'%b,"activityTypeId":%d}' % (row[:-1], type_id)


def date_of(row: bytes) -> str:
    """When it was."""
    return _BODY.decode(row).activity_date


def shorter(row: bytes, lead_id: int, once: str) -> bytes | None:
    """The same with the longest of its texts cut in half; None if nothing is left to cut.

    Marketo measures the attributes (Adobe: error 1049) in a way of its own.
    """
    body = _BODY.decode(row)
    texts = [
        each for each in body.attributes if isinstance(each.value, str) and each.api_name != once
    ]
    longest = max(texts, key=lambda each: len(each.value.encode()), default=None)
    if longest is None or not longest.value:
        return None
    cut = Limit(bytes=len(longest.value.encode()) // 2).cut(longest.value)
    attributes = [
        _Value(each.api_name, cut) if each is longest else each for each in body.attributes
    ]
    changed = _encode(_Body(body.activity_date, body.primary_attribute_value, attributes))
    return row_of(lead_id, changed)
