"""The command line. Nothing heavy is imported before a command runs."""

from __future__ import annotations

import sys
from contextlib import closing
from datetime import UTC
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from target_marketo.ops.status.health import Health
    from target_marketo.store.database import Database

_config = click.option(
    "--config",
    "files",
    multiple=True,
    metavar="FILE",
    help="The target's configuration, as target-marketo takes it; a file is complete. With "
    "ENV, or without it: TARGET_MARKETO_* variables, .env, then meltano.yml.",
)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


class _Commands(click.Group):
    """Ends with one line, and no traceback, on whatever a user can cause."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.ClickException:
            raise
        except Exception as error:
            if type(error).__module__.startswith("target_marketo."):
                raise click.ClickException(str(error)) from None
            raise


class _KindsByDefault(click.Group):
    """`errors` is `errors kinds`, and `errors 1003` is `errors list 1003`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["kinds", *args]
        elif args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="target-marketo", prog_name="marketo-ops")
def commands() -> None:
    """Operations of target-marketo: what went wrong, what to do, and one e-mail a day."""


def _questions(command: Callable[..., None]) -> Callable[..., None]:
    """An option for each question of `init`."""
    from target_marketo.ops.init.questions import ALL  # noqa: PLC0415 - nothing else needs it

    for question in reversed(ALL):
        command = click.option(
            f"--{question.option}",
            question.variable,
            metavar="FILE" if question.secret else "TEXT",
            help=question.text + (": a file that holds it, or -." if question.secret else "."),
        )(command)
    return command


@commands.command()
@_questions
@click.option("--replace", is_flag=True, help="Change a .env that is there without asking.")
def init(*, replace: bool, **given: str | None) -> None:
    """Ask for the settings, try each of them, and write .env for you alone.

    What an option gives is not asked. Secrets are typed unseen, or read from files: never from the
    command line, which other users see. Nothing is mailed, nobody is written to Marketo.
    """
    from target_marketo.ops.init.init import Init  # noqa: PLC0415 - when it is used

    named = {name.upper(): value for name, value in given.items() if value is not None}
    Init(named, replaces=replace).run()


@commands.command()
@_config
@click.option(
    "--tap-config",
    "tap_files",
    multiple=True,
    metavar="FILE",
    help="The tap's configuration; without it TAP_LIVECHAT_* variables, .env, then meltano.yml.",
)
@_json
def check(files: tuple[str, ...], tap_files: tuple[str, ...], *, as_json: bool) -> None:
    """Try credentials, permissions, limits, fields, kinds of writes, store and mail server.

    Uses about seven of Marketo's daily calls, two or three for each list, program, activity
    type and object, and at most two billed requests to LiveChat; writes nothing, and ends with 1 if
    anything is wrong. LiveChat is tried by tap-livechat --check.
    """
    from target_marketo.ops.check.check import run_checks, show  # noqa: PLC0415 - when it is used

    results = run_checks(files, tap_files)
    show(results, as_json=as_json)
    sys.exit(0 if results.ok else 1)


@commands.command()
@_config
@click.option("--apply", "to_apply", is_flag=True, help="Make what is missing.")
@click.option(
    "--folder",
    metavar="NAME",
    default="Group Lists",
    show_default=True,
    help="Where new static lists go.",
)
@_json
def setup(files: tuple[str, ...], folder: str, *, to_apply: bool, as_json: bool) -> None:
    """What `streams` names and Marketo lacks: fields, an activity type, lists. A plan.

    Nothing is changed without --apply, and what is there is not changed at all. Ends with 1 if
    something is left that only a person can do.
    """
    from target_marketo.ops.project import configuration  # noqa: PLC0415 - when it is used
    from target_marketo.ops.setup import setup as setting_up  # noqa: PLC0415

    settings = configuration.settings(files)
    with closing(_store(files)) as database:
        ok = setting_up.run(settings, database, folder, to_apply=to_apply, as_json=as_json)
    sys.exit(0 if ok else 1)


@commands.command()
@_config
@click.argument("pattern", default="")
@_json
def fields(files: tuple[str, ...], pattern: str, *, as_json: bool) -> None:
    """Marketo's fields of people, or those whose API name or label holds PATTERN.

    A call or two to Marketo, once a day.
    """
    from target_marketo.ops.mapping_report import fields as listing  # noqa: PLC0415
    from target_marketo.ops.project import configuration  # noqa: PLC0415 - when it is used

    settings = configuration.settings(files)
    with closing(_store(files)) as database:
        listing.show(listing.listed(settings, database, pattern), as_json=as_json)


@commands.command()
@_config
@_json
def mapping(files: tuple[str, ...], *, as_json: bool) -> None:
    """What comes of each stream: sources, rules, counts of the last run, and what nothing maps.

    Names and counts, never a value. A call or two to Marketo, once a day.
    """
    from target_marketo.ops.mapping_report import mapping as reporting  # noqa: PLC0415
    from target_marketo.ops.project import configuration  # noqa: PLC0415 - when it is used

    settings = configuration.settings(files)
    with closing(_store(files)) as database:
        reporting.show(reporting.report(settings, database), as_json=as_json)


