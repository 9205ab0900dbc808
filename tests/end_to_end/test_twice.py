"""A key that stands twice, and invalid YAML, are named with their line; no value is shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.end_to_end.twins import PROPERTIES, TWINS

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = """\
plugins:
  loaders:
  - name: tap-toy
    config: &config
      text: planted
      thing:
        fields: {a: 1}
        key: b
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MELTANO_PROJECT_ROOT", raising=False)
    return tmp_path / "meltano.yml"


def said(twin: Any, *files: str) -> str:
    with pytest.raises(twin.SettingError) as refused:
        twin.read("tap-toy", PROPERTIES, files)
    return str(refused.value)


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("        fields: {b: 2}\n", "meltano.yml, line 9: the key `fields` stands twice"),
        ("  loaders: []\n", "meltano.yml, line 9: the key `loaders` stands twice"),
        ("        more: {x: 1, x: 2}\n", "meltano.yml, line 9: the key `x` stands twice"),
        ("  - name: a\n   planted: [1\n", "meltano.yml, line 10: this is not YAML"),
        ("        planted: *planted\n", "meltano.yml, line 9: this is not YAML"),
        ("        planted: 'never ends\n", "meltano.yml, line"),
        ("\tplanted: tab\n", "meltano.yml, line 9: this is not YAML"),
    ],
)
def test_meltano_yml(twin: Any, project: Path, more: str, told: str) -> None:
    project.write_text(PROJECT + more)

    text = said(twin)

    assert told in text
    assert "\n" not in text
    assert "planted" not in text


@pytest.mark.parametrize("twin", TWINS)
def test_anchors_and_merges_are_not_a_second_key(twin: Any, project: Path) -> None:
    project.write_text(
        PROJECT + "environments:\n- name: prod\n  also: *config\n  config:\n    <<: *config\n"
        "    text: other\n    me: &me [*me]\n"
    )

    assert twin.read("tap-toy", PROPERTIES).values["text"] == "planted"


@pytest.mark.parametrize("twin", TWINS)
def test_a_file_of_json(twin: Any, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"thing": {"fields": {"a": "planted"}, "fields": {}}}')

    assert said(twin, str(file)) == "--config: the key `fields` stands twice in the file"


@pytest.mark.parametrize("twin", TWINS)
def test_an_object_in_the_environment(twin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAP_TOY_THING", '{"a": 1, "a": "planted"}')

    assert said(twin) == "`TAP_TOY_THING`: the key `a` stands twice (in the environment)"
    monkeypatch.setenv("TAP_TOY_THING", json.dumps({"a": {"a": 1}}))
    assert twin.read("tap-toy", PROPERTIES).values["thing"] == {"a": {"a": 1}}
