"""What adds nothing to what was said of a person a moment before, and how much is remembered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_marketo.delivery.entry import Entry
from target_marketo.delivery.known import Known, adds_nothing, is_fresh
from target_marketo.mapping.rules import Rule, Rules, Step, Write, decide, fold
from target_marketo.mapping.values import Kind

# The law. Two streams with any rules, records of theirs as they are folded, and any person.
_ALONE = {
    "text": [Rule("text", write) for write in (Write.ALWAYS, Write.IF_EMPTY, Write.ON_CREATE)],
    "list": [Rule("list", write) for write in (Write.ALWAYS, Write.APPEND)],
    "number": [
        Rule("number", write, Kind.NUMBER) for write in (Write.ALWAYS, Write.GREATEST, Write.LEAST)
    ],
}
_TOGETHER = [
    (Rule("one", Write.IF_EMPTY, group="g"), Rule("two", Write.IF_EMPTY, group="g")),
    (Rule("one", Write.GREATEST, Kind.NUMBER, group="g"), Rule("two", Write.NEWEST, group="g")),
    (Rule("one", Write.ALWAYS), Rule("two", Write.ALWAYS)),
]
_STREAMS = st.builds(
    lambda alone, together: Rules((*alone.values(), *together)),
    st.fixed_dictionaries({}, optional={n: st.sampled_from(each) for n, each in _ALONE.items()}),
    st.sampled_from(_TOGETHER),
)
_HELD = st.fixed_dictionaries(
    {name: st.sampled_from([None, "a", "b"]) for name in ("text", "list", "two")}
    | {name: st.sampled_from([None, 0, 1]) for name in ("number", "one")}
)


def _value(rule: Rule) -> st.SearchStrategy[Any]:
    if rule.write is Write.APPEND:
        return st.lists(st.sampled_from("ab"), min_size=1).map(tuple)
    if rule.kind is Kind.NUMBER or rule.field == "one":
        return st.integers(-1, 1)
    clears = rule.write in (Write.ALWAYS, Write.NEWEST)
    return st.sampled_from([None, "a", "b"] if clears else ["a", "b"])


def _values(rules: Rules, data: st.DataObject) -> dict[str, Any]:
    said = st.fixed_dictionaries({}, optional={rule.field: _value(rule) for rule in rules.all})
    values: dict[str, Any] = data.draw(said)
    if rules.newest and "one" not in values:
        values.pop("two", None)  # how new it is is not known
    return values


@given(st.tuples(_STREAMS, _STREAMS), st.none() | _HELD, st.data())
def test_what_adds_nothing_would_write_nothing(
    streams: tuple[Rules, Rules], held: dict[str, Any] | None, data: st.DataObject
) -> None:
    said: list[Step] = []
    for rules in data.draw(st.lists(st.sampled_from(streams), max_size=4)):
        step = Step(rules, _values(rules, data))
        if said and said[-1].rules is rules:
            said[-1] = Step(rules, fold(rules, said[-1].values, step.values))
        else:
            said.append(step)
    first = decide(said, [] if held is None else [{"id": 1, **held}])
    there = {"id": 1, **(first.create or held or {})}
    for update in first.updates:
        there |= update.values
    rules = data.draw(st.sampled_from(streams))
    step = Step(rules, _values(rules, data))

    if adds_nothing(said, step):
        assert decide([step], [there]).updates == ()


SOME = Rules((Rule("email", Write.ON_CREATE), Rule("city", Write.IF_EMPTY)))
SAME_FIELD = Rules((Rule("email", Write.ON_CREATE), Rule("city", Write.ALWAYS)))
OTHER_FIELD = Rules((Rule("email", Write.ON_CREATE), Rule("firstName", Write.ALWAYS)))
SAID = Rules((Rule("email", Write.ALWAYS),))
EMAIL, ROME, OSLO, ANN = {"email": "a"}, {"city": "Rome"}, {"city": "Oslo"}, {"firstName": "Ann"}


@pytest.mark.parametrize(
    ("said", "says", "nothing"),
    [
        ([], (SOME, EMAIL), True),
        ([], (SOME, ROME), False),
        ([(SAID, EMAIL), (SOME, EMAIL)], (SAID, EMAIL), True),
        ([(SOME, ROME)], (SOME, ROME), True),
        ([(SOME, ROME)], (SOME, OSLO), True),
        ([(SAME_FIELD, ROME)], (SAME_FIELD, ROME), True),
        ([(SAME_FIELD, ROME)], (SAME_FIELD, OSLO), False),
        ([(SOME, EMAIL)], (SOME, ROME), False),
        ([(SAME_FIELD, ROME)], (SOME, ROME), False),
        ([(SOME, ROME), (OTHER_FIELD, ANN)], (SOME, ROME), True),
        ([(OTHER_FIELD, ANN), (SOME, ROME)], (OTHER_FIELD, ANN), True),
        ([(SAME_FIELD, ROME), (SOME, ROME)], (SAME_FIELD, ROME), False),
        ([(SAME_FIELD, ROME), (OTHER_FIELD, ANN), (SAME_FIELD, OSLO)], (SAME_FIELD, ROME), False),
        ([(SAME_FIELD, ROME), (OTHER_FIELD, ANN), (SAME_FIELD, OSLO)], (SAME_FIELD, OSLO), True),
    ],
)
def test_only_what_was_said_by_its_own_stream_and_touched_by_no_other_adds_nothing(
    said: list[tuple[Rules, Any]], says: tuple[Rules, Any], *, nothing: bool
) -> None:
    assert adds_nothing([Step(*each) for each in said], Step(*says)) is nothing


@pytest.mark.parametrize(("later", "fresh"), [(0.0, True), (60.0, True), (60.5, False)])
def test_what_was_seen_counts_for_a_minute(later: float, *, fresh: bool) -> None:
    assert is_fresh(7_000.0, 7_000.0 + later) is fresh


# What is remembered is bounded.


def _entry(number: int, **values: Any) -> Entry:
    person = ("email", f"p{number}@example.com")
    steps = [Step(SAME_FIELD, values or ROME)]
    return Entry(person=person, key=person[1], lead_id=number, steps=steps, weight=2_000)


@pytest.mark.parametrize(("people", "city"), [(12_000, "Rome"), (100, "x" * 1_000_000)])
def test_of_the_last_people_alone_is_remembered_what_was_said(people: int, city: str) -> None:
    known = Known(lambda: 0.0)
    for number in range(people):
        known.said([_entry(number, city=city)])
    remembered = [each for each in range(people) if known.says_nothing_new(_entry(each, city=city))]

    most = min(10_000, 16_000_000 // len(city))
    assert most // 2 <= len(remembered) <= most
    assert remembered[-1] == people - 1
    assert remembered == list(range(remembered[0], people))


def test_who_is_looked_up_is_forgotten_however_often_remembered() -> None:
    known = Known(lambda: 0.0)
    ours, others = _entry(0), [_entry(number) for number in range(1, 5_001)]
    for entries in ([ours], others, [ours]):
        known.said(entries)
    assert known.says_nothing_new(ours)
    known.will_be_looked_up(ours.person)
    assert known.says_nothing_new(ours)
    known.forget_what_was_said()

    assert not known.says_nothing_new(ours)
    assert known.says_nothing_new(others[-1])


def test_what_was_said_last_counts() -> None:
    known = Known(lambda: 0.0)
    known.said([_entry(0, city="Rome"), *(_entry(number) for number in range(1, 5_001))])
    known.said([_entry(0, city="Oslo")])

    assert known.says_nothing_new(_entry(0, city="Oslo"))
    assert not known.says_nothing_new(_entry(0, city="Rome"))


def test_nothing_is_remembered_of_who_is_not_there() -> None:
    known = Known(lambda: 0.0)
    nobody = _entry(0)
    nobody.lead_id = None
    known.said([nobody])

    assert not known.says_nothing_new(nobody)


def test_of_somebody_with_steps_of_several_streams_each_has_to_say_nothing_new() -> None:
    known = Known(lambda: 0.0)
    nobody, ours = _entry(1), _entry(0)
    nobody.lead_id = None
    known.said([nobody, ours])
    news = _entry(0)
    news.steps = [Step(SAME_FIELD, ROME), Step(OTHER_FIELD, ANN)]

    assert known.says_nothing_new(ours)
    assert not known.says_nothing_new(news)


def test_lists_count_as_long_as_they_are_written() -> None:
    known = Known(lambda: 0.0)
    items = tuple("x" * 1_000 for _ in range(1_000))
    for number in range(30):
        known.said([_entry(number, city=items)])

    assert known.says_nothing_new(_entry(29, city=items))
    assert not known.says_nothing_new(_entry(0, city=items))


def test_the_ids_that_were_told_last_are_kept() -> None:
    known = Known(lambda: 0.0)
    for number in range(50_000):
        known.has_lead(("email", str(number)), number)
    known.has_lead(("email", "0"), 0)
    assert known.lead(("email", "1")) == 1
    known.has_lead(("email", "another"), 7)

    assert known.lead(("email", "1")) is None
    assert [known.lead(("email", each)) for each in ("0", "2", "another")] == [0, 2, 7]


def test_an_id_that_has_gone_is_nobodys() -> None:
    known = Known(lambda: 0.0)
    known.has_lead(("email", "a"), 7)
    assert known.lead(("email", "a")) == 7
    known.has_gone(("email", "a"))

    assert known.lead(("email", "a")) is None
