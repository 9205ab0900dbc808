"""Values of records in the forms that Marketo documents."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_marketo.mapping.field_types import converter, items, text_that_fits
from target_marketo.mapping.refusals import Unfit
from target_marketo.mapping.texts import TEXT_BYTES, Limit, limit_of

FITS: list[tuple[str, Any, Any]] = [
    ("string", " Ann ", "Ann"),
    ("string", "", None),
    ("string", "   ", None),
    ("string", 12, "12"),
    ("string", True, "true"),
    ("string", ["a", None, "b"], "a;b"),
    ("text", "x" * TEXT_BYTES, "x" * TEXT_BYTES),
    ("email", " Ann@Example.com ", "Ann@Example.com"),
    ("email", "a.b+c@sub.example.org", "a.b+c@sub.example.org"),
    ("email", "", None),
    ("email", f"{'a' * 64}@example.com", f"{'a' * 64}@example.com"),
    ("email", "a@example.com", "a@example.com"),
    ("integer", 2**31 - 1, 2**31 - 1),
    ("integer", 1 - 2**31, 1 - 2**31),
    ("string", [[[[[[[["a"]]]]]]]], "a"),
    ("integer", "42", 42),
    ("integer", Decimal(42), 42),
    ("integer", 42.0, 42),
    ("score", 7, 7),
    ("percent", "50", 50),
    ("float", "34.66", 34.66),
    ("currency", Decimal("34.66"), 34.66),
    ("currency", "", None),
    ("boolean", True, True),
    ("boolean", "no", False),
    ("date", "2026-08-30", "2026-08-30"),
    ("date", "2026-08-30T23:30:00-05:00", "2026-08-30"),
    ("date", "1990-05-10T00:00:00+02:00", "1990-05-10"),
    ("date", 1701123100, "2023-11-27"),
    ("date", "0001-01-01T00:00:00+05:00", "0001-01-01"),
    ("datetime", 1701123100000, "2023-11-27T22:11:40Z"),
    ("datetime", "1701123100", "2023-11-27T22:11:40Z"),
    ("datetime", 10**9, "2001-09-09T01:46:40Z"),
    ("datetime", 10**10 - 1, "2286-11-20T17:46:39Z"),
    ("datetime", 10**12, "2001-09-09T01:46:40Z"),
    ("datetime", 10**13 - 1, "2286-11-20T17:46:39Z"),
    ("datetime", 10**15, "2001-09-09T01:46:40Z"),
    ("datetime", 10**16 - 1, "2286-11-20T17:46:39Z"),
    ("date", date(2026, 8, 30), "2026-08-30"),
    ("date", datetime(2026, 8, 30, 23, 30, tzinfo=timezone(timedelta(hours=-5))), "2026-08-30"),
    ("datetime", date(2026, 8, 30), "2026-08-30T00:00:00Z"),
    ("datetime", datetime(2026, 8, 30, 5), "2026-08-30T05:00:00Z"),  # noqa: DTZ001 - has none
    (
        "datetime",
        datetime(2026, 8, 30, 23, tzinfo=timezone(timedelta(hours=-5))),
        "2026-08-31T04:00:00Z",
    ),
    ("datetime", 1701123100.75, "2023-11-27T22:11:40Z"),
    ("datetime", "2026-08-30T05:49:48Z+0000", "2026-08-30T05:49:48Z"),
    ("datetime", "2026-08-30", "2026-08-30T00:00:00Z"),
    ("string", 103.0, "103"),
    ("string", Decimal("103.0"), "103"),
    ("string", 103.5, "103.5"),
    ("datetime", "2026-08-30T05:49:48.123456Z", "2026-08-30T05:49:48Z"),
    ("datetime", "2026-08-30T07:49:48.123456+02:00", "2026-08-30T05:49:48Z"),
    ("datetime", "2026-08-30T05:49:48", "2026-08-30T05:49:48Z"),
    ("datetime", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    ("datetime", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
    ("datetime", "  ", None),
    ("date", "  ", None),
    ("date", "0001-01-01", "0001-01-01"),
]

UNFIT: list[tuple[str, Any, str]] = [
    ("string", "x" * 256, "too_long"),
    ("string", {"nested": 1}, "wrong_type"),
    ("text", "é" * (TEXT_BYTES // 2 + 1), "too_long"),
    ("email", "john@", "invalid_email"),
    ("email", "a b@example.com", "invalid_email"),
    ("email", "a,b@example.com", "invalid_email"),
    ("email", "jürgen@example.com", "invalid_email"),
    ("email", "ann@exämple.com", "invalid_email"),
    ("email", "a..b@example.com", "invalid_email"),
    ("email", ".a@example.com", "invalid_email"),
    ("email", "a.@example.com", "invalid_email"),
    ("email", "a@b@example.com", "invalid_email"),
    ("email", "ann@example", "invalid_email"),
    ("email", "@example.com", "invalid_email"),
    ("email", f"{'a' * 65}@example.com", "invalid_email"),
    ("email", "ann@-example.com", "invalid_email"),
    ("email", "ann@example.com\nbcc: x", "invalid_email"),
    ("email", 12, "invalid_email"),
    ("integer", "14c", "wrong_type"),
    ("integer", 14.1, "wrong_type"),
    ("integer", True, "wrong_type"),
    ("integer", 2**31, "wrong_type"),
    ("integer", -(2**31), "wrong_type"),
    ("string", [[[[[[[[["a"]]]]]]]]], "wrong_type"),
    ("float", float("nan"), "wrong_type"),
    ("float", "1e999", "wrong_type"),
    ("percent", "100%", "wrong_type"),
    ("boolean", "other", "wrong_type"),
    ("date", "yesterday", "wrong_type"),
    ("date", "2026-02-30", "wrong_type"),
    ("datetime", "yesterday", "wrong_type"),
    # In UTC beyond the calendar.
    ("datetime", "0001-01-01T00:00:00+05:00", "wrong_type"),
    ("datetime", "9999-12-31T23:59:59-05:00", "wrong_type"),
    # A number is an epoch or nothing, and never a year.
    ("datetime", 2023, "wrong_type"),
    *(
        ("datetime", number, "wrong_type")
        for number in (10**9 - 1, 10**10, 10**12 - 1, 10**13, 10**15 - 1, 10**16)
    ),
    ("datetime", "1999", "wrong_type"),
    ("date", 20231127, "wrong_type"),
    ("date", 1.5, "wrong_type"),
    ("datetime", True, "wrong_type"),
    ("datetime", ["2026-08-30"], "wrong_type"),
    ("boolean", 2, "wrong_type"),
    ("boolean", [], "wrong_type"),
    # Half of the characters of a string that Java counts.
    ("string", "\U0001f600" * 128, "too_long"),
    ("integer", "1_000", "wrong_type"),
    ("float", "1_000.5", "wrong_type"),
]


@pytest.mark.parametrize(("data_type", "value", "expected"), FITS)
def test_a_value_that_fits(data_type: str, value: Any, expected: Any) -> None:
    convert = converter(data_type, limit_of(data_type, None, truncate=False))

    assert convert(value) == expected


def test_a_boolean_is_read_as_people_write_it() -> None:
    convert = converter("boolean", Limit())

    assert all(convert(value) is True for value in ("Y", "yes", "on", "t", "TRUE", "1", 1, 1.0))
    assert all(convert(value) is False for value in ("N", "no", "off", "f", "0.0", 0, 0.0))


@pytest.mark.parametrize(("data_type", "value", "code"), UNFIT)
def test_a_value_that_does_not_fit(data_type: str, value: Any, code: str) -> None:
    convert = converter(data_type, limit_of(data_type, None, truncate=False))

    with pytest.raises(Unfit) as refused:
        convert(value)

    assert refused.value.code == code
    assert str(value)[:20] not in str(refused.value), "the reason must not repeat the value"


def test_a_long_text_is_cut_where_that_is_asked_for() -> None:
    assert converter("string", Limit(characters=3, truncate=True))("äöüx") == "äöü"
    # A character of three bytes is not cut in half.
    assert converter("text", Limit(bytes=4, truncate=True))("€€") == "€"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([None, "a", " ", 2], ("a", "2")),
        ([None], ()),
        ("a", ("a",)),
    ],
)
def test_a_list_gives_the_items_that_say_something(value: Any, expected: tuple[str, ...]) -> None:
    assert items(value) == expected


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
).filter(lambda value: value is not None)


@given(
    st.sampled_from(["string", "text", "email", "integer", "float", "boolean", "date", "datetime"]),
    ANYTHING,
)
def test_any_value_either_fits_or_is_refused(data_type: str, value: Any) -> None:
    convert = converter(data_type, limit_of(data_type, None, truncate=False))
    try:
        first = convert(value)
    except Unfit:
        return

    if first is not None:
        assert convert(first) == first, "a converted value is in its final form"


@given(
    st.sampled_from(["string", "text", "url", "phone", "email", "integer", "date", "boolean"]),
    st.booleans(),
    st.text(alphabet="a \t€\U0001f600", max_size=12),
)
def test_a_text_that_fits_is_only_stripped(data_type: str, truncate: bool, text: str) -> None:  # noqa: FBT001 - drawn
    limit = Limit(bytes=20, truncate=truncate) if data_type == "text" else Limit(8)

    if len(text) <= text_that_fits(data_type, limit):
        assert converter(data_type, limit)(text) == (text.strip() or None)
    assert data_type in {"string", "text", "url", "phone"} or text_that_fits(data_type, limit) < 0
