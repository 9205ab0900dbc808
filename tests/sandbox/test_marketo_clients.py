"""A client that we did not write is content with the Marketo sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from marketorestpython.client import MarketoClient

from tests.sandbox.marketo import MarketoSandbox

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def marketo() -> Iterator[MarketoSandbox]:
    with MarketoSandbox(seed_leads=20) as sandbox:
        yield sandbox


@pytest.fixture
def client(marketo: MarketoSandbox) -> MarketoClient:
    client = MarketoClient("000-AAA-000", marketo.client_id, marketo.client_secret)
    client.host = marketo.url  # it knows Marketo's own hosts only
    return client


def test_marketorestpython_upserts_looks_up_and_deletes(client: MarketoClient) -> None:
    leads = [{"email": "Ada@example.com", "firstName": "Ada"}, {"email": "broken"}]
    created, skipped = client.execute(
        "create_update_leads", leads=leads, action="createOrUpdate", lookupField="email"
    )
    assert created["status"] == "created"
    assert skipped["reasons"][0]["code"] == "1003"
    (found,) = client.execute(
        "get_multiple_leads_by_filter_type",
        filterType="email",
        filterValues=["ada@EXAMPLE.com"],
        fields="email,firstName",
    )
    assert found == {"id": created["id"], "email": "Ada@example.com", "firstName": "Ada"}
    assert client.execute("delete_lead", id=[created["id"]])[0]["status"] == "deleted"


def test_marketorestpython_turns_pages(marketo: MarketoSandbox, client: MarketoClient) -> None:
    emails = sorted({lead["email"] for lead in marketo.leads()})
    found = client.execute(
        "get_multiple_leads_by_filter_type", filterType="email", filterValues=emails, batchSize=7
    )
    assert len(found) == 20


def test_marketorestpython_describes_and_tells_usage(client: MarketoClient) -> None:
    names = {field.get("rest", {}).get("name") for field in client.execute("describe")}
    assert {"email", "liveChatLastChatAt", None} <= names
    assert client.execute("describe2")[0]["name"] == "API Lead"
    assert client.execute("get_lead_partitions")[0]["name"] == "Default"
    (today,) = client.execute("get_daily_usage")
    assert today["total"] >= 4
    assert len(client.execute("get_last_7_days_usage")) == 7
    assert len(client.execute("get_daily_errors")) == 1


def test_marketorestpython_understands_refusals(client: MarketoClient) -> None:
    with pytest.raises(Exception, match="1003"):
        client.execute("get_multiple_leads_by_filter_type", filterType="brand", filterValues=["x"])
