from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.sandbox.crowd import Crowd
from tests.sandbox.livechat.access import expand, grant
from tests.sandbox.livechat.agent_chat import AgentChat
from tests.sandbox.livechat.call import Call
from tests.sandbox.livechat.client import LiveChatSandbox
from tests.sandbox.livechat.options import ALL_SCOPES, Options, parse
from tests.sandbox.livechat.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.sandbox.crowd import Thread

END = datetime(2026, 1, 31, tzinfo=UTC)
ARCHIVES = "v3.6/agent/action/list_archives"
CHATS = "v3.6/agent/action/list_chats"
CUSTOMERS = "v3.5/agent/action/list_customers"
CDP = "cdp/v1/list_customers"
AGENTS = "v3.6/configuration/action/list_agents"


class Api:
    """A caller with good credentials, unless a test says otherwise."""

    def __init__(self, livechat: LiveChatSandbox, session: requests.Session) -> None:
        self.livechat = livechat
        self.session = session

    def post(self, path: str, body: object = None, **headers: str) -> requests.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.session.post(
            f"{self.livechat.url}/{path}",
            data=json.dumps(body if body is not None else {}),
            headers={
                "Authorization": self.livechat.authorization,
                "Content-Type": "application/json",
            }
            | named,
            timeout=10,
        )

    def ok(self, path: str, **body: Any) -> Any:
        response = self.post(path, body)
        assert response.status_code == 200, response.text
        return response.json()

    def refused(self, path: str, **body: Any) -> tuple[int, str]:
        response = self.post(path, body)
        return response.status_code, response.json()["error"]["type"]

    def pages(self, path: str, rows: str, **first: Any) -> list[Any]:
        page = self.ok(path, **first)
        found = page[rows]
        while "next_page_id" in page:
            page = self.ok(path, page_id=page["next_page_id"])
            found += page[rows]
        return list(found)

    def archived(self, **filters: Any) -> list[str]:
        chats = self.pages(ARCHIVES, "chats", filters=filters, sort_order="asc", limit=100)
        return [chat["thread"]["id"] for chat in chats]


@pytest.fixture(scope="module")
def server() -> Iterator[LiveChatSandbox]:
    with LiveChatSandbox(visitors=120, end=END.isoformat()) as livechat:
        yield livechat


@pytest.fixture(scope="module")
def crowd(server: LiveChatSandbox) -> Crowd:
    crowd = server.crowd()
    assert isinstance(crowd, Crowd)
    return crowd


@pytest.fixture
def api(server: LiveChatSandbox) -> Iterator[Api]:
    """The shared server with its counts at zero; its options and clock are put back."""
    server.reset()
    with requests.Session() as session:
        yield Api(server, session)
    options = {name: getattr(Options(), name) for name in Options.__struct_fields__}
    fixed = {"seed", "visitors", "light_threads", "start", "end", "clock", "clock_speed"}
    server.change(**{name: value for name, value in options.items() if name not in fixed})
    server.set_clock(END)
    server.refuse(0)


def stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")


# Authentication and scopes


@pytest.mark.parametrize(
    "header", ["", "Basic bm9ib2R5OndybnM=", "Basic %%", "Bearer no", "Token x"]
)
def test_wrong_credentials_are_refused_and_not_billed(api: Api, header: str) -> None:
    response = api.post(ARCHIVES, {}, Authorization=header)
    assert response.status_code == 401
    assert response.json()["error"]["type"] == "authentication"
    assert api.livechat.counts()["billed"] == 0


