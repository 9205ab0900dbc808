"""A person's step: what a refusal costs, and who is meant where the key is not the address."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from target_marketo.delivery.engine import CREATE, UPDATE
from target_marketo.mapping.field_types import Field
from target_marketo.mapping.mapper import Mapper
from target_marketo.marketo.errors import OutcomeUnknown, Rejected, SendFewer
from target_marketo.marketo.replies import Reason, Row
from tests.target_marketo.delivery.bench import FIELDS, Bench
from tests.target_marketo.fake_marketo import FakeMarketo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_marketo.mapping.plan import StreamPlan

ALL_FIELDS = [*FIELDS, Field("company", "string", 255)]
VISITORS = {"email": "email", "firstName": "first_name", "city": "city", "company": "company"}


def plan(key: str = "email", fields: dict[str, Any] | None = None) -> StreamPlan:
    setting = {"visitors": {"key": key, "fields": VISITORS if fields is None else fields}}
    return Mapper(setting, ALL_FIELDS).plan("visitors", {})


@dataclass
class Choosy(FakeMarketo):
    """Refuses a row for the first of these values, and names its field."""

    wrong: dict[str, tuple[str, str]] = field(default_factory=dict)  # value -> code, field

    def _apply(self, action: str, lookup_field: str, row: dict[str, Any]) -> Row:
        for value, (code, name) in self.wrong.items():
            if row.get(name) == value:
                return Row("skipped", reasons=(Reason(code, f"Value for field '{name}' is bad"),))
        return super()._apply(action, lookup_field, row)


def bench_of(marketo: FakeMarketo, **options: Any) -> Bench:
    bench = Bench(marketo, **options)
    bench.plan = plan()
    return bench


def refusals(bench: Bench) -> list[tuple[str, str, str]]:
    return [(each.key.partition("@")[0], each.code, each.part) for each in bench.rejected]


# A refusal costs its field


@pytest.mark.parametrize("action", [CREATE, UPDATE])
def test_a_value_that_is_refused_costs_its_field_and_the_person_arrives(action: str) -> None:
    marketo = Choosy(wrong={"bad": ("1077", "city")})
    if action == UPDATE:
        for name in "abc":
            marketo.add(email=f"{name}@example.com")
    bench = bench_of(marketo)
    for name in "abc":
        city = "bad" if name == "b" else "Rome"
        bench.record(f"{name}@example.com", first_name=name, city=city)
    bench.finish()

    assert {person["firstName"]: person.get("city") for person in marketo.people.values()} == {
        "a": "Rome",
        "b": None,
        "c": "Rome",
    }
    assert bench.letters.arrived_people.count("b@example.com") == 1
    assert marketo.log[-1] == (action, 1)
    assert bench.time < 0.01, "without its field the person goes at once"
    assert bench.bytes == 0


def test_where_that_is_set_a_value_that_is_refused_costs_the_record() -> None:
    bench = bench_of(Choosy(wrong={"bad": ("1077", "city")}), leaves_out=False)
    bench.record("a@example.com", city="bad")
    bench.finish()

    assert refusals(bench) == [("a", "1077", "person")]
    assert bench.everything_settled_once()


def test_the_key_cannot_be_left_out() -> None:
    bench = bench_of(Choosy(wrong={"a@example.com": ("1003", "email")}))
    bench.record("a@example.com", city="Rome")
    bench.record("b@example.com", city="Rome")
    bench.finish()

    assert refusals(bench) == [("a", "1003", "person")]
    assert len(bench.marketo.people) == 1


def test_a_value_of_one_of_several_streams_is_left_out() -> None:
    marketo = Choosy(wrong={"bad": ("1003", "city")})
    bench = bench_of(marketo)
    bench.record("a@example.com", city="bad")
    bench.plan = plan(fields={"email": "email", "firstName": "first_name"})
    bench.record("a@example.com", first_name="Ann")
    bench.finish()

    assert [person.get("firstName") for person in marketo.people.values()] == ["Ann"]


def test_what_an_instance_never_takes_is_left_out_before_it_is_sent() -> None:
    marketo = Choosy(wrong={"ACME": ("1021", "company")})
    bench = bench_of(marketo, batch_size=1)
    for name in "abc":
        bench.record(f"{name}@example.com", company="ACME", city="Rome")
        bench.finish()

    assert [person.get("city") for person in marketo.people.values()] == ["Rome"] * 3
    assert [kind for kind, _ in marketo.log].count(CREATE) == 4, "one was refused, and taught us"


def test_what_is_refused_for_its_value_may_be_sent_with_another() -> None:
    marketo = Choosy(wrong={"bad": ("1077", "city")})
    bench = bench_of(marketo, batch_size=1)
    for name, city in (("a", "bad"), ("b", "Rome")):
        bench.record(f"{name}@example.com", city=city)
        bench.finish()

    assert [person.get("city") for person in marketo.people.values()] == [None, "Rome"]


@pytest.mark.parametrize("leaves_out", [True, False])
def test_what_marketo_would_refuse_is_not_sent(*, leaves_out: bool) -> None:
    marketo = FakeMarketo()
    bench = bench_of(marketo, leaves_out=leaves_out)
    people: Any = bench.loader._steps._people
    people.mapper = Mapper(
        {"visitors": {"fields": VISITORS}}, [*FIELDS[:3], Field("city", "string", 3), ALL_FIELDS[4]]
    )
    bench.record("a@example.com", city="Verona", first_name="Ann")
    bench.finish()

    arrived = [(each["firstName"], each.get("city")) for each in marketo.people.values()]
    assert arrived == ([("Ann", None)] if leaves_out else [])
    assert [kind for kind, _ in marketo.log].count(CREATE) == leaves_out
    assert bool(bench.rejected) is not leaves_out
    if not leaves_out:
        assert refusals(bench) == [("a", "too_long", "person")]
        assert bench.everything_settled_once()


def test_a_call_that_is_refused_is_halved() -> None:
    marketo = FakeMarketo()
    sizes: list[int] = []

    def too_large(kind: str, rows: Sequence[Any]) -> None:
        if kind == CREATE:
            sizes.append(len(rows))
            if len(rows) > 3:
                raise SendFewer("too large", code="413")

    marketo.before = too_large
    bench = bench_of(marketo, max_concurrent=1)
    for number in range(7):
        bench.record(f"p{number}@example.com", first_name="Ann")
    bench.finish()

    assert sorted(sizes) == [2, 2, 3, 4, 7]
    assert bench.everything_settled_once()


def test_a_lookup_of_one_that_may_lack_its_fields_waits_until_that_can_be_asked() -> None:
    marketo = FakeMarketo()
    failing = [True]

    def refuse(kind: str, _rows: Sequence[Any]) -> None:
        if kind == "lookup" and failing[0]:
            raise SendFewer("invalid fields", code="1003")

    asked: list[float] = []

    def ask() -> None:
        asked.append(bench.time)
        failing[0] = len(asked) < 2

    marketo.before = refuse
    bench = bench_of(marketo)
    bench.described.gone = ask  # nothing is gone
    bench.record("a@example.com", first_name="Ann")
    bench.finish()
    assert (asked, [each.key for each in bench.rejected]) == ([0.0], ["a@example.com"])

    bench.time = 10.0
    bench.record("b@example.com", first_name="Bob")
    bench.finish()
    assert asked[:1] == [0.0]
    assert bench.time >= 60.0, "it rested until the fields could be asked for again"


def test_people_who_may_lack_their_fields_rest_until_that_can_be_asked_and_the_run_goes_on() -> (
    None
):
    marketo = FakeMarketo()
    errors = iter(
        [SendFewer("invalid fields", code="1003"), Rejected("no such field", code="1006")]
    )

    def refuse(kind: str, _rows: Sequence[Any]) -> None:
        if kind == "lookup" and (error := next(errors, None)):
            raise error

    marketo.before = refuse
    bench = bench_of(marketo)
    bench.record("a@example.com", first_name="Ann")
    bench.finish()
    bench.time = 10.0  # too early to ask again
    for name in "bc":
        bench.record(f"{name}@example.com", first_name=name)
    bench.finish()

    assert bench.failure is None
    assert {person["firstName"] for person in marketo.people.values()} == {"b", "c"}
    assert bench.time >= 60.0
    assert bench.everything_settled_once()


def test_a_write_that_gets_through_ends_a_standstill() -> None:
    marketo = FakeMarketo()
    answers = iter([True, False] * 4)

    def lose(kind: str, _rows: Sequence[Any]) -> None:
        if kind == CREATE and next(answers, False):
            raise OutcomeUnknown("no reply", code="", at_work_seconds=50.0)

    marketo.before = lose
    bench = bench_of(marketo, outage_patience=60.0, batch_size=1, max_concurrent=1)
    for name in "abcd":
        bench.record(f"{name}@example.com", first_name=name)
        bench.finish()

    assert bench.failure is None
    assert len(marketo.people) == 4
    assert bench.time >= 200.0


# Where the key is not the address


def by_key(marketo: FakeMarketo, **options: Any) -> Bench:
    bench = Bench(marketo, **options)
    bench.plan = plan("externalKey", {"externalKey": "ref", "email": "email", "city": "city"})
    return bench


def test_an_address_that_two_people_of_a_run_would_get_is_the_first_ones() -> None:
    bench = by_key(FakeMarketo())
    bench.record("a@example.com", ref="k-1")
    bench.record("A@example.com", ref="k-2")
    bench.record("b@example.com", ref="k-3")
    bench.finish()

    assert [person["externalKey"] for person in bench.marketo.people.values()] == ["k-1", "k-3"]
    assert [(each.key, each.code) for each in bench.rejected] == [("k-2", "key_conflict")]
    assert bench.everything_settled_once()


def test_an_address_of_somebody_with_another_key_is_theirs() -> None:
    marketo = FakeMarketo()
    marketo.add(email="a@example.com", externalKey="k-9")
    bench = by_key(marketo)
    bench.record("a@example.com", ref="k-1", city="Rome")
    bench.record("b@example.com", ref="k-2", city="Rome")
    bench.finish()

    assert [(each.key, each.code) for each in bench.rejected] == [("k-1", "key_conflict")]
    assert [person.get("city") for person in marketo.people.values()] == [None, "Rome"]
    assert bench.everything_settled_once()


def test_who_has_the_address_and_no_key_gets_the_key() -> None:
    marketo = FakeMarketo()
    marketo.add(email="a@example.com")
    bench = by_key(marketo)
    bench.record("a@example.com", ref="k-1", city="Rome")
    bench.finish()

    assert (marketo.people[1]["externalKey"], marketo.people[1]["city"]) == ("k-1", "Rome")
    assert len(marketo.people) == 1
    assert bench.everything_settled_once()


def test_records_that_come_while_an_address_is_looked_for_are_applied_in_their_order() -> None:
    marketo = FakeMarketo()
    marketo.add(externalKey="k-1", city="Paris")
    bench = by_key(marketo, batch_size=1)
    bench.record("", ref="k-1", city="Rome")
    bench.loader.handle(bench.inbox.get(timeout=10))  # it is looked up, and waits for company
    bench.record("a@example.com", ref="k-1")  # who has the address is asked
    bench.record("", ref="k-1", city="Oslo")
    bench.finish()

    assert (marketo.people[1]["city"], marketo.people[1]["email"]) == ("Oslo", "a@example.com")
    assert bench.everything_settled_once()


def test_who_waits_for_company_does_not_while_their_address_is_looked_for() -> None:
    marketo = FakeMarketo()
    for key in ("k-1", "k-2"):
        marketo.add(externalKey=key, city="Paris")
    bench = by_key(marketo, batch_size=2)
    bench.record("", ref="k-1", city="Rome")
    bench.record("", ref="k-2", city="Paris")  # nothing is to be done
    bench.loader.handle(bench.inbox.get(timeout=10))
    bench.record("a@example.com", ref="k-1")
    bench.record("", ref="k-1", city="Oslo")
    bench.finish()

    assert (marketo.people[1]["city"], marketo.people[1]["email"]) == ("Oslo", "a@example.com")
    assert [call for call in marketo.log if call[0] == UPDATE] == [(UPDATE, 1)]
    assert bench.everything_settled_once()


def test_a_dry_run_tells_what_it_would_write_and_what_it_would_leave(
    capsys: pytest.CaptureFixture[str],
) -> None:
    marketo = FakeMarketo()
    marketo.add(email="same@example.com", firstName="Same")
    marketo.add(email="old@example.com", firstName="Old")
    bench = bench_of(marketo, dry_run=True)
    for name in ("same", "old", "new"):
        bench.record(f"{name}@example.com", first_name=name.capitalize() if name != "old" else "O")
    bench.finish()

    shown = capsys.readouterr().err.splitlines()
    assert [line.rpartition(" ")[0] for line in shown if line.startswith("would leave")] == [
        "would leave s***@e***.com"
    ]
    assert sum(line.startswith("would update o***@e***.com: firstName") for line in shown) == 1
    assert sum(line.startswith("would create n***@e***.com: firstName") for line in shown) == 1
    assert len(marketo.people) == 2
    assert marketo.people[2]["firstName"] == "Old"
