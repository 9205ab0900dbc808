"""`python -m tests.plugin_definitions`: writes plugin.yml of both packages, as Meltano Hub has it.

What the package says of itself (`--about`) is taken from there, and what a person has chosen
(labels, kinds, ways to sign in) from our own meltano.yml. Somebody else's project takes such a file
with `meltano add --from-ref`. With `--repo URL` they say where the packages are installed from.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tap_livechat.tap import TapLiveChat
from target_marketo.target import TargetMarketo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from singer_sdk.about import AboutInfo
    from singer_sdk.plugin_base import PluginBase

ROOT = Path(__file__).resolve().parents[1]
PLUGINS: dict[str, type[PluginBase]] = {"extractors": TapLiveChat, "loaders": TargetMarketo}


def definition(kind: str, repo: str = "") -> dict[str, Any]:
    """The plugin of that kind (`extractors` or `loaders`); without `repo` a clone is beside it."""
    meltano = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    chosen: dict[str, Any] = meltano["plugins"][kind][0]
    about = about_of(kind)
    name = about.name
    settings = {each["name"]: each for each in chosen["settings"]}
    workspace = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {
        "name": name,
        "variant": workspace["name"],
        "namespace": chosen["namespace"],
        "label": chosen["label"],
        "description": about.description,
        **({"repo": repo} if repo else {}),
        "pip_url": f"git+{repo}#subdirectory={name}" if repo else f"./{name}",
        "executable": name,
        "capabilities": sorted(each.value for each in about.capabilities),
        "settings_group_validation": chosen["settings_group_validation"],
        "settings": [
            settings[each] | _told(schema) for each, schema in about.settings["properties"].items()
        ],
    }


def about_of(kind: str) -> AboutInfo:
    """What `--about` tells."""
    plugin = PLUGINS[kind]
    plugin.append_builtin_config(plugin.config_jsonschema)
    return plugin._get_about_info()


def path(kind: str) -> Path:
    return ROOT / PLUGINS[kind].name / "plugin.yml"


def text(described: dict[str, Any]) -> str:
    written: str = yaml.safe_dump(described, sort_keys=False, allow_unicode=True, width=100)
    return f"# Written by `uv run python -m tests.plugin_definitions`.\n{written}"


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.plugin_definitions", description=__doc__)
    parser.add_argument("--repo", default="", metavar="URL", help="of the Git repository")
    repo = parser.parse_args(arguments).repo
    for kind in PLUGINS:
        path(kind).write_text(text(definition(kind, repo)), encoding="utf-8")


def _told(schema: dict[str, Any]) -> dict[str, Any]:
    default = {"value": schema["default"]} if schema.get("default") is not None else {}
    return {"description": schema["description"], **default}


if __name__ == "__main__":
    main(sys.argv[1:])
