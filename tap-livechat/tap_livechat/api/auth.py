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
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

import msgspec
import requests

from tap_livechat.api.replies import UNREADABLE
from tap_livechat.errors import AuthenticationError, SettingsError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

_TIMEOUT_SECONDS = (10, 30)
_TRIES = 4
# A token that ends within a minute may end on its way.
_EXPIRY_MARGIN_SECONDS = 60.0
# Where LiveChat does not say how long; one that ends earlier is refused, and then renewed.
_LIFETIME_SECONDS = 8 * 3600.0
_LONGEST_SECONDS = 10.0**9
_KINDS = (
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


class Authenticator(Protocol):
    def authorization(self) -> str:
        """The value of the Authorization header."""

    def renew(self, rejected: str) -> bool:
        """Whether there is another header to try than the one that was rejected."""

    def hazard(self) -> str | None:
        """Why it is better not to sign in for a mere check, if it is."""

    @property
    def grant(self) -> Grant | None:
        """What the token may do, as far as LiveChat told."""

    @property
    def is_replaced(self) -> bool:
        """Whether LiveChat has replaced the refresh token in this run."""

    def identity(self) -> dict[str, str]:
        """Whose data it is: an account or an organisation; empty where nobody told us."""

    @property
    def scopes(self) -> frozenset[str] | None:
        """What the token may do, or None where nobody told us."""


class FixedToken:
    """A header that never changes."""

    grant: Grant | None = None
    scopes: frozenset[str] | None = None
    is_replaced = False

    def __init__(self, authorization: str, account_id: str | None = None) -> None:
        self._authorization = authorization
        self._account_id = account_id

    def identity(self) -> dict[str, str]:
        return {"account_id": self._account_id} if self._account_id else {}

    def authorization(self) -> str:
        return self._authorization

    def renew(self, rejected: str) -> bool:  # noqa: ARG002 - the protocol's; there is no other one
        return False

    def hazard(self) -> str | None:
        return None


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
        self.grant: Grant | None = None
        self.is_replaced = False

    @property
    def scopes(self) -> frozenset[str] | None:
        return (self.grant.scopes or None) if self.grant else None

    def hazard(self) -> str | None:
        return self._rotated.why_not_kept()

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
        if not _is_token(token):
            raise AuthenticationError(
                "LiveChat's reply to the token refresh holds no access token; check accounts_url"
            )
        seconds = _LIFETIME_SECONDS
        if isinstance(lifetime, (int, float)) and abs(lifetime) <= _LONGEST_SECONDS:
            seconds = lifetime
        self._access_token = token
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
            except UNREADABLE:
                continue
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

    def __init__(self, client_id: str, configured_token: str, folder: Path | None = None) -> None:
        # Keyed by the token in the settings: a new one there starts a new chain.
        name = hashlib.sha256(f"{client_id}\0{configured_token}".encode()).hexdigest()[:32]
        self._path = (folder or _state_folder()) / f"refresh-token-{name}"

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


def _state_folder() -> Path:
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "tap-livechat"


def look_up(accounts_url: str, authorization: str) -> Grant | None:
    """What LiveChat's OAuth server says of a token; None if nothing (it may know no such token)."""

    def authorized(request: requests.PreparedRequest) -> requests.PreparedRequest:
        # So that what a .netrc file says of the host does not replace it.
        request.headers["Authorization"] = authorization
        return request

    url = f"{accounts_url.rstrip('/')}/v2/info"
    try:
        reply = requests.get(url, auth=authorized, timeout=_TIMEOUT_SECONDS, allow_redirects=False)
        if reply.status_code == HTTPStatus.OK:
            return Grant.of(msgspec.json.decode(reply.content, type=dict[str, Any]))
    except (requests.RequestException, *UNREADABLE):
        pass  # the text of the exception may hold the token
    return None


def check_credentials(config: Mapping[str, Any]) -> str | None:
    """What is wrong with the credentials, or None."""
    begun = [kind for kind in _KINDS if any(config.get(name) for name in kind)]
    if len(begun) > 1:
        # One would win in silence: of an account that inherits another's settings, the wrong one.
        ways = " and ".join("/".join(name for name in kind if config.get(name)) for kind in begun)
        return (
            f"more than one way to sign in is set, {ways}: leave one; what another account is "
            "inherited from is taken away by an empty setting"
        )
    for kind in begun:
        missing = [name for name in kind if not config.get(name)]
        if missing:
            given = ", ".join(name for name in kind if config.get(name))
            return f"{' and '.join(missing)} is missing: it belongs to {given}"
        return None
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
