"""Mistakes in a catalog, a state and stream maps, each in one line that says where."""

from __future__ import annotations

import difflib
import os
import traceback
from fnmatch import fnmatchcase
from typing import IO, TYPE_CHECKING, Any

from singer_sdk.exceptions import StreamMapConfigError
from singer_sdk.helpers._util import load_json
from singer_sdk.mapper import PluginMapper, StreamMap

from tap_livechat.errors import SettingsError, StateError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_FORM = '{"streams": [{"tap_stream_id": …, "schema": {…}, "metadata": […]}]}'


def check_catalog(catalog: Any, names: Iterable[str]) -> list[dict[str, Any]]:
    """Its entries. Taken for none, an empty one would have everything read, and billed.

    Raises:
        SettingsError: It is no catalog, or selects a stream that does not exist.
    """
    names = list(names)
    streams = catalog.get("streams") if isinstance(catalog, dict) else None
    if not isinstance(streams, list) or not all(map(_is_stream, streams)):
        raise SettingsError(
            f"--catalog: it is not of the form {_FORM}; make it with --discover, or leave it out"
        )
    for stream in streams:
        called, name = stream.get("stream"), stream["tap_stream_id"]
        if called not in (None, name):
            raise SettingsError(
                f"--catalog: {name} is called {called}; give a stream another name with a map "
                f'({{"{name}": {{"__alias__": …}}}})'
            )
        chosen = any(m["metadata"].get("selected") for m in stream.get("metadata", []))
        if chosen and name not in names:
            raise SettingsError(f"--catalog: there is no stream {name}{meant(name, names)}")
    return streams


_REMOVED = (None, "__NULL__")


def check_maps(maps: Mapping[str, Any], fields: Mapping[str, Iterable[str]]) -> None:
    """Of a misspelt stream or field nothing would be mapped; `fields` by stream.

    Raises:
        SettingsError: There is no such stream or field.
    """
    for name, described in maps.items():
        source = described.get("__source__", name) if isinstance(described, dict) else name
        of = [stream for stream in fields if fnmatchcase(stream, str(source))]
        if not of and not name.startswith("__"):
            raise SettingsError(f"stream_maps: there is no stream {source}{meant(source, fields)}")
        known = {field for stream in of for field in fields[stream]}
        for field, expression in described.items() if isinstance(described, dict) else ():
            if expression in _REMOVED and not field.startswith("__") and field not in known:
                raise SettingsError(
                    f"stream_maps: {name} has no {field} to take out{meant(field, known)}"
                )


def wrong_else(maps: Any) -> str | None:
    """A mistake in a place where the SDK's own check of the settings breaks down."""
    if not isinstance(maps, dict):
        return None
    every = {"stream_maps": maps} | {f"stream_maps: {name}": each for name, each in maps.items()}
    for where, each in every.items():
        if isinstance(each, dict) and each.get("__else__") not in _REMOVED:
            return f"{where}: __else__ can be null alone, for what no map names to be left out"
    return None


def check_state(state: Any) -> None:
    """Of another form it would be taken for none, and everything be read, and billed, again.

    Raises:
        StateError: It is no state.
    """
    if isinstance(state, (str, os.PathLike)) or state in (None, {}):
        return  # a file's path, which the SDK reads
    bookmarks = state.get("bookmarks") if isinstance(state, dict) else None
    if not isinstance(bookmarks, dict) or not all(isinstance(b, dict) for b in bookmarks.values()):
        raise StateError(
            'the state is not of the form {"bookmarks": {stream: {…}}}; pass the last STATE that '
            "the target wrote, or none to begin again"
        )


# What a bookmark of ours holds, or one of version 0.1.
OURS = {"replication_key", "replication_key_value", "open_threads", "belongs_to", "open_since"}
_OF_THE_SDK = {
    "starting_replication_value",
    "replication_key_signpost",
    "progress_markers",
    "partitions",
}


def check_bookmarks(bookmarks: Mapping[str, Any], streams: Iterable[str]) -> None:
    """What nothing reads would be taken for no bookmark at all.

    Raises:
        StateError: There is no such stream, or a bookmark has no such key.
    """
    names = list(streams)
    for name, bookmark in bookmarks.items():
        if name not in names:
            hint = meant(name, names) or f": {', '.join(names)}"
            raise StateError(f"state: there is no stream {name}{hint}")
        for key in sorted(bookmark.keys() - OURS - _OF_THE_SDK):
            raise StateError(
                f"state of {name}: a bookmark has no {key}; it is "
                '{"replication_key": …, "replication_key_value": "2026-01-31T00:00:00Z"}'
            )


def content(file: IO[str] | None, option: str) -> Any:
    """The file's JSON.

    Raises:
        SettingsError: It is none.
    """
    if file is None:
        return None
    try:
        found: Any = load_json(file.read())
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        where = f", at line {line}" if line else ""
        raise SettingsError(f"{option}: the file is not JSON{where}") from None
    if found is None or isinstance(found, str):  # they would be none at all, and a file's path
        raise SettingsError(f"{option}: the file holds no object")
    return found


def meant(name: str, names: Iterable[str]) -> str:
    """The nearest name, as a question."""
    near = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def mistake_in_a_map(error: Exception) -> str | None:
    """What is wrong with which expression, if this came out of a stream map.

    The SDK's own texts do not say where, and those of Python may quote a record.
    """
    frames = [frame.f_locals for frame, _ in traceback.walk_tb(error.__traceback__)]
    mapping = [each for each in frames if isinstance(each.get("self"), (StreamMap, PluginMapper))]
    if not mapping:
        return None
    if isinstance(error, StreamMapConfigError):
        return f"stream_maps: {error}"
    where = mapping[-1]
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
        return "it is not an expression"
    return f"it fails for a record ({type(cause).__name__})"


def _is_stream(stream: Any) -> bool:
    if not isinstance(stream, dict) or not isinstance(stream.get("tap_stream_id"), str):
        return False
    schema, metadata = stream.get("schema"), stream.get("metadata", [])
    properties = schema.get("properties", {}) if isinstance(schema, dict) else None
    return (
        isinstance(properties, dict)
        and all(isinstance(each, dict) for each in properties.values())
        and isinstance(metadata, list)
        and all(map(_is_metadata, metadata))
    )


def _is_metadata(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and isinstance(item.get("breadcrumb"), list)
        and isinstance(item.get("metadata"), dict)
    )
