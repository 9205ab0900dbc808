"""Mappings that went wrong for somebody: each input of the shared cases, and more of its kind.

The cases themselves are tried where the folder is there; every kind has tests of its own beside.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.target_marketo.conftest import state
from tests.target_marketo.in_process import InProcess
from tests.target_marketo.mapping.whole_streams import lead, stream

if TYPE_CHECKING:
    from tests.sandbox.marketo.client import MarketoSandbox

CASES = Path(__file__).parents[4] / "shared" / "cases"


@pytest.fixture
def target(marketo: MarketoSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InProcess:
    return InProcess(marketo, tmp_path, monkeypatch.setattr)


class Case:
    """A case of the shared folder."""

    def __init__(self, name: str) -> None:
        folder = CASES / name
        if not folder.is_dir():
            pytest.skip("the folder of shared cases is not here")
        self.settings: dict[str, Any] = json.loads((folder / "settings.json").read_text())
        self.lines = (folder / "input.jsonl").read_text().splitlines()

    def run(self, target: InProcess, marketo: MarketoSandbox) -> Any:
        seed = self.settings.get("seed", [])
        if seed:
            marketo.seed(seed)
        return target.run(self.lines, **self.settings.get("target", {}))


# 1. By names does what nobody asked for


def test_case_consent_by_names(
    target: InProcess, marketo: MarketoSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "target-marketo")
    case = Case("target-01-consent-by-names")

    ended = case.run(target, marketo)

    held = lead(marketo, "opt.out@planted.example")
    assert ended.code == 0, ended.said
    for name, value in case.settings["seed"][0].items():
        assert held[name] == value
    assert held["lastName"] == "Out"
    assert "Stream leads is mapped by names: maps email, firstName, lastName; leaves" in caplog.text
    assert "unsubscribed (consent or suppression)" in caplog.text


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        ("emailOptOut", "boolean", False),
        ("marketing_consent", "boolean", True),
        ("hasOptedOutOfEmail", "boolean", False),
        ("Lead Score", "integer", 0),
        ("behaviour_score", "integer", 0),
        ("acquisitionProgramId", "integer", 1),
        ("registrationSourceType", "string", "Web"),
        ("personType", "string", "contact"),
    ],
)
def test_consent_scores_attribution_and_system_fields_are_never_mapped_by_names(
    target: InProcess, marketo: MarketoSandbox, name: str, kind: str, value: Any
) -> None:
    custom = [
        {"name": "emailOptOut", "data_type": "boolean"},
        {"name": "marketingConsent", "data_type": "boolean"},
        {"name": "hasOptedOutOfEmail", "data_type": "boolean"},
        {"name": "behaviourScore", "data_type": "integer"},
    ]
    marketo.set_options(custom_fields=custom)
    marketo.seed([{"email": "a@planted.example"}])
    before = lead(marketo, "a@planted.example")
    properties = {"email": "string", name: kind}

    ended = target.run(stream("crm", {"email": "a@planted.example", name: value}, **properties))

    assert ended.code == 0, ended.said
    assert lead(marketo, "a@planted.example") == before


def test_by_names_fills_what_is_empty_and_overwrites_nothing(
    target: InProcess, marketo: MarketoSandbox
) -> None:
    marketo.seed([{"email": "a@planted.example", "firstName": "Kept", "liveChatOptIn": True}])
    came = {
        "email": "a@planted.example",
        "First Name": "New",
        "last-name": "Lee",
        "live_chat_opt_in": False,
    }

    ended = target.run(
        stream(
            "crm",
            came,
            email="string",
            **{"First Name": "string", "last-name": "string"},
            live_chat_opt_in="boolean",
        )
    )

    held = lead(marketo, "a@planted.example")
    assert ended.code == 0, ended.said
    assert (held["firstName"], held["lastName"]) == ("Kept", "Lee")
    assert held["liveChatOptIn"] is True, "a boolean that exists is left alone"


def test_case_type_that_cannot_fit_by_names(
    target: InProcess, marketo: MarketoSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "target-marketo")

    ended = Case("target-10-type-that-cannot-fit-by-names").run(target, marketo)

    assert ended.code == 0, ended.said
    assert len(marketo.leads()) == 2
    assert lead(marketo, "a@planted.example")["phone"] == "+1"
    assert "address (object, Marketo's is text)" in caplog.text
    assert target.logged() == {}


def test_case_two_properties_one_field(target: InProcess, marketo: MarketoSandbox) -> None:
    ended = Case("target-11-two-properties-one-field").run(target, marketo)

    assert ended.code == 0, ended.said
    assert lead(marketo, "two@planted.example")["firstName"] == "Ann"


def test_two_properties_that_fit_equally_well_are_an_error(
    target: InProcess, marketo: MarketoSandbox
) -> None:
    came = {"email": "a@planted.example", "first_name": "Ann", "FirstName": None}

    ended = target.run(stream("crm", came, email="string", first_name="string", FirstName="string"))

    assert (ended.code, ended.states) == (1, [])
    assert "`first_name`, `FirstName` fit `firstName` equally well" in ended.said
    assert marketo.leads() == []


# 2. Rules that are written down and not applied


def test_case_entry_never_used(target: InProcess, marketo: MarketoSandbox) -> None:
    ended = Case("target-02-entry-never-used").run(target, marketo)

    assert (ended.code, ended.states) == (1, [])
    assert lead(marketo, "n@planted.example")["firstName"] == "Kept"
    assert "`streams` has entries for `contacts`" in ended.said
    assert "`public-contacts`; did you mean `contacts`?" in ended.said


def test_a_stream_without_an_entry_beside_others_is_left_out_with_one_line(
    target: InProcess, marketo: MarketoSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "target-marketo")
    streams = {"contacts": {"fields": {"email": "email"}}}
    lines = [
        *stream("agents", {"email": "agent@planted.example"}, email="string"),
        *stream("contacts", {"email": "a@planted.example"}, email="string"),
    ]

    ended = target.run(lines, streams=streams)
    assert (ended.code, ended.states[-1]) == (0, {"at": "contacts"})
    assert [each["email"] for each in marketo.leads()] == ["a@planted.example"]
    assert caplog.text.count("Stream agents is left out") == 1
    assert "1 of streams that are left out" in caplog.text

    target.run(lines, streams=streams | {"*": "by_names"})
    assert len(marketo.leads()) == 2


def test_an_entry_that_no_stream_used_is_reported_at_the_end(
    target: InProcess, marketo: MarketoSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    entry = {"fields": {"email": "email"}}

    ended = target.run(
        stream("contacts", {"email": "a@planted.example"}, email="string"),
        streams={"contacts": entry, "people": entry},
    )

    assert ended.code == 0
    assert "`streams.people` was not used: the tap sent no stream of that name" in caplog.text


def test_an_empty_input_is_one_warning_however_many_entries_there_are(
    target: InProcess, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING", "target-marketo")
    entry = {"fields": {"email": "email"}}

    ended = target.run([], streams={"visitors": entry, "people": entry})

    assert ended.code == 0
    assert caplog.text.count("`streams` was not used: the tap sent no stream at all") == 1
    assert "`streams." not in caplog.text


def test_a_stream_with_a_dot_in_its_name_finds_its_entry_however_it_was_nested(
    target: InProcess, marketo: MarketoSandbox
) -> None:
    entry = {"fields": {"email": "email", "firstName": "name"}}
    came = {"email": "a@planted.example", "name": "Ann"}
    for number, streams in enumerate(
        ({"public.crm.contacts": entry}, {"public": {"crm": {"contacts": entry}}})
    ):
        came["email"] = f"a{number}@planted.example"
        ended = target.run(
            stream("public.crm.contacts", came, email="string", name="string"), streams=streams
        )
        assert ended.code == 0, ended.said
        assert lead(marketo, came["email"])["firstName"] == "Ann"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("session_fields.plann", "`session_fields.plann`; did you mean `session_fields.plan`?"),
        ('form_answers."Role, e.g. CT0"', 'did you mean `form_answers."Role, e.g. CTO"`?'),
        ("form_answers.Role", "had `form_answers.Role`"),
    ],
)
def test_a_source_that_was_never_there_in_a_hundred_records_is_reported_with_the_nearest_key(
    target: InProcess,
    marketo: MarketoSandbox,
    caplog: pytest.LogCaptureFixture,
    source: str,
    said: str,
) -> None:
    records = [
        {
            "email": f"p{number}@planted.example",
            "session_fields": {"plan": "pro"},
            "form_answers": {"Role, e.g. CTO": "Dev"},
        }
        for number in range(100)
    ]
    streams = {"contacts": {"fields": {"email": "email", "title": source}}}
    kinds = {"email": "string", "session_fields": "object", "form_answers": "object"}

    ended = target.run(stream("contacts", *records, **kinds), streams=streams)

    assert ended.code == 0
    assert said in caplog.text
    assert "planted.example" not in caplog.text


def test_a_key_with_dots_and_commas_is_reached_with_quotes(
    target: InProcess, marketo: MarketoSandbox
) -> None:
    streams = {"contacts": {"fields": {"email": "email", "title": 'form_answers."Role, e.g. CTO"'}}}
    came = {"email": "a@planted.example", "form_answers": {"Role, e.g. CTO": "Dev"}}

    target.run(stream("contacts", came, email="string", form_answers="object"), streams=streams)

    assert lead(marketo, "a@planted.example")["title"] == "Dev"


# 3. Data goes nowhere and the run is green


@pytest.mark.parametrize("name", ["target-03-nobody-comes-of-it", "target-04-implicit-key-missing"])
def test_case_of_a_stream_that_cannot_have_its_key(
    target: InProcess, marketo: MarketoSandbox, name: str
) -> None:
    ended = Case(name).run(target, marketo)

    assert (ended.code, ended.states) == (1, [])
    assert "`email`" in ended.said
    assert {
        "target-03-nobody-comes-of-it": "`property_email`",
        "target-04-implicit-key-missing": "`Email`",
    }[name] in ended.said
    assert marketo.leads() == []


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object"},
        {"type": "object", "additionalProperties": True},
        {"properties": {"id": {}}, "additionalProperties": {}},
        {"anyOf": [{"properties": {"id": {}, "Contact": {}}}, {"type": "null"}]},
    ],
)
def test_records_that_never_have_the_key_end_the_run_whatever_the_schema_says(
    target: InProcess, marketo: MarketoSandbox, schema: dict[str, Any]
) -> None:
    head = {"type": "SCHEMA", "stream": "crm", "schema": schema, "key_properties": []}
    came = {"type": "RECORD", "stream": "crm", "record": {"id": 1, "Contact": {"mail": "x"}}}

    ended = target.run([head, *[came] * 120, state(1)])

    assert (ended.code, ended.states) == (1, [])
    assert "none of its 1" in ended.said
    assert "has `email`, which is its key" in ended.said


def test_headers_with_blanks_and_a_schema_of_alternatives_are_read(
    target: InProcess, marketo: MarketoSandbox
) -> None:
    kinds = {"E-Mail": {"type": "string"}, "First Name": {"type": "string"}}
    head = {"type": "SCHEMA", "stream": "crm", "schema": {"anyOf": [{"properties": kinds}]}}
    came = {"E-Mail": "a@planted.example", "First Name": "Ann"}

    ended = target.run([head, {"type": "RECORD", "stream": "crm", "record": came}, state(1)])

    assert (ended.code, ended.states) == (0, [1])
    assert lead(marketo, "a@planted.example")["firstName"] == "Ann"


def test_visitors_who_gave_no_address_are_no_mistake(target: InProcess) -> None:
    ended = target.run(stream("visitors", {"email": None}, {"email": None}, email="string"))

    assert (ended.code, ended.states) == (0, [{"at": "visitors"}])


def test_case_inferred_schema(
    target: InProcess, marketo: MarketoSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    ended = Case("target-17-inferred-schema").run(target, marketo)

    assert (ended.code, len(ended.states)) == (0, 1)
    assert lead(marketo, "x@planted.example")["phone"] == "+1"
    assert "the stream has no property `phone`" in caplog.text


def test_a_closed_schema_without_the_property_is_an_error(
    target: InProcess, marketo: MarketoSandbox
) -> None:
    streams = {"contacts": {"fields": {"email": "email", "phone": "telephone"}}}
    head, came, _ = stream(
        "contacts", {"email": "a@planted.example"}, email="string", phone="string"
    )
    head["schema"]["additionalProperties"] = False

    ended = target.run([head, came], streams=streams)

    assert ended.code == 1
    assert "no property `telephone`; did you mean `phone`?" in ended.said
    assert marketo.leads() == []


# 4. Wrong values, stored


def test_case_the_day_before(target: InProcess, marketo: MarketoSandbox) -> None:
    ended = Case("target-15-the-day-before").run(target, marketo)

    assert ended.code == 0, ended.said
    assert {each["dateOfBirth"] for each in marketo.leads()} == {"1990-05-10"}
    assert len(marketo.leads()) == 2


@pytest.mark.parametrize(
    ("field", "kind", "said"),
    [
        ("liveChatChatsCount", "date-time", "declared as date-time"),
        ("liveChatScore", "object", "declared as object"),
        ("firstName", "array", "declared as array"),
        ("liveChatLastChatAt", "boolean", "declared as boolean"),
        ("dateOfBirth", "boolean", "does not fit Marketo's date"),
    ],
)
def test_a_declared_type_that_cannot_fit_ends_before_the_first_row_by_entry(
    target: InProcess, marketo: MarketoSandbox, field: str, kind: str, said: str
) -> None:
    streams = {"contacts": {"fields": {"email": "email", field: "odd"}}}

    ended = target.run(
        stream("contacts", {"email": "a@planted.example"}, email="string", odd=kind),
        streams=streams,
    )

    assert (ended.code, ended.states) == (1, [])
    assert said in ended.said
    assert marketo.leads() == []


def test_a_field_that_is_unfit_nearly_always_ends_the_run(
    target: InProcess, marketo: MarketoSandbox
) -> None:
    streams = {"contacts": {"fields": {"email": "email", "liveChatScore": "priority"}}}
    records = [{"email": f"p{n}@planted.example", "priority": "high"} for n in range(150)]

    ended = target.run(
        stream("contacts", *records, email="string", priority="string"), streams=streams
    )

    assert (ended.code, ended.states) == (1, [])
    assert "`liveChatScore` of stream contacts did not fit in 91 of 91 records" in ended.said


# 5. Deleted rows


def test_case_deleted_rows(
    target: InProcess, marketo: MarketoSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "target-marketo")

    ended = Case("target-08-deleted-rows").run(target, marketo)

    assert (ended.code, len(ended.states)) == (0, 1)
    assert [each["email"] for each in marketo.leads()] == ["here@planted.example"]
    assert "1 deleted" in caplog.text


@pytest.mark.parametrize(
    ("marker", "is_deleted"),
    [
        ({"_sdc_deleted_at": "2019-10-13T14:06:31Z"}, True),
        ({"_sdc_deleted": True}, True),
        ({"_sdc_deleted": "true"}, True),
        ({"IsDeleted": True}, True),
        ({"IsDeleted": "false"}, False),
        ({"is_deleted": 0}, False),
        ({"_sdc_deleted_at": ""}, False),
    ],
)
@pytest.mark.parametrize("declared", [True, False])
def test_a_record_that_says_it_is_deleted_makes_nobody(
    target: InProcess,
    marketo: MarketoSandbox,
    marker: dict[str, Any],
    is_deleted: object,
    declared: object,
) -> None:
    kinds: dict[str, Any] = {"email": {}} | ({name: {} for name in marker} if declared else {})

    target.run(stream("crm", {"email": "a@planted.example", **marker}, **kinds))
    assert len(marketo.leads()) == (not is_deleted)

    target.run(stream("crm", {"email": "a@planted.example", **marker}, **kinds), deleted="deliver")
    assert len(marketo.leads()) == 1


# Keys


def test_case_key_id(target: InProcess, marketo: MarketoSandbox) -> None:
    case = Case("target-18-key-id")
    (number,) = marketo.seed(case.settings["seed"])
    case.settings.pop("seed")
    case.lines = [line.replace("1001", str(number)) for line in case.lines]

    ended = case.run(target, marketo)

    assert ended.code == 0, ended.said
    assert lead(marketo, "x@planted.example")["firstName"] == "New"


def test_an_id_that_nobody_has_creates_nobody(target: InProcess, marketo: MarketoSandbox) -> None:
    streams = {"contacts": {"key": "id", "fields": {"firstName": "name"}}}

    target.run(
        stream("contacts", {"id": 99, "name": "Ann"}, id="integer", name="string"), streams=streams
    )

    assert marketo.leads() == []


def test_streams_with_different_keys_are_refused_in_one_line(
    target: InProcess, marketo: MarketoSandbox
) -> None:
    streams = {
        "a": {"fields": {"email": "email"}},
        "b": {"key": "id", "fields": {"firstName": "name"}},
    }
    lines = [*stream("a", email="string"), *stream("b", id="integer", name="string")]

    ended = target.run(lines, streams=streams)

    assert ended.code == 1
    assert "streams a and b have different keys, `email` and `id`" in ended.said


# Values that do not fit


def open_parts(folder: Path) -> list[str]:
    """What waits in the error log."""
    with closing(sqlite3.connect(folder / "store.sqlite")) as connection:
        rows = connection.execute("SELECT part FROM errors WHERE resolved_at IS NULL").fetchall()
    return [part for (part,) in rows]


def test_one_odd_value_costs_one_field_and_the_error_log_keeps_it(
    target: InProcess, marketo: MarketoSandbox, tmp_path: Path
) -> None:
    streams = {"contacts": {"fields": {"email": "email", "firstName": "n", "liveChatScore": "s"}}}
    lines = stream(
        "contacts",
        {"email": "a@planted.example", "n": "Ann", "s": "high"},
        email="string",
        n="string",
        s="string",
    )

    ended = target.run(lines, streams=streams)
    assert (ended.code, len(ended.states)) == (0, 1)
    assert lead(marketo, "a@planted.example")["firstName"] == "Ann"
    assert target.logged()["a@planted.example"].code == "wrong_type"
    assert open_parts(tmp_path) == ["field:liveChatScore"], "the delivered person resolves none"

    target.run(
        [*lines[:1], {**lines[1], "record": {**lines[1]["record"], "s": "7"}}], streams=streams
    )
    assert open_parts(tmp_path) == [], "a value that fits does"

    marketo.reset()
    ended = target.run(lines, streams=streams, unfit_values="reject")
    assert (ended.code, marketo.leads()) == (0, [])


def test_only_if_counts_the_others_as_skipped(
    target: InProcess, marketo: MarketoSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "target-marketo")
    entry = {"fields": {"email": "email"}, "only_if": {"active": False, "kind": ["a", None]}}
    rows = [
        *(("p1", False, "a"), ("p2", True, "a"), ("p3", 0, "a")),
        *(("p4", False, None), ("p5", None, "a")),
    ]
    records = [{"email": f"{n}@planted.example", "active": a, "kind": k} for n, a, k in rows]

    ended = target.run(
        stream("crm", *records, email="string", active="boolean", kind="string"),
        streams={"crm": entry},
    )

    assert ended.code == 0
    assert {each["email"][:2] for each in marketo.leads()} == {"p1", "p4"}
    assert "3 not asked for by `only_if`" in caplog.text


@pytest.mark.parametrize("asked", ["false", 0, ["no", 1]])
def test_only_if_that_no_record_can_meet_is_an_error_and_not_silence(
    target: InProcess, asked: Any
) -> None:
    entry = {"fields": {"email": "email"}, "only_if": {"active": asked}}
    lines = stream("crm", {"email": "a@planted.example"}, email="string", active="boolean")
    ended = target.run(lines, streams={"crm": entry})

    assert (ended.code, ended.states) == (1, [])
    assert "`streams.crm.only_if.active`: `active` is declared as boolean, so no" in ended.said


def test_only_if_that_no_record_met_is_reported_at_the_end(
    target: InProcess, caplog: pytest.LogCaptureFixture
) -> None:
    entry = {"fields": {"email": "email"}, "only_if": {"kind": "chatt"}}
    records = [{"email": "a@planted.example", "kind": "chat"}] * 100
    ended = target.run(
        stream("crm", *records, email="string", kind="string"), streams={"crm": entry}
    )
    assert ended.code == 0
    assert "`streams.crm.only_if`: none of 100 records was as it asks for" in caplog.text


@pytest.mark.parametrize("company_fields", ["accepted", "1021"])
def test_a_company_field_by_an_entry_is_written_or_left_out_and_the_person_arrives(
    target: InProcess, marketo: MarketoSandbox, company_fields: str
) -> None:
    marketo.set_options(company_fields=company_fields)
    streams = {"visitors": {"fields": {"email": "email", "company": "form_answers.Company"}}}
    came = {"email": "a@planted.example", "form_answers": {"Company": "Acme"}}

    ended = target.run(
        stream("visitors", came, email="string", form_answers="object"), streams=streams
    )

    assert ended.code == 0, ended.said
    held = lead(marketo, "a@planted.example")
    assert held.get("company") == ("Acme" if company_fields == "accepted" else None)


@pytest.mark.parametrize("text_measure", ["characters", "utf16", "bytes"])
def test_a_text_that_marketo_may_measure_otherwise_costs_nobody(
    target: InProcess, marketo: MarketoSandbox, text_measure: str
) -> None:
    marketo.set_options(text_measure=text_measure)
    streams = {"visitors": {"fields": {"email": "email", "title": "a", "firstName": "b"}}}
    came = {"email": "a@planted.example", "a": "\N{FOX FACE}" * 150, "b": "é" * 200}

    target.run(stream("visitors", came, email="string", a="string", b="string"), streams=streams)

    assert lead(marketo, "a@planted.example").get("title") is None
