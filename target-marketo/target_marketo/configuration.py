"""The settings, from where a person put them: one precedence for every command.

A file given with `--config` is complete in itself. With `--config ENV`, or without `--config`:

    1. the environment
    2. `.env` in the working folder
    3. the files given beside ENV, or else meltano.yml in the working folder, as Meltano reads it
    4. defaults, which the settings themselves have

A variable that is empty says that there is no such value, whatever stands below it. Where Meltano
has started the command, its project takes the place of the working folder; nothing else is read:
no folder above, and none that a package is installed in.

The tap and the target are installed apart, and each has this file: they are the same but for the
imports of their own package (tests/end_to_end/test_configuration.py).
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dotenv import dotenv_values

from target_marketo.problems import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ENVIRONMENT = "ENV"
# Any other word would be false to the SDK and to Meltano, and a dry run then writes.
_TRUTH = dict.fromkeys(("true", "yes", "1", "on"), True)
_TRUTH |= dict.fromkeys(("false", "no", "0", "off", "n", "f"), False)
# Meltano: core/utils, ENV_VAR_PATTERN.
_REFERENCE = re.compile(r"(?P<escape>\\)?\$(?:{(?P<curly>\w+)}|(?P<plain>[A-Z][A-Z0-9_]*))")
_DOT = re.compile(r"(?<!\\)\.")


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings' values, and where each was found that did not come from a `--config` file."""

    values: dict[str, Any]
    places: Mapping[str, str] = field(default_factory=dict)

    def placed(self, problem: str) -> str:
        """A problem that begins with a setting's name, and where that setting was found."""
        named = re.match(r"(?:`|setting )(\w+)", problem)
        place = self.places.get(named[1]) if named else None
        return f"{problem} ({place})" if place else problem


@dataclass(frozen=True, slots=True)
class _Found:
    """A value, what it is called there, and the place that a person would look for it."""

    value: Any
    called: str
    source: str


def read(
    plugin: str, properties: Mapping[str, Mapping[str, Any]], files: Sequence[str] = ()
) -> Configuration:
    """The configuration of a plugin, of which `properties` are the settings' schemas.

    Raises:
        SettingError: A file cannot be read, or a text is not of its setting's type.
    """
    given = [file for file in files if file != ENVIRONMENT]
    lowest = _of_files(given)
    if given and ENVIRONMENT not in files:
        if all(map(_is_meltanos, given)):
            lowest = {name: _whole(plugin, name, value) for name, value in lowest.items()}
        return Configuration(_of_text(lowest))
    found = {name: _Found(value, name, "the --config file") for name, value in lowest.items()}
    if not given:
        found = _of_meltano(plugin)
    for known, source in ((_of_dotenv(), ".env"), (os.environ, "the environment")):
        for variable in known:
            name = variable.removeprefix(prefix(plugin)).lower()
            # Two underscores are Meltano's: TAP_LIVECHAT__SELECT.
            if variable.startswith(prefix(plugin)) and not name.startswith("_"):
                found[name] = _Found(known[variable], variable, source)
    values = {name: _typed(each, properties.get(name, {})) for name, each in found.items()}
    return Configuration(
        _of_text({name: value for name, value in values.items() if value not in (None, "")}),
        {name: f"{each.called} in {each.source}" for name, each in found.items()},
    )


def _of_text(values: dict[str, Any]) -> dict[str, Any]:
    """They can be sent and stored: JSON can say half a character, and so can the environment."""
    for name, value in values.items():
        try:
            json.dumps(value, ensure_ascii=False, default=str).encode()
        except UnicodeEncodeError:
            raise SettingError(f"`{name}` has half a character, or bytes of no text") from None
    return values


def prefix(plugin: str) -> str:
    """What the names of a plugin's variables begin with."""
    return plugin.upper().replace("-", "_") + "_"


def folder() -> Path:
    """The working folder, or the project of the Meltano that has started this command."""
    return Path(os.environ.get("MELTANO_PROJECT_ROOT") or Path.cwd())


def variables() -> dict[str, str]:
    """The environment, completed by `.env`."""
    return _of_dotenv() | dict(os.environ)


def environment_name() -> str:
    """The Meltano environment that is active; empty outside of Meltano."""
    named = variables().get("MELTANO_ENVIRONMENT")
    return str(named or _project().get("default_environment") or "")


