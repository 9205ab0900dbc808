"""Mistakes in a catalog and in stream maps, each in one line that says where."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from singer_sdk.exceptions import StreamMapConfigError
from singer_sdk.mapper import PluginMapper, StreamMap

from tap_livechat.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import FrameType, TracebackType

_FORM = '{"streams": [{"tap_stream_id": …, "schema": {…}, "metadata": […]}]}'


def check_catalog(catalog: Any) -> None:
    """Taken for none, an empty one would have everything read, and billed.

    Raises:
        SettingsError: It is no catalog.
    """
    streams = catalog.get("streams") if isinstance(catalog, dict) else None
    if not isinstance(streams, list) or not all(map(_is_stream, streams)):
        raise SettingsError(
            f"--catalog: it is not of the form {_FORM}; make it with --discover, or leave it out"
        )


def check_maps(maps: Mapping[str, Any], streams: Iterable[str]) -> None:
    """Of a misspelt stream nothing would be mapped.

    Raises:
        SettingsError: There is no such stream.
    """
    names = list(streams)
    for name, described in maps.items():
        made = isinstance(described, dict) and "__source__" in described
        if not (name in names or made or name.startswith("__") or set(name) & set("*?[")):
            raise SettingsError(f"stream_maps: there is no stream {name}{meant(name, names)}")


def meant(name: str, names: Iterable[str]) -> str:
    """The nearest name, as a question."""
    near = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def mistake_in_a_map(error: Exception) -> str | None:
    """What is wrong with which expression, if this came out of a stream map.

    The SDK's own texts do not say where, and those of Python may quote a record.
    """
    where = None
    for frame in _frames(error.__traceback__):
        if isinstance(frame.f_locals.get("self"), (StreamMap, PluginMapper)):
            where = frame.f_locals
    if where is None:
        return None
    if isinstance(error, StreamMapConfigError):
        return f"stream_maps: {error}"
    name = getattr(where["self"], "stream_name", None) or where.get("stream_name", "")
    field = where.get("property_name") or where.get("prop_key") or "__filter__"
    expression = where.get("expr") or where.get("prop_def")
    return f"stream_maps: {name}: {field}: {expression!r}: {_what(error)}"


def _what(error: Exception) -> str:
    cause = error.__cause__ or error
    unknown = getattr(cause, "func_name", None) or getattr(cause, "name", None)
    if unknown and type(cause).__name__ in {"NameNotDefined", "FunctionNotDefined"}:
        return f"there is no {unknown}"
    if isinstance(cause, (SyntaxError, IndexError)):
        return "it is no expression"
    return f"it fails for a record ({type(cause).__name__})"


def _frames(traceback: TracebackType | None) -> Iterator[FrameType]:
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next


def _is_stream(stream: Any) -> bool:
    return (
        isinstance(stream, dict)
        and isinstance(stream.get("tap_stream_id"), str)
        and isinstance(stream.get("schema"), dict)
        and isinstance(stream.get("metadata", []), list)
    )
