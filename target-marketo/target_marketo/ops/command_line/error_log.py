"""What Marketo did not take: reading it, sending it again, settling and forgetting it."""

from __future__ import annotations

import sys
from contextlib import closing
from datetime import UTC
from typing import TYPE_CHECKING

import click

from target_marketo.ops.command_line.options import as_json_too, config_files, filters, store

if TYPE_CHECKING:
    from datetime import datetime


class _KindsByDefault(click.Group):
    """`errors` is `errors kinds`, and `errors 1003` is `errors list 1003`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["kinds", *args]
        elif args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=_KindsByDefault,
    short_help="Records that Marketo did not take, by kind.",
    epilog="""\b
marketo-ops errors                  the kinds, and what to do about each
marketo-ops errors too_long:city    the entries of a kind
marketo-ops errors show 17          one entry""",
)
def errors() -> None:
    """Records that Marketo did not take: by kind, or with a KIND its entries."""


@errors.command("kinds")
@config_files
@filters
@click.option("--all", "resolved_too", is_flag=True, help="Also those that are resolved.")
@as_json_too
def errors_kinds(
    files: tuple[str, ...],
    codes: tuple[str, ...],
    stream: str | None,
    since: str | None,
    *,
    resolved_too: bool,
    as_json: bool,
) -> None:
    """The kinds of errors, and what to do about each."""
    from target_marketo.ops.errors_log import listing  # noqa: PLC0415 - when it is used
    from target_marketo.ops.errors_log.entries import Filter  # noqa: PLC0415
    from target_marketo.ops.project import configuration, meltano  # noqa: PLC0415

    mine = configuration.instance(files)
    wanted = Filter(mine, codes, None, stream, listing.instant(since), resolved_too=resolved_too)
    with closing(store(files)) as database:
        listing.show_kinds(
            database,
            wanted,
            configuration.target(files),
            in_meltano=meltano.is_project(),
            as_json=as_json,
        )


@errors.command("list")
@config_files
@filters
@click.argument("kind", required=False)
@click.option("--all", "resolved_too", is_flag=True, help="Also those that are resolved.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(min=1))
@as_json_too
def errors_list(
    files: tuple[str, ...],
    codes: tuple[str, ...],
    stream: str | None,
    since: str | None,
    *,
    kind: str | None,
    limit: int,
    resolved_too: bool,
    as_json: bool,
) -> None:
    """The entries that were seen last; keys are masked."""
    from target_marketo.ops.errors_log import listing  # noqa: PLC0415 - when it is used
    from target_marketo.ops.errors_log.entries import Filter  # noqa: PLC0415
    from target_marketo.ops.project import configuration  # noqa: PLC0415

    since = listing.instant(since)
    mine = configuration.instance(files)
    named, field = listing.named(kind)
    wanted = Filter(mine, named or codes, field, stream, since, resolved_too=resolved_too)
    with closing(store(files)) as database:
        listing.show_list(database, wanted, limit, as_json=as_json)


@errors.command("decide")
@config_files
@click.argument("entry_id", metavar="ID", type=int)
@click.option("--written/--send", "written", default=None, help="It is in Marketo, or it is not.")
def errors_decide(files: tuple[str, ...], entry_id: int, *, written: bool | None) -> None:
    """Settle an activity of which only a person can tell."""
    from target_marketo.ops import activities as settling  # noqa: PLC0415 - when it is used
    from target_marketo.ops.project import configuration  # noqa: PLC0415

    if written is None:
        raise click.UsageError("look for it in Marketo, then say --written or --send")
    settings = configuration.settings(files)
    with closing(store(files)) as database:
        click.echo(settling.decide(settings, database, entry_id, written=written))


@errors.command("show")
@config_files
@click.argument("entry_id", metavar="ID", type=int)
@click.option("--reveal", is_flag=True, help="Show the record with its values: personal data.")
@as_json_too
def errors_show(files: tuple[str, ...], entry_id: int, *, reveal: bool, as_json: bool) -> None:
    """One entry: what happened, what to do, its record's shape."""
    from target_marketo.ops.errors_log import listing  # noqa: PLC0415 - when it is used

    with closing(store(files)) as database:
        listing.show_entry(database, entry_id, reveal=reveal, as_json=as_json)


@click.command(
    epilog="""\b
marketo-ops replay | target-marketo

\b
In a Meltano project:
uv run meltano invoke marketo-ops replay |
  uv run meltano invoke target-marketo"""
)
@config_files
@filters
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@click.option("--force", is_flag=True, help="Also what cannot succeed unchanged.")
@as_json_too
def replay(
    files: tuple[str, ...],
    codes: tuple[str, ...],
    stream: str | None,
    since: str | None,
    *,
    dry_run: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Send rejected records again: writes Singer messages."""
    from target_marketo.ops.errors_log import replay as replaying  # noqa: PLC0415
    from target_marketo.ops.errors_log.entries import Filter  # noqa: PLC0415
    from target_marketo.ops.errors_log.listing import instant  # noqa: PLC0415
    from target_marketo.ops.project import configuration  # noqa: PLC0415 - when it is used

    wanted = Filter(configuration.instance(files), codes, None, stream, instant(since))
    config = configuration.target(files)
    with closing(store(files)) as database:
        plan = replaying.plan(database, config, wanted, force=force)
        if dry_run or as_json:
            replaying.show(plan, as_json=as_json)
        else:
            replaying.write(plan, sys.stdout)


@click.command()
@config_files
@click.option("--email", required=True, help="Whom to forget; - reads the address from stdin.")
@as_json_too
def purge(files: tuple[str, ...], email: str, *, as_json: bool) -> None:
    """Forget a person everywhere in the store."""
    from target_marketo.ops.errors_log import purge as purging  # noqa: PLC0415 - when it is used

    address = sys.stdin.readline() if email == "-" else email
    with closing(store(files)) as database:
        purging.show(purging.purge(database, address.strip()), as_json=as_json)


@click.command()
@config_files
def rekey(files: tuple[str, ...]) -> None:
    """Give the store's hashes another key.

    It is that of `store_key`, or else a new random one.

    Not beside a run. Other hosts on the same store need the new key before their next run.
    """
    from target_marketo.ops.console import console, counted  # noqa: PLC0415 - when it is used
    from target_marketo.ops.project import configuration  # noqa: PLC0415
    from target_marketo.store.rekey import rekey as renew  # noqa: PLC0415

    with closing(configuration.store(files)) as database:
        done = renew(database)
    lost = f"; for {done.unknown} the person is no longer known" if done.unknown else ""
    entries = counted(done.entries, "entry has", "entries have")
    console().print(f"{entries} the new key{lost}.", markup=False)


@click.group()
def activities() -> None:
    """Custom activities, as far as the store remembers them."""


@activities.command("adopt")
@config_files
@click.option(
    "--since", required=True, type=click.DateTime(["%Y-%m-%d"]), help="From that day on, in UTC."
)
def activities_adopt(files: tuple[str, ...], since: datetime) -> None:
    """Take over what others, or a lost store, wrote.

    So no run writes it again. Reads Marketo's log, 300 activities a call, and writes nothing there.
    """
    from target_marketo.ops import activities as settling  # noqa: PLC0415 - when it is used
    from target_marketo.ops.console import counted  # noqa: PLC0415
    from target_marketo.ops.project import configuration  # noqa: PLC0415

    settings = configuration.settings(files)
    with closing(store(files)) as database:
        for name, count in settling.adopt(settings, database, since.replace(tzinfo=UTC)):
            click.echo(f"{name}: {counted(count, 'activity', 'activities')} taken over")