def definition(plugin: str) -> dict[str, Any]:
    """A plugin as meltano.yml describes it, with what the active environment changes."""
    project, active = _project(), environment_name()
    try:
        found = _inherited(_plugins(project), plugin)
        for environment in _dicts(project.get("environments")):
            if environment.get("name") == active:
                changes = _plugins(_dict(environment.get("config"))).get(plugin, {})
                found = _merged(found, changes)
        _need_an_end(found)
    except RecursionError:
        raise SettingError("meltano.yml: a value is nested too deeply, or within itself") from None
    return found


def _is_meltanos(file: str) -> bool:
    """Whether the Meltano that has started this command wrote the file."""
    return "MELTANO_PROJECT_ROOT" in os.environ and (folder() / ".meltano") in Path(file).parents


def _whole(plugin: str, name: str, written: Any) -> Any:
    """An object as it was set, where Meltano's file has no more than a part of it.

    Meltano drops a key with a dot, or makes a path of it, drops nulls, and mixes an object from the
    environment with the one in meltano.yml. What it hands down as a variable is whole, unless the
    object is meltano.yml's: then it is laid flat, with a path to each value.
    """
    kind, role = ("EXTRACT", "EXTRACTOR") if plugin.startswith("tap-") else ("LOAD", "LOADER")
    text = os.environ.get(f"MELTANO_{kind}_{name.upper()}")
    if not isinstance(written, dict) or not text:
        return written
    try:
        handed = json.loads(text)
    except (ValueError, RecursionError):
        return written
    there = _of_meltano(os.environ.get(f"MELTANO_{role}_NAME") or plugin).get(name)
    if there and isinstance(there.value, dict) and dict(_paths(there.value)) == handed:
        return there.value
    unfolded: Any = {}
    for path, value in handed.items() if isinstance(handed, dict) else ():
        if value is not None:
            unfolded = _nested(unfolded, _DOT.split(path), value)
    return written if unfolded == written else _with_plain_keys(handed)


