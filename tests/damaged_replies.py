"""Values and replies as no documentation has them: good ones with a part exchanged, cut, torn."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["\x00", "\ud800", 2**64, 1e400, "9" * 400, 10**300]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def changed(draw: st.DrawFn, good: Any) -> Any:
    """The good value with up to two parts exchanged."""
    value = json.loads(json.dumps(good))
    for _ in range(draw(st.integers(0, 2))):
        parent, key = draw(st.sampled_from(list(_places(value))))
        parent[key] = draw(JSON)
    return value


@st.composite
def damaged(draw: st.DrawFn, good: Any) -> bytes:
    """As `changed`, written down; and then whole, cut, or with bytes put in."""
    return draw(torn(json.dumps(draw(changed(good))).encode()))


@st.composite
def torn(draw: st.DrawFn, written: bytes) -> bytes:
    """The bytes whole, cut, with others put in, or nested without end."""
    place = draw(st.integers(0, len(written)))
    match draw(st.sampled_from(["whole", "cut", "filled", "deep"])):
        case "cut":
            return written[:place]
        case "filled":
            return written[:place] + draw(st.binary(max_size=4)) + written[place:]
        case "deep":
            return written[:place] + b"[" * 5000 + written[place:]
    return written


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every member and item of a value, as what holds it and where."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in pairs:
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)
