"""The SDK's own target tests, each with a look into Marketo.

The stock files know neither people nor e-mails, so `streams` makes people of their rows: their id
is a custom field that can be searched, and other columns go where they fit. What the stock tests
check is that nothing crashes; `ARRIVED` says who must be there afterwards.
"""

from __future__ import annotations

import json
import signal
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.testing import TargetTestRunner, get_target_test_class
from singer_sdk.testing.suites import SingerTestSuite, target_tests
from singer_sdk.testing.target_tests import (
    TargetInvalidSchemaTest,
    TargetMultipleStateMessages,
    TargetRecordBeforeSchemaTest,
    TargetRecordMissingKeyProperty,
    TargetRecordMissingRequiredProperty,
)
from singer_sdk.testing.templates import TargetFileTestTemplate, TargetTestTemplate

from target_marketo.singer.run_end import Stop
from target_marketo.target import TargetMarketo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.sandbox.marketo.client import MarketoSandbox

KEY = "liveChatExternalKey"
Arrived = dict[str, dict[str, Any]]


def people(key: str = "id", **fields: Any) -> dict[str, Any]:
    """A stream whose rows are people with this property as their key."""
    return {"key": KEY, "fields": {KEY: key, **fields}}


STREAMS = {
    "ForecastingTypeToCategory": people("Id"),
    "TestCamelcase": people("Id", lastName="clientName"),
    "example_stream": {"fields": {"email": "email", "firstName": "name"}},
    "record_missing_fields": people(lastName="optional"),
    "test:SpecialChars!in?attributes": people("_id", lastName="d.agent:os:version"),
    "test_array_data": people(liveChatTags={"from": "fruits", "write": "append"}),
    "test_duplicate_records": people(liveChatScore="metric"),
    "test_multiple_state_messages_a": people(liveChatScore="metric"),
    "test_multiple_state_messages_b": people(liveChatChatsCount="metric"),
    "test_no_pk": people(liveChatScore="metric"),
    "test_object_schema_no_properties": people("object_store.id"),
    "test_object_schema_with_properties": people(
        "object_store.metric", liveChatScore="object_store.id"
    ),
    "test_optional_attributes": people(lastName="optional"),
    "test_record_missing_key_property": people("metric"),
    "test_record_missing_required_property": people("id", liveChatScore="metric"),
    # Not a4 to a6, which only later SCHEMAs have: the first would be a configuration error.
    "test_schema_updates": people(lastName="a2", liveChatRevenue="a1"),
    "test_strings": people(mktoPersonNotes="info"),
    "test_strings_in_arrays": people(liveChatTags={"from": "strings", "write": "append"}),
    "test_strings_in_objects": people(lastName="info.name", department="info.value"),
}
# Test -> person -> fields. Two rows with one key are one person, from whatever streams they come.
ARRIVED: dict[str, Arrived] = {
    "array_data": {
        "1": {"liveChatTags": "apple;orange;pear"},
        "2": {"liveChatTags": "banana;apple"},
        "3": {"liveChatTags": "pear"},
        "4": {"liveChatTags": "orange;banana;apple;pear"},
    },
    "camelcase": {
        "1": {"lastName": "Gitter Windows Desktop App"},
        "2": {"lastName": "Gitter iOS App"},
    },
    "camelcase_complex_schema": {},  # two SCHEMAs and no record
    "cli_prints": {},
    "duplicate_records": {"1": {"liveChatScore": 100}, "2": {"liveChatScore": 20}},
    "invalid_schema": {},
    "multiple_state_messages": {
        str(number): {"liveChatScore": number * 100, "liveChatChatsCount": number * 110}
        for number in range(1, 7)
    },
    "no_primary_keys": {str(number): {"liveChatScore": number * 11} for number in (1, 2, 3)},
    "optional_attributes": {
        "1": {"lastName": "This is optional"},
        "2": {},
        "3": {"lastName": "Also optional"},
        "4": {},
    },
    "pk_updates": {
        "alice@example.com": {"firstName": "Alice"},
        "bob@example.com": {"firstName": "Bob"},
    },
    "record_before_schema": {},
    "record_missing_fields": {"1": {"lastName": "now you see me"}, "2": {}},
    "record_missing_key_property": {},
    "record_missing_required_property": {},
    "schema_no_properties": {
        "187": {"liveChatScore": 1},
        "203": {"liveChatScore": 2},
        "1": {},
        "2": {},
    },
    "schema_updates": {
        str(number): {"lastName": f"string{number}", "liveChatRevenue": 100 + number}
        for number in range(1, 7)
    },
    "special_chars_in_attributes": {"a2e98886": {"lastName": "10.13.1"}},
}
# The texts of "encoded_string_data": notes, last name, department and tags of people 1 to 11.
TEXTS = (
    ("simple string 2837", "simple", "simple string 2837"),
    ("απλή συμβολοσειρά", "greek", "απλή συμβολοσειρά"),
    ("简单的字串", "chinese", "简单的字串"),
    ("chaîne simple", "french", "chaîne simple"),
    ('quoted "string"', "quoted string", 'quoted "string"'),
    (
        'various " \\ / \n escape sequences',
        "escape sequences",
        'various " \\ / \n escape sequences',
    ),
    ("m", "unicode", "m"),
    ("ā", "unicode", "ā"),
    ("ƙ", "unicode", "ƙ"),
    ("Double quoting: \\u0000 \\u0041 \\u0001", "Double quoting", "\\u0000 \\u0041 \\u0001"),
    (
        "Control Characters in string: \0 A \1",
        "Control Characters in string",
        "\0 A \1",
    ),
)
LISTS = (
    "simple string;απλή συμβολοσειρά;简单的字串",
    'chaîne simple;quoted "string"',
    'various " \\ / \n escape sequences',
    "m;ā;ƙ",
    "aaa;Double quoting: \\u0000 \\u0041 \\u0001",
    "bbb;Control Characters in string: \0 A \1",
)
ARRIVED["encoded_string_data"] = {
    str(number): {"mktoPersonNotes": notes, "lastName": name, "department": value}
    for number, (notes, name, value) in enumerate(TEXTS, 1)
}
for _number, _tags in enumerate(LISTS, 1):
    ARRIVED["encoded_string_data"][str(_number)]["liveChatTags"] = _tags