@commands.command()
@_config
@click.argument("address", default="")
@click.option("--limit", type=click.IntRange(1, 300), help="The first N people of the input.")
@_json
def explain(files: tuple[str, ...], address: str, limit: int | None, *, as_json: bool) -> None:
    r"""Why a person would be written as they would be: each field, its values, rule and outcome.

    \b
    tap-livechat --limit 20 | marketo-ops explain --limit 5
    marketo-ops explain - < messages.jsonl      the address is asked for, or is the first line

    Reads a tap's messages, and of Marketo what it holds: a lookup for 300 people, and once a day
    its fields. Writes nothing. It shows values, wherever it is called.
    """
    from target_marketo.ops.explain import explain as explaining  # noqa: PLC0415 - when it is used
    from target_marketo.ops.explain import show as showing  # noqa: PLC0415
    from target_marketo.ops.explain.asked import whom  # noqa: PLC0415
    from target_marketo.ops.project import configuration  # noqa: PLC0415

    wanted, lines = whom(address, limit, sys.stdin.buffer)
    settings = configuration.settings(files)
    with closing(_store(files)) as database:
        found = explaining.explain(settings, database, lines, address=wanted, limit=limit)
    showing.show(found, as_json=as_json)


@commands.group(
    cls=_KindsByDefault,
    short_help="Records that Marketo did not take, by kind.",
    epilog="""\b
marketo-ops errors                  the kinds, and what to do about each
marketo-ops errors too_long:city    the entries of a kind
marketo-ops errors show 17          one entry""",
)
def errors() -> None:
    """Records that Marketo did not take: by kind, or with a KIND its entries."""


def _filters(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--since", metavar="WHEN", help="Seen since: 2026-01-31, 12h, 7d."),
        click.option("--stream", metavar="NAME", help="Only this stream."),
        click.option("--code", "codes", multiple=True, metavar="CODE", help="Only this code."),
    ):
        command = option(command)
    return command


@errors.command("kinds")
@_config
@_filters
@click.option("--all", "resolved_too", is_flag=True, help="Also those that are resolved.")
@_json
def errors_kinds(
    files: tuple[str, ...],
    codes: tuple[str, ...],
    stream: str | None,
    since: str | None,
    *,
    resolved_too: bool,
    as_json: bool,
) -> None:
    """The kinds of errors: how many records and people, since when, and what to do."""
    from target_marketo.ops.errors_log import listing  # noqa: PLC0415 - when it is used
    from target_marketo.ops.errors_log.entries import Filter  # noqa: PLC0415
    from target_marketo.ops.project import configuration, meltano  # noqa: PLC0415

    mine = configuration.instance(files)
    wanted = Filter(mine, codes, None, stream, listing.instant(since), resolved_too=resolved_too)
    with closing(_store(files)) as database:
        listing.show_kinds(
            database,
            wanted,
            configuration.target(files),
            in_meltano=meltano.is_project(),
            as_json=as_json,
        )


