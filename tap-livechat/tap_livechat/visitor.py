"""Any of the API's shapes of a person -> one flat visitor record. Pure.

Three sources, one record (`schemas.VISITOR` has its fields and what they mean):

    list_archives   a v3.6 customer among the users of a chat, with one of its threads
    list_customers  a v3.5 customer, who has no thread
    CDP             a customer of the Customer Data Platform: `monitoring` and `statistics`

What a source does not know is null.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tap_livechat import forms, names
from tap_livechat.timestamps import latest, normalise, parse, render

if TYPE_CHECKING:
    from collections.abc import Mapping

Record = dict[str, Any]
Payload = dict[str, Any]

_NOTHING: Payload = {}
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_UNITED = ("tags", "group_ids", "agents")
_OVERLAID = ("session_fields", "form_answers")
_NAME = ("name", "first_name", "last_name", "name_is_default")
_PLACE = ("city", "region", "country", "country_code", "postal_code")
_STATED = ("city", "state", "country", "postal_code")
_CONNECTION = ("ip", "user_agent", "referrer", "last_page_url", "last_page_title")


def from_archive(chat: Payload, customer: Payload, thread_activity: datetime | None) -> Record:
    """`thread_activity` is the time of the thread's last event, which the caller knows already."""
    thread: Payload = chat.get("thread") or _NOTHING
    filled = forms.read_forms(thread.get("events") or ())
    record = _from_customer(
        customer,
        visit=customer.get("visit") or thread.get("customer_visit") or _NOTHING,
        filled=filled,
        activity=thread_activity,
    )
    record["last_chat_id"] = chat.get("id")
    record["last_thread_id"] = thread.get("id")
    record["tags"] = list(thread.get("tags") or ())
    record["group_ids"] = group_ids(chat)
    record["agents"] = agents(chat)
    return record


def from_customer(customer: Payload) -> Record:
    return _from_customer(
        customer,
        visit=customer.get("last_visit") or customer.get("visit") or _NOTHING,
        filled=forms.FilledForms(),
        activity=None,
    )


def from_cdp(customer: Payload) -> Record:
    monitoring: Payload = customer.get("monitoring") or _NOTHING
    statistics: Payload = customer.get("statistics") or _NOTHING
    visits = [visit for visit in monitoring.get("visits") or () if isinstance(visit, dict)]
    visit = max(visits, key=_started_at, default=_NOTHING)
    created_at, name = monitoring.get("created_at"), monitoring.get("name")
    record = _record(
        visitor_id=customer.get("customer_id"),
        email=monitoring.get("email"),
        name=name,
        name_is_default=bool(monitoring.get("name_is_default")) or names.is_default(name),
        phone=monitoring.get("phone_number"),
        address=monitoring.get("address") or _NOTHING,
        visit=visit,
        pages=visit.get("pages") or (),
        referrer=visit.get("page_referrer"),
        created_at=created_at,
        activity=latest((parse(statistics.get("last_activity_at")), parse(created_at))),
        statistics=statistics,
        filled=forms.FilledForms(),
    )
    record["session_fields"] = {
        str(pair.get("key")): _as_text(pair.get("value"))
        for pair in monitoring.get("session_fields") or ()
        if isinstance(pair, dict) and pair.get("key") is not None
    }
    return record


def merge(older: Record, newer: Record) -> Record:
    """One record of two of the same visitor: the newer facts, completed by the older ones.

    Facts that only make sense together (a name and its parts, a place, a connection, an e-mail
    and where it came from) are taken together. Associative, and idempotent.
    """
    merged = {key: older.get(key) if value is None else value for key, value in newer.items()}
    for together in (_PLACE, _CONNECTION):
        source = newer if any(newer[key] is not None for key in together) else older
        for key in together:
            merged[key] = source[key]
    better_name = older if newer["name_is_default"] and not older["name_is_default"] else newer
    if better_name["name"] is None:
        better_name = older
    for key in _NAME:
        merged[key] = better_name[key]
    use_older = newer["email"] is None or (
        forms.is_plausible_email(older["email"]) and not forms.is_plausible_email(newer["email"])
    )
    by = older if use_older else newer
    merged["email"], merged["email_source"] = by["email"], by["email_source"]
    for key in _UNITED:
        merged[key] = list(dict.fromkeys((*older[key], *newer[key])))
    for key in _OVERLAID:
        merged[key] = {**older[key], **newer[key]}
    moment = latest((parse(older["last_activity_at"]), parse(newer["last_activity_at"])))
    merged["last_activity_at"] = moment and render(moment)
    return merged


def customers(chat: Payload) -> list[Payload]:
    return [
        user
        for user in chat.get("users") or ()
        if isinstance(user, dict) and user.get("type") == "customer" and user.get("id")
    ]


def agents(chat: Payload) -> list[str]:
    """Ids of the agents and bots of the thread; of the whole chat where the thread names nobody."""
    took_part = (chat.get("thread") or _NOTHING).get("user_ids")
    return [
        user["id"]
        for user in chat.get("users") or ()
        if isinstance(user, dict)
        and user.get("type") == "agent"
        and user.get("id")
        and (not took_part or user["id"] in took_part)
    ]