@dataclass
class Room:
    """What a test may look into."""

    marketo: MarketoSandbox
    store: Path

    def people(self, names: set[str]) -> Arrived:
        return {
            str(lead.get(KEY) or lead["email"]): {name: lead[name] for name in names & lead.keys()}
            for lead in self.marketo.leads()
        }

    def error_log(self) -> list[str]:
        """The codes that stand there."""
        with sqlite3.connect(self.store) as connection:
            return [code for (code,) in connection.execute("SELECT code FROM errors ORDER BY id")]


class Validated(TargetTestTemplate):
    """Looks for the people, and for the last STATE of the file."""

    rejected: tuple[str, ...] = ()

    def validate(self) -> None:
        expected = ARRIVED[str(self.name)]
        names = {name for fields in expected.values() for name in fields}
        assert self.resource.people(names) == expected
        if isinstance(self, TargetFileTestTemplate):
            assert self.resource.error_log() == list(self.rejected)
            assert self.runner.state_messages[-1:] == self.last_state()

    def last_state(self) -> list[Any]:
        """The last STATE that there is something in."""
        assert isinstance(self, TargetFileTestTemplate)
        lines = self.singer_filepath.read_text(encoding="utf-8").splitlines()
        states = [json.loads(line)["value"] for line in lines if '"STATE"' in line]
        return [state for state in states if state][-1:]


class InvalidSchema(Validated, TargetFileTestTemplate):
    """The stock test wants an exception for a SCHEMA without properties. There is nothing wrong
    with it: records of any shape may follow.
    """

    name = "invalid_schema"


class RecordBeforeSchema(Validated, TargetFileTestTemplate):
    """The stock test wants the SDK's exception. Here the run ends with one line and exit code 1,
    after what came before the record.
    """

    name = "record_before_schema"

    def test(self) -> None:
        with pytest.raises(Stop, match=r"Line 1 .* RECORD of a stream without SCHEMA") as stop:
            super().test()
        assert stop.value.code == 1


class RecordMissingKeyProperty(Validated, TargetFileTestTemplate):
    """The stock test wants an exception. Here one bad record does not stop the run."""

    name = "record_missing_key_property"
    rejected = ("missing_key",)


class RecordMissingRequiredProperty(Validated, TargetRecordMissingRequiredProperty):
    """Not in the stock suite. The property would be the person's key, so nobody is made."""


class MultipleStateMessages(Validated, TargetFileTestTemplate):
    """Not in the stock suite, which cannot pass it: STATE of two streams, and a record after it."""

    name = "multiple_state_messages"


CONTRADICTED: dict[type[TargetTestTemplate], type[TargetTestTemplate]] = {
    TargetInvalidSchemaTest: InvalidSchema,
    TargetMultipleStateMessages: MultipleStateMessages,
    TargetRecordBeforeSchemaTest: RecordBeforeSchema,
    TargetRecordMissingKeyProperty: RecordMissingKeyProperty,
}


def validated(stock: type[TargetTestTemplate]) -> type[TargetTestTemplate]:
    """The stock test with our `validate`, or our test in its place."""
    return CONTRADICTED.get(stock) or type(stock.__name__, (Validated, stock), {})


SUITE: SingerTestSuite[TargetTestTemplate] = SingerTestSuite(
    kind="target",
    tests=[
        *map(validated, target_tests.tests),
        RecordMissingRequiredProperty,
        MultipleStateMessages,
    ],
)


class TestTargetMarketo(
    get_target_test_class(  # type: ignore[misc] # a class made at run time
        TargetMarketo, custom_suites=[SUITE], include_target_tests=False
    )
):
    """Each test with an empty Marketo and a store of its own."""

    @pytest.fixture
    def resource(self, marketo: MarketoSandbox, tmp_path: Path) -> Room:
        return Room(marketo, tmp_path / "store.sqlite")

    @pytest.fixture
    def runner(self, resource: Room) -> Iterator[TargetTestRunner]:
        # A target takes over the signals of its process, which here is pytest's.
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        yield TargetTestRunner(
            TargetMarketo,
            config={
                "endpoint": resource.marketo.endpoint,
                "identity": resource.marketo.identity,
                "client_id": resource.marketo.client_id,
                "client_secret": resource.marketo.client_secret,
                "store_url": f"sqlite:///{resource.store}",
                "streams": STREAMS | {"*": "by_names"},
            },
            parse_env_config=False,
        )
        for number, handler in before.items():
            signal.signal(number, handler)


def test_every_stock_test_is_here() -> None:
    names = {test.name for test in SUITE.tests}
    assert names == ARRIVED.keys()
    assert {test.name for test in target_tests.tests} <= names
