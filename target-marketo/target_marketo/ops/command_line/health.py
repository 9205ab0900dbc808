"""How the job is: its calls, its mail, its verdict."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING

import click

from target_marketo.ops.command_line.options import as_json_too, config_files, store

if TYPE_CHECKING:
    from target_marketo.ops.status.health import Health
    from target_marketo.store.database import Database


@click.command()
@config_files
@click.option("--ask", is_flag=True, help="Ask Marketo for everybody's calls: one call more.")
@as_json_too
def usage(files: tuple[str, ...], *, ask: bool, as_json: bool) -> None:
    """Calls used today, and the runs of the last day."""
    from target_marketo.ops import usage as using  # noqa: PLC0415
    from target_marketo.ops.project import configuration  # noqa: PLC0415 - when it is used

    settings = configuration.settings(files)
    with closing(store(files)) as database:
        using.show(using.measure(settings, database, ask=ask), as_json=as_json)


@click.command()
@config_files
@click.option(
    "--preview",
    metavar="FILE",
    type=click.Path(dir_okay=False, writable=True, path_type=None),
    help="Write the mail's HTML here; nothing is sent, and nothing counts as told.",
)
@click.option("--heartbeat", is_flag=True, help="Mail also when there is no news.")
@as_json_too
def digest(files: tuple[str, ...], preview: str | None, *, heartbeat: bool, as_json: bool) -> None:
    """Mail what is new since the last digest.

    The last is the one that the mail server accepted.
    """
    from target_marketo.ops.digest import digest as digesting  # noqa: PLC0415 - when it is used

    with closing(store(files)) as database:
        result = digesting.run(database, files, preview=preview, heartbeat=heartbeat)
    digesting.show(result, as_json=as_json)
    sys.exit(0 if result.ok else 1)


@click.command()
@config_files
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "prometheus"]),
    default="text",
    show_default=True,
)
def status(files: tuple[str, ...], form: str) -> None:
    """Whether the job is well, and if not, what to do.

    The first line is healthy, or the worst thing and its cure. Asks Marketo nothing, and ends with
    1 if people do not arrive.
    """
    from target_marketo.ops.status import show  # noqa: PLC0415 - when it is used

    with closing(store(files)) as database:
        health = _health(database, files)
    show.show(health, show.Format(form))
    sys.exit(0 if health.ok else 1)


@click.command()
@config_files
@click.option(
    "--exit-code", "ended_with", type=int, help="What the job ended with, where a shell knows it."
)
def ping(files: tuple[str, ...], ended_with: int | None) -> None:
    """Tell a dead-man switch how the last run ended.

    It is the last command of a job. Ends with 0 if the run ended well, with 1 if it failed, and
    with 75 if nothing is wrong and the next run goes on: no calls were left, or another run was
    still going.
    """
    from target_marketo.ops.console import print_line  # noqa: PLC0415 - when it is used
    from target_marketo.ops.project import configuration  # noqa: PLC0415
    from target_marketo.ops.status import ping as pinging  # noqa: PLC0415
    from target_marketo.ops.status.show import utc  # noqa: PLC0415

    with closing(store(files)) as database:
        told = pinging.decide(_health(database, files), ended_with, utc)
    print_line(told.text, to_stderr=True)
    for missed in pinging.tell(told, configuration.variables()):
        print_line(f"Warning: {missed}", to_stderr=True)
    sys.exit(told.code)


def _health(database: Database, files: tuple[str, ...]) -> Health:
    from datetime import UTC, datetime  # noqa: PLC0415 - when it is used

    from target_marketo import assembly  # noqa: PLC0415
    from target_marketo.ops.project import configuration  # noqa: PLC0415
    from target_marketo.ops.status import health  # noqa: PLC0415

    settings = configuration.settings(files)
    usage = assembly.governor(settings, database).snapshot()
    hours = configuration.silence_hours(configuration.variables())
    return health.read(database, settings.instance, usage, datetime.now(UTC), hours)
