"""Every mapped field compared with Marketo's describe: all problems, not only the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from target_marketo.mapping.mapper import DEFAULT_STREAMS, Mapper
from target_marketo.problems import SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from target_marketo.marketo.replies import Field


class Verdict(NamedTuple):
    """One stream: how many fields it maps, and what is wrong with them."""

    stream: str
    fields: int
    problems: tuple[str, ...]


def verdicts(streams: Mapping[str, Any] | None, described: Sequence[Field]) -> list[Verdict]:
    """A verdict for each stream of the `streams` setting.

    Each field is checked as if it were the only one, because the mapping itself stops at the first
    problem, as it should before a run.
    """
    given = DEFAULT_STREAMS if streams is None else streams
    return [_verdict(name, entry, described) for name, entry in given.items()]


def _verdict(stream: str, entry: Any, described: Sequence[Field]) -> Verdict:
    fields = entry.get("fields") if isinstance(entry, dict) else None
    if not isinstance(fields, dict) or not fields:
        return Verdict(stream, 0, _problems(stream, entry, described))
    # The key first: a problem with it would be told for every field.
    key = {name: value for name, value in entry.items() if name != "fields"}
    anything = {"email": "email"}
    found = list(_problems(stream, {**key, "fields": anything}, described))
    if not found:
        for name, spec in fields.items():
            found += _problems(stream, {**key, "fields": {name: spec}}, described)
    return Verdict(stream, len(fields), tuple(found))


def _problems(stream: str, entry: Any, described: Sequence[Field]) -> tuple[str, ...]:
    try:
        Mapper({stream: entry}, described)
    except SettingError as error:
        return (str(error),)
    return ()
