"""The table of open questions and the sandbox's options say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

import pytest

from tests.sandbox.livechat import options as livechat
from tests.sandbox.marketo import options as marketo
from tests.sandbox.questions.__main__ import markdown
from tests.sandbox.questions.livechat import LIVECHAT
from tests.sandbox.questions.marketo import MARKETO
from tests.sandbox.questions.objects import MARKETO_OBJECTS

if TYPE_CHECKING:
    from tests.sandbox.questions import Question

SERVERS = [
    pytest.param((*MARKETO, *MARKETO_OBJECTS), marketo.Options, id="marketo"),
    pytest.param(LIVECHAT, livechat.Options, id="livechat"),
]


@pytest.mark.parametrize(("asked", "options"), SERVERS)
def test_a_question_has_positions_or_says_why_not(
    asked: tuple[Question, ...], options: type
) -> None:
    for question in asked:
        assert bool(question.positions) != bool(question.no_switch), question.name
        assert len(question.positions) != 1, question.name
        assert not (question.no_switch and question.not_met), question.name
        for position in question.positions.values():
            assert position.keys() <= get_type_hints(options).keys()
    names = [question.name for question in asked]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("asked", "options"), SERVERS)
def test_every_value_of_a_switch_is_a_position(asked: tuple[Question, ...], options: type) -> None:
    hints: dict[str, Any] = get_type_hints(options)
    for question in asked:
        kind = hints.get(question.name)
        if kind is bool or get_origin(kind) is Literal:
            values = (True, False) if kind is bool else get_args(kind)
            tested = [position[question.name] for position in question.positions.values()]
            assert sorted(map(str, tested)) == sorted(map(str, values)), question.name


def test_the_table_names_every_question_once() -> None:
    table = markdown()

    for question in (*MARKETO, *MARKETO_OBJECTS, *LIVECHAT):
        assert table.count(question.asked) == 1
