"""Any of the API's shapes of a person -> one flat visitor record. Pure.

Three sources, one record (`schemas.VISITOR` has its fields and what they mean):

    list_archives   a v3.6 customer among the users of a chat, with one of its threads
    list_customers  a v3.5 customer, who has no thread
    CDP             a customer of the Customer Data Platform: `monitoring` and `statistics`

and, shorter, whoever left the queue, of the Reports API (`schemas.QUEUED_VISITOR_LEFT`).
What a source does not know is null.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec import structs

from tap_livechat.api import payloads
from tap_livechat.records import forms, names, schemas
from tap_livechat.timestamps import latest, parse, render

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_livechat.records.row import Row

Record = dict[str, Any]

_NO_GEOLOCATION = payloads.Geolocation()
_NO_MONITORING = payloads.Monitoring()
_NO_PAGE = payloads.Page()
_NO_QUEUE = payloads.LeftQueue()
_NO_STATISTICS = payloads.Statistics()
_NO_VISIT = payloads.Visit()
_NOBODY = payloads.QueuedVisitor()
# Copied and filled in: a literal of more than 15 keys is built in parts, which takes longer.
_EMPTY: Record = dict.fromkeys(schemas.VISITOR)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_UNITED = ("tags", "group_ids", "agents")
_OVERLAID = ("session_fields", "form_answers")
_PLACE = ("city", "region", "country", "country_code", "postal_code")
_CONNECTION = ("ip", "user_agent", "referrer", "last_page_url", "last_page_title")


def from_archive(row: Row, customer: payloads.User) -> Record:
    thread = row.thread
    record = _record(
        customer,
        visit=customer.visit or thread.customer_visit or _NO_VISIT,
        activity=_last_said(customer, row.said_at),
        # Those of the visitor's last session are newer than those of the thread.
        session_fields=_by_key(thread.custom_variables) | custom_variables(customer.session_fields),
        filled=row.filled,
    )
    record["last_chat_id"] = row.chat.id
    record["last_thread_id"] = thread.id
    record["tags"] = row.tags
    record["group_ids"] = row.group_ids
    record["agents"] = list(row.agents)
    return record


def from_customer(customer: payloads.User) -> Record:
    return _record(
        customer,
        visit=customer.last_visit or customer.visit or _NO_VISIT,
        activity=_last_said(customer, None),
        session_fields=custom_variables(customer.session_fields),
    )


def from_cdp(customer: payloads.CdpCustomer) -> Record:
    monitoring = customer.monitoring or _NO_MONITORING
    statistics = customer.statistics or _NO_STATISTICS
    visited_at = latest((statistics.last_visit_at, statistics.last_chat_at))
    newest = max(monitoring.visits or (), key=lambda it: it.started_at or _LONG_AGO, default=None)
    of_apps = (customer.custom_fields or {}).values()
    custom_fields = custom_variables(fields for fields in of_apps if isinstance(fields, dict))
    return _record(
        structs.replace(monitoring, id=customer.customer_id, statistics=customer.statistics),
        visit=newest or _NO_VISIT,
        activity=latest((statistics.last_activity_at or visited_at, monitoring.created_at)),
        session_fields=custom_fields | _by_key(monitoring.session_fields),
        name_is_default=bool(monitoring.name_is_default),
    )


def from_queue(chat_id: str, left: payloads.QueuedVisitorLeft) -> Record:
    """A record of `queued_visitors_left`: who waited for an answer, and did not get one."""
    person, queue = left.visitor or _NOBODY, left.queue or _NO_QUEUE
    filled = forms.FilledForms()
    # A question is called `key` here.
    fields = [{**field, "label": field.get("key")} for field in left.prechat_survey or ()]
    forms.read_fields(fields, "prechat", filled)
    email, email_source = email_of(person.email, filled)
    return {
        "chat_id": chat_id,
        "visitor_id": person.id,
        "email": email,
        "email_source": email_source,
        **name_of(names.Name.of(person.name), filled)._asdict(),
        "ip": person.ip,
        "session_fields": custom_variables(person.visitor_custom_variables),
        "form_answers": filled.answers,
        "queued_at": queue.start_date and render(queue.start_date),
        "queue_seconds": queue.duration,
        "group_id": queue.group,
        "url": queue.url,
    }


class KnownEmails:
    """The e-mails of the last visitors of a run: one typed in an earlier chat is not forgotten."""

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._by_visitor: dict[str, tuple[str, str | None]] = {}

    def complete(self, record: Record) -> Record:
        """The record, of `visitors` or `chats`, with the best e-mail so far."""
        visitor_id = record["visitor_id"]
        before = self._by_visitor.pop(visitor_id, None)
        if before and (record["email"] is None or is_better_email(before[0], record["email"])):
            record["email"], record["email_source"] = before
        if record["email"]:
            # Put last: the ones that were not seen for longest go first.
            self._by_visitor[visitor_id] = record["email"], record["email_source"]
            if len(self._by_visitor) > self._most:
                del self._by_visitor[next(iter(self._by_visitor))]
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
    known = (names.Name(*(each[key] for key in names.Name._fields)) for each in (newer, older))
    merged.update(max(known, key=names.worth)._asdict())
    use_older = newer["email"] is None or is_better_email(older["email"], newer["email"])
    by = older if use_older else newer
    merged["email"], merged["email_source"] = by["email"], by["email_source"]
    for key in _UNITED:
        merged[key] = list(dict.fromkeys((*older[key], *newer[key])))
    for key in _OVERLAID:
        merged[key] = {**older[key], **newer[key]}
    moment = latest((parse(older["last_activity_at"]), parse(newer["last_activity_at"])))
    merged["last_activity_at"] = moment and render(moment)
    return merged


def _last_said(customer: payloads.User, said_at: datetime | None) -> datetime | None:
    said = (said_at, customer.customer_last_event_created_at, customer.agent_last_event_created_at)
    return latest(said) or customer.created_at


def _record(
    customer: payloads.User,
    *,
    visit: payloads.Visit,
    activity: datetime | None,
    session_fields: dict[str, str],
    filled: forms.FilledForms | None = None,
    name_is_default: bool = False,  # as far as LiveChat says so
) -> Record:
    filled = filled or forms.FilledForms()
    called = name_of(names.Name.of(customer.name, is_default=name_is_default), filled)
    geolocation = visit.geolocation or _NO_GEOLOCATION
    city, region, country, country_code, postal_code = _place(customer.address, geolocation)
    page = _last_page(visit.last_pages or visit.pages or ())
    statistics = customer.statistics or _NO_STATISTICS
    record = _EMPTY.copy()
    record["visitor_id"] = customer.id
    record["email"], record["email_source"] = email_of(customer.email, filled)
    record["name"], record["first_name"], record["last_name"], record["name_is_default"] = called
    record["phone"] = customer.phone_number or None
    record["city"] = city or None
    record["region"] = region or None
    record["country"] = country or None
    record["country_code"] = country_code or None
    record["postal_code"] = postal_code or None
    record["timezone"] = geolocation.timezone or None
    record["latitude"] = _number(geolocation.latitude)
    record["longitude"] = _number(geolocation.longitude)
    record["ip"] = visit.ip or None
    record["user_agent"] = visit.user_agent or None
    record["referrer"] = visit.referrer or visit.page_referrer or None
    record["last_page_url"] = page.url or None
    record["last_page_title"] = page.title or None
    record["created_at"] = customer.created_at and render(customer.created_at)
    record["last_activity_at"] = activity and render(activity)
    record["chats_count"] = statistics.chats_count
    record["threads_count"] = statistics.threads_count
    record["visits_count"] = statistics.visits_count
    record["page_views_count"] = statistics.page_views_count
    record["tags"] = []
    record["group_ids"] = []
    record["agents"] = []
    record["session_fields"] = session_fields
    record["form_answers"] = filled.answers
    return record


def is_better_email(email: str | None, than: str | None) -> bool:
    return not forms.is_plausible_email(than) and forms.is_plausible_email(email)


def email_of(profile: str | None, filled: forms.FilledForms) -> tuple[str | None, str | None]:
    """The visitor's e-mail, and where it comes from."""
    profile = profile.strip() if profile else None
    typed = filled.email
    if typed and (not profile or is_better_email(typed, profile)):
        return typed, filled.email_source
    return (profile, "profile") if profile else (None, None)


