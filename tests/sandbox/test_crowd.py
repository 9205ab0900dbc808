from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from tests.sandbox.crowd import Crowd, Kind, LightCrowd, Thread

START = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2026, 1, 31, tzinfo=UTC)
EVENT_TYPES = {
    "message",
    "file",
    "filled_form",
    "form",
    "rich_message",
    "custom",
    "system_message",
    "system",
}
DOMAINS = re.compile(r"@(ex[aä]mple\.(com|org|net))", re.IGNORECASE)


@pytest.fixture(scope="module")
def crowd() -> Crowd:
    return Crowd(7, 240, START, END)


def form_emails(thread: Thread) -> list[str]:
    return [
        field["answer"]
        for event in thread.events
        if event.type == "filled_form"
        for field in event.content["fields"]
        if field["type"] == "email"
    ]


def test_the_same_seed_gives_the_same_crowd_and_another_seed_another(crowd: Crowd) -> None:
    again = Crowd(7, 240, START, END)
    assert again.visitors == crowd.visitors
    assert again.threads == crowd.threads
    assert again.marketo_leads() == crowd.marketo_leads()
    assert Crowd(8, 240, START, END).visitors[0] != crowd.visitors[0]


def test_more_visitors_only_add(crowd: Crowd) -> None:
    assert Crowd(7, 300, START, END).visitors[:240] == crowd.visitors


def test_forty_visitors_are_of_every_kind_and_say_everything() -> None:
    small = Crowd(3, 40, START, END)
    assert {visitor.kind for visitor in small.visitors} == set(Kind)
    assert {event.type for thread in small.threads for event in thread.events} == EVENT_TYPES
    assert any(event.content.get("deleted") for thread in small.threads for event in thread.events)
    assert any(thread.restricted_access and not thread.events for thread in small.threads)
    assert any(thread.closed_at > END for thread in small.threads)


def test_an_email_is_where_the_kind_says(crowd: Crowd) -> None:
    for thread in crowd.threads:
        visitor = crowd.visitors[thread.visitor]
        in_forms = form_emails(thread)
        if visitor.kind in {Kind.PRECHAT, Kind.ASK_FOR_EMAIL, Kind.POSTCHAT}:
            assert visitor.email is None
            assert any(in_forms)
        elif visitor.kind is Kind.PRECHAT_SKIPPED:
            assert in_forms == [""]
        elif visitor.kind is Kind.ANONYMOUS:
            assert visitor.email is None
            assert not in_forms
            assert visitor.name_is_default


def test_emails_are_of_domains_that_nobody_has(crowd: Crowd) -> None:
    emails = {visitor.email for visitor in crowd.visitors if visitor.email}
    emails |= {email for thread in crowd.threads for email in form_emails(thread) if email}
    emails |= {lead["email"] for lead in crowd.marketo_leads()}
    impossible = {email for email in emails if not DOMAINS.search(email)}
    assert impossible <= {"john@", "no-at-sign.example.com"}


def test_threads_are_in_order_and_a_visitors_threads_never_overlap(crowd: Crowd) -> None:
    assert list(crowd.created) == sorted(crowd.created)
    assert all(START <= thread.created_at < END for thread in crowd.threads)
    for visitor in crowd.visitors:
        threads = [crowd.threads[position] for position in crowd.threads_of(visitor.number)]
        assert all(thread.chat_id == visitor.chat_id for thread in threads)
        for former, latter in pairwise(threads):
            assert former.closed_at < latter.created_at
            assert (former.next_thread_id, latter.previous_thread_id) == (latter.id, former.id)


def test_events_are_in_order_within_their_thread(crowd: Crowd) -> None:
    for thread in crowd.threads:
        times = [event.created_at for event in thread.events]
        assert times == sorted(set(times))
        assert all(thread.created_at < time <= thread.closed_at for time in times)
    ids = [event.id for thread in crowd.threads for event in thread.events]
    assert len(set(ids)) == len(ids)


def test_people_are_as_people_are(crowd: Crowd) -> None:
    persons = Counter(visitor.person for visitor in crowd.visitors)
    assert max(persons.values()) > 1, "nobody comes with two browsers"
    visits = [visitor.visits[-1] for visitor in crowd.visitors]
    assert {len(visit.geolocation or ()) for visit in visits} >= {0, 2, 4, 7}
    assert any(not (visitor.name or "").isascii() for visitor in crowd.visitors)
    assert any(visitor.phone for visitor in crowd.visitors)
    keys = [[key for key, _ in visitor.session_fields] for visitor in crowd.visitors]
    assert any(len(set(each)) < len(each) for each in keys), "no session field comes twice"
    assert any(len(thread.agent_ids) > 1 for thread in crowd.threads)
    assert any(not thread.agent_ids for thread in crowd.threads), "every chat was answered"
    assert any(thread.queue for thread in crowd.threads)
    assert any("rating" in thread.properties for thread in crowd.threads)
    assert {bool(thread.tags) for thread in crowd.threads} == {True, False}


def test_marketo_knows_a_third_of_them() -> None:
    crowd = Crowd(11, 1200, START, END)
    leads = crowd.marketo_leads()
    emails = Counter(lead["email"].lower() for lead in leads)
    known = [person for person in crowd.persons if person.email in emails]
    assert 0.28 < len(known) / len(crowd.persons) < 0.39
    assert any(count > 1 for count in emails.values()), "no duplicates"
    assert any(lead["email"] != lead["email"].lower() for lead in leads)
    geography = [{"city", "state", "country", "postalCode"} & lead.keys() for lead in leads]
    assert {len(each) for each in geography} == {0, 1, 4}
    places = {person.email: person.place.city for person in known}
    assert any(lead.get("city") not in {None, places.get(lead["email"].lower())} for lead in leads)


def test_a_light_crowd_has_the_same_face() -> None:
    crowd = LightCrowd(1, 500, START, END)
    assert len(crowd.threads) == 500
    assert len(crowd.visitors) < 500
    assert list(crowd.created) == sorted(crowd.created)
    assert crowd.closed[-1] <= (END - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    every = [position for each in crowd.visitors for position in crowd.threads_of(each.number)]
    assert sorted(every) == list(range(500))
    thread = crowd.threads[499]
    assert crowd.visitors[thread.visitor].chat_id == thread.chat_id
    assert form_emails(thread) == [f"visitor{thread.visitor}@example.com"]


def test_an_impossible_period_is_refused() -> None:
    with pytest.raises(ValueError, match="end"):
        Crowd(1, 1, END, START)
