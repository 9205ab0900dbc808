"""What is set is what runs: one precedence for tap-livechat, target-marketo and marketo-ops."""

from __future__ import annotations

import itertools
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import warm
from tests.end_to_end.twins import PROPERTIES, TWINS
from tests.sandbox.marketo.client import MarketoSandbox

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
# From the strongest source to the weakest, each setting's value there.
SOURCES: dict[str, dict[str, Any]] = {
    "the environment": {"text": "e", "number": 1, "truth": True, "thing": {"by": {"e": 1}}},
    ".env": {"text": "d", "number": 2, "truth": False, "thing": {"by": {"d": 1}}},
    "meltano.yml": {"text": "m", "number": 3, "truth": True, "thing": {"by": {"m": 1}}},
}
PAIRS = [
    ((stronger, weaker), name)
    for stronger, weaker in itertools.combinations(SOURCES, 2)
    for name in PROPERTIES
]


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


class Sources:
    """The sources of a plugin's settings, around a working folder."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.setenv = patch.setenv

    def write(self, name: str, content: str) -> None:
        (self.folder / name).write_text(content)

    def put(self, source: str, **values: Any) -> None:
        """Sets a plugin's settings in one of the sources."""
        variables = {f"TAP_TOY_{name.upper()}": as_text(value) for name, value in values.items()}
        if source == "the environment":
            for name, value in variables.items():
                self.setenv(name, value)
        elif source == ".env":
            self.write(".env", "".join(f"{name}='{text}'\n" for name, text in variables.items()))
        else:
            plugin = {"name": "tap-toy", "config": values}
            self.write("meltano.yml", yaml.safe_dump({"plugins": {"extractors": [plugin]}}))


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sources:
    """Nothing is set, but for a project above the working folder that nothing is read from."""
    (tmp_path / ".env").write_text("TAP_TOY_TEXT=above\n")
    (tmp_path / "meltano.yml").write_text(
        "plugins: {extractors: [{name: tap-toy, config: {text: above}}]}\n"
    )
    inner = tmp_path / "inner"
    inner.mkdir()
    monkeypatch.chdir(inner)
    monkeypatch.delenv("MELTANO_PROJECT_ROOT", raising=False)
    monkeypatch.delenv("MELTANO_ENVIRONMENT", raising=False)
    return Sources(inner, monkeypatch)


def test_the_twins_differ_in_the_imports_of_their_package_alone() -> None:
    theirs, ours = (
        re.sub(
            r"^from (tap_livechat|target_marketo)\..*$",
            "",
            Path(str(twin.__file__)).read_text(),
            flags=re.MULTILINE,
        )
        for twin in TWINS
    )

    assert theirs == ours


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("files", [(), ("ENV",)])
@pytest.mark.parametrize(("pair", "name"), PAIRS)
def test_the_stronger_source_wins(
    twin: Any,
    files: tuple[str, ...],
    pair: tuple[str, str],
    name: str,
    sources: Sources,
) -> None:
    stronger, weaker = pair
    for source in (weaker, stronger):
        sources.put(source, **{name: SOURCES[source][name]})

    found = twin.read("tap-toy", PROPERTIES, files)

    assert found.values == {name: SOURCES[stronger][name]}
    assert found.places[name].endswith(f" in {stronger}")


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", PROPERTIES)
def test_a_file_is_complete_in_itself(twin: Any, source: str, name: str, sources: Sources) -> None:
    sources.put(source, **SOURCES[source])
    sources.write("a.json", json.dumps({name: 5, "strange": [1]}))
    sources.write("b.json", json.dumps({name: 6}))

    assert twin.read("tap-toy", PROPERTIES, ("a.json",)).values == {name: 5, "strange": [1]}
    assert twin.read("tap-toy", PROPERTIES, ("a.json", "b.json")).values[name] == 6


@pytest.mark.parametrize("twin", TWINS)
def test_files_beside_env_take_the_place_of_meltano_yml(twin: Any, sources: Sources) -> None:
    sources.put("meltano.yml", number=3, text="m")
    sources.put(".env", truth=True)
    sources.write("a.json", json.dumps({"truth": False, "number": 5}))

    assert twin.read("tap-toy", PROPERTIES, ("a.json", "ENV")).values == {
        "truth": True,
        "number": 5,
    }


@pytest.mark.parametrize("twin", TWINS)
def test_nothing_is_read_from_a_folder_above(twin: Any, sources: Sources) -> None:
    assert twin.read("tap-toy", PROPERTIES).values == {}


