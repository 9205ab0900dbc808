"""What is said: the events of one thread, and the thread around them."""

from __future__ import annotations

import json
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from tests.sandbox.crowd import tables
from tests.sandbox.crowd.directory import AGENTS, BOTS, TAGS
from tests.sandbox.crowd.identity import short_id, uuid_id
from tests.sandbox.crowd.model import Agent, Event, Kind, Person, Queue, Thread, Visitor
from tests.sandbox.crowd.people import broken_email

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.sandbox.crowd.people import Stay

RESTRICTION = "You can't access threads older than 60 days on starter plan"
_APPLICATION = "0805e283233042b37f460ed8fbf22160"  # whose namespace properties are in
_LONG_TEXT_REPEATS = (20, 190)
_EXTRAS = (None, None, None, None, None, "file", "rich_message", "custom", "deleted", "long")


def threads(seed: int, visitor: Visitor, who: Person, stays: Sequence[Stay]) -> tuple[Thread, ...]:
    """The visitor's threads in order of time, each linked to its neighbours."""
    ids = [short_id(seed, "thread", visitor.number, turn) for turn in range(len(stays))]
    return tuple(
        _thread(Random(f"{seed}/thread/{visitor.number}/{stay.turn}"), visitor, who, stay, ids)
        for stay in stays
    )


def _thread(
    random: Random, visitor: Visitor, who: Person, stay: Stay, ids: Sequence[str]
) -> Thread:
    turn = stay.turn
    showcase = visitor.kind is Kind.SHOWCASE
    agents = (
        random.sample(AGENTS, 2) if showcase or random.random() < 0.15 else [random.choice(AGENTS)]
    )
    bot = random.choice(BOTS).id if showcase or random.random() < 0.15 else None
    unanswered = not showcase and random.random() < 0.06
    if unanswered:
        agents = []
    group_ids = tuple(sorted({random.choice(agent.group_ids) for agent in agents} or {0}))
    script = _Script(random, ids[turn], visitor, who)
    script.play(agents, bot, first=turn == 0)
    rating = {"score": random.randint(0, 1)} if showcase or random.random() < 0.25 else None
    properties: dict[str, dict[str, Any]] = {
        "routing": {
            "continuous": random.random() < 0.1,
            "idle": random.random() < 0.1,
            "unassigned": unanswered,
            "start_url": stay.visit.pages[0].url,
        },
        "source": {"client_id": _APPLICATION},
    }
    if stay.visit.referrer:
        properties["routing"]["referrer"] = stay.visit.referrer
    if rating:
        properties["rating"] = rating
        if random.random() < 0.4:
            properties["rating"]["comment"] = random.choice(("great!", "słabo", "Слишком долго"))
    restricted = visitor.kind is Kind.RESTRICTED and turn == 0
    return Thread(
        id=ids[turn],
        chat_id=visitor.chat_id or "",
        visitor=visitor.number,
        created_at=stay.created_at,
        closed_at=stay.closed_at,
        agent_ids=tuple(agent.login for agent in agents) + ((bot,) if bot else ()),
        group_ids=group_ids,
        events=() if restricted else script.events(stay),
        tags=tuple(tag.name for tag in random.sample(TAGS, random.choice((0, 0, 1, 2)))),
        properties=properties,
        queue=Queue(random.randint(1, 42), random.randint(5, 1337))
        if random.random() < 0.1
        else None,
        summary=random.choice(tables.SUMMARIES) if random.random() < 0.3 else None,
        restricted_access=RESTRICTION if restricted else None,
        previous_thread_id=ids[turn - 1] if turn else None,
        next_thread_id=ids[turn + 1] if turn + 1 < len(ids) else None,
        visit=stay.visit,
        east=random.random() < 0.15,
    )


