"""A sandbox server in a process of its own.

`serve` is the child's side, `ServerProcess` the parent's. The child binds a free port of the
loopback address, prints one line `{"port": N}` on its standard output, and lives until its
standard input ends: when the parent leaves its `with` block, or dies in any way, the pipe closes
and the child goes. `max_lifetime_seconds`, an option of every server, is the second guard.
"""

from __future__ import annotations

import argparse
import http.client
import os
import select
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from starlette.types import ASGIApp

REPOSITORY_ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
MAX_LIFETIME_SECONDS = 3600.0
START_SECONDS = 30.0
STOP_SECONDS = 5.0


def serve(
    app_factory: Callable[[dict[str, Any]], ASGIApp],
    arguments: Sequence[str] | None = None,
    *,
    date_header: bool = True,
) -> None:
    """Serve the application that `app_factory` makes of the `--options` JSON, until stdin ends.

    Without `date_header` the application sends the time that it plays in.
    """
    # The parent's side has no use for a web server.
    import uvicorn  # noqa: PLC0415

    from tests.sandbox.transport import OpenProtocol  # noqa: PLC0415

    parser = argparse.ArgumentParser()
    parser.add_argument("--options", default="{}", help="a JSON object; see the server's Options")
    options: dict[str, Any] = msgspec.json.decode(parser.parse_args(arguments).options, type=dict)
    lifetime = float(options.pop("max_lifetime_seconds", MAX_LIFETIME_SECONDS))
    app = app_factory(options)
    listener = _listen()
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=OpenProtocol,
            ws="none",
            access_log=False,
            log_level="error",
            server_header=False,
            date_header=date_header,
            proxy_headers=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
        )
    )

    def stop() -> None:
        server.should_exit = True

    def stop_when_stdin_ends() -> None:
        while os.read(0, 4096):
            pass
        stop()

    threading.Thread(target=stop_when_stdin_ends, daemon=True).start()
    timer = threading.Timer(lifetime, stop)
    timer.daemon = True
    timer.start()
    sys.stdout.write(msgspec.json.encode({"port": listener.getsockname()[1]}).decode() + "\n")
    sys.stdout.flush()
    server.run(sockets=[listener])


def _listen() -> socket.socket:
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it, every reply
    # waits 40 ms for the client's delayed acknowledgement of the header.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, 0))
    listener.listen(1024)
    return listener


class ServerProcess:
    """`python -m MODULE --options JSON` as a context manager that knows the server's address.

    The child has a session of its own: an interrupt meant for the parent leaves it running, so
    that what it saw can still be asked for; it stops when this process closes the pipe, or ends.
    """

    def __init__(self, module: str, options: Mapping[str, Any] | None = None) -> None:
        self.module = module
        self.options = dict(options or {})
        self._child: subprocess.Popen[bytes] | None = None
        self._port = 0

    def __enter__(self) -> Self:
        self._child = subprocess.Popen(
            [
                *(sys.executable, "-m", self.module),
                *("--options", msgspec.json.encode(self.options).decode()),
            ],
            cwd=REPOSITORY_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            self._port = self._read_port()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        if not self._port:
            raise RuntimeError(f"{self.module} is not running")
        return self._port

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """The child's process id, for tests that want to see it gone."""
        if self._child is None:
            raise RuntimeError(f"{self.module} was never started")
        return self._child.pid

    def control(self, method: str, path: str, body: object = None) -> Any:
        """Ask the server something in JSON; `path` is absolute, such as `/_sandbox/counts`.

        Neither proxies nor the environment have a say in this: the address is our own child's.
        """
        connection = http.client.HTTPConnection(HOST, self.port, timeout=120)
        try:
            content = None if body is None else msgspec.json.encode(body)
            connection.request(method, path, content, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            text = reply.read()
        finally:
            connection.close()
        if reply.status != http.HTTPStatus.OK:
            excerpt = text[:500].decode(errors="replace")
            raise RuntimeError(f"{method} {path} answered HTTP {reply.status}: {excerpt}")
        return msgspec.json.decode(text) if text else None

    def stop(self) -> None:
        """Close the child's standard input and wait; a child that lingers is ended."""
        child, self._port = self._child, 0
        if child is None or child.stdin is None or child.stdout is None:
            return
        child.stdin.close()
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.terminate()
            try:
                child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        child.stdout.close()

    def _read_port(self) -> int:
        child = self._child
        if child is None or child.stdout is None:
            raise RuntimeError(f"{self.module} was never started")
        deadline = time.monotonic() + START_SECONDS
        line = b""
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([child.stdout], [], [], deadline - time.monotonic())
            if not ready:
                raise RuntimeError(f"{self.module} gave no port within {START_SECONDS:g} s")
            chunk = os.read(child.stdout.fileno(), 4096)
            if not chunk:
                raise RuntimeError(f"{self.module} ended before it gave a port; see its stderr")
            line += chunk
        return int(msgspec.json.decode(line)["port"])
