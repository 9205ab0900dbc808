"""The pages are short where they should be, lead where they say, and hold what is true."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from target_marketo.ops.command import commands
from target_marketo.settings import SCHEMA
from tests.benchmarks import __main__ as benchmarks
from tests.faults import summary
from tests.faults.kinds import Toll
from tests.faults.table import total

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
OPERATIONS = ROOT / "target-marketo" / "docs" / "operations.md"
PAGES = sorted(
    page for place in ("*", "docs/*", "t*/*", "t*/*/*") for page in ROOT.glob(f"{place}.md")
)
MELTANO: dict[str, Any] = yaml.safe_load((ROOT / "meltano.yml").read_text())


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_readme_is_read_in_one_go() -> None:
    assert len(README.read_text().splitlines()) <= 250


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)

    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_reached_from_the_readme() -> None:
    reached, left = set(), [README]
    while left:
        page = left.pop()
        reached.add(page)
        links = re.findall(r"\]\(([^)\s#]+\.md)", page.read_text())
        found = {(page.parent / link).resolve() for link in links if "://" not in link}
        left += [each for each in found - reached if each.exists()]

    assert set(PAGES) - reached == set()


def test_the_readme_shows_the_faults_of_the_long_table() -> None:
    written = summary.BLOCK.search(README.read_text())
    long = summary.long_table()

    assert written is not None
    assert summary.block() in written[0], "uv run python -m tests.faults.summary"
    assert total(long.lines) == long.total
    assert (long.total.toll, long.total.violations) == (Toll(), [])
    assert long.total.rounds > 300


def test_the_readme_shows_the_speeds_of_the_long_table() -> None:
    long = (ROOT / "tests" / "benchmarks" / "README.md").read_text().splitlines()
    rows = [
        line for line in README.read_text().splitlines() if re.match(r"\| \S+ \| .*\d.*\|", line)
    ]
    speeds = [row for row in rows if row.startswith(("| tap-livechat |", "| target-marketo |"))]

    assert len(speeds) >= 5
    assert [row for row in speeds if row not in long] == []


@pytest.mark.parametrize("page", [README, *(ROOT / "tests").glob("[fb]*/README.md")], ids=name_of)
def test_every_table_of_figures_has_its_command_and_its_date(page: Path) -> None:
    parts = re.split(r"\n\n", page.read_text())
    is_table = re.compile(r"\| .* --: \||\| benchmark ")
    tables = [number for number, part in enumerate(parts) if is_table.search(part)]

    assert tables
    for number in tables:
        above = "\n".join(parts[number - 2 : number])
        assert re.search(r"`uv run python -m tests\.\w+", above), parts[number][:80]
        assert re.search(r"\b20\d\d-\d\d-\d\d\b", above), parts[number][:80]


def test_the_picture_of_the_flow_shows_the_figures_that_are_built_in() -> None:
    words = " ".join(
        re.findall(r">([^<>]+)</text>", (ROOT / "tests/pictures/flow.svg").read_text())
    )
    built_in = {name: each.get("default") for name, each in SCHEMA["properties"].items()}

    assert f"{built_in['rate_limit_calls']} calls in {built_in['rate_limit_seconds']} s" in words
    assert f"{built_in['max_concurrent_calls']} at once" in words
    assert f"{built_in['max_daily_calls']:,} a day" in words
    assert f"{built_in['batch_size_rows']} people a call" in words


def test_the_rules_by_example_are_the_ones_of_meltano_yml() -> None:
    (example,) = blocks(README, "yaml")
    shown = yaml.safe_load(example)["streams"]["visitors"]
    ours = MELTANO["plugins"]["loaders"][0]["config"]["streams"]["visitors"]

    assert shown["key"] == ours["key"]
    for field, spec in shown["fields"].items():
        held = ours["fields"][field]
        for name, value in spec.items() if isinstance(spec, dict) else ():
            assert held[name] == value, field


def test_every_command_of_marketo_ops_is_explained() -> None:
    text = (ROOT / "target-marketo" / "README.md").read_text()

    for name in commands.commands:
        assert re.search(rf"^\| `{name}\b", text, re.MULTILINE), name


def test_a_cron_line_stands_in_two_pages_and_is_the_same_in_both() -> None:
    lines = re.compile(r"^ *(\d+ \S+ \* \* \* .*)$", re.MULTILINE)

    assert lines.findall(README.read_text()) == lines.findall(OPERATIONS.read_text())


def test_the_changelog_has_one_section_a_version_and_each_line_in_a_group_once() -> None:
    title, *versions = re.split(r"^## ", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    above, *groups = re.split(r"^### ", versions[0], flags=re.MULTILINE)
    lines = [line for group in groups for line in group.splitlines()[2:] if line]

    assert title.startswith("# Changelog\n")
    assert len({version.split("\n")[0] for version in versions}) == len(versions)
    assert above.strip() == "0.2.0", "a line that stands above the groups"
    assert [line for line in lines if not line.startswith("- ")] == []
    assert len(set(lines)) == len(lines) > 50


def page_command(folder: str, start: str) -> list[str]:
    """A command of a page beside the tests, with this Python."""
    lines = "\n".join(blocks(ROOT / "tests" / folder / "README.md", "sh")).splitlines()
    (found,) = [line for line in lines if line.startswith(start)]
    return [sys.executable, *shlex.split(found.removeprefix("uv run python"))]


@pytest.mark.parametrize(
    ("folder", "start", "says"),
    [
        ("sandbox", "uv run python -m tests.sandbox.questions", "Do calls refused with 606"),
        ("sandbox", "uv run python -m tests.sandbox --visitors", "worst window"),
        ("faults", "uv run python -m tests.faults --only", "0 of 450 records lost"),
    ],
)
def test_the_commands_beside_the_tests_do_what_their_pages_say(
    folder: str, start: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    done = subprocess.run(
        page_command(folder, start), cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr[-3000:]
    assert says in done.stdout + done.stderr


def test_the_command_that_measures_is_one() -> None:
    _, _, _, *arguments = page_command("benchmarks", "uv run python -m tests.benchmarks")

    assert benchmarks._parser(benchmarks.BENCHMARKS).parse_args(arguments).quick
