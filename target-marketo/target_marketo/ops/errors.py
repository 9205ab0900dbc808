"""What ends a command, as one line."""

from __future__ import annotations


class OpsError(Exception):
    """What happened, where, and what to do. No secret and no e-mail address."""


class NotTried(OpsError):
    """To try it would risk what it tries."""
