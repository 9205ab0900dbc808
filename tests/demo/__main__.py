"""The demo's order of events, and its verdict."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from tests.demo import checks, timeline
from tests.demo.runs import MARKETO, VISITORS, Runs, new_project
from tests.sandbox.environment import Sandbox
from tests.sandbox.mailbox import open_mailbox

LATENCY_SECONDS = 0.2


def main(console: Console) -> int:
    """Runs the demo; the exit code."""
    console.rule("LiveChat to Marketo, in a sandbox")
    with Sandbox(
        {"visitors": VISITORS, "latency_seconds": LATENCY_SECONDS},
        {"latency_median": LATENCY_SECONDS, "latency_sigma": 0.4, **MARKETO},
    ) as sandbox:
        runs = Runs(sandbox, new_project(sandbox.folder), console)
        before = runs.leads()
        console.print(
            f"{VISITORS:,} visitors at LiveChat, {len(before):,} people at Marketo, "
            f"{LATENCY_SECONDS:g} s latency."
        )
        setup = runs.setup()
        first = runs.job("First run")
        second = runs.job("Second run, nothing new at LiveChat")
        again = runs.job("Third run, everything read again", "--full-refresh")
        with open_mailbox() as mailbox:
            digest_code = runs.digest(mailbox)
        found = [
            *checks.delivery(sandbox, before, first),
            *checks.geography(before, first),
            *timeline.chats(sandbox, setup, again),
            *timeline.nothing_new(first, second, again),
            *checks.calls(sandbox, first),
            *checks.mail(sandbox, mailbox, digest_code),
            *checks.limits(sandbox, [first, second, again]),
        ]
    console.print(_table(found))
    failed = [check for check in found if not check.held]
    if failed:
        console.print(f"[bold red]{len(failed)} of {len(found)} checks failed[/]")
        return 1
    console.print(
        f"[bold green]All {len(found)} checks held.[/] Where to look next: README.md to connect "
        "your accounts, meltano.yml for the rules of writing, "
        "`uv run python -m tests.sandbox -- COMMAND` to try things out."
    )
    return 0


def _table(found: list[checks.Check]) -> Table:
    table = Table(title="What the demo saw for itself", title_justify="left")
    table.add_column("")
    table.add_column("check")
    table.add_column("figures")
    for check in found:
        mark = "[green]ok[/]" if check.held else "[bold red]FAILED[/]"
        table.add_row(mark, check.sentence, check.figures)
    return table


if __name__ == "__main__":
    sys.exit(main(Console()))
