"""The streams' fields: what each means, and of which type it is."""

from __future__ import annotations

from typing import Any, NamedTuple

from tap_livechat.api import payloads


class Kind(NamedTuple):
    """How a value stands in a JSON Schema, and is read where the fields are LiveChat's own."""

    schema: dict[str, Any]
    payload: Any


STRING = Kind({"type": ["string"]}, payloads.Text)
INTEGER = Kind({"type": ["integer"]}, payloads.Whole)
NUMBER = Kind({"type": ["number"]}, Any)
BOOLEAN = Kind({"type": ["boolean"]}, payloads.Flag)
MOMENT = Kind({"type": ["string"], "format": "date-time"}, payloads.Moment)
STRINGS = Kind({"type": ["array"], "items": STRING.schema}, list[payloads.Text])
INTEGERS = Kind({"type": ["array"], "items": INTEGER.schema}, list[payloads.Whole])
# Free objects: a target keeps them whole, as JSON.
TEXTS = Kind({"type": ["object"], "additionalProperties": STRING.schema}, payloads.Texts)
FREE = Kind({"type": ["object"], "additionalProperties": True}, payloads.Object)
_FREE_ITEM = {"type": "object", "properties": {}, "additionalProperties": True}
FREE_LIST = Kind({"type": ["array"], "items": _FREE_ITEM}, list[payloads.Object])

Fields = dict[str, tuple[Kind, str]]

VISITOR: Fields = {
    "visitor_id": (STRING, "LiveChat's id of the visitor: one browser, not always one person."),
    "email": (STRING, "From the profile, or else from a form the visitor filled in; as typed."),
    "email_source": (STRING, "profile, or the form: prechat, postchat, ask_for_email, ticket …"),
    "name": (STRING, "As shown to agents; or from a form, if only that has a name."),
    "first_name": (STRING, "Given and middle names; null if `name` is not a person's."),
    "last_name": (STRING, "Family name; null if `name` is not a person's."),
    "name_is_default": (BOOLEAN, 'Nobody gave the name: it is missing, "Client", "Visitor" …'),
    "phone": (STRING, "E.164, from the profile."),
    "city": (STRING, "As stated in the address, or else by the IP address."),
    "region": (STRING, "State or region, as `city`."),
    "country": (STRING, "Name of the country, as `city`."),
    "country_code": (STRING, "ISO 3166-1 alpha-2."),
    "postal_code": (STRING, "As stated in the address."),
    "timezone": (STRING, "IANA name, by the IP address."),
    "latitude": (NUMBER, "Degrees, by the IP address."),
    "longitude": (NUMBER, "Degrees, by the IP address."),
    "ip": (STRING, "IP address of the last visit; masked if the licence masks addresses."),
    "user_agent": (STRING, "Browser of the last visit."),
    "referrer": (STRING, "Where the last visit came from."),
    "last_page_url": (STRING, "The page seen last."),
    "last_page_title": (STRING, "Title of the page seen last."),
    "created_at": (MOMENT, "First seen."),
    "last_activity_at": (MOMENT, "The last thing the visitor or an agent said."),
    "last_chat_id": (STRING, "The chat of the newest thread."),
    "last_thread_id": (STRING, "The newest thread."),
    "chats_count": (INTEGER, "Chats so far."),
    "threads_count": (INTEGER, "Threads so far."),
    "visits_count": (INTEGER, "Visits so far."),
    "page_views_count": (INTEGER, "Page views so far."),
    "tags": (STRINGS, "Tags of the thread."),
    "group_ids": (INTEGERS, "Groups of the thread."),
    "agents": (STRINGS, "Ids of the agents and bots who took part in the thread."),
    "session_fields": (TEXTS, "Custom variables, custom fields; of a repeated one the last value."),
    "form_answers": (TEXTS, "Label of the field to the answer, from all forms of the thread."),
}

