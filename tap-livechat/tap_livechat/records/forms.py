"""What visitors typed into forms: pre-chat, post-chat, "ask for e-mail" and tickets.

An answer is text, a choice `{"id", "label"}`, or a list of choices under `answers`; a field that
was left empty answers "" (Agent Chat API, "Filled form"). Forms of old threads answer under
`value`, and tell their kind in the property `lc2.form_type` alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tap_livechat.api import payloads

# Anything a mail server could think of; whether it is deliverable is the target's question.
_PLAUSIBLE_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
# As filters of `list_archives` spell them.
_SPELLINGS = {"pre_chat": "prechat", "post_chat": "postchat"}


@dataclass(slots=True)
class FilledForms:
    """What the forms of one thread say; a later answer replaces an earlier one."""

    email: str | None = None
    email_source: str | None = None
    name: str | None = None
    answers: dict[str, str] = field(default_factory=dict)


def is_plausible_email(email: str | None) -> bool:
    return email is not None and _PLAUSIBLE_EMAIL.fullmatch(email) is not None


def read_forms(events: Iterable[payloads.Said]) -> FilledForms:
    forms = FilledForms()
    for event in events:
        if event.type == "filled_form":
            read_fields(event.fields or (), kind_of(event), forms)
    return forms


def kind_of(form: payloads.Said) -> str:
    """What the form is for, by LiveChat's name for it."""
    kind: object = form.form_type
    if not kind:
        of_old = (form.properties or {}).get("lc2")
        kind = of_old.get("form_type") if isinstance(of_old, dict) else None
    # Without a kind it is the form that opens the chat: threads from before kinds came have these.
    return _SPELLINGS.get(kind, kind) if isinstance(kind, str) and kind else "prechat"


def read_fields(fields: Iterable[Mapping[str, Any]], source: str, forms: FilledForms) -> None:
    """Add the answers of one form of the kind `source`."""
    answers: dict[str, str] = {}
    for item in fields:
        text = answer_text(item)
        if not text:
            continue
        kind = item.get("type")
        label = str(item.get("label") or kind or item.get("id"))
        # Two questions of one form may have the same label.
        answers[label] = f"{answers[label]}, {text}" if label in answers else text
        if kind == "email" and (is_plausible_email(text) or not is_plausible_email(forms.email)):
            forms.email, forms.email_source = text, source
        elif kind == "name":
            forms.name = text
    forms.answers.update(answers)


def answer_text(item: Mapping[str, Any]) -> str:
    """The field's answer or answers as one text, "" for none."""
    for key in ("answer", "answers", "value"):
        answer = item.get(key)
        if answer is not None:
            return _text(answer)
    return ""


def _text(answer: Any) -> str:
    if isinstance(answer, str):
        return answer.strip()
    if isinstance(answer, dict):
        for key in ("label", "answer", "value", "id"):
            text = _text(answer.get(key))
            if text:
                return text
        return ""
    if isinstance(answer, list):
        return ", ".join(text for text in map(_text, answer) if text)
    return "" if answer is None else str(answer)
