"""`python -m tests.sandbox.questions`: all open questions as a table, in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.sandbox.questions.livechat import LIVECHAT
from tests.sandbox.questions.marketo import MARKETO
from tests.sandbox.questions.objects import MARKETO_OBJECTS

if TYPE_CHECKING:
    from tests.sandbox.questions import Question


def markdown() -> str:
    """The table for a reader."""
    servers = (("Marketo", (*MARKETO, *MARKETO_OBJECTS)), ("LiveChat", LIVECHAT))
    lines = [
        f"| {server}: {each.asked} | {each.source} | {_tested(each)} |"
        for server, questions in servers
        for each in questions
    ]
    return "\n".join(["| open question | facts | tested at |", "|---|---|---|", *lines])


def _tested(question: Question) -> str:
    if question.no_switch:
        return f"not a switch: {question.no_switch}"
    positions = ", ".join(f"`{name}`" for name in question.positions)
    return f"{positions}; {question.not_met}" if question.not_met else positions


if __name__ == "__main__":
    print(markdown())