CHAT: Fields = {
    "thread_id": (STRING, "LiveChat's id of the thread; a chat is a row of threads."),
    "chat_id": (STRING, "LiveChat's id of the chat."),
    "visitor_id": (STRING, "Who asked."),
    "email": (STRING, "As in `visitors`."),
    "email_source": (STRING, "As in `visitors`."),
    "visitor_name": (STRING, "The visitor's name, as in `visitors`; null if it is not a person's."),
    "created_at": (MOMENT, "Start of the thread."),
    "ended_at": (MOMENT, "Time of the last event; null while the thread is active or restricted."),
    "last_activity_at": (MOMENT, "Time of the last event, or else the start."),
    "active": (BOOLEAN, "The chat is still open."),
    "duration_seconds": (NUMBER, "From start to end."),
    "first_response_seconds": (NUMBER, "From the first question to the first answer after it."),
    "queue_seconds": (INTEGER, "Time spent in queues."),
    "rating": (STRING, "good or bad."),
    "rating_comment": (STRING, "What the visitor wrote beside the rating."),
    "tags": (STRINGS, "Tags of the thread."),
    "group_ids": (INTEGERS, "Groups with access to the thread."),
    "agents": (STRINGS, "Ids of the agents and bots who took part."),
    "agent_names": (STRINGS, "Their names, as shown to visitors; null if they are not known."),
    "group_names": (STRINGS, "Names of the groups; null if they are not known."),
    "topic": (STRING, "The first tag, or else the first group's name if it is known."),
    "transfers_count": (INTEGER, "How often the chat was handed on."),
    "visitor_messages_count": (INTEGER, "Messages and files of the visitor."),
    "agent_messages_count": (INTEGER, "Messages and files of agents and bots, private ones aside."),
    "events_count": (INTEGER, "All events."),
    "form_answers": (TEXTS, "Label of the field to the answer, from all forms of the thread."),
    "summary": (STRING, "LiveChat's own summary."),
    "start_url": (STRING, "The page on which the chat was started."),
    "referrer": (STRING, "Where that visit came from."),
    "utm": (STRING, "Of the start page: source / medium / campaign, - for one that is missing."),
    "client_id": (STRING, "The application that started the chat."),
    "restricted_access": (STRING, "Why the plan hides the thread's events, if it does."),
    "previous_thread_id": (STRING, "The thread before, in the same chat."),
    "next_thread_id": (STRING, "The thread after, in the same chat."),
    "properties": (FREE, "All properties of the thread, by namespace."),
}

CHAT_EVENT: Fields = {
    "event_id": (STRING, "LiveChat's id of the event."),
    "thread_id": (STRING, "The thread it belongs to."),
    "chat_id": (STRING, "The chat it belongs to."),
    "created_at": (MOMENT, "When it happened."),
    "type": (
        STRING,
        "message, file, form, filled_form, rich_message, custom, system_message or system.",
    ),
    "author_id": (STRING, "Who did it; null for system messages."),
    "author_type": (STRING, "customer or agent."),
    "visibility": (STRING, "all, or agents for private notes."),
    "deleted": (BOOLEAN, "The event was deleted; its content may be gone."),
    "custom_id": (STRING, "The id given by the sender."),
    "text": (STRING, "Message or system message: what was said."),
    "postback": (FREE, "Message: the button that was pressed."),
    "name": (STRING, "File: its name."),
    "url": (STRING, "File: where it is."),
    "thumbnail_url": (STRING, "File: where its thumbnail is."),
    "content_type": (STRING, "File: its media type."),
    "size": (INTEGER, "File: bytes."),
    "width": (INTEGER, "File: pixels."),
    "height": (INTEGER, "File: pixels."),
    "alternative_text": (STRING, "File: what it shows."),
    "form_id": (STRING, "Form: its id."),
    "form_type": (STRING, "Form: prechat, postchat, ask_for_email …"),
    "fields": (FREE_LIST, "Form: the fields, with answers where it is filled."),
    "template_id": (STRING, "Rich message: cards, quick_replies or sticker."),
    "elements": (FREE_LIST, "Rich message: the cards."),
    "content": (STRING, "Custom event: its content, as JSON text."),
    "system_message_type": (STRING, "System message: its type, such as routing.assigned."),
    "text_vars": (FREE, "System message: the names in its text."),
    "source": (STRING, "System event: who sent it."),
    "subtype": (STRING, "System event: what happened, such as store_order_was_created."),
    "version": (STRING, "System event: version of its details."),
    "details": (STRING, "System event: its details, as JSON text."),
    "properties": (FREE, "All properties of the event, by namespace."),
}

