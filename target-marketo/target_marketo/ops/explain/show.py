"""What `explain` prints. It shows values, wherever it is called: that is what it is for."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec

from target_marketo.ops.console import console, counted, is_piped, plain, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_marketo.ops.explain.explain import Explained, Explanation, FieldLine, Sent

_COLUMNS = ("field", "incoming", "in Marketo", "rule", "outcome", "why")
_WIDEST = 60  # characters of a value on a screen
_VERDICTS = {
    "create": "would be created",
    "update": "would be updated",
    "leave": "would be left as it is",
    "refuse": "would be refused",
}
_KINDS = {
    "static_lists": "to the list",
    "program_members": "to the program",
    "custom_activities": "an activity",
    "custom_objects": "an object",
}


def show(found: Explanation, *, as_json: bool) -> None:
    """Prints it: tables on a screen, one tab-separated table in a pipe."""
    if as_json:
        print_json(asdict(found))
        return
    if is_piped():
        _in_a_pipe(found)
    else:
        for each in found.people:
            _on_a_screen(each)
    _tell_the_end(found)


def _on_a_screen(person: Explained) -> None:
    screen = console()
    who = "" if person.lead_id is None else f" (person {person.lead_id})"
    screen.print(
        f"\n{plain(person.key)}{who}: {_VERDICTS[person.verdict]}", markup=False, style="bold"
    )
    for line in filter(None, (person.why, *person.notes)):
        screen.print(f"  {plain(line)}", markup=False)
    several = len({line.stream for line in person.lines}) > 1
    for stream in dict.fromkeys(line.stream for line in person.lines):
        rows = [_row(line) for line in person.lines if line.stream == stream]
        print_table(f"stream {stream}" if several else "", _COLUMNS, map(_cut, rows))
    if person.sent:
        print_table(
            "besides",
            ("what", "outcome", "values, or why"),
            (_besides(each, _short) for each in person.sent),
        )


def _in_a_pipe(found: Explanation) -> None:
    rows: list[tuple[object, ...]] = []
    for each in found.people:
        before = (each.key, each.lead_id or "", each.verdict)
        if not each.lines:
            rows.append((*before, "", "", "", "", "", "", "; ".join([each.why, *each.notes])))
        rows += [(*before, line.stream, *_row(line)) for line in each.lines]
        rows += [
            (*before, sent.stream, _what(sent), _values(sent), "", "", sent.outcome, sent.why)
            for sent in each.sent
        ]
    print_table("", ("person", "Marketo's id", "verdict", "stream", *_COLUMNS), rows)


def _tell_the_end(found: Explanation) -> None:
    screen = console(to_stderr=is_piped())
    for note in found.notes:
        screen.print(plain(note), markup=False)
    verdicts = Counter(each.verdict for each in found.people)
    told = [f"{name} {verdicts[name]}" for name in ("create", "update", "leave")]
    told += [f"refuse {verdicts['refuse']}"] if verdicts["refuse"] else []
    left = f"; {counted(found.without_key, 'record')} without key" if found.without_key else ""
    screen.print(
        f"\nwould {', '.join(told)}. {counted(found.records, 'record')} read{left}; "
        f"{counted(found.marketo_calls, 'call')} to Marketo, nothing was written.",
        markup=False,
    )
    sys.stdout.flush()


def _row(line: FieldLine) -> tuple[str, ...]:
    return (
        line.field,
        _value(line.incoming),
        _value(line.in_marketo),
        line.rule,
        line.outcome,
        line.why,
    )


def _besides(sent: Sent, shown: Callable[[str], str]) -> tuple[str, str, str]:
    which = f"{sent.values['once']}: " if "once" in sent.values else ""
    told = f"{which}{sent.why}" if sent.why else _values(sent, shown)
    return _what(sent), sent.outcome, told


def _what(sent: Sent) -> str:
    return f"{_KINDS.get(sent.kind, sent.kind)} {sent.target}"


def _values(sent: Sent, shown: Callable[[str], str] = str) -> str:
    return ", ".join(f"{name}: {shown(_value(value))}" for name, value in sent.values.items())


def _cut(cells: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(_short, cells))


def _short(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[:_WIDEST]}… ({len(text)} characters)"


def _value(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
