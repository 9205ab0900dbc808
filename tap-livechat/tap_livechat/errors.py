"""What can go wrong, as a tree. Every message is one line: what happened, where, what to do.

    LiveChatError             ends the run with exit code 1 and this one line
    ├── SettingsError         a setting is missing or wrong
    ├── StateError            the state file holds something else than a time
    ├── AuthenticationError   the credentials are wrong, expired or revoked
    ├── ScopeError            the token lacks a scope
    ├── RefusedError          LiveChat refuses the request for good (licence, version, validation)
    ├── UnavailableError      LiveChat did not answer usefully after all retries
    └── BudgetError           as many requests were made as `max_requests` allows

Messages never carry a reply's body, an address, a token or an e-mail.
"""

from __future__ import annotations


class LiveChatError(Exception):
    """The run cannot go on; the message says why in one line."""


class SettingsError(LiveChatError):
    """A setting is missing or wrong."""


class StateError(LiveChatError):
    """The state that was handed in cannot be resumed from."""


class AuthenticationError(LiveChatError):
    """The credentials are wrong, expired or revoked."""


class ScopeError(LiveChatError):
    """The token lacks a scope."""


class RefusedError(LiveChatError):
    """LiveChat refuses the request, and would refuse it again."""


class UnavailableError(LiveChatError):
    """LiveChat did not answer usefully, and we have asked often enough."""


class BudgetError(LiveChatError):
    """As many requests were made as may be made."""
