"""Laws of a mapping, for random SCHEMAs and records: no silence, no traceback, no loss.

A failure prints its seed; `--hypothesis-seed=N` repeats it.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given, reject, settings
from hypothesis import strategies as st

from target_marketo.mapping import marketo_fields
from target_marketo.mapping.field_types import Field
from target_marketo.mapping.mapper import Mapper
from target_marketo.mapping.plan import Mapped
from target_marketo.mapping.refusals import Refused, Skip
from target_marketo.mapping.rules import Write
from target_marketo.mapping.schema_check import StreamSchema
from target_marketo.mapping.watch import Watch
from target_marketo.problems import SettingError
from tests.sandbox.marketo.fields import Schema as Described

FIELDS = [
    Field(each.name, each.data_type, each.length, each.read_only, each.searchable)
    for each in Described().by_name.values()
]
NAMES = st.sampled_from(
    [
        *("email", "Email", "E-Mail", "first_name", "First Name", "firstName", "city", "company"),
        *("unsubscribed", "leadSource", "lead_score", "liveChatOptIn", "liveChatLastChatAt", "id"),
        *("IsDeleted", "a.b", 'quo"ted', "", "é", "session_fields", "priority", "address"),
    ]
)
TYPES = st.sampled_from(["string", "integer", "number", "boolean", "object", "array", "null"])
DECLARED: st.SearchStrategy[Any] = st.one_of(
    st.none() | st.booleans() | st.just({}) | st.text(max_size=3),
    st.fixed_dictionaries(
        {"type": TYPES | st.lists(TYPES, max_size=3)},
        optional={"format": st.sampled_from(["date-time", "date", "email"])},
    ),
    st.builds(lambda name, kind: {"properties": {name: {"type": kind}}}, NAMES, TYPES),
    st.builds(lambda kinds: {"anyOf": [{"type": kind} for kind in kinds]}, st.lists(TYPES)),
)
PLAIN = st.dictionaries(NAMES, DECLARED, max_size=6).map(lambda found: {"properties": found})
SCHEMAS = st.one_of(
    st.just({}),
    PLAIN,
    st.builds(
        lambda found, more: found | {"additionalProperties": more}, PLAIN, st.booleans() | DECLARED
    ),
    st.builds(lambda one, two: {"anyOf": [one, two, {"type": "null"}]}, PLAIN, PLAIN),
    st.builds(lambda word, odd: {word: odd}, st.sampled_from(["anyOf", "properties"]), DECLARED),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9)
    | st.sampled_from(["a@example.com", "2026-01-01T00:00:00+02:00", 1701123100000]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
RECORDS = st.dictionaries(NAMES, VALUES, max_size=6)
SOURCES = NAMES.filter(bool) | st.builds("{}.{}".format, NAMES.filter(bool), NAMES.filter(bool))
ENTRIES = st.fixed_dictionaries(
    {
        "fields": st.dictionaries(
            st.sampled_from(
                [field.name for field in FIELDS if field.data_type in ("string", "text")]
            ),
            SOURCES
            | st.fixed_dictionaries(
                {
                    "from": SOURCES,
                    "write": st.sampled_from(["always", "if_empty", "on_create", "append"]),
                }
            ),
            min_size=1,
            max_size=4,
        )
    },
    optional={"only_if": st.dictionaries(NAMES.filter(bool), VALUES, min_size=1, max_size=2)},
)


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps({"type": "RECORD", "stream": "s", "record": record}).encode()


@settings(max_examples=50)  # whole ones: of two mappings one is refused
@given(schema=SCHEMAS, records=st.lists(RECORDS, max_size=5), entry=ENTRIES)
def test_every_source_is_used_or_named_and_every_record_has_an_end(
    schema: dict[str, Any], records: list[dict[str, Any]], entry: dict[str, Any]
) -> None:
    try:
        read = StreamSchema.of(schema)
        plan = Mapper({"s": entry}, FIELDS).plan_of("s", read)
    except (SettingError, ValueError):
        reject()
    watch = Watch(90, frozenset({"s"}))
    watch.schema(plan, read)
    for record in records * 25:
        mapped = plan.map(record)
        assert mapped is None or isinstance(mapped, Mapped | Refused | Skip)
        watch.record(plan, mapped, _line(record))
    if read.properties:
        told = " ".join(plan.warnings)
        for source in plan.entry.sources:
            known = read.types(source) is not None
            assert known or f"`{source}`" in told, "no silence"
    (seen,) = watch.seen
    assert seen.records == len(records) * 25
    if seen.records >= 100 and not watch.error():
        told = " ".join(watch.warnings())
        for each in plan.planned:
            declared = read.types(each.source) or each.source in read.properties
            there = any(plan_has(record, each.source) for record in records)
            assert declared or there or f"`{each.source}`" in told, "no silence"


def plan_has(record: dict[str, Any], source: str) -> bool:
    """Whether the first part of a source is there: what is below it may be."""
    return source in record or source.split(".", maxsplit=1)[0] in record


@given(schema=SCHEMAS, records=st.lists(RECORDS, max_size=4))
@example(schema={"properties": {"first_name": {}, "FirstName": {}}}, records=[])
def test_by_names_never_touches_what_nobody_asked_for(
    schema: dict[str, Any], records: list[dict[str, Any]]
) -> None:
    try:
        plan = Mapper({}, FIELDS).plan_of("s", StreamSchema.of(schema))
    except (SettingError, ValueError):
        reject()
    for rule in plan.rules.all:
        assert not marketo_fields.never_by_names(rule.field)
        assert rule.write in (Write.IF_EMPTY, Write.ON_CREATE)
    names = {each.source for each in plan.entry.fields}
    (told,) = plan.notes
    for name in list(StreamSchema.of(schema).properties)[:4]:
        assert name in names or name in told, "what is left is named"
    for record in records:
        mapped = plan.map(record)
        assert mapped is None or isinstance(mapped, Mapped | Refused | Skip)


@given(record=RECORDS.map(lambda each: each | {"email": "a@example.com", "IsDeleted": None}))
def test_a_person_with_a_key_arrives_whatever_the_other_values_are(record: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"email": "email", "priority": "priority", "city": "city"}
    fields["liveChatLastChatAt"] = {"from": "id", "write": "greatest"}

    mapped = Mapper({"s": {"fields": fields}}, FIELDS).plan("s", {}).map(record)

    assert isinstance(mapped, Mapped)
    for name, source in (("priority", "priority"), ("city", "city"), ("liveChatLastChatAt", "id")):
        value = record.get(source)
        lost = name not in mapped.values and name not in {each.field for each in mapped.left_out}
        blank = value is None or value == [] or (isinstance(value, str) and not value.strip())
        assert not lost or blank or not str(value).strip(" ;[],'None")
