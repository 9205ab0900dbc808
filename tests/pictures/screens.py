"""What a person sees of the demo, the digest, `explain`, `setup` and the chats, in the sandbox."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Console
from rich.text import Text

from tests import guard
from tests.demo.__main__ import main as run_demo
from tests.demo.runs import LIST, MARKETO, PROGRAM, Runs, new_project
from tests.sandbox.environment import Sandbox
from tests.sandbox.mailbox import open_mailbox
from tests.sandbox.marketo_api import MarketoApi

if TYPE_CHECKING:
    from collections.abc import Callable

WIDTH = 128
ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
EXPLAIN = "tap-livechat --limit 20 | marketo-ops explain --limit 2"
_RECIPIENT = "admin@example.com"


class Screen(NamedTuple):
    """The name of its file, the title of its window, and what fills it."""

    name: str
    title: str
    show: Callable[[Console], None]


def of_demo(console: Console) -> None:
    if run_demo(console):
        raise RuntimeError("the demo failed: run it to see why")


def of_digest(console: Console) -> None:
    """The mail's text, after a run that rejected somebody."""
    with Sandbox({"visitors": 300}) as sandbox, open_mailbox() as mailbox:
        _shell(sandbox, "tap-livechat | target-marketo")
        _shell(
            sandbox,
            "marketo-ops digest",
            MARKETO_OPS_SMTP_HOST="127.0.0.1",
            MARKETO_OPS_SMTP_PORT=str(mailbox.port),
            MARKETO_OPS_SMTP_SECURITY="none",
            MARKETO_OPS_MAIL_FROM="sync@example.com",
            MARKETO_OPS_MAIL_TO=_RECIPIENT,
            MARKETO_OPS_TIMEZONE="UTC",
        )
        (mail,) = mailbox.messages
        console.print(Text(f"Subject: {mail['Subject']}\n", style="bold"))
        console.print(Text(mailbox.bodies()[0].strip()))


def of_explain(console: Console) -> None:
    """With the rules of our meltano.yml; one of the two people of this crowd is in Marketo."""
    with Sandbox({"visitors": 120, "seed": 5}) as sandbox:
        shutil.copy(ROOT / "meltano.yml", sandbox.folder)
        shown = _shell(sandbox, EXPLAIN, FORCE_COLOR="1", COLUMNS=str(WIDTH))
    console.print(Text.from_ansi(shown.strip()))


def of_setup(console: Console) -> None:
    """The plan for an empty Marketo, by our meltano.yml."""
    with Sandbox({"visitors": 10}) as sandbox:
        shutil.copy(ROOT / "meltano.yml", sandbox.folder)
        shown = _shell(sandbox, "marketo-ops setup", FORCE_COLOR="1", COLUMNS=str(WIDTH))
    console.print(Text.from_ansi(shown.strip()))


def of_timeline(console: Console) -> None:
    """What Marketo holds of whom the most is told, after `setup --apply` and one run."""
    with Sandbox({"visitors": 120, "seed": 5}, MARKETO) as sandbox:
        runs = Runs(sandbox, new_project(sandbox.folder), Console(file=io.StringIO()))
        if runs.setup()[0] or runs.job("").exit_code:
            raise RuntimeError("the run failed")
        names = _names(sandbox)
        of_lead = defaultdict(list)
        for each in sandbox.marketo.activities():
            if each["activityTypeId"] in names:
                of_lead[each["leadId"]].append(each)
        lead, chats = max(of_lead.items(), key=lambda found: (_told(found[1]), -found[0]))
        person = next(each for each in sandbox.marketo.leads() if each["id"] == lead)
        status = sandbox.marketo.program_members(PROGRAM)[lead]
        listed = LIST if lead in sandbox.marketo.list_members(LIST) else "none"
    console.print(f"[bold]{person['firstName']} {person['lastName']}[/]  {person['email']}")
    console.print(f"static lists: {listed}   programs: {PROGRAM}, {status}\n")
    for chat in sorted(chats, key=lambda each: str(each["activityDate"]), reverse=True):
        title, labels = names[chat["activityTypeId"]]
        console.print(f"[bold]{chat['activityDate']}  {title}  {chat['primaryAttributeValue']}[/]")
        for name, label in labels.items():
            if name in chat["attributes"]:
                console.print(f"    {label:24}{chat['attributes'][name]}", markup=False)


def _told(chats: list[dict[str, Any]]) -> int:
    """How much there is to see: of two chats, both tagged, and no spam."""
    topics = {each["primaryAttributeValue"] for each in chats}
    plain = len(chats) == 2 and not topics & {"spam", "Chat"}
    return sum(len(each["attributes"]) for each in chats) if plain else 0


def _names(sandbox: Sandbox) -> dict[int, tuple[str, dict[str, str]]]:
    """Of each custom type the name, and the labels of its attributes."""
    with MarketoApi(sandbox.marketo) as api:
        api.log_in()
        types = api.call("GET", "/v1/activities/external/types.json")["result"]
        path = "/v1/activities/external/type"
        found = [api.call("GET", f"{path}/{each['apiName']}/describe.json") for each in types]
    return {
        each["id"]: (each["name"], {name["apiName"]: name["name"] for name in each["attributes"]})
        for reply in found
        for each in reply["result"]
    }


SCREENS = (
    Screen("demo", "uv run python -m tests.demo", of_demo),
    Screen("digest", f"The daily mail to {_RECIPIENT}", of_digest),
    Screen("explain", EXPLAIN, of_explain),
    Screen("setup", "uv run marketo-ops setup", of_setup),
    Screen("timeline", "A person's chats, as the sandbox's Marketo holds them", of_timeline),
)


def taken(screen: Screen) -> Console:
    """A console that has recorded it."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False)
    screen.show(console)
    return console


def _shell(sandbox: Sandbox, command: str, **variables: str) -> str:
    environment = guard.without_settings() | sandbox.environment | variables
    environment["XDG_STATE_HOME"] = str(sandbox.folder / "state")
    environment["PATH"] = f"{BIN}:{environment['PATH']}"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=sandbox.folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stderr[-2000:]}")
    return done.stdout
