"""Credentials: a personal access token, a bearer token, or OAuth with a refresh token.

A refresh token may rotate (LiveChat: OAuth, "Refresh token": web apps' do): the reply then holds
the next one, and the one in the settings is dead. It is kept in the user's state folder, readable
by nobody else, or the next run could not start.
"""

from __future__ import annotations

import base64
import hashlib
import math
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard
from urllib.parse import unquote

import msgspec
import requests

from tap_livechat.api.replies import UNREADABLE
from tap_livechat.errors import AuthenticationError, SettingsError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

# LiveChat gives up after 15 s on its side.
TIMEOUT_SECONDS = (10, 30)
_TRIES = 4
# A token that ends within a minute may end on its way.
_EXPIRY_MARGIN_SECONDS = 60.0
# Where LiveChat does not say how long; one that ends earlier is refused, and then renewed.
_LIFETIME_SECONDS = 8 * 3600.0
_ALL_CHATS = "chats--all:"
_LONGEST_SECONDS = 10.0**9
# The settings of each way to sign in.
KINDS = (
    ("account_id", "personal_access_token"),
    ("access_token",),
    ("client_id", "client_secret", "refresh_token"),
)


@dataclass(frozen=True, slots=True)
class Grant:
    """What LiveChat says of a token; no scopes where it does not name them."""

    account_id: str | None
    scopes: frozenset[str]

    @classmethod
    def of(cls, reply: Mapping[str, Any]) -> Grant:
        scope, account_id = reply.get("scope"), reply.get("account_id")
        return cls(
            account_id if isinstance(account_id, str) else None,
            frozenset(scope.split(",")) if isinstance(scope, str) and scope else frozenset(),
        )

    @property
    def sees_part_of_the_chats(self) -> bool:
        """Those of its owner's groups alone."""
        return bool(self.scopes) and not any(each.startswith(_ALL_CHATS) for each in self.scopes)


def unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """As requests' `auth`: what a .netrc file says of the host does not replace our header."""
    return request


class Authenticator:
    """A header that never changes: of a personal access token, or of a bearer token."""

    grant: Grant | None = None  # what the token may do, as far as LiveChat told
    is_replaced = False  # whether LiveChat has replaced the refresh token in this run

    def __init__(self, authorization: str, account_id: str | None = None) -> None:
        self._authorization = authorization
        self._account_id = account_id

    def identity(self) -> dict[str, str]:
        """Whose data it is: an account or an organisation; empty where nobody told us."""
        return {"account_id": self._account_id} if self._account_id else {}

    def authorization(self) -> str:
        """The value of the Authorization header."""
        return self._authorization

    def renew(self) -> bool:
        """Whether there is another header to try than the one that was rejected."""
        return False

    def hazard(self) -> str | None:
        """Why it is better not to sign in for a mere check, if it is."""
        return None


class RefreshedToken(Authenticator):
    """OAuth for server-side apps: an access token for eight hours, renewed before it ends."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._url = f"{config['accounts_url'].rstrip('/')}/v2/token"
        self._app = {name: config[name] for name in ("client_id", "client_secret")}
        self._configured_token = config["refresh_token"]
        self._rotated = RotatedToken(config["client_id"], self._configured_token)
        self._refresh_token = self._rotated.read() or self._configured_token
        self._organization_id: object = None
        self._expires_at = -math.inf

    def hazard(self) -> str | None:
        return self._rotated.why_not_kept()

    def authorization(self) -> str:
        if time.monotonic() >= self._expires_at:
            self._refresh()
        return self._authorization

    def identity(self) -> dict[str, str]:
        self.authorization()
        known = self._organization_id
        return {"organization_id": known} if isinstance(known, str) and known else {}

    def renew(self) -> bool:
        self._refresh()
        return True

    def _refresh(self) -> None:
        granted = self._ask(self._refresh_token)
        if granted is None and self._refresh_token != self._configured_token:
            # The settings may hold a newer token than the one kept from an earlier run.
            granted = self._ask(self._configured_token)
        if granted is None:
            raise AuthenticationError(
                "LiveChat refuses the refresh token: it is expired, revoked or another app's; "
                "authorise the app again and set refresh_token, client_id and client_secret"
            )
        token, lifetime = granted.get("access_token"), granted.get("expires_in")
        if not _is_token(token):
            raise AuthenticationError(
                "LiveChat's reply to the token refresh holds no access token; check accounts_url"
            )
        seconds = _LIFETIME_SECONDS
        if isinstance(lifetime, (int, float)) and abs(lifetime) <= _LONGEST_SECONDS:
            seconds = lifetime
        self._authorization = f"Bearer {token}"
        self._expires_at = time.monotonic() + max(seconds - _EXPIRY_MARGIN_SECONDS, seconds / 2)
        self._organization_id = granted.get("organization_id")
        self.grant = Grant.of(granted)
        successor = granted.get("refresh_token")
        if _is_token(successor) and successor != self._refresh_token:
            self._refresh_token = successor
            self.is_replaced = True
            self._rotated.write(successor)

    def _ask(self, refresh_token: str) -> dict[str, Any] | None:
        """The reply, or None if LiveChat refuses this refresh token."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token, **self._app}
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(2.0 ** (attempt - 1))
            with suppress(requests.RequestException, *UNREADABLE):  # their texts may hold the form
                reply = requests.post(
                    self._url, data=form, timeout=TIMEOUT_SECONDS, allow_redirects=False
                )
                if reply.status_code in {429, *range(500, 600)}:
                    continue
                if not reply.ok or reply.is_redirect:
                    return None
                granted: dict[str, Any] = msgspec.json.decode(reply.content, type=dict[str, Any])
                return granted
        raise UnavailableError(
            f"LiveChat's token endpoint did not answer in {_TRIES} tries; try again later, "
            "or check accounts_url"
        )


