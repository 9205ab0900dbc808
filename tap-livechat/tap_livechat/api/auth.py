"""Credentials: a personal access token, a bearer token, or OAuth with a refresh token.

One authenticator serves all threads. `authorization()` gives the header to send; when LiveChat
rejects it, `renew()` says whether there is another one to try. Of many threads that were rejected
at once, one asks for a new token and the others take it (single flight).

A refresh token may rotate (LiveChat: OAuth, "Refresh token": web apps' do): the reply then holds
the next one, and the one in the settings is dead. It is kept in the user's state folder, readable
by nobody else, or the next run could not start.
"""

from __future__ import annotations

import base64
import hashlib
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import requests

from tap_livechat.errors import AuthenticationError, SettingsError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

_TIMEOUT_SECONDS = (10, 30)
_TRIES = 4
# A token that ends within a minute may end on its way.
_EXPIRY_MARGIN_SECONDS = 60.0
# Where LiveChat does not say how long; one that ends earlier is refused, and then renewed.
_LIFETIME_SECONDS = 8 * 3600.0
_KINDS = (
    ("account_id", "personal_access_token"),
    ("access_token",),
    ("client_id", "client_secret", "refresh_token"),
)


class Authenticator(Protocol):
    def authorization(self) -> str:
        """The value of the Authorization header."""

    def renew(self, rejected: str) -> bool:
        """Whether there is another header to try than the one that was rejected."""

    def identity(self) -> dict[str, str]:
        """Whose data it is: an account or an organisation; empty where nobody told us."""

    @property
    def scopes(self) -> frozenset[str] | None:
        """What the token may do, or None where nobody told us."""


class FixedToken:
    """A header that never changes."""

    scopes: frozenset[str] | None = None

    def __init__(self, authorization: str, account_id: str | None = None) -> None:
        self._authorization = authorization
        self._account_id = account_id

    def identity(self) -> dict[str, str]:
        return {"account_id": self._account_id} if self._account_id else {}

    def authorization(self) -> str:
        return self._authorization

    def renew(self, rejected: str) -> bool:  # noqa: ARG002 - the protocol's; there is no other one
        return False


class RefreshedToken:
    """OAuth for server-side apps: an access token for eight hours, renewed before it ends."""

    def __init__(
        self,
        *,
        accounts_url: str,
        client_id: str,
        client_secret: str,
        refresh_token: str,
        folder: Path | None = None,
    ) -> None:
        self._url = f"{accounts_url.rstrip('/')}/v2/token"
        self._client_id = client_id
        self._client_secret = client_secret
        self._rotated = RotatedToken(client_id, refresh_token, folder)
        self._refresh_token = self._rotated.read() or refresh_token
        self._configured_token = refresh_token
        self._access_token = ""
        self._organization_id: object = None
        self._expires_at = 0.0
        self._refreshing = threading.Lock()
        self.scopes: frozenset[str] | None = None

    def authorization(self) -> str:
        with self._refreshing:
            if not self._access_token or time.monotonic() >= self._expires_at:
                self._refresh()
            return f"Bearer {self._access_token}"

    def identity(self) -> dict[str, str]:
        self.authorization()
        known = self._organization_id
        return {"organization_id": known} if isinstance(known, str) and known else {}

    def renew(self, rejected: str) -> bool:
        with self._refreshing:
            # Another thread may have renewed it while this one was waiting for the lock.
            if f"Bearer {self._access_token}" == rejected:
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
        if not isinstance(token, str) or not token:
            raise AuthenticationError(
                "LiveChat's reply to the token refresh holds no access token; check accounts_url"
            )
        seconds = lifetime if isinstance(lifetime, (int, float)) else _LIFETIME_SECONDS
        self._access_token = token
        self._expires_at = time.monotonic() + max(seconds - _EXPIRY_MARGIN_SECONDS, seconds / 2)
        self._organization_id = granted.get("organization_id")
        scope = granted.get("scope")
        self.scopes = frozenset(scope.split(",")) if isinstance(scope, str) and scope else None
        successor = granted.get("refresh_token")
        if isinstance(successor, str) and successor and successor != self._refresh_token:
            self._refresh_token = successor
            self._rotated.write(successor)

    def _ask(self, refresh_token: str) -> dict[str, Any] | None:
        """The reply, or None if LiveChat refuses this refresh token."""
        form = {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "client_id": self._client_id,
            "client_secret": self._client_secret,
        }
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(2.0 ** (attempt - 1))
            try:
                reply = requests.post(
                    self._url, data=form, timeout=_TIMEOUT_SECONDS, allow_redirects=False
                )
            except requests.RequestException:
                continue  # the text of the exception may hold the form
            if reply.status_code in {429, *range(500, 600)}:
                continue
            if not reply.ok or reply.is_redirect:
                return None
            try:
                granted: dict[str, Any] = msgspec.json.decode(reply.content, type=dict[str, Any])
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            return granted
        raise UnavailableError(
            f"LiveChat's token endpoint did not answer in {_TRIES} tries; try again later, "
            "or check accounts_url"
        )


class RotatedToken:
    """The newest refresh token of one app, kept between runs in a file of the user's own."""

    def __init__(self, client_id: str, configured_token: str, folder: Path | None = None) -> None:
        # Keyed by the token in the settings: a new one there starts a new chain.
        name = hashlib.sha256(f"{client_id}\0{configured_token}".encode()).hexdigest()[:32]
        self._path = (folder or _state_folder()) / f"refresh-token-{name}"

    def read(self) -> str | None:
        try:
            return self._path.read_text(encoding="ascii").strip() or None
        except (OSError, UnicodeDecodeError):
            return None

    def write(self, token: str) -> None:
        temporary = self._path.with_suffix(f".{os.getpid()}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(token)
            temporary.replace(self._path)
        except OSError as error:
            raise SettingsError(
                "LiveChat replaced the refresh token and the new one cannot be kept "
                f"({error.strerror}): make {self._path.parent} writable, or use a server-side app"
            ) from None


def _state_folder() -> Path:
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "tap-livechat"


def check_credentials(config: Mapping[str, Any]) -> str | None:
    """What is wrong with the credentials, or None."""
    if any(all(config.get(name) for name in kind) for kind in _KINDS):
        return None
    begun = [kind for kind in _KINDS if any(config.get(name) for name in kind)]
    if begun:
        missing = " and ".join(name for name in begun[0] if not config.get(name))
        given = ", ".join(name for name in begun[0] if config.get(name))
        return f"{missing} is missing: it belongs to {given}"
    return (
        "no credentials: set account_id and personal_access_token (LiveChat: Developer Console, "
        "Tools, Personal Access Tokens), or access_token, or client_id, client_secret and "
        "refresh_token"
    )


def authenticator(config: Mapping[str, Any]) -> Authenticator:
    """By the settings: a personal access token, else a bearer token, else OAuth."""
    problem = check_credentials(config)
    if problem:
        raise SettingsError(problem)
    if config.get("account_id") and config.get("personal_access_token"):
        pair = f"{config['account_id']}:{config['personal_access_token']}"
        basic = base64.b64encode(pair.encode()).decode()
        return FixedToken(f"Basic {basic}", config["account_id"])
    if config.get("access_token"):
        # Tokens copied from an address bar have their colon escaped.
        return FixedToken("Bearer " + str(config["access_token"]).replace("%3A", ":"))
    return RefreshedToken(
        accounts_url=config["accounts_url"],
        client_id=config["client_id"],
        client_secret=config["client_secret"],
        refresh_token=config["refresh_token"],
    )
