"""The errors that a user sees, each one line: which setting, why, and what to do."""

from __future__ import annotations


class SettingError(ValueError):
    """A setting is wrong. One line: which, why, and what to do."""