def _is_token(found: object) -> TypeGuard[str]:
    """It can be sent in a header, and kept."""
    return isinstance(found, str) and found.isascii() and found.isprintable() and found != ""


class RotatedToken:
    """The newest refresh token of one app, kept between runs in a file of the user's own."""

    def __init__(self, client_id: str, configured_token: str) -> None:
        # Keyed by the token in the settings: a new one there starts a new chain.
        name = hashlib.sha256(f"{client_id}\0{configured_token}".encode()).hexdigest()[:32]
        home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        self._path = Path(home) / "tap-livechat" / f"refresh-token-{name}"

    def read(self) -> str | None:
        try:
            return self._path.read_text(encoding="ascii").strip() or None
        except (OSError, UnicodeDecodeError):
            return None

    def why_not_kept(self) -> str | None:
        """What would keep a new token from being written, if anything would."""
        try:
            self._written_beside("").unlink()
        except OSError as error:
            return (
                "should LiveChat replace the refresh token, the new one could not be kept "
                f"({error.strerror}): make {self._path.parent} writable for this user"
            )
        return None

    def _written_beside(self, text: str) -> Path:
        temporary = self._path.with_suffix(f".{os.getpid()}")
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
        return temporary

    def write(self, token: str) -> None:
        try:
            self._written_beside(token).replace(self._path)
        except OSError as error:
            raise SettingsError(
                "LiveChat replaced the refresh token and the new one cannot be kept "
                f"({error.strerror}): make {self._path.parent} writable, or use a server-side app"
            ) from None


def look_up(accounts_url: str, authorization: str) -> Grant | None:
    """What LiveChat's OAuth server says of a token; None if nothing (it may know no such token)."""
    with suppress(requests.RequestException, *UNREADABLE):  # their texts may hold the token
        reply = requests.get(
            f"{accounts_url.rstrip('/')}/v2/info",
            headers={"Authorization": authorization},
            auth=unchanged,
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
        )
        if reply.status_code == HTTPStatus.OK:
            return Grant.of(msgspec.json.decode(reply.content, type=dict[str, Any]))
    return None


def check_credentials(config: Mapping[str, Any]) -> str | None:
    """What is wrong with the credentials, or None."""
    begun = [kind for kind in KINDS if any(config.get(name) for name in kind)]
    if len(begun) > 1:
        # One would win in silence: of an account that inherits another's settings, the wrong one.
        ways = " and ".join("/".join(name for name in kind if config.get(name)) for kind in begun)
        return (
            f"more than one way to sign in is set, {ways}: leave one; what another account is "
            "inherited from is taken away by an empty setting"
        )
    if not begun:
        return (
            "no credentials: set account_id and personal_access_token (LiveChat: Developer "
            "Console, Tools, Personal Access Tokens), or access_token, or client_id, "
            "client_secret and refresh_token"
        )
    given = [name for name in begun[0] if config.get(name)]
    missing = [name for name in begun[0] if name not in given]
    if missing:
        return f"{' and '.join(missing)} is missing: it belongs to {', '.join(given)}"
    return None


def authenticator(config: Mapping[str, Any]) -> Authenticator:
    """By the settings, of which `check_credentials` has said that they are whole."""
    if config.get("personal_access_token"):
        pair = f"{config['account_id']}:{config['personal_access_token']}"
        basic = base64.b64encode(pair.encode()).decode()
        return Authenticator(f"Basic {basic}", config["account_id"])
    if config.get("access_token"):
        # Tokens copied from an address bar have their colon escaped.
        return Authenticator("Bearer " + unquote(str(config["access_token"])))
    return RefreshedToken(config)