def test_a_bearer_token_is_as_good_as_a_personal_one(api: Api) -> None:
    token = api.livechat.settings.access_token
    assert api.post(ARCHIVES, {}, Authorization=f"Bearer {token}").status_code == 200


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        (ARCHIVES, "chats--all:ro"),
        (CHATS, "chats--all:ro"),
        (CUSTOMERS, "customers:ro"),
        (AGENTS, "agents--all:ro"),
        ("v3.6/configuration/action/list_groups", "groups--all:ro"),
        ("v3.6/configuration/action/list_tags", "tags--all:ro"),
        ("v3.6/configuration/action/list_bots", "agents-bot--all:ro"),
    ],
)
def test_each_method_wants_its_scope(api: Api, path: str, scope: str) -> None:
    api.livechat.change(scopes=[each for each in ALL_SCOPES if each != scope])
    assert api.refused(path) == (403, "authorization")
    api.livechat.change(scopes=[scope])
    api.ok(path)


def test_scopes_contain_each_other() -> None:
    assert expand(["chats--all:rw"]) >= {"chats--all:ro", "chats--access:ro", "chats--my:ro"}
    assert expand(["customers:rw"]) == {"customers:rw", "customers:ro"}
    assert "chats--all:ro" not in expand(["chats--access:rw"])


def test_chats_access_shows_a_part_without_a_word(api: Api, crowd: Crowd) -> None:
    everything = api.archived()
    api.livechat.change(scopes=["chats--access:ro"], access_group_ids=[19])
    part = {thread.id for thread in crowd.threads if 19 in thread.group_ids}
    assert set(api.archived()) == part & set(everything)
    assert 0 < len(part) < len(everything)


# The form of a call


def test_only_post_and_json_are_accepted(api: Api) -> None:
    url = f"{api.livechat.url}/{ARCHIVES}"
    headers = {"Authorization": api.livechat.authorization}
    assert api.session.get(url, headers=headers, timeout=10).status_code == 405
    assert api.session.post(url, data={"limit": 1}, headers=headers, timeout=10).status_code == 400
    assert api.post(ARCHIVES, []).status_code == 400
    broken = api.session.post(
        url, data="{", headers=headers | {"Content-Type": "application/json"}, timeout=10
    )
    assert broken.json()["error"] == {"type": "validation", "message": "Wrong format of request"}


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 0},
        {"limit": 101},
        {"limit": "10"},
        {"sort_order": "up"},
        {"filter": {}},
        {"filters": {"form": "2026-01-01T00:00:00.000000Z"}},
        {"filters": {"from": "2026-01-01"}},
        {"filters": {"from": "2026-01-01T00:00:00Z"}},
        {"filters": {"from": "2026-01-01T00:00:00.000000"}},
        {"filters": {"from": "2026-02-30T00:00:00.000000Z"}},
        {"filters": {"from": "2026-01-02T00:00:00.000000Z", "to": "2026-01-01T00:00:00.000000Z"}},
        {"filters": {"thread_ids": ["A"] * 21}},
        {"filters": {"thread_ids": ["A"], "customer_email": "a@example.com"}},
        {"filters": {"group_ids": list(range(201))}},
        {"filters": {"tags": {"exists": True, "values": ["sales"]}}},
        {"filters": {"goals": {"exists": True}}},
        {"page_id": "MTUxNzM5ODEzMTQ5Ng==x"},
    ],
)
def test_a_wrong_parameter_is_a_validation_error(api: Api, body: dict[str, Any]) -> None:
    assert api.refused(ARCHIVES, **body) == (400, "validation")


@pytest.mark.parametrize("beside", [{"limit": 10}, {"sort_order": "asc"}, {"filters": {}}])
def test_a_page_id_stands_alone(api: Api, beside: dict[str, Any]) -> None:
    page_id = api.ok(ARCHIVES, limit=1)["next_page_id"]
    assert api.refused(ARCHIVES, page_id=page_id, **beside) == (400, "validation")


def test_versions(api: Api) -> None:
    old = api.post("v3.5/agent/action/list_archives")
    assert old.headers["Legacy"] == "2027-02-13"
    assert "Legacy" not in api.post(ARCHIVES).headers
    assert api.refused("v3.4/agent/action/list_archives") == (400, "unsupported_version")
    assert api.refused("v3.6/agent/action/list_customers") == (404, "not_found")
    assert api.refused("v3.6/agent/action/get_license_info") == (404, "not_found")
    by_header = api.post("agent/action/list_customers", {}, X_API_Version="3.5")
    assert by_header.status_code == 200


