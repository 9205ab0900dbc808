"""In words, what a rule makes of a field and why. What is decided is decided by `mapping.rules`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_marketo.mapping.rules import Write
from target_marketo.mapping.values import AsOf, is_empty, same

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from target_marketo.mapping.rules import Rule, Step
    from target_marketo.mapping.values import Value

_NOTHING = "the record has no value"
_ANOTHER = "another record of the input says otherwise"


def plain_value(value: Value) -> Value:
    """Without the time since which it is so."""
    return value.value if isinstance(value, AsOf) else value


def outcome(
    rule: Rule, step: Step, written: Mapping[str, Value], lead: Mapping[str, Any] | None
) -> tuple[str, str]:
    """What becomes of a field (written, kept, the same, or empty: nothing came), and why."""
    name = rule.field
    if name not in step.values:
        return "", _NOTHING
    value = step.values[name]
    if name in written and (
        rule.write is Write.APPEND or same(rule.kind, plain_value(value), written[name])
    ):
        return "written", "a new person" if lead is None else _WRITTEN[rule.write](rule, step, lead)
    held = None if lead is None else lead.get(name)
    if lead is not None and same(rule.kind, plain_value(value), held):
        return "the same", "Marketo has it already"
    if lead is None:
        return ("", _NOTHING) if is_empty(plain_value(value)) else ("kept", _ANOTHER)
    return "kept", _KEPT[rule.write](rule, step, lead)


def _filled(rule: Rule, step: Step, lead: Mapping[str, Any]) -> str:
    """Which field stands in the way of one that is written only where there is none."""
    names = [each.field for each in step.rules.all if rule.group and each.group == rule.group]
    filled = (name for name in (rule.field, *names) if not is_empty(lead.get(name)))
    name = next(filled, None)
    return f"{name} is filled already" if name else "an earlier record fills it"


def _leader(rule: Rule, step: Step) -> str:
    return next(
        each.leader.field for each in step.rules.newest if rule in (each.leader, *each.followers)
    )


def _list(rule: Rule, step: Step, lead: Mapping[str, Any]) -> str:
    held = str(lead.get(rule.field) or "").split(rule.delimiter)
    value = step.values[rule.field]
    items = value if isinstance(value, tuple) else (value,)
    lacking = any(str(item).strip() not in map(str.strip, held) for item in items)
    return "the list is full" if lacking else "in the list already"


def _empty_or(words: str) -> Callable[[Rule, Step, Mapping[str, Any]], str]:
    return lambda rule, _, lead: "empty in Marketo" if is_empty(lead.get(rule.field)) else words


# In words why a field is written to a person who is there, and why it is not: by its rule.
_WRITTEN: dict[Write, Callable[[Rule, Step, Mapping[str, Any]], str]] = {
    Write.ALWAYS: _empty_or("differs"),
    Write.IF_EMPTY: lambda rule, _, __: (
        f"all of {rule.group} is empty" if rule.group else "empty in Marketo"
    ),
    Write.ON_CREATE: lambda _, __, ___: "a new person",
    Write.GREATEST: _empty_or("greater than Marketo's"),
    Write.LEAST: _empty_or("smaller than Marketo's"),
    Write.APPEND: lambda _, __, ___: "not in the list yet",
    Write.NEWEST: lambda rule, step, _: f"{_leader(rule, step)} is newer",
}
_KEPT: dict[Write, Callable[[Rule, Step, Mapping[str, Any]], str]] = {
    Write.ALWAYS: lambda _, __, ___: _ANOTHER,
    Write.IF_EMPTY: _filled,
    Write.ON_CREATE: lambda _, __, ___: "the person is there already",
    Write.GREATEST: lambda _, __, ___: "Marketo's is greater",
    Write.LEAST: lambda _, __, ___: "Marketo's is smaller",
    Write.APPEND: _list,
    Write.NEWEST: lambda rule, step, _: f"{_leader(rule, step)} is not newer",
}