AGENT: Fields = {
    "id": (STRING, "The login, as it stands in `agents` of visitors and chats."),
    "account_id": (STRING, "The account; stays when the login changes."),
    "name": (STRING, "As shown to visitors."),
    "role": (STRING, "owner, viceowner, administrator or normal."),
    "job_title": (STRING, "As shown to visitors."),
    "avatar_path": (STRING, "Picture."),
    "login_status": (STRING, "accepting chats, not accepting chats or offline."),
    "max_chats_count": (INTEGER, "Chats at a time."),
    "last_logout": (MOMENT, "When the agent was last seen."),
    "suspended": (BOOLEAN, "The agent may not log in."),
    "awaiting_approval": (BOOLEAN, "The agent was invited."),
    "groups": (FREE_LIST, "Group ids with the agent's priority in each."),
}

GROUP: Fields = {
    "id": (INTEGER, "LiveChat's id of the group; 0 is General."),
    "name": (STRING, "Name of the group."),
    "language_code": (STRING, "Language of the group's chat window."),
    "routing_status": (STRING, "Whether the group takes chats."),
    "agent_priorities": (TEXTS, "Agent id to priority."),
}

TAG: Fields = {
    "name": (STRING, "The tag."),
    "group_ids": (INTEGERS, "Groups that use it."),
    "author_id": (STRING, "Who made it."),
    "created_at": (MOMENT, "When it was made."),
}


BOT: Fields = {
    "id": (STRING, "As it stands in `agents` of visitors and chats."),
    "name": (STRING, "As shown to visitors."),
    "avatar_path": (STRING, "Picture."),
    "job_title": (STRING, "As shown to visitors."),
    "max_chats_count": (INTEGER, "Chats at a time."),
    "timezone": (STRING, "IANA name."),
    "groups": (FREE_LIST, "Group ids with the bot's priority in each."),
}

CUSTOMER_BAN: Fields = {
    "ip": (STRING, "The banned address."),
    "created_at": (MOMENT, "When it was banned."),
    "customer_id": (STRING, "The banned visitor, if it was one."),
    "agent_id": (STRING, "Who banned."),
    "thread_id": (STRING, "In which thread."),
    "expires_at": (MOMENT, "Until when; bans that are over are not listed."),
}

QUEUED_VISITOR_LEFT: Fields = {
    "chat_id": (STRING, "The chat that did not come about."),
    "visitor_id": (STRING, "Who left."),
    "email": (STRING, "From the profile, or else from the pre-chat survey; as typed."),
    "email_source": (STRING, "profile or prechat."),
    "name": (STRING, "As in `visitors`."),
    "first_name": (STRING, "Given and middle names; null if `name` is not a person's."),
    "last_name": (STRING, "Family name; null if `name` is not a person's."),
    "name_is_default": (BOOLEAN, "As in `visitors`."),
    "ip": (STRING, "IP address."),
    "session_fields": (TEXTS, "Custom variables."),
    "form_answers": (TEXTS, "Question of the pre-chat survey to the answer."),
    "queued_at": (MOMENT, "Since when in the queue."),
    "queue_seconds": (INTEGER, "How long."),
    "group_id": (INTEGER, "For which group."),
    "url": (STRING, "On which page."),
}

DAILY_REPORT: Fields = {
    "report": (STRING, "Which one, by LiveChat's name: total_chats, ratings …"),
    "date": (STRING, "The day, in UTC."),
    "values": (FREE, "The report's figures of that day, as LiveChat names them."),
}


def to_schema(fields: Fields, keys: tuple[str, ...]) -> dict[str, Any]:
    """JSON Schema of the fields; all but the keys may be null."""
    properties = {}
    for name, (kind, description) in fields.items():
        types = kind.schema["type"] if name in keys else [*kind.schema["type"], "null"]
        properties[name] = kind.schema | {"type": types, "description": description}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "required": list(keys),
    }
