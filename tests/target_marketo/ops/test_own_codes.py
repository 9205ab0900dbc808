"""Our own codes: one table, which tells what they mean, what to do, and whether a replay helps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from target_marketo.mapping.refusals import OWN, Refusal
from target_marketo.mapping.texts import Limit
from target_marketo.marketo.codes import is_documented
from target_marketo.ops.errors_log.shape import explained

from .conftest import failure

if TYPE_CHECKING:
    from .conftest import Ops, Store


@pytest.mark.parametrize("code", Refusal)
def test_each_of_our_codes_is_reported_by_its_own_words(code: Refusal) -> None:
    words = explained(str(code), "the log's own advice")

    assert (words.meaning, words.cure) == (code.meaning, code.cure)
    assert OWN[str(code)] is code
    assert not is_documented(str(code)), "Marketo's codes are another table's"


def test_a_replay_is_not_offered_where_only_the_source_can_mend_it(ops: Ops, store: Store) -> None:
    store.add(failure(code="missing_key"), mapping="another")

    (kind,) = ops.json("errors")
    replay = ops.json("replay", "--dry-run")

    assert (kind["outlook"], kind["replay"]) == ("the same again", "")
    assert replay["sent"] == []
    assert replay["not_sent"][0]["reason"] == Refusal.MISSING_KEY.meaning


@pytest.mark.parametrize(
    ("limit", "text", "told"),
    [
        (Limit(characters=255), "x" * 300, "300 characters, 255 allowed"),
        (Limit(characters=3), "💬💬", "4 characters, 3 allowed"),
        (Limit(bytes=3), "éé", "4 bytes, 3 allowed"),
    ],
)
def test_what_is_too_long_is_reported_with_both_lengths(limit: Limit, text: str, told: str) -> None:
    assert limit.over(text) == told
