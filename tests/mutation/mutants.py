"""What can be changed in a module. Pure: its source in, a mutant for each change out."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_STATEMENTS = (ast.stmt, ast.excepthandler, ast.match_case)
_EXTREMES = {"min": "max", "max": "min", "any": "all", "all": "any"}


class Change(NamedTuple):
    """What one node becomes instead, in words, and how."""

    words: str
    apply: Callable[[ast.AST], ast.AST | None]


class Place(NamedTuple):
    """A node, and the lines that are passed on the way to it."""

    node: ast.AST
    lines: range
    is_in_function: bool


@dataclass(frozen=True)
class Mutant:
    """A module with one change, and the lines of the statement that has it."""

    line: int
    words: str
    lines: range
    is_in_function: bool
    written: Callable[[], str]

    @property
    def source(self) -> str:
        """Of the whole module."""
        return self.written()


def mutants(source: str) -> list[Mutant]:
    """Every change of the module, in the order of its lines."""
    tree = ast.parse(source)
    found = []
    for number, place in enumerate(_places(tree)):
        node = place.node
        for which, change in enumerate(_changes(node)):
            line = getattr(node, "lineno", 0)
            text = partial(_changed, source, number, which)
            found.append(Mutant(line, change.words, place.lines, place.is_in_function, text))
    return sorted(found, key=lambda each: (each.line, each.words))


def _changed(source: str, number: int, which: int) -> str:
    """The source with one change of one place."""
    tree = ast.parse(source)
    node = list(_places(tree))[number].node
    _Replace(node, list(_changes(node))[which]).visit(tree)
    return ast.unparse(ast.fix_missing_locations(tree))


def sample(found: list[Mutant], most: int, seed: int) -> list[Mutant]:
    """At most so many, drawn; in the order of their lines."""
    if len(found) <= most:
        return found
    chosen = Random(f"{seed}/mutants").sample(range(len(found)), most)
    return [found[number] for number in sorted(chosen)]


def _places(
    tree: ast.AST, lines: range = range(0), *, is_in_function: bool = False
) -> Iterator[Place]:
    """The nodes whose change could change what is done: no annotation, docstring or import of
    types among them.
    """
    for name, value in ast.iter_fields(tree):
        if name in {"annotation", "returns", "type_params"}:
            continue
        inside = is_in_function or (name == "body" and isinstance(tree, _FUNCTIONS))
        for node in value if isinstance(value, list) else [value]:
            if not isinstance(node, ast.AST) or _means_nothing(node):
                continue
            passed = _lines_of(node) if isinstance(node, _STATEMENTS) else lines
            yield Place(node, passed, inside)
            yield from _places(node, passed, is_in_function=inside)


def _lines_of(node: ast.stmt | ast.excepthandler | ast.match_case) -> range:
    """Of a statement, without those of the statements in it."""
    begins = node.pattern.lineno if isinstance(node, ast.match_case) else node.lineno
    match node:
        case ast.Match(cases=[first, *_]):
            return range(begins, max(first.pattern.lineno, begins + 1))
        case object(body=[ast.stmt(lineno=first), *_]):
            return range(begins, max(first, begins + 1))
        case ast.stmt(end_lineno=int() as ends):
            return range(begins, ends + 1)
    return range(begins, begins + 1)


def _means_nothing(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    if isinstance(node, ast.Raise | ast.Assert | ast.JoinedStr):
        return True  # what an error says is not what a run does
    if isinstance(node, ast.keyword) and node.arg in {"frozen", "gc", "slots"}:
        return True  # memory, and a mistake in our own code that mypy finds first
    is_for_types = (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    )
    return is_for_types or (isinstance(node, ast.Call) and _name(node.func) in {"cast", "TypeVar"})


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _changes(node: ast.AST) -> Iterator[Change]:
    yield from _of_operators(node)
    yield from _of_values(node)
    yield from _of_the_way(node)


def _of_operators(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.Compare(ops=operators):
            for number, operator in enumerate(operators):
                other = _COMPARISONS[type(operator)]
                yield Change(_as(operator, other), _with_comparison(number, other))
        case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in _ARITHMETIC:
            yield Change(_as(op, _ARITHMETIC[type(op)]), _set("op", _ARITHMETIC[type(op)]))
        case ast.BoolOp(op=ast.And() as op):
            yield Change(_as(op, ast.Or), _set("op", ast.Or))
        case ast.BoolOp(op=op):
            yield Change(_as(op, ast.And), _set("op", ast.And))


def _of_values(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.UnaryOp(op=ast.Not()):
            yield Change("no `not`", lambda each: getattr(each, "operand", None))
        case ast.Constant(value=bool() as value):
            yield Change(f"{value} -> {not value}", _constant(not value))
        case ast.Constant(value=int() | float() as value):
            yield Change(f"{value} -> {value + 1}", _constant(value + 1))
        case ast.Call(func=ast.Name(id=name)) if name in _EXTREMES:
            yield Change(f"{name} -> {_EXTREMES[name]}", _called(_EXTREMES[name]))


def _of_the_way(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.Return(value=ast.expr() as value) if not _is_none(value):
            yield Change("return None", lambda _: ast.Return(ast.Constant(None)))
        case ast.Continue():
            yield Change("continue -> break", lambda _: ast.Break())
        case ast.Break():
            yield Change("break -> continue", lambda _: ast.Continue())
        case ast.If() | ast.IfExp() | ast.While():
            yield Change("the condition turned round", _turned)
        case ast.Expr(value=ast.Call()) | ast.AugAssign():
            yield Change("left out", lambda _: ast.Pass())


def _as(one: ast.AST, other: type[ast.AST]) -> str:
    return f"{type(one).__name__} -> {other.__name__}"


def _is_none(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _set(name: str, kind: type[ast.AST]) -> Callable[[ast.AST], ast.AST]:
    def apply(node: ast.AST) -> ast.AST:
        setattr(node, name, kind())
        return node

    return apply


def _with_comparison(number: int, kind: type[ast.cmpop]) -> Callable[[ast.AST], ast.AST]:
    def apply(node: ast.AST) -> ast.AST:
        assert isinstance(node, ast.Compare)
        node.ops[number] = kind()
        return node

    return apply


def _constant(value: float) -> Callable[[ast.AST], ast.AST]:
    return lambda _: ast.Constant(value)


def _turned(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.If | ast.IfExp | ast.While)
    node.test = ast.UnaryOp(ast.Not(), node.test)
    return node


def _called(name: str) -> Callable[[ast.AST], ast.AST]:
    def apply(node: ast.AST) -> ast.AST:
        assert isinstance(node, ast.Call)
        node.func = ast.Name(name, ast.Load())
        return node

    return apply


class _Replace(ast.NodeTransformer):
    def __init__(self, target: ast.AST, change: Change) -> None:
        self._target = target
        self._change = change

    def visit(self, node: ast.AST) -> ast.AST | None:
        if node is self._target:
            return self._change.apply(node)
        changed: ast.AST | None = super().visit(node)
        return changed
