"""The runs that Meltano keeps, where there is one. Meltano is not imported."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from target_marketo.configuration import folder, variables
from target_marketo.ops.errors import OpsError

_SILENT_AFTER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class MeltanoRun:
    """One run of a pipeline. `state` is SUCCESS, FAIL or RUNNING."""

    id: int
    job: str
    state: str
    started_at: datetime
    ended_at: datetime | None
    error: str
    alive_at: datetime | None = None

    def is_alive(self, now: datetime) -> bool:
        """Whether it runs now; Meltano itself gives a run up that is silent for five minutes."""
        return self.state == "RUNNING" and now - (self.alive_at or self.started_at) < _SILENT_AFTER


def is_project() -> bool:
    """Whether the folder is a Meltano project."""
    return (folder() / "meltano.yml").is_file()


def kept_files() -> list[Path]:
    """What Meltano keeps of its runs beside its database: logs, and the folders of runs."""
    below = folder() / ".meltano"
    return sorted(
        path for name in ("logs", "run") for path in (below / name).rglob("*") if path.is_file()
    )


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
        "SELECT id, job_name, state, started_at, ended_at, payload, last_heartbeat_at FROM runs"
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


def _engine() -> Any:
    from sqlalchemy import create_engine  # noqa: PLC0415 - as above
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    uri = variables().get("MELTANO_DATABASE_URI")
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
    path = Path(uri.partition(":///")[2]) if uri else folder() / ".meltano" / "meltano.db"
    if not path.is_file():
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
        alive_at=_moment(row.last_heartbeat_at),
        error=next((name for name in ("Extractor", "Loader", "Mapper") if name in payload), ""),
    )


def _moment(value: Any) -> datetime | None:
    if value is None:
        return None
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return found if found.tzinfo else found.replace(tzinfo=UTC)
