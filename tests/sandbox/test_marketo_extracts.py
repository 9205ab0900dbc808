"""The Marketo sandbox extracts leads and activities in bulk, as other people's readers need it."""

from __future__ import annotations

import csv
import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from marketorestpython.client import MarketoClient

from tests.sandbox.faults import Fault
from tests.sandbox.marketo_api import code_of
from tests.sandbox.marketo_examples import CHAT_ID, EXAMPLES, chat
from tests.sandbox.object_api import ObjectApi

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from tests.sandbox.marketo import MarketoSandbox

NOVEMBER = {"startAt": "2026-11-01T00:00:00Z", "endAt": "2026-12-01T00:00:00Z"}
LEADS = {"fields": ["id", "email", "unsubscribed"], "filter": {"createdAt": NOVEMBER}}
CHATS = {"filter": {"createdAt": NOVEMBER, "activityTypeIds": [CHAT_ID]}}
A, B, C = 1001, 1002, 1003


@pytest.fixture
def api(marketo: MarketoSandbox) -> Iterator[ObjectApi]:
    """A client of a Marketo in which three people are and two chats were."""
    marketo.reset(**EXAMPLES, clock_start="2026-11-28T12:00:00Z")
    marketo.seed([{"email": "a@example.com"}, {"firstName": 'C"D, E'}])
    marketo.seed([{"email": "old@example.com", "createdAt": "2026-10-31T23:59:59Z"}])
    with ObjectApi(marketo) as client:
        client.log_in()
        client.add(chat(A, "T1"), chat(B, "T2", attributes=[]))
        yield client


def send(api: ObjectApi, method: str, path: str, **content: Any) -> requests.Response:
    return api.session.request(method, f"{api.sandbox.url}/bulk/v1/{path}", **content)


def call(api: ObjectApi, method: str, path: str, **content: Any) -> Any:
    return send(api, method, path, **content).json()


def create(api: ObjectApi, body: dict[str, Any] = LEADS, kind: str = "leads") -> str:
    reply = call(api, "POST", f"{kind}/export/create.json", json=body)
    assert reply["success"], reply
    (job,) = reply["result"]
    assert job["status"] == "Created"
    return f"{kind}/export/{job['exportId']}"


def enqueue(api: ObjectApi, job: str) -> Any:
    return call(api, "POST", f"{job}/enqueue.json")


def status(api: ObjectApi, job: str) -> dict[str, Any]:
    return dict(call(api, "GET", f"{job}/status.json")["result"][0])


def rows(api: ObjectApi, job: str) -> list[dict[str, str]]:
    enqueue(api, job)
    reply = send(api, "GET", f"{job}/file.json")
    return list(csv.DictReader(reply.text.splitlines()))


