"""Meltano's project, where there is one: its settings and its runs. Meltano is not imported."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from target_marketo.ops.errors import OpsError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class MeltanoRun:
    """One run of a pipeline. `state` is SUCCESS, FAIL or RUNNING."""

    id: int
    job: str
    state: str
    started_at: datetime
    ended_at: datetime | None
    error: str


def project_root() -> Path | None:
    """The project that Meltano names, or the one that the working directory lies in."""
    named = os.environ.get("MELTANO_PROJECT_ROOT")
    if named:
        return Path(named)
    here = Path.cwd()
    return next((each for each in (here, *here.parents) if (each / "meltano.yml").is_file()), None)


def environment_name(variables: Mapping[str, str]) -> str:
    """The Meltano environment that is active; empty outside of Meltano."""
    if variables.get("MELTANO_ENVIRONMENT"):
        return variables["MELTANO_ENVIRONMENT"]
    return str(_project().get("default_environment") or "")


def plugin_config(name: str, variables: Mapping[str, str]) -> dict[str, Any]:
    """What meltano.yml sets for a plugin, in the active environment."""
    project = _project()
    config = _config_of(project.get("plugins"), name)
    for environment in project.get("environments") or ():
        if isinstance(environment, dict) and environment.get("name") == environment_name(variables):
            config |= _config_of((environment.get("config") or {}).get("plugins"), name)
    return {key: _expanded(value, variables) for key, value in config.items()}


def runs(since: datetime) -> list[MeltanoRun] | None:
    """The runs that started or ended since then, oldest first; None where there is no Meltano.

    Its times are UTC without saying so.
    """
    from sqlalchemy import text  # noqa: PLC0415 - not needed to read settings
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    engine = _engine()
    if engine is None:
        return None
    before = since.astimezone(UTC).replace(tzinfo=None)
    query = text(
        "SELECT id, job_name, state, started_at, ended_at, payload FROM runs"
        " WHERE started_at >= :since OR ended_at >= :since OR state = 'RUNNING' ORDER BY id"
    )
    try:
        with engine.connect() as connection:
            given = before.isoformat(" ") if engine.dialect.name == "sqlite" else before
            rows = connection.execute(query, {"since": given}).all()
    except SQLAlchemyError as error:
        if "no such table" in str(error):
            return []
        raise OpsError(
            f"Meltano's database cannot be read ({type(error).__name__}): the runs are unknown"
        ) from None
    finally:
        engine.dispose()
    return [_run(row) for row in rows]


def _project() -> dict[str, Any]:
    import yaml  # noqa: PLC0415 - not needed with --config

    root = project_root()
    path = root / "meltano.yml" if root else None
    if path is None or not path.is_file():
        return {}
    try:
        project = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise OpsError(f"meltano.yml cannot be read ({type(error).__name__})") from None
    return project if isinstance(project, dict) else {}


def _config_of(plugins: Any, name: str) -> dict[str, Any]:
    for kind in ("extractors", "loaders"):
        for plugin in (plugins or {}).get(kind) or ():
            if isinstance(plugin, dict) and plugin.get("name") == name:
                return dict(plugin.get("config") or {})
    return {}


def _expanded(value: Any, variables: Mapping[str, str]) -> Any:
    """`$NAME` and `${NAME}` in a text, as Meltano replaces them."""
    return Template(value).safe_substitute(variables) if isinstance(value, str) else value


def _engine() -> Any:
    from sqlalchemy import create_engine  # noqa: PLC0415 - as above
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    uri = os.environ.get("MELTANO_DATABASE_URI")
    if uri and not uri.startswith("sqlite"):
        # Whatever driver Meltano has: ours is psycopg.
        ours = re.sub(r"^postgres\w*(\+\w+)?://", "postgresql+psycopg://", uri)
        try:
            return create_engine(ours)
        except (ImportError, SQLAlchemyError) as error:
            raise OpsError(
                f"MELTANO_DATABASE_URI cannot be used ({type(error).__name__}): install "
                "'target-marketo[postgres]'"
            ) from None
    root = project_root()
    path = root / ".meltano" / "meltano.db" if root else None
    if uri:
        path = Path(uri.partition(":///")[2])
    if path is None or not path.is_file():
        return None
    return create_engine(f"sqlite:///file:{path}?mode=ro&uri=true")


def _run(row: Any) -> MeltanoRun:
    payload = str(row.payload or "")
    return MeltanoRun(
        id=int(row.id),
        job=str(row.job_name),
        state=str(row.state),
        started_at=_moment(row.started_at) or datetime.min.replace(tzinfo=UTC),
        ended_at=_moment(row.ended_at),
        # Which block failed is all that Meltano keeps; the words are its own.
        error=next((name for name in ("Extractor", "Loader", "Mapper") if name in payload), ""),
    )


def _moment(value: Any) -> datetime | None:
    if value is None:
        return None
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return found if found.tzinfo else found.replace(tzinfo=UTC)