def name_of(profile: names.Name, filled: forms.FilledForms) -> names.Name:
    """What the visitor is called: as shown to agents, unless a form knows better."""
    if filled.name is None or names.worth(profile) == names.OF_A_PERSON:
        return profile
    return max(profile, names.Name.of(filled.name), key=names.worth)


# Of a name that comes again the last value counts: lists of session fields are in order.


def custom_variables(fields: Iterable[Record] | None) -> dict[str, str]:
    """Of objects by name, or of `{"key", "value"}`."""
    found: dict[str, str] = {}
    for field in fields or ():
        if len(field) > 1 and field.keys() == {"key", "value"}:
            found |= _by_key([field])
            continue
        for name, value in field.items():
            found[name] = _as_text(value)
    return found


def _by_key(fields: Iterable[Record] | None) -> dict[str, str]:
    return {
        str(pair["key"]): _as_text(pair.get("value"))
        for pair in fields or ()
        if pair.get("key") is not None
    }


def _place(
    address: payloads.Address | None, geolocation: payloads.Geolocation
) -> tuple[Any, Any, Any, Any, Any]:
    """What the visitor stated, or else what the connection suggests: never half of each.

    In the order of `_PLACE`.
    """
    if address is None or not (
        address.city or address.state or address.country or address.postal_code
    ):
        found = geolocation
        return found.city, found.region, found.country, found.country_code, None
    same_country = address.country and address.country == geolocation.country
    code = geolocation.country_code if same_country else None
    return address.city, address.state, address.country, code, address.postal_code


def _last_page(pages: Iterable[payloads.Page]) -> payloads.Page:
    """The page opened last; of pages opened at one moment the last in the list."""
    last, last_opened_at = _NO_PAGE, _LONG_AGO
    for page in pages:
        opened_at = page.opened_at or page.started_at or _LONG_AGO
        if opened_at >= last_opened_at:
            last, last_opened_at = page, opened_at
    return last


def _number(value: object) -> float | None:
    """LiveChat sends coordinates as text."""
    if not isinstance(value, (str, int, float)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)
