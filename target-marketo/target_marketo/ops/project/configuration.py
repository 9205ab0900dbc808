"""The settings, from where the target reads them.

With `--config`: the JSON files, and the environment if one of them is called ENV. Without: the
project's meltano.yml, overruled by `.env`, overruled by the environment, as Meltano does it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dotenv import dotenv_values

from target_marketo.ops.errors import OpsError
from target_marketo.ops.project import meltano

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from target_marketo.settings import Settings
    from target_marketo.store.database import Database

_TRUE = frozenset({"true", "1", "yes", "on"})


def variables() -> dict[str, str]:
    """The environment, completed from the `.env` of the Meltano project or working directory."""
    path = (meltano.project_root() or Path.cwd()) / ".env"
    try:
        found = dotenv_values(path) if path.is_file() else {}
    except (OSError, UnicodeDecodeError) as error:
        raise OpsError(f"{path.name} cannot be read ({type(error).__name__})") from None
    return {name: value for name, value in found.items() if value is not None} | dict(os.environ)


def target(files: Sequence[str] = ()) -> dict[str, Any]:
    """The target's configuration, unchecked."""
    from target_marketo.settings import SCHEMA  # noqa: PLC0415 - takes half a second

    return _configuration("target-marketo", SCHEMA["properties"], files)


def settings(files: Sequence[str] = ()) -> Settings:
    """The target's settings.

    Raises:
        SettingError: One of them is wrong or missing.
    """
    from target_marketo.settings import Settings  # noqa: PLC0415 - as above

    return Settings.of(target(files))


def instance(files: Sequence[str] = ()) -> str | None:
    """Which Marketo it is about; None where the settings do not say, or wrongly."""
    from target_marketo.settings import SettingError, Settings  # noqa: PLC0415 - as above

    config = target(files)
    names = ("endpoint", "identity", "munchkin_id")
    given = {name: config[name] for name in names if config.get(name)}
    try:
        return Settings.of({"client_id": "-", "client_secret": "-", **given}).instance
    except SettingError:
        return None


def store(files: Sequence[str] = ()) -> Database:
    """The store, opened with what of the settings leads to it: all that the error log needs."""
    from target_marketo.store.database import open_database  # noqa: PLC0415 - as above

    named = _configuration("target-marketo", {"store_url": {}, "store_key": {}}, files)
    given = {name: str(value) for name, value in named.items() if value}
    return open_database(given.get("store_url"), given.get("store_key"))


def tap(files: Sequence[str] = ()) -> dict[str, Any]:
    """The tap's configuration, as far as it is text."""
    names = (
        "account_id",
        "personal_access_token",
        "access_token",
        "client_id",
        "client_secret",
        "refresh_token",
        "visitor_source",
        "api_url",
        "cdp_url",
        "accounts_url",
        "api_version",
        "region",
    )
    found = _configuration("tap-livechat", {name: {"type": ["string"]} for name in names}, files)
    return {name: value for name, value in found.items() if value not in (None, "")}


def _configuration(
    plugin: str, properties: Mapping[str, Mapping[str, Any]], files: Sequence[str]
) -> dict[str, Any]:
    prefix = plugin.upper().replace("-", "_") + "_"
    if not files:
        config = meltano.plugin_config(plugin, variables())
        return config | _of_environment(prefix, properties)
    config = {}
    for file in files:
        if file != "ENV":
            config |= _read(file)
    return config | _of_environment(prefix, properties) if "ENV" in files else config


def _of_environment(prefix: str, properties: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    given = variables()
    return {
        name: _typed(prefix + name.upper(), given[prefix + name.upper()], schema.get("type", ()))
        for name, schema in properties.items()
        if given.get(prefix + name.upper(), "") != ""
    }


def _typed(variable: str, value: str, types: Sequence[str]) -> Any:
    if "integer" in types:
        if not value.strip().lstrip("-").isdigit():
            raise OpsError(f"`{variable}` must be a whole number")
        return int(value)
    if "boolean" in types:
        return value.lower() in _TRUE
    if "object" in types:
        try:
            return json.loads(value)
        except ValueError:
            raise OpsError(f"`{variable}` must be a JSON object") from None
    return value


def _read(file: str) -> dict[str, Any]:
    try:
        config = json.loads(Path(file).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise OpsError(f"--config: there is no file {file}") from None
    except (OSError, ValueError) as error:
        raise OpsError(
            f"--config: the file cannot be read as JSON ({type(error).__name__})"
        ) from None
    if not isinstance(config, dict):
        raise OpsError("--config: the file must hold a JSON object")
    return config
