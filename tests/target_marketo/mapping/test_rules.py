"""The decision model, as a table and as a law: folding records changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_marketo.mapping.rules import (
    Decision,
    Duplicates,
    Rule,
    Rules,
    Step,
    Update,
    WhenFull,
    Write,
    apply,
    decide,
    fold,
)
from target_marketo.mapping.texts import Limit
from target_marketo.mapping.values import Kind, is_empty

T, N, B, D, E = Kind.TEXT, Kind.NUMBER, Kind.BOOLEAN, Kind.DATETIME, Kind.EMAIL

# write, kind, Marketo's value, the record's value -> what is written (None: nothing)
TABLE: list[tuple[Write, Kind, Any, Any, Any]] = [
    (Write.ALWAYS, T, None, "new", "new"),
    (Write.ALWAYS, T, "old", "new", "new"),
    (Write.ALWAYS, T, "same", "same", None),
    (Write.ALWAYS, E, "ann@example.com", "Ann@Example.com", None),
    (Write.ALWAYS, N, 34.5, 34.50, None),
    (Write.ALWAYS, N, 7, 7.0, None),
    (Write.ALWAYS, B, False, True, True),
    (Write.ALWAYS, D, "2026-01-01T10:00:00Z", "2026-01-01T11:00:00+01:00", None),
    (Write.IF_EMPTY, T, None, "new", "new"),
    (Write.IF_EMPTY, T, "", "new", "new"),
    (Write.IF_EMPTY, T, "old", "new", None),
    (Write.IF_EMPTY, N, 0, 5, None),
    (Write.ON_CREATE, T, None, "new", None),
    (Write.ON_CREATE, T, "old", "new", None),
    (Write.GREATEST, N, 3, 5, 5),
    (Write.GREATEST, N, 10, 9, None),
    (Write.GREATEST, D, None, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
    # As strings the second would be the greater one.
    (Write.GREATEST, D, "2026-01-01T10:00:00Z", "2026-01-01T10:30:00+01:00", None),
    (Write.GREATEST, D, "2026-01-01T10:00:00Z", "2026-01-01T10:00:01Z", "2026-01-01T10:00:01Z"),
    (Write.GREATEST, N, "not a number", 5, None),
    # Marketo holds the edge of the calendar, with another offset.
    (
        Write.GREATEST,
        D,
        "0001-01-01T00:00:00+05:00",
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00Z",
    ),
    (Write.GREATEST, D, "9999-12-31T23:59:59-05:00", "2026-01-01T00:00:00Z", None),
    (Write.ALWAYS, D, "9999-12-31T23:59:59-05:00", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
    (Write.LEAST, N, 3, 5, None),
    (Write.LEAST, N, 3, 1, 1),
    (Write.APPEND, T, None, ("a",), "a"),
    (Write.APPEND, T, "a;b", ("b", "c"), "a;b;c"),
    (Write.APPEND, T, "a; b", ("b",), None),
    (Write.APPEND, T, "a;b", ("a;b",), None),
    (Write.APPEND, T, "b", ("a; b", "c;", "a"), "b;a;c"),
]


def one_rule(write: Write, kind: Kind = T, group: str | None = None) -> Rules:
    return Rules((Rule("field", write, kind, group),))


@pytest.mark.parametrize(("write", "kind", "held", "brought", "written"), TABLE)
def test_a_field_of_a_known_person(
    write: Write, kind: Kind, held: Any, brought: Any, written: Any
) -> None:
    step = Step(one_rule(write, kind), {"field": brought})

    decision = decide([step], [{"id": 1, "field": held}])

    expected = (Update(1, {"field": written}),) if written is not None else ()
    assert decision.updates == expected


@pytest.mark.parametrize("write", Write)
def test_a_new_person_gets_every_field(write: Write) -> None:
    value = ("x",) if write is Write.APPEND else "x"

    decision = decide([Step(one_rule(write), {"field": value})], [])

    assert decision.create == {"field": "x"}


GEOGRAPHY = Rules(
    (
        Rule("city", Write.IF_EMPTY, group="geography"),
        Rule("country", Write.IF_EMPTY, group="geography"),
    )
)


@pytest.mark.parametrize(
    ("held", "written", "kept"),
    [
        ({"city": None, "country": None}, {"city": "Rome", "country": "Italy"}, ()),
        ({"city": "", "country": None}, {"city": "Rome", "country": "Italy"}, ()),
        ({"city": None, "country": "France"}, {}, ("city", "country")),
        ({"city": "Paris", "country": None}, {}, ("city", "country")),
        ({"city": "Rome", "country": "France"}, {}, ("country",)),
    ],
)
def test_a_group_is_written_as_a_whole_or_not_at_all(
    held: dict[str, Any], written: dict[str, Any], kept: tuple[str, ...]
) -> None:
    step = Step(GEOGRAPHY, {"city": "Rome", "country": "Italy"})

    decision = decide([step], [{"id": 1, **held}])

    assert decision == Decision(updates=(Update(1, written),) if written else (), kept=kept)


def test_a_record_without_a_value_leaves_the_field_alone() -> None:
    assert decide([Step(one_rule(Write.ALWAYS), {})], [{"id": 1, "field": "old"}]) == Decision()


def test_none_clears_what_is_there_and_nothing_else() -> None:
    clear = Step(one_rule(Write.ALWAYS), {"field": None})

    assert decide([clear], [{"id": 1, "field": "old"}]).updates == (Update(1, {"field": None}),)
    assert decide([clear], [{"id": 1, "field": None}]) == Decision()
    assert decide([clear], []).create == {}


@pytest.mark.parametrize(
    ("policy", "written"),
    [
        (Duplicates.NEWEST, [12]),
        (Duplicates.OLDEST, [3]),
        (Duplicates.ALL, [7, 3, 12]),
        (Duplicates.REJECT, []),
    ],
)
def test_duplicates_are_chosen_by_id(policy: Duplicates, written: list[int]) -> None:
    leads = [{"id": number, "field": "old"} for number in (7, 3, 12)]

    decision = decide([Step(one_rule(Write.ALWAYS), {"field": "new"})], leads, policy)

    assert [update.lead_id for update in decision.updates] == written
    assert decision.too_many == (3 if policy is Duplicates.REJECT else 0)


# The law. Fields of each kind of rule, records that bring some of them, and any person.
_TEXTS = st.sampled_from(["", "a", "b", "c"]).map(lambda text: text or None)
_ALL = Rules(
    (
        Rule("always", Write.ALWAYS),
        Rule("if_empty", Write.IF_EMPTY),
        Rule("on_create", Write.ON_CREATE),
        Rule("greatest", Write.GREATEST, N),
        Rule("least", Write.LEAST, N),
        Rule("append", Write.APPEND),
        Rule("one", Write.IF_EMPTY, group="g"),
        Rule("two", Write.IF_EMPTY, group="g"),
        Rule("full", Write.APPEND, limit=Limit(characters=5)),
        Rule("last", Write.GREATEST, N, group="chat"),
        Rule("topic", Write.NEWEST, group="chat"),
        Rule("rating", Write.NEWEST, group="chat"),
    )
)
_LISTS = st.lists(st.sampled_from(["a", "bb", "ccc", "dddddd"]), min_size=1).map(tuple)


def _known_when(record: dict[str, Any]) -> dict[str, Any]:
    """As a plan makes it: without the `greatest` field of a group, the `newest` say nothing."""
    led = {"topic", "rating"} if "last" not in record else set()
    return {name: value for name, value in record.items() if name not in led}


_RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "always": _TEXTS,
        "if_empty": st.sampled_from("abc"),
        "on_create": st.sampled_from("abc"),
        "greatest": st.integers(-2, 2),
        "least": st.integers(-2, 2),
        "append": st.lists(st.sampled_from(["a", "b", "c", "a;b", ";c"]), min_size=1).map(tuple),
        "one": st.sampled_from("abc"),
        "two": st.sampled_from("abc"),
        "full": _LISTS,
        "last": st.integers(-2, 2),
        "topic": st.sampled_from("abc"),
        "rating": _TEXTS,
    },
).map(_known_when)
_PEOPLE = st.fixed_dictionaries(
    {
        "always": _TEXTS,
        "if_empty": _TEXTS,
        "on_create": _TEXTS,
        "greatest": st.none() | st.integers(-2, 2),
        "least": st.none() | st.integers(-2, 2),
        "append": st.sampled_from([None, "a", "a;b", "c; a"]),
        "one": _TEXTS,
        "two": _TEXTS,
        "full": st.sampled_from([None, "a", "bb;a", "ccc"]),
        "last": st.none() | st.integers(-2, 2),
        "topic": _TEXTS,
        "rating": _TEXTS,
    }
)


@given(st.lists(_RECORDS, min_size=1, max_size=6), st.none() | _PEOPLE, st.data())
def test_folding_records_has_the_effect_of_applying_them_one_by_one(
    records: list[dict[str, Any]], person: dict[str, Any] | None, data: st.DataObject
) -> None:
    after: dict[str, Any] = dict(person or {})
    for position, record in enumerate(records):
        apply(Step(_ALL, record), after, new=person is None and position == 0)
    # The records come in batches, cut anywhere, each folded into one step.
    folded: list[Step] = []
    for record in records:
        together: bool = data.draw(st.booleans())
        if folded and together:
            folded[-1] = Step(_ALL, fold(_ALL, folded[-1].values, record))
        else:
            folded.append(Step(_ALL, record))

    decision = decide(folded, [] if person is None else [{"id": 1, **person}])

    if person is None:
        filled = {name: value for name, value in after.items() if not is_empty(value)}
        assert decision.create == filled
    else:
        written = dict(decision.updates[0].values) if decision.updates else {}
        assert {**person, **written} == after


@given(st.lists(_RECORDS, min_size=1, max_size=4), _PEOPLE)
def test_what_was_written_is_not_written_again(
    records: list[dict[str, Any]], person: dict[str, Any]
) -> None:
    steps = [Step(_ALL, record) for record in records]
    first = decide(steps, [{"id": 1, **person}])
    after = {**person, **(first.updates[0].values if first.updates else {})}

    # Always-fields of an earlier record would be set and set back; the last one settles them.
    again = decide(steps, [{"id": 1, **after}])

    assert again.updates == ()


@given(st.lists(_RECORDS, min_size=1, max_size=4))
def test_who_was_created_is_not_written_again(records: list[dict[str, Any]]) -> None:
    # What only a creation, or an empty field, takes may be set by any of the records.
    step = Step(_ALL, records[0])
    for record in records[1:]:
        step = Step(_ALL, fold(_ALL, step.values, record))
    created = decide([step], []).create

    assert created is not None
    assert decide([step], [{"id": 1, **created}]).updates == ()


CHAT = Rules(
    (
        Rule("last", Write.GREATEST, D, group="chat"),
        Rule("topic", Write.NEWEST, group="chat"),
    )
)


@pytest.mark.parametrize(
    ("held_at", "came_at", "written"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", {"last", "topic"}),
        ("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z", set()),
        ("2026-01-02T00:00:00Z", "2026-01-02T00:00:00Z", set()),
        (None, "2026-01-01T00:00:00Z", {"last", "topic"}),
    ],
)
def test_a_newest_field_is_written_when_the_greatest_of_its_group_is(
    held_at: str | None, came_at: str, written: set[str]
) -> None:
    lead = {"id": 1, "last": held_at, "topic": "Sales"}

    decision = decide([Step(CHAT, {"last": came_at, "topic": "Support"})], [lead])

    assert set(decision.updates[0].values if decision.updates else {}) == written
    assert ("topic" in decision.kept) == (not written)


def _full(when_full: WhenFull) -> Rules:
    return Rules((Rule("tags", Write.APPEND, limit=Limit(characters=5), when_full=when_full),))


@pytest.mark.parametrize(
    ("when_full", "held", "came", "written"),
    [
        (WhenFull.LEAVE, "a;b", ("c", "d"), "a;b;c"),
        (WhenFull.LEAVE, "a;b;c", ("d",), None),
        (WhenFull.LEAVE, None, ("toolong", "a"), "a"),
        (WhenFull.DROP_OLDEST, "a;b;c", ("d",), "b;c;d"),
        (WhenFull.DROP_OLDEST, "a;b;c", ("long5",), "long5"),
        (WhenFull.DROP_OLDEST, "a;b", ("toolong",), None),
        (WhenFull.DROP_OLDEST, "a;b;c", ("b",), None),
    ],
)
def test_a_full_list_leaves_the_new_or_drops_the_old(
    when_full: WhenFull, held: str | None, came: tuple[str, ...], written: str | None
) -> None:
    decision = decide([Step(_full(when_full), {"tags": came})], [{"id": 1, "tags": held}])

    assert [each.values["tags"] for each in decision.updates] == ([written] if written else [])


@given(st.lists(_LISTS, min_size=1, max_size=4), st.sampled_from([None, "a", "a;bb", "ccc"]))
def test_folding_keeps_what_a_list_that_drops_its_oldest_comes_to(
    came: list[tuple[str, ...]], held: str | None
) -> None:
    rules = _full(WhenFull.DROP_OLDEST)
    after: dict[str, Any] = {"tags": held}
    folded: dict[str, Any] = {"tags": came[0]}
    for items in came:
        apply(Step(rules, {"tags": items}), after, new=False)
    for items in came[1:]:
        folded = fold(rules, folded, {"tags": items})

    (written,) = decide([Step(rules, folded)], [{"id": 1, "tags": held}]).updates or (None,)

    assert (written.values["tags"] if written else held) == after["tags"]


@pytest.mark.parametrize(
    ("write", "value", "kept"),
    [
        (Write.IF_EMPTY, "new", ("field",)),
        (Write.IF_EMPTY, "old", ()),
        (Write.LEAST, "p", ("field",)),
        (Write.ON_CREATE, "new", ()),
        (Write.ALWAYS, "new", ()),
    ],
)
def test_a_value_that_gave_way_to_marketos_is_reported(
    write: Write, value: str, kept: tuple[str, ...]
) -> None:
    rules = Rules((Rule("field", write),))

    decision = decide([Step(rules, {"field": value})], [{"id": 1, "field": "old"}])

    assert decision.kept == kept