@errors.command("list")
@_config
@_filters
@click.argument("kind", required=False)
@click.option("--all", "resolved_too", is_flag=True, help="Also those that are resolved.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(min=1))
@_json
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
    with closing(_store(files)) as database:
        listing.show_list(database, wanted, limit, as_json=as_json)


@errors.command("decide")
@_config
@click.argument("entry_id", metavar="ID", type=int)
@click.option("--written/--send", "written", default=None, help="It is in Marketo, or it is not.")
def errors_decide(files: tuple[str, ...], entry_id: int, *, written: bool | None) -> None:
    """Settle an activity of which only a person can tell whether it was written."""
    from target_marketo.ops import activities as settling  # noqa: PLC0415 - when it is used
    from target_marketo.ops.project import configuration  # noqa: PLC0415

    if written is None:
        raise click.UsageError("look for it in Marketo, then say --written or --send")
    settings = configuration.settings(files)
    with closing(_store(files)) as database:
        click.echo(settling.decide(settings, database, entry_id, written=written))


@commands.group()
def activities() -> None:
    """Custom activities, as far as the store remembers them."""


@activities.command("adopt")
@_config
@click.option(
    "--since", required=True, type=click.DateTime(["%Y-%m-%d"]), help="From that day on, in UTC."
)
def activities_adopt(files: tuple[str, ...], since: datetime) -> None:
    """Take over what others, or a store that was lost, wrote, so that no run writes it again.

    Reads Marketo's log, 300 activities a call, and writes nothing there.
    """
    from target_marketo.ops import activities as settling  # noqa: PLC0415 - when it is used
    from target_marketo.ops.project import configuration  # noqa: PLC0415

    settings = configuration.settings(files)
    with closing(_store(files)) as database:
        for name, count in settling.adopt(settings, database, since.replace(tzinfo=UTC)):
            click.echo(f"{name}: {count} activities taken over")


@errors.command("show")
@_config
@click.argument("entry_id", metavar="ID", type=int)
@click.option("--reveal", is_flag=True, help="Show the record with its values: personal data.")
@_json
def errors_show(files: tuple[str, ...], entry_id: int, *, reveal: bool, as_json: bool) -> None:
    """One entry: what happened, what to do, and the shape of its record."""
    from target_marketo.ops.errors_log import listing  # noqa: PLC0415 - when it is used

    with closing(_store(files)) as database:
        listing.show_entry(database, entry_id, reveal=reveal, as_json=as_json)


@commands.command()
@_config
@_filters
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@click.option("--force", is_flag=True, help="Also what cannot succeed unchanged.")
@_json
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
    """Send rejected records again: marketo-ops replay | target-marketo

    Writes Singer messages. In a Meltano project:
    uv run meltano invoke marketo-ops replay | uv run meltano invoke target-marketo
    """
    from target_marketo.ops.errors_log import replay as replaying  # noqa: PLC0415
    from target_marketo.ops.errors_log.entries import Filter  # noqa: PLC0415
    from target_marketo.ops.errors_log.listing import instant  # noqa: PLC0415
    from target_marketo.ops.project import configuration  # noqa: PLC0415 - when it is used

    wanted = Filter(configuration.instance(files), codes, None, stream, instant(since))
    config = configuration.target(files)
    with closing(_store(files)) as database:
        plan = replaying.plan(database, config, wanted, force=force)
        if dry_run or as_json:
            replaying.show(plan, as_json=as_json)
        else:
            replaying.write(plan, sys.stdout)


@commands.command()
@_config
@click.option("--email", required=True, help="Whom to forget; - reads the address from stdin.")
@_json
def purge(files: tuple[str, ...], email: str, *, as_json: bool) -> None:
    """Forget a person everywhere in the store."""
    from target_marketo.ops.errors_log import purge as purging  # noqa: PLC0415 - when it is used

    address = sys.stdin.readline() if email == "-" else email
    with closing(_store(files)) as database:
        purging.show(purging.purge(database, address.strip()), as_json=as_json)


@commands.command()
@_config
def rekey(files: tuple[str, ...]) -> None:
    """Give the store's hashes another key.

    It is that of `store_key`, or else a new random one.

    Not beside a run. Other hosts on the same store need the new key before their next run.
    """
    from target_marketo.ops.console import console  # noqa: PLC0415 - when it is used
    from target_marketo.ops.project import configuration  # noqa: PLC0415
    from target_marketo.store.rekey import rekey as renew  # noqa: PLC0415

    with closing(configuration.store(files)) as database:
        done = renew(database)
    lost = f"; of {done.unknown} the person is not known any more" if done.unknown else ""
    console().print(f"{done.entries} entries have the new key{lost}.", markup=False)


@commands.command()
@_config
@click.option("--ask", is_flag=True, help="Ask Marketo for everybody's calls: one call more.")
@_json
def usage(files: tuple[str, ...], *, ask: bool, as_json: bool) -> None:
    """Calls used today, and the runs of the last day."""
    from target_marketo.ops import usage as using  # noqa: PLC0415
    from target_marketo.ops.project import configuration  # noqa: PLC0415 - when it is used

    settings = configuration.settings(files)
    with closing(_store(files)) as database:
        using.show(using.measure(settings, database, ask=ask), as_json=as_json)


@commands.command()
@_config
@click.option(
    "--preview",
    metavar="FILE",
    type=click.Path(dir_okay=False, writable=True, path_type=None),
    help="Write the mail's HTML here; nothing is sent, and nothing counts as told.",
)
@click.option("--heartbeat", is_flag=True, help="Mail also when there is no news.")
@_json
def digest(files: tuple[str, ...], preview: str | None, *, heartbeat: bool, as_json: bool) -> None:
    """Mail what is new since the last digest.

    The last is the one that the mail server accepted.
    """
    from target_marketo.ops.digest import digest as digesting  # noqa: PLC0415 - when it is used

    with closing(_store(files)) as database:
        result = digesting.run(database, files, preview=preview, heartbeat=heartbeat)
    digesting.show(result, as_json=as_json)
    sys.exit(0 if result.ok else 1)


@commands.command()
@_config
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

    with closing(_store(files)) as database:
        health = _health(database, files)
    show.show(health, show.Format(form))
    sys.exit(0 if health.ok else 1)


@commands.command()
@_config
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

    with closing(_store(files)) as database:
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


def _store(files: tuple[str, ...]) -> Database:
    from target_marketo.ops.project import configuration  # noqa: PLC0415 - when it is used
    from target_marketo.store.error_log import ErrorLog  # noqa: PLC0415
    from target_marketo.store.run_ledger import RunLedger  # noqa: PLC0415

    database = configuration.store(files)
    # Their tables must be there, also before the first run.
    ErrorLog(database, instance=configuration.instance(files) or "")
    RunLedger(database, "", "")
    return database


def main() -> None:
    """The console script."""
    commands()


if __name__ == "__main__":
    main()