def test_the_filters_of_3_6_are_unknown_to_3_5(api: Api) -> None:
    filters = {"customer_email": "a@example.com"}
    assert api.ok(ARCHIVES, filters=filters)["chats"] == []
    assert api.refused("v3.5/agent/action/list_archives", filters=filters) == (400, "validation")


def test_a_call_to_the_wrong_region_names_the_right_one(api: Api) -> None:
    api.livechat.change(region="fra")
    refused = api.post(ARCHIVES)
    assert refused.status_code == 421
    assert refused.json()["error"] == {
        "type": "misdirected_request",
        "message": "Wrong region",
        "data": {"region": "fra"},
    }
    assert api.post(ARCHIVES, {}, X_Region="fra").status_code == 200


# Archives


def test_archives_hold_every_closed_thread_once(api: Api, crowd: Crowd) -> None:
    closed = [thread.id for thread in crowd.threads if thread.closed_at <= END]
    assert api.archived() == closed
    assert api.livechat.expected()["threads"] == closed
    descending = api.pages(ARCHIVES, "chats", limit=7)
    assert [chat["thread"]["id"] for chat in descending] == closed[::-1]
    assert len(closed) > 100


def test_a_page_is_ten_chats_and_links_both_ways(api: Api) -> None:
    first = api.ok(ARCHIVES)
    assert len(first["chats"]) == 10
    assert "previous_page_id" not in first
    second = api.ok(ARCHIVES, page_id=first["next_page_id"])
    back = api.ok(ARCHIVES, page_id=second["previous_page_id"])
    assert back["chats"] == first["chats"]


def test_found_chats_is_only_an_estimate(api: Api) -> None:
    assert api.ok(ARCHIVES)["found_chats"] > len(api.archived())


def test_from_and_to_are_inclusive_unless_told_otherwise(api: Api, crowd: Crowd) -> None:
    first, last = crowd.threads[20], crowd.threads[40]
    window = {"from": stamp(first.created_at), "to": stamp(last.created_at)}
    inside = [each.id for each in crowd.threads[20:41] if each.closed_at <= END]
    assert api.archived(**window) == inside
    api.livechat.change(to_inclusive=False)
    assert api.archived(**window) == [each for each in inside if each != last.id]
    api.livechat.change(from_inclusive=False)
    assert api.archived(**window) == [each for each in inside if each not in {first.id, last.id}]


def test_from_and_to_may_be_of_the_closing(api: Api, crowd: Crowd) -> None:
    api.livechat.change(archive_time="closed_at")
    closing = sorted(thread.closed_at for thread in crowd.threads)[30:60]
    wanted = {each.id for each in crowd.threads if closing[0] <= each.closed_at <= closing[-1]}
    assert set(api.archived(**{"from": stamp(closing[0]), "to": stamp(closing[-1])})) == wanted


def test_another_offset_is_the_same_time(api: Api, crowd: Crowd) -> None:
    at = crowd.threads[50].created_at
    assert api.archived(**{"from": stamp(at)}) == api.archived(
        **{"from": f"{(at + timedelta(hours=2)).isoformat(timespec='microseconds')[:-6]}+02:00"}
    )


def test_filters_on_what_is_in_a_chat(api: Api, crowd: Crowd) -> None:
    closed = [thread for thread in crowd.threads if thread.closed_at <= END]
    thread = next(each for each in closed if each.tags)
    visitor = crowd.visitors[thread.visitor]
    own = [each.id for each in closed if each.visitor == thread.visitor]
    assert api.archived(customer_id=visitor.id) == own
    assert api.archived(chat_ids=[thread.chat_id]) == own
    assert api.archived(thread_ids=[thread.id]) == [thread.id]
    known = next(each for each in crowd.visitors if each.email and each.chat_id)
    found = api.archived(customer_email=(known.email or "").swapcase())
    assert set(found) >= {each.id for each in closed if each.visitor == known.number}