def test_leads_are_extracted_by_when_they_were_made(api: ObjectApi) -> None:
    job = create(api)
    assert enqueue(api, job)["result"][0]["status"] == "Queued"
    assert rows(api, job) == [
        {"id": str(A), "email": "a@example.com", "unsubscribed": "false"},
        {"id": str(B), "email": "null", "unsubscribed": "false"},
    ]
    done = status(api, job)
    content = send(api, "GET", f"{job}/file.json").content
    assert (done["status"], done["numberOfRecords"]) == ("Completed", 2)
    assert done["fileSize"] == len(content)
    assert done["fileChecksum"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert {"createdAt", "queuedAt", "startedAt", "finishedAt"} <= done.keys()


def test_a_file_quotes_what_needs_it(api: ObjectApi) -> None:
    body = {"fields": ["firstName"], "filter": {"createdAt": NOVEMBER}}
    assert [each["firstName"] for each in rows(api, create(api, body))] == ["null", 'C"D, E']
    named = body | {"columnHeaderNames": {"firstName": "Name"}}
    assert rows(api, create(api, named))[1] == {"Name": 'C"D, E'}


def test_activities_are_extracted_with_attributes_as_json(api: ObjectApi) -> None:
    first, second = rows(api, create(api, CHATS, "activities"))
    assert first == {
        "marketoGUID": "1",
        "leadId": str(A),
        "activityDate": "2026-11-27T10:15:00Z",
        "activityTypeId": str(CHAT_ID),
        "campaignId": "null",
        "primaryAttributeValueId": "null",
        "primaryAttributeValue": "Sales",
        "attributes": '{"Thread ID":"T1","Duration":312}',
    }
    assert json.loads(second["attributes"]) == {}
    others = {"filter": {"createdAt": NOVEMBER, "activityTypeIds": [24]}}
    assert rows(api, create(api, others, "activities")) == []


def test_members_of_a_list_are_extracted(api: ObjectApi) -> None:
    api.add_to_list(1001, C)
    for name, value in (("staticListId", 1001), ("staticListName", "LiveChat visitors")):
        body = {"fields": ["id"], "filter": {name: value}}
        assert rows(api, create(api, body)) == [{"id": str(C)}]


@pytest.mark.parametrize(
    ("kind", "changes", "code"),
    [
        ("leads", {"filter": {}}, "1002"),
        ("leads", {"filter": {"email": "a@example.com"}}, "1003"),
        ("leads", {"filter": {"createdAt": NOVEMBER, "updatedAt": NOVEMBER}}, "1003"),
        ("leads", {"fields": []}, "1002"),
        ("leads", {"fields": ["colour"]}, "1003"),
        ("leads", {"format": "XML"}, "1003"),
        ("leads", {"columnHeaderNames": {"city": "City"}}, "1003"),
        (
            "leads",
            {"filter": {"createdAt": NOVEMBER | {"endAt": "2026-12-02T00:00:01Z"}}},
            "1003",
        ),
        (
            "leads",
            {"filter": {"createdAt": NOVEMBER | {"endAt": "2026-11-02T00:00:00.5Z"}}},
            "1003",
        ),
        ("activities", {"fields": None, "filter": {"activityTypeIds": [1]}}, "1002"),
        ("activities", {"fields": ["colour"]}, "1003"),
    ],
)
def test_a_job_is_checked(api: ObjectApi, kind: str, changes: dict[str, Any], code: str) -> None:
    assert code_of(call(api, "POST", f"{kind}/export/create.json", json=LEADS | changes)) == code


def test_two_jobs_are_worked_at_and_ten_wait(marketo: MarketoSandbox, api: ObjectApi) -> None:
    marketo.set_options(extract_seconds=60.0)
    jobs = [create(api) for _ in range(11)]
    assert [code_of(enqueue(api, job)) for job in jobs] == [None] * 10 + ["1029"]
    assert "Too many jobs" in enqueue(api, jobs[10])["errors"][0]["message"]
    assert "already queued" in enqueue(api, jobs[0])["errors"][0]["message"]
    assert [status(api, job)["status"] for job in jobs[:3]] == [
        *("Processing", "Processing", "Queued")
    ]
    marketo.advance_clock(60.5)
    assert [status(api, job)["status"] for job in jobs[:5]] == [
        *("Completed", "Completed", "Processing", "Processing", "Queued")
    ]
    assert enqueue(api, jobs[10])["success"]


def test_a_day_has_a_quota_of_bytes(marketo: MarketoSandbox, api: ObjectApi) -> None:
    marketo.set_options(extract_daily_bytes=1)
    assert len(rows(api, create(api))) == 2
    refused = enqueue(api, create(api))
    assert refused["errors"][0]["code"] == "1029"
    assert "daily quota" in refused["errors"][0]["message"]
    marketo.advance_clock(86_400)
    api.log_in()
    assert enqueue(api, create(api))["success"]


def test_jobs_are_listed_and_cancelled(api: ObjectApi) -> None:
    first, second = create(api), create(api, CHATS, "activities")
    assert call(api, "POST", f"{first}/cancel.json")["success"]
    assert code_of(enqueue(api, first)) == "1003"
    asked = [("status", "Created"), ("status", "Completed")]
    assert call(api, "GET", "leads/export.json", params=asked)["result"] == []
    assert len(call(api, "GET", "leads/export.json")["result"]) == 1
    (listed,) = call(api, "GET", "activities/export.json", params=asked)["result"]
    assert second.endswith(listed["exportId"])
    assert code_of(call(api, "GET", "leads/export/unknown/status.json")) == "1013"
    enqueue(api, second)
    assert code_of(call(api, "POST", f"{second}/cancel.json")) == "1003"


def test_a_file_is_read_in_parts(api: ObjectApi) -> None:
    job = create(api)
    assert send(api, "GET", f"{job}/file.json").status_code == 404
    enqueue(api, job)
    whole = send(api, "GET", f"{job}/file.json")
    assert (whole.status_code, whole.encoding) == (200, "utf-8")
    parts = [
        send(api, "GET", f"{job}/file.json", headers={"Range": wanted})
        for wanted in ("bytes=0-0", "bytes=1-")
    ]
    assert [part.status_code for part in parts] == [206, 206]
    assert b"".join(part.content for part in parts) == whole.content
    assert parts[0].headers["Content-Range"] == f"bytes 0-0/{len(whole.content)}"
    beyond = send(api, "GET", f"{job}/file.json", headers={"Range": "bytes=9999-"})
    assert beyond.status_code == 416


def test_a_file_is_kept_seven_days(marketo: MarketoSandbox, api: ObjectApi) -> None:
    job = create(api)
    marketo.advance_clock(8 * 86_400)
    api.log_in()
    assert code_of(call(api, "GET", f"{job}/status.json")) == "1013"


def test_a_file_can_be_cut(marketo: MarketoSandbox, api: ObjectApi) -> None:
    job = create(api)
    enqueue(api, job)
    marketo.set_faults([Fault(what="truncated", calls=("extract_file",), at=(2,))])
    whole, half = (send(api, "GET", f"{job}/file.json").content for _ in range(2))
    assert half == whole[: len(whole) // 2]


def test_extracts_need_leave_to_read(marketo: MarketoSandbox, api: ObjectApi) -> None:
    marketo.set_options(denied_permissions=["Read-Only Activity", "Read-Write Activity"])
    refused = call(api, "POST", "activities/export/create.json", json=CHATS)
    assert code_of(refused) == "603"
    assert create(api)


def test_campaigns_are_listed_and_other_assets_are_none(
    marketo: MarketoSandbox, api: ObjectApi
) -> None:
    marketo.reset(campaigns=["Alert sales", "Score chats"])
    api.log_in()
    names = [each["name"] for each in api.call("GET", "/v1/campaigns.json")["result"]]
    assert names == ["Alert sales", "Score chats"]
    (one,) = api.call("GET", "/v1/campaigns/1002.json")["result"]
    assert (one["name"], one["active"]) == ("Score chats", True)
    assert code_of(api.call("GET", "/v1/campaigns/7.json")) == "1013"
    for path in ("emails", "segmentation", "tagTypes", "folder/1001/tokens"):
        assert "result" not in api.call("GET", f"/asset/v1/{path}.json")


def test_programs_are_listed_by_when_they_were_updated(api: ObjectApi) -> None:
    def found(**parameters: Any) -> int:
        reply = api.call("GET", "/asset/v1/programs.json", params=parameters)
        return len(reply.get("result", []))

    assert found() == 1
    assert found(earliestUpdatedAt="2026-11-28T13:00:00Z") == 0
    times = {"earliestUpdatedAt": "2026-11-28T00:00:00Z", "latestUpdatedAt": "2026-11-29"}
    assert found(**times, maxReturn=200) == 1
    assert found(**times, offset=200) == 0


def test_marketorestpython_extracts_activities(marketo: MarketoSandbox, api: ObjectApi) -> None:
    client = MarketoClient("000-AAA-000", marketo.client_id, marketo.client_secret)
    client.host = marketo.url
    (job,) = client.execute("create_activities_export_job", filters=CHATS["filter"])
    number = job["exportId"]
    client.execute("enqueue_activities_export_job", job_id=number)
    (done,) = client.execute("get_activities_export_job_status", job_id=number)
    assert done["status"] == "Completed"
    content = client.execute("get_activities_export_job_file", job_id=number)
    assert len(content.splitlines()) == 3
    assert len(client.execute("get_activities_export_jobs_list")) == 1
    (job,) = client.execute("create_leads_export_job", fields=["id"], filters=LEADS["filter"])
    (gone,) = client.execute("cancel_leads_export_job", job_id=job["exportId"])
    assert gone["status"] == "Cancelled"