def group_ids(chat: Payload) -> list[int]:
    thread: Payload = chat.get("thread") or _NOTHING
    access: Payload = thread.get("access") or chat.get("access") or _NOTHING
    return [group for group in access.get("group_ids") or () if isinstance(group, int)]


def _from_customer(
    customer: Payload, *, visit: Payload, filled: forms.FilledForms, activity: datetime | None
) -> Record:
    record = _record(
        visitor_id=customer.get("id"),
        email=customer.get("email"),
        name=customer.get("name"),
        name_is_default=names.is_default(customer.get("name")),
        phone=customer.get("phone_number"),
        address=customer.get("address") or _NOTHING,
        visit=visit,
        pages=visit.get("last_pages") or (),
        referrer=visit.get("referrer"),
        created_at=customer.get("created_at"),
        activity=latest(
            (
                activity,
                parse(customer.get("customer_last_event_created_at")),
                parse(customer.get("agent_last_event_created_at")),
            )
        )
        or parse(customer.get("created_at")),
        statistics=customer.get("statistics") or _NOTHING,
        filled=filled,
    )
    # A list of one-key objects, in order; a key that comes again replaces its earlier value.
    record["session_fields"] = {
        str(key): _as_text(value)
        for pair in customer.get("session_fields") or ()
        if isinstance(pair, dict)
        for key, value in pair.items()
    }
    return record


def _record(
    *,
    visitor_id: str | None,
    email: str | None,
    name: str | None,
    name_is_default: bool,
    phone: str | None,
    address: Payload,
    visit: Payload,
    pages: Any,
    referrer: str | None,
    created_at: str | None,
    activity: datetime | None,
    statistics: Payload,
    filled: forms.FilledForms,
) -> Record:
    email = email.strip() if isinstance(email, str) else None
    source = "profile" if email else None
    if filled.email and (not email or _is_better(filled.email, email)):
        email, source = filled.email, filled.email_source
    name = name.strip() if isinstance(name, str) else None
    if name_is_default and filled.name:
        name, name_is_default = filled.name, names.is_default(filled.name)
    first_name, last_name = (None, None) if name_is_default or not name else names.split(name)
    geolocation: Payload = visit.get("geolocation") or _NOTHING
    page = _last_page(pages)
    return {
        "visitor_id": visitor_id,
        "email": email or None,
        "email_source": source,
        "name": name or None,
        "first_name": first_name,
        "last_name": last_name,
        "name_is_default": name_is_default,
        "phone": phone or None,
        **_place(address, geolocation),
        "timezone": geolocation.get("timezone") or None,
        "latitude": _number(geolocation.get("latitude")),
        "longitude": _number(geolocation.get("longitude")),
        "ip": visit.get("ip") or None,
        "user_agent": visit.get("user_agent") or None,
        "referrer": referrer or None,
        "last_page_url": page.get("url") or None,
        "last_page_title": page.get("title") or None,
        "created_at": normalise(created_at),
        "last_activity_at": None if activity is None else render(activity),
        "last_chat_id": None,
        "last_thread_id": None,
        "chats_count": statistics.get("chats_count"),
        "threads_count": statistics.get("threads_count"),
        "visits_count": statistics.get("visits_count"),
        "page_views_count": statistics.get("page_views_count"),
        "tags": [],
        "group_ids": [],
        "agents": [],
        "session_fields": {},
        "form_answers": filled.answers,
    }


def _is_better(form: str, profile: str) -> bool:
    return not forms.is_plausible_email(profile) and forms.is_plausible_email(form)


def _place(address: Mapping[str, Any], geolocation: Mapping[str, Any]) -> Record:
    """What the visitor stated, or else what the connection suggests: never half of each."""
    country = geolocation.get("country") or None
    code = geolocation.get("country_code") or None
    if not address or not any(address.get(key) for key in _STATED):
        return {
            "city": geolocation.get("city") or None,
            "region": geolocation.get("region") or None,
            "country": country,
            "country_code": code,
            "postal_code": None,
        }
    stated = address.get("country") or None
    same_country = stated is not None and country is not None and stated == country
    return {
        "city": address.get("city") or None,
        "region": address.get("state") or None,
        "country": stated,
        "country_code": code if same_country else None,
        "postal_code": address.get("postal_code") or None,
    }


def _last_page(pages: Any) -> Payload:
    """The page opened last; of pages opened at one moment the last in the list."""
    last, last_opened_at = _NOTHING, _LONG_AGO
    for page in pages:
        if not isinstance(page, dict):
            continue
        opened_at = parse(page.get("opened_at") or page.get("started_at")) or _LONG_AGO
        if opened_at >= last_opened_at:
            last, last_opened_at = page, opened_at
    return last


def _started_at(visit: Payload) -> datetime:
    return parse(visit.get("started_at")) or _LONG_AGO


def _number(value: object) -> float | None:
    """LiveChat sends coordinates as text."""
    if not isinstance(value, (str, int, float)):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)
