"""Sources are names, or paths into nested values; parts in quotes may hold dots."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_marketo.mapping.paths import parts, properties, value_at, written


@pytest.mark.parametrize(
    ("source", "keys", "may_be"),
    [
        ("city", ("city",), ("city",)),
        ("fields.plan", ("fields", "plan"), ("fields.plan", "fields")),
        ('form_answers."Role, e.g. CTO"', ("form_answers", "Role, e.g. CTO"), ("form_answers",)),
        ('"a.b"', ("a.b",), ("a.b",)),
        ('"a.b".c', ("a.b", "c"), ("a.b",)),
        (r'a."say \"hi\""', ("a", 'say "hi"'), ("a",)),
        ('6" screen', ('6" screen',), ('6" screen',)),
        ('a."open', ("a", '"open'), ("a",)),
        ('"a"b', ('"a"b',), ('"a"b',)),
        ("a..b", ("a", "", "b"), ("a..b", "a")),
        ("a.", ("a", ""), ("a.", "a")),
        ("", ("",), ("",)),
    ],
)  # fmt: skip
def test_a_source_is_a_name_or_a_path(
    source: str, keys: tuple[str, ...], may_be: tuple[str, ...]
) -> None:
    assert parts(source) == keys
    assert properties(source) == may_be


@given(st.lists(st.text(alphabet='ab."\\ ', min_size=1, max_size=5), min_size=1, max_size=3))
def test_a_path_that_is_written_is_read_as_it_was(keys: list[str]) -> None:
    if not any("\\" in key for key in keys):
        assert parts(written(keys)) == tuple(keys)


def test_only_what_needs_quotes_is_written_with_them() -> None:
    assert written(["a", "b c"]) == "a.b c"
    assert written(["a", "b.c", 'say "hi"']) == r'a."b.c"."say \"hi\""'


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        (("names", "0", "first"), "Ann"),
        (("names", "1", "first"), "Lee"),
        (("names", "2"), None),
        (("names", "first"), None),
        (("names", "-1"), None),
        (("gone", "x"), None),
        (("text", "0"), None),
        ((), {"names": [{"first": "Ann"}, {"first": "Lee"}], "text": "abc"}),
    ],
)
def test_a_path_leads_through_objects_and_lists_or_to_nothing(
    keys: tuple[str, ...], found: Any
) -> None:
    value = {"names": [{"first": "Ann"}, {"first": "Lee"}], "text": "abc"}
    assert value_at(value, keys) == found