@pytest.mark.parametrize(
    ("filters", "is_meant"),
    [
        ({"tags": {"values": ["sales"]}}, lambda each: "sales" in each.tags),
        ({"tags": {"exists": False}}, lambda each: not each.tags),
        (
            {"event_types": {"values": ["filled_form"]}},
            lambda each: "filled_form" in {event.type for event in each.events},
        ),
        (
            {"agents": {"values": ["smith@example.com"]}},
            lambda each: "smith@example.com" in each.agent_ids,
        ),
        ({"group_ids": [1, 2]}, lambda each: {1, 2} & set(each.group_ids)),
        (
            {"properties": {"rating": {"score": {"values": [1]}}}},
            lambda each: each.properties.get("rating", {}).get("score") == 1,
        ),
    ],
    ids=["a tag", "no tag", "a form", "an agent", "groups", "a rating"],
)
def test_a_filter_tells_some_chats_from_others(
    api: Api, crowd: Crowd, filters: dict[str, Any], is_meant: Callable[[Thread], bool]
) -> None:
    closed = [thread for thread in crowd.threads if thread.closed_at <= END]

    found = api.archived(**filters)

    assert 0 < len(found) < len(closed)
    assert found == [each.id for each in closed if is_meant(each)]


def test_what_is_unset_is_absent(api: Api, crowd: Crowd) -> None:
    chats = {chat["thread"]["id"]: chat for chat in api.pages(ARCHIVES, "chats", limit=100)}
    times = set()
    for thread in crowd.threads:
        if thread.id not in chats:
            continue
        visitor, chat = crowd.visitors[thread.visitor], chats[thread.id]
        customer = chat["users"][0]
        assert ("email" in customer) is (visitor.email is not None)
        assert ("name" in customer) is (visitor.name is not None)
        assert ("tags" in chat["thread"]) is bool(thread.tags)
        assert ("events" in chat["thread"]) is not ("restricted_access" in chat["thread"])
        assert None not in customer.values()
        times |= {chat["thread"]["created_at"][26:], customer["created_at"][26:]}
    assert times == {"Z", "+01:00"}


def test_a_chat_looks_as_its_version_does(api: Api) -> None:
    new = api.ok(ARCHIVES, limit=1)["chats"][0]
    old = api.ok("v3.5/agent/action/list_archives", limit=1)["chats"][0]
    assert "visit" in new["users"][0]
    assert "last_visit" in old["users"][0]
    assert "customer_visit" in new["thread"]
    assert "customer_visit" not in old["thread"]


# Open chats and the clock


def test_an_open_chat_closes_with_the_clock_and_then_is_archived(api: Api, crowd: Crowd) -> None:
    thread = next(each for each in crowd.threads if each.closed_at > END)
    closed_before = api.archived()
    assert thread.id not in closed_before
    assert thread.id in api.livechat.expected()["open_threads"]
    active = api.ok(CHATS, filters={"active": True}, limit=100)["chats_summary"]
    summary = next(each for each in active if each["id"] == thread.chat_id)
    assert summary["last_thread_summary"]["id"] == thread.id
    assert summary["last_thread_summary"]["active"] is True
    said = len(api.ok("v3.6/agent/action/get_chat", chat_id=thread.chat_id)["thread"]["events"])
    assert said < len(thread.events)

    api.livechat.change(archive_lag_seconds=60)
    api.livechat.set_clock(thread.closed_at + timedelta(seconds=59))
    assert thread.id not in api.archived()
    active = api.ok(CHATS, filters={"active": True}, limit=100)["chats_summary"]
    assert thread.chat_id not in {each["id"] for each in active}
    api.livechat.advance(1)
    assert thread.id in api.archived()
    chat = api.ok("v3.6/agent/action/get_chat", chat_id=thread.chat_id)
    assert len(chat["thread"]["events"]) == len(thread.events)
    assert chat["thread"]["active"] is False


