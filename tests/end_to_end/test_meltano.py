"""Settings that reach the plugins through Meltano, in a project that installs nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests import guard, meltano_project, warm
from tests.sandbox.environment import Sandbox

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

MELTANO = str(Path(sys.executable).with_name("meltano"))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox({"visitors": 30}) as running:
        yield running


class Project:
    """A Meltano project like ours, with the sandbox's settings in its `.env`."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.folder = folder
        meltano_project.write(folder)
        self.set(**sandbox.environment)

    def set(self, **variables: str) -> None:
        """Adds to `.env`."""
        with (self.folder / ".env").open("a") as file:
            file.writelines(f"{name}='{value}'\n" for name, value in variables.items() if value)

    def change(self, changed: Callable[[dict[str, Any]], None]) -> None:
        path = self.folder / "meltano.yml"
        described = yaml.safe_load(path.read_text())
        changed(described["plugins"])
        path.write_text(yaml.safe_dump(described, sort_keys=False))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return warm.run(
            [MELTANO, "--log-format=uncolored", *arguments],
            env=guard.without_settings(),
            cwd=self.folder,
        )

    def rows(self) -> list[dict[str, Any]]:
        """The visitors that the tap writes through Meltano."""
        done = self.run("invoke", "tap-livechat")
        assert done.returncode == 0, done.stderr[-2000:]
        messages = map(json.loads, done.stdout.splitlines())
        return [each["record"] for each in messages if _is_visitor(each)]


def _is_visitor(message: dict[str, Any]) -> bool:
    return bool(message["type"] == "RECORD" and message["stream"] == "visitors")


@pytest.fixture
def project(tmp_path: Path, sandbox: Sandbox) -> Project:
    sandbox.marketo.reset()
    sandbox.livechat.reset()
    return Project(tmp_path, sandbox)


@pytest.mark.slow
def test_stream_maps_and_flattening_set_as_variables_act(project: Project) -> None:
    project.set(
        TAP_LIVECHAT_FLATTENING_ENABLED="true",
        TAP_LIVECHAT_FLATTENING_MAX_DEPTH="1",
        TAP_LIVECHAT_STREAM_MAPS='{"visitors": {"email": null}}',
    )

    rows = project.rows()

    assert rows
    assert not any("email" in row for row in rows)
    assert not any(isinstance(value, dict) for row in rows for value in row.values())


def test_stream_maps_and_flattening_set_by_meltano_act(project: Project) -> None:
    done = project.run("config", "set", "tap-livechat", "flattening_enabled", "true")
    assert done.returncode == 0, done.stderr

    def map_away(plugins: dict[str, Any]) -> None:
        config = plugins["extractors"][0].setdefault("config", {})
        config["stream_maps"] = {"visitors": {"email": "__NULL__"}}
        config["flattening_max_depth"] = 1

    project.change(map_away)
    rows = project.rows()

    assert rows
    assert not any("email" in row for row in rows)
    assert not any(isinstance(value, dict) for row in rows for value in row.values())


def test_a_second_account_does_not_read_the_first_ones_chats(
    project: Project, sandbox: Sandbox
) -> None:
    project.change(
        lambda plugins: plugins["extractors"].append(
            {"name": "tap-livechat--us", "inherit_from": "tap-livechat"}
        )
    )
    project.set(TAP_LIVECHAT__US_ACCESS_TOKEN="dal:second")

    done = project.run("run", "tap-livechat--us", "target-marketo")

    assert done.returncode == 1
    assert "more than one way to sign in is set" in done.stderr
    assert sandbox.livechat.counts()["requests"] == {}
    assert project.run("state", "list").stdout.strip() == ""


@pytest.mark.slow
def test_a_second_account_signs_in_with_its_own_once_the_inherited_is_taken_away(
    project: Project, sandbox: Sandbox
) -> None:
    project.change(
        lambda plugins: plugins["extractors"].append(
            {
                "name": "tap-livechat--us",
                "inherit_from": "tap-livechat",
                "config": {"account_id": "", "personal_access_token": ""},
            }
        )
    )
    project.set(TAP_LIVECHAT__US_ACCESS_TOKEN="dal:second")

    done = project.run("run", "tap-livechat--us", "target-marketo")

    assert "rejects the credentials" in done.stderr, "it is the second one's, which nobody knows"
    assert "more than one way" not in done.stderr


@pytest.mark.parametrize("log_format", ["uncolored", "json"])
def test_a_failed_run_says_why_in_the_log_formats_that_the_readme_names(
    project: Project, log_format: str
) -> None:
    project.set(TARGET_MARKETO_CLIENT_SECRET="wrong-secret")

    def fewer_rows(plugins: dict[str, Any]) -> None:
        # Meltano 4.4 puts a BrokenPipeError in place of "Loader failed" where the tap has more to
        # write than fits into a pipe; why the run failed stands in the log before it either way.
        plugins["extractors"][0]["select"] = ["visitors.*"]

    project.change(fewer_rows)
    done = warm.run(
        [MELTANO, f"--log-format={log_format}", "run", "livechat-to-marketo"],
        env=guard.without_settings(),
        cwd=project.folder,
    )

    assert done.returncode == 1
    assert "Marketo refused `client_id` and `client_secret`" in done.stderr
    assert "Loader failed" in done.stderr
    assert "--- Logging error ---" not in done.stderr
    readme = (meltano_project.ROOT / "README.md").read_text()
    assert f"--log-format={log_format}" in readme


def test_names_with_a_dot_and_nulls_survive_meltano(project: Project, sandbox: Sandbox) -> None:
    fields = {"email": "email", "leadSource": {"value": "By a name with a dot"}}
    streams = {"public.contacts": {"key": "email", "fields": fields}}
    person = {"email": "dot@example.com"}
    lines = [
        {
            "type": "SCHEMA",
            "stream": "public.contacts",
            "key_properties": [],
            "schema": {"properties": {"email": {"type": "string"}}},
        },
        {"type": "RECORD", "stream": "public.contacts", "record": person},
    ]
    given = "".join(f"{json.dumps(line)}\n" for line in lines)

    def deliver(**variables: str) -> list[str]:
        sandbox.marketo.reset()
        done = warm.run(
            [MELTANO, "--log-format=uncolored", "invoke", "target-marketo"],
            env=guard.without_settings() | variables,
            cwd=project.folder,
            given=given,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return [lead.get("leadSource", "") for lead in sandbox.marketo.leads()]

    beside_those_of_meltano_yml = deliver(TARGET_MARKETO_STREAMS=json.dumps(streams))

    def map_it(plugins: dict[str, Any]) -> None:
        plugins["loaders"][0]["config"] = {"streams": streams}
        plugins["extractors"][0]["config"] = {"stream_maps": {"visitors": {"email": None}}}

    project.change(map_it)

    assert beside_those_of_meltano_yml == ["By a name with a dot"]
    assert deliver() == ["By a name with a dot"]
    assert not any("email" in row for row in project.rows())
