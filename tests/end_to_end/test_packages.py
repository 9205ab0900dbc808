"""Both packages stand alone: they say what they are, and run where this repository is not."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests import guard, plugin_definitions
from tests.sandbox.environment import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
PACKAGES = {"tap-livechat": "extractors", "target-marketo": "loaders"}
PYTHONS = ("3.11", "3.12", "3.13")
VISITORS = 60
SECRETS = {
    "tap-livechat": {"personal_access_token", "access_token", "client_secret", "refresh_token"},
    "target-marketo": {"client_secret", "store_url", "store_key"},
}


def about(package: str, style: str, bin_folder: Path = BIN) -> str:
    done = subprocess.run(
        [str(bin_folder / package), "--about", f"--format={style}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("package", PACKAGES)
def test_about_explains_every_setting_and_says_which_are_secret(package: str) -> None:
    told = json.loads(about(package, "json"))
    settings: dict[str, Any] = told["settings"]["properties"]

    assert len(settings) > 15
    assert told["version"] == "0.2.0"
    for name, schema in settings.items():
        assert schema.get("title"), name
        assert schema.get("description"), name
    assert {name for name, each in settings.items() if each.get("secret")} == SECRETS[package]
    assert re.fullmatch(r"[^\n]{20,110}\.", told["description"])


@pytest.mark.parametrize("package", PACKAGES)
def test_about_in_markdown_has_a_row_for_every_setting_and_capability(package: str) -> None:
    text = about(package, "markdown")
    told = json.loads(about(package, "json"))

    for name, schema in told["settings"]["properties"].items():
        row = re.search(rf"^\| {name} .*\|$", text, re.MULTILINE)
        assert row is not None, name
        assert schema["description"].split("\n")[0][:40] in row[0]
    for capability in told["capabilities"]:
        assert f"\n- `{capability}`\n" in text
    assert f"# `{package}`" in text
    assert told["description"] in text


@pytest.mark.parametrize("kind", PACKAGES.values())
def test_meltano_takes_the_definition_of_a_plugin(kind: str) -> None:
    schema = json.loads(files("meltano.schemas").joinpath("meltano.schema.json").read_text())
    validator = Draft202012Validator(schema)
    written = yaml.safe_load(plugin_definitions.path(kind).read_text())

    assert [each.message for each in validator.iter_errors({"plugins": {kind: [written]}})] == []
    broken = written | {"capabilities": ["telepathy"]}
    assert list(validator.iter_errors({"plugins": {kind: [broken]}})), "the schema looks"


@pytest.mark.parametrize("kind", PACKAGES.values())
def test_the_definition_of_a_plugin_is_that_of_its_settings(kind: str) -> None:
    written = plugin_definitions.path(kind).read_text()

    generated = plugin_definitions.text(plugin_definitions.definition(kind))

    assert written == generated, "uv run python -m tests.plugin_definitions"
    from_git = plugin_definitions.definition(kind, "https://example.com/us/ours.git")
    assert from_git["pip_url"].startswith("git+https://example.com/us/ours.git#subdirectory=")


@pytest.mark.parametrize("kind", PACKAGES.values())
def test_our_meltano_yml_says_the_same_as_the_package(kind: str) -> None:
    ours = yaml.safe_load((ROOT / "meltano.yml").read_text())["plugins"][kind][0]
    told = plugin_definitions.about_of(kind)
    settings: dict[str, Any] = told.settings["properties"]
    built_in = re.compile("stream_map|faker_config|flattening_")

    assert sorted(ours["capabilities"]) == sorted(each.value for each in told.capabilities)
    assert [each["name"] for each in ours["settings"]] == list(settings)
    for each in ours["settings"]:
        schema = settings[each["name"]]
        if not built_in.match(each["name"]):
            assert each["label"] == schema["title"]
        if each["kind"] == "options":
            allowed = [value for value in schema["enum"] if value is not None]
            assert [option["value"] for option in each["options"]] == allowed
    ways = {name for group in ours["settings_group_validation"] for name in group}
    assert ways <= settings.keys()


@pytest.mark.parametrize(("package", "kind"), PACKAGES.items())
def test_somebody_elses_project_takes_the_definition(
    package: str, kind: str, tmp_path: Path
) -> None:
    # Neither Meltano's makers nor the package index are asked anything.
    quiet = "send_anonymous_usage_stats: false\ncli: {disable_version_check: true}\n"
    (tmp_path / "meltano.yml").write_text(f"project_id: theirs\n{quiet}")
    definition = str(plugin_definitions.path(kind))

    done = subprocess.run(
        [
            *(str(BIN / "meltano"), "add", "--no-install", "--plugin-type", kind),
            *("--from-ref", definition, package),
        ],
        cwd=tmp_path,
        env=guard.without_settings(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    (added,) = yaml.safe_load((tmp_path / "meltano.yml").read_text())["plugins"][kind]
    wanted = plugin_definitions.definition(kind)
    assert [each["name"] for each in added["settings"]] == [
        each["name"] for each in wanted["settings"]
    ]
    assert added["capabilities"] == wanted["capabilities"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheels and source distributions."""
    folder = tmp_path_factory.mktemp("built")
    for package in PACKAGES:
        uv("build", "--quiet", "--no-config", "--out-dir", str(folder), str(ROOT / package))
    return folder


