"""What no source answers about the two APIs, and how the sandbox can be set to each answer.

    python -m tests.sandbox.questions        the table, in Markdown

Adobe's and LiveChat's documentation, their specifications and recorded traffic leave these open, so
only a real instance can tell. Each is a switch, and tests run the real commands at all of its
positions: `tests/target_marketo/test_open_questions.py` (marketo.py),
`tests/target_marketo/writes/test_open_questions.py` (objects.py) and
`tests/end_to_end/test_open_questions.py` (livechat.py). What cannot be one, and what the commands
never ask for, says why.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.sandbox.faults import Fault

Positions = dict[str, dict[str, Any]]

EITHER = (True, False)


@dataclass(frozen=True)
class Question:
    """`source` is the section of the fact files; `positions` are options of the sandbox by name."""

    name: str
    asked: str
    source: str
    positions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    # Why there is no switch, or why our commands never meet it: then the sandbox alone is tested.
    no_switch: str = ""
    not_met: str = ""


def option(name: str, *values: Any) -> Positions:
    """Positions that are values of one option."""
    return {f"{name}={value}": {name: value} for value in values}


def struck(name: str, **faults: Fault) -> Positions:
    """Positions that are a fault of some calls, not an option."""
    return {
        f"{name}: {position.replace('_', ' ')}": {"faults": (fault,)}
        for position, fault in faults.items()
    }


def cases(questions: Iterable[Question]) -> list[tuple[Question, str]]:
    """Each question with each of its positions."""
    return [(question, position) for question in questions for position in question.positions]
