"""What several commands take, and the store that they open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_marketo.store.database import Database

config_files = click.option(
    "--config",
    "files",
    multiple=True,
    metavar="FILE",
    help="The target's configuration, as target-marketo takes it; a file is complete. With "
    "ENV, or without it: TARGET_MARKETO_* variables, .env, then meltano.yml.",
)
as_json_too = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


def filters(command: Callable[..., None]) -> Callable[..., None]:
    """Options that choose entries of the error log."""
    for option in (
        click.option("--since", metavar="WHEN", help="Seen since: 2026-01-31, 12h, 7d."),
        click.option("--stream", metavar="NAME", help="Only this stream."),
        click.option("--code", "codes", multiple=True, metavar="CODE", help="Only this code."),
    ):
        command = option(command)
    return command


def store(files: tuple[str, ...]) -> Database:
    """The store, with the tables that reading it needs, also before the first run."""
    from target_marketo.ops.project import configuration  # noqa: PLC0415 - when it is used
    from target_marketo.store.error_log import ErrorLog  # noqa: PLC0415
    from target_marketo.store.run_ledger import RunLedger  # noqa: PLC0415

    database = configuration.store(files)
    ErrorLog(database, instance=configuration.instance(files) or "")
    RunLedger(database, "", "")
    return database