def _paths(value: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, each in value.items():
        if isinstance(each, dict) and each:
            yield from _paths(each, f"{above}{name}.")
        else:
            yield f"{above}{name}", each


def _of_files(files: Sequence[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for file in files:
        try:
            content = _json(Path(file).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise SettingError(f"--config: there is no file {file}") from None
        except OSError as error:
            raise SettingError(f"--config: {file} cannot be read ({error.strerror})") from None
        except _Twice as error:
            raise SettingError(f"--config: {error} in the file") from None
        except ValueError as error:
            line = f", at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
            raise SettingError(f"--config: the file is not JSON{line}") from None
        if not isinstance(content, dict):
            raise SettingError("--config: the file must hold a JSON object")
        values |= content
    return values


class _Twice(ValueError):
    """Two values stand under one key, of which any reader takes the last without a word."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the key `{key}` stands twice")


def _json(text: str) -> Any:
    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise _Twice(Counter(name for name, _ in pairs).most_common(1)[0][0])
        return found

    try:
        value = json.loads(text, object_pairs_hook=object_of)
        _need_an_end(value)
    except RecursionError:
        raise ValueError from None
    return value


def _need_an_end(value: Any, levels: int = 100) -> None:
    """A RecursionError if it is nested as no setting is, or within itself, as YAML can say it."""
    if not levels:
        raise RecursionError
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in below:
        _need_an_end(each, levels - 1)


def _of_dotenv() -> dict[str, str]:
    path = folder() / ".env"
    try:
        found = dotenv_values(path) if path.is_file() else {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f".env cannot be read ({type(error).__name__})") from None
    return {name: value for name, value in found.items() if value is not None}


def _of_meltano(plugin: str) -> dict[str, _Found]:
    described = definition(plugin)
    values = {
        each["name"]: each.get("value")
        for each in _dicts(described.get("settings"))
        if isinstance(each.get("name"), str)
    }
    for path, value in _dict(described.get("config")).items():
        name, *below = _DOT.split(str(path))
        values[name] = _nested(values.get(name), below, value)
    known = variables()
    return {
        name: _Found(_with_plain_keys(_expanded(value, known)), name, "meltano.yml")
        for name, value in values.items()
        if value is not None
    }


def _nested(held: Any, path: Sequence[str], value: Any) -> Any:
    """A value under its path: `streams.visitors.key` is a way to write it, too."""
    if not path:
        return value
    inner = _dict(held)
    return inner | {path[0]: _nested(inner.get(path[0]), path[1:], value)}


def _expanded(value: Any, known: Mapping[str, str]) -> Any:
    """A value with `$NAME` and `${NAME}` replaced, as Meltano does it."""
    if isinstance(value, dict):
        return {str(name): _expanded(each, known) for name, each in value.items()}
    if isinstance(value, list):
        return [_expanded(each, known) for each in value]
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, str):
        return value

    def replaced(match: re.Match[str]) -> str:
        if match["escape"]:
            return match[0].removeprefix("\\")
        return known.get(match["curly"] or match["plain"], "")

    return _REFERENCE.sub(replaced, value)


def _with_plain_keys(value: Any) -> Any:
    r"""Meltano takes a dot in a key for a path unless it is written `\.`, so people write that."""
    if isinstance(value, dict):
        return {name.replace("\\.", "."): _with_plain_keys(each) for name, each in value.items()}
    return value


def _typed(found: _Found, schema: Mapping[str, Any]) -> Any:
    """A text of the environment, `.env` or meltano.yml as the type that its setting has."""
    text, types = found.value, schema.get("type", ())
    kind = next((each for each in _TYPES if each == types or each in types), None)
    if not isinstance(text, str) or kind is None:
        return text
    if not text.strip():
        return None
    wanted, parsed = _TYPES[kind]
    try:
        return parsed(text)
    except _Twice as error:
        raise SettingError(f"`{found.called}`: {error} (in {found.source})") from None
    except (ValueError, KeyError):
        raise SettingError(f"`{found.called}` must be {wanted} (in {found.source})") from None


def _whole_number(text: str) -> int:
    if not re.fullmatch(r"\s*[+-]?[0-9]+\s*", text):
        raise ValueError
    return int(text)


def _json_of(kind: type, text: str) -> Any:
    value = _json(text)
    if not isinstance(value, kind):
        raise ValueError  # noqa: TRY004 - as a text that is no JSON
    return _with_plain_keys(value)


_TYPES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "integer": ("a whole number", _whole_number),
    "boolean": ("true or false", lambda text: _TRUTH[text.lower()]),
    "array": ("a JSON array", partial(_json_of, list)),
    "object": ("a JSON object", partial(_json_of, dict)),
}


def _project() -> dict[str, Any]:
    path = folder() / "meltano.yml"
    if not path.is_file():
        return {}
    import yaml  # noqa: PLC0415 - not needed with --config

    class Loader(yaml.SafeLoader):  # type: ignore[misc] # it has no types
        def compose_mapping_node(self, anchor: Any) -> Any:
            node = super().compose_mapping_node(anchor)
            seen = set[str]()
            for key, _ in node.value:
                if not isinstance(key, yaml.ScalarNode) or key.value == "<<":
                    continue
                if key.value in seen:
                    note = str(_Twice(key.value))
                    raise yaml.MarkedYAMLError(problem_mark=key.start_mark, note=note)
                seen.add(key.value)
            return node

    try:
        project = Loader(path.read_text(encoding="utf-8")).get_single_data()
    except yaml.MarkedYAMLError as error:
        # Of its own texts only ours: PyYAML's may quote a value.
        mark = error.problem_mark or error.context_mark
        where = f"meltano.yml, line {mark.line + 1}" if mark else "meltano.yml"
        what = error.note or "this is not YAML; check the indents and quotes there"
        raise SettingError(f"{where}: {what}") from None
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise SettingError(f"meltano.yml cannot be read ({type(error).__name__})") from None
    return _dict(project)


def _plugins(section: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    kinds = _dict(section.get("plugins")).values()
    return {str(each.get("name")): each for kind in kinds for each in _dicts(kind)}


def _inherited(plugins: Mapping[str, dict[str, Any]], name: str) -> dict[str, Any]:
    """A plugin with what it has from its parents."""
    if name not in plugins:
        return {}
    own = plugins[name]
    others = {each: plugins[each] for each in plugins if each != name}
    return _merged(_inherited(others, str(own.get("inherit_from"))), own)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    config = _united(_dict(below.get("config")), _dict(above.get("config")))
    settings = [*_dicts(below.get("settings")), *_dicts(above.get("settings"))]
    return {**below, **above, "config": config, "settings": settings}


def _united(below: Any, above: Any) -> Any:
    """Of two objects each value that one of them has, as Meltano inherits settings."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return below | {name: _united(below.get(name), each) for name, each in above.items()}


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
