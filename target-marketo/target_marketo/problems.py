"""The errors that a user sees, each one line: which setting, why, and what to do."""

from __future__ import annotations


class SettingError(ValueError):
    """A setting is wrong. One line, whatever names it holds: which, why, and what to do."""

    def __init__(self, said: str) -> None:
        super().__init__("".join(each if each.isprintable() else repr(each)[1:-1] for each in said))