@pytest.mark.parametrize("twin", TWINS)
def test_the_project_that_meltano_names_is_read_wherever_the_command_starts(
    twin: Any, sources: Sources
) -> None:
    sources.setenv("MELTANO_PROJECT_ROOT", str(sources.folder.parent))

    assert twin.read("tap-toy", PROPERTIES).values == {"text": "above"}


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("name", PROPERTIES)
def test_an_empty_variable_says_that_there_is_none(twin: Any, name: str, sources: Sources) -> None:
    sources.put("meltano.yml", **SOURCES["meltano.yml"])
    sources.put(".env", **SOURCES[".env"])
    sources.put("the environment", **{name: ""})

    assert set(twin.read("tap-toy", PROPERTIES).values) == set(PROPERTIES) - {name}


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("name", "wrong"),
    [("number", "many"), ("number", "1.5"), ("truth", "maybe"), ("thing", "[1]"), ("thing", "{")],
)
def test_a_wrong_value_is_named_with_where_it_came_from_and_not_shown(
    twin: Any,
    source: str,
    name: str,
    wrong: str,
    sources: Sources,
) -> None:
    sources.put(source, **{name: wrong})
    wanted = {"number": "a whole number", "truth": "true or false", "thing": "a JSON object"}
    called = name if source == "meltano.yml" else f"TAP_TOY_{name.upper()}"

    with pytest.raises(twin.SettingError) as error:
        twin.read("tap-toy", PROPERTIES)

    assert str(error.value) == f"`{called}` must be {wanted[name]} (in {source})"


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize(
    ("name", "content"),
    [
        (".env", b"\xff\xfe\x00{"),
        ("meltano.yml", b"\xff\xfe\x00{"),
        ("meltano.yml", b"a: [b\n  c: ]"),
        ("a.json", b"\xff\xfe\x00{"),
        ("a.json", b"{"),
        ("a.json", b"[]"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(
    twin: Any, name: str, content: bytes, sources: Sources
) -> None:
    (sources.folder / name).write_bytes(content)

    with pytest.raises(twin.SettingError) as error:
        twin.read("tap-toy", PROPERTIES, (name,) if name == "a.json" else ())

    assert "\n" not in str(error.value)


ENDLESS = {
    "cut": '{"by": ' * 2_000,
    "deep": '{"by": ' * 200 + "{}" + "}" * 200,
    "list": "[" * 2_000,
    "number": "1" * 5_000,
    "itself": "&a {by: *a}",
}
IN_A_PROJECT = "plugins: {{extractors: [{{name: tap-toy, config: {{thing: {value}}}}}]}}"


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("source", ["the environment", ".env", "a.json", "meltano.yml"])
@pytest.mark.parametrize("value", ENDLESS.values(), ids=ENDLESS)
def test_a_value_without_end_is_one_line(
    twin: Any, source: str, value: str, sources: Sources
) -> None:
    if source == "meltano.yml":
        sources.write(source, IN_A_PROJECT.format(value=value))
    elif source == "a.json":
        sources.write(source, f'{{"thing": {value}}}')
    else:
        sources.put(source, thing=value)

    with pytest.raises(twin.SettingError) as error:
        twin.read("tap-toy", PROPERTIES, ("a.json",) if source == "a.json" else ())

    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 200


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("source", ["the environment", "a.json"])
def test_half_a_character_is_one_line(twin: Any, source: str, sources: Sources) -> None:
    if source == "a.json":
        sources.write(source, '{"thing": {"by": ["\\ud800"]}, "text": "x"}')
    else:
        sources.setenv("TAP_TOY_THING", '{"by": "\udcff"}')

    with pytest.raises(twin.SettingError, match="`thing` has half a character"):
        twin.read("tap-toy", PROPERTIES, ("a.json",) if source == "a.json" else ())


@pytest.mark.parametrize("twin", TWINS)
def test_meltano_yml_is_read_as_meltano_reads_it(twin: Any, sources: Sources) -> None:
    sources.setenv("REGION", "Europe")
    sources.write(".env", "PLACE=Rome\nCOUNT=7\n")
    sources.write(
        "meltano.yml",
        r"""
default_environment: prod
environments:
- name: prod
  config: {plugins: {extractors: [{name: tap-toy, config: {number: 9}}]}}
- name: dev
  config: {plugins: {extractors: [{name: tap-toy, config: {number: 1}}]}}
plugins:
  extractors:
  - name: tap-toy
    inherit_from: tap-base
    config:
      text: ${REGION}/$PLACE/${NOWHERE}/\$PLACE
      thing.by.path: [$PLACE]
  - name: tap-base
    settings:
    - {name: day, value: 2026-01-31}
    - {name: truth, kind: boolean}
    config:
      truth: "yes"
      text: parent
      thing: {by: {name: $REGION}, public\.contacts: {a.b: 1}}
""",
    )

    assert twin.read("tap-toy", PROPERTIES).values == {
        "text": "Europe/Rome//$PLACE",
        "number": 9,
        "truth": True,
        "thing": {"by": {"name": "Europe", "path": ["Rome"]}, "public.contacts": {"a.b": 1}},
        "day": "2026-01-31",
    }
    sources.setenv("MELTANO_ENVIRONMENT", "dev")
    assert twin.read("tap-toy", PROPERTIES).values["number"] == 1


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("source", [*SOURCES, "--config"])
def test_a_name_with_a_dot_stays_one_name(twin: Any, source: str, sources: Sources) -> None:
    streams = {"public.contacts": {"fields": {"a.b": "c"}}}
    files: tuple[str, ...] = ()
    if source == "--config":
        files = ("a.json",)
        sources.write("a.json", json.dumps({"thing": streams}))
    else:
        sources.put(source, thing=streams)

    assert twin.read("tap-toy", PROPERTIES, files).values == {"thing": streams}


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize(
    "content",
    ["", "[]", "plugins: []", "plugins: {extractors: {a: b}}", "plugins: {extractors: [tap-toy]}",
     "plugins: {extractors: [{name: tap-toy, config: [1], settings: 3}]}\nenvironments: 3",
     "plugins: {extractors: [{name: tap-toy, inherit_from: tap-toy}]}"],
)  # fmt: skip
def test_a_meltano_yml_of_another_form_has_no_settings(
    twin: Any, content: str, sources: Sources
) -> None:
    sources.write("meltano.yml", content)

    assert twin.read("tap-toy", PROPERTIES).values == {}


# ---- the three commands ----------------------------------------------------------------------

ENDPOINT = "http://127.0.0.1:9"
COMMANDS: dict[str, tuple[list[str], str, str, str]] = {
    # command, the variables' prefix, a whole number's setting, and what it answers to too much
    "tap-livechat": ([], "TAP_LIVECHAT_", "page_size", "its maximum is 100"),
    "target-marketo": ([], "TARGET_MARKETO_", "batch_size_rows", "must be at most 300"),
    "marketo-ops": (["usage"], "TARGET_MARKETO_", "batch_size_rows", "must be at most 300"),
}
COMPLETE = {
    "TAP_LIVECHAT_ACCESS_TOKEN": "x",
    "TARGET_MARKETO_ENDPOINT": ENDPOINT,
    "TARGET_MARKETO_CLIENT_ID": "x",
    "TARGET_MARKETO_CLIENT_SECRET": "x",
}
PLACES = ("the environment", ".env", "meltano.yml")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("files", [[], ["--config=ENV"]])
@pytest.mark.parametrize("source", PLACES)
def test_every_command_takes_the_strongest_and_says_where_it_was_set(
    command: str, files: list[str], source: str, sources: Sources
) -> None:
    arguments, prefix, setting, said = COMMANDS[command]
    variable = prefix + setting.upper()
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TAP_", "TARGET_", "MARKETO_OPS_", "MELTANO_"))
    }
    environment |= COMPLETE | {"XDG_STATE_HOME": str(sources.folder)}
    # What is weaker is right, and would be taken if the order were another one.
    weaker = PLACES[PLACES.index(source) + 1 :]
    values = {source: "5000", **dict.fromkeys(weaker, "50")}
    if "the environment" in values:
        environment[variable] = values["the environment"]
    if ".env" in values:
        sources.write(".env", f"{variable}={values['.env']}\n")
    plugin = "tap-livechat" if command == "tap-livechat" else "target-marketo"
    config = {"name": plugin, "config": {setting: int(values["meltano.yml"])}}
    sources.write("meltano.yml", json.dumps({"plugins": {"loaders": [config]}}))

    done = warm.run([str(BIN / command), *arguments, *files], cwd=sources.folder, env=environment)

    called = setting if source == "meltano.yml" else variable
    assert done.returncode == 1
    assert f"{said} ({called} in {source})" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("source", ["the environment", ".env"])
def test_a_variable_that_is_not_a_setting_is_found_so_that_it_can_be_reported(
    twin: Any, source: str, sources: Sources
) -> None:
    sources.put(source, txet="misspelt", _select='["*"]')

    assert twin.read("tap-toy", PROPERTIES).values == {"txet": "misspelt"}


@pytest.mark.parametrize(
    ("command", "variable", "told"),
    [
        (["target-marketo"], "TARGET_MARKETO_DRY_RNU", "did you mean `dry_run`"),
        (["tap-livechat", "--check"], "TAP_LIVECHAT_START_DTAE", "did you mean start_date"),
    ],
)
def test_a_misspelt_variable_is_reported(
    command: list[str], variable: str, told: str, tmp_path: Path
) -> None:
    with MarketoSandbox() as marketo:
        settings = COMPLETE | {
            "TARGET_MARKETO_ENDPOINT": marketo.endpoint,
            "TARGET_MARKETO_IDENTITY": marketo.identity,
            "TARGET_MARKETO_STORE_URL": f"sqlite:///{tmp_path / 'store.sqlite'}",
            "TAP_LIVECHAT_API_URL": "http://127.0.0.1:9",
            "TAP_LIVECHAT_ACCOUNTS_URL": "http://127.0.0.1:9",
            variable: "true",
        }
        done = warm.run(
            [str(BIN / command[0]), *command[1:]], cwd=tmp_path, env={**os.environ, **settings}
        )

    assert told in done.stderr
