"""The three configurations that the operations need, by the precedence of every command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_marketo import configuration
from target_marketo.ops.errors import OpsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from target_marketo.settings import Settings
    from target_marketo.store.database import Database

_SILENCE_HOURS = 6
_TAP_SETTINGS = ("personal_access_token", "access_token", "client_id", "refresh_token")


def variables() -> dict[str, str]:
    """The environment and `.env`, and below them what meltano.yml sets for marketo-ops."""
    config = configuration.read("marketo-ops", {}).values
    prefix = configuration.prefix("marketo-ops")
    of_meltano = {prefix + name.upper(): str(value) for name, value in config.items()}
    return of_meltano | configuration.variables()


def target(files: Sequence[str] = ()) -> dict[str, Any]:
    """The target's configuration, unchecked."""
    from target_marketo.settings import SCHEMA  # noqa: PLC0415 - takes half a second

    return configuration.read("target-marketo", SCHEMA["properties"], files).values


def settings(files: Sequence[str] = ()) -> Settings:
    """The target's settings.

    Raises:
        SettingError: One of them is wrong or missing.
    """
    from target_marketo.settings import SCHEMA, Settings  # noqa: PLC0415 - as above

    return Settings.found(configuration.read("target-marketo", SCHEMA["properties"], files))


def instance(files: Sequence[str] = ()) -> str | None:
    """Which Marketo it is about; None where the settings do not say, or wrongly."""
    from target_marketo.problems import SettingError  # noqa: PLC0415 - as above
    from target_marketo.settings import Settings  # noqa: PLC0415

    config = target(files)
    names = ("endpoint", "identity", "munchkin_id")
    given = {name: config[name] for name in names if config.get(name)}
    try:
        return Settings.of({"client_id": "-", "client_secret": "-", **given}).instance
    except SettingError:
        return None


def silence_hours(given: Mapping[str, str]) -> int:
    """For how long nothing may run before it is news."""
    text = given.get("MARKETO_OPS_SILENCE_HOURS") or str(_SILENCE_HOURS)
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise OpsError("`MARKETO_OPS_SILENCE_HOURS` must be a number of hours, 1 or more")
    return int(text)


def store(files: Sequence[str] = ()) -> Database:
    """The store, opened with what of the settings leads to it: all that the error log needs."""
    from target_marketo.store.database import open_database  # noqa: PLC0415 - as above

    properties: dict[str, dict[str, Any]] = {"store_url": {}, "store_key": {}}
    named = configuration.read("target-marketo", properties, files).values
    given = {name: str(value) for name, value in named.items() if value}
    return open_database(given.get("store_url"), given.get("store_key"))


def tap(files: Sequence[str] = ()) -> dict[str, Any]:
    """The tap's credentials, as far as they are set."""
    properties: dict[str, dict[str, Any]] = {name: {} for name in _TAP_SETTINGS}
    found = configuration.read("tap-livechat", properties, files).values
    return {name: found[name] for name in _TAP_SETTINGS if found.get(name) not in (None, "")}
