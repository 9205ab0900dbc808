"""How long a text is, as Marketo measures it, and what is left of one that is too long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_marketo.mapping.texts import Limit, limit_of

EMOJI = "\U0001f600"  # two UTF-16 units, four bytes


@pytest.mark.parametrize(
    ("limit", "text", "fits", "over"),
    [
        (Limit(3), "abc", True, "3 characters, 3 allowed"),
        (Limit(3), "abcd", False, "4 characters, 3 allowed"),
        (Limit(3), "äöü", True, "3 characters, 3 allowed"),
        (Limit(3), EMOJI * 2, False, "4 characters, 3 allowed"),
        (Limit(4), EMOJI * 2, True, "4 characters, 4 allowed"),
        (Limit(bytes=4), "€€", False, "6 bytes, 4 allowed"),
        (Limit(bytes=6), "€€", True, "6 bytes, 6 allowed"),
        (Limit(3, 3), "€", True, "1 characters, 3 allowed"),
        (Limit(3, 3), "€€", False, "2 characters, 3 allowed"),
    ],
)
def test_a_text_is_measured_as_its_field_is(
    limit: Limit,
    text: str,
    fits: bool,  # noqa: FBT001
    over: str,
) -> None:
    assert limit.fits(text) is fits
    assert limit.over(text) == over


@pytest.mark.parametrize(
    ("limit", "text", "cut"),
    [
        (Limit(3), "abc", "abc"),
        (Limit(3), "abcd", "abc"),
        (Limit(3), EMOJI * 2, EMOJI),
        (Limit(4), EMOJI * 2, EMOJI * 2),
        (Limit(bytes=5), "€€", "€"),
        (Limit(4), "abc def", "abc"),
        (Limit(4, 3), "€€", "€"),
    ],
)
def test_no_character_is_cut_in_half(limit: Limit, text: str, cut: str) -> None:
    assert limit.cut(text) == cut


@given(
    st.builds(Limit, st.integers(0, 9) | st.none(), st.integers(0, 20)),
    st.text(alphabet=f"a €{EMOJI}", max_size=12),
)
def test_what_surely_fits_fits_and_so_does_what_was_cut(limit: Limit, text: str) -> None:
    assert limit.fits(limit.cut(text))
    if len(text) <= limit.surely_fits:
        assert limit.fits(text)


def test_the_limits_are_those_that_adobe_documents() -> None:
    assert limit_of("text", 9) == Limit(bytes=30_000)
    assert limit_of("string", None) == Limit(255)
    assert limit_of("string", 50, truncate=True) == Limit(50, truncate=True)
    assert not limit_of("string", 50).truncate
    assert not Limit().truncate
    assert (Limit(10).surely_fits, Limit(bytes=10).surely_fits, Limit(10, 8).surely_fits) == (
        5,
        2,
        2,
    )
