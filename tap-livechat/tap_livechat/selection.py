"""Which streams and properties a run reads that has no catalog: those of `select` in meltano.yml.

So by hand the same is read as by `meltano run`. The patterns are Meltano's ("Select and exclude
entities and attributes for extraction"): `visitors.*`, `!visitors.phone`, with `*` and `?`; what is
excluded stays so, whatever the order; a stream alone is all of it.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from tap_livechat import configuration
from tap_livechat.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# What else Meltano would change in a catalog.
_OTHERS = ("select_filter", "metadata", "schema")


class _Pattern(NamedTuple):
    """`path` is of a property and what is nested in it, with dots."""

    stream: str
    path: str
    selects: bool

    @classmethod
    def of(cls, text: str) -> _Pattern:
        stream, _, path = text.removeprefix("!").partition(".")
        return cls(stream, path or "*", selects=not text.startswith("!"))

    def matches(self, stream: str, path: str) -> bool:
        if not fnmatchcase(stream, self.stream):
            return False
        if not path:  # the stream itself
            return self.selects or self.path == "*"
        inside = self.selects and self.path.startswith(f"{path}.")
        return inside or fnmatchcase(path, self.path)


def patterns(plugin: str, files: Sequence[str]) -> list[str] | None:
    """What is selected where `--config` does not leave that to a file; None where nothing is."""
    if any(file != configuration.ENVIRONMENT for file in files):
        return None
    described = configuration.definition(plugin)
    for name in _OTHERS:
        if described.get(name):
            raise SettingsError(
                f"`{name}` in meltano.yml works through Meltano alone: use `meltano run`, or "
                "--catalog"
            )
    variable = f"{configuration.prefix(plugin)}_SELECT"
    text = configuration.variables().get(variable)
    try:
        found = json.loads(text) if text else described.get("select")
    except ValueError:
        found = text
    if found is None:
        return None
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        where = f"{variable} must be a JSON list" if text else "`select` in meltano.yml is a list"
        raise SettingsError(f"{where} of patterns such as visitors.*")
    return found


def select(catalog: dict[str, Any], texts: Iterable[str]) -> dict[str, Any]:
    """Marks what the patterns select in a catalog, and nothing else."""
    rules = sorted(map(_Pattern.of, texts), key=lambda rule: not rule.selects)
    for stream in catalog["streams"]:
        for item in stream["metadata"]:
            path = ".".join(item["breadcrumb"][1::2])
            said = [rule.selects for rule in rules if rule.matches(stream["tap_stream_id"], path)]
            item["metadata"]["selected"] = bool(said) and said[-1]
    return catalog
