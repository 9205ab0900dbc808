"""What a perfect tap delivers of a window of time. Pure; times are µs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.sandbox.crowd import Event, Visitor
    from tests.sandbox.livechat.store import Store


def expected(store: Store, low: int, high: int, now: int) -> dict[str, Any]:
    """Ids of the threads created in [low, high) and closed by now, and all that is in them.

    `emails` has each visitor's e-mail as the profile has it, or else the first form that is not
    left empty, with `source`: `profile`, the form's type, or None where the form has no type.
    """
    visitors: dict[str, Visitor] = {}
    emails: dict[str, dict[str, str | None]] = {}
    threads, events, open_threads = [], [], []
    for position in store.timelines["created_at"].between(low, high):
        if store.created[position] > now:
            break
        thread = store.crowd.threads[position]
        if store.active(position, now):
            open_threads.append(thread.id)
            continue
        threads.append(thread.id)
        events += [event.id for event in thread.events]
        visitor = store.crowd.visitors[thread.visitor]
        visitors[visitor.id] = visitor
        if visitor.email:
            emails[visitor.id] = {"email": visitor.email, "source": "profile"}
        elif visitor.id not in emails and (found := _form_email(thread.events)):
            emails[visitor.id] = found
    return {
        "threads": threads,
        "open_threads": open_threads,
        "events": events,
        "visitors": list(visitors),
        "emails": emails,
    }


def _form_email(events: Sequence[Event]) -> dict[str, str | None] | None:
    for event in events:
        if event.type != "filled_form":
            continue
        for field in event.content["fields"]:
            if field["type"] == "email" and field["answer"]:
                return {"email": field["answer"], "source": event.content.get("form_type")}
    return None
