"""Mutants are what they say, each with one change."""

from __future__ import annotations

import ast

from tests.mutation.mutants import mutants, sample

SOURCE = '''
"""A module."""
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import something

def f(a: int | None, b: bool) -> int | None:
    """A function."""
    for each in range(a):
        if each < 2 and not b:
            continue
        return min(each, a)
    raise ValueError("no" + "thing")
'''


def test_each_change_is_one_of_the_module_and_what_means_nothing_stays() -> None:
    found = mutants(SOURCE)
    assert [(each.line, each.words) for each in found] == [
        (10, "2 -> 3"),
        (10, "And -> Or"),
        (10, "Lt -> LtE"),
        (10, "no `not`"),
        (10, "the condition turned round"),
        (11, "continue -> break"),
        (12, "min -> max"),
        (12, "return None"),
    ]
    whole = ast.unparse(ast.parse(SOURCE))
    for each in found:
        before, after = whole.splitlines(), each.source.splitlines()
        assert sum(one != other for one, other in zip(before, after, strict=True)) == 1


def test_a_sample_is_drawn_by_its_seed() -> None:
    found = mutants(SOURCE)
    assert sample(found, 99, 1) == found
    assert len(sample(found, 3, 1)) == 3
    assert sample(found, 3, 1) == sample(found, 3, 1)
    assert [sample(found, 3, seed) for seed in range(5)] != [sample(found, 3, 0)] * 5


def test_a_change_lies_in_the_lines_of_its_own_statement() -> None:
    whole = mutants(SOURCE)
    assert {each.line: each.lines for each in whole}[10] == range(10, 11)
    assert all(each.is_in_function for each in whole)
    at_the_top = mutants("A = 1\nB = (\n    2\n)\n")
    assert [(each.lines, each.is_in_function) for each in at_the_top] == [
        (range(1, 2), False),
        (range(2, 5), False),
    ]
