"""The tap's OAuth sign-in, tried as the tap does it, and as safely.

The refresh token of an app with a secret stays the same, and the tap takes no other app's; those of
web apps, which have none, are replaced (LiveChat: "Authorization", refresh token). Should a reply
bring another one all the same, the old one is dead: the new one is kept in the file in which the
tap keeps and looks for it (`RotatedToken` in tap_livechat/auth.py), and nothing is asked before
that file is known to be writable.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from target_marketo.ops.errors import NotTried, OpsError

if TYPE_CHECKING:
    from collections.abc import Mapping

_TIMEOUT_SECONDS = (10, 30)
_NAMES = ("client_id", "client_secret", "refresh_token")


@dataclass(frozen=True)
class Granted:
    """An access token; `scopes` is None where LiveChat did not name them."""

    access_token: str
    scopes: frozenset[str] | None
    replaced: bool


def sign_in(url: str, config: Mapping[str, Any], state_home: str | None) -> Granted:
    """Gets an access token at `url` with the tap's refresh token.

    Raises:
        NotTried: A new refresh token could not be kept.
        OpsError: What is wrong, and the cure.
    """
    missing = [name for name in _NAMES if not config.get(name)]
    if missing:
        raise OpsError(f"{' and '.join(missing)} is missing: it belongs to refresh_token")
    path = kept_in(config["client_id"], config["refresh_token"], state_home)
    kept = _read(path)
    _make_sure_of(path)
    reply = _ask(url, config, kept or config["refresh_token"])
    if kept and not reply.ok:
        # The settings may hold a newer token than the one that was kept.
        reply = _ask(url, config, config["refresh_token"])
    granted = _granted(reply)
    successor = granted.get("refresh_token")
    replaced = bool(successor) and successor not in (kept, config["refresh_token"])
    if replaced:
        _write(path, str(successor))
    scope = granted.get("scope")
    scopes = frozenset(scope.split(",")) if isinstance(scope, str) and scope else None
    return Granted(str(granted["access_token"]), scopes, replaced)


def kept_in(client_id: str, configured_token: str, state_home: str | None) -> Path:
    """Where the tap keeps the successor of the token in its settings."""
    name = hashlib.sha256(f"{client_id}\0{configured_token}".encode()).hexdigest()[:32]
    home = state_home or Path.home() / ".local" / "state"
    return Path(home) / "tap-livechat" / f"refresh-token-{name}"


def _ask(url: str, config: Mapping[str, Any], refresh_token: str) -> requests.Response:
    form = {
        "grant_type": "refresh_token",
        "refresh_token": refresh_token,
        "client_id": config["client_id"],
        "client_secret": config["client_secret"],
    }
    try:
        reply = requests.post(url, data=form, timeout=_TIMEOUT_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        # The text of the exception holds the address.
        raise OpsError(
            f"no answer from LiveChat ({type(error).__name__}): check accounts_url and the network"
        ) from None
    if (
        reply.status_code == requests.codes.too_many
        or reply.status_code >= requests.codes.server_error
    ):
        raise OpsError(f"LiveChat answers HTTP {reply.status_code}: try again in a minute")
    return reply


def _granted(reply: requests.Response) -> dict[str, Any]:
    try:
        granted = reply.json()
    except ValueError:
        granted = None
    if not isinstance(granted, dict):
        granted = {}
    if reply.ok and isinstance(granted.get("access_token"), str):
        return granted
    match granted.get("error"):
        case "invalid_grant":
            raise OpsError(
                "LiveChat refuses the refresh token: it is expired, revoked or another app's; "
                "authorise the app again and set refresh_token"
            )
        case "invalid_client" | "unauthorized_client":
            raise OpsError(
                "LiveChat refuses client_id and client_secret: copy both anew from the Developer "
                "Console; the app has to be a server-side one"
            )
    raise OpsError(
        f"LiveChat answers HTTP {reply.status_code} without an access token: check accounts_url"
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _make_sure_of(path: Path) -> None:
    """A file can be made beside `path`, and so moved into its place."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_beside(path, "").unlink()
    except OSError as error:
        raise NotTried(
            "should LiveChat replace the refresh token, the new one could not be kept "
            f"for the tap ({error.strerror}): make {path.parent} writable for this user"
        ) from None


def _write(path: Path, token: str) -> None:
    try:
        _write_beside(path, token).replace(path)
    except OSError as error:
        raise OpsError(
            "LiveChat replaced the refresh token and the new one cannot be kept "
            f"({error.strerror}): authorise the app again and set refresh_token"
        ) from None


def _write_beside(path: Path, text: str) -> Path:
    temporary = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
    return temporary
