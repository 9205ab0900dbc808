"""Tokens and scopes. `rw` contains `ro`; `all` contains `access`, which contains `my`."""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.sandbox.livechat.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.sandbox.livechat.options import Options

_LEVELS = ("all", "access", "my")
_KEPT_REFRESH_TOKENS = 25


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token may do."""

    scopes: frozenset[str]
    access_group_ids: frozenset[int]

    def require(self, *alternatives: str) -> None:
        if alternatives and self.scopes.isdisjoint(alternatives):
            raise ApiError("authorization")

    def visible_groups(self) -> frozenset[int] | None:
        """The groups whose chats are shown; None for all of them.

        A token with `chats--access:ro` is not refused: it silently sees less.
        """
        return None if "chats--all:ro" in self.scopes else self.access_group_ids


def grant(options: Options) -> Grant:
    return Grant(expand(options.scopes), frozenset(options.access_group_ids))


def expand(scopes: Iterable[str]) -> frozenset[str]:
    """The scopes and all that they contain."""
    contained = set()
    for scope in scopes:
        resource, colon, mode = scope.rpartition(":")
        if not colon:  # such as `reports_read`
            contained.add(scope)
            continue
        name, _, level = resource.rpartition("--")
        names = [resource]
        if name and level in _LEVELS:
            names = [f"{name}--{lower}" for lower in _LEVELS[_LEVELS.index(level) :]]
        modes = ("rw", "ro") if mode == "rw" else (mode,)
        contained |= {f"{each}:{every}" for each in names for every in modes}
    return frozenset(contained)


class Tokens:
    """Which credentials hold: the personal access token, and OAuth tokens with their ends."""

    def __init__(self, options: Options, timer: Callable[[], float] = time.monotonic) -> None:
        self._timer = timer
        self._access: dict[str, float] = {options.access_token: float("inf")}
        self._refresh: list[str] = [options.refresh_token]

    def authenticate(self, header: str | None, options: Options) -> Grant:
        if not header:
            raise ApiError("authentication", "No `Authorization` header")
        scheme, _, credentials = header.partition(" ")
        known = (
            self._basic(credentials, options)
            if scheme == "Basic"
            else scheme == "Bearer" and self._bearer(credentials)
        )
        if not known:
            raise ApiError("authentication", "Invalid access token")
        return grant(options)

    def refresh(self, refresh_token: str, options: Options) -> dict[str, object] | None:
        """A new access token, or None where the refresh token does not hold."""
        if refresh_token not in self._refresh:
            return None
        if options.rotate_refresh_tokens:
            self._refresh.remove(refresh_token)
            refresh_token = f"sandbox-{secrets.token_hex(12)}"
            self._refresh = [*self._refresh, refresh_token][-_KEPT_REFRESH_TOKENS:]
        access_token = f"dal:sandbox-{secrets.token_hex(12)}"
        self._access[access_token] = self._timer() + options.access_token_seconds
        return {
            "access_token": access_token,
            "account_id": options.account_id,
            "expires_in": options.access_token_seconds,
            "organization_id": "390e44e6-f1e6-4b2c-9b1a-0a1b2c3d4e5f",
            "scope": ",".join(options.scopes),
            "refresh_token": refresh_token,
            "token_type": "Bearer",
        }

    def revoke(self, token: str) -> bool:
        if token in self._refresh:
            self._refresh.remove(token)
            return True
        return self._access.pop(token, None) is not None

    def expire_access_tokens(self) -> None:
        """End every access token that was got by a refresh token."""
        self._access = {token: end for token, end in self._access.items() if end == float("inf")}

    def seconds_left(self, token: str, options: Options) -> int:
        return round(min(self._access[token] - self._timer(), options.access_token_seconds))

    def _bearer(self, token: str) -> bool:
        return self._access.get(token, 0.0) > self._timer()

    def _basic(self, credentials: str, options: Options) -> bool:
        try:
            pair = base64.b64decode(credentials, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return False
        return pair == f"{options.account_id}:{options.personal_access_token}"
