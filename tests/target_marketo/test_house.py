"""The house: which room stands on which floor, and that imports only go down."""

from __future__ import annotations

import ast
import functools
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

import target_marketo

PACKAGE = "target_marketo"
ROOT = Path(target_marketo.__file__).parent
FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"main"}),
    frozenset({"target", "ops"}),
    frozenset({"singer"}),
    frozenset({"assembly", "writes"}),
    frozenset({"delivery", "marketo", "settings"}),
    frozenset({"governor", "mapping"}),
    frozenset({"configuration", "store"}),
    frozenset({"privacy", "problems", "run_files"}),
)
"""From the top down. A room knows those on the floors below its own, and nobody beside it."""
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}

OTHERS_KEPT_OUT = {
    "delivery": {"http", "requests", "singer_sdk", "sqlalchemy", "urllib3"},
    "governor": {"http", "requests", "singer_sdk", "urllib3"},
    "mapping": {"http", "requests", "singer_sdk", "sqlalchemy", "urllib3"},
    "marketo": {"singer_sdk", "sqlalchemy"},
    "writes": {"http", "requests", "singer_sdk", "urllib3"},
}
"""What a room works without: other people's packages that would give it a second job."""


REPOSITORY = ROOT.parents[1]
_SECTION = re.compile(r"^## Where things go$(.*?)^## ", re.MULTILINE | re.DOTALL)
WHERE_THINGS_GO = [
    [re.findall(r"`([^`]+)`", cell) for cell in line.split("|")[2:4]]
    for text in _SECTION.findall((ROOT.parent / "README.md").read_text())
    for line in text.splitlines()
    if line.startswith("| a")
]
"""Of each row of the README's table: what is named as its place, and as its tests."""


class Import(NamedTuple):
    by: str
    of: str


def _modules(root: Path) -> dict[str, Path]:
    found = {}
    for path in root.rglob("*.py"):
        parts = (root.name, *path.relative_to(root).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def _imports(modules: dict[str, Path]) -> set[Import]:
    """Those for types alone, too: whoever reads a file has to know what stands in them."""
    found = set()
    for module, path in modules.items():
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                found |= {Import(module, alias.name) for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{module} imports relatively"
                source = node.module or ""
                names = [f"{source}.{alias.name}" for alias in node.names]
                found |= {Import(module, name if name in modules else source) for name in names}
    return found


MODULES = _modules(ROOT)


@functools.cache
def _all_imports() -> set[Import]:
    return _imports(MODULES)


def _room(module: str) -> str:
    return module.split(".")[1]


def _between_rooms() -> set[Import]:
    ours = {
        each for each in _all_imports() if each.of.startswith(f"{PACKAGE}.") and each.by != PACKAGE
    }
    return {each for each in ours if _room(each.by) != _room(each.of)}


def _circle(modules: dict[str, Path], imports: set[Import]) -> list[str]:
    """Files that lead back to themselves; none, if there is no such circle."""
    graph: dict[str, set[str]] = {module: set() for module in modules}
    for each in imports:
        if each.of in modules and each.of != each.by:
            graph[each.by].add(each.of)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_each_room_stands_on_one_of_at_most_eight_floors() -> None:
    assert len(FLOORS) <= 8
    assert sum(map(len, FLOORS)) == len(FLOOR_OF)
    assert {_room(module) for module in MODULES if module != PACKAGE} == FLOOR_OF.keys()


def test_imports_only_go_down() -> None:
    up = {each for each in _between_rooms() if FLOOR_OF[_room(each.of)] <= FLOOR_OF[_room(each.by)]}
    assert len(_between_rooms()) > 300, "the imports were not found"
    assert not up


@pytest.mark.parametrize("package", [PACKAGE, "tap_livechat"])
def test_no_file_leads_back_to_itself(package: str) -> None:
    root = ROOT.parents[1] / package.replace("_", "-") / package
    modules = _modules(root)
    assert not _circle(modules, _imports(modules))


def test_a_circle_would_be_found() -> None:
    modules = {"a": Path(), "b": Path(), "c": Path()}
    assert _circle(modules, {Import("a", "b"), Import("b", "c")}) == []
    assert len(_circle(modules, {Import("a", "b"), Import("b", "c"), Import("c", "a")})) == 4


@pytest.mark.parametrize("room", ["delivery", "mapping"])
def test_the_engine_and_the_mapping_know_nothing_of_marketo(room: str) -> None:
    taken = {each.of for each in _all_imports() if each.by.startswith(f"{PACKAGE}.{room}.")}
    assert any(each.startswith(f"{PACKAGE}.mapping.") for each in taken)
    assert not {each for each in taken if each.startswith(f"{PACKAGE}.marketo")}


@pytest.mark.parametrize("room", OTHERS_KEPT_OUT)
def test_a_room_has_one_job(room: str) -> None:
    taken = {
        each.of.split(".")[0] for each in _all_imports() if each.by.startswith(f"{PACKAGE}.{room}.")
    }
    assert "__future__" in taken
    assert not taken & OTHERS_KEPT_OUT[room]


@pytest.mark.parametrize(("places", "tests"), WHERE_THINGS_GO)
def test_what_the_readme_names_for_new_things_is_there(places: list[str], tests: list[str]) -> None:
    files = [name for name in places if "." in name]
    assert files
    found = [ROOT / name if (ROOT / name).is_file() else REPOSITORY / name for name in files]
    assert all(path.is_file() for path in found), files
    said = "\n".join(path.read_text() for path in found)
    for name in set(places) - set(files) - {"streams"}:
        assert re.search(rf"^(class |def )?{name}\b", said, re.MULTILINE), name
    assert tests
    assert all("def test_" in (REPOSITORY / name).read_text() for name in tests)


def test_the_readme_says_where_each_kind_of_thing_goes() -> None:
    assert len(WHERE_THINGS_GO) >= 6
