"""A record of `queued_visitors_left`: who waited for an answer, and did not get one. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_livechat.records import forms, names, visitor
from tap_livechat.timestamps import render

if TYPE_CHECKING:
    from tap_livechat.api import payloads


def record(chat_id: str, row: payloads.QueuedVisitorLeft) -> dict[str, Any]:
    """The profile's e-mail and name, or else those of the pre-chat survey."""
    filled = forms.FilledForms()
    # A question is called `key` here.
    fields = [{**field, "label": field.get("key")} for field in row.prechat_survey or ()]
    forms.read_fields(fields, "prechat", filled)
    person, queue = row.visitor, row.queue
    email, email_source = visitor.email_of(person.email if person else None, filled)
    called = visitor.name_of(names.Name.of(person.name if person else None), filled)
    return {
        "chat_id": chat_id,
        "visitor_id": person.id if person else None,
        "email": email,
        "email_source": email_source,
        **called._asdict(),
        "ip": person.ip if person else None,
        "session_fields": visitor.custom_variables(person.visitor_custom_variables)
        if person
        else {},
        "form_answers": filled.answers,
        "queued_at": render(queue.start_date) if queue and queue.start_date else None,
        "queue_seconds": queue.duration if queue else None,
        "group_id": queue.group if queue else None,
        "url": queue.url if queue else None,
    }
