"""Before the first run: asking, trying, comparing and explaining."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING

import click

from target_marketo.ops.command_line.options import as_json_too, config_files, store

if TYPE_CHECKING:
    from collections.abc import Callable


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


@click.command()
@_questions
@click.option("--replace", is_flag=True, help="Change a .env that is there without asking.")
def init(*, replace: bool, **given: str | None) -> None:
    """Ask for the settings, try each, and write .env.

    The file is for you alone. What an option gives is not asked. Secrets are typed unseen, or read
    from files: never from the command line, which other users see. Nothing is mailed, nobody is
    written to Marketo.
    """
    from target_marketo.ops.init.init import Init  # noqa: PLC0415 - when it is used

    named = {name.upper(): value for name, value in given.items() if value is not None}
    Init(named, replaces=replace).run()


@click.command()
@config_files
@click.option(
    "--tap-config",
    "tap_files",
    multiple=True,
    metavar="FILE",
    help="The tap's configuration; without it TAP_LIVECHAT_* variables, .env, then meltano.yml.",
)
@as_json_too
def check(files: tuple[str, ...], tap_files: tuple[str, ...], *, as_json: bool) -> None:
    """Try everything that a run needs.

    Credentials, permissions, limits, fields, kinds of writes, store and mail server. Uses about
    seven of Marketo's daily calls, two or three for each list, program, activity type and object,
    and at most two billed requests to LiveChat; writes nothing, and ends with 1 if anything is
    wrong. LiveChat is tried by tap-livechat --check.
    """
    from target_marketo.ops.check.check import run_checks, show  # noqa: PLC0415 - when it is used

    results = run_checks(files, tap_files)
    show(results, as_json=as_json)
    sys.exit(0 if results.ok else 1)


@click.command()
@config_files
@click.option("--apply", "to_apply", is_flag=True, help="Make what is missing.")
@click.option(
    "--folder",
    metavar="NAME",
    default="Group Lists",
    show_default=True,
    help="Where new static lists go.",
)
@as_json_too
def setup(files: tuple[str, ...], folder: str, *, to_apply: bool, as_json: bool) -> None:
    """What `streams` names and Marketo lacks, as a plan.

    Fields, an activity type, lists. Nothing is changed without --apply, and what is there is not
    changed at all. Ends with 1 if something is left that only a person can do.
    """
    from target_marketo.ops.project import configuration  # noqa: PLC0415 - when it is used
    from target_marketo.ops.setup import setup as setting_up  # noqa: PLC0415

    settings = configuration.settings(files)
    with closing(store(files)) as database:
        ok = setting_up.run(settings, database, folder, to_apply=to_apply, as_json=as_json)
    sys.exit(0 if ok else 1)


@click.command()
@config_files
@click.argument("pattern", default="")
@as_json_too
def fields(files: tuple[str, ...], pattern: str, *, as_json: bool) -> None:
    """Marketo's fields of people.

    Or those whose API name or label holds PATTERN. A call or two to Marketo, once a day.
    """
    from target_marketo.ops.mapping_report import fields as listing  # noqa: PLC0415
    from target_marketo.ops.project import configuration  # noqa: PLC0415 - when it is used

    settings = configuration.settings(files)
    with closing(store(files)) as database:
        listing.show(listing.listed(settings, database, pattern), as_json=as_json)


@click.command()
@config_files
@as_json_too
def mapping(files: tuple[str, ...], *, as_json: bool) -> None:
    """What is done with each stream, and what nothing maps.

    Sources, rules, and counts of the last run: names and counts, never a value. A call or two to
    Marketo, once a day.
    """
    from target_marketo.ops.mapping_report import mapping as reporting  # noqa: PLC0415
    from target_marketo.ops.project import configuration  # noqa: PLC0415 - when it is used

    settings = configuration.settings(files)
    with closing(store(files)) as database:
        reporting.show(reporting.report(settings, database), as_json=as_json)


@click.command(
    epilog="""\b
tap-livechat --limit 20 | marketo-ops explain --limit 5
marketo-ops explain - < messages.jsonl
  the address is asked for, or is the first line"""
)
@config_files
@click.argument("address", default="")
@click.option("--limit", type=click.IntRange(1, 300), help="The first N people of the input.")
@as_json_too
def explain(files: tuple[str, ...], address: str, limit: int | None, *, as_json: bool) -> None:
    """Why a person would be written as they would be.

    Each field with what comes, what Marketo holds, its rule and outcome. Reads a tap's messages,
    and of Marketo what it holds: a lookup for 300 people, and once a day its fields and whatever
    else `streams` names. Writes nothing. It shows values, wherever it is called.
    """
    from target_marketo.ops.explain import explain as explaining  # noqa: PLC0415 - when it is used
    from target_marketo.ops.explain import show as showing  # noqa: PLC0415
    from target_marketo.ops.explain.asked import whom  # noqa: PLC0415
    from target_marketo.ops.project import configuration  # noqa: PLC0415

    wanted, lines = whom(address, limit, sys.stdin.buffer)
    settings = configuration.settings(files)
    with closing(store(files)) as database:
        found = explaining.explain(settings, database, lines, address=wanted, limit=limit)
    showing.show(found, as_json=as_json)
