"""A record of `queued_visitors_left`: who waited for an answer, and did not get one. Pure."""

from __future__ import annotations

from typing import Any

from tap_livechat.api import payloads
from tap_livechat.records import forms, names, visitor
from tap_livechat.timestamps import render

_NOBODY = payloads.QueuedVisitor()
_NO_QUEUE = payloads.LeftQueue()


def record(chat_id: str, row: payloads.QueuedVisitorLeft) -> dict[str, Any]:
    """The profile's e-mail and name, or else those of the pre-chat survey."""
    filled = forms.FilledForms()
    # A question is called `key` here.
    fields = [{**field, "label": field.get("key")} for field in row.prechat_survey or ()]
    forms.read_fields(fields, "prechat", filled)
    person, queue = row.visitor or _NOBODY, row.queue or _NO_QUEUE
    email, email_source = visitor.email_of(person.email, filled)
    return {
        "chat_id": chat_id,
        "visitor_id": person.id,
        "email": email,
        "email_source": email_source,
        **visitor.name_of(names.Name.of(person.name), filled)._asdict(),
        "ip": person.ip,
        "session_fields": visitor.custom_variables(person.visitor_custom_variables),
        "form_answers": filled.answers,
        "queued_at": queue.start_date and render(queue.start_date),
        "queue_seconds": queue.duration,
        "group_id": queue.group,
        "url": queue.url,
    }