def uv(*arguments: str) -> None:
    # These tests are marked `installs`: the others are offline.
    online = {name: value for name, value in os.environ.items() if name != "UV_OFFLINE"}
    done = subprocess.run(
        ["uv", *arguments], env=online, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


def one(folder: Path, package: str, ending: str) -> Path:
    (found,) = folder.glob(f"{package.replace('-', '_')}-0.2.0*{ending}")
    return found


def python_of(version: str) -> str:
    """A Python that is there already: on the path, of uv, or of pyenv."""
    done = subprocess.run(
        ["uv", "python", "find", "--offline", "--no-project", "--no-config", version],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return done.stdout.strip()
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for found in pyenv.glob(f"versions/{version}.*/bin/python"):
        return str(found)
    pytest.skip(f"this machine has no Python {version}")


def installed(folder: Path, built: Path, version: str, ending: str) -> Path:
    """The folder of commands of an environment with both packages."""
    uv("venv", "--quiet", "--no-config", "--python", python_of(version), str(folder))
    packages = [str(one(built, package, ending)) for package in PACKAGES]
    uv("pip", "install", "--quiet", "--no-config", "--python", str(folder), *packages)
    return folder / "bin"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox({"visitors": VISITORS}) as running:
        yield running


@pytest.mark.installs
@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_built_holds_the_licence_the_types_and_no_tests(built: Path, package: str) -> None:
    module = package.replace("-", "_")
    with zipfile.ZipFile(one(built, package, ".whl")) as wheel:
        names = wheel.namelist()
        metadata = wheel.read(f"{module}-0.2.0.dist-info/METADATA").decode()
    with tarfile.open(one(built, package, ".tar.gz")) as source:
        sources = source.getnames()
        licence = source.extractfile(f"{module}-0.2.0/LICENSE")
        assert licence is not None
        assert licence.read() == (ROOT / "LICENSE").read_bytes()

    assert f"{module}/py.typed" in names
    assert f"{module}-0.2.0/plugin.yml" in sources
    assert f"{module}-0.2.0.dist-info/licenses/LICENSE" in names
    assert f"{module}-0.2.0/README.md" in sources
    assert {name.split("/")[0] for name in names} == {module, f"{module}-0.2.0.dist-info"}
    assert "Requires-Python: >=3.11" in metadata
    assert f"# {package}" in metadata


@pytest.mark.installs
@pytest.mark.parametrize(
    ("version", "ending"),
    [*((version, ".whl") for version in PYTHONS), (PYTHONS[0], ".tar.gz")],
)
def test_both_run_from_an_empty_folder_without_the_repository(
    built: Path, sandbox: Sandbox, tmp_path: Path, version: str, ending: str
) -> None:
    bin_folder = installed(tmp_path / "environment", built, version, ending)
    empty = tmp_path / "empty"
    empty.mkdir()
    sandbox.marketo.reset()
    environment = guard.without_settings() | sandbox.environment
    environment["XDG_STATE_HOME"] = str(tmp_path / "state")
    environment["PATH"] = f"{bin_folder}:{os.environ['PATH']}"
    where = (
        "import tap_livechat, target_marketo; print(tap_livechat.__file__, target_marketo.__file__)"
    )

    def run(command: str) -> str:
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=empty,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    modules = run(f'"{bin_folder}/python" -c "{where}"').split()
    assert all(Path(each).is_relative_to(tmp_path / "environment") for each in modules)
    for package in PACKAGES:
        assert "0.2.0" in run(f"{package} --version")
        assert json.loads(about(package, "json", bin_folder))["name"] == package
    state = run("tap-livechat | target-marketo").splitlines()[-1]
    assert "visitors" in json.loads(state)["bookmarks"]
    assert len(sandbox.marketo.leads()) > VISITORS // 4
    assert "All is well" in run("marketo-ops check")
    assert list(empty.iterdir()) == []
