"""A run takes in anything at all: no traceback, and every record is accounted for."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from target_marketo.mapping.field_types import Field
from target_marketo.problems import SettingError
from target_marketo.settings import Settings
from target_marketo.singer.run import Run
from target_marketo.singer.run_end import Stop
from target_marketo.store.cache import Cache
from target_marketo.store.database import open_database
from target_marketo.store.error_log import ERRORS, ErrorLog
from tests.damaged_replies import torn
from tests.target_marketo.fake_marketo import FakeInstance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from target_marketo.marketo.client import Marketo

FIELDS = [
    Field("id", "integer", searchable=True),
    Field("email", "email", 255, searchable=True),
    Field("firstName", "string", 20),
    Field("chats", "integer"),
    Field("lastChatAt", "datetime"),
    Field("tags", "text"),
]
STREAMS = {
    "visitors": {
        "fields": {
            "email": "email",
            "firstName": {"from": "name.first", "write": "if_empty"},
            "chats": {"from": "chats", "write": "greatest"},
            "lastChatAt": {"from": "at", "clear": True},
            "tags": {"from": "tags", "write": "append"},
        }
    }
}


class Room:
    """Runs without a process: a Marketo, a store, and what came out."""

    def __init__(self, folder: Path) -> None:
        self.database = open_database(f"sqlite:///{folder / 'store.sqlite'}")
        self.cache = Cache(self.database)
        self.error_log = ErrorLog(self.database, "run")
        self.settings = Settings.of(
            {
                "endpoint": "https://555-abc-555.example.com",
                "client_id": "x",
                "client_secret": "y",
                "streams": STREAMS,
            }
        )

    def times_logged(self) -> int:
        """The same record failing again is counted in its entry, not entered again."""
        with self.database.read() as connection:
            return int(connection.execute(select(func.sum(ERRORS.c.times_seen))).scalar() or 0)

    def run(
        self, lines: list[bytes], marketo: FakeInstance, **options: Any
    ) -> tuple[Run, list[Any], Exception | None]:
        """The run, its STATE lines, and how it stopped, if it did."""
        output = io.StringIO()
        run = Run(
            replace(self.settings, streams=options.pop("streams", STREAMS)),
            cast("Marketo", marketo),
            self.error_log,
            self.cache,
            output=output,
            **options,
        )
        stop: Exception | None = None
        try:
            run.consume(io.BytesIO(b"\n".join(lines) + b"\n"))
        except (Stop, SettingError) as error:
            stop = error
        states = [json.loads(line, parse_int=_number) for line in output.getvalue().splitlines()]
        return run, states, stop


def _number(digits: str) -> int | str:
    """A STATE is handed back as it came, even with a number that Python does not read."""
    return int(digits) if len(digits) < 1000 else digits


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    room = Room(tmp_path_factory.mktemp("run"))
    yield room
    room.database.close()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = st.sampled_from(["a@example.com", "A@example.com", "b@example.com", "bad@", "", None])
RECORDS = st.fixed_dictionaries(
    {"email": KEYS | VALUES},
    optional={
        "name": st.fixed_dictionaries({"first": VALUES}) | VALUES,
        "chats": st.integers(0, 9) | VALUES,
        "at": st.datetimes().map(str) | VALUES,
        "tags": st.lists(st.sampled_from(["x", "y"])) | VALUES,
    },
)


def message(kind: str, **members: Any) -> bytes:
    return json.dumps({"type": kind, **members}, allow_nan=False, default=str).encode()


SCHEMA = message("SCHEMA", stream="visitors", schema={"properties": {}})
STATE = message("STATE", value={"at": 1})


def _clean(value: Any) -> Any:
    """Without NaN and infinities, which JSON does not have."""
    return json.loads(json.dumps(value, default=str), parse_constant=str)


# JSON to Python, or to the grammar, and not to every reader.
LITERALS = st.sampled_from(
    ["NaN", "-Infinity", "1e400", "9" * 5000, r'"\ud83d"', "[" * 2000 + "]" * 2000]
)
ODD_RECORDS = st.builds(
    lambda key, name, literal: (
        '{"type": "RECORD", "stream": "visitors", "record": '
        f'{{"email": {json.dumps(key)}, "{name}": {literal}}}}}'
    ).encode(),
    KEYS,
    st.sampled_from(["email", "name", "chats", "at", "tags", "other"]),
    LITERALS,
)
MESSAGES = st.one_of(
    RECORDS.map(lambda each: message("RECORD", stream="visitors", record=_clean(each))),
    ODD_RECORDS,
    st.integers(0, 99).map(lambda each: message("STATE", value={"at": each})),
    st.just(b""),
    st.just(message("SCHEMA", stream="visitors", schema={"properties": {}})),
    st.just(message("ACTIVATE_VERSION", stream="visitors", version=1)),
)
SCHEMAS = st.fixed_dictionaries(
    {"stream": st.sampled_from(["visitors", "people", ""])},
    optional={
        "schema": st.fixed_dictionaries(
            {},
            optional={
                "properties": st.dictionaries(st.text(max_size=5), VALUES, max_size=3) | VALUES,
                "additionalProperties": VALUES,
            },
        )
        | VALUES,
        "key_properties": st.lists(st.text(max_size=5), max_size=2) | VALUES,
    },
)
ODD = st.one_of(
    st.binary(max_size=30).map(lambda each: each.replace(b"\n", b" ")),
    VALUES.map(lambda each: json.dumps(_clean(each)).encode()),
    st.dictionaries(
        st.sampled_from(["type", "stream", "record", "schema", "value"]),
        st.sampled_from(["RECORD", "STATE", "SCHEMA", "visitors"]) | VALUES,
        max_size=4,
    ).map(lambda each: json.dumps(_clean(each)).encode()),
    SCHEMAS.map(lambda each: message("SCHEMA", **_clean(each))),
    MESSAGES.flatmap(torn).map(lambda each: each.replace(b"\n", b" ")),
    LITERALS.map(str.encode),
    LITERALS.map(lambda each: f'{{"type": "STATE", "value": {each}}}'.encode()),
    LITERALS.map(lambda each: f'{{"type": "SCHEMA", "stream": "a", "schema": {each}}}'.encode()),
    LITERALS.map(lambda each: f'{{"type": "NOISE", "record": {each}'.encode()),
)
RELAXED = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@RELAXED
@given(lines=st.lists(MESSAGES, max_size=25))
def test_records_of_any_shape_are_all_accounted_for(room: Room, lines: list[bytes]) -> None:
    logged = room.times_logged()
    marketo = FakeInstance(described=FIELDS)

    run, states, stop = room.run([SCHEMA, *lines], marketo)

    summary = run.summary
    assert stop is None
    assert summary.received == sum(b'"RECORD"' in line for line in lines)
    assert summary.received == summary.settled
    assert room.times_logged() - logged == summary.rejected + summary.left_out.total()
    emails = [str(person["email"]).lower() for person in marketo.people.values()]
    assert len(emails) == len(set(emails)), "nobody is there twice"
    read = [json.loads(line) for line in lines if b'"STATE"' in line]
    sent = [each["value"] for each in read if each["type"] == "STATE"]
    assert states[-1:] == sent[-1:]


@RELAXED
@given(lines=st.lists(MESSAGES, max_size=10), odd=ODD, more=st.lists(MESSAGES, max_size=5))
def test_lines_of_any_shape_end_in_a_line_of_text_at_most(
    room: Room, lines: list[bytes], odd: bytes, more: list[bytes]
) -> None:
    run, states, stop = room.run([SCHEMA, *lines, odd, *more], FakeInstance(described=FIELDS))

    read = [json.loads(line) for line in lines if b'"STATE"' in line]
    before = [each["value"] for each in read if each["type"] == "STATE"]
    if isinstance(stop, SettingError):  # a SCHEMA without what `streams` names
        assert "\n" not in str(stop)
        assert all(each in before for each in states), "the rest comes again"
        return
    assert run.summary.received == run.summary.settled
    if stop is not None:
        assert "\n" not in str(stop)
        assert states[-1:] == before[-1:], "STATE covers what came before the line, and no more"


def visitors(count: int, bad: Callable[[int], bool], **of_bad: Any) -> list[bytes]:
    """Records with a STATE after each; the bad ones have these values."""
    lines = [SCHEMA]
    for number in range(count):
        record = {"email": f"p{number}@example.com"} | (of_bad if bad(number) else {})
        lines.append(message("RECORD", stream="visitors", record=record))
        lines.append(message("STATE", value={"at": number}))
    return lines


def test_good_records_that_are_under_way_do_not_count_as_rejected(room: Room) -> None:
    marketo = FakeInstance(described=FIELDS)

    run, states, stop = room.run(visitors(420, lambda n: n % 3 == 0, email="bad@"), marketo)

    assert stop is None
    assert states[-1] == {"at": 419}
    assert len(marketo.people) == run.summary.created == 280
    assert run.summary.rejected == 140


@pytest.mark.parametrize("of_bad", [{"email": "bad@"}, {"name": {"first": "bad"}}])
def test_too_many_rejected_by_us_or_by_marketo_end_the_run_before_state_moves(
    room: Room, of_bad: dict[str, Any]
) -> None:
    marketo = FakeInstance(described=FIELDS)

    _, states, stop = room.run(visitors(1000, lambda n: n % 20 != 0, **of_bad), marketo)

    assert "more than `max_rejected_percent` = 90" in str(stop)
    assert states == []


DEEP = "[" * 5000 + "]" * 5000
ODD_VALUES = ["NaN", "-Infinity", "1e400", "9" * 5000, r'"hi \ud83d"', DEEP, "[" * 700 + "]" * 700]


def odd(email: str, **values: str) -> bytes:
    """A record whose values are JSON as they stand here."""
    members = "".join(f', "{name}": {value}' for name, value in values.items())
    return (
        f'{{"type":"RECORD","stream":"visitors","record":{{"email":"{email}"{members}}}}}'.encode()
    )


def logged_record(room: Room, key: str) -> Any:
    with room.database.read() as connection:
        found = select(ERRORS.c.record).where(ERRORS.c.record.contains(key))
        return json.loads(str(connection.execute(found).scalar_one()))


@pytest.mark.parametrize("value", ODD_VALUES)
def test_an_odd_value_that_nobody_needs_stops_nobody(room: Room, value: str) -> None:
    marketo = FakeInstance(described=FIELDS)
    email = f"odd{ODD_VALUES.index(value)}@"

    run, states, stop = room.run(
        [SCHEMA, odd("a@example.com", x=value), odd(email, x=value), odd("b@example.com"), STATE],
        marketo,
    )

    assert stop is None
    assert states == [{"at": 1}]
    assert {each["email"] for each in marketo.people.values()} == {"a@example.com", "b@example.com"}
    assert run.summary.rejected == 1
    assert logged_record(room, email)["email"] == email


@pytest.mark.parametrize("field", ["chats", "at", "name", "tags"])
@pytest.mark.parametrize("value", ODD_VALUES)
def test_an_odd_value_costs_the_field_that_needs_it(room: Room, field: str, value: str) -> None:
    marketo = FakeInstance(described=FIELDS)
    given = f'{{"first": {value}}}' if field == "name" else value

    run, states, stop = room.run(
        [SCHEMA, odd("a@example.com", **{field: given}), odd("b@example.com"), STATE], marketo
    )

    assert stop is None
    assert states == [{"at": 1}]
    refused = not (value.startswith('"') and field in ("name", "tags"))
    assert run.summary.left_out.total() == refused
    assert (run.summary.rejected, len(marketo.people)) == (0, 2)
    if not refused:
        assert "hi \ufffd" in str(marketo.people)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (odd("a@example.com", x=DEEP)[:3000], "is nested too deeply"),
        (odd("a@example.com", x="NaN")[:-1], "is not a Singer message"),
        (b'{"type":"STATE","value":' + DEEP.encode() + b"}", "is nested too deeply"),
        (b'{"type":"RECORD","stream":"other","record":{"x":NaN}}', "is not a Singer message"),
    ],
)
def test_an_odd_line_that_is_no_record_ends_the_run(room: Room, line: bytes, said: str) -> None:
    marketo = FakeInstance(described=FIELDS)

    _, states, stop = room.run([SCHEMA, odd("b@example.com"), STATE, line], marketo)

    assert str(stop).startswith(f"Line 4 of the input {said}")
    assert states == [{"at": 1}]
    assert len(marketo.people) == 1


@pytest.mark.parametrize("properties", [[1], [], 5, True, "abc"])
def test_a_schema_whose_properties_are_no_object_ends_the_run(room: Room, properties: Any) -> None:
    line = message("SCHEMA", stream="people", schema={"properties": properties})

    _, _, stop = room.run([line], FakeInstance(described=FIELDS))

    assert str(stop).startswith(
        "Line 1 of the input is a SCHEMA whose properties are not an object"
    )


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "\0", "é"])
def test_a_property_may_have_any_name(room: Room, name: str) -> None:
    marketo = FakeInstance(described=FIELDS)
    schema: dict[str, Any] = {"properties": {"email": {}, name: {}}}
    streams = {"visitors": {"fields": {"firstName": name}}}

    room.run(
        [
            message("SCHEMA", stream="visitors", schema=schema, key_properties=[name]),
            message("RECORD", stream="visitors", record={"email": "a@example.com", name: "Ann"}),
            message("RECORD", stream="visitors", record={"email": "b@example.com"}),
        ],
        marketo,
        streams=streams,
    )

    (person,) = marketo.people.values()
    assert person["email"] == "a@example.com"
    assert person["firstName"] == "Ann"


@pytest.mark.parametrize("more", [None, True, False, {}])
def test_an_open_ended_stream_goes_by_names_too(room: Room, more: Any) -> None:
    marketo = FakeInstance(described=FIELDS)
    schema = {"properties": {"email": {}, "first_name": {}}, "additionalProperties": more}
    record = {"email": "a@example.com", "first_name": "Ann"}

    room.run(
        [
            message("SCHEMA", stream="people", schema=schema),
            message("RECORD", stream="people", record=record),
        ],
        marketo,
        streams={},
    )

    (person,) = marketo.people.values()
    assert person["firstName"] == "Ann"


class Clock:
    """Goes on by 7 s whenever it is asked."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        self.seconds += 7.0
        return self.seconds


def test_a_long_run_says_once_a_minute_how_far_it_is(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "target-marketo")
    lines, clock = visitors(300, lambda _: False), Clock()
    room.settings = replace(room.settings, max_run_minutes=10_080)

    room.run(lines, FakeInstance(described=FIELDS), now=lambda: 0.0)
    assert "So far:" not in caplog.text

    room.run(lines, FakeInstance(described=FIELDS), now=clock)
    assert 1 <= caplog.text.count("So far: ") <= clock.seconds // 60
    assert "So far: 300 records received" in caplog.text