class _Script:
    """The lines of one thread, in order; `events` gives them their times."""

    def __init__(self, random: Random, thread_id: str, visitor: Visitor, who: Person) -> None:
        self._random = random
        self._thread_id = thread_id
        self._visitor = visitor
        self._who = who
        self._lines: list[tuple[str, str | None, dict[str, Any]]] = []

    def play(self, agents: Sequence[Agent], bot: str | None, *, first: bool) -> None:
        kind = self._visitor.kind
        showcase = kind is Kind.SHOWCASE
        self._prechat(kind, first=first)
        if bot:
            self._line("message", bot, text="Hi! I am a bot. What is it about?")
        if agents:
            self._system("routing.assigned", f"{agents[0].name} joined", agent=agents[0].name)
        if kind is Kind.ASK_FOR_EMAIL or showcase:
            self._ask_for_email(agents[0].login if agents else BOTS[0].id)
        for _ in range(self._random.randint(1, 4)):
            self._line("message", self._visitor.id, text=self._random.choice(tables.QUESTIONS))
            if agents:
                speaker = self._random.choice(agents).login
                self._line("message", speaker, text=self._random.choice(tables.ANSWERS))
        extras = _EXTRAS[5:] if showcase else (self._random.choice(_EXTRAS),)
        for extra in extras:
            self._extra(extra)
        if showcase:
            self._order()
        if len(agents) > 1:
            self._transfer(agents[0], agents[1])
        if kind is Kind.POSTCHAT or showcase:
            self._postchat()
        self._system("manual_archived_agent", "The chat was closed", agent="Agent Smith")

    def events(self, stay: Stay) -> tuple[Event, ...]:
        """The lines, spread over the stay; the last one closes the thread."""
        length = stay.closed_at - stay.created_at
        shares = sorted(self._random.random() for _ in self._lines[:-1])
        made = []
        for number, (kind, author, content) in enumerate(self._lines, start=1):
            last = number == len(self._lines)
            # The number keeps the times apart, as LiveChat's own are (…383000, …383001).
            said_at = (
                stay.closed_at
                if last
                else stay.created_at
                + length * shares[number - 1] * 0.98
                + timedelta(microseconds=number)
            )
            if number == 1:
                said_at = stay.created_at + timedelta(microseconds=1)
            named = self._random.random() < 0.1
            event_id = uuid_id(self._thread_id, number) if named else f"{self._thread_id}_{number}"
            made.append(Event(event_id, said_at, kind, author, content))
        return tuple(made)

    def _line(self, kind: str, author: str | None, **content: Any) -> None:
        content.setdefault("visibility", "all")
        if self._visitor.kind is Kind.SHOWCASE:
            content.setdefault("properties", {_APPLICATION: {"seen": True}})
        if self._random.random() < 0.3:
            content["custom_id"] = f"{self._random.randrange(16**10):x}"
        self._lines.append((kind, author, content))

    def _system(self, message_type: str, text: str, **text_vars: str) -> None:
        self._line(
            "system_message",
            None,
            system_message_type=message_type,
            text=text,
            text_vars=text_vars,
        )

    def _prechat(self, kind: Kind, *, first: bool) -> None:
        if kind in {Kind.PRECHAT, Kind.BROKEN_FORM}:
            email = self._who.email if kind is Kind.PRECHAT else broken_email(self._visitor.number)
            self._filled_form("prechat", email, self._who.name)
        elif kind is Kind.PRECHAT_SKIPPED:
            self._filled_form("prechat", "", "")
        elif kind in {Kind.PROFILE, Kind.SHOWCASE} and first:
            self._filled_form("prechat", self._visitor.email or "", self._visitor.name or "")

    def _ask_for_email(self, author: str) -> None:
        self._line(
            "form",
            author,
            form_id="1473433500213",
            form_type="ask_for_email",
            fields=[
                {"type": "email", "id": "154417206262601590", "label": "E-mail:", "required": True},
                {
                    "type": "select",
                    "id": "154417206262601591",
                    "label": "Country",
                    "required": False,
                    "options": [{"id": "0", "label": self._who.place.country}],
                },
            ],
        )
        self._line(
            "filled_form",
            self._visitor.id,
            form_id="1473433500213",
            form_type="ask_for_email",
            fields=[
                {
                    "type": "email",
                    "id": "154417206262601590",
                    "label": "E-mail:",
                    "answer": self._who.email,
                }
            ],
        )

    def _postchat(self) -> None:
        self._line(
            "filled_form",
            self._visitor.id,
            form_id="1473433500212",
            form_type="postchat",
            fields=[
                {
                    "type": "question",
                    "id": "154417206262601600",
                    "label": "How did we do?",
                    "answer": "Fine … 10/10",
                },
                {
                    "type": "email",
                    "id": "154417206262601601",
                    "label": "E-mail for the transcript",
                    "answer": self._who.email,
                },
            ],
        )
        self._system("rating.chat_rated", "Rated the chat as good", score="good")

    def _filled_form(self, form_type: str, email: str, name: str) -> None:
        random = self._random
        fields: list[dict[str, Any]] = [
            {"type": "name", "id": "154417206262603539", "label": "Your name", "answer": name},
            {"type": "email", "id": "154417206262601584", "label": "Your email", "answer": email},
        ]
        topic = random.randrange(len(tables.TOPICS))
        # The vendor's own samples show an answer's id both as a string and as a number.
        answer_id: object = topic if random.random() < 0.3 else str(topic)
        choices: list[dict[str, Any]] = [
            {
                "type": "radio",
                "id": "154417206262602571",
                "label": "Chat purpose",
                "answer": {"id": answer_id, "label": tables.TOPICS[topic]},
            },
            {
                "type": "checkbox",
                "id": "154417206262604640",
                "label": "Company industry",
                "answers": [
                    {"id": str(position), "label": label}
                    for position, label in enumerate(tables.INDUSTRIES)
                    if random.random() < 0.4
                ],
            },
            {
                "type": "group_chooser",
                "id": "154417206262605324",
                "label": "Choose department",
                "answer": {"id": answer_id, "group_id": 1, "label": "Sales"},
            },
            {
                "type": "select",
                "id": "154417206262602572",
                "label": "Country",
                "answer": {"id": "0", "label": self._who.place.country},
            },
            {
                "type": "textarea",
                "id": "154417206262601586",
                "label": "Additional info",
                "answer": random.choice(tables.QUESTIONS),
            },
        ]
        keep_all = self._visitor.kind is Kind.SHOWCASE
        fields += [field for field in choices if keep_all or random.random() < 0.35]
        content: dict[str, Any] = {"form_id": "1473433500211", "fields": fields}
        if keep_all or random.random() < 0.85:  # the type is optional
            content["form_type"] = form_type
        self._line("filled_form", self._visitor.id, **content)

    def _extra(self, extra: str | None) -> None:
        match extra:
            case "file":
                self._line(
                    "file",
                    self._visitor.id,
                    name="zrzut ekranu.png",
                    url="https://files.example.com/zrzut%20ekranu.png",
                    thumbnail_url="https://files.example.com/thumbnail.png",
                    thumbnail2x_url="https://files.example.com/thumbnail2x.png",
                    content_type="image/png",
                    size=123444,
                    width=640,
                    height=480,
                    alternative_text="A screenshot",
                )
            case "rich_message":
                self._line(
                    "rich_message",
                    BOTS[0].id,
                    template_id="cards",
                    elements=_cards(self._visitor.id),
                )
                self._line(
                    "message",
                    self._visitor.id,
                    text="yes",
                    postback={
                        "id": "action_yes",
                        "thread_id": self._thread_id,
                        "event_id": f"{self._thread_id}_{len(self._lines)}",
                        "type": "message",
                        "value": "yes",
                    },
                )
            case "custom":
                self._line(
                    "custom",
                    self._visitor.id,
                    content={"custom": {"nested": ["json", 1, None, True]}},
                    properties={_APPLICATION: {"answered": True}},
                )
            case "deleted":
                # The body is gone; what is left is who said something, and when.
                self._lines.append(
                    ("message", self._visitor.id, {"deleted": True, "custom_id": "31-0C-1C-07"})
                )
            case "long":
                repeats = self._random.randint(*_LONG_TEXT_REPEATS)
                self._line("message", self._visitor.id, text=tables.LONG_SENTENCE * repeats)
            case _:
                self._line(
                    "message",
                    AGENTS[0].login,
                    text="(only for us) asked the same yesterday",
                    visibility="agents",
                )

    def _order(self) -> None:
        details = {
            "store": {"id": "my-store", "platform": "shopify", "url": "https://shop.example.com"},
            "order": {"order_number": "#1001", "currency": "USD", "total_price": 123.45},
        }
        self._line(
            "system",
            None,
            source="cdp",
            subtype="store_order_was_created",
            version=1,
            details=json.dumps(details, separators=(",", ":")),
            custom_id="shopify_1744119867",
        )

    def _transfer(self, leaving: Agent, joining: Agent) -> None:
        self._system(
            "chat_transferred",
            f"{leaving.name} transferred the chat to {joining.name}",
            agent=leaving.name,
            targets=joining.name,
        )
        self._line("message", joining.login, text=self._random.choice(tables.ANSWERS))


def _cards(visitor_id: str) -> list[dict[str, Any]]:
    return [
        {
            "title": "Shall a person call you?",
            "subtitle": "It takes five minutes.",
            "image": {
                "name": "phone.png",
                "url": "https://files.example.com/phone.png",
                "content_type": "image/png",
                "size": 123444,
                "width": 640,
                "height": 480,
                "alternative_text": "A telephone",
            },
            "buttons": [
                {"text": "yes", "postback_id": "action_yes", "user_ids": [visitor_id]},
                {"text": "no", "postback_id": "action_no", "user_ids": []},
                {
                    "type": "phone",
                    "text": "Call us",
                    "value": "+18005550199",
                    "webview_height": "tall",
                    "postback_id": "action_call",
                    "user_ids": [],
                    "target": "current",
                },
            ],
        }
    ]