def test_archives_may_include_open_threads(api: Api, crowd: Crowd) -> None:
    api.livechat.change(archives_include_active=True)
    assert set(api.archived()) == {thread.id for thread in crowd.threads}


def test_what_is_to_come_cannot_be_seen(api: Api, crowd: Crowd) -> None:
    middle = crowd.threads[len(crowd.threads) // 2].created_at
    api.livechat.set_clock(middle)
    assert api.archived() == [each.id for each in crowd.threads if each.closed_at <= middle]
    customers = api.pages(CUSTOMERS, "customers", limit=100)
    assert {each["id"] for each in customers} == {
        visitor.id for visitor in crowd.visitors if visitor.created_at <= middle
    }
    latest = max(
        each.get("customer_last_event_created_at", "2026-01-01T00:00:00.000000Z")
        for each in customers
        if not each.get("customer_last_event_created_at", "Z").endswith("+01:00")
    )
    assert datetime.fromisoformat(latest) <= middle


@pytest.mark.parametrize("paging", ["keyset", "offset"])
def test_rows_that_move_while_we_page(api: Api, crowd: Crowd, paging: str) -> None:
    """Newest first, a thread that closes meanwhile shifts the pages; a keyset does not mind."""
    late = next(each for each in crowd.threads if each.closed_at > END)
    api.livechat.change(paging=paging)
    page = api.ok(ARCHIVES, limit=10)
    seen = [chat["thread"]["id"] for chat in page["chats"]]
    api.livechat.set_clock(late.closed_at)
    page = api.ok(ARCHIVES, page_id=page["next_page_id"])
    repeated = set(seen) & {chat["thread"]["id"] for chat in page["chats"]}
    assert bool(repeated) is (paging == "offset")


def test_a_page_id_expires(api: Api) -> None:
    api.livechat.change(page_id_seconds=60)
    page_id = api.ok(ARCHIVES)["next_page_id"]
    api.livechat.advance(60)
    api.ok(ARCHIVES, page_id=page_id)
    api.livechat.advance(1)
    assert api.refused(ARCHIVES, page_id=page_id) == (400, "validation")


def test_a_page_id_belongs_to_its_method(api: Api) -> None:
    page_id = api.ok(ARCHIVES)["next_page_id"]
    assert api.refused(CHATS, page_id=page_id) == (400, "validation")


def test_a_clock_may_run() -> None:
    with LiveChatSandbox(visitors=1, end=END.isoformat(), clock_speed=1000.0) as livechat:
        before = livechat.now()
        time.sleep(0.05)
        assert livechat.now() - before > timedelta(seconds=50)


# Chats, threads, customers


def test_every_chat_is_listed_once_newest_first(api: Api, crowd: Crowd) -> None:
    chats = api.pages(CHATS, "chats_summary", limit=30)
    assert len(chats) == len({thread.chat_id for thread in crowd.threads})
    times = [datetime.fromisoformat(chat["last_thread_summary"]["created_at"]) for chat in chats]
    assert times == sorted(times, reverse=True)


def test_threads_of_a_chat(api: Api, crowd: Crowd) -> None:
    number = max(range(120), key=lambda each: len(crowd.threads_of(each)))
    threads = [crowd.threads[position].id for position in crowd.threads_of(number)]
    chat_id = crowd.visitors[number].chat_id
    path = "v3.6/agent/action/list_threads"
    page = api.ok(path, chat_id=chat_id)
    assert [each["id"] for each in page["threads"]] == threads[:-4:-1]
    rest = api.ok(path, chat_id=chat_id, page_id=page["next_page_id"])
    assert rest["threads"][0]["id"] == threads[-4]
    every = api.ok(path, chat_id=chat_id, limit=100, sort_order="asc")
    assert [each["id"] for each in every["threads"]] == threads
    assert api.refused(path, chat_id=chat_id, limit=3, min_events_count=1) == (400, "validation")
    assert api.refused(path, chat_id="NOSUCHCHAT") == (404, "not_found")


def test_a_customer_by_id(api: Api, crowd: Crowd) -> None:
    path = "v3.6/agent/action/get_customer"
    for visitor in crowd.visitors[:20]:
        customer = api.ok(path, id=visitor.id)
        threads = [crowd.threads[position] for position in crowd.threads_of(visitor.number)]
        assert customer["statistics"]["threads_count"] == len(threads)
        assert customer.get("chat_ids", []) == sorted({thread.chat_id for thread in threads})
    assert api.refused(path, id="00000000-0000-4000-8000-000000000000") == (404, "not_found")


def test_customers_by_their_times_and_counts(api: Api, crowd: Crowd) -> None:
    customers = api.pages(CUSTOMERS, "customers", limit=100, sort_order="asc")
    assert [each["id"] for each in customers] == [
        visitor.id for visitor in sorted(crowd.visitors, key=lambda each: each.created_at)
    ]
    middle = sorted(visitor.created_at for visitor in crowd.visitors)[60]
    since = api.pages(
        CUSTOMERS,
        "customers",
        filters={"created_at": {"gte": stamp(middle), "lt": stamp(END)}},
        limit=100,
    )
    assert {each["id"] for each in since} == {
        visitor.id for visitor in crowd.visitors if visitor.created_at >= middle
    }
    chatted = api.pages(
        CUSTOMERS,
        "customers",
        filters={"customer_last_event_created_at": {"gt": stamp(datetime(2020, 1, 1, tzinfo=UTC))}},
        sort_by="customer_last_event",
        sort_order="asc",
        limit=100,
    )
    times = [datetime.fromisoformat(each["customer_last_event_created_at"]) for each in chatted]
    assert times == sorted(times)
    several = api.ok(CUSTOMERS, filters={"threads_count": {"gte": 2}}, limit=100)["customers"]
    assert several
    assert all(each["statistics"]["threads_count"] >= 2 for each in several)


def test_customers_without_chats_are_a_switch(api: Api) -> None:
    every = api.pages(CUSTOMERS, "customers", limit=100)
    api.livechat.change(include_customers_without_chats=False)
    chatted = api.pages(CUSTOMERS, "customers", limit=100)
    assert len(chatted) < len(every)
    asked = {"include_customers_without_chats": True}
    assert len(api.pages(CUSTOMERS, "customers", filters=asked, limit=100)) == len(every)


def test_a_range_with_two_ends_is_a_switch(api: Api) -> None:
    api.livechat.change(two_bound_ranges=False)
    bounds = {"gte": stamp(END - timedelta(days=9)), "lt": stamp(END)}
    assert api.refused(CUSTOMERS, filters={"created_at": bounds}) == (400, "validation")


def test_session_fields_may_vanish(api: Api) -> None:
    def with_fields() -> int:
        return sum(
            "session_fields" in each for each in api.pages(CUSTOMERS, "customers", limit=100)
        )

    before = with_fields()
    api.livechat.change(session_fields_seconds=5 * 86400)
    assert 0 < with_fields() < before


# Customer Data Platform


def test_the_data_platform_counts_its_pages(api: Api, crowd: Crowd) -> None:
    first = api.ok(CDP, results_per_page=70, sort={"last_activity": "asc"})
    assert (first["page_id"], first["next_page_id"], first["total"]) == ("1", "2", 120)
    second = api.ok(CDP, results_per_page=70, sort={"last_activity": "asc"}, page_id="2")
    assert second["next_page_id"] == ""
    ids = [each["customer_id"] for each in first["customers"] + second["customers"]]
    assert set(ids) == {visitor.id for visitor in crowd.visitors}
    times = [each["statistics"]["last_activity_at"] for each in first["customers"]]
    assert times == sorted(times)


def test_the_data_platform_filters(api: Api, crowd: Crowd) -> None:
    clause: dict[str, Any] = {
        "field": "last_activity",
        "operator": "range",
        "range": {"from": stamp(END - timedelta(days=7)), "to": stamp(END)},
    }
    groups = [{"operator": "AND", "clauses": [clause]}]
    recent = api.ok(CDP, filters=groups, results_per_page=100)
    assert 0 < recent["total"] < 120
    clause["negate"] = True
    rest = api.ok(CDP, filters=groups, results_per_page=100)
    assert recent["total"] + rest["total"] == 120
    known = {"field": "email", "operator": "exists"}
    named = api.ok(CDP, filters=[{"operator": "AND", "clauses": [known]}], results_per_page=100)
    assert named["total"] == sum(bool(visitor.email) for visitor in crowd.visitors)
    default = {each["customer_id"] for each in named["customers"]}
    assert default == {visitor.id for visitor in crowd.visitors if visitor.email}


def test_errors_of_the_data_platform_are_strings(api: Api) -> None:
    refused = api.post(CDP, {"results_per_page": 101})
    assert refused.status_code == 400
    assert refused.json()["error"].startswith("validation error: ")
    clause = {"field": "city", "operator": "is", "values": ["Cork"]}
    refused = api.post(CDP, {"filters": [{"operator": "AND", "clauses": [clause]}]})
    assert refused.json()["error"] == "validation error: invalid field 'city'"
    assert api.post(CDP, []).status_code == 422
    assert api.post("cdp/get_customer", {"customer_id": "nobody"}).status_code == 404
    api.livechat.change(scopes=[])
    assert api.post(CDP).status_code == 403


# Limits, billing, journal


def test_a_rate_limit_refuses_with_or_without_a_hint(api: Api) -> None:
    api.livechat.change(rate_calls=3, rate_seconds=30)
    statuses = [api.post(AGENTS).status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    assert "Retry-After" not in api.post(AGENTS).headers
    api.livechat.change(retry_after_seconds=2)
    refused = api.post(AGENTS)
    assert refused.headers["Retry-After"] == "2"
    assert refused.json()["error"] == {"type": "too_many_requests", "message": "Too many requests"}


def test_the_next_calls_can_be_refused_in_any_way(api: Api) -> None:
    api.livechat.refuse(2, retry_after_seconds=0.5)
    assert api.post(AGENTS).headers["Retry-After"] == "0.5"
    assert api.refused(AGENTS) == (429, "too_many_requests")
    api.ok(AGENTS)
    for kind, status in {"service_unavailable": 503, "request_timeout": 504}.items():
        api.livechat.refuse(1, kind)
        assert api.refused(AGENTS) == (status, kind)


def test_failures_are_billed_except_500(api: Api) -> None:
    api.ok(AGENTS)
    api.refused(ARCHIVES, limit=1000)
    api.livechat.refuse(2)
    api.refused(AGENTS)
    api.refused(AGENTS)
    assert api.livechat.counts()["billed"] == 4
    api.livechat.refuse(1, "internal")
    assert api.refused(AGENTS) == (500, "internal")
    counts = api.livechat.counts()
    assert counts["billed"] == 4
    assert counts["requests"] == {"list_agents": 4, "list_archives": 1}
    assert counts["errors"] == {"too_many_requests": 2, "validation": 1, "internal": 1}


def test_the_journal_has_keys_and_no_values(api: Api) -> None:
    api.ok(ARCHIVES, limit=5, filters={"customer_email": "secret@example.com"})
    (entry,) = api.livechat.requests()
    assert entry["method"] == "list_archives"
    assert entry["status"] == 200
    assert entry["keys"] == ["filters", "limit", "filters.customer_email"]
    assert "secret" not in json.dumps(entry)


def test_latency_and_calls_in_flight(api: Api) -> None:
    def ask(_: int) -> requests.Response:
        return requests.post(
            f"{api.livechat.url}/{AGENTS}",
            json={},
            headers={"Authorization": api.livechat.authorization},
            timeout=10,
        )

    api.livechat.change(latency_seconds=0.2, latency_sigma=0.1)
    give_up_at = time.monotonic() + 60
    with ThreadPoolExecutor(4) as pool:
        while api.livechat.counts()["max_in_flight"] < 4:  # a busy machine may start one too late
            started = time.monotonic()
            assert started < give_up_at
            list(pool.map(ask, range(4)))
            assert time.monotonic() - started > 0.1
    assert api.livechat.counts()["max_in_flight"] == 4


def test_options_are_checked(api: Api) -> None:
    with pytest.raises(RuntimeError, match="cannot change"):
        api.livechat.change(visitors=3)
    with pytest.raises(RuntimeError, match="422"):
        api.livechat.change(paging="random")


# OAuth


def refresh(api: Api, **changes: str) -> requests.Response:
    settings = api.livechat.settings
    form = {
        "grant_type": "refresh_token",
        "refresh_token": settings.refresh_token,
        "client_id": settings.client_id,
        "client_secret": settings.client_secret,
    } | changes
    return api.session.post(f"{api.livechat.accounts_url}/v2/token", data=form, timeout=10)


def test_a_refresh_token_gets_an_access_token_that_ends(api: Api) -> None:
    granted = refresh(api).json()
    assert granted["token_type"] == "Bearer"
    assert granted["expires_in"] == 28800
    assert granted["refresh_token"] == api.livechat.settings.refresh_token
    bearer = f"Bearer {granted['access_token']}"
    assert api.post(AGENTS, {}, Authorization=bearer).status_code == 200
    info = api.session.get(
        f"{api.livechat.accounts_url}/v2/info", headers={"Authorization": bearer}, timeout=10
    ).json()
    assert info["scope"].split(",") == list(ALL_SCOPES)
    api.livechat.expire_access_tokens()
    assert api.post(AGENTS, {}, Authorization=bearer).status_code == 401


def test_refresh_tokens_may_rotate() -> None:
    with (
        LiveChatSandbox(visitors=1, rotate_refresh_tokens=True) as livechat,
        requests.Session() as session,
    ):
        api = Api(livechat, session)
        rotated = refresh(api).json()["refresh_token"]
        assert rotated != livechat.settings.refresh_token
        assert refresh(api).json()["error"] == "invalid_grant"
        assert refresh(api, refresh_token=rotated).status_code == 200


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"refresh_token": "old"}, 400, "invalid_grant"),
        ({"client_secret": "guessed"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_refusals_of_oauth_have_its_own_shape(
    api: Api, change: dict[str, str], status: int, error: str
) -> None:
    refused = refresh(api, **change)
    assert refused.status_code == status
    assert refused.json()["error"] == error
    assert api.livechat.counts()["billed"] == 0


# A crowd for measurements


def test_a_stencil_is_cut_true() -> None:
    """What a light crowd serves fast is what it would serve slowly."""
    server = Server({"light_threads": 300, "end": END.isoformat()})
    chat = AgentChat(server.store)
    for version in ("3.5", "3.6"):
        call = Call("get_chat", version, b"", grant(parse({})), server.clock.now(), server.options)
        for position in range(300):
            fast = json.loads(chat._encoded_chat(position, call))
            assert fast == json.loads(json.dumps(chat._chat(position, call)))


def test_twenty_thousand_threads_are_paged_through() -> None:
    with (
        LiveChatSandbox(light_threads=20_000, end=END.isoformat()) as livechat,
        requests.Session() as session,
    ):
        api = Api(livechat, session)
        page = api.post(ARCHIVES, {"limit": 100, "sort_order": "asc"}).json()
        seen = [chat["thread"]["id"] for chat in page["chats"]]
        for _ in range(30):
            page = api.post(ARCHIVES, {"page_id": page["next_page_id"]}).json()
            seen += [chat["thread"]["id"] for chat in page["chats"]]

        assert len(set(seen)) == len(seen) == 31 * 100
